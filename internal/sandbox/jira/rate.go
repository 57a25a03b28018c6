// SPDX-License-Identifier: Apache-2.0

package jira

import (
	"net/http"
	"strconv"
	"sync"
	"time"
)

// limiter limits the requests to each route in any second, like the burst limit on Atlassian's page on rate limiting.
// A route is a method and a template of a path.
type limiter struct {
	mu        sync.Mutex
	perSecond int // 0 for no limit
	accepted  map[string][]time.Time
}

// set sets the limit and clears the counts.
func (l *limiter) set(perSecond int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.perSecond = perSecond
	l.accepted = map[string][]time.Time{}
}

// get returns the limit.
func (l *limiter) get() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.perSecond
}

// take reports whether a request is within the limit, and counts it if so.
func (l *limiter) take(route string, now time.Time) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.perSecond == 0 {
		return true
	}
	within := l.accepted[route]
	for len(within) > 0 && now.Sub(within[0]) >= time.Second {
		within = within[1:]
	}
	fits := len(within) < l.perSecond
	if fits {
		within = append(within, now)
	}
	l.accepted[route] = within
	return fits
}

// limit answers 429 to a request that exceeds the rate limit, and reports whether it did.
func (s *Site) limit(w http.ResponseWriter, route string) bool {
	now := s.clock()
	if s.rate.take(route, now) {
		return false
	}
	s.mu.Lock()
	s.counts.RateLimited++
	s.mu.Unlock()
	h := w.Header()
	h.Set("Retry-After", "1")
	h.Set("RateLimit-Reason", "jira-burst-based")
	h.Set("X-RateLimit-Limit", strconv.Itoa(s.rate.get()))
	h.Set("X-RateLimit-Remaining", "0")
	h.Set("X-RateLimit-Reset", now.Add(time.Second).UTC().Format("2006-01-02T15:04Z"))
	refuse(http.StatusTooManyRequests, "Rate limit exceeded.").write(w)
	return true
}
