// SPDX-License-Identifier: Apache-2.0

package connection_test

import (
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/voiceai-dev/integrations-operator/internal/connection"
	"github.com/voiceai-dev/integrations-operator/internal/fault"
)

// TestLimits covers when the calls of two lanes are made. Each call takes 100 ms.
func TestLimits(t *testing.T) {
	for name, c := range map[string]struct {
		limits connection.Limits
		lanes  []string
		want   []int64
	}{
		"one at a time by default": {
			connection.Limits{}, []string{"a", "a", "a"}, []int64{0, 100, 200},
		},
		"two at once in each lane": {
			connection.Limits{Concurrency: 2}, []string{"a", "a", "a", "b", "b"}, []int64{0, 0, 0, 0, 100},
		},
		"a rate without a burst": {
			connection.Limits{Concurrency: 9, LanePerSecond: 1}, []string{"a", "a", "b", "b"}, []int64{0, 0, 1000, 1000},
		},
		// Two at once and the other lane's, the third of the burst when one ended, then one a second.
		"a burst": {
			connection.Limits{Concurrency: 2, LanePerSecond: 1, LaneBurst: 3}, []string{"a", "a", "a", "a", "a", "a", "b"},
			[]int64{0, 0, 0, 100, 1000, 2000, 3000},
		},
		"a rate for all lanes": {
			connection.Limits{Concurrency: 9, PerSecond: 1}, []string{"a", "b", "a"}, []int64{0, 1000, 2000},
		},
		"a burst for all lanes": {
			connection.Limits{Concurrency: 9, PerSecond: 1, Burst: 2}, []string{"a", "b", "a"}, []int64{0, 0, 1000},
		},
		// A call that waits for the connection's rate does not use up its lane's.
		"both rates": {
			connection.Limits{Concurrency: 9, PerSecond: 1, LanePerSecond: 0.5, LaneBurst: 1}, []string{"b", "a", "a"}, []int64{0, 1000, 3000},
		},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, c.limits, func(t *testing.T, r *rig) {
				begin := time.Now()
				for i, lane := range c.lanes {
					r.submit(lane, fmt.Sprint(i), 100*time.Millisecond, nil)
				}
				pass(10 * time.Second)
				if got := r.millisecondsSince(begin); !slices.Equal(got, c.want) {
					t.Errorf("calls at %v ms, want %v", got, c.want)
				}
			})
		})
	}
}

// TestHeldLane makes sure that after a rate limit neither metered nor unmetered calls of a lane are made for its
// time, while other lanes go on.
func TestHeldLane(t *testing.T) {
	for _, unmetered := range []bool{false, true} {
		t.Run(fmt.Sprintf("unmetered %t", unmetered), func(t *testing.T) {
			inBubble(t, connection.Limits{}, func(t *testing.T, r *rig) {
				for n := range 20 {
					q := r.request(fmt.Sprint(n), 0, limited(fault.Endpoint, 20*time.Second))
					q.Unmetered = unmetered
					r.conn.Lane("").Submit(q)
				}
				r.submit("other", "x", 0, nil)
				r.submit("other", "y", 0, nil)
				pass(19999 * time.Millisecond)
				if n := r.callCount(); n != 3 {
					t.Errorf("%d calls within the 20 s, want one of the lane and 2 of the other", n)
				}
				pass(time.Millisecond)
				if n := r.callCount(); n != 4 {
					t.Errorf("%d calls after them, want one more", n)
				}
				if f := r.conn.PauseFault(); f != nil {
					t.Errorf("the connection is paused: %v", f)
				}
			})
		})
	}
}

// TestItemLimitHoldsNothing makes sure that a rate limit of one call does not hold its lane.
func TestItemLimitHoldsNothing(t *testing.T) {
	inBubble(t, connection.Limits{}, func(t *testing.T, r *rig) {
		r.submit("", "a", 0, limited(fault.Item, time.Minute))
		r.submit("", "b", 0, fault.New(fault.Invalid, "no"))
		r.submit("", "c", 0, &fault.Fault{Kind: fault.Invalid, Scope: fault.Endpoint})
		r.submit("", "d", 0, nil)
		pass(time.Second)
		if n := r.callCount(); n != 4 {
			t.Errorf("%d calls, want 4", n)
		}
	})
}

// spacings submits calls to a lane and returns the times between them.
func (r *rig) spacings(calls int) (out []time.Duration) {
	before := r.callCount()
	for n := range calls {
		r.submit("", fmt.Sprint(before, "-", n), 0, nil)
	}
	pass(30 * time.Second)
	r.mu.Lock()
	defer r.mu.Unlock()
	for i := before + 1; i < len(r.calls); i++ {
		out = append(out, r.calls[i].at.Sub(r.calls[i-1].at))
	}
	return out
}

// TestThrottledLane makes sure that after a rate limit a lane makes single calls at 95 % of its rate, for 5 minutes.
func TestThrottledLane(t *testing.T) {
	isThrottled := func(spacings []time.Duration) bool {
		for _, d := range spacings {
			if d < 1052*time.Millisecond || d > 1053*time.Millisecond {
				return false
			}
		}
		return true
	}
	limits := connection.Limits{Concurrency: 3, LanePerSecond: 1, LaneBurst: 3}
	start := func(t *testing.T, r *rig) {
		r.submit("", "limited", 0, limited(fault.Endpoint, time.Minute))
		pass(time.Minute) // held until now
		if d := r.spacings(4); !isThrottled(d) {
			t.Errorf("calls %v after each other, want 1.0526 s", d)
		}
	}
	t.Run("for 5 minutes", func(t *testing.T) {
		inBubble(t, limits, func(t *testing.T, r *rig) {
			start(t, r)
			pass(5*time.Minute - 30*time.Second)
			if d := r.spacings(2); !isThrottled(d) {
				t.Errorf("calls %v after each other after 5 minutes, want 1.0526 s", d)
			}
			pass(time.Minute)
			if d := r.spacings(4); d[0] != 0 || d[1] != 0 || d[2] != time.Second {
				t.Errorf("calls %v after each other later, want a burst of 3", d)
			}
		})
	})
	t.Run("limited again", func(t *testing.T) {
		inBubble(t, limits, func(t *testing.T, r *rig) {
			start(t, r)
			r.submit("", "limited again", 0, limited(fault.Endpoint, time.Minute))
			pass(time.Minute)
			if d := r.spacings(4); !isThrottled(d) {
				t.Errorf("calls %v after each other, want 1.0526 s still", d)
			}
		})
	})
	t.Run("until the limits change", func(t *testing.T) {
		inBubble(t, limits, func(t *testing.T, r *rig) {
			r.submit("", "limited", 0, limited(fault.Endpoint, time.Minute))
			synctest.Wait()
			r.conn.Connect("client", "v1", connection.Limits{})
			if r.spacings(4); r.callCount() != 1 {
				t.Errorf("%d calls with the same version, want the lane held", r.callCount())
			}
		})
		inBubble(t, limits, func(t *testing.T, r *rig) {
			r.submit("", "limited", 0, limited(fault.Endpoint, time.Minute))
			synctest.Wait()
			r.conn.Connect("client", "v2", connection.Limits{Concurrency: 3, LanePerSecond: 10, LaneBurst: 2})
			if d := r.spacings(4); len(d) != 3 || d[0] != 0 || d[1] != 100*time.Millisecond || d[2] != 100*time.Millisecond {
				t.Errorf("calls %v after each other, want the new limits", d)
			}
		})
	})
}

// TestOneTimer makes sure that a lane whose next call has to wait is dispatched in time, whichever call came first.
func TestOneTimer(t *testing.T) {
	inBubble(t, connection.Limits{Concurrency: 9, LanePerSecond: 1, LaneBurst: 1}, func(t *testing.T, r *rig) {
		begin := time.Now()
		for n := range 3 {
			r.submit("", fmt.Sprint(n), 0, nil)
			pass(100 * time.Millisecond)
		}
		pass(10 * time.Second)
		if got := r.millisecondsSince(begin); !slices.Equal(got, []int64{0, 1000, 2000}) {
			t.Errorf("calls at %v ms", got)
		}
	})
}
