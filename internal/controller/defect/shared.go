package defect

import (
	"context"
	"fmt"
	"strings"

	"k8s.io/client-go/util/workqueue"
	"sigs.k8s.io/controller-runtime/pkg/client"
	kevent "sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/voiceai-dev/integrations-operator/api/v1alpha1"
	"github.com/voiceai-dev/integrations-operator/internal/condition"
	"github.com/voiceai-dev/integrations-operator/internal/controller/kit"
	"github.com/voiceai-dev/integrations-operator/internal/index"
	"github.com/voiceai-dev/integrations-operator/internal/ticket"
)

// sharedTicket is the ticket of a finding that was reported before.
type sharedTicket struct {
	ticket ticket.Ticket
	// why says whose ticket it is.
	why string
	// stale is set when the ticket may have changed since, so that it is to be read.
	stale bool
}

// shared returns the ticket that the Defect shares with another one, which has the same fingerprint or had the same name,
// or the name of the Defect for whose ticket it waits. Both are empty when it gets a ticket of its own. The caller holds
// r.filing.
func (r *Reconciler) shared(
	ctx context.Context, d *v1alpha1.Defect, i *v1alpha1.JiraIntegration,
) (t *sharedTicket, waitFor string, err error) {
	others, err := index.DefectsLike(ctx, r.Client, d)
	if err != nil {
		return nil, "", fmt.Errorf("listing the Defects with the fingerprint of %s: %w", d.Name, err)
	}
	name := client.ObjectKeyFromObject(i)
	for _, o := range others {
		if j := o.Status.Jira; j != nil && j.Key != "" && j.Integration == name.String() && j.MissingSince == nil {
			return &sharedTicket{ticket: recorded(o), why: fmt.Sprintf("Defect %s has it, with the same fingerprint", o.Name)}, "", nil
		}
	}
	for _, o := range others {
		if r.isFiling(ctx, o, d, i) {
			return nil, o.Name, nil
		}
	}
	if known, ok := r.KnownTickets.Get(kit.TicketKey{Integration: name, Site: string(i.Spec.APIURL), Identity: d.Identity()}); ok {
		return &sharedTicket{ticket: known, why: "a former Defect with the same fingerprint or name had it", stale: true}, "", nil
	}
	return nil, "", nil
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

// adopt records a shared ticket as the Defect's.
func (r *Reconciler) adopt(s *scope, i *v1alpha1.JiraIntegration, shared *sharedTicket) {
	t := shared.ticket
	t.Found = true
	r.recordTicket(s, i, answer{Result: t, At: s.now})
	if len(t.Markers) > 0 && !t.Has(s.defect.Marker()) {
		s.defect.Status.Jira.Marker = t.Markers[0]
	}
	if shared.stale {
		r.PendingUpdates.AddDoubt(client.ObjectKeyFromObject(s.defect), s.defect.UID, s.now)
	}
	condition.True(s.defect, v1alpha1.ConditionTicketed, v1alpha1.ReasonFiled, fmt.Sprintf("The ticket is %s: %s", t.Key, shared.why))
}

// rememberDeleted remembers the ticket of a Defect that was deleted: the Defect may be created again.
func (r *Reconciler) rememberDeleted(_ context.Context, e kevent.DeleteEvent, _ workqueue.TypedRateLimitingInterface[reconcile.Request]) {
	d, ok := e.Object.(*v1alpha1.Defect)
	if !ok {
		return
	}
	if integration, filed := integrationOf(d.Status.Jira); filed && d.Status.Jira.MissingSince == nil {
		r.KnownTickets.Put(kit.TicketKey{Integration: integration, Site: d.Status.Jira.Site, Identity: d.Identity()}, recorded(d))
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
