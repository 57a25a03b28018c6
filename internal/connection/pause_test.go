package connection_test

import (
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/voiceai-dev/integrations-operator/api/v1alpha1"
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

// TestFailuresInARow covers after how many failures a connection is paused.
func TestFailuresInARow(t *testing.T) {
	unavailable, ambiguous := down(), fault.New(fault.Ambiguous, "timeout")
	invalid := fault.New(fault.Invalid, "no")
	item := limited(fault.Item, 1)
	endpoint := &fault.Fault{Kind: fault.NotFound, Scope: fault.Endpoint}
	for name, c := range map[string]struct {
		failures []error
		paused   bool
	}{
		"four":                           {[]error{unavailable, unavailable, unavailable, unavailable}, false},
		"five":                           {[]error{unavailable, unavailable, unavailable, unavailable, unavailable}, true},
		"five of two kinds":              {[]error{unavailable, ambiguous, unavailable, ambiguous, ambiguous}, true},
		"five with a success":            {[]error{unavailable, unavailable, nil, unavailable, unavailable, unavailable}, false},
		"five with an answer for one":    {[]error{unavailable, unavailable, invalid, unavailable, unavailable, unavailable}, false},
		"five answers for one each":      {[]error{invalid, invalid, invalid, invalid, invalid}, false},
		"five answers for the endpoint":  {[]error{endpoint, endpoint, endpoint, endpoint, endpoint}, false},
		"five with a rate limit for one": {[]error{unavailable, unavailable, item, unavailable, unavailable, unavailable}, false},
		"one refusal of the credentials": {[]error{refused()}, true},
		"one quota that is used up":      {[]error{limited(fault.Connection, time.Minute)}, true},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, connection.Limits{}, func(t *testing.T, r *rig) {
				for i, err := range c.failures {
					r.submit("", fmt.Sprint(i), 0, err)
				}
				pass(time.Second)
				if paused := r.conn.PauseFault() != nil; paused != c.paused || (r.integrationCount() == 1) != c.paused {
					t.Errorf("paused %t, integration enqueued %d times; want %t", paused, r.integrationCount(), c.paused)
				}
				if n := r.callCount(); n != len(c.failures) {
					t.Errorf("%d calls, want %d", n, len(c.failures))
				}
			})
		})
	}
}

func TestFailuresPauseOnce(t *testing.T) {
	inBubble(t, connection.Limits{}, func(t *testing.T, r *rig) {
		for i := range 20 {
			r.submit("", fmt.Sprint(i), time.Second, down())
		}
		pass(time.Minute)
		if r.callCount() != 5 || r.integrationCount() != 1 {
			t.Errorf("%d calls, integration enqueued %d times, want 5 and 1", r.callCount(), r.integrationCount())
		}
	})
	inBubble(t, connection.Limits{Concurrency: 20}, func(t *testing.T, r *rig) { // calls in flight end while paused
		for i := range 20 {
			r.submit("", fmt.Sprint(i), time.Duration(i)*time.Second, down())
		}
		pass(time.Minute)
		if r.integrationCount() != 1 || time.Since(r.conn.PausedAt()) != 56*time.Second {
			t.Errorf("integration enqueued %d times, paused at %s", r.integrationCount(), r.conn.PausedAt())
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

// TestProbesSucceedButCallsFail makes sure that calls get rarer while each probe resumes the connection, and that all
// are made once one succeeds.
func TestProbesSucceedButCallsFail(t *testing.T) {
	for name, err := range map[string]*fault.Fault{"down": down(), "refused": refused()} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, connection.Limits{Concurrency: 10}, func(t *testing.T, r *rig) {
				object := 0
				hour := func(result error) (calls int) { // a new object and a successful probe each second
					before := r.callCount()
					for range 3600 {
						object++
						r.submit("", fmt.Sprint(object), 0, result)
						r.conn.Resume()
						pass(time.Second)
					}
					return r.callCount() - before
				}
				if calls := hour(err); calls < 100 || calls > 250 { // one in 20 s tells whether it works again
					t.Errorf("%d calls in an hour of failure, want 100 to 250", calls)
				}
				if f := r.conn.UnresolvedFault(); f != err {
					t.Errorf("unresolved: %v", f)
				}
				before := r.integrationCount()
				r.conn.Lane("").Withdraw(anyObject) // their calls would fail
				if calls := hour(nil); calls < 3500 {
					t.Errorf("%d calls in an hour of health, want all", calls)
				}
				if f := r.conn.UnresolvedFault(); f != nil || r.conn.PauseFault() != nil || r.integrationCount() == before {
					t.Errorf("after recovery: unresolved %v, paused because of %v", f, r.conn.PauseFault())
				}
			})
		})
	}
}

// TestFailurePauses covers how long each of the pauses lasts and that one call is tried after it.
func TestFailurePauses(t *testing.T) {
	inBubble(t, connection.Limits{Concurrency: 3}, func(t *testing.T, r *rig) {
		for i := range 100 { // more than fail in a row at first
			r.submit("", fmt.Sprint(i), time.Millisecond, down())
		}
		pass(10 * time.Millisecond)
		before := r.callCount()
		for i, want := range []time.Duration{0, 1, 2, 4, 8, 16, 20, 20, 20} {
			want *= time.Second
			begin := r.conn.PausedAt()
			for range 3 {
				r.conn.Resume()
			}
			if r.conn.IsResuming() != (want > 0) {
				t.Errorf("pause %d: resuming %t", i, r.conn.IsResuming())
			}
			if want > 0 {
				pass(want - time.Since(begin) - 1)
				if n := r.callCount() - before; n != i {
					t.Errorf("pause %d: %d calls before %s", i, n, want)
				}
				pass(1)
			}
			pass(2 * time.Millisecond)
			if n := r.callCount() - before; n != i+1 {
				t.Errorf("pause %d: %d calls after %s, want %d", i, n, want, i+1)
			}
		}
		r.conn.Connect("client", "v2", connection.Limits{}) // new credentials
		if r.conn.UnresolvedFault() != nil {
			t.Error("unresolved after new credentials")
		}
		r.conn.Resume()
		if r.conn.IsResuming() || r.conn.PauseFault() != nil {
			t.Error("new credentials are not tried at once")
		}
		pass(10 * time.Millisecond)
	})
}

// TestResumeLate makes sure that Resume does not wait when the time has passed already, and that a pause for another
// reason is not prolonged.
func TestResumeLate(t *testing.T) {
	inBubble(t, connection.Limits{}, func(t *testing.T, r *rig) {
		for i := range 9 {
			r.submit("", fmt.Sprint(i), 0, down())
		}
		synctest.Wait()
		r.conn.Resume()
		synctest.Wait()
		pass(time.Second) // the second pause ends now
		r.conn.Resume()
		synctest.Wait()
		if n := r.callCount(); n != 7 {
			t.Errorf("%d calls, want 7", n)
		}
		r.conn.Pause(&fault.Fault{Kind: fault.Unavailable, Code: v1alpha1.ReasonSuspended})
		r.conn.Resume()
		synctest.Wait()
		if n := r.callCount(); n != 8 {
			t.Errorf("%d calls after a pause for another reason, want 8", n)
		}
	})
}

// TestRecoveryReleasesAllLanes makes sure that after a pause one call is tried in all lanes, and all once it
// succeeds.
func TestRecoveryReleasesAllLanes(t *testing.T) {
	inBubble(t, connection.Limits{Concurrency: 2}, func(t *testing.T, r *rig) {
		r.submit("a", "refused", 0, refused())
		synctest.Wait()
		for _, lane := range []string{"a", "b", "c"} {
			r.submit(lane, lane+"1", time.Second, nil)
			r.submit(lane, lane+"2", time.Second, nil)
		}
		begin := time.Now()
		r.conn.Resume()
		pass(5 * time.Second)
		if got := r.millisecondsSince(begin)[1:]; !slices.Equal(got, []int64{0, 1000, 1000, 1000, 1000, 1000}) {
			t.Errorf("calls at %v ms", got)
		}
		if n := r.integrationCount(); n != 2 {
			t.Errorf("integration enqueued %d times, want for the pause and the recovery", n)
		}
	})
}

// TestFailureAfterPause makes sure that one more failure is enough to pause again, and five after a recovery.
func TestFailureAfterPause(t *testing.T) {
	inBubble(t, connection.Limits{}, func(t *testing.T, r *rig) {
		fail := func(name string) bool {
			r.submit("", name, 0, down())
			synctest.Wait()
			return r.conn.PauseFault() != nil
		}
		for i := range 4 {
			if fail(fmt.Sprint(i)) {
				t.Fatalf("paused after %d failures", i+1)
			}
		}
		if !fail("fifth") {
			t.Fatal("not paused after 5 failures")
		}
		r.conn.Resume()
		if !fail("sixth") {
			t.Error("not paused after one failure more")
		}
		r.conn.Resume()
		pass(time.Minute)
		r.submit("", "success", 0, nil)
		synctest.Wait()
		for i := range 4 {
			if fail(fmt.Sprint("again", i)) {
				t.Errorf("paused after %d failures since the recovery", i+1)
			}
		}
		r.conn.Pause(refused())
		r.conn.Resume()
		for i := range 4 {
			if fail(fmt.Sprint("after another pause", i)) {
				t.Errorf("paused after %d failures since another pause", i+1)
			}
		}
		r.conn.Connect("client", "v2", connection.Limits{})
		for i := range 4 {
			if fail(fmt.Sprint("with new credentials", i)) {
				t.Errorf("paused after %d failures with new credentials", i+1)
			}
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
		for range 30 {
			pass(10 * time.Second)
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

// TestObserve checks that a call outside the lanes that succeeds ends a pause because of failures, also one that waits
// to end by itself, and no other.
func TestObserve(t *testing.T) {
	refused := &fault.Fault{Kind: fault.Unauthorized, Scope: fault.Connection, Message: "refused"}
	limited := &fault.Fault{Kind: fault.RateLimited, Scope: fault.Connection, RetryAfter: time.Hour, Message: "limited"}
	for name, c := range map[string]struct {
		results []error
		paused  bool
	}{
		"refused once probed":     {[]error{refused}, false}, // by this call alone
		"refused, then accepted":  {[]error{refused, nil}, false},
		"refused again":           {[]error{refused, refused, nil}, false},
		"limited":                 {[]error{limited}, true},
		"limited, then accepted":  {[]error{limited, nil}, true},
		"accepted, then refused":  {[]error{nil, refused}, false},
		"one call has no answer":  {[]error{fault.New(fault.Ambiguous, "no answer")}, false},
		"a request was not valid": {[]error{fault.New(fault.Invalid, "no")}, false},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, connection.Limits{}, func(t *testing.T, r *rig) {
				r.conn.Resume()
				for _, err := range c.results {
					r.conn.Observe(err)
					if err != nil {
						r.conn.Resume() // a probe that is accepted in between
						r.conn.Observe(err)
					}
				}
				if f := r.conn.PauseFault(); (f != nil) != c.paused {
					t.Errorf("paused because of %v, want a pause: %t", f, c.paused)
				}
			})
		})
	}
}

// TestPoisonedItems has six calls that always fail and three that would not. After the pause that they cause, one that
// has not failed is tried first.
func TestPoisonedItems(t *testing.T) {
	inBubble(t, connection.Limits{Concurrency: 1}, func(t *testing.T, r *rig) {
		begin := time.Now()
		submit := func() {
			for i := range 6 {
				r.submit("", fmt.Sprintf("poisoned-%d", i), time.Millisecond, fault.New(fault.Unavailable, "500"))
			}
			for i := range 3 {
				r.submit("", fmt.Sprintf("good-%d", i), time.Millisecond, nil)
			}
		}
		good := func() (n int) {
			for i := range 3 {
				if a, ok := r.conn.Lane("").Peek(key(fmt.Sprintf("good-%d", i)), uid(fmt.Sprintf("good-%d", i))); ok && a.Err == nil {
					n++
				}
			}
			return n
		}
		for range 30 { // the probe succeeds, and what waits is submitted again
			submit()
			pass(time.Second)
			r.conn.Resume()
			pass(10 * time.Millisecond)
			if good() == 3 {
				break
			}
		}
		if n := good(); n != 3 || time.Since(begin) > 5*time.Second {
			t.Errorf("%d of 3 good calls were made after %s", n, time.Since(begin))
		}
	})
}

// TestOneEndpointIsRefused has Jira refuse one kind of call as if the credentials were bad, while probes succeed: the
// others go on.
func TestOneEndpointIsRefused(t *testing.T) {
	inBubble(t, connection.Limits{Concurrency: 1}, func(t *testing.T, r *rig) {
		r.submit("create", "refused-0", time.Millisecond, refused())
		pass(10 * time.Millisecond)
		if r.conn.PauseFault() == nil {
			t.Fatal("the first refusal may be of the credentials: a probe has to tell")
		}
		r.conn.Resume()
		for i := range 20 {
			r.submit("create", fmt.Sprintf("refused-%d", i+1), time.Millisecond, refused())
			r.submit("follow", fmt.Sprintf("good-%d", i), time.Millisecond, nil)
			pass(10 * time.Millisecond)
			if f := r.conn.PauseFault(); f != nil {
				t.Fatalf("paused after refusal %d: %v", i+1, f)
			}
		}
		for i := range 20 {
			if a, ok := r.conn.Lane("follow").Peek(key(fmt.Sprintf("good-%d", i)), uid(fmt.Sprintf("good-%d", i))); !ok || a.Err != nil {
				t.Errorf("good-%d: %+v", i, a)
			}
		}
		a, ok := r.conn.Lane("create").Peek(key("refused-1"), uid("refused-1"))
		if !ok || a.RetryAt.Sub(a.At) < 5*time.Minute {
			t.Errorf("a refused call is retried after %s", a.RetryAt.Sub(a.At))
		}
		// The credentials may be revoked later.
		pass(time.Hour)
		r.submit("follow", "late", time.Millisecond, refused())
		pass(10 * time.Millisecond)
		if r.conn.PauseFault() == nil {
			t.Error("a refusal long after is not probed")
		}
	})
}
