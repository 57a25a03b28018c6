package controller

import (
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

// News is what polls found of tickets and Defects have not taken over yet. It is safe for use by several goroutines.
type News struct {
	mu      sync.Mutex
	tickets map[types.NamespacedName]news
	doubts  map[types.NamespacedName]doubt
}

type news struct {
	uid    types.UID
	ticket ticket.Ticket
}

// Put notes what was found of a Defect's ticket.
func (n *News) Put(d types.NamespacedName, uid types.UID, t ticket.Ticket) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.tickets == nil {
		n.tickets = map[types.NamespacedName]news{}
	}
	n.tickets[d] = news{uid, t}
}

// Get is what was found of a Defect's ticket, if anything.
func (n *News) Get(d types.NamespacedName, uid types.UID) (ticket.Ticket, bool) {
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

// Doubt notes that a Defect's ticket was not found where it should be.
func (n *News) Doubt(d types.NamespacedName, uid types.UID, at time.Time) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.doubts == nil {
		n.doubts = map[types.NamespacedName]doubt{}
	}
	n.doubts[d] = doubt{uid, at}
}

// Doubted is when a Defect's ticket was not found, if it has not been read since.
func (n *News) Doubted(d types.NamespacedName, uid types.UID) (time.Time, bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	found, ok := n.doubts[d]
	return found.at, ok && found.uid == uid
}

// Settle says that a ticket of which there was a doubt was read.
func (n *News) Settle(d types.NamespacedName) {
	n.mu.Lock()
	defer n.mu.Unlock()
	delete(n.doubts, d)
}

// Drop forgets what was found.
func (n *News) Drop(d types.NamespacedName) {
	n.mu.Lock()
	defer n.mu.Unlock()
	delete(n.tickets, d)
}

// poll asks Jira, when it is time, which tickets changed, and has their Defects reconciled. It catches what webhooks missed, with one query
// however many Defects there are. It returns when to poll next, 0 for never.
func (r *JiraIntegrationReconciler) poll(ctx context.Context, i *v1alpha1.JiraIntegration) (time.Duration, *fault.Fault) {
	name, now := client.ObjectKeyFromObject(i), r.Clock.Now()
	conn := r.Jira.Get(name)
	c, ok := conn.Client()
	if !ok || i.Spec.Suspend || conn.Paused() != nil {
		return 0, nil
	}
	if failed, ok := r.failedPolls.Load(name); ok && now.Before(failed.(failedPoll).again) {
		return failed.(failedPoll).again.Sub(now), failed.(failedPoll).fault
	}
	interval := defaultPollInterval
	if i.Spec.PollIntervalSeconds > 0 {
		interval = time.Duration(i.Spec.PollIntervalSeconds) * time.Second
	}
	back := firstPoll
	if last := i.Status.LastPollTime; last != nil {
		if next := last.Add(interval); now.Before(next) {
			return until(next, now), nil
		}
		back = min(now.Sub(last.Time), longestPoll)
	}
	followed := &v1alpha1.DefectList{}
	if err := r.Client.List(ctx, followed, client.MatchingFields{IntegrationIndex: name.String()}, client.Limit(1)); err != nil {
		return 0, fault.From(err)
	}
	at := metav1.NewTime(now)
	if len(followed.Items) == 0 { // what is filed from now on is newer than this
		i.Status.LastPollTime = &at
		return interval, nil
	}
	ctx, cancel := context.WithTimeout(ctx, pollTimeout)
	defer cancel()
	// What Jira's search did not show yet the last time, it shows by now; what was seen already is recognised.
	changed, err := c.Changed(ctx, back+settle(i)+margin)
	if err != nil {
		return r.pollFailed(name, err, interval)
	}
	r.failedPolls.Delete(name)
	i.Status.LastPollTime = &at
	for _, t := range changed {
		if err := r.tell(ctx, name, t); err != nil {
			return interval, fault.From(err)
		}
	}
	if err := r.audit(ctx, i, c, interval); err != nil {
		return r.pollFailed(name, err, interval)
	}
	return interval, nil
}

// pollFailed says when to poll again. Until a poll succeeds it is said that they fail.
func (r *JiraIntegrationReconciler) pollFailed(integration types.NamespacedName, err error, interval time.Duration) (time.Duration, *fault.Fault) {
	conn, f := r.Jira.Get(integration), fault.From(err)
	conn.Record.Add(actionPoll, "", "", err)
	if f.Scope == fault.Connection {
		conn.Unsettling(f)
	}
	wait := max(interval, f.RetryAfter)
	r.failedPolls.Store(integration, failedPoll{r.Clock.Now().Add(wait), f})
	return wait, f
}

// failedPoll is why the last poll of an integration failed, which counts until one succeeds, and when the next one is.
type failedPoll struct {
	again time.Time
	fault *fault.Fault
}

// pollFault is why the last poll of an integration failed; nil when it did not.
func (r *JiraIntegrationReconciler) pollFault(integration types.NamespacedName) *fault.Fault {
	failed, ok := r.failedPolls.Load(integration)
	if !ok {
		return nil
	}
	return failed.(failedPoll).fault
}

// tell has the Defects of a ticket reconciled, if what Jira says is new to them.
func (r *JiraIntegrationReconciler) tell(ctx context.Context, integration types.NamespacedName, t ticket.Ticket) error {
	list := &v1alpha1.DefectList{}
	if err := r.Client.List(ctx, list, client.MatchingFields{TicketIndex: integration.String() + "/" + t.ID}); err != nil {
		return err
	}
	for i := range list.Items {
		d := &list.Items[i]
		key := client.ObjectKeyFromObject(d)
		switch age := lifecycle.Age(d.Status.Jira, t); {
		case age > 0:
			r.News.Put(key, d.UID, t)
		case age == 0 && lifecycle.Differs(d.Status.Jira, t): // one of two changes in one second: which is the later one, the ticket knows
			r.News.Doubt(key, d.UID, r.Clock.Now())
		default:
			continue
		}
		r.WakeDefect(key)
	}
	return nil
}
