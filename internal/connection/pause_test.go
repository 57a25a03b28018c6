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

// TestNewConnection makes sure that calls wait quietly for the first probe.
func TestNewConnection(t *testing.T) {
	inBubble(t, connection.Limits{}, func(t *testing.T, r *rig) {
		r.conn = r.pool.Get(key("another"))
		begin := time.Now()
		if _, ok := r.conn.Client(); ok || r.conn.Version() != "" {
			t.Error("connected at once")
		}
		r.conn.Resume()
		if a := r.submit("", "a", 0, nil); a.Done || a.Pause != nil {
			t.Errorf("answer %+v", a)
		}
		pass(time.Minute)
		if n := r.callCount(); n != 0 || r.conn.PauseFault() != nil || r.conn.IsResuming() || !r.conn.PausedAt().IsZero() {
			t.Errorf("%d calls before it was connected, paused because of %v", n, r.conn.PauseFault())
		}
		r.conn.Connect("client", "v1", connection.Limits{})
		if pass(time.Minute); r.callCount() != 0 {
			t.Error("called before Resume")
		}
		r.conn.Resume()
		synctest.Wait()
		if c, ok := r.conn.Client(); !ok || c != "client" || r.conn.Version() != "v1" || r.callCount() != 1 {
			t.Errorf("client %q of version %q, %d calls", c, r.conn.Version(), r.callCount())
		}
		if !r.conn.PausedAt().IsZero() || time.Since(begin) != 2*time.Minute {
			t.Errorf("paused at %s", r.conn.PausedAt())
		}
	})
}

func TestRefusedCredentials(t *testing.T) {
	inBubble(t, connection.Limits{}, func(t *testing.T, r *rig) {
		r.submit("", "a", time.Second, refused())
		r.submit("", "b", time.Second, nil)
		pass(2 * time.Second)
		if r.callCount() != 1 || r.integrationCount() != 1 || r.enqueuedCount("b") != 1 {
			t.Errorf("%d calls, integration enqueued %d times, b %d times", r.callCount(), r.integrationCount(), r.enqueuedCount("b"))
		}
		if at := r.conn.PausedAt(); time.Since(at) != time.Second || r.conn.IsResuming() {
			t.Errorf("paused at %s, resuming %t", at, r.conn.IsResuming())
		}
		for _, n := range []string{"a", "b", "c"} {
			if a := r.submit("", n, time.Second, nil); a.Done || a.Pause == nil || a.Pause.Message != "refused" {
				t.Errorf("%s while paused: %+v", n, a)
			}
		}
		r.conn.Connect("another", "v2", connection.Limits{Concurrency: 3})
		r.conn.Resume()
		pass(2 * time.Second)
		for _, n := range []string{"a", "b", "c"} {
			if a := r.submit("", n, time.Second, nil); a.Result != "another/"+n {
				t.Errorf("%s after: %+v", n, a)
			}
		}
	})
}

// TestQuota makes sure that a used-up quota pauses the connection for its Retry-After, or for 30 seconds, or for an
// hour at most.
func TestQuota(t *testing.T) {
	for after, want := range map[time.Duration]time.Duration{
		time.Minute: time.Minute, 1: 1, 0: 30 * time.Second, time.Hour: time.Hour, 2 * time.Hour: time.Hour,
	} {
		t.Run(after.String(), func(t *testing.T) {
			inBubble(t, connection.Limits{}, func(t *testing.T, r *rig) {
				r.submit("", "a", 0, limited(fault.Connection, after))
				synctest.Wait()
				r.submit("", "a", 0, nil)
				if !r.conn.IsResuming() {
					t.Error("the pause does not end by itself")
				}
				r.conn.Resume() // a probe does not end it
				pass(want - 1)
				if n := r.callCount(); n != 1 {
					t.Errorf("%d calls before the time, want 1", n)
				}
				pass(1)
				if n := r.callCount(); n != 2 || r.conn.IsResuming() || r.conn.UnresolvedFault() != nil {
					t.Errorf("%d calls after the time, want 2", n)
				}
			})
		})
	}
}

// TestQuotaThenPause makes sure that the end of a quota does not end a pause that replaced it.
func TestQuotaThenPause(t *testing.T) {
	inBubble(t, connection.Limits{}, func(t *testing.T, r *rig) {
		r.submit("", "a", 0, limited(fault.Connection, time.Minute))
		synctest.Wait()
		r.conn.Pause(refused())
		pass(2 * time.Minute)
		if f := r.conn.PauseFault(); f == nil || f.Message != "refused" {
			t.Errorf("paused because of %v", f)
		}
	})
}

// TestPauseIsReportedOnce makes sure that waiting objects are enqueued once for a cause, however often it is seen
// again.
func TestPauseIsReportedOnce(t *testing.T) {
	inBubble(t, connection.Limits{Concurrency: 10}, func(t *testing.T, r *rig) {
		for n := range 50 {
			r.submit("", fmt.Sprint(n), 0, fault.New(fault.Unavailable, "down %d", n))
		}
		synctest.Wait()
		for n := range 50 { // they are reconciled and see the pause
			r.submit("", fmt.Sprint(n), 0, fault.New(fault.Unavailable, "down %d", n))
		}
		before := r.enqueuedCount("49")
		for range 10 {
			pass(time.Second)
			r.conn.Resume()
		}
		synctest.Wait()
		if n := r.enqueuedCount("49"); n != before {
			t.Errorf("enqueued %d times at first, %d times until its turn came", before, n)
		}
		r.conn.Pause(refused())
		if n := r.enqueuedCount("49"); n != before+1 {
			t.Errorf("enqueued %d times, want once more for another cause", n)
		}
	})
}

// TestResumeReleases makes sure that what failed because of the connection is due when calls start again, however long it
// was to wait, and that what failed for another reason is not.
func TestResumeReleases(t *testing.T) {
	inBubble(t, connection.Limits{Concurrency: 5}, func(t *testing.T, r *rig) {
		away := down()
		away.RetryAfter = time.Hour
		results := map[string]error{
			"away": away, "invalid": fault.New(fault.Invalid, "no"), "in doubt": fault.New(fault.Ambiguous, "no answer"),
		}
		for name, err := range results {
			r.submit("", name, 0, err)
		}
		synctest.Wait()
		results["refused"] = refused()
		r.submit("", "refused", 0, refused()) // pauses the connection
		synctest.Wait()
		before := map[string]int{}
		for name := range results {
			before[name] = r.enqueuedCount(name)
		}
		r.conn.Pause(refused())
		r.conn.Connect("client", "v2", connection.Limits{Concurrency: 5})
		r.conn.Resume()
		for name := range results {
			isDue := name == "away" || name == "refused"
			if got := r.enqueuedCount(name) > before[name]; got != isDue {
				t.Errorf("%s: enqueued %t, want %t", name, got, isDue)
			}
			r.submit("", name, 0, nil)
		}
		synctest.Wait()
		if n := r.callCount(); n != 6 {
			t.Errorf("%d calls, want 6", n)
		}
	})
}
