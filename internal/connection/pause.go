package connection

import (
	"time"

	"k8s.io/apimachinery/pkg/types"

	"github.com/voiceai-dev/integrations-operator/api/v1alpha1"
	"github.com/voiceai-dev/integrations-operator/internal/fault"
)

// pauseAfter is the number of failures in a row after which a connection is paused and probed. Without the pause
// every waiting object would try it.
const pauseAfter = 5

const (
	// maxFailurePause is the longest pause because of failures: work resumes soon after Slack or Jira works again, however
	// long it was away.
	maxFailurePause = 20 * time.Second
	// acceptedFor is how long a probe that succeeded after a refusal shows that the refusal concerned the call alone.
	acceptedFor = 10 * time.Minute
)

// pause is the reason why no calls are made.
type pause struct {
	fault *fault.Fault
	at    time.Time
	// quiet hides a pause from its objects and the status, such as the one before the first probe.
	quiet bool
	// afterFailures marks a pause because calls failed in a row.
	afterFailures bool
	// resuming marks a pause that ends by itself.
	resuming bool
}

// reported returns the fault that objects and the status may show, or nil.
func (p *pause) reported() *fault.Fault {
	if p == nil || p.quiet {
		return nil
	}
	return p.fault
}

// Pause stops calls until Resume. It enqueues the waiting objects, unless they already know of the same cause.
func (c *Connection[C, R]) Pause(f *fault.Fault) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.deleted = false
	c.enqueueAll(c.setPause(&pause{fault: f}))
}

// Resume lets calls start again. After a pause because of failures, one call is tried first. Each time that fails,
// the pause gets longer, even if a probe succeeds in between. Resume does nothing before Connect.
func (c *Connection[C, R]) Resume() {
	c.mu.Lock()
	defer c.mu.Unlock()
	p := c.pause.Load()
	if c.client.Load() == nil || p == nil || p.resuming {
		return
	}
	if p.afterFailures && p.fault.Kind.Permanent() { // a probe succeeded all the same
		c.acceptedAt = c.clock.Now()
	}
	if c.failurePauses > 1 && p.afterFailures {
		if wait := p.at.Add(min(backoff(c.failurePauses-1), maxFailurePause)).Sub(c.clock.Now()); wait > 0 {
			p.resuming = true
			c.clock.AfterFunc(wait, func() { c.resumeFrom(p) })
			return
		}
	}
	c.resume()
}

// Observe records the result of a call that was made outside the lanes, such as that of a test. What it means for other
// calls is the same as for a call of a lane. If it succeeded, a pause because of failures ends.
func (c *Connection[C, R]) Observe(err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.observe(err)
	if p := c.pause.Load(); err == nil && p != nil && p.afterFailures && !c.closing {
		c.resume()
	}
}

// resumeFrom ends the pause p, unless another pause has replaced it.
func (c *Connection[C, R]) resumeFrom(p *pause) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.pause.Load() == p && !c.closing {
		c.resume()
	}
}

func (c *Connection[C, R]) resume() {
	c.failures = 0
	c.pause.Store(nil)
	c.dispatchAll()
}

func (c *Connection[C, R]) dispatchAll() {
	for _, l := range c.lanes {
		l.dispatch()
	}
}

// PauseFault returns the reason why no calls are made now, or nil.
func (c *Connection[C, R]) PauseFault() *fault.Fault { return c.pause.Load().reported() }

// IsResuming reports whether the current pause ends by itself.
func (c *Connection[C, R]) IsResuming() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	p := c.pause.Load()
	return p != nil && p.resuming
}

// PausedAt returns when the current pause began. It is zero when there is none.
func (c *Connection[C, R]) PausedAt() time.Time {
	if p := c.pause.Load(); p != nil {
		return p.at
	}
	return time.Time{}
}

// UnresolvedFault returns the failure that paused calls, until a call succeeds. It is nil when there is none.
func (c *Connection[C, R]) UnresolvedFault() *fault.Fault {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.unresolved
}

// setPause pauses calls and returns the waiting objects that do not know of the cause yet. The caller holds mu.
func (c *Connection[C, R]) setPause(p *pause) []types.NamespacedName {
	p.at = c.clock.Now()
	c.pause.Store(p)
	now := p.reported()
	if now == nil {
		return nil
	}
	var waiting []types.NamespacedName
	for _, l := range c.lanes {
		for _, e := range l.queue {
			if e.Call != nil && !isSameCause(e.reportedPause, now) {
				waiting = append(waiting, e.Key)
			}
		}
	}
	return waiting
}

// isSameCause reports whether two pauses have the same cause, so that objects that know of one need not be enqueued
// for the other. All failures that pass by themselves count as one cause.
func isSameCause(a, b *fault.Fault) bool {
	switch {
	case a == nil || b == nil:
		return false
	case isTransient(a) || isTransient(b):
		return isTransient(a) == isTransient(b)
	default:
		return a.Kind == b.Kind && a.Code == b.Code && a.Message == b.Message
	}
}

func isTransient(f *fault.Fault) bool {
	return (f.Kind == fault.Unavailable || f.Kind == fault.Ambiguous) && f.Code != v1alpha1.ReasonSuspended
}
