// SPDX-License-Identifier: Apache-2.0

package defect

import (
	"context"
	"fmt"
	"strings"
	"time"

	"k8s.io/client-go/util/workqueue"
	"sigs.k8s.io/controller-runtime/pkg/client"
	kevent "sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/voiceai-dev/integrations-operator/api/v1alpha1"
	"github.com/voiceai-dev/integrations-operator/internal/condition"
	"github.com/voiceai-dev/integrations-operator/internal/connection"
	"github.com/voiceai-dev/integrations-operator/internal/controller/kit"
	"github.com/voiceai-dev/integrations-operator/internal/fault"
	"github.com/voiceai-dev/integrations-operator/internal/index"
	"github.com/voiceai-dev/integrations-operator/internal/ticket"
)

// shared returns the Defect with the same fingerprint whose ticket d shares, or the name of the one for whose ticket it
// waits. Both are empty when there is none. The caller holds r.filing.
func (r *Reconciler) shared(
	ctx context.Context, d *v1alpha1.Defect, i *v1alpha1.JiraIntegration,
) (with *v1alpha1.Defect, waitFor string, err error) {
	others, err := index.DefectsLike(ctx, r.Client, d)
	if err != nil {
		return nil, "", fmt.Errorf("listing the Defects with the fingerprint of %s: %w", d.Name, err)
	}
	name := client.ObjectKeyFromObject(i)
	for _, o := range others {
		if j := o.Status.Jira; j != nil && j.Key != "" && j.Integration == name.String() && j.MissingSince == nil {
			return o, "", nil
		}
	}
	for _, o := range others {
		if r.isFiling(ctx, o, d, i) {
			return nil, o.Name, nil
		}
	}
	return nil, "", nil
}

// former returns the ticket of a former Defect that reported the same finding, or nil.
func (r *Reconciler) former(d *v1alpha1.Defect, i *v1alpha1.JiraIntegration) *kit.KnownTicket {
	if known, ok := r.KnownTickets.Get(ticketKey(d, i)); ok && known.ID != "" {
		return &known
	}
	return nil
}

func ticketKey(d *v1alpha1.Defect, i *v1alpha1.JiraIntegration) kit.TicketKey {
	return kit.TicketKey{Integration: client.ObjectKeyFromObject(i), Site: string(i.Spec.APIURL), Identity: d.Identity()}
}

// replacedWithin is how soon after its deletion a Defect of the same name is the same one, whatever state its ticket is in.
const replacedWithin = time.Hour

// readFormer reads the ticket of a former Defect. It reports whether d adopts it: not when it was deleted, and not when it
// is done and only a name says that it is of the same finding, unless the Defect was replaced just now.
func readFormer(
	ctx context.Context, c connection.JiraClient, d *v1alpha1.Defect, former kit.KnownTicket,
) (t ticket.Ticket, ok bool, err error) {
	t, err = c.Get(ctx, former.ID)
	switch {
	case fault.Is(err, fault.NotFound):
		return ticket.Ticket{}, false, nil
	case err != nil:
		return ticket.Ticket{}, false, withoutDoubt(err)
	}
	t.Found = true
	replaced := d.CreationTimestamp.Sub(former.DeletedAt) < replacedWithin
	return t, replaced || isSameFinding(d, t), nil
}

// isSameFinding reports whether a ticket with the Defect's identity is of the same finding. A name may be used again for
// another one, once the former is done.
func isSameFinding(d *v1alpha1.Defect, t ticket.Ticket) bool {
	return d.Spec.Fingerprint != "" || !t.IsDone()
}

// withoutDoubt returns a failure of what comes before the create as one that leaves no doubt: nothing was created.
func withoutDoubt(err error) error {
	f := *fault.From(err)
	if f.Kind == fault.Ambiguous {
		f.Kind = fault.Unavailable
	}
	return &f
}

// isFiling reports whether another Defect of the same finding files the ticket: its create is under way or in doubt, or
// it comes before d and is to get a ticket with the same integration.
func (r *Reconciler) isFiling(ctx context.Context, o, d *v1alpha1.Defect, i *v1alpha1.JiraIntegration) bool {
	key := client.ObjectKeyFromObject(o)
	if _, _, ok := r.Jira.InFlight(key, o.UID, followLane); ok {
		return true
	}
	if j := o.Status.Jira; j != nil && j.UncertainSince != nil && j.Key == "" {
		return true
	}
	if !comesBefore(o, d) || !o.DeletionTimestamp.IsZero() || condition.Get(o, v1alpha1.ConditionStalled) != nil {
		return false
	}
	wanted, _, err := r.wantedIntegration(ctx, o)
	return err == nil && wanted != nil && wanted.UID == i.UID
}

// comesBefore reports whether a was created before b. The API server gives whole seconds; names decide within one.
func comesBefore(a, b *v1alpha1.Defect) bool {
	if c := a.CreationTimestamp.Compare(b.CreationTimestamp.Time); c != 0 {
		return c < 0
	}
	return strings.Compare(a.Name, b.Name) < 0
}

// recorded returns the ticket that a Defect's status shows.
func recorded(d *v1alpha1.Defect) ticket.Ticket {
	j := d.Status.Jira
	t := ticket.Ticket{
		Key: j.Key, ID: j.ID, URL: j.URL, Status: j.Status, StatusCategory: j.StatusCategory, Resolution: j.Resolution,
		Assignee: j.Assignee, Found: true, Markers: []string{d.TicketMarker()},
	}
	if j.UpdatedTime != nil {
		t.Updated = j.UpdatedTime.Time
	}
	return t
}

// adopt records the ticket of another Defect as that of d, which reports the same finding.
func (r *Reconciler) adopt(s *scope, i *v1alpha1.JiraIntegration, other *v1alpha1.Defect) {
	t := recorded(other)
	r.recordTicket(s, i, answer{Result: t, At: s.now})
	condition.True(s.defect, v1alpha1.ConditionTicketed, v1alpha1.ReasonFiled,
		fmt.Sprintf("The ticket is %s: Defect %s has it, with the same fingerprint", t.Key, other.Name))
}

// rememberDeleted remembers the ticket of a Defect that was deleted: the Defect may be created again, or have been moved to
// another namespace. Its events cannot occur again.
func (r *Reconciler) rememberDeleted(ctx context.Context, e kevent.DeleteEvent, q workqueue.TypedRateLimitingInterface[reconcile.Request]) {
	d, ok := e.Object.(*v1alpha1.Defect)
	if !ok {
		return
	}
	r.Outbox.ForgetEvents(d.Namespace, d.Status.Events)
	r.rememberFiled(d.UID)
	if integration, filed := integrationOf(d.Status.Jira); filed && d.Status.Jira.MissingSince == nil {
		t := kit.Known(recorded(d))
		t.DeletedAt = r.Clock.Now()
		r.KnownTickets.Put(kit.TicketKey{Integration: integration, Site: d.Status.Jira.Site, Identity: d.Identity()}, t)
		for _, name := range r.leave(ctx, d, t) {
			q.Add(reconcile.Request{NamespacedName: name})
		}
	}
}

// enqueueLike enqueues the Defects that may wait for the ticket of another.
func (r *Reconciler) enqueueLike(ctx context.Context, o client.Object) []reconcile.Request {
	d, ok := o.(*v1alpha1.Defect)
	if !ok || d.Spec.Fingerprint == "" {
		return nil
	}
	others, err := index.DefectsLike(ctx, r.Client, d)
	if err != nil {
		return nil
	}
	var out []reconcile.Request
	for _, other := range others {
		if other.Status.Jira == nil || other.Status.Jira.Key == "" {
			out = append(out, reconcile.Request{NamespacedName: client.ObjectKeyFromObject(other)})
		}
	}
	return out
}

// gotTicket reports whether a Defect got its ticket by an update.
func gotTicket(e kevent.UpdateEvent) bool {
	_, before := integrationOf(e.ObjectOld.(*v1alpha1.Defect).Status.Jira)
	_, after := integrationOf(e.ObjectNew.(*v1alpha1.Defect).Status.Jira)
	return after && !before
}
