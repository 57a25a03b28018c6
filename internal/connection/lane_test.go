// SPDX-License-Identifier: Apache-2.0

package connection_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"k8s.io/apimachinery/pkg/types"

	"github.com/voiceai-dev/integrations-operator/internal/connection"
	"github.com/voiceai-dev/integrations-operator/internal/fault"
)

func TestSubmitCallsOnce(t *testing.T) {
	inBubble(t, connection.Limits{}, func(t *testing.T, r *rig) {
		lane := r.conn.Lane("")
		if a := r.submit("", "a", time.Second, nil); a.Done || a.Pause != nil || a.Slow || a.Attempts != 0 {
			t.Errorf("at once: %+v", a)
		}
		if _, ok := lane.Peek(key("a"), uid("a")); ok {
			t.Error("Peek returned an answer before the call ended")
		}
		r.submit("", "a", time.Second, nil)
		pass(1500 * time.Millisecond)
		for range 2 {
			a := r.submit("", "a", time.Second, nil)
			if !a.Done || a.Result != "client/a" || a.Err != nil || a.Attempts != 1 || a.Retrying {
				t.Errorf("after the call: %+v", a)
			}
		}
		if a, ok := lane.Peek(key("a"), uid("a")); !ok || a.Result != "client/a" {
			t.Errorf("Peek returned %+v, %t", a, ok)
		}
		if r.callCount() != 1 || r.enqueuedCount("a") != 1 {
			t.Errorf("%d calls, enqueued %d times, want 1 and 1", r.callCount(), r.enqueuedCount("a"))
		}
		lane.Forget(key("a"))
		if a, ok := lane.Peek(key("a"), uid("a")); ok || a.Done {
			t.Errorf("Peek returned %+v after Forget", a)
		}
		r.submit("", "a", time.Second, nil)
		synctest.Wait()
		if n := r.callCount(); n != 2 {
			t.Errorf("%d calls after Forget, want 2", n)
		}
		pass(2 * time.Second)
	})
}

// TestLookUps covers what a lane knows of an object by its key and UID.
func TestLookUps(t *testing.T) {
	inBubble(t, connection.Limits{}, func(t *testing.T, r *rig) {
		lane := r.conn.Lane("")
		q := r.request("a", 0, nil)
		q.Operation.Name = "create"
		lane.Submit(q)
		synctest.Wait()
		for _, c := range []struct {
			key, uid string
			want     bool
		}{{"a", "a", true}, {"a", "b", false}, {"b", "a", false}} {
			if _, ok := lane.Peek(key(c.key), uid(c.uid)); ok != c.want {
				t.Errorf("Peek(%s, %s): %t", c.key, c.uid, ok)
			}
			if got := lane.Has(key(c.key), uid(c.uid)); got != c.want {
				t.Errorf("Has(%s, %s): %t", c.key, c.uid, got)
			}
			if got := lane.Operation(key(c.key), uid(c.uid)); (got.Name == "create") != c.want || !c.want && got != (connection.Operation{}) {
				t.Errorf("Operation(%s, %s): %v", c.key, c.uid, got)
			}
		}
	})
}

// TestSlowCall makes sure that an object is enqueued once when its call takes longer than two seconds.
func TestSlowCall(t *testing.T) {
	inBubble(t, connection.Limits{}, func(t *testing.T, r *rig) {
		r.submit("", "a", 10*time.Second, nil)
		pass(1999 * time.Millisecond)
		if a := r.submit("", "a", 0, nil); a.Slow || r.enqueuedCount("a") != 0 {
			t.Errorf("before 2 s: %+v, enqueued %d times", a, r.enqueuedCount("a"))
		}
		pass(time.Millisecond)
		if a := r.submit("", "a", 0, nil); !a.Slow || r.enqueuedCount("a") != 1 {
			t.Errorf("after 2 s: %+v, enqueued %d times", a, r.enqueuedCount("a"))
		}
		r.conn.Lane("").Forget(key("a"))
		if !r.conn.Lane("").Has(key("a"), uid("a")) {
			t.Error("Forget dropped a call in flight")
		}
		pass(8 * time.Second)
		if r.callCount() != 1 || r.enqueuedCount("a") != 2 {
			t.Errorf("%d calls, enqueued %d times, want 1 and 2", r.callCount(), r.enqueuedCount("a"))
		}
	})
}

func TestOperationAndUID(t *testing.T) {
	inBubble(t, connection.Limits{}, func(t *testing.T, r *rig) {
		submit := func(operation, version, uid string) answer {
			q := r.request("a", 0, nil)
			q.Operation.Name = operation
			q.Version = version
			q.UID = types.UID(uid)
			return r.conn.Lane("").Submit(q)
		}
		for _, c := range []struct {
			operation, version, uid string
			calls                   int
		}{
			{"move", "1", "1", 1},
			{"move", "1", "1", 1},
			{"move", "2", "1", 1},
			{"comment", "2", "1", 2},
			{"move", "2", "1", 3},
			{"move", "2", "2", 4},
			{"move", "2", "2", 4},
		} {
			submit(c.operation, c.version, c.uid)
			synctest.Wait()
			if a := submit(c.operation, c.version, c.uid); !a.Done {
				t.Errorf("%+v: %+v", c, a)
			}
			if n := r.callCount(); n != c.calls {
				t.Errorf("%+v: %d calls", c, n)
			}
		}
	})
}

// TestOperationInFlight makes sure that another operation waits for the one in flight, slow or not.
func TestOperationInFlight(t *testing.T) {
	for name, wait := range map[string]time.Duration{"started": time.Second, "slow": 3 * time.Second} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, connection.Limits{Concurrency: 2}, func(t *testing.T, r *rig) {
				first := r.request("a", 5*time.Second, nil)
				first.Operation.Name = "move"
				r.conn.Lane("").Submit(first)
				pass(wait)
				second := r.request("a", 0, nil)
				second.Operation.Name = "comment"
				r.conn.Lane("").Submit(second)
				pass(0)
				if n := r.callCount(); n != 1 {
					t.Errorf("%d calls while the first is in flight, want 1", n)
				}
				pass(5 * time.Second)
				r.conn.Lane("").Submit(second)
				synctest.Wait()
				if n := r.callCount(); n != 2 {
					t.Errorf("%d calls after it, want 2", n)
				}
			})
		})
	}
}

// TestRetry covers when a failed call is made again.
func TestRetry(t *testing.T) {
	for name, c := range map[string]struct {
		err      error
		min, max time.Duration // until the call is made again, 0 for never
	}{
		"unavailable":  {down(), 500 * time.Millisecond, time.Second},
		"unclassified": {errors.New("x"), 500 * time.Millisecond, time.Second},
		"rate limited": {limited(fault.Item, 20*time.Second), 20 * time.Second, 20 * time.Second},
		"not found":    {fault.New(fault.NotFound, "x"), 5 * time.Minute, 7*time.Minute + 30*time.Second},
		"invalid":      {fault.New(fault.Invalid, "x"), 20 * time.Minute, 30 * time.Minute},
		"ambiguous":    {fault.New(fault.Ambiguous, "x"), 0, 0},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, connection.Limits{}, func(t *testing.T, r *rig) {
				r.submit("", "a", 0, c.err)
				synctest.Wait()
				a := r.submit("", "a", 0, c.err)
				if !a.Done || a.Err == nil {
					t.Fatalf("%+v", a)
				}
				if a.RetryAt.IsZero() != (c.max == 0) {
					t.Fatalf("retried at %s", a.RetryAt)
				}
				if !a.RetryAt.IsZero() {
					if after := a.RetryAt.Sub(a.At); after < c.min || after > c.max {
						t.Errorf("retried after %s, want between %s and %s", after, c.min, c.max)
					}
					pass(time.Until(a.RetryAt) - 1)
					r.submit("", "a", 0, nil)
					synctest.Wait()
					if n := r.callCount(); n != 1 {
						t.Errorf("%d calls before RetryAt, want 1", n)
					}
					pass(1)
				} else {
					pass(time.Hour)
				}
				r.submit("", "a", 0, nil)
				synctest.Wait()
				if n := r.callCount(); (n == 2) != (c.max > 0) {
					t.Errorf("%d calls", n)
				}
				// Another version is called at once after any failure.
				r.submitVersion("", "b", "1", c.err)
				synctest.Wait()
				before := r.callCount()
				r.submitVersion("", "b", "2", nil)
				synctest.Wait()
				if n := r.callCount() - before; n != 1 {
					t.Errorf("a new version made %d calls, want 1", n)
				}
			})
		})
	}
}

// TestAnswerWhileRetrying makes sure that a retried call returns its last failure until it was made.
func TestAnswerWhileRetrying(t *testing.T) {
	inBubble(t, connection.Limits{LanePerSecond: 1, LaneBurst: 1}, func(t *testing.T, r *rig) {
		r.submit("", "a", 0, down())
		synctest.Wait()
		if a := r.submit("", "a", 0, nil); a.Retrying || a.RetryAt.IsZero() {
			t.Errorf("after the failure: %+v", a)
		}
		r.submit("", "b", 0, nil)
		pass(1100 * time.Millisecond)
		r.submit("", "c", 0, nil) // uses up the rate
		if a := r.submit("", "a", 0, nil); !a.Retrying || !a.Done || a.Err == nil {
			t.Errorf("while it waits: %+v", a)
		}
		r.conn.Pause(refused())
		if a := r.submit("", "a", 0, nil); a.Retrying || a.Done || a.Pause == nil || a.Attempts != 1 {
			t.Errorf("while paused: %+v", a)
		}
		r.conn.Resume()
		if a := r.submit("", "a", 0, nil); a.Retrying || a.Done || a.Pause != nil {
			t.Errorf("after a pause was reported: %+v", a)
		}
		pass(time.Minute)
		if a := r.submit("", "a", 0, nil); a.Retrying || a.Err != nil || a.Attempts != 2 {
			t.Errorf("after the retry: %+v", a)
		}
	})
}

func TestFirstAndUnmetered(t *testing.T) {
	inBubble(t, connection.Limits{LanePerSecond: 1, LaneBurst: 1}, func(t *testing.T, r *rig) {
		lane := r.conn.Lane("")
		for _, n := range []string{"a", "b", "c"} {
			r.submit("", n, 0, nil)
		}
		if n := lane.Backlog(); n != 2 {
			t.Errorf("backlog %d, want 2", n)
		}
		if n := lane.PriorityBacklog(); n != 0 {
			t.Errorf("priority backlog %d, want 0", n)
		}
		digest := r.request("digest", 0, nil)
		digest.First = true
		lane.Submit(digest)
		if all, first := lane.Backlog(), lane.PriorityBacklog(); all != 3 || first != 1 {
			t.Errorf("backlog %d, of which first %d, want 3 and 1", all, first)
		}
		pass(time.Minute)
		if got := r.called(); !slices.Equal(got, []string{"a", "digest", "b", "c"}) {
			t.Errorf("called in the order %s", got)
		}
		for _, n := range []string{"x", "y", "z"} {
			q := r.request(n, 0, nil)
			q.Unmetered = true
			r.conn.Lane("other").Submit(q)
		}
		synctest.Wait()
		if n := r.callCount(); n != 7 {
			t.Errorf("%d of 3 unmetered calls were made at once", n-4)
		}
	})
}

// TestFirstAgain makes sure that a call that goes first does so too when it is retried.
func TestFirstAgain(t *testing.T) {
	inBubble(t, connection.Limits{LanePerSecond: 1, LaneBurst: 1}, func(t *testing.T, r *rig) {
		submit := func(err error) {
			q := r.request("digest", 0, err)
			q.First = true
			r.conn.Lane("").Submit(q)
		}
		submit(down())
		pass(1100 * time.Millisecond) // it is due
		for _, n := range []string{"a", "b", "c"} {
			r.submit("", n, 0, nil)
		}
		submit(nil)
		pass(10 * time.Second)
		if got := r.called(); !slices.Equal(got, []string{"digest", "a", "digest", "b", "c"}) {
			t.Errorf("called in the order %s", got)
		}
	})
}

func TestCapacity(t *testing.T) {
	for _, c := range []struct {
		perSecond float64
		within    time.Duration
		want      int
	}{{0, time.Second, math.MaxInt}, {1, 10 * time.Second, 10}, {2.5, time.Second, 2}, {0.1, time.Second, 1}, {1, 0, 1}} {
		inBubble(t, connection.Limits{LanePerSecond: c.perSecond}, func(t *testing.T, r *rig) {
			if got := r.conn.Lane("").Capacity(c.within); got != c.want {
				t.Errorf("%g a second within %s: %d, want %d", c.perSecond, c.within, got, c.want)
			}
		})
	}
}

func TestWithdraw(t *testing.T) {
	inBubble(t, connection.Limits{LanePerSecond: 1, LaneBurst: 1, Concurrency: 1}, func(t *testing.T, r *rig) {
		lane := r.conn.Lane("")
		r.submit("", "failed", 0, down())
		pass(time.Minute)
		for _, n := range []string{"begun", "a", "b", "c"} {
			r.submit("", n, 0, nil)
		}
		r.submit("", "failed", 0, nil) // was made before: it may have had an effect
		digest := r.request("digest", 0, nil)
		digest.First = true
		lane.Submit(digest)
		edit := r.request("edit", 0, nil)
		edit.Alone = true
		lane.Submit(edit)
		synctest.Wait()
		if n := lane.PriorityBacklog(); n != 1 {
			t.Errorf("priority backlog %d, want 1", n)
		}
		got := lane.Withdraw(func(n types.NamespacedName) bool { return n.Name != "c" })
		if fmt.Sprint(got) != "[voice/a voice/b]" {
			t.Errorf("withdrew %s", got)
		}
		if n := lane.Backlog(); n != 4 {
			t.Errorf("backlog %d, want 4", n)
		}
		if again := lane.Withdraw(func(types.NamespacedName) bool { return true }); fmt.Sprint(again) != "[voice/c]" {
			t.Errorf("withdrew %s the second time", again)
		}
		if a := r.submit("", "a", 0, nil); a.Done || a.Pause != nil || !lane.Has(key("a"), uid("a")) {
			t.Errorf("submitted a withdrawn call: %+v", a)
		}
		pass(time.Minute)
		lane.Forget(key("b"))
		r.submit("", "b", 0, nil)
		pass(time.Minute)
		if got := r.called(); !slices.Equal(got, []string{"failed", "begun", "digest", "failed", "edit", "b"}) {
			t.Errorf("called %s", got)
		}
	})
}

func TestForgottenCallIsNotMade(t *testing.T) {
	inBubble(t, connection.Limits{}, func(t *testing.T, r *rig) {
		r.submit("", "a", time.Second, nil)
		r.submit("", "b", time.Second, nil)
		r.submit("", "c", time.Second, nil)
		r.pool.Forget(key("b"))
		if n := r.conn.Lane("").Backlog(); n != 1 {
			t.Errorf("backlog %d, want 1", n)
		}
		pass(5 * time.Second)
		if got := r.called(); !slices.Equal(got, []string{"a", "c"}) {
			t.Errorf("called %s", got)
		}
	})
}

// TestForgottenCallsLeaveTheOthers makes sure that what waits through a long pause is called once and in order,
// however many calls are replaced meanwhile.
func TestForgottenCallsLeaveTheOthers(t *testing.T) {
	inBubble(t, connection.Limits{}, func(t *testing.T, r *rig) {
		r.conn.Pause(refused())
		for _, n := range []string{"a", "b"} {
			r.submit("", n, 0, nil)
		}
		for i := range 1000 {
			q := r.request("c", 0, nil)
			q.Operation.Number = int64(i)
			r.conn.Lane("").Submit(q)
		}
		r.submit("", "d", 0, nil)
		if n := r.conn.Lane("").Backlog(); n != 4 {
			t.Errorf("backlog %d, want 4", n)
		}
		r.conn.Resume()
		pass(time.Second)
		if got := r.called(); !slices.Equal(got, []string{"a", "b", "c", "d"}) {
			t.Errorf("called %s", got)
		}
	})
}

func TestFence(t *testing.T) {
	inBubble(t, connection.Limits{}, func(t *testing.T, r *rig) {
		r.setFence(fault.New(fault.Unavailable, "not the leader"))
		r.submit("", "a", 0, nil)
		synctest.Wait()
		if n := r.callCount(); n != 0 {
			t.Errorf("%d calls without the lease", n)
		}
		if a, ok := r.conn.Lane("").Peek(key("a"), uid("a")); !ok || a.Err == nil {
			t.Errorf("answer %+v, want the fence's error", a)
		}
		r.setFence(nil)
		pass(time.Minute)
		r.submit("", "a", 0, nil)
		synctest.Wait()
		if n := r.callCount(); n != 1 {
			t.Errorf("%d calls with the lease, want 1", n)
		}
	})
	synctest.Test(t, func(t *testing.T) { // a pool without a fence
		called := false
		options := newRig(connection.Limits{}).options()
		options.Fence = nil
		conn := connection.NewPool[string, string](options).Get(integrationName)
		conn.Connect("client", "v1", connection.Limits{})
		conn.Resume()
		conn.Lane("").Submit(request{Key: key("a"), Call: func(context.Context, string) (string, error) {
			called = true
			return "", nil
		}})
		synctest.Wait()
		if !called {
			t.Error("no call without a fence")
		}
	})
}
