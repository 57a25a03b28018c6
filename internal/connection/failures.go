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
	// slowestRetry is the wait before a request is retried that was refused for its content: the reason may be a
	// setting in Slack or Jira, such as a required field. Up to half as long again is added.
	slowestRetry = 20 * time.Minute
	// minBackoff doubles with each failure up to maxBackoff. Half of it is random.
	minBackoff = time.Second
	maxBackoff = 5 * time.Minute
)

// ProbeFailed records a failed probe and reports whether calls have to be paused for it. A transient failure while
// calls are made does not pause them the first time: the probe is repeated first. A used-up quota pauses calls here,
// for as long as Slack or Jira asks.
func (c *Connection[C, R]) ProbeFailed(f *fault.Fault) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.pause.Load() != nil || f.Kind.Permanent() {
		return true
	}
	before := c.probeFailing
	c.probeFailing = true
	if f.Kind != fault.RateLimited {
		return before
	}
	if f.Scope == fault.Connection {
		c.observe(f)
	}
	return false
}

// IsProbeFailing reports whether the latest probe failed, though calls are still made.
func (c *Connection[C, R]) IsProbeFailing() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.probeFailing
}

// observe decides from the result of one call what follows for all others. The caller holds mu.
func (c *Connection[C, R]) observe(err error) {
	reported := fault.From(err)
	f := c.inScope(reported)
	switch {
	case f == nil:
		c.resetFailures()
	case f != reported: // it says nothing about other calls
	case f.Kind.Permanent() && f.Scope == fault.Connection:
		c.pauseAfterFailures(f) // a probe may still succeed, if the token lacks a scope that only calls need
	case f.Kind == fault.RateLimited && f.Scope == fault.Connection:
		p := &pause{fault: f, resuming: true}
		if c.tryPause(p) {
			c.clock.AfterFunc(retryAfter(f), func() { c.resumeFrom(p) })
		}
	case f.Kind == fault.Unavailable || f.Kind == fault.Ambiguous:
		if c.failures++; c.failures < pauseAfter && c.failurePauses == 0 {
			return
		}
		c.pauseAfterFailures(f)
	default: // Slack or Jira answered: the failure concerns this call alone
		c.resetFailures()
	}
}

// inScope returns a fault in the scope that other calls have shown: a refusal that a probe does not meet, such as one for
// a scope that the token lacks, concerns the call's endpoint. Otherwise one such call would starve all others. The
// caller holds mu.
func (c *Connection[C, R]) inScope(f *fault.Fault) *fault.Fault {
	if f == nil || f.Scope != fault.Connection || !f.Kind.Permanent() || c.acceptedAt.IsZero() ||
		c.clock.Since(c.acceptedAt) > acceptedFor {
		return f
	}
	g := *f
	g.Scope = fault.Endpoint
	return &g
}

// pauseAfterFailures pauses calls because of failures. Resume waits longer after each such pause.
func (c *Connection[C, R]) pauseAfterFailures(f *fault.Fault) {
	if c.tryPause(&pause{fault: f, afterFailures: true}) {
		c.failurePauses++
		c.unresolved = f
	}
}

// resetFailures ends the caution after a failure pause: all lanes call at their full rate again.
func (c *Connection[C, R]) resetFailures() {
	c.failures = 0
	if c.failurePauses > 0 {
		c.failurePauses = 0
		c.unresolved = nil
		c.enqueueIntegration()
		c.dispatchAll()
	}
}

// tryPause pauses calls, unless they are paused already, and enqueues the integration to be probed. It reports
// whether it paused them. The caller holds mu.
func (c *Connection[C, R]) tryPause(p *pause) bool {
	if c.pause.Load() != nil {
		return false
	}
	c.enqueueAll(c.setPause(p))
	c.enqueueIntegration()
	return true
}

func retryAfter(f *fault.Fault) time.Duration {
	if f.RetryAfter > 0 {
		return min(f.RetryAfter, maxRetryAfter)
	}
	return rateLimitPause
}

// retryAt returns when a failed call may be retried. It is zero when the object has to change first.
func (c *Connection[C, R]) retryAt(f *fault.Fault, attempts int) time.Time {
	now := c.clock.Now()
	switch {
	case f.Scope == fault.Connection:
		return now // the call waits until the connection is resumed
	case f.Kind == fault.RateLimited:
		return now.Add(retryAfter(f))
	case f.Kind == fault.Ambiguous:
		return time.Time{}
	case f.Kind == fault.Invalid:
		return now.Add(slowestRetry + rand.N(slowestRetry/2))
	case f.Kind == fault.NotFound || f.Kind == fault.Unauthorized:
		return now.Add(slowRetry + rand.N(slowRetry/2)) // fixed in Slack or Jira, which do not notify the operator
	}
	d := backoff(attempts)
	return now.Add(max(d/2+rand.N(d/2+1), f.RetryAfter))
}

// backoff returns how long to wait after a number of failures.
func backoff(failures int) time.Duration {
	return min(minBackoff<<min(failures-1, 10), maxBackoff)
}
