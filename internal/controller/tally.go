package controller

import (
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/clock"

	"github.com/voiceai-dev/integrations-operator/api/v1alpha1"
)

// Tally counts what becomes of rules' events, until the rules' statuses take it over every few seconds. It is safe for use by several
// goroutines.
type Tally struct {
	Clock clock.WithDelayedExecution
	// Wake has a rule reconciled.
	Wake func(types.NamespacedName)

	mu     sync.Mutex
	counts map[types.NamespacedName]*count
}

// count is what was not written down yet.
type count struct {
	matched, sent, failed int64
	last                  time.Time
	waits                 bool
}

// countEvery is how long counts are gathered before a rule's status shows them.
const countEvery = 5 * time.Second

// Matched counts an event that matched a rule.
func (t *Tally) Matched(rule types.NamespacedName, at time.Time) {
	t.add(rule, count{matched: 1, last: at})
}

// Told counts a rule's Notification that reached Slack, or will not.
func (t *Tally) Told(n *v1alpha1.Notification, reached bool) {
	c := count{failed: 1}
	if reached {
		c = count{sent: 1}
	}
	t.add(types.NamespacedName{Namespace: n.Namespace, Name: n.Spec.Rule.Name}, c)
}

func (t *Tally) add(rule types.NamespacedName, more count) {
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
	c.matched, c.sent, c.failed = c.matched+more.matched, c.sent+more.sent, c.failed+more.failed
	if more.last.After(c.last) {
		c.last = more.last
	}
	if !c.waits {
		c.waits = true
		t.Clock.AfterFunc(countEvery, func() { t.Wake(rule) })
	}
}

// take is what is to be added to a rule's status now.
func (t *Tally) take(rule types.NamespacedName) count {
	t.mu.Lock()
	defer t.mu.Unlock()
	c := t.counts[rule]
	if c == nil {
		return count{}
	}
	delete(t.counts, rule)
	return *c
}
