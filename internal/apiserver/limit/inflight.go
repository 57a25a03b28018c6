// SPDX-License-Identifier: Apache-2.0

package limit

import (
	"context"
	"net/http"
	"sync"
	"time"

	"github.com/voiceai-dev/integrations-operator/internal/apiserver/problem"
)

const (
	// maxInFlight bounds the requests that are handled at once.
	maxInFlight = 256
	// MaxInFlightPerCaller bounds those of one caller.
	MaxInFlightPerCaller = 32
	// freePerCaller is how many free places a caller leaves for each that it has, so that a few callers cannot take all:
	// eight take two thirds.
	freePerCaller = 4
	// queueTimeout is how long a request waits in a CallerQueue.
	queueTimeout = 5 * time.Second
)

// InFlight counts the requests that are being handled, of all callers and of each. It is safe for use by several
// goroutines.
type InFlight struct {
	mu       sync.Mutex
	total    int
	byCaller map[string]int
}

// NewInFlight returns an InFlight that counts none.
func NewInFlight() *InFlight { return &InFlight{byCaller: map[string]int{}} }

// Acquire counts a request of a caller until it is released, or refuses it when there are too many.
func (f *InFlight) Acquire(caller string) (release func(), refused *problem.Problem) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.byCaller[caller] >= MaxInFlightPerCaller {
		return nil, problem.Temporary(http.StatusTooManyRequests, 1,
			"%d of your requests are in flight; wait for one to end", MaxInFlightPerCaller)
	}
	if free := maxInFlight - f.total; free <= freePerCaller*f.byCaller[caller] {
		return nil, problem.Temporary(http.StatusServiceUnavailable, 1, "too many requests are in flight; try again")
	}
	f.total++
	f.byCaller[caller]++
	return func() {
		f.mu.Lock()
		defer f.mu.Unlock()
		f.total--
		if f.byCaller[caller]--; f.byCaller[caller] == 0 {
			delete(f.byCaller, caller)
		}
	}, nil
}

// CallerQueue lets MaxInFlightPerCaller requests of each caller through at once. The others wait, and their bodies
// are not read meanwhile. It is safe for use by several goroutines.
type CallerQueue struct {
	// inFlight counts them among all requests.
	inFlight *InFlight
	queues
}

// NewCallerQueue returns a CallerQueue without requests.
func NewCallerQueue(inFlight *InFlight) *CallerQueue {
	return &CallerQueue{inFlight: inFlight, queues: newQueues(MaxInFlightPerCaller)}
}

// Acquire waits until a request of a caller is let through. It counts until it is released.
func (c *CallerQueue) Acquire(ctx context.Context, caller string) (release func(), refused *problem.Problem) {
	ctx, cancel := context.WithTimeout(ctx, queueTimeout)
	defer cancel()
	q := c.join(caller)
	select {
	case q.slots <- struct{}{}:
	case <-ctx.Done():
		c.leave(caller, q)
		return nil, problem.Temporary(http.StatusServiceUnavailable, 1,
			"%d of your requests are in flight, and others wait; try again", MaxInFlightPerCaller)
	}
	// The events that a caller sends do not count against its other requests.
	done, refused := c.inFlight.Acquire("events of " + caller)
	if refused != nil {
		<-q.slots
		c.leave(caller, q)
		return nil, refused
	}
	return func() {
		done()
		<-q.slots
		c.leave(caller, q)
	}, nil
}
