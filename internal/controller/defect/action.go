// SPDX-License-Identifier: Apache-2.0

package defect

import (
	"context"
	"fmt"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/voiceai-dev/integrations-operator/api/v1alpha1"
	"github.com/voiceai-dev/integrations-operator/internal/connection"
	"github.com/voiceai-dev/integrations-operator/internal/fault"
	"github.com/voiceai-dev/integrations-operator/internal/lifecycle"
	"github.com/voiceai-dev/integrations-operator/internal/render"
	"github.com/voiceai-dev/integrations-operator/internal/ticket"
)

// jiraCall is a call to Jira about one ticket.
type jiraCall = connection.Call[connection.JiraClient, ticket.Ticket]

// ticketAction is something to do with a ticket that exists.
type ticketAction struct {
	// operation identifies the action. What succeeded is not done again as the same operation.
	operation connection.Operation
	// endpoint is what is called in Jira.
	endpoint string
	// progress is what the status says while the action is under way; empty when it says nothing.
	progress string
	// reads is set when the call reads the ticket: when Jira does not find it, the ticket is gone.
	reads bool
	// optional is set when Defect and ticket are in sync without it.
	optional bool
	call     jiraCall
	// record writes the answer to the status.
	record func(t ticket.Ticket, at time.Time)
}

// callFor returns the action's call, such that NotFound means that the ticket is gone.
func (a *ticketAction) callFor(j *v1alpha1.DefectTicket) jiraCall {
	if a.reads {
		return a.call
	}
	return unlessGone(j, a.call)
}

// unlessGone returns a call that distinguishes a ticket that is gone from one that does not allow the call: Jira answers
// 404 to both.
func unlessGone(j *v1alpha1.DefectTicket, call jiraCall) jiraCall {
	id := idOf(j)
	key := j.Key
	return func(ctx context.Context, c connection.JiraClient) (ticket.Ticket, error) {
		t, err := call(ctx, c)
		if !fault.Is(err, fault.NotFound) {
			return t, err
		}
		if _, gone := c.Get(ctx, id); gone != nil {
			return t, gone
		}
		f := *fault.From(err)
		f.Kind = fault.Invalid
		f.Message = fmt.Sprintf("%s exists, but %s. Is the feature switched off, or a proxy in between?", key, f.Message)
		return t, &f
	}
}

// read returns the action that reads the ticket, because of a hint or a doubt.
func (r *Reconciler) read(
	d *v1alpha1.Defect, i *v1alpha1.JiraIntegration, operation connection.Operation, done func(),
) *ticketAction {
	ticketID := idOf(d.Status.Jira)
	return &ticketAction{
		operation: operation, endpoint: "ReadIssue", reads: true,
		call: func(ctx context.Context, c connection.JiraClient) (ticket.Ticket, error) { return c.Get(ctx, ticketID) },
		record: func(t ticket.Ticket, at time.Time) {
			lifecycle.FromJira(d, i.Spec.States, t, true, at)
			done()
		},
	}
}

// move returns the action that moves the ticket to the Defect's state, with a comment about who wanted it.
func (r *Reconciler) move(s *scope, i *v1alpha1.JiraIntegration, regression bool) *ticketAction {
	d := s.defect
	j := d.Status.Jira
	id := idOf(j)
	occurrences := d.Status.Occurrences
	change := changeNumber(d)
	target := lifecycle.Target(i.Spec.Transitions, j.MoveTo)
	note := ticket.Comment{Ref: commentRef(d, "state", changeNumber(d)), Body: render.MoveComment(d)}
	if regression {
		note = ticket.Comment{Ref: commentRef(d, "occurrence", occurrences), Body: render.OccurrenceComment(d, occurrences, true)}
	}
	isCommented := regression || isUnsentPass(d)
	record := r.recordOf(i)
	object := objectOf(d)
	before := j.Status
	return &ticketAction{
		operation: connection.Operation{Name: "move/" + string(j.MoveTo), Number: changeNumber(d)}, endpoint: connection.ActionMove,
		progress: fmt.Sprintf("%s is being moved to %s", j.Key, j.MoveTo),
		call: func(ctx context.Context, c connection.JiraClient) (ticket.Ticket, error) {
			t, err := c.Move(ctx, id, target)
			if err == nil && !strings.EqualFold(t.Status, before) {
				err = c.Comment(ctx, id, note)
			}
			record.Add(connection.ActionMove, object, strings.TrimSpace(t.Key+" "+t.Status), err)
			return t, err
		},
		record: func(t ticket.Ticket, at time.Time) {
			lifecycle.Moved(d, i.Spec.States, target, t, at)
			if isCommented {
				j.ToldChange = change
			}
			if regression {
				j.ToldOccurrences = occurrences
				j.LastCommentTime = &metav1.Time{Time: at}
			}
		},
	}
}

// comment returns the action that comments on further occurrences.
func (r *Reconciler) comment(d *v1alpha1.Defect, i *v1alpha1.JiraIntegration, regression bool) *ticketAction {
	j := d.Status.Jira
	id := idOf(j)
	occurrences := d.Status.Occurrences
	change := changeNumber(d)
	// A comment in flight ends before the next one, even if the defect has occurred again since.
	submitted := r.Jira.Get(client.ObjectKeyFromObject(i)).Lane(followLane).Operation(client.ObjectKeyFromObject(d), d.UID)
	if n := submitted.Number; submitted.Name == commentOperation && n > j.ToldOccurrences && n < occurrences {
		occurrences = n
	}
	c := ticket.Comment{Ref: commentRef(d, "occurrence", occurrences), Body: render.OccurrenceComment(d, occurrences, regression)}
	record := r.recordOf(i)
	object := objectOf(d)
	key := j.Key
	return &ticketAction{
		operation: connection.Operation{Name: commentOperation, Number: occurrences}, endpoint: connection.ActionComment,
		progress: fmt.Sprintf("A comment on another occurrence is being added to %s", key),
		call: func(ctx context.Context, client connection.JiraClient) (ticket.Ticket, error) {
			err := client.Comment(ctx, id, c)
			record.Add(connection.ActionComment, object, key, err)
			return ticket.Ticket{}, err
		},
		record: func(_ ticket.Ticket, at time.Time) {
			j.ToldOccurrences = occurrences
			if regression {
				j.ToldChange = change
			}
			j.LastCommentTime = &metav1.Time{Time: at}
			j.LastSyncTime = &metav1.Time{Time: at}
		},
	}
}

// passed returns the action that comments that the test passes again, on a ticket that stays where it is.
func (r *Reconciler) passed(d *v1alpha1.Defect, i *v1alpha1.JiraIntegration) *ticketAction {
	j := d.Status.Jira
	id := idOf(j)
	change := changeNumber(d)
	c := ticket.Comment{Ref: commentRef(d, "passed", change), Body: render.PassedComment(d)}
	record := r.recordOf(i)
	object := objectOf(d)
	key := j.Key
	return &ticketAction{
		operation: connection.Operation{Name: "passed", Number: change}, endpoint: connection.ActionComment,
		progress: "A comment that the test passes again is being added to " + key,
		call: func(ctx context.Context, client connection.JiraClient) (ticket.Ticket, error) {
			err := client.Comment(ctx, id, c)
			record.Add(connection.ActionComment, object, key, err)
			return ticket.Ticket{}, err
		},
		record: func(_ ticket.Ticket, at time.Time) {
			j.ToldChange = change
			j.LastSyncTime = &metav1.Time{Time: at}
		},
	}
}

// link returns the action that puts a link to the Defect on the ticket.
func (r *Reconciler) link(d *v1alpha1.Defect, i *v1alpha1.JiraIntegration, url string) *ticketAction {
	j := d.Status.Jira
	id := idOf(j)
	link := ticket.Link{GlobalID: d.Marker(), URL: url, Title: "Defect " + d.Namespace + "/" + d.Name}
	record := r.recordOf(i)
	object := objectOf(d)
	key := j.Key
	return &ticketAction{
		operation: connection.Operation{Name: "link/" + url}, endpoint: connection.ActionLink, optional: true,
		call: func(ctx context.Context, c connection.JiraClient) (ticket.Ticket, error) {
			err := c.Link(ctx, id, link)
			record.Add(connection.ActionLink, object, key, err)
			return ticket.Ticket{}, err
		},
		record: func(ticket.Ticket, time.Time) { j.Backlink = url },
	}
}

// backlink returns the address of the Defect's page, or an empty string when there is no dashboard.
func (r *Reconciler) backlink(d *v1alpha1.Defect) string {
	if r.DashboardURL == "" {
		return ""
	}
	return strings.TrimRight(r.DashboardURL, "/") + "/defects/" + d.Namespace + "/" + d.Name
}

// commentOperation is the name of operations that comment on occurrences. Their number is how many there were.
const commentOperation = "comment"

// commentRef returns what identifies a comment on the ticket, so that it is made once.
func commentRef(d *v1alpha1.Defect, what string, number int64) string {
	return fmt.Sprintf("%s-%d-%s", what, number, d.UID)
}

// changeNumber returns the number of the Defect's last change of state.
func changeNumber(d *v1alpha1.Defect) int64 {
	if c := d.Status.StateChange; c != nil {
		return c.Number
	}
	return 0
}

// idOf returns the ticket's ID, which stays when the ticket is moved to another project, or else its key.
func idOf(j *v1alpha1.DefectTicket) string {
	if j.ID != "" {
		return j.ID
	}
	return j.Key
}
