// SPDX-License-Identifier: Apache-2.0

package connection_test

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/voiceai-dev/integrations-operator/internal/connection"
	"github.com/voiceai-dev/integrations-operator/internal/fault"
)

// TestProbeFailed makes sure that one transient failure of a probe pauses nothing.
func TestProbeFailed(t *testing.T) {
	inBubble(t, connection.Limits{}, func(t *testing.T, r *rig) {
		if r.conn.IsProbeFailing() {
			t.Error("failing before the first probe")
		}
		for i, want := range []bool{false, true} {
			if got := r.conn.ProbeFailed(down()); got != want {
				t.Errorf("probe %d: %t", i+1, got)
			}
		}
		r.conn.Connect("client", "v1", connection.Limits{})
		if r.conn.IsProbeFailing() || r.conn.ProbeFailed(down()) || !r.conn.IsProbeFailing() {
			t.Error("the first failure after a success")
		}
		r.conn.Connect("client", "v1", connection.Limits{})
		if !r.conn.ProbeFailed(fault.New(fault.NotFound, "gone")) || r.conn.IsProbeFailing() {
			t.Error("a permanent failure")
		}
		if r.conn.ProbeFailed(limited(fault.Endpoint, time.Minute)) || r.conn.PauseFault() != nil {
			t.Error("a rate limit of one endpoint")
		}
		if r.conn.ProbeFailed(limited(fault.Connection, time.Minute)) {
			t.Error("a used-up quota pauses by itself")
		}
		if r.conn.PauseFault() == nil || !r.conn.IsResuming() {
			t.Error("not paused for a used-up quota")
		}
		if !r.conn.ProbeFailed(down()) || !r.conn.ProbeFailed(limited(fault.Endpoint, time.Minute)) {
			t.Error("a failure while paused")
		}
		pass(61 * time.Second)
		if r.conn.PauseFault() != nil {
			t.Error("still paused after the quota's time")
		}
	})
}

// TestProbeFailedDuringTrouble makes sure that a probe that fails after calls failed pauses them at once.
func TestProbeFailedDuringTrouble(t *testing.T) {
	inBubble(t, connection.Limits{}, func(t *testing.T, r *rig) {
		for i := range 5 {
			r.submit("", fmt.Sprint(i), 0, down())
		}
		synctest.Wait()
		if !r.conn.IsProbeRequested() || r.integrationCount() != 1 {
			t.Errorf("no probe is requested, integration enqueued %d times", r.integrationCount())
		}
		if !r.conn.ProbeFailed(down()) || r.conn.IsProbeRequested() {
			t.Error("the first failure of a probe pauses nothing, although calls failed")
		}
	})
}

// TestProbeDelay makes sure that probes get rarer, up to a bound.
func TestProbeDelay(t *testing.T) {
	inBubble(t, connection.Limits{}, func(t *testing.T, r *rig) {
		for i, most := range []time.Duration{1, 1, 2, 4, 8, 15, 15, 15} {
			most *= time.Second
			for range 100 {
				if d := r.conn.ProbeDelay(); d < most/2 || d > most {
					t.Fatalf("after %d failures: %s, want %s to %s", i, d, most/2, most)
				}
			}
			r.conn.ProbeFailed(down())
		}
	})
}

// TestObserve checks that a call outside the lanes that succeeds ends a pause because of a refusal, and no other.
func TestObserve(t *testing.T) {
	limited := limited(fault.Connection, time.Hour)
	for name, c := range map[string]struct {
		results         []error
		paused, trouble bool
	}{
		"refused":                 {[]error{refused()}, true, true},
		"refused, then accepted":  {[]error{refused(), nil}, false, false},
		"refused again":           {[]error{refused(), refused(), nil}, false, false},
		"limited":                 {[]error{limited}, true, false},
		"limited, then accepted":  {[]error{limited, nil}, true, false},
		"accepted, then refused":  {[]error{nil, refused()}, true, true},
		"one call has no answer":  {[]error{fault.New(fault.Ambiguous, "no answer")}, false, false},
		"a request was not valid": {[]error{fault.New(fault.Invalid, "no")}, false, false},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, connection.Limits{}, func(t *testing.T, r *rig) {
				for _, err := range c.results {
					r.conn.Observe("post", err)
				}
				if f := r.conn.PauseFault(); (f != nil) != c.paused {
					t.Errorf("paused because of %v, want a pause: %t", f, c.paused)
				}
				if f := r.conn.UnresolvedFault(); (f != nil) != c.trouble {
					t.Errorf("trouble %v, want some: %t", f, c.trouble)
				}
			})
		})
	}
}
