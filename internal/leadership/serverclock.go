// SPDX-License-Identifier: Apache-2.0

package leadership

import (
	"net/http"
	"sync"
	"time"
)

const (
	// skewMargin covers the differences between the clocks of a cluster's API servers.
	skewMargin = 500 * time.Millisecond
	// sampleAge is how long an answer of the API server counts for the estimate of its clock.
	sampleAge = 5 * time.Minute
)

// ServerClock estimates the clock of the API server from the Date header of its answers. An object's creation timestamp
// is of that clock, which may differ from this machine's. It is safe for concurrent use.
type ServerClock struct {
	now  func() time.Time
	base time.Time

	mu sync.Mutex
	// current and former bound how far the API server's clock is ahead, by the answers of the present sampleAge and of
	// the one before.
	current, former offset
}

// offset bounds how far one clock is ahead of another. The zero value is not known.
type offset struct {
	min, max time.Duration
	known    bool
	since    time.Time
}

// NewServerClock returns a ServerClock that has seen no answer. now returns the time with a monotonic reading.
func NewServerClock(now func() time.Time) *ServerClock {
	return &ServerClock{now: now, base: now()}
}

// Wrap returns a transport to the API server whose answers the clock observes.
func (c *ServerClock) Wrap(next http.RoundTripper) http.RoundTripper {
	return observer{clock: c, next: next}
}

type observer struct {
	clock *ServerClock
	next  http.RoundTripper
}

// RoundTrip sends a request and observes the answer's Date.
func (o observer) RoundTrip(r *http.Request) (*http.Response, error) {
	sent := o.clock.now()
	res, err := o.next.RoundTrip(r)
	if err == nil {
		if date, dateErr := http.ParseTime(res.Header.Get("Date")); dateErr == nil {
			o.clock.observe(sent, o.clock.now(), date)
		}
	}
	return res, err
}

// steady returns a time of this machine as its clock would show it without having been set since base.
func (c *ServerClock) steady(t time.Time) time.Time { return c.base.Add(t.Sub(c.base)).Round(0) }

// observe narrows the bounds by an answer to a request that was sent and received at times of this machine. Its date is
// in whole seconds. An answer that contradicts the others is of a clock that was set: it is left out, until all answers
// that count are of the new setting.
func (c *ServerClock) observe(sent, received, date time.Time) {
	seen := offset{
		min: date.Sub(c.steady(received)), max: date.Add(time.Second).Sub(c.steady(sent)), known: true, since: received,
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.current.known || received.Sub(c.current.since) > sampleAge {
		c.former = c.current
		c.current = seen
		return
	}
	if seen.min <= c.current.max && seen.max >= c.current.min {
		c.current.min = max(c.current.min, seen.min)
		c.current.max = min(c.current.max, seen.max)
	}
}

// bounds returns how far the API server's clock is ahead of this machine's, at least and at most.
func (c *ServerClock) bounds() (atLeast, atMost time.Duration, known bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	b := c.current
	if f := c.former; f.known && f.min <= b.max && f.max >= b.min {
		b.min = max(b.min, f.min)
		b.max = min(b.max, f.max)
	}
	return b.min, b.max, b.known
}

// Start is the moment at which this process became the leader.
type Start struct {
	// Local is the moment by this machine's clock.
	Local time.Time
	// Server is no earlier than the moment by the API server's clock. An object whose creation timestamp is not after it
	// may be older than the leader.
	Server time.Time
	// NewerFrom is when every object that is created is newer than Server, by this machine's clock.
	NewerFrom time.Time
}

// StartAt returns a moment of this machine as a Start. Without an answer of the API server its clock counts as equal.
func (c *ServerClock) StartAt(local time.Time) Start {
	atLeast, atMost, known := c.bounds()
	if !known {
		atLeast = 0
		atMost = 0
	}
	server := c.steady(local).Add(atMost + skewMargin)
	newer := server.Truncate(time.Second).Add(time.Second) // creation timestamps are in whole seconds
	return Start{Local: local, Server: server, NewerFrom: local.Add(newer.Sub(c.steady(local)) - atLeast)}
}
