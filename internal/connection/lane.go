package connection

import (
	"context"
	"math"
	"slices"
	"time"

	"golang.org/x/time/rate"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/clock"

	"github.com/voiceai-dev/integrations-operator/internal/fault"
)

// slowAfter is how long a call may take before whoever waits for it is told that it is still under way.
const slowAfter = 2 * time.Second

// Lane makes calls to one place, a project or a channel, for many objects: so many at once, so many a second, none while its connection is
// paused. Whoever wants a call asks; the call is made when it is its turn, without a worker waiting, and the answer is kept until it is
// forgotten. It is safe for use by several goroutines.
type Lane[C, R any] struct {
	conn        *Connection[C, R]
	limiter     *rate.Limiter
	concurrency int

	// All below is guarded by conn.mu.
	entries map[types.NamespacedName]*entry[C, R]
	queue   []*entry[C, R]
	running int
	// heldUntil is when the other side takes requests of this lane again. strict says that it was stricter than the limits since.
	heldUntil time.Time
	strict    bool
	timer     clock.Timer
}

// Call is one call to the outside with the connection's present client.
type Call[C, R any] func(context.Context, C) (R, error)

// Request is what an object asks for.
type Request[C, R any] struct {
	Key types.NamespacedName
	UID types.UID
	// Operation says what is done. What succeeded is not done again as long as the same is asked for.
	Operation string
	// Version says what the call is made from. A call that failed is made again when it changes.
	Version string
	// Unmetered is a call that does not count against the rate, as one that mostly makes no request.
	Unmetered bool
	// First is a call that goes before those that wait already, as a digest that tells more than they.
	First bool
	Call  Call[C, R]
}

type entry[C, R any] struct {
	Request[C, R]
	state    entryState
	attempts int
	answer   Answer[R]
	// reportedPause is why the call was not made, as the object was last told.
	reportedPause *fault.Fault
}

type entryState int

const (
	queued entryState = iota
	started
	slow
	done
	withdrawn
)

// Answer is how far a call is.
type Answer[R any] struct {
	// Done says that the call was made, at At: Result or Err is set.
	Done   bool
	Result R
	Err    error
	At     time.Time
	// Attempts counts the calls made for this act since the object was last forgotten.
	Attempts int
	// RetryAt is when a call that failed is made again if it is asked for; zero when it is not, unless Version changes.
	RetryAt time.Time
	// Retrying says that a call that failed is being made again: Err is why it failed the last time, and there is nothing new to say.
	Retrying bool
	// Pause says why the call is not made now; nil when it is under way or its turn will come.
	Pause *fault.Fault
	// Slow says that the call is under way for some time already.
	Slow bool
}

// Submit returns the answer to the call for an object, and arranges for the call to be made if there is none. The object is reconciled again
// when there is something new to say. A call that waits is replaced by this one. One that succeeded is not made again before Forget, unless
// another act is asked for; one that failed is, when Version changes or RetryAt has come.
func (l *Lane[C, R]) Submit(r Request[C, R]) Answer[R] {
	c := l.conn
	c.mu.Lock()
	defer c.mu.Unlock()
	e := l.entries[r.Key]
	if e != nil && (e.UID != r.UID || e.Operation != r.Operation) && e.state != started && e.state != slow {
		l.forget(r.Key)
		e = nil
	}
	if e == nil {
		e = &entry[C, R]{}
		l.entries[r.Key] = e
		if l.queue = append(l.queue, e); r.First {
			l.queue = slices.Insert(l.queue[:len(l.queue)-1], 0, e)
		}
	}
	if e.state == done && e.answer.Err != nil &&
		(e.Version != r.Version || !e.answer.RetryAt.IsZero() && !c.clock.Now().Before(e.answer.RetryAt)) {
		e.state = queued
		l.queue = append(l.queue, e)
	}
	if e.state == queued {
		e.Request = r
		l.pump()
	}
	switch {
	case e.state == done:
		return e.answer
	case e.state == queued && c.pause.Load() != nil:
		e.reportedPause = c.pause.Load().reported()
		return Answer[R]{Attempts: e.attempts, Pause: e.reportedPause}
	case e.answer.Err != nil && e.reportedPause == nil:
		return Answer[R]{Done: true, Retrying: true, Err: e.answer.Err, At: e.answer.At, Attempts: e.attempts}
	default:
		return Answer[R]{Attempts: e.attempts, Slow: e.state == slow}
	}
}

// Peek returns the answer that is there, if any, without asking for one.
func (l *Lane[C, R]) Peek(key types.NamespacedName, uid types.UID) (Answer[R], bool) {
	l.conn.mu.Lock()
	defer l.conn.mu.Unlock()
	if e := l.entries[key]; e != nil && e.UID == uid && e.state == done {
		return e.answer, true
	}
	return Answer[R]{}, false
}

// Operation is what was last asked for an object, as long as it was not forgotten; empty when nothing was.
func (l *Lane[C, R]) Operation(key types.NamespacedName, uid types.UID) string {
	l.conn.mu.Lock()
	defer l.conn.mu.Unlock()
	if e := l.entries[key]; e != nil && e.UID == uid {
		return e.Operation
	}
	return ""
}

// Backlog is how many calls wait for their turn.
func (l *Lane[C, R]) Backlog() int {
	return l.count(func(*entry[C, R]) bool { return true })
}

// PriorityBacklog is how many of those go first.
func (l *Lane[C, R]) PriorityBacklog() int {
	return l.count(func(e *entry[C, R]) bool { return e.First })
}

func (l *Lane[C, R]) count(which func(*entry[C, R]) bool) int {
	l.conn.mu.Lock()
	defer l.conn.mu.Unlock()
	n := 0
	for _, e := range l.queue {
		if e.Call != nil && which(e) {
			n++
		}
	}
	return n
}

// Has says whether the lane knows of an object: its call waits, is under way or was answered.
func (l *Lane[C, R]) Has(key types.NamespacedName, uid types.UID) bool {
	l.conn.mu.Lock()
	defer l.conn.mu.Unlock()
	e := l.entries[key]
	return e != nil && e.UID == uid
}

// Withdraw takes back the calls of those objects that wait for their turn for the first time, and returns whose they were. None of them is made,
// however often it is asked for, before its object is forgotten. Calls that go first stay.
func (l *Lane[C, R]) Withdraw(of func(types.NamespacedName) bool) []types.NamespacedName {
	l.conn.mu.Lock()
	defer l.conn.mu.Unlock()
	var out []types.NamespacedName
	for _, e := range l.queue {
		if e.Call != nil && e.attempts == 0 && !e.First && of(e.Key) {
			e.state, e.Call = withdrawn, nil // pump passes over it
			out = append(out, e.Key)
		}
	}
	return out
}

// Capacity is how many calls the lane makes in a time; all when it has no limit.
func (l *Lane[C, R]) Capacity(in time.Duration) int {
	l.conn.mu.Lock()
	defer l.conn.mu.Unlock()
	if l.limiter.Limit() == rate.Inf {
		return math.MaxInt
	}
	return max(1, int(float64(l.limiter.Limit())*in.Seconds()))
}

// Forget drops an object: its answer, or its call when that has not begun.
func (l *Lane[C, R]) Forget(key types.NamespacedName) {
	l.conn.mu.Lock()
	defer l.conn.mu.Unlock()
	l.forget(key)
}

// forget leaves a call that is under way: its answer is wanted, whoever asks.
func (l *Lane[C, R]) forget(key types.NamespacedName) {
	e := l.entries[key]
	if e == nil || e.state == started || e.state == slow {
		return
	}
	delete(l.entries, key)
	e.Call = nil // pump passes over it
	l.conn.prune(l)
}

// pump starts the calls whose turn it is. The caller holds conn.mu.
func (l *Lane[C, R]) pump() {
	c := l.conn
	if c.pause.Load() != nil || c.closing {
		return
	}
	now := c.clock.Now()
	for len(l.queue) > 0 && l.running < l.concurrency && (c.relapses == 0 || c.running == 0) {
		e := l.queue[0]
		if e.Call == nil {
			l.queue = l.queue[1:]
			continue
		}
		if wait := l.wait(now, e.Unmetered); wait > 0 {
			l.pumpIn(wait)
			return
		}
		l.queue = l.queue[1:]
		l.running++
		c.running++
		e.state = started
		c.calls.Add(1)
		go l.run(e)
	}
}

// wait is how long the next call has to wait; when 0, it is accounted for, unless it is free.
func (l *Lane[C, R]) wait(now time.Time, free bool) time.Duration {
	if until := l.heldUntil.Sub(now); until > 0 || free {
		return max(until, 0)
	}
	if l.strict && now.Sub(l.heldUntil) > calm {
		l.limit(l.conn.limits)
	}
	own := l.limiter.ReserveN(now, 1)
	if d := own.DelayFrom(now); d > 0 {
		own.CancelAt(now)
		return d
	}
	shared := l.conn.limiter.ReserveN(now, 1)
	if d := shared.DelayFrom(now); d > 0 {
		shared.CancelAt(now)
		own.CancelAt(now)
		return d
	}
	return 0
}

// calm is how long after the last refusal for its rate a lane may burst again.
const calm = 5 * time.Minute

// hold lets nothing through until a time, and from then on one call after the other, a little slower than the limits say: they, or how the calls
// arrived, were too much.
func (l *Lane[C, R]) hold(until time.Time) {
	l.heldUntil = until
	if !l.strict && l.limiter.Limit() != rate.Inf {
		l.strict = true
		l.limiter = rate.NewLimiter(l.limiter.Limit()*95/100, 1)
	}
}

func (l *Lane[C, R]) pumpIn(d time.Duration) {
	if l.timer != nil {
		l.timer.Stop()
	}
	l.timer = l.conn.clock.AfterFunc(d, func() {
		l.conn.mu.Lock()
		defer l.conn.mu.Unlock()
		l.pump()
	})
}

func (l *Lane[C, R]) run(e *entry[C, R]) {
	c := l.conn
	defer c.calls.Done()
	late := c.clock.AfterFunc(slowAfter, func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		if e.state == started {
			e.state = slow
			c.enqueue(e.Key)
		}
	})
	var result R
	err := c.fence()
	if err == nil {
		result, err = e.Call(c.ctx, *c.client.Load())
	}
	late.Stop()

	c.mu.Lock()
	defer c.mu.Unlock()
	l.running--
	c.running--
	e.attempts++
	e.state, e.reportedPause = done, nil
	e.answer = Answer[R]{Done: true, Result: result, Err: err, At: c.clock.Now(), Attempts: e.attempts}
	if f := fault.From(err); f != nil {
		e.answer.RetryAt = c.retryAt(f, e.attempts)
		if f.Kind == fault.RateLimited && f.Scope == fault.Endpoint {
			l.hold(e.answer.RetryAt)
		}
	}
	c.observe(err)
	l.pump()
	c.enqueue(e.Key)
}
