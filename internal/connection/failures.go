// SPDX-License-Identifier: Apache-2.0

package connection

import (
	"math/rand/v2"
	"time"

	"github.com/voiceai-dev/integrations-operator/internal/fault"
)

const (
	// rateLimitPause is the wait after a rate limit that came without Retry-After.
	rateLimitPause = 30 * time.Second
	// maxRetryAfter bounds the Retry-After that is honoured.
	maxRetryAfter = time.Hour
	// slowRetry is the wait before a call is retried that a person has to make possible in Slack or Jira, such as by
	// inviting the bot to a channel. Up to half as long again is added.
	slowRetry = 5 * time.Minute
	// slowestRetry is the wait before a request is retried that was refused for its content, or that fails though others
	// succeed: the reason may be a setting in Slack or Jira, such as a required field. Up to half as long again is added.
	slowestRetry = 20 * time.Minute
	// minBackoff doubles with each failure up to maxBackoff, and up to maxWait if the failure may be the other side's. Half of
	// it is random.
	minBackoff = time.Second
	maxBackoff = 5 * time.Minute
	// minOwnBackoff doubles with each failure of a call that fails though others succeed. After maxOwnFailures of them the
	// call is retried slowly.
	minOwnBackoff  = 10 * time.Second
	maxOwnFailures = 4
	// acceptedFor is how long a probe that was accepted shows that a refusal is not one of the credentials.
	acceptedFor = time.Minute
)

// isShared reports whether a failure may be the endpoint's or the connection's: there was no usable answer, or the
// credentials were refused. Any other answer shows that they work.
func isShared(f *fault.Fault) bool { return isUnanswered(f) || isRefusal(f) }

func isUnanswered(f *fault.Fault) bool {
	return f.Kind == fault.Unavailable || f.Kind == fault.Ambiguous
}

// isRefusal reports whether the other side refused the credentials or the target of all calls.
func isRefusal(f *fault.Fault) bool { return f.Kind.Permanent() && f.Scope == fault.Connection }

// observe decides from the result of a call what follows for itself and for others. The caller holds mu.
func (c *Connection[C, R]) observe(e *entry[C, R], err error) {
	ep := c.endpoint(e.Endpoint)
	f := fault.From(err)
	switch {
	case f != nil && f.Kind == fault.RateLimited:
		c.observeLimit(ep, f)
	case f == nil || !isShared(f): // any other answer concerns this call alone
		e.failing = false
		e.ownFailures = 0
		c.succeed(e.Endpoint)
	case e.countFailure(ep):
		if ep.trouble != nil {
			c.putOffTrial(ep)
		}
	default:
		if isRefusal(f) {
			c.pauseForRefusal(ep, f)
		}
		c.fail(e.Endpoint, f)
	}
}

// observeLimit pauses calls for a used-up quota. A limit of an endpoint ends a row of failures, but no trial.
func (c *Connection[C, R]) observeLimit(ep *endpoint, f *fault.Fault) {
	switch {
	case f.Scope == fault.Connection:
		c.pauseForQuota(f)
	case ep.trouble != nil:
		c.putOffTrial(ep)
	default:
		ep.failures = 0
	}
}

func (c *Connection[C, R]) pauseForQuota(f *fault.Fault) {
	p := &pause{fault: f, resuming: true}
	if c.tryPause(p) {
		c.clock.AfterFunc(retryAfter(f), func() { c.resumeFrom(p) })
	}
}

// pauseForRefusal pauses calls until a probe has found out whether the credentials are refused. If the probe is accepted,
// or was accepted a moment ago, the refusal is the endpoint's or the call's.
func (c *Connection[C, R]) pauseForRefusal(ep *endpoint, f *fault.Fault) {
	c.answered = false
	if ep.trouble == nil && (c.acceptedAt.IsZero() || c.clock.Since(c.acceptedAt) >= acceptedFor) {
		c.tryPause(&pause{fault: f, afterRefusal: true})
	}
}

// countFailure records a failure of the call, and reports whether it is the call's own: it failed before, and other calls
// succeeded since at an endpoint that is healthy. Such a failure says nothing about other calls.
func (e *entry[C, R]) countFailure(ep *endpoint) (own bool) {
	switch {
	case !e.failing:
		e.failing = true
		e.othersBefore = ep.successes
	case ep.trouble == nil && ep.successes > e.othersBefore:
		e.ownFailures++
	}
	return e.ownFailures > 0
}

// isStalled reports whether the call failed often enough though others succeeded.
func (e *entry[C, R]) isStalled() bool { return e.ownFailures >= maxOwnFailures }

// stalled returns the fault of a call that is stalled.
func stalled(f *fault.Fault) *fault.Fault {
	out := *f
	out.Persistent = true
	out.Err = nil
	out.Message = f.Error() + ". It failed again and again while others succeeded, so it is retried every 20 to 30 minutes, " +
		"and when it changes."
	return &out
}

// Observe records the result of a call to an endpoint that was made outside the lanes, such as that of a test. If it
// succeeded, a pause because of a refusal ends. If it was refused, the endpoint is on trial.
func (c *Connection[C, R]) Observe(name string, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	ep := c.endpoint(name)
	f := fault.From(err)
	switch {
	case f != nil && f.Kind == fault.RateLimited:
		c.observeLimit(ep, f)
	case f != nil && isRefusal(f):
		c.pauseForRefusal(ep, f)
		c.startTrial(name, f)
	case f != nil && isUnanswered(f):
		c.fail(name, f)
	default:
		c.succeed(name)
	}
	if p := c.pause.Load(); err == nil && p != nil && p.afterRefusal && !c.closing {
		c.resume()
	}
}

func retryAfter(f *fault.Fault) time.Duration {
	if f.RetryAfter > 0 {
		return min(f.RetryAfter, maxRetryAfter)
	}
	return rateLimitPause
}

// retryAt returns when a failed call may be retried. It is zero when the object has to change first.
func (c *Connection[C, R]) retryAt(e *entry[C, R], f *fault.Fault) time.Time {
	now := c.clock.Now()
	switch {
	case c.pause.Load() != nil && f.Scope == fault.Connection && e.ownFailures == 0:
		return now // the call waits until the connection is resumed
	case e.isStalled():
		return now.Add(slowestRetry + rand.N(slowestRetry/2))
	case f.Kind == fault.RateLimited:
		return now.Add(retryAfter(f))
	case f.Kind == fault.Ambiguous:
		return time.Time{}
	case f.Kind == fault.Invalid:
		return now.Add(slowestRetry + rand.N(slowestRetry/2))
	case f.Kind == fault.NotFound || f.Kind == fault.Unauthorized:
		return now.Add(slowRetry + rand.N(slowRetry/2)) // fixed in Slack or Jira, which do not notify the operator
	}
	d := min(backoff(minBackoff, e.attempts), maxBackoff)
	switch {
	case e.ownFailures > 0:
		d = backoff(minOwnBackoff, e.ownFailures)
	case isShared(f):
		d = min(d, maxWait)
	}
	return now.Add(max(d/2+rand.N(d/2+1), min(f.RetryAfter, maxRetryAfter)))
}

// backoff returns how long to wait after a number of failures, when it is first after one.
func backoff(first time.Duration, failures int) time.Duration {
	return first << min(failures-1, 10)
}
