package connection

import (
	"slices"
	"time"

	"golang.org/x/time/rate"

	"github.com/voiceai-dev/integrations-operator/internal/fault"
)

const (
	// slowAfter is how long a call may be in flight before its object is enqueued to report it as slow.
	slowAfter = 2 * time.Second
	// throttledFor is how long a lane stays throttled after a rate limit.
	throttledFor = 5 * time.Minute
	// throttledShare is the percentage of its rate that a throttled lane uses.
	throttledShare = 95
)

// applyLimits sets the lane's own limits. It ends throttling.
func (l *Lane[C, R]) applyLimits(limits Limits) {
	l.concurrency = max(limits.Concurrency, 1)
	l.limiter = newLimiter(limits.LanePerSecond, limits.LaneBurst)
	l.throttled = false
}

// dispatch starts the calls whose turn it is. The caller holds conn.mu.
func (l *Lane[C, R]) dispatch() {
	c := l.conn
	if c.pause.Load() != nil || c.closing {
		return
	}
	now := c.clock.Now()
	for len(l.queue) > 0 && l.running < l.concurrency && (c.failurePauses == 0 || c.running == 0) {
		if l.queue[0].Call == nil { // forgotten or withdrawn
			l.queue = l.queue[1:]
			continue
		}
		next := l.next()
		e := l.queue[next]
		if wait := l.reserve(now, e.Unmetered); wait > 0 {
			l.dispatchAfter(wait)
			return
		}
		if next == 0 {
			l.queue = l.queue[1:]
		} else {
			l.queue = slices.Delete(l.queue, next, next+1)
		}
		l.running++
		c.running++
		e.state = started
		c.calls.Add(1)
		go l.run(e)
	}
}

// next returns the index of the call whose turn it is. After a pause because of failures it is one that failed the least
// often: what failed before may fail for what it is, and hold up what would not.
func (l *Lane[C, R]) next() int {
	if l.conn.failurePauses == 0 {
		return 0
	}
	best := 0
	for i, e := range l.queue {
		if e.Call != nil && e.attempts < l.queue[best].attempts {
			best = i
		}
	}
	return best
}

func (l *Lane[C, R]) dispatchAfter(d time.Duration) {
	if l.timer != nil {
		l.timer.Stop()
	}
	l.timer = l.conn.clock.AfterFunc(d, func() {
		l.conn.mu.Lock()
		defer l.conn.mu.Unlock()
		l.dispatch()
	})
}

// reserve returns how long the next call has to wait. If that is 0, it counts the call against the limits, unless the
// call is unmetered.
func (l *Lane[C, R]) reserve(now time.Time, unmetered bool) time.Duration {
	if held := l.heldUntil.Sub(now); held > 0 {
		return held
	}
	if unmetered {
		return 0
	}
	if l.throttled && now.Sub(l.heldUntil) > throttledFor {
		l.applyLimits(l.conn.limits)
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

// hold stops the lane until a time and throttles it from then on: it makes single calls, a little slower than the
// limits allow, because the limits or the bursts were too much for Slack or Jira.
func (l *Lane[C, R]) hold(until time.Time) {
	l.heldUntil = until
	if !l.throttled && l.limiter.Limit() != rate.Inf {
		l.throttled = true
		l.limiter = rate.NewLimiter(l.limiter.Limit()*throttledShare/100, 1)
	}
}

// run makes a call and records its answer.
func (l *Lane[C, R]) run(e *entry[C, R]) {
	c := l.conn
	defer c.calls.Done()
	slowTimer := c.clock.AfterFunc(slowAfter, func() { l.markSlow(e) })
	var result R
	err := c.fence()
	if err == nil {
		result, err = e.Call(c.ctx, *c.client.Load())
	}
	slowTimer.Stop()

	c.mu.Lock()
	defer c.mu.Unlock()
	l.running--
	c.running--
	e.attempts++
	e.state = done
	e.reportedPause = nil
	e.answer = Answer[R]{Done: true, Result: result, Err: err, At: c.clock.Now(), Attempts: e.attempts}
	reported := fault.From(err)
	if f := c.inScope(reported); f != nil {
		if f != reported { // what this lane calls is refused, and what others call is not
			l.heldUntil = c.clock.Now().Add(maxFailurePause)
		}
		e.answer.RetryAt = c.retryAt(f, e.attempts)
		if f.Kind == fault.RateLimited && f.Scope == fault.Endpoint {
			l.hold(e.answer.RetryAt)
		}
	}
	c.observe(err)
	l.dispatch()
	c.enqueue(e.Key)
}

func (l *Lane[C, R]) markSlow(e *entry[C, R]) {
	c := l.conn
	c.mu.Lock()
	defer c.mu.Unlock()
	if e.state == started {
		e.state = slow
		c.enqueue(e.Key)
	}
}
