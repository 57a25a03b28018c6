package apiserver

import (
	"math"
	"sync"
	"time"

	"golang.org/x/time/rate"
	"k8s.io/utils/clock"
)

// maxBuckets bounds how many callers are told apart.
const maxBuckets = 4096

// buckets give each caller a rate of its own. It is safe for use by several goroutines.
type buckets struct {
	clock clock.PassiveClock
	rate  rate.Limit
	burst int

	mu  sync.Mutex
	all map[string]*rate.Limiter
}

func newBuckets(now clock.PassiveClock, perSecond float64) *buckets {
	return &buckets{clock: now, rate: rate.Limit(perSecond), burst: int(math.Ceil(2 * perSecond)), all: map[string]*rate.Limiter{}}
}

// take takes one from a caller's bucket, or says in how many seconds there is one again.
func (b *buckets) take(caller string) (retryAfter int, ok bool) {
	now := b.clock.Now()
	l := b.of(caller, now)
	if l.AllowN(now, 1) {
		return 0, true
	}
	return b.wait(l, now), false
}

// spent says that a caller's bucket is empty, without taking from it.
func (b *buckets) spent(caller string) (retryAfter int, yes bool) {
	b.mu.Lock()
	l := b.all[caller]
	b.mu.Unlock()
	now := b.clock.Now()
	if l == nil || l.TokensAt(now) >= 1 {
		return 0, false
	}
	return b.wait(l, now), true
}

func (b *buckets) wait(l *rate.Limiter, now time.Time) int {
	return max(1, int(math.Ceil((1-l.TokensAt(now))/float64(b.rate))))
}

func (b *buckets) of(caller string, now time.Time) *rate.Limiter {
	b.mu.Lock()
	defer b.mu.Unlock()
	if l, ok := b.all[caller]; ok {
		return l
	}
	if len(b.all) >= maxBuckets {
		b.makeRoom(now)
	}
	l := rate.NewLimiter(b.rate, b.burst)
	b.all[caller] = l
	return l
}

// makeRoom forgets those whose bucket is full, who lose nothing by it, and anybody when there are none.
func (b *buckets) makeRoom(now time.Time) {
	for name, l := range b.all {
		if l.TokensAt(now) >= float64(b.burst) {
			delete(b.all, name)
		}
	}
	for name := range b.all {
		if len(b.all) < maxBuckets {
			return
		}
		delete(b.all, name)
	}
}
