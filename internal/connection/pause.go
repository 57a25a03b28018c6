// SPDX-License-Identifier: Apache-2.0

package connection

import (
	"time"

	"k8s.io/apimachinery/pkg/types"

	"github.com/voiceai-dev/integrations-operator/api/v1alpha1"
	"github.com/voiceai-dev/integrations-operator/internal/fault"
)

// pause is the reason why no calls are made.
type pause struct {
	fault *fault.Fault
	at    time.Time
	// quiet hides a pause from its objects and the status, such as the one before the first probe.
	quiet bool
	// afterRefusal marks a pause because a call was refused. A probe decides whether all are.
	afterRefusal bool
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

// Resume lets calls start again after a probe was accepted. What failed because of the connection is due. Resume does
// nothing before Connect.
func (c *Connection[C, R]) Resume() {
	c.mu.Lock()
	defer c.mu.Unlock()
	p := c.pause.Load()
	if c.client.Load() == nil || p == nil || p.resuming {
		return
	}
	if now := c.clock.Now(); p.afterRefusal && now.Sub(p.at) < acceptedFor { // a probe that shows nothing takes longer
		c.acceptedAt = now
	}
	c.resume()
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
	c.pause.Store(nil)
	for _, ep := range c.endpoints {
		ep.nextTrial = time.Time{}
		c.changes++
	}
	c.release(func(*entry[C, R]) bool { return true })
	c.dispatchAll()
}

// tryPause pauses calls, unless they are paused already, and requests a probe. It reports whether it paused them. The
// caller holds mu.
func (c *Connection[C, R]) tryPause(p *pause) bool {
	if c.pause.Load() != nil {
		return false
	}
	c.enqueueAll(c.setPause(p))
	c.requestProbe()
	return true
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

// setPause pauses calls and returns the waiting objects that do not know of the cause yet. The caller holds mu.
func (c *Connection[C, R]) setPause(p *pause) []types.NamespacedName {
	p.at = c.clock.Now()
	c.pause.Store(p)
	return c.unaware(p.reported(), func(*entry[C, R]) bool { return true })
}

// unaware returns the objects of the matching calls that wait and do not know the cause yet. The caller holds mu.
func (c *Connection[C, R]) unaware(cause *fault.Fault, matches func(*entry[C, R]) bool) []types.NamespacedName {
	if cause == nil {
		return nil
	}
	var waiting []types.NamespacedName
	for _, l := range c.lanes {
		for _, e := range l.queue {
			if e.Call != nil && matches(e) && !isSameCause(e.reportedPause, cause) {
				waiting = append(waiting, e.Key)
			}
		}
	}
	return waiting
}

// pauseFor returns why a call is not made now: the connection's pause, or the trouble of its endpoint. It is nil when the
// call waits for its turn only. The caller holds mu.
func (c *Connection[C, R]) pauseFor(e *entry[C, R]) *pause {
	if p := c.pause.Load(); p != nil {
		return p
	}
	if f := c.endpoint(e.Endpoint).trouble; f != nil {
		return &pause{fault: f}
	}
	return nil
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
	return isUnanswered(f) && f.Code != v1alpha1.ReasonSuspended
}
