// SPDX-License-Identifier: Apache-2.0

package connection

import (
	"math/rand/v2"
	"time"

	"github.com/voiceai-dev/integrations-operator/internal/fault"
)

// maxProbeDelay bounds the time from one failed probe to the next.
const maxProbeDelay = 15 * time.Second

// requestProbe enqueues the integration to be probed. The caller holds mu.
func (c *Connection[C, R]) requestProbe() {
	c.probeRequested = true
	c.enqueueIntegration()
}

// RequestProbe makes the next reconcile of the integration probe it.
func (c *Connection[C, R]) RequestProbe() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.probeRequested = true
}

// IsProbeRequested reports whether a probe is to find out whether the connection works, as after calls that failed.
func (c *Connection[C, R]) IsProbeRequested() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.probeRequested
}

// ProbeFailed records a failed probe and reports whether calls have to be paused for it. A transient failure while calls
// succeed does not pause them the first time: the probe is repeated first. A used-up quota pauses calls here, for as long
// as Slack or Jira asks.
func (c *Connection[C, R]) ProbeFailed(f *fault.Fault) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.probeRequested = false
	isPaused := c.pause.Load() != nil
	if f.Kind.Permanent() {
		return true
	}
	isFirst := c.probeFailures == 0
	c.probeFailures++
	switch {
	case isPaused:
		return true
	case f.Kind != fault.RateLimited:
		return !isFirst || c.hasTrouble()
	case f.Scope == fault.Connection:
		c.pauseForQuota(f)
	}
	return false
}

// IsProbeFailing reports whether the latest probe failed in a way that passes by itself.
func (c *Connection[C, R]) IsProbeFailing() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.probeFailures > 0
}

// ProbeDelay returns the time from the beginning of the latest probe, which failed, to the next one. It grows with each
// failure up to maxProbeDelay.
func (c *Connection[C, R]) ProbeDelay() time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	d := min(backoff(minBackoff, max(c.probeFailures, 1)), maxProbeDelay)
	return d/2 + rand.N(d/2+1)
}
