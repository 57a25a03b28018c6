// SPDX-License-Identifier: Apache-2.0

package connection_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"k8s.io/apimachinery/pkg/types"

	"github.com/voiceai-dev/integrations-operator/internal/connection"
	"github.com/voiceai-dev/integrations-operator/internal/fault"
)

func anyObject(types.NamespacedName) bool { return true }

// backlogs returns the pool's metric as "integration/lane": value.
func (r *rig) backlogs(t *testing.T) map[string]float64 {
	t.Helper()
	registry := prometheus.NewRegistry()
	registry.MustRegister(r.pool.Metrics("SlackIntegration"))
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]float64{}
	for _, f := range families {
		if f.GetName() != "voiceai_lane_backlog" {
			t.Errorf("metric %s", f.GetName())
		}
		for _, m := range f.GetMetric() {
			var values []string
			for _, l := range m.GetLabel() {
				values = append(values, l.GetValue())
			}
			out[strings.Join(values, "/")] = m.GetGauge().GetValue()
		}
	}
	return out
}

func TestMetrics(t *testing.T) {
	inBubble(t, connection.Limits{}, func(t *testing.T, r *rig) {
		for i := range 3 {
			r.submit("#a", fmt.Sprint(i), time.Second, nil)
		}
		r.conn.Lane("#b")
		want := map[string]float64{"integration/SlackIntegration/#a/voice": 2, "integration/SlackIntegration/#b/voice": 0}
		if got := r.backlogs(t); fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("got %v, want %v", got, want)
		}
		pass(5 * time.Second)
	})
}

// TestIdleLanesAreDropped makes sure that a connection has at most 1,000 idle lanes, and keeps each that is in use or
// whose rate has not recovered.
func TestIdleLanesAreDropped(t *testing.T) {
	inBubble(t, connection.Limits{LanePerSecond: 1, LaneBurst: 2}, func(t *testing.T, r *rig) {
		for i := range 996 {
			r.conn.Lane(fmt.Sprint("idle", i))
		}
		r.submit("answered", "a", 0, nil)
		r.submit("limited", "b", 0, limited(fault.Endpoint, time.Minute))
		pass(2 * time.Minute)
		r.pool.Forget(key("b"))
		r.submit("in flight", "c", time.Hour, nil)
		r.submit("just used", "d", 0, nil)
		synctest.Wait()
		r.conn.Lane("just used").Forget(key("d"))
		r.conn.Lane("idle0")
		if n := len(r.backlogs(t)); n != 1000 {
			t.Errorf("%d lanes, want 1000", n)
		}
		held := r.conn.Lane("idle1")
		r.conn.Lane("new")
		var names []string
		for name := range r.backlogs(t) {
			names = append(names, strings.Split(name, "/")[2])
		}
		if got := strings.Join(sorted(names), ", "); got != "answered, in flight, just used, limited, new" {
			t.Errorf("kept %s", got)
		}
		// A caller may still hold a lane that was dropped.
		held.Submit(r.request("e", 0, nil))
		synctest.Wait()
		if a, ok := r.conn.Lane("idle1").Peek(key("e"), uid("e")); !ok || a.Err != nil {
			t.Errorf("answer in a lane that was dropped: %+v", a)
		}
		pass(time.Hour)
	})
	for after, want := range map[time.Duration]int{4 * time.Minute: 2, 4*time.Minute + 1: 1} { // throttled until 5 minutes after the hold
		inBubble(t, connection.Limits{LanePerSecond: 1}, func(t *testing.T, r *rig) {
			r.submit("limited", "a", 0, limited(fault.Endpoint, time.Minute))
			pass(2 * time.Minute)
			r.pool.Forget(key("a"))
			for i := range 999 {
				r.conn.Lane(fmt.Sprint("idle", i))
			}
			pass(after)
			r.conn.Lane("new")
			if n := len(r.backlogs(t)); n != want {
				t.Errorf("%d lanes %s after the hold, want %d", n, after+time.Minute, want)
			}
		})
	}
}

// TestStop makes sure that a stopping pool waits for calls in flight, which may still record their results.
func TestStop(t *testing.T) {
	inBubble(t, connection.Limits{}, func(t *testing.T, r *rig) {
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- r.pool.Start(ctx) }()
		recorded := false
		r.conn.Lane("").Submit(request{Key: key("a"), Call: func(context.Context, string) (string, error) {
			time.Sleep(2 * time.Second)
			r.pool.Get(integrationName).Record.Add("PostMessage", "a", "", nil)
			recorded = true
			return "", nil
		}})
		r.submit("", "b", 0, nil)
		pass(time.Second)
		cancel()
		synctest.Wait()
		select {
		case err := <-ended:
			t.Errorf("the pool ended before the call: %v", err)
		default:
		}
		if n := r.enqueuedCount("b"); n != 1 {
			t.Errorf("what waits was enqueued %d times, want once", n)
		}
		r.conn.Resume()
		pass(time.Second)
		select {
		case err := <-ended:
			if err != nil || !recorded {
				t.Errorf("ended with %v, recorded %t", err, recorded)
			}
		default:
			t.Error("the pool waits though the call ended")
		}
		pass(time.Minute)
		if n := r.callCount(); n != 0 {
			t.Errorf("%d calls started after the stop", n)
		}
	})
}

// TestStopCancels makes sure that calls that do not end are cancelled after 5 seconds.
func TestStopCancels(t *testing.T) {
	inBubble(t, connection.Limits{}, func(t *testing.T, r *rig) {
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan time.Time, 1)
		go func() {
			_ = r.pool.Start(ctx)
			ended <- time.Now()
		}()
		r.submit("", "a", time.Hour, nil)
		r.conn.Record.Add("PostMessage", "b", "", nil)
		synctest.Wait()
		begin := time.Now()
		cancel()
		if took := (<-ended).Sub(begin); took != 5*time.Second {
			t.Errorf("took %s, want 5 s", took)
		}
		pass(time.Minute)
		if n := r.integrationCount(); n != 0 {
			t.Errorf("integration enqueued %d times after the stop", n)
		}
	})
}

// TestClose covers when the connection of a deleted integration is dropped.
func TestClose(t *testing.T) {
	ambiguous := fault.New(fault.Ambiguous, "timeout")
	for name, c := range map[string]struct {
		takes time.Duration
		err   error
		keeps bool
	}{
		"in flight": {time.Second, nil, true},
		"slow":      {10 * time.Second, nil, true},
		"succeeded": {0, nil, true},
		"failed":    {0, down(), false},
		"ambiguous": {0, ambiguous, true},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, connection.Limits{}, func(t *testing.T, r *rig) {
				r.submit("lane", "a", c.takes, c.err)
				pass(c.takes / 2)
				synctest.Wait()
				if c.takes > 0 {
					r.submit("lane", "waits", 0, nil)
				}
				r.conn.Record.Add("PostMessage", "a", "", nil)
				before := r.integrationCount()
				_, lane, inFlight := r.pool.InFlight(key("a"), uid("a"), "")
				if inFlight != c.keeps || (lane == "lane") != c.keeps {
					t.Errorf("in flight %t in lane %q", inFlight, lane)
				}
				r.pool.Close(integrationName)
				if kept := r.pool.Get(integrationName) == r.conn; kept != c.keeps {
					t.Fatalf("kept %t", kept)
				}
				if f := r.conn.PauseFault(); f == nil || f.Kind != fault.NotFound {
					t.Errorf("paused because of %v", f)
				}
				if n := r.enqueuedCount("waits"); (n == 1) != (c.takes > 0) {
					t.Errorf("what waits was enqueued %d times", n)
				}
				pass(time.Minute)
				if n := r.integrationCount(); !c.keeps && n != before {
					t.Errorf("closed, and enqueued %d times", n-before)
				}
				if !c.keeps {
					return
				}
				r.pool.Forget(key("another"))
				if r.pool.Get(integrationName) != r.conn {
					t.Error("dropped for another object")
				}
				r.pool.Forget(key("a"))
				if r.pool.Get(integrationName) == r.conn {
					t.Error("kept after its last answer was handled")
				}
			})
		})
	}
}

// TestFind checks that Find makes no connection.
func TestFind(t *testing.T) {
	inBubble(t, connection.Limits{}, func(t *testing.T, r *rig) {
		if r.pool.Find(integrationName) != r.conn {
			t.Error("did not find the connection")
		}
		r.pool.Close(integrationName)
		for range 2 {
			if c := r.pool.Find(integrationName); c != nil {
				t.Errorf("found %v of a deleted integration", c)
			}
		}
	})
}

// TestCloseAndCreate makes sure that an integration that was created again keeps its connection.
func TestCloseAndCreate(t *testing.T) {
	for name, reconcile := range map[string]func(*rig){
		"connected": func(r *rig) { r.conn.Connect("client", "v2", connection.Limits{}) },
		"paused":    func(r *rig) { r.conn.Pause(refused()) },
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, connection.Limits{}, func(t *testing.T, r *rig) {
				r.submit("", "a", 0, nil)
				synctest.Wait()
				r.pool.Close(integrationName)
				reconcile(r)
				r.pool.Forget(key("a"))
				if r.pool.Get(integrationName) != r.conn {
					t.Error("the connection was dropped")
				}
				r.pool.Close(integrationName)
				if r.pool.Get(integrationName) == r.conn {
					t.Error("the connection was kept")
				}
				r.pool.Close(key("unknown"))
			})
		})
	}
}

func TestInFlight(t *testing.T) {
	inBubble(t, connection.Limits{}, func(t *testing.T, r *rig) {
		r.submit("first", "a", 0, nil)
		synctest.Wait()
		for _, c := range []struct {
			object, uid, except string
			want                bool
		}{
			{"a", "a", "", true},
			{"a", "a", "second", true},
			{"a", "a", "first", false},
			{"a", "b", "", false},
			{"b", "a", "", false},
		} {
			integration, lane, ok := r.pool.InFlight(key(c.object), uid(c.uid), c.except)
			if ok != c.want || ok && (integration != integrationName || lane != "first") {
				t.Errorf("%+v: %s, %q, %t", c, integration, lane, ok)
			}
		}
		r.conn.Pause(refused())
		r.submit("first", "waits", 0, nil)
		if _, _, ok := r.pool.InFlight(key("waits"), uid("waits"), ""); ok {
			t.Error("a waiting call is in flight")
		}
	})
}

func sorted(s []string) []string {
	slices.Sort(s)
	return s
}
