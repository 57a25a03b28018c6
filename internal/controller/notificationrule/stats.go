// SPDX-License-Identifier: Apache-2.0

package notificationrule

import (
	"context"
	"slices"
	"sync"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/util/workqueue"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/client"
	kevent "sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/voiceai-dev/integrations-operator/api/v1alpha1"
	"github.com/voiceai-dev/integrations-operator/internal/condition"
	"github.com/voiceai-dev/integrations-operator/internal/controller/kit"
	"github.com/voiceai-dev/integrations-operator/internal/event"
	"github.com/voiceai-dev/integrations-operator/internal/text"
)

const (
	// maxCancelled is how many events a status keeps whose Notifications were deleted.
	maxCancelled = 128
	// writeInterval is how long counts are collected before a rule's status shows them.
	writeInterval = 5 * time.Second
)

// Stats counts what becomes of rules' events until the rules' statuses show it. Matches are counted by the
// Notifications that the leader sees in its cache, whichever replica stored them; a count may lag by writeInterval.
// It is safe for use by several goroutines.
type Stats struct {
	clock    clock.WithDelayedExecution
	enqueuer kit.Enqueuer

	mu     sync.Mutex
	counts map[types.NamespacedName]*counts
}

// NewStats returns Stats without counts.
func NewStats(c clock.WithDelayedExecution) *Stats {
	return &Stats{clock: c, counts: map[types.NamespacedName]*counts{}}
}

// counts is what is to be added to one rule's status.
type counts struct {
	matched, sent, failed, errors int64
	lastMatch                     time.Time
	// lastError is about a generation of the rule.
	lastError  *v1alpha1.RuleError
	generation int64
	cancelled  []v1alpha1.EventID
	// failure is the last notification that was not delivered; cleared and removed say that a former one is over.
	failure *v1alpha1.RuleFailure
	cleared bool
	removed []string
}

// RecordEvalError records an event for which a rule could not be evaluated. A replica that does not lead keeps it
// until it does.
func (s *Stats) RecordEvalError(r *v1alpha1.NotificationRule, e *event.Event, at time.Time, evalErr error) {
	s.add(client.ObjectKeyFromObject(r), &counts{errors: 1, generation: r.Generation, lastError: &v1alpha1.RuleError{
		Time: metav1.NewTime(at), EventID: v1alpha1.EventID(e.ID), EventType: e.Type, Message: text.Truncate(evalErr.Error(), 1024),
	}})
}

// RecordDelivery records that a rule's Notification reached Slack, or will not.
func (s *Stats) RecordDelivery(n *v1alpha1.Notification, reached bool) {
	c := &counts{failed: 1}
	if reached {
		c = &counts{sent: 1, cleared: true}
	}
	s.add(ruleOf(n), c)
}

// RecordFailure records why a rule's Notification was not delivered.
func (s *Stats) RecordFailure(n *v1alpha1.Notification, message string) {
	s.add(ruleOf(n), &counts{failure: &v1alpha1.RuleFailure{
		Time: metav1.NewTime(s.clock.Now()), Notification: n.Name, Message: text.Truncate(message, 1024),
	}})
}

// recordRemoved records that a Notification is gone: that it was not delivered does not matter any more.
func (s *Stats) recordRemoved(n *v1alpha1.Notification) {
	s.add(ruleOf(n), &counts{removed: []string{n.Name}})
}

// recordMatch records that a rule matched the event of a Notification.
func (s *Stats) recordMatch(n *v1alpha1.Notification) {
	s.add(ruleOf(n), &counts{matched: 1, lastMatch: n.CreationTimestamp.Time})
}

// recordCancelled records that a rule's Notification was deleted, so that its event does not match again.
func (s *Stats) recordCancelled(n *v1alpha1.Notification) {
	s.add(ruleOf(n), &counts{cancelled: []v1alpha1.EventID{n.Spec.Event.ID}})
}

func ruleOf(n *v1alpha1.Notification) types.NamespacedName {
	return types.NamespacedName{Namespace: n.Namespace, Name: n.Spec.Rule.Name}
}

// add adds to a rule's counts, and enqueues the rule once they have been collected for a while.
func (s *Stats) add(rule types.NamespacedName, more *counts) {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := s.counts[rule]
	if c == nil {
		c = &counts{}
		s.counts[rule] = c
		s.clock.AfterFunc(writeInterval, func() { s.enqueuer.Enqueue(rule) })
	}
	c.merge(more)
}

// Forget drops what is to be added to the status of a rule that was deleted.
func (s *Stats) Forget(rule types.NamespacedName) { s.take(rule) }

// take returns what is to be added to a rule's status, and forgets it. It never returns nil.
func (s *Stats) take(rule types.NamespacedName) *counts {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := s.counts[rule]
	if c == nil {
		return &counts{}
	}
	delete(s.counts, rule)
	return c
}

// putBack adds counts again that could not be written.
func (s *Stats) putBack(rule types.NamespacedName, c *counts) {
	if c.isEmpty() {
		return
	}
	s.mu.Lock()
	newer := s.counts[rule]
	delete(s.counts, rule)
	s.mu.Unlock()
	if newer != nil {
		c.merge(newer)
	}
	s.add(rule, c)
}

func (c *counts) isEmpty() bool {
	return c.matched+c.sent+c.failed+c.errors == 0 && len(c.cancelled) == 0 && c.failure == nil && !c.cleared && len(c.removed) == 0
}

func (c *counts) merge(more *counts) {
	c.matched += more.matched
	c.sent += more.sent
	c.failed += more.failed
	c.errors += more.errors
	if e := more.lastError; e != nil && (c.lastError == nil || !e.Time.Before(&c.lastError.Time)) {
		c.lastError = e
		c.generation = more.generation
	}
	if more.lastMatch.After(c.lastMatch) {
		c.lastMatch = more.lastMatch
	}
	c.cancelled = appendNew(c.cancelled, more.cancelled)
	if more.failure != nil || more.cleared {
		c.failure = more.failure
		c.cleared = more.failure == nil
	}
	if c.failure != nil && slices.Contains(more.removed, c.failure.Notification) {
		c.failure = nil
		c.cleared = true
	}
	c.removed = append(c.removed, more.removed...)
}

// addTo adds the counts to a rule's status.
func (c *counts) addTo(n *v1alpha1.NotificationRule) {
	s := &n.Status
	s.MatchedTotal += c.matched
	s.SentTotal += c.sent
	s.FailedTotal += c.failed
	s.ErrorsTotal += c.errors
	if !c.lastMatch.IsZero() && (s.LastMatchTime == nil || c.lastMatch.After(s.LastMatchTime.Time)) {
		s.LastMatchTime = &metav1.Time{Time: c.lastMatch}
	}
	s.CalledOff = appendNew(s.CalledOff, c.cancelled)
	if c.lastError != nil && c.generation == n.Generation { // else the error may be fixed
		s.LastError = c.lastError
	}
	switch {
	case c.failure != nil:
		s.LastFailure = c.failure
	case c.cleared, s.LastFailure != nil && slices.Contains(c.removed, s.LastFailure.Notification):
		s.LastFailure = nil
	}
}

// appendNew appends the events that are not known, and drops the first ones beyond maxCancelled.
func appendNew(known, more []v1alpha1.EventID) []v1alpha1.EventID {
	for _, id := range more {
		if !slices.Contains(known, id) {
			known = append(known, id)
		}
	}
	return known[max(len(known)-maxCancelled, 0):]
}

// observeNotifications returns a handler that counts matches and cancelled events by the Notifications that are
// created and deleted.
func (r *Reconciler) observeNotifications() handler.EventHandler {
	return handler.Funcs{
		CreateFunc: func(ctx context.Context, e kevent.CreateEvent, _ workqueue.TypedRateLimitingInterface[reconcile.Request]) {
			if n, ok := e.Object.(*v1alpha1.Notification); ok && len(n.Spec.Members) == 0 &&
				(!e.IsInInitialList || r.isUncounted(ctx, n)) {
				r.Stats.recordMatch(n)
			}
		},
		DeleteFunc: func(_ context.Context, e kevent.DeleteEvent, _ workqueue.TypedRateLimitingInterface[reconcile.Request]) {
			n, ok := e.Object.(*v1alpha1.Notification)
			if !ok {
				return
			}
			if r.Outbox.MayRecur(n) {
				r.Stats.recordCancelled(n)
			}
			if condition.Get(n, v1alpha1.ConditionStalled) != nil {
				r.Stats.recordRemoved(n)
			}
		},
	}
}

// isUncounted reports whether a Notification that is older than this leader was stored after the former leader
// counted for the last time. Of those stored in the very second of the last count none is counted twice, and some may
// be missed.
func (r *Reconciler) isUncounted(ctx context.Context, n *v1alpha1.Notification) bool {
	rule := &v1alpha1.NotificationRule{}
	if err := r.Client.Get(ctx, ruleOf(n), rule); err != nil || string(rule.UID) != n.Spec.Rule.UID {
		return false
	}
	return rule.Status.LastMatchTime == nil || n.CreationTimestamp.After(rule.Status.LastMatchTime.Time)
}
