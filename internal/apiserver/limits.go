package apiserver

import (
	"context"
	"math"
	"net/http"
	"sync"
	"time"

	"golang.org/x/time/rate"
	"k8s.io/utils/clock"
)

const (
	// maxBuckets bounds how many callers are told apart.
	maxBuckets = 4096
	// sendersFactor is how much more often somebody may send events than ask: each may be a request of its own.
	sendersFactor = 50
	// turnWithin is how long a request that brings events waits for its turn.
	turnWithin = 5 * time.Second
)

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

// turns let so many requests of each caller through at once, and have the others wait, whose bodies are not read meanwhile. It is safe for use by
// several goroutines.
type turns struct {
	// under counts them among all that is under way.
	under *underWay

	mu sync.Mutex
	of map[string]*line
}

// line is the requests of one caller: those whose turn it is are in taken.
type line struct {
	taken chan struct{}
	all   int
}

// enter waits for a caller's turn. leave is to be called when it is over.
func (t *turns) enter(ctx context.Context, caller string) (leave func(), problem *Problem) {
	ctx, cancel := context.WithTimeout(ctx, turnWithin)
	defer cancel()
	t.mu.Lock()
	l := t.of[caller]
	if l == nil {
		l = &line{taken: make(chan struct{}, maxInFlightPerCaller)}
		t.of[caller] = l
	}
	l.all++
	t.mu.Unlock()
	gone := func() {
		t.mu.Lock()
		defer t.mu.Unlock()
		if l.all--; l.all == 0 {
			delete(t.of, caller)
		}
	}
	select {
	case l.taken <- struct{}{}:
	case <-ctx.Done():
		gone()
		return nil, later(http.StatusServiceUnavailable, 1, "%d of your requests are under way, and others wait; try again", maxInFlightPerCaller)
	}
	// What somebody sends is not held against what the same one asks.
	out, problem := t.under.enter("events of " + caller)
	if problem != nil {
		<-l.taken
		gone()
		return nil, problem
	}
	return func() {
		out()
		<-l.taken
		gone()
	}, nil
}
