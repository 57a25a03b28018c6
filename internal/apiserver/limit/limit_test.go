// SPDX-License-Identifier: Apache-2.0

package limit

import (
	"context"
	"fmt"
	"net/http"
	"runtime"
	"strconv"
	"sync"
	"testing"
	"time"

	testingclock "k8s.io/utils/clock/testing"
)

func TestInFlightIsBounded(t *testing.T) {
	f := NewInFlight()
	for i := range maxInFlight {
		if _, refused := f.Acquire(strconv.Itoa(i)); refused != nil {
			t.Fatalf("request %d: %v", i, refused)
		}
	}
	if _, refused := f.Acquire("another"); refused == nil || refused.Status != http.StatusServiceUnavailable {
		t.Errorf("got %v, want 503", refused)
	}
}

// TestFewCallersLeavePlaces has callers that take what they get and hold it.
func TestFewCallersLeavePlaces(t *testing.T) {
	for _, callers := range []int{8, 32} {
		f := NewInFlight()
		for range MaxInFlightPerCaller {
			for i := range callers {
				_, _ = f.Acquire(strconv.Itoa(i))
			}
		}
		if _, refused := f.Acquire("another"); refused != nil {
			t.Errorf("%d callers took all places: %v", callers, refused)
		}
	}
}

func TestInFlightPerCaller(t *testing.T) {
	f := NewInFlight()
	var release []func()
	for i := range MaxInFlightPerCaller {
		r, refused := f.Acquire("one")
		if refused != nil {
			t.Fatalf("request %d: %v", i, refused)
		}
		release = append(release, r)
	}
	if _, refused := f.Acquire("one"); refused == nil || refused.Status != http.StatusTooManyRequests {
		t.Errorf("got %v, want 429", refused)
	}
	for _, r := range release {
		r()
	}
	if f.total != 0 || len(f.byCaller) != 0 {
		t.Errorf("%d are counted for %v after all were released", f.total, f.byCaller)
	}
}

func TestRatesAreBounded(t *testing.T) {
	now := testingclock.NewFakeClock(time.Now())
	r := NewRates(now, 1)
	for i := range 3 * maxCallers {
		r.Take(fmt.Sprint(i))
	}
	if len(r.all) > maxCallers {
		t.Errorf("%d callers are kept, more than %d", len(r.all), maxCallers)
	}
	r.Take("x")
	r.Take("x")
	if seconds, ok := r.Take("x"); ok || seconds != 1 {
		t.Errorf("got %v after %d s, want a wait of 1 s", ok, seconds)
	}
	now.Step(time.Second)
	if _, ok := r.Take("x"); !ok {
		t.Error("nothing is left a second later")
	}
}

func TestCallerQueue(t *testing.T) {
	inFlight := NewInFlight()
	c := NewCallerQueue(inFlight)
	var release []func()
	acquire := func(caller string) {
		t.Helper()
		r, refused := c.Acquire(t.Context(), caller)
		if refused != nil {
			t.Fatalf("%s: %v", caller, refused)
		}
		release = append(release, r)
	}
	for range MaxInFlightPerCaller {
		acquire("sender")
	}
	canceled, cancel := context.WithCancel(t.Context())
	cancel()
	if _, refused := c.Acquire(canceled, "sender"); refused == nil || refused.Status != http.StatusServiceUnavailable {
		t.Errorf("with a canceled request: got %v, want 503", refused)
	}
	acquire("another")
	waited := make(chan func())
	go func() {
		r, refused := c.Acquire(t.Context(), "sender")
		if refused != nil {
			t.Error(refused)
		}
		waited <- r
	}()
	release[0]()
	release[0] = <-waited
	for _, r := range release {
		r()
	}
	if inFlight.total != 0 || len(inFlight.byCaller) != 0 || len(c.all) != 0 {
		t.Errorf("%d are counted for %v, and %d queues are left, after all were released",
			inFlight.total, inFlight.byCaller, len(c.all))
	}
}

// TestTurnsAreShared has a source with many requests in line, and another that comes later.
func TestTurnsAreShared(t *testing.T) {
	now := testingclock.NewFakeClock(time.Now())
	turns := NewTurns(now)
	for range 2 * TurnsPerSecond {
		release, refused := turns.Wait(t.Context(), "first")
		if refused != nil {
			t.Fatal(refused)
		}
		release()
	}
	order := make(chan string, 200)
	take := func(source string) {
		release, refused := turns.Wait(t.Context(), source)
		if refused != nil {
			t.Error(refused)
			return
		}
		order <- source
		release()
	}
	var taken sync.WaitGroup
	for range 100 {
		taken.Go(func() { take("first") })
	}
	for now.Waiters() < turnsPerSource {
		runtime.Gosched()
	}
	taken.Go(func() { take("second") })
	for now.Waiters() < turnsPerSource+1 {
		runtime.Gosched()
	}
	for at := 0; ; at++ {
		now.Step(time.Second / (TurnsPerSecond - 10)) // a little more than a turn
		if source := <-order; source == "second" {
			if at > 2*turnsPerSource {
				t.Errorf("it waited for %d of the other", at)
			}
			break
		}
	}
	for done := false; !done; {
		now.Step(time.Second)
		turns.mu.Lock()
		done = len(turns.all) == 0
		turns.mu.Unlock()
	}
	taken.Wait()
}
