// SPDX-License-Identifier: Apache-2.0

package connection

import (
	"cmp"
	"maps"
	"slices"
	"time"

	"k8s.io/utils/clock"

	"github.com/voiceai-dev/integrations-operator/internal/fault"
)

const (
	// troubleAfter is the number of failures in a row after which an endpoint is on trial.
	troubleAfter = 5
	// trialShare is how the time that an endpoint has been failing is divided to get the time between two trials,
	// which is at least minTrialGap and at most maxWait.
	trialShare  = 20
	minTrialGap = time.Second
	// maxWait bounds how long calls and probes wait for the other side to work again, however long it was away.
	maxWait = 20 * time.Second
	// troubleKept is how long the trouble of an endpoint is remembered for which nothing waits any more.
	troubleKept = 5 * time.Minute
)

// endpoint is the health of one endpoint of Slack or Jira, such as that which creates issues. It is healthy, or on trial:
// then one call is made at a time, with a gap after each that fails. The first one that is answered ends the trial.
type endpoint struct {
	// successes counts the calls that were answered.
	successes int
	// failures counts the failures in a row that may be the endpoint's. The first of them was at failingSince.
	failures     int
	failingSince time.Time
	// trouble is the failure for which the endpoint is on trial, failedAt when it was; nil when it is healthy.
	trouble  *fault.Fault
	failedAt time.Time
	// trying is set while a trial is in flight. The next one is made at nextTrial.
	trying    bool
	nextTrial time.Time
	timer     clock.Timer
}

// isTrialDue reports whether a call may be made to an endpoint that is on trial.
func (ep *endpoint) isTrialDue(now time.Time) bool { return !ep.trying && !now.Before(ep.nextTrial) }

// nextCall returns when a call may be made to the endpoint: any time, which is the zero time, when it is healthy.
func (ep *endpoint) nextCall() time.Time {
	if ep.trouble == nil {
		return time.Time{}
	}
	return ep.nextTrial
}

// endpoint returns the health of an endpoint. The caller holds mu.
func (c *Connection[C, R]) endpoint(name string) *endpoint {
	ep := c.endpoints[name]
	if ep == nil {
		ep = &endpoint{}
		c.endpoints[name] = ep
	}
	return ep
}

// endTrial records that a call has ended, which may have been a trial.
func (c *Connection[C, R]) endTrial(e *entry[C, R]) {
	if e.isTrial {
		e.isTrial = false
		c.endpoint(e.Endpoint).trying = false
		c.changes++
	}
}

// succeed records an answer of an endpoint. One that was on trial is healthy again: what failed meanwhile is due.
func (c *Connection[C, R]) succeed(name string) {
	ep := c.endpoint(name)
	c.answered = true
	ep.successes++
	ep.failures = 0
	if ep.trouble == nil {
		return
	}
	ep.trouble = nil
	c.changes++
	c.release(func(e *entry[C, R]) bool { return e.Endpoint == name })
	c.enqueueIntegration()
	c.dispatchAll()
}

// fail records a failure that may be the endpoint's.
func (c *Connection[C, R]) fail(name string, f *fault.Fault) {
	ep := c.endpoint(name)
	now := c.clock.Now()
	if ep.failures++; ep.failures == 1 {
		ep.failingSince = now
	}
	switch {
	case ep.trouble != nil:
		c.putOffTrial(ep)
	case ep.failures >= troubleAfter:
		c.startTrial(name, f)
		return
	default:
		return
	}
	ep.trouble = f
	ep.failedAt = now
}

// startTrial puts an endpoint on trial and requests a probe, which decides whether the whole connection fails. It
// enqueues the objects that wait for the endpoint.
func (c *Connection[C, R]) startTrial(name string, f *fault.Fault) {
	ep := c.endpoint(name)
	if ep.failures == 0 {
		ep.failingSince = c.clock.Now()
	}
	ep.trouble = f
	ep.failedAt = c.clock.Now()
	c.putOffTrial(ep)
	if c.pause.Load() == nil {
		c.enqueueAll(c.unaware(f, func(e *entry[C, R]) bool { return e.Endpoint == name }))
	}
	c.requestProbe()
}

// putOffTrial sets the time of the next trial.
func (c *Connection[C, R]) putOffTrial(ep *endpoint) {
	now := c.clock.Now()
	gap := trialGap(now.Sub(ep.failingSince))
	ep.nextTrial = now.Add(gap)
	c.changes++
	if ep.timer != nil {
		ep.timer.Stop()
	}
	ep.timer = c.clock.AfterFunc(gap, func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.dispatchAll()
	})
}

// trialGap returns the time between two trials of an endpoint that has been failing for a while.
func trialGap(failing time.Duration) time.Duration {
	return min(max(failing/trialShare, minTrialGap), maxWait)
}

// hasTrouble reports whether an endpoint is on trial.
func (c *Connection[C, R]) hasTrouble() bool {
	for _, ep := range c.endpoints {
		if ep.trouble != nil {
			return true
		}
	}
	return false
}

// UnresolvedFault returns why an endpoint is on trial, though the connection works. It is nil when all are healthy.
func (c *Connection[C, R]) UnresolvedFault() *fault.Fault {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, name := range slices.Sorted(maps.Keys(c.endpoints)) {
		ep := c.endpoints[name]
		if ep.trouble == nil {
			continue
		}
		if c.clock.Since(ep.failedAt) < troubleKept || c.isWaitedFor(name) {
			return ep.trouble
		}
		ep.trouble = nil // what failed was deleted, or is not wanted any more
		c.changes++
		ep.failures = 0
	}
	return nil
}

// isWaitedFor reports whether a call to an endpoint waits or is to be retried.
func (c *Connection[C, R]) isWaitedFor(name string) bool {
	for _, l := range c.lanes {
		for _, e := range l.entries {
			if e.Endpoint == name && (e.state != done || e.answer.Err != nil) {
				return true
			}
		}
	}
	return false
}

// release makes the matching calls due that failed because of the connection or an endpoint, as far as is known, and
// enqueues their objects. Calls in doubt have a time of their own.
func (c *Connection[C, R]) release(matches func(*entry[C, R]) bool) {
	now := c.clock.Now()
	for _, l := range c.lanes {
		for key, e := range l.entries {
			f := fault.From(e.answer.Err)
			if e.state == done && f != nil && isShared(f) && f.Kind != fault.Ambiguous && e.ownFailures == 0 && matches(e) {
				e.answer.RetryAt = now
				c.enqueue(key)
			}
		}
	}
}

// dispatchAll starts the calls whose turn it is. For trials, lanes come first that have a call with fewer failures.
func (c *Connection[C, R]) dispatchAll() {
	lanes := slices.Collect(maps.Values(c.lanes))
	if c.hasTrouble() {
		attempts := make(map[*Lane[C, R]]int, len(lanes))
		for _, l := range lanes {
			attempts[l] = l.fewestAttempts()
		}
		slices.SortFunc(lanes, func(a, b *Lane[C, R]) int { return cmp.Compare(attempts[a], attempts[b]) })
	}
	for _, l := range lanes {
		l.dispatch()
	}
}
