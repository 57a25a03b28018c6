// SPDX-License-Identifier: Apache-2.0

package defect

import (
	"cmp"
	"context"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/voiceai-dev/integrations-operator/api/v1alpha1"
	"github.com/voiceai-dev/integrations-operator/internal/connection"
	"github.com/voiceai-dev/integrations-operator/internal/controller/kit"
	"github.com/voiceai-dev/integrations-operator/internal/fault"
	"github.com/voiceai-dev/integrations-operator/internal/index"
	"github.com/voiceai-dev/integrations-operator/internal/once"
	"github.com/voiceai-dev/integrations-operator/internal/ticket"
)

// filing is one ticket to file.
type filing struct {
	key         types.NamespacedName
	uid         types.UID
	integration *v1alpha1.JiraIntegration
	// since is since when a ticket may exist already, and lookup looks it up; zero and nil when there cannot be one.
	since time.Time
	// due is when Jira's search shows what was created; zero when nothing can have been created.
	due    time.Time
	lookup *once.Lookup[ticket.Ticket]
	// findings looks up a ticket of the Defect's finding; nil when this process knows whether there is one.
	findings *once.Lookup[ticket.Ticket]
	// former is the ticket of a former Defect that reported the same finding, nil when none is known.
	former *kit.KnownTicket
}

// findingOf returns the key under which lookups hold what identifies a Defect's finding, beside its marker. No object has
// such a name.
func findingOf(defect types.NamespacedName) types.NamespacedName {
	return types.NamespacedName{Namespace: defect.Namespace, Name: "finding of " + defect.Name}
}

// holdFinding makes the next lookup search for a ticket of a Defect's finding, and returns the lookup. It returns nil when
// this process knows whether there is one.
func (r *Reconciler) holdFinding(i *v1alpha1.JiraIntegration, d *v1alpha1.Defect) *once.Lookup[ticket.Ticket] {
	key := findingOf(client.ObjectKeyFromObject(d))
	name := client.ObjectKeyFromObject(i)
	if r.KnownTickets.KnowsWhether(ticketKey(d, i)) {
		r.lookups.Release(key)
		return nil
	}
	return r.lookups.Hold(name, key, ticket.IdentityPrefix+d.Identity(), d.CreationTimestamp.Time)
}

// intentOf returns what is known about the Defect's ticket, which a call for a former Defect of the finding may have created.
func (r *Reconciler) intentOf(d *v1alpha1.Defect, i *v1alpha1.JiraIntegration) once.Intent {
	start := r.LeaderSince()
	intent := once.Intent{Created: d.CreationTimestamp.Time, Leader: once.Leader{Since: start.Local, ServerTime: start.Server}}
	if j := d.Status.Jira; j != nil && j.UncertainSince != nil {
		intent.UncertainSince = j.UncertainSince.Time
	}
	if known, ok := r.KnownTickets.Get(ticketKey(d, i)); ok && known.UncertainSince.After(intent.UncertainSince) {
		intent.UncertainSince = known.UncertainSince
	}
	return intent
}

// settleTime returns how long after a call in doubt Jira's search shows what it did.
func (r *Reconciler) settleTime(i *v1alpha1.JiraIntegration) time.Duration {
	return once.SettleTime(i.Spec.SettleSeconds, r.CallTimeout)
}

// fileCall returns the call that adopts the ticket that exists, or creates one.
func (r *Reconciler) fileCall(f filing) connection.Call[connection.JiraClient, ticket.Ticket] {
	key := f.key
	uid := f.uid
	name := client.ObjectKeyFromObject(f.integration)
	f.integration = &v1alpha1.JiraIntegration{ // not the whole integration: many calls may wait
		ObjectMeta: metav1.ObjectMeta{Namespace: name.Namespace, Name: name.Name},
		Spec:       f.integration.Spec,
	}
	record := r.Jira.Get(name).Record
	return func(ctx context.Context, c connection.JiraClient) (ticket.Ticket, error) {
		d := &v1alpha1.Defect{}
		if err := r.Client.Get(ctx, key, d); client.IgnoreNotFound(err) != nil {
			return ticket.Ticket{}, fault.New(fault.Unavailable, "reading Defect %s: %v", key, err)
		} else if err != nil || d.UID != uid {
			return ticket.Ticket{}, fault.New(fault.NotFound, "Defect %s was deleted", key)
		}
		if j := d.Status.Jira; j != nil && j.Key != "" { // another process filed it while this call waited
			return ticket.Ticket{}, fault.New(fault.Conflict, "Defect %s has the ticket %s already", key, j.Key)
		}
		finding := ticketKey(d, f.integration)
		if !r.creates.begin(finding) {
			return ticket.Ticket{}, fault.New(fault.Conflict, "the ticket of a former Defect of the same finding is being created")
		}
		defer r.creates.end(finding)
		f.former = cmp.Or(f.former, r.former(d, f.integration))
		t, err := r.findTicket(ctx, c, d, f)
		action := connection.ActionLookup
		if !t.Found && err == nil {
			t, err = createTicket(ctx, c, d, &f.integration.Spec)
			action = connection.ActionCreate
		}
		record.Add(action, objectOf(d), t.Key, err)
		switch {
		case err == nil:
			r.keepFiled(ctx, d, filedTicket{finding, kit.Known(t)})
		case fault.Is(err, fault.Ambiguous):
			r.keepFiled(ctx, d, filedTicket{finding, kit.KnownTicket{UncertainSince: r.Clock.Now()}})
		}
		return t, err
	}
}

// keepFiled keeps what was filed for a Defect until its status shows the ticket. If the Defect was deleted during the call, it
// is remembered for one that is created again.
func (r *Reconciler) keepFiled(ctx context.Context, d *v1alpha1.Defect, t filedTicket) {
	r.creates.keep(d.UID, t)
	now := &v1alpha1.Defect{}
	err := r.Client.Get(ctx, client.ObjectKeyFromObject(d), now, index.AsCached)
	if apierrors.IsNotFound(err) || err == nil && now.UID != d.UID {
		r.rememberFiled(d.UID)
	}
}

// rememberFiled remembers what was filed for a deleted Defect the status of which never showed the ticket.
func (r *Reconciler) rememberFiled(deleted types.UID) {
	if filed, ok := r.creates.take(deleted); ok {
		filed.ticket.DeletedAt = r.Clock.Now()
		r.KnownTickets.Put(filed.finding, filed.ticket)
	}
}

// findTicket returns the ticket that exists for a Defect: its own, or that of a former Defect which reported the same
// finding. There is none if it is not Found.
func (r *Reconciler) findTicket(
	ctx context.Context, c connection.JiraClient, d *v1alpha1.Defect, f filing,
) (t ticket.Ticket, err error) {
	if f.lookup != nil {
		if t, t.Found, err = f.lookup.Find(ctx, c.Find, f.key, f.due, r.Clock.Now); t.Found || err != nil {
			return t, err
		}
	}
	if f.findings != nil && r.KnownTickets.KnowsWhether(ticketKey(d, f.integration)) {
		f.findings = nil // the tickets were read while the call waited
		f.former = r.former(d, f.integration)
	}
	if f.former != nil {
		if t, ok, err := readFormer(ctx, c, d, *f.former); ok || err != nil {
			return t, err
		}
	}
	if f.findings != nil {
		t, t.Found, err = f.findings.Find(ctx, c.Find, findingOf(f.key), f.due, r.Clock.Now)
		if t.Found && !isSameFinding(d, t) {
			return ticket.Ticket{}, nil
		}
	}
	return t, err
}
