// SPDX-License-Identifier: Apache-2.0

package socket

import (
	"math/rand/v2"
	"time"

	"github.com/voiceai-dev/integrations-operator/internal/chat"
	"github.com/voiceai-dev/integrations-operator/internal/fault"
)

const (
	// minAge is how long after one connection the next is opened, however soon Slack wants to replace it.
	minAge = time.Second
	// stableAge is how old a connection must get for earlier failures to be forgotten.
	stableAge = 10 * time.Second
	// maxReconnectWait bounds every wait.
	maxReconnectWait = 10 * time.Minute
)

// backoff decides when the next connection is opened. The zero value has seen no failure.
type backoff struct{ failures int }

// after returns how long to wait after a connection that was open for some time and ended with a fault; nil if it is only
// to be replaced.
func (b *backoff) after(f *fault.Fault, age time.Duration) time.Duration {
	if f == nil {
		b.failures = 0
		return max(minAge-age, 0)
	}
	if age >= stableAge {
		b.failures = 0
	}
	first, most := bounds(f)
	wait := min(first<<min(b.failures, 16), most)
	b.failures++
	wait -= rand.N(wait / 5) // so that the connections of many apps do not come at once
	return min(max(wait, f.RetryAfter), maxReconnectWait)
}

// bounds returns the first and the longest wait after a fault.
func bounds(f *fault.Fault) (first, most time.Duration) {
	switch {
	case f.Code == chat.CodeLinkDisabled, f.Code == chat.CodeTooManyWebSockets, f.Kind == fault.RateLimited:
		return 30 * time.Second, 5 * time.Minute
	case f.Kind.Permanent(): // until a person changes something, perhaps in Slack
		return time.Minute, maxReconnectWait
	}
	return time.Second, 30 * time.Second
}
