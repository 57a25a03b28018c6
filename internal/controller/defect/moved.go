// SPDX-License-Identifier: Apache-2.0

package defect

import (
	"context"
	"time"

	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/voiceai-dev/integrations-operator/api/v1alpha1"
	"github.com/voiceai-dev/integrations-operator/internal/connection"
	"github.com/voiceai-dev/integrations-operator/internal/controller/kit"
	"github.com/voiceai-dev/integrations-operator/internal/fault"
	"github.com/voiceai-dev/integrations-operator/internal/index"
	"github.com/voiceai-dev/integrations-operator/internal/render"
	"github.com/voiceai-dev/integrations-operator/internal/ticket"
)

const (
	// movedWithin is how long the deletion of a Defect and the creation of the same one in another namespace may be apart.
	movedWithin = 24 * time.Hour
	// movedAfter is how long after its deletion a Defect counts as moved: it may be created again where it was.
	movedAfter = time.Minute
)

// leave remembers the ticket of a Defect that was deleted, unless another has it. It returns the Defects of other
// namespaces to which it may have been moved.
func (r *Reconciler) leave(ctx context.Context, d *v1alpha1.Defect, t kit.KnownTicket) []types.NamespacedName {
	integration, _ := integrationOf(d.Status.Jira)
	owners, err := index.DefectsWithTicket(ctx, r.Client, integration, t.ID)
	for _, o := range owners {
		if o.UID != d.UID {
			return nil
		}
	}
	elsewhere, listErr := index.DefectsElsewhere(ctx, r.Client, d)
	if err != nil || listErr != nil {
		return nil
	}
	r.KnownTickets.Leave(leftKey(d, d.Status.Jira.Site), kit.LeftTicket{ID: t.ID, Namespace: d.Namespace, DeletedAt: t.DeletedAt})
	out := make([]types.NamespacedName, len(elsewhere))
	for i, o := range elsewhere {
		out[i] = client.ObjectKeyFromObject(o)
	}
	return out
}

func leftKey(d *v1alpha1.Defect, site string) kit.FindingKey {
	return kit.FindingKey{Site: site, Finding: d.Finding()}
}

// linkMoved returns the action that links the tickets of a Defect that was moved from another namespace, nil when it was
// not, and how long it is until it is due.
func (r *Reconciler) linkMoved(s *scope, i *v1alpha1.JiraIntegration) (action *ticketAction, wait time.Duration) {
	d := s.defect
	key := leftKey(d, string(i.Spec.APIURL))
	left, ok := r.KnownTickets.Left(key)
	if !ok || left.Namespace == d.Namespace || left.ID == d.Status.Jira.ID ||
		d.CreationTimestamp.Sub(left.DeletedAt).Abs() > movedWithin {
		return nil, 0
	}
	if due := left.DeletedAt.Add(movedAfter); s.now.Before(due) {
		return nil, kit.Until(due, s.now)
	}
	return &ticketAction{
		operation: connection.Operation{Name: "moved/" + left.ID}, endpoint: connection.ActionLink, optional: true,
		call:   r.linkCall(d, i, left),
		record: func(ticket.Ticket, time.Time) { r.KnownTickets.Take(key, left.ID) },
	}, 0
}

// linkCall returns the call that comments on both tickets, and links each to the other where Jira allows it. It writes to
// the former one first: if Jira refuses that, the other does not show its key.
func (r *Reconciler) linkCall(d *v1alpha1.Defect, i *v1alpha1.JiraIntegration, left kit.LeftTicket) jiraCall {
	record := r.recordOf(i)
	object := objectOf(d)
	j := *d.Status.Jira
	ref := "moved-" + left.ID + "-" + string(d.UID)
	return func(ctx context.Context, c connection.JiraClient) (ticket.Ticket, error) {
		former, err := c.Get(ctx, left.ID)
		if isPermanent(err) { // it was deleted, or the account may not read it
			return ticket.Ticket{}, nil
		} else if err != nil {
			return ticket.Ticket{}, err
		}
		for _, on := range []struct{ id, other, url string }{{left.ID, j.Key, j.URL}, {idOf(&j), former.Key, former.URL}} {
			err := c.Comment(ctx, on.id, ticket.Comment{Ref: ref, Body: render.MovedDefectComment + " " + on.other})
			if err == nil {
				err = c.Link(ctx, on.id, ticket.Link{GlobalID: "ticket=" + on.other, URL: on.url, Title: on.other})
				if isPermanent(err) { // the comment has the key
					err = nil
				}
			}
			record.Add(connection.ActionLink, object, on.other, err)
			if isPermanent(err) { // it was deleted, or the account may not write to it
				return ticket.Ticket{}, nil
			}
			if err != nil {
				return ticket.Ticket{}, err
			}
		}
		return ticket.Ticket{}, nil
	}
}

func isPermanent(err error) bool { return err != nil && fault.From(err).Kind.Permanent() }
