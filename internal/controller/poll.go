package controller

import (
	"cmp"
	"context"
	"sync"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/voiceai-dev/integrations-operator/api/v1alpha1"
	"github.com/voiceai-dev/integrations-operator/internal/fault"
	"github.com/voiceai-dev/integrations-operator/internal/lifecycle"
	"github.com/voiceai-dev/integrations-operator/internal/ticket"
)

const (
	// defaultPollInterval is spec.pollIntervalSeconds when empty.
	defaultPollInterval = 60 * time.Second
	// firstPoll is how far back the first poll of an integration goes.
	firstPoll = 24 * time.Hour
	// longestPoll bounds how far back a poll goes after a long silence.
	longestPoll = 30 * 24 * time.Hour
	// pollTimeout bounds all calls of one poll.
	pollTimeout = time.Minute
)

// PendingUpdates is what polls found of tickets and Defects have not taken over yet. It is safe for use by several goroutines.
type PendingUpdates struct {
	mu      sync.Mutex
	tickets map[types.NamespacedName]pendingUpdate
	doubts  map[types.NamespacedName]doubt
}

type pendingUpdate struct {
	uid    types.UID
	ticket ticket.Ticket
}

// Put notes what was found of a Defect's ticket.
func (n *PendingUpdates) Put(d types.NamespacedName, uid types.UID, t ticket.Ticket) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.tickets == nil {
		n.tickets = map[types.NamespacedName]pendingUpdate{}
	}
	n.tickets[d] = pendingUpdate{uid, t}
}

// Get is what was found of a Defect's ticket, if anything.
func (n *PendingUpdates) Get(d types.NamespacedName, uid types.UID) (ticket.Ticket, bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	found, ok := n.tickets[d]
	return found.ticket, ok && found.uid == uid
}

// doubt is about a ticket that was not found, at a time.
type doubt struct {
	uid types.UID
	at  time.Time
}

// AddDoubt notes that a Defect's ticket was not found where it should be.
func (n *PendingUpdates) AddDoubt(d types.NamespacedName, uid types.UID, at time.Time) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.doubts == nil {
		n.doubts = map[types.NamespacedName]doubt{}
	}
	n.doubts[d] = doubt{uid, at}
}

// DoubtedAt is when a Defect's ticket was not found, if it has not been read since.
func (n *PendingUpdates) DoubtedAt(d types.NamespacedName, uid types.UID) (time.Time, bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	found, ok := n.doubts[d]
	return found.at, ok && found.uid == uid
}

// ResolveDoubt says that a ticket of which there was a doubt was read.
func (n *PendingUpdates) ResolveDoubt(d types.NamespacedName) {
	n.mu.Lock()
	defer n.mu.Unlock()
	delete(n.doubts, d)
}

// Drop forgets what was found.
func (n *PendingUpdates) Drop(d types.NamespacedName) {
	n.mu.Lock()
	defer n.mu.Unlock()
	delete(n.tickets, d)
}

// queries is how far an integration's queries are. One reconcile at a time uses it.
type queries struct {
	// turn counts them, asked is when the last one was made.
	turn  int
	asked time.Time
	// after is the last Defect that an audit looked at, as namespace/name.
	after string
	// failed is why the last one failed, which counts until one succeeds; again is when it is tried again.
	failed *fault.Fault
	again  time.Time
}

func (r *JiraIntegrationReconciler) queriesOf(integration types.NamespacedName) *queries {
	q, _ := r.queries.LoadOrStore(integration, &queries{})
	return q.(*queries)
}

// poll asks Jira, when it is time, which tickets changed, and has their Defects reconciled. It catches what webhooks missed, with one query
// however many Defects there are. Now and then that query looks for tickets that are gone instead. It returns when to poll next, 0 for never.
func (r *JiraIntegrationReconciler) poll(ctx context.Context, i *v1alpha1.JiraIntegration) (time.Duration, *fault.Fault) {
	name, now := client.ObjectKeyFromObject(i), r.Clock.Now()
	conn, q := r.Jira.Get(name), r.queriesOf(name)
	c, ok := conn.Client()
	if !ok || i.Spec.Suspend || conn.PauseFault() != nil {
		return 0, nil
	}
	if q.failed != nil && now.Before(q.again) {
		return q.again.Sub(now), q.failed
	}
	interval := defaultPollInterval
	if i.Spec.PollIntervalSeconds > 0 {
		interval = time.Duration(i.Spec.PollIntervalSeconds) * time.Second
	}
	last := q.asked
	if p := i.Status.LastPollTime; p != nil && p.After(last) {
		last = p.Time
	}
	if next := last.Add(interval); now.Before(next) {
		return until(next, now), nil
	}
	followed := &v1alpha1.DefectList{}
	if err := r.Client.List(ctx, followed, client.MatchingFields{IntegrationIndex: name.String()}, client.Limit(1)); err != nil {
		return 0, fault.From(err)
	}
	if len(followed.Items) == 0 { // what is filed from now on is newer than this
		i.Status.LastPollTime = &metav1.Time{Time: now}
		return interval, nil
	}
	ctx, cancel := context.WithTimeout(ctx, pollTimeout)
	defer cancel()
	q.turn++
	q.asked = now
	audited, err := false, error(nil)
	if every := cmp.Or(r.AuditEvery, auditEvery); q.turn%every == 0 {
		audited, err = r.audit(ctx, i, c, q)
	}
	if !audited && err == nil {
		err = r.askForChanges(ctx, i, c, now)
	}
	if err != nil {
		conn.Record.Add(actionPoll, "", "", err)
		q.failed = fault.From(err)
		if q.failed.Scope == fault.Connection {
			conn.ProbeFailed(q.failed)
		}
		wait := max(interval, q.failed.RetryAfter)
		q.again = now.Add(wait)
		return wait, q.failed
	}
	q.failed = nil
	return interval, nil
}

// askForChanges asks what changed since it was last asked.
func (r *JiraIntegrationReconciler) askForChanges(ctx context.Context, i *v1alpha1.JiraIntegration, c JiraClient, now time.Time) error {
	back := firstPoll
	if last := i.Status.LastPollTime; last != nil {
		back = min(now.Sub(last.Time), longestPoll)
	}
	// What Jira's search did not show yet the last time, it shows by now; what was seen already is recognised.
	changed, err := c.Changed(ctx, back+settle(i)+margin)
	if err != nil {
		return err
	}
	for _, t := range changed {
		if err := r.updateDefects(ctx, client.ObjectKeyFromObject(i), t); err != nil {
			return err
		}
	}
	i.Status.LastPollTime = &metav1.Time{Time: now}
	return nil
}

// updateDefects has the Defects of a ticket reconciled, if what Jira says is new to them.
func (r *JiraIntegrationReconciler) updateDefects(ctx context.Context, integration types.NamespacedName, t ticket.Ticket) error {
	found, err := defectsNamed(ctx, r.Client, integration.String()+"/"+t.ID)
	if err != nil {
		return err
	}
	for _, d := range found {
		key := client.ObjectKeyFromObject(d)
		switch age := lifecycle.Age(d.Status.Jira, t); {
		case age > 0:
			r.PendingUpdates.Put(key, d.UID, t)
		case age == 0 && lifecycle.Differs(d.Status.Jira, t): // one of two changes in one second: which is the later one, the ticket knows
			r.PendingUpdates.AddDoubt(key, d.UID, r.Clock.Now())
		default:
			continue
		}
		r.EnqueueDefect(key)
	}
	return nil
}
