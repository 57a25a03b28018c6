// SPDX-License-Identifier: Apache-2.0

// Package limit bounds how often and how much callers use the REST API.
package limit

import (
	"math"
	"sync"
	"time"

	"golang.org/x/time/rate"
	"k8s.io/utils/clock"
)

// maxCallers bounds how many callers have a rate of their own.
const maxCallers = 4096

// Rates gives each caller a rate of its own. It is safe for use by several goroutines.
type Rates struct {
	clock clock.PassiveClock
	rate  rate.Limit
	burst int

	mu  sync.Mutex
	all map[string]*rate.Limiter
}

// NewRates returns Rates of so many requests per second, with bursts of twice as many.
func NewRates(now clock.PassiveClock, perSecond float64) *Rates {
	return &Rates{
		clock: now, rate: rate.Limit(perSecond), burst: int(math.Ceil(2 * perSecond)), all: map[string]*rate.Limiter{},
	}
}

// PerSecond returns the rate.
func (r *Rates) PerSecond() float64 { return float64(r.rate) }

// Take takes a request from a caller's rate. When there is none, it returns after how many seconds there is.
func (r *Rates) Take(caller string) (retryAfter int, ok bool) {
	now := r.clock.Now()
	l := r.limiter(caller, now)
	if l.AllowN(now, 1) {
		return 0, true
	}
	return r.wait(l, now), false
}

func (r *Rates) wait(l *rate.Limiter, now time.Time) int {
	return max(1, int(math.Ceil((1-l.TokensAt(now))/float64(r.rate))))
}

func (r *Rates) limiter(caller string, now time.Time) *rate.Limiter {
	r.mu.Lock()
	defer r.mu.Unlock()
	if l, ok := r.all[caller]; ok {
		return l
	}
	if len(r.all) >= maxCallers {
		r.makeRoom(now)
	}
	l := rate.NewLimiter(r.rate, r.burst)
	r.all[caller] = l
	return l
}

// makeRoom forgets callers that have not used their rate, who lose nothing by it, and any others when there are none.
func (r *Rates) makeRoom(now time.Time) {
	for name, l := range r.all {
		if l.TokensAt(now) >= float64(r.burst) {
			delete(r.all, name)
		}
	}
	for name := range r.all {
		if len(r.all) < maxCallers {
			return
		}
		delete(r.all, name)
	}
}
