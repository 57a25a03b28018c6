// SPDX-License-Identifier: Apache-2.0

package fault

import (
	"net/http"
	"strconv"
	"strings"
	"time"
)

// MaxRetryAfter bounds what RetryAfter returns. Slack and Jira reset their limits at least once an hour, so that a
// longer wait is a mistake or an attack.
const MaxRetryAfter = 24 * time.Hour

// RetryAfter returns the duration in a Retry-After header, which has seconds or an HTTP date (RFC 9110, section
// 10.2.3). It returns 0 if the header is missing or invalid, and MaxRetryAfter at most.
func RetryAfter(h http.Header, now time.Time) time.Duration {
	v := strings.TrimSpace(h.Get("Retry-After"))
	if s, err := strconv.ParseUint(v, 10, 31); err == nil {
		return min(time.Duration(s)*time.Second, MaxRetryAfter)
	}
	if t, err := http.ParseTime(v); err == nil && t.After(now) {
		return min(t.Sub(now), MaxRetryAfter)
	}
	return 0
}
