// SPDX-License-Identifier: Apache-2.0

package connection

import (
	"math"
	"slices"
	"time"

	"golang.org/x/time/rate"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/clock"
)

// minCompact is the number of forgotten calls that a queue holds at least before they are removed from it.
const minCompact = 100

// Lane makes the calls of many objects to one target, such as a Jira project or a Slack channel, within the limits of
// its connection and only while it is not paused. A call that waits occupies no worker. Its answer is kept until the
// object is forgotten. A Lane is safe for concurrent use.
type Lane[C, R any] struct {
	conn *Connection[C, R]
	name string

	// The fields below are guarded by conn.mu.
	limiter     *rate.Limiter
	concurrency int
	entries     map[types.NamespacedName]*entry[C, R]
	queue       []*entry[C, R]
	running     int
	// heldUntil is when Slack or Jira accepts requests of this lane again after a rate limit.
	heldUntil time.Time
	// throttled is set after a rate limit: the limiter is slower than the limits.
	throttled bool
	timer     clock.Timer
	// idleUntil is when next may find a call again, unless a call to another endpoint is queued or an endpoint changes; zero
	// when it may now. idleAt is Connection.changes at that time.
	idleUntil time.Time
	idleAt    uint64
}

// Submit returns the answer to the call of an object, and queues the call if there is none. The object is enqueued
// when the answer changes. A waiting call is replaced by the submitted one. A call that succeeded is not made again
// before Forget, unless the operation is another one. A call that failed is, once its version changes or RetryAt has
// come; one that ended in doubt, once Doubt changes too.
func (l *Lane[C, R]) Submit(r Request[C, R]) Answer[R] {
	c := l.conn
	c.mu.Lock()
	defer c.mu.Unlock()
	l = c.lane(l.name) // l itself, unless it was dropped as idle
	e := l.entryFor(r)
	if e.isRetryDue(&r, c.clock.Now()) {
		e.state = queued
		l.enqueue(e, r.First)
	}
	if e.Version != r.Version { // another input may succeed
		e.failing = false
		e.ownFailures = 0
	}
	if e.state == queued {
		e.Request = r
		l.idleUntil = earlier(l.idleUntil, c.endpoint(r.Endpoint).nextCall())
		l.dispatch()
	}
	return e.answerDuring(c.pauseFor(e))
}

// enqueue adds a call to the queue. The caller holds conn.mu.
func (l *Lane[C, R]) enqueue(e *entry[C, R], first bool) {
	if first {
		l.queue = slices.Insert(l.queue, 0, e)
	} else {
		l.queue = append(l.queue, e)
	}
}

// entryFor returns the entry of a request's object. It queues a new entry if there is none, or if it is about another
// object or operation and its call is not in flight. The caller holds conn.mu.
func (l *Lane[C, R]) entryFor(r Request[C, R]) *entry[C, R] {
	if e := l.entries[r.Key]; e != nil {
		if e.UID == r.UID && e.Operation == r.Operation || e.isRunning() {
			return e
		}
		l.forget(r.Key)
	}
	e := &entry[C, R]{}
	l.entries[r.Key] = e
	l.enqueue(e, r.First)
	return e
}

// Peek returns the answer for an object, if there is one. It queues no call.
func (l *Lane[C, R]) Peek(key types.NamespacedName, uid types.UID) (Answer[R], bool) {
	l.conn.mu.Lock()
	defer l.conn.mu.Unlock()
	if e := l.find(key, uid); e != nil && e.state == done {
		return e.answer, true
	}
	return Answer[R]{}, false
}

// Operation returns the operation last submitted for an object. It is zero when there is none or it was forgotten.
func (l *Lane[C, R]) Operation(key types.NamespacedName, uid types.UID) Operation {
	l.conn.mu.Lock()
	defer l.conn.mu.Unlock()
	if e := l.find(key, uid); e != nil {
		return e.Operation
	}
	return Operation{}
}

// Has reports whether the lane holds a call for an object: waiting, in flight or answered.
func (l *Lane[C, R]) Has(key types.NamespacedName, uid types.UID) bool {
	l.conn.mu.Lock()
	defer l.conn.mu.Unlock()
	return l.find(key, uid) != nil
}

func (l *Lane[C, R]) find(key types.NamespacedName, uid types.UID) *entry[C, R] {
	if e := l.entries[key]; e != nil && e.UID == uid {
		return e
	}
	return nil
}

// Backlog returns the number of waiting calls.
func (l *Lane[C, R]) Backlog() int {
	return l.count(func(*entry[C, R]) bool { return true })
}

// PriorityBacklog returns the number of waiting calls that go first.
func (l *Lane[C, R]) PriorityBacklog() int {
	return l.count(func(e *entry[C, R]) bool { return e.First })
}

func (l *Lane[C, R]) count(matches func(*entry[C, R]) bool) int {
	l.conn.mu.Lock()
	defer l.conn.mu.Unlock()
	n := 0
	for _, e := range l.queue {
		if e.Call != nil && matches(e) {
			n++
		}
	}
	return n
}

// Withdraw removes the calls of matching objects from the queue and returns the objects. It leaves calls that go
// first or alone, and calls that were made before. A withdrawn call is not made, even if it is submitted again, until its
// object is forgotten.
func (l *Lane[C, R]) Withdraw(matches func(types.NamespacedName) bool) []types.NamespacedName {
	l.conn.mu.Lock()
	defer l.conn.mu.Unlock()
	var out []types.NamespacedName
	for _, e := range l.queue {
		if e.Call != nil && e.attempts == 0 && !e.First && !e.Alone && matches(e.Key) {
			e.state = withdrawn
			e.Call = nil // dispatch skips it
			out = append(out, e.Key)
		}
	}
	return out
}

// Capacity returns how many calls the lane makes within a duration: at least one, and all when it has no limit.
func (l *Lane[C, R]) Capacity(within time.Duration) int {
	l.conn.mu.Lock()
	defer l.conn.mu.Unlock()
	if l.limiter.Limit() == rate.Inf {
		return math.MaxInt
	}
	return max(1, int(float64(l.limiter.Limit())*within.Seconds()))
}

// Forget drops the answer of an object, or its call if it has not started.
func (l *Lane[C, R]) Forget(key types.NamespacedName) {
	l.conn.mu.Lock()
	defer l.conn.mu.Unlock()
	l.forget(key)
}

// forget implements Forget. It keeps a call in flight, whose answer is needed. The caller holds conn.mu.
func (l *Lane[C, R]) forget(key types.NamespacedName) {
	e := l.entries[key]
	if e == nil || e.isRunning() {
		return
	}
	delete(l.entries, key)
	e.Call = nil // dispatch skips it
	if len(l.queue) > 2*len(l.entries)+minCompact {
		l.queue = slices.DeleteFunc(l.queue, func(e *entry[C, R]) bool { return e.Call == nil })
	}
}

// isIdle reports whether the lane holds nothing and its rate has recovered.
func (l *Lane[C, R]) isIdle(now time.Time) bool {
	return len(l.entries) == 0 && now.Sub(l.heldUntil) > throttledFor && l.limiter.TokensAt(now) >= float64(l.limiter.Burst())
}
