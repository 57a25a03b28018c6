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

// TestFailuresInARow covers after how many failures an endpoint is on trial, and what pauses the connection.
func TestFailuresInARow(t *testing.T) {
	unavailable, ambiguous := down(), fault.New(fault.Ambiguous, "timeout")
	invalid := fault.New(fault.Invalid, "no")
	item := limited(fault.Item, 1)
	endpoint := &fault.Fault{Kind: fault.NotFound, Scope: fault.Endpoint}
	for name, c := range map[string]struct {
		failures         []error
		trouble, isPause bool
	}{
		"four":                           {[]error{unavailable, unavailable, unavailable, unavailable}, false, false},
		"five":                           {[]error{unavailable, unavailable, unavailable, unavailable, unavailable}, true, false},
		"five of two kinds":              {[]error{unavailable, ambiguous, unavailable, ambiguous, ambiguous}, true, false},
		"five with a success":            {[]error{unavailable, unavailable, nil, unavailable, unavailable, unavailable}, false, false},
		"four after a success":           {[]error{unavailable, nil, unavailable, unavailable, unavailable, unavailable}, false, false},
		"five with an answer for one":    {[]error{unavailable, unavailable, invalid, unavailable, unavailable, unavailable}, false, false},
		"five answers for one each":      {[]error{invalid, invalid, invalid, invalid, invalid}, false, false},
		"five answers for the endpoint":  {[]error{endpoint, endpoint, endpoint, endpoint, endpoint}, false, false},
		"five with a rate limit for one": {[]error{unavailable, unavailable, item, unavailable, unavailable, unavailable}, false, false},
		"one refusal of the credentials": {[]error{refused()}, false, true},
		"one quota that is used up":      {[]error{limited(fault.Connection, time.Minute)}, false, true},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, connection.Limits{}, func(t *testing.T, r *rig) {
				for i, err := range c.failures {
					r.submit("", fmt.Sprint(i), 0, err)
				}
				synctest.Wait()
				if n := r.callCount(); n != len(c.failures) {
					t.Errorf("%d calls, want %d", n, len(c.failures))
				}
				if got := r.conn.UnresolvedFault() != nil; got != c.trouble {
					t.Errorf("trouble %t, want %t", got, c.trouble)
				}
				if got := r.conn.PauseFault() != nil; got != c.isPause {
					t.Errorf("paused %t, want %t", got, c.isPause)
				}
				if got := r.integrationCount() == 1; got != (c.trouble || c.isPause) {
					t.Errorf("integration enqueued %d times", r.integrationCount())
				}
			})
		})
	}
}

// TestTrials covers when calls to an endpoint on trial are made, and that all are made once one succeeds.
func TestTrials(t *testing.T) {
	inBubble(t, connection.Limits{}, func(t *testing.T, r *rig) {
		begin := time.Now()
		for i := range 30 {
			r.submit("", fmt.Sprint(i), 0, down())
		}
		pass(26 * time.Second)
		got := r.millisecondsSince(begin)
		for i, ms := range got { // one in a second for 20 s
			if want := max(int64(i)-4, 0) * 1000; i < 25 && ms != want {
				t.Errorf("call %d after %d ms, want %d", i, ms, want)
			}
		}
		if n := len(got); n < 29 || n > 30 {
			t.Errorf("%d calls in 26 s", n)
		}
		r.conn.Lane("").Withdraw(anyObject)
		for i := range 20 {
			r.submit("", fmt.Sprint("good", i), 0, nil)
		}
		pass(3 * time.Second)
		if n := r.callCount() - len(got); n != 20 {
			t.Errorf("%d calls after recovery, want 20", n)
		}
		if r.conn.UnresolvedFault() != nil {
			t.Error("still in trouble")
		}
	})
}

// TestTrialsHoldOneEndpoint makes sure that the trials of one endpoint hold up no other, in whichever lane.
func TestTrialsHoldOneEndpoint(t *testing.T) {
	inBubble(t, connection.Limits{}, func(t *testing.T, r *rig) {
		submit := func(lane, endpoint, name string, err error) {
			q := r.request(name, 0, err)
			q.Endpoint = endpoint
			r.conn.Lane(lane).Submit(q)
		}
		for i := range 10 {
			submit("follow", "comment", fmt.Sprint("comment", i), down())
		}
		synctest.Wait()
		before := r.callCount()
		for i := range 10 {
			submit("follow", "read", fmt.Sprint("read", i), nil)
			submit("create", "create", fmt.Sprint("create", i), nil)
		}
		synctest.Wait()
		if n := r.callCount() - before; n != 20 {
			t.Errorf("%d calls to other endpoints, want 20", n)
		}
		if r.conn.UnresolvedFault() == nil {
			t.Error("the answers of other endpoints ended the trial")
		}
	})
}

// TestAnotherCallIsTriedFirst makes sure that a trial is not made again with a call that failed, while others wait.
func TestAnotherCallIsTriedFirst(t *testing.T) {
	inBubble(t, connection.Limits{}, func(t *testing.T, r *rig) {
		for i := range 6 {
			r.submit("", fmt.Sprint("bad", i), 0, down())
		}
		synctest.Wait()
		for i := range 5 {
			r.submitVersion("", fmt.Sprint("bad", i), "2", down()) // they wait in front
		}
		for _, lane := range []string{"", "other"} {
			q := r.request("good"+lane, 0, nil)
			r.conn.Lane(lane).Submit(q)
		}
		pass(2500 * time.Millisecond)
		if got := r.called()[5:]; !slices.Contains(got[:2], "good") && !slices.Contains(got[:2], "goodother") {
			t.Errorf("called %s", got)
		}
	})
}

// TestForgottenTrouble makes sure that the trouble of an endpoint is forgotten once nothing waits for it.
func TestForgottenTrouble(t *testing.T) {
	inBubble(t, connection.Limits{}, func(t *testing.T, r *rig) {
		for i := range 5 {
			r.submit("", fmt.Sprint(i), 0, down())
		}
		pass(10 * time.Minute)
		if r.conn.UnresolvedFault() == nil {
			t.Error("forgotten while calls are to be retried")
		}
		for i := range 5 {
			r.pool.Forget(key(fmt.Sprint(i)))
		}
		if r.conn.UnresolvedFault() != nil {
			t.Error("not forgotten after the objects were deleted")
		}
	})
}

// TestTroubleIsReported makes sure that objects that wait for an endpoint on trial learn why.
func TestTroubleIsReported(t *testing.T) {
	inBubble(t, connection.Limits{}, func(t *testing.T, r *rig) {
		for i := range 5 {
			r.submit("", fmt.Sprint(i), 0, down())
		}
		r.submit("", "waiting", 0, nil)
		synctest.Wait()
		if a := r.submit("", "waiting", 0, nil); a.Pause == nil || a.Pause.Message != "down" || r.enqueuedCount("waiting") != 1 {
			t.Errorf("answer %+v, enqueued %d times", a, r.enqueuedCount("waiting"))
		}
		pass(time.Second)
		if a := r.submit("", "waiting", 0, nil); !a.Done || a.Err != nil {
			t.Errorf("answer %+v after a second", a)
		}
	})
}

// TestRetryRefused covers which answers are due, and whose objects are enqueued, when something changes in Slack or Jira.
func TestRetryRefused(t *testing.T) {
	for name, c := range map[string]struct {
		err   error
		takes time.Duration
		due   bool
	}{
		"refused":     {err: fault.New(fault.Invalid, "no"), due: true},
		"not found":   {err: fault.New(fault.NotFound, "no such channel"), due: true},
		"unavailable": {err: down()},
		"succeeded":   {},
		"in flight":   {err: fault.New(fault.Invalid, "no"), takes: time.Minute},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, connection.Limits{}, func(t *testing.T, r *rig) {
				r.submit("", "a", c.takes, c.err)
				pass(time.Millisecond)
				enqueued := r.enqueuedCount("a")
				r.conn.RetryRefused()
				r.submit("", "a", c.takes, c.err)
				synctest.Wait()
				want := 0
				if c.due {
					want = 1
				}
				if n := r.callCount() - 1; n != want {
					t.Errorf("%d more calls, want %d", n, want)
				}
				if n := r.enqueuedCount("a") - enqueued; (n > 0) != c.due {
					t.Errorf("enqueued %d times", n)
				}
				pass(time.Minute)
			})
		})
	}
}
