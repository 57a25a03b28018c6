// SPDX-License-Identifier: Apache-2.0

package connection

import (
	"math"
	"slices"
	"time"

	"golang.org/x/time/rate"

	"github.com/voiceai-dev/integrations-operator/internal/fault"
	"github.com/voiceai-dev/integrations-operator/internal/tracing"
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
	for len(l.queue) > 0 && l.queue[0].Call == nil { // forgotten or withdrawn
		l.queue = l.queue[1:]
	}
	for l.running < l.concurrency {
		i := l.next(now)
		if i < 0 {
			return
		}
		e := l.queue[i]
		if wait := l.reserve(now, e.Unmetered); wait > 0 {
			l.dispatchAfter(wait)
			return
		}
		l.remove(i)
		l.running++
		ep := c.endpoint(e.Endpoint)
		e.isTrial = ep.trouble != nil
		ep.trying = ep.trying || e.isTrial
		c.changes++
		e.state = started
		c.calls.Add(1)
		go l.run(e)
	}
}

// next returns the index of the call whose turn it is, or -1. Calls to an endpoint that is on trial are left out until a
// trial is due. Then the one goes first that has failed least often. While none is due, calls that are queued meanwhile do
// not make it read the queue again.
func (l *Lane[C, R]) next(now time.Time) int {
	if l.idleAt == l.conn.changes && now.Before(l.idleUntil) {
		return -1
	}
	trial := -1
	l.idleAt = l.conn.changes
	l.idleUntil = now.Add(maxWait)
	for i, e := range l.queue {
		if e.Call == nil {
			continue
		}
		l.conn.visited++
		ep := l.conn.endpoint(e.Endpoint)
		l.idleUntil = earlier(l.idleUntil, ep.nextCall())
		switch {
		case ep.trouble == nil && trial < 0:
			return i
		case ep.trouble == nil || !ep.isTrialDue(now):
		case trial < 0 || e.attempts < l.queue[trial].attempts:
			trial = i
		}
	}
	return trial
}

func earlier(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}

// remove removes a call from the queue.
func (l *Lane[C, R]) remove(i int) {
	if i == 0 {
		l.queue = l.queue[1:]
		return
	}
	l.queue = slices.Delete(l.queue, i, i+1)
}

// fewestAttempts returns how often the call was made of those that wait that was made least often.
func (l *Lane[C, R]) fewestAttempts() int {
	fewest := math.MaxInt
	for _, e := range l.queue {
		if e.Call != nil {
			fewest = min(fewest, e.attempts)
		}
	}
	return fewest
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
	isFenced := err != nil
	if !isFenced {
		ctx, end := tracing.Call{
			Origin: e.Origin, Name: e.Endpoint, Integration: c.name, Object: e.Key, Attempt: e.attempts + 1,
		}.Start(c.ctx)
		result, err = e.Call(ctx, *c.client.Load())
		end(err)
	}
	slowTimer.Stop()

	c.mu.Lock()
	defer c.mu.Unlock()
	l.running--
	e.attempts++
	e.state = done
	e.reportedPause = nil
	e.answer = Answer[R]{Done: true, Result: result, Err: err, At: c.clock.Now(), Attempts: e.attempts}
	c.endTrial(e)
	if !isFenced {
		c.observe(e, err)
	}
	if f := fault.From(err); f != nil {
		e.answer.RetryAt = c.retryAt(e, f)
		if f.Kind == fault.RateLimited && f.Scope == fault.Endpoint {
			l.hold(e.answer.RetryAt)
		}
		if e.isStalled() && isShared(f) {
			e.answer.Err = stalled(f)
		}
	}
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
