// SPDX-License-Identifier: Apache-2.0

package limit

import (
	"context"
	"net/http"
	"time"

	"golang.org/x/time/rate"
	"k8s.io/utils/clock"

	"github.com/voiceai-dev/integrations-operator/internal/apiserver/problem"
)

const (
	// TurnsPerSecond is how many turns there are for all sources, with bursts of twice as many.
	TurnsPerSecond = 100
	// turnsPerSource is how many requests of a source take turns at once; its others wait for these. So a source that
	// has many of them shares the turns with the others.
	turnsPerSource = 4
	// maxWaiting bounds the requests of a source that wait.
	maxWaiting = 1000
	// turnTimeout is how long a request waits for its turn.
	turnTimeout = 10 * time.Second
)

// Turns lets requests through one after the other, at a rate for all sources together and with a fair share for each.
// Requests wait for their turn: those that mean well are not refused because of others of the same source. It is safe
// for use by several goroutines.
type Turns struct {
	clock clock.Clock
	rate  *rate.Limiter
	queues
}

// NewTurns returns Turns without requests.
func NewTurns(now clock.Clock) *Turns {
	return &Turns{clock: now, rate: rate.NewLimiter(TurnsPerSecond, 2*TurnsPerSecond), queues: newQueues(turnsPerSource)}
}

// Wait waits for a turn of a source. It lasts until it is released.
func (t *Turns) Wait(ctx context.Context, source string) (release func(), refused *problem.Problem) {
	ctx, cancel := context.WithTimeout(ctx, turnTimeout)
	defer cancel()
	q := t.join(source)
	if q.total.Load() > maxWaiting {
		t.leave(source, q)
		return nil, noTurn()
	}
	select {
	case q.slots <- struct{}{}:
	case <-ctx.Done():
		t.leave(source, q)
		return nil, noTurn()
	}
	release = func() {
		<-q.slots
		t.leave(source, q)
	}
	if !t.wait(ctx) {
		release()
		return nil, noTurn()
	}
	return release, nil
}

// wait waits for the next turn of all.
func (t *Turns) wait(ctx context.Context) bool {
	now := t.clock.Now()
	turn := t.rate.ReserveN(now, 1)
	delay := turn.DelayFrom(now)
	if delay == 0 {
		return true
	}
	timer := t.clock.NewTimer(delay)
	defer timer.Stop()
	select {
	case <-timer.C():
		return true
	case <-ctx.Done():
		turn.CancelAt(t.clock.Now())
		return false
	}
}

func noTurn() *problem.Problem {
	return problem.Temporary(http.StatusServiceUnavailable, 1, "too many tokens that are not known yet; try again")
}
