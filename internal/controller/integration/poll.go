// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"cmp"
	"context"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/voiceai-dev/integrations-operator/api/v1alpha1"
	"github.com/voiceai-dev/integrations-operator/internal/connection"
	"github.com/voiceai-dev/integrations-operator/internal/controller/kit"
	"github.com/voiceai-dev/integrations-operator/internal/controller/kit/gate"
	"github.com/voiceai-dev/integrations-operator/internal/fault"
	"github.com/voiceai-dev/integrations-operator/internal/index"
	"github.com/voiceai-dev/integrations-operator/internal/lifecycle"
	"github.com/voiceai-dev/integrations-operator/internal/once"
	"github.com/voiceai-dev/integrations-operator/internal/ticket"
)

const (
	// firstPollBack is how far back the first poll of an integration searches.
	firstPollBack = 24 * time.Hour
	// maxPollBack bounds how far back a poll searches after a long pause.
	maxPollBack = 30 * 24 * time.Hour
	// maxReadFailures bounds how often the time until the tickets are read again doubles: a large project whose read takes
	// longer than pollTimeout is not searched every minute.
	maxReadFailures = 6
	// pollTimeout bounds all calls of one poll.
	pollTimeout = time.Minute
)

// pollState is how far the polls of an integration are. One reconcile at a time uses it.
type pollState struct {
	// count is how many polls were made, lastAt when the last one was.
	count  int
	lastAt time.Time
	// auditedTo is the last Defect that an audit looked at, as namespace/name.
	auditedTo string
	// fault is why the last poll failed, until one succeeds; retryAt is when to poll again then.
	fault   *fault.Fault
	retryAt time.Time
	// readAt is when to read the tickets again after readFailures in a row.
	readAt       time.Time
	readFailures int
}

func (r *JiraReconciler) pollStateOf(integration types.NamespacedName) *pollState {
	s, _ := r.polls.LoadOrStore(integration, &pollState{})
	return s.(*pollState)
}

// poll queries Jira, when it is time, for the tickets that changed, and enqueues their Defects. It catches what
// webhooks missed, with one query however many Defects there are. Now and then that query is an audit instead. It
// returns when to poll next, 0 for never.
func (r *JiraReconciler) poll(ctx context.Context, i *v1alpha1.JiraIntegration) (time.Duration, *fault.Fault) {
	name := client.ObjectKeyFromObject(i)
	now := r.Clock.Now()
	conn := r.Jira.Get(name)
	state := r.pollStateOf(name)
	c, ok := conn.Client()
	if !ok || i.Spec.Suspend || conn.PauseFault() != nil || conn.IsProbeFailing() {
		return 0, nil
	}
	if state.fault != nil && now.Before(state.retryAt) {
		return state.retryAt.Sub(now), state.fault
	}
	interval := i.PollInterval()
	if !r.KnownTickets.IsRead(name, string(i.Spec.APIURL)) && !now.Before(state.readAt) {
		leave, mayCall := r.gate.Enter(name, false, r.Enqueuer.Enqueue)
		if !mayCall {
			return gate.Delay, nil
		}
		err := r.readAgain(ctx, i, c)
		leave()
		if err != nil { // until then, each new Defect's ticket is looked up
			conn.Record.Add(connection.ActionPoll, "", "", err)
			state.readAt = now.Add(interval << state.readFailures)
			state.readFailures = min(state.readFailures+1, maxReadFailures)
		}
	}
	last := state.lastAt
	if p := i.Status.LastPollTime; p != nil && p.After(last) {
		last = p.Time
	}
	if next := last.Add(interval); now.Before(next) {
		return kit.Until(next, now), nil
	}
	hasTickets := false
	if err := index.EachTicketed(ctx, r.Client, name, func(*v1alpha1.Defect) bool {
		hasTickets = true
		return false
	}); err != nil {
		return 0, fault.From(err)
	}
	if !hasTickets { // tickets that are filed from now on are newer than this
		i.Status.LastPollTime = &metav1.Time{Time: now}
		return interval, nil
	}
	leave, mayCall := r.gate.Enter(name, state.fault != nil, r.Enqueuer.Enqueue)
	if !mayCall {
		return gate.Delay, state.fault
	}
	err := r.query(ctx, i, c, state)
	leave()
	conn.Observe(connection.ActionPoll, err)
	if err != nil {
		conn.Record.Add(connection.ActionPoll, "", "", err)
		state.fault = fault.From(err)
		wait := max(interval, state.fault.RetryAfter)
		state.retryAt = now.Add(wait)
		return wait, state.fault
	}
	state.fault = nil
	return interval, nil
}

// readAgain reads the tickets in a process that does not know them: Defects may have been deleted before it started, and
// be created again.
func (r *JiraReconciler) readAgain(ctx context.Context, i *v1alpha1.JiraIntegration, c connection.JiraClient) error {
	ctx, cancel := context.WithTimeout(ctx, pollTimeout)
	defer cancel()
	return r.readTickets(ctx, i, c)
}

// query makes one poll's query: an audit when it is the turn of one and there is something to audit, or else what
// changed.
func (r *JiraReconciler) query(
	ctx context.Context,
	i *v1alpha1.JiraIntegration,
	c connection.JiraClient,
	state *pollState,
) error {
	ctx, cancel := context.WithTimeout(ctx, pollTimeout)
	defer cancel()
	state.count++
	state.lastAt = r.Clock.Now()
	if state.count%cmp.Or(r.AuditEvery, defaultAuditEvery) == 0 {
		if audited, err := r.audit(ctx, i, c, state); audited || err != nil {
			return err
		}
	}
	return r.queryChanges(ctx, i, c, state.lastAt)
}

// queryChanges queries Jira for what changed since the last poll.
func (r *JiraReconciler) queryChanges(
	ctx context.Context,
	i *v1alpha1.JiraIntegration,
	c connection.JiraClient,
	now time.Time,
) error {
	back := firstPollBack
	if last := i.Status.LastPollTime; last != nil {
		back = min(now.Sub(last.Time), maxPollBack)
	}
	// What Jira's search did not show at the last poll it shows by now. What was seen before is recognised.
	changed, err := c.Changed(ctx, back+once.SettleTime(i.Spec.SettleSeconds, r.CallTimeout)+once.Margin)
	if err != nil {
		return err
	}
	for _, t := range changed {
		if err := r.enqueueDefects(ctx, i, t); err != nil {
			return err
		}
	}
	i.Status.LastPollTime = &metav1.Time{Time: now}
	return nil
}

// enqueueDefects enqueues the Defects of a ticket when Jira reports something new about it. An issue that does not carry a
// Defect's marker may be another one that has its number on another site: then the Defect reads its ticket.
func (r *JiraReconciler) enqueueDefects(ctx context.Context, i *v1alpha1.JiraIntegration, t ticket.Ticket) error {
	found, err := index.DefectsWithTicket(ctx, r.Client, client.ObjectKeyFromObject(i), t.ID)
	if err != nil {
		return err
	}
	for _, d := range found {
		key := client.ObjectKeyFromObject(d)
		age := lifecycle.Age(d.Status.Jira, t)
		switch {
		case age < 0, age == 0 && !lifecycle.Differs(d.Status.Jira, t):
			continue
		case age == 0, !t.Has(d.TicketMarker()):
			// Of two changes in one second, or of an issue without the marker, only reading the ticket shows it.
			r.PendingUpdates.AddDoubt(key, d.UID, r.Clock.Now())
		default:
			r.PendingUpdates.Put(key, d.UID, t)
		}
		r.EnqueueDefect(key)
	}
	return nil
}
