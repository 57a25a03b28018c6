package controller

import (
	"context"
	"slices"
	"sync"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/clock"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	kevent "sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/predicate"

	"github.com/voiceai-dev/integrations-operator/api/v1alpha1"
	"github.com/voiceai-dev/integrations-operator/internal/condition"
	"github.com/voiceai-dev/integrations-operator/internal/connection"
	"github.com/voiceai-dev/integrations-operator/internal/event"
	"github.com/voiceai-dev/integrations-operator/internal/text"
)

// RuleStats counts what becomes of rules' events, and adds it to the rules' statuses every few seconds. It does so in every replica, since each takes
// events in: beside the totals it leaves a status to the one that acts. It is safe for use by several goroutines.
type RuleStats struct {
	Client client.Client
	Clock  clock.WithDelayedExecution

	wake   connection.Enqueuer
	mu     sync.Mutex
	counts map[types.NamespacedName]*count
}

// count is what was not written down yet.
type count struct {
	matched, sent, failed, errors int64
	last                          time.Time
	// lastError is of a generation of the rule.
	lastError  *v1alpha1.RuleError
	generation int64
	calledOff  []v1alpha1.EventID
	waits      bool
}

// maxCalledOff is how many events a status keeps whose Notifications were deleted.
const maxCalledOff = 128

// countEvery is how long counts are gathered before a rule's status shows them.
const countEvery = 5 * time.Second

// RecordMatch counts an event that matched a rule.
func (t *RuleStats) RecordMatch(rule types.NamespacedName, at time.Time) {
	t.add(rule, count{matched: 1, last: at})
}

// RecordEvalError counts an event for which a rule's expression could not be worked out.
func (t *RuleStats) RecordEvalError(r *v1alpha1.NotificationRule, e *event.Event, at time.Time, mistake error) {
	t.add(client.ObjectKeyFromObject(r), count{errors: 1, generation: r.Generation, lastError: &v1alpha1.RuleError{
		Time: metav1.NewTime(at), EventID: v1alpha1.EventID(e.ID), EventType: e.Type, Message: text.Truncate(mistake.Error(), 1024),
	}})
}

// RecordDelivery counts a rule's Notification that reached Slack, or will not.
func (t *RuleStats) RecordDelivery(n *v1alpha1.Notification, reached bool) {
	c := count{failed: 1}
	if reached {
		c = count{sent: 1}
	}
	t.add(types.NamespacedName{Namespace: n.Namespace, Name: n.Spec.Rule.Name}, c)
}

// RecordCancelled notes that a rule's Notification was deleted.
func (t *RuleStats) RecordCancelled(n *v1alpha1.Notification) {
	t.add(types.NamespacedName{Namespace: n.Namespace, Name: n.Spec.Rule.Name}, count{calledOff: []v1alpha1.EventID{n.Spec.Event.ID}})
}

func (t *RuleStats) add(rule types.NamespacedName, more count) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.counts == nil {
		t.counts = map[types.NamespacedName]*count{}
	}
	c := t.counts[rule]
	if c == nil {
		c = &count{}
		t.counts[rule] = c
	}
	c.matched, c.sent, c.failed, c.errors = c.matched+more.matched, c.sent+more.sent, c.failed+more.failed, c.errors+more.errors
	if e := more.lastError; e != nil && (c.lastError == nil || !e.Time.Before(&c.lastError.Time)) {
		c.lastError, c.generation = e, more.generation
	}
	if more.last.After(c.last) {
		c.last = more.last
	}
	c.calledOff = appendNew(c.calledOff, more.calledOff)
	if !c.waits {
		c.waits = true
		t.Clock.AfterFunc(countEvery, func() { t.wake.Enqueue(rule) })
	}
}

// take is what is to be added to a rule's status now; nil when nothing is.
func (t *RuleStats) take(rule types.NamespacedName) *count {
	t.mu.Lock()
	defer t.mu.Unlock()
	c := t.counts[rule]
	delete(t.counts, rule)
	return c
}

// Reconcile adds to the status of one rule.
func (t *RuleStats) Reconcile(ctx context.Context, req ctrl.Request) (ctrl.Result, error) {
	c := t.take(req.NamespacedName)
	if c == nil {
		return ctrl.Result{}, nil
	}
	n, written := &v1alpha1.NotificationRule{}, false
	err := t.Client.Get(ctx, req.NamespacedName, n)
	if err == nil {
		before := n.DeepCopy()
		c.addTo(n)
		_, err = writeStatus(ctx, t.Client, nil, before, n, ctrl.Result{}, func() { written = true })
	} else if client.IgnoreNotFound(err) == nil {
		return ctrl.Result{}, nil
	}
	if !written { // somebody else wrote the status a moment before
		t.add(req.NamespacedName, *c)
	}
	return ctrl.Result{}, err
}

func (c *count) addTo(n *v1alpha1.NotificationRule) {
	s := &n.Status
	s.MatchedTotal, s.SentTotal, s.FailedTotal = s.MatchedTotal+c.matched, s.SentTotal+c.sent, s.FailedTotal+c.failed
	if !c.last.IsZero() && (s.LastMatchTime == nil || c.last.After(s.LastMatchTime.Time)) {
		s.LastMatchTime = &metav1.Time{Time: c.last}
	}
	s.CalledOff = appendNew(s.CalledOff, c.calledOff)
	s.ErrorsTotal += c.errors
	if c.lastError != nil && c.generation == n.Generation && s.ObservedGeneration == n.Generation { // else it is mended, or may be
		s.LastError = c.lastError
		if condition.Is(n, v1alpha1.ConditionAccepted, metav1.ConditionTrue, "") {
			setAccepted(n)
		}
	}
}

// appendNew appends those events that are not known, and drops the first ones when there are too many.
func appendNew(known, more []v1alpha1.EventID) []v1alpha1.EventID {
	for _, id := range more {
		if !slices.Contains(known, id) {
			known = append(known, id)
		}
	}
	return known[max(len(known)-maxCalledOff, 0):]
}

// SetupWithManager has the counts written.
func (t *RuleStats) SetupWithManager(mgr ctrl.Manager, options controller.Options) error {
	everywhere := false
	options.NeedLeaderElection = &everywhere
	first := predicate.Funcs{ // what was counted before this ran
		UpdateFunc: func(kevent.UpdateEvent) bool { return false }, DeleteFunc: func(kevent.DeleteEvent) bool { return false },
	}
	return ctrl.NewControllerManagedBy(mgr).
		Named("rule-counts").
		For(&v1alpha1.NotificationRule{}, builder.WithPredicates(first)).
		WatchesRawSource(t.wake.Source()).
		WithOptions(options).
		Complete(t)
}
