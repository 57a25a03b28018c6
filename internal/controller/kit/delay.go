// SPDX-License-Identifier: Apache-2.0

package kit

import "time"

// Until returns how long it is until a time, and at least a moment, so that it can be a RequeueAfter.
func Until(t, now time.Time) time.Duration { return max(t.Sub(now), 10*time.Millisecond) }

// Sooner returns the shorter of two delays, of which 0 means none.
func Sooner(a, b time.Duration) time.Duration {
	if a == 0 || b != 0 && b < a {
		return b
	}
	return a
}
