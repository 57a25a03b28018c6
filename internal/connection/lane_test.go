package connection_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/clock"

	"github.com/voiceai-dev/integrations-operator/api/v1alpha1"
	"github.com/voiceai-dev/integrations-operator/internal/connection"
	"github.com/voiceai-dev/integrations-operator/internal/fault"
)

// rig is a pool whose calls and wake-ups are counted. It runs in a synctest bubble, where time passes when everybody waits.
type rig struct {
	pool *connection.Pool[string, string]
	conn *connection.Connection[string, string]

	mu     sync.Mutex
	woken  map[string]int
	alarms int
	calls  []time.Time
	fence  error
}

func newRig(limits connection.Limits) *rig {
	r := &rig{woken: map[string]int{}}
	r.pool = connection.NewPool[string, string](connection.Options{
		Clock:              clock.RealClock{},
		Fence:              func() error { r.mu.Lock(); defer r.mu.Unlock(); return r.fence },
		EnqueueItem:        func(n types.NamespacedName) { r.mu.Lock(); defer r.mu.Unlock(); r.woken[n.Name]++ },
		CountedAction:      "PostMessage",
		EnqueueIntegration: func(types.NamespacedName) { r.mu.Lock(); defer r.mu.Unlock(); r.alarms++ },
	})
	r.conn = r.pool.Get(types.NamespacedName{Name: "integration"})
	r.conn.Connect("client", "v1", limits)
	r.conn.Resume()
	return r
}

// ask asks lane l for an object's call, which takes a while and ends with an error.
func (r *rig) ask(lane, name string, takes time.Duration, err error) connection.Answer[string] {
	return r.askVersion(lane, name, "1", takes, err)
}

func (r *rig) askVersion(lane, name, version string, takes time.Duration, err error) connection.Answer[string] {
	return r.conn.Lane(lane).Submit(connection.Request[string, string]{
		Key: types.NamespacedName{Name: name}, UID: types.UID("uid-" + name), Version: version,
		Call: func(ctx context.Context, client string) (string, error) {
			r.mu.Lock()
			r.calls = append(r.calls, time.Now())
			r.mu.Unlock()
			select {
			case <-ctx.Done():
				return "", ctx.Err()
			case <-time.After(takes):
				return client + "/" + name, err
			}
		},
	})
}

func (r *rig) counts() (calls, alarms int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.calls), r.alarms
}

func (r *rig) wokenTimes(name string) int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.woken[name]
}

func TestAskIsAnsweredOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(connection.Limits{})
		if a := r.ask("", "a", time.Second, nil); a.Done || a.Pause != nil || a.Slow {
			t.Errorf("at once: %+v", a)
		}
		r.ask("", "a", time.Second, nil)
		time.Sleep(1500 * time.Millisecond)
		synctest.Wait()
		for range 2 {
			if a := r.ask("", "a", time.Second, nil); !a.Done || a.Result != "client/a" || a.Err != nil || a.Attempts != 1 {
				t.Errorf("after the call: %+v", a)
			}
		}
		if calls, _ := r.counts(); calls != 1 || r.wokenTimes("a") != 1 {
			t.Errorf("%d calls, woken %d times", calls, r.wokenTimes("a"))
		}
		r.conn.Lane("").Forget(types.NamespacedName{Name: "a"})
		r.ask("", "a", time.Second, nil)
		synctest.Wait()
		if calls, _ := r.counts(); calls != 2 {
			t.Errorf("%d calls after it was forgotten, want 2", calls)
		}
		time.Sleep(2 * time.Second)
	})
}

func TestSlowCallIsTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(connection.Limits{})
		r.ask("", "a", 10*time.Second, nil)
		time.Sleep(3 * time.Second)
		synctest.Wait()
		if a := r.ask("", "a", 0, nil); !a.Slow || r.wokenTimes("a") != 1 {
			t.Errorf("%+v, woken %d times", a, r.wokenTimes("a"))
		}
		time.Sleep(8 * time.Second)
		synctest.Wait()
		if calls, _ := r.counts(); calls != 1 || r.wokenTimes("a") != 2 {
			t.Errorf("%d calls, woken %d times", calls, r.wokenTimes("a"))
		}
	})
}

func TestConcurrencyAndRate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(connection.Limits{Concurrency: 2, LanePerSecond: 1, LaneBurst: 3})
		began := time.Now()
		for i := range 6 {
			r.ask("", fmt.Sprint(i), 100*time.Millisecond, nil)
		}
		r.ask("other", "x", 100*time.Millisecond, nil)
		time.Sleep(10 * time.Second)
		synctest.Wait()
		var at []int
		for _, c := range r.calls {
			at = append(at, int(c.Sub(began).Round(10*time.Millisecond).Milliseconds()))
		}
		// Two at once and the other lane's, the burst's third when one ended, then one a second.
		if fmt.Sprint(at) != "[0 0 0 100 1000 2000 3000]" {
			t.Errorf("calls at %v ms", at)
		}
	})
}

func TestFailures(t *testing.T) {
	for name, c := range map[string]struct {
		err      error
		min, max time.Duration // until it is tried again; 0 for never
	}{
		"unavailable":  {fault.New(fault.Unavailable, "x"), 500 * time.Millisecond, time.Second},
		"nobody knows": {errors.New("x"), 500 * time.Millisecond, time.Second},
		"rate limited": {&fault.Fault{Kind: fault.RateLimited, RetryAfter: 20 * time.Second}, 20 * time.Second, 20 * time.Second},
		"not found":    {fault.New(fault.NotFound, "x"), 5 * time.Minute, 7*time.Minute + 30*time.Second},
		"invalid":      {fault.New(fault.Invalid, "x"), 20 * time.Minute, 30 * time.Minute},
		"ambiguous":    {fault.New(fault.Ambiguous, "x"), 0, 0},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRig(connection.Limits{})
				r.ask("", "a", 0, c.err)
				synctest.Wait()
				a := r.ask("", "a", 0, c.err)
				if !a.Done || a.Err == nil {
					t.Fatalf("%+v", a)
				}
				if after := a.RetryAt.Sub(a.At); !a.RetryAt.IsZero() && (after < c.min || after > c.max) || a.RetryAt.IsZero() != (c.max == 0) {
					t.Errorf("tried again after %s, want between %s and %s", after, c.min, c.max)
				}
				time.Sleep(c.max + time.Hour)
				r.ask("", "a", 0, nil)
				synctest.Wait()
				if calls, _ := r.counts(); (calls == 2) != (c.max > 0) {
					t.Errorf("%d calls", calls)
				}
				// Whatever it was: something else to say is another try.
				r.askVersion("", "b", "1", 0, c.err)
				synctest.Wait()
				before, _ := r.counts()
				r.askVersion("", "b", "2", 0, nil)
				synctest.Wait()
				if after, _ := r.counts(); after != before+1 {
					t.Errorf("a new version made %d calls", after-before)
				}
			})
		})
	}
}

func TestRefusedCredentialsPauseTheConnection(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(connection.Limits{})
		refused := &fault.Fault{Kind: fault.Unauthorized, Scope: fault.Connection, Message: "refused"}
		r.ask("", "a", time.Second, refused)
		r.ask("", "b", time.Second, nil)
		time.Sleep(2 * time.Second)
		synctest.Wait()
		if calls, alarms := r.counts(); calls != 1 || alarms != 1 || r.wokenTimes("b") != 1 {
			t.Errorf("%d calls, %d alarms, b woken %d times", calls, alarms, r.wokenTimes("b"))
		}
		for _, n := range []string{"a", "b", "c"} {
			if a := r.ask("", n, time.Second, nil); a.Done || a.Pause == nil || a.Pause.Message != "refused" {
				t.Errorf("%s while paused: %+v", n, a)
			}
		}
		r.conn.Connect("mended", "v2", connection.Limits{Concurrency: 3})
		r.conn.Resume()
		time.Sleep(2 * time.Second)
		synctest.Wait()
		for _, n := range []string{"a", "b", "c"} {
			if a := r.ask("", n, time.Second, nil); a.Result != "mended/"+n {
				t.Errorf("%s after: %+v", n, a)
			}
		}
	})
}

func TestRepeatedFailurePausesTheConnection(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(connection.Limits{})
		for i := range 20 {
			r.ask("", fmt.Sprint(i), time.Second, fault.New(fault.Unavailable, "down"))
		}
		time.Sleep(time.Minute)
		synctest.Wait()
		if calls, alarms := r.counts(); calls != 5 || alarms != 1 {
			t.Errorf("%d calls and %d alarms, want 5 and 1", calls, alarms)
		}
	})
}

func TestQuotaPausesForItsTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(connection.Limits{})
		r.ask("", "a", 0, &fault.Fault{Kind: fault.RateLimited, Scope: fault.Connection, RetryAfter: time.Minute})
		synctest.Wait()
		r.ask("", "a", 0, nil)
		time.Sleep(59 * time.Second)
		synctest.Wait()
		if calls, _ := r.counts(); calls != 1 {
			t.Errorf("%d calls before the time, want 1", calls)
		}
		time.Sleep(2 * time.Second)
		synctest.Wait()
		if calls, _ := r.counts(); calls != 2 {
			t.Errorf("%d calls after the time, want 2", calls)
		}
	})
}

func TestWithoutTheLeaseNothingIsCalled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(connection.Limits{})
		r.fence = fault.New(fault.Unavailable, "no lease")
		r.ask("", "a", 0, nil)
		synctest.Wait()
		if calls, _ := r.counts(); calls != 0 {
			t.Errorf("%d calls without the lease", calls)
		}
	})
}

func TestForgottenObjectsAreNotCalledFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(connection.Limits{})
		r.ask("", "a", time.Second, nil)
		r.ask("", "b", time.Second, nil)
		r.pool.Forget(types.NamespacedName{Name: "b"})
		time.Sleep(5 * time.Second)
		synctest.Wait()
		if calls, _ := r.counts(); calls != 1 {
			t.Errorf("%d calls, want that for a alone", calls)
		}
	})
}

func TestRecordIsShownNowAndThen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(connection.Limits{})
		r.conn.Record.Load(v1alpha1.Health{LastError: "old"}, 10, 2)
		for i := range 100 {
			var err error
			if i%10 == 0 {
				err = errors.New("no")
			}
			r.conn.Record.Add("PostMessage", fmt.Sprint(i), "", err)
		}
		time.Sleep(time.Minute)
		synctest.Wait()
		if _, alarms := r.counts(); alarms != 1 {
			t.Errorf("the integration was woken %d times for one burst", alarms)
		}
		h, sent, failed := r.conn.Record.Snapshot()
		if sent != 100 || failed != 12 || len(h.Activities) != v1alpha1.MaxActivities || h.Activities[0].Object != "99" {
			t.Errorf("sent %d, failed %d, %d activities, first %v", sent, failed, len(h.Activities), h.Activities[0])
		}
	})
}

// A call that is under way when the operator stops is waited for, and may note what came of it.
func TestAPoolEndsWithTheCallsUnderWay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(connection.Limits{})
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- r.pool.Start(ctx) }()
		noted := false
		r.conn.Lane("").Submit(connection.Request[string, string]{Key: types.NamespacedName{Name: "a"}, Call: func(context.Context, string) (string, error) {
			time.Sleep(2 * time.Second)
			r.pool.Get(types.NamespacedName{Name: "integration"}).Record.Add("PostMessage", "a", "", nil)
			noted = true
			return "", nil
		}})
		time.Sleep(time.Second)
		cancel()
		synctest.Wait()
		select {
		case err := <-ended:
			t.Errorf("the pool ended before the call: %v", err)
		default:
		}
		time.Sleep(2 * time.Second)
		synctest.Wait()
		select {
		case err := <-ended:
			if err != nil || !noted {
				t.Errorf("ended with %v, noted %t", err, noted)
			}
		default:
			t.Error("the pool waits though the call ended")
		}
	})
}

// Whether a channel can be asked is found out once, and where it cannot be, again after a while.
func TestWhichChannelsAreToBeAsked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(connection.Limits{}).conn.Record
		due := func(want ...string) {
			t.Helper()
			var got []string
			for _, channel := range []string{"#good", "#bad"} {
				if r.ClaimHistoryProbe(channel) {
					got = append(got, channel)
				}
			}
			if !slices.Equal(got, want) {
				t.Errorf("to be asked: %v, want %v", got, want)
			}
		}
		due("#good", "#bad")
		due()
		r.RecordHistoryProbe("#good", true)
		r.RecordHistoryProbe("#bad", false)
		due()
		time.Sleep(10 * time.Minute)
		due("#bad")
		due()
		r.RecordHistoryProbe("#bad", true)
		time.Sleep(time.Hour)
		due()
	})
}

// The other side answers probes and no calls: each probe resumes the connection, and what is tried becomes rarer.
func TestRelapsesMakeThePausesLonger(t *testing.T) {
	for name, down := range map[string]error{
		"down": fault.New(fault.Unavailable, "down"), "refused": &fault.Fault{Kind: fault.Unauthorized, Scope: fault.Connection, Message: "down"},
	} {
		t.Run(name, func(t *testing.T) { relapses(t, down) })
	}
}

func relapses(t *testing.T, down error) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(connection.Limits{Concurrency: 10})
		object := 0
		// hour has an object come every second, and a probe that succeeds.
		hour := func() (calls int) {
			before, _ := r.counts()
			for range 3600 {
				object++
				r.conn.Lane("").Submit(connection.Request[string, string]{
					Key: types.NamespacedName{Name: fmt.Sprint(object)}, Call: func(context.Context, string) (string, error) {
						r.mu.Lock()
						defer r.mu.Unlock()
						r.calls = append(r.calls, time.Now())
						return "", down
					},
				})
				r.conn.Resume()
				time.Sleep(time.Second)
				synctest.Wait()
			}
			after, _ := r.counts()
			return after - before
		}
		if calls := hour(); calls < 10 || calls > 30 {
			t.Errorf("%d calls in an hour of failure, want a few", calls)
		}
		if f := r.conn.UnresolvedFault(); f == nil || f.Message != "down" {
			t.Errorf("in doubt because of %v", f)
		}
		r.mu.Lock()
		down = nil
		r.mu.Unlock()
		_, alarms := r.counts()
		if calls := hour(); calls < 7000 {
			t.Errorf("%d calls in an hour of health, want those that waited and the new ones", calls)
		}
		if _, after := r.counts(); r.conn.UnresolvedFault() != nil || r.conn.PauseFault() != nil || after == alarms {
			t.Errorf("after recovery: in doubt because of %v, paused because of %v, %d alarms more", r.conn.UnresolvedFault(), r.conn.PauseFault(), after-alarms)
		}
	})
}

func TestAnotherActIsAnotherCall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(connection.Limits{})
		ask := func(act, version string) connection.Answer[string] {
			return r.conn.Lane("").Submit(connection.Request[string, string]{
				Key: types.NamespacedName{Name: "a"}, UID: "a", Operation: act, Version: version,
				Call: func(context.Context, string) (string, error) {
					r.mu.Lock()
					defer r.mu.Unlock()
					r.calls = append(r.calls, time.Now())
					return act, nil
				},
			})
		}
		for _, c := range []struct {
			act, version string
			calls        int
		}{{"move", "1", 1}, {"move", "1", 1}, {"move", "2", 1}, {"comment", "2", 2}, {"move", "2", 3}} {
			ask(c.act, c.version)
			synctest.Wait()
			if a := ask(c.act, c.version); !a.Done || a.Result != c.act {
				t.Errorf("%s: %+v", c.act, a)
			}
			if calls, _ := r.counts(); calls != c.calls {
				t.Errorf("%s, version %s: %d calls, want %d", c.act, c.version, calls, c.calls)
			}
		}
	})
}

func TestWhatGoesFirstAndWhatIsFree(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(connection.Limits{LanePerSecond: 1, LaneBurst: 1})
		called := map[string][]string{}
		ask := func(lane, name string, first, free bool) {
			r.conn.Lane(lane).Submit(connection.Request[string, string]{
				Key: types.NamespacedName{Name: name}, First: first, Unmetered: free,
				Call: func(context.Context, string) (string, error) {
					r.mu.Lock()
					defer r.mu.Unlock()
					called[lane] = append(called[lane], name)
					return "", nil
				},
			})
		}
		for _, n := range []string{"a", "b", "c"} {
			ask("", n, false, false)
		}
		if n := r.conn.Lane("").Backlog(); n != 2 {
			t.Errorf("%d wait, want 2", n)
		}
		ask("", "digest", true, false)
		for _, n := range []string{"x", "y", "z"} {
			ask("other", n, false, true)
		}
		synctest.Wait()
		r.mu.Lock()
		if n := len(called["other"]); n != 3 {
			t.Errorf("%d of the three that are free were called at once", n)
		}
		r.mu.Unlock()
		time.Sleep(time.Minute)
		synctest.Wait()
		if got := fmt.Sprint(called[""]); got != "[a digest b c]" {
			t.Errorf("called in the order %s", got)
		}
		if c := r.conn.Lane("").Capacity(10 * time.Second); c != 10 {
			t.Errorf("takes %d in 10 s", c)
		}
	})
}

func TestWhatIsWithdrawnIsNotCalled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(connection.Limits{LanePerSecond: 1, LaneBurst: 1, Concurrency: 1})
		var called []string
		ask := func(name string, first bool, err error) connection.Answer[string] {
			return r.conn.Lane("").Submit(connection.Request[string, string]{
				Key: types.NamespacedName{Name: name}, UID: types.UID(name), First: first,
				Call: func(context.Context, string) (string, error) {
					r.mu.Lock()
					defer r.mu.Unlock()
					called = append(called, name)
					return "", err
				},
			})
		}
		ask("failed", false, &fault.Fault{Kind: fault.Unavailable})
		synctest.Wait()
		time.Sleep(time.Minute)
		for _, n := range []string{"begun", "a", "b", "c"} {
			ask(n, false, nil)
		}
		ask("failed", false, nil) // was tried before: it may be there
		ask("digest", true, nil)
		synctest.Wait()
		if n := r.conn.Lane("").PriorityBacklog(); n != 1 {
			t.Errorf("%d go first, want 1", n)
		}
		got := r.conn.Lane("").Withdraw(func(n types.NamespacedName) bool { return n.Name != "c" })
		if fmt.Sprint(got) != "[/a /b]" {
			t.Errorf("withdrew %s", got)
		}
		if a := ask("a", false, nil); a.Done || !r.conn.Lane("").Has(types.NamespacedName{Name: "a"}, "a") {
			t.Errorf("asked again for what is withdrawn: %+v", a)
		}
		time.Sleep(time.Minute)
		synctest.Wait()
		r.conn.Lane("").Forget(types.NamespacedName{Name: "b"})
		ask("b", false, nil) // goes its own way again
		time.Sleep(time.Minute)
		synctest.Wait()
		r.mu.Lock()
		defer r.mu.Unlock()
		if got := fmt.Sprint(called); got != "[failed begun digest c failed b]" {
			t.Errorf("called %s", got)
		}
	})
}

// Those that wait are told of trouble once, however often it is found that it goes on.
func TestTroubleIsToldOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(connection.Limits{Concurrency: 10})
		for n := range 50 {
			r.ask("", fmt.Sprint(n), 0, fault.New(fault.Unavailable, "down %d", n))
		}
		synctest.Wait()
		for n := range 50 { // they are reconciled, and told
			r.ask("", fmt.Sprint(n), 0, fault.New(fault.Unavailable, "down %d", n))
		}
		before := r.wokenTimes("49")
		for range 300 {
			time.Sleep(10 * time.Second)
			r.conn.Resume()
			synctest.Wait()
		}
		if n := r.wokenTimes("49"); n != before {
			t.Errorf("woken %d times at first, %d times until its turn came", before, n)
		}
		r.conn.Pause(&fault.Fault{Kind: fault.Unauthorized, Scope: fault.Connection, Message: "refused"})
		if n := r.wokenTimes("49"); n != before+1 {
			t.Errorf("woken %d times, want once more for another reason", n)
		}
	})
}

// What is asked for nothing is held as all else is when the other side asks to wait.
func TestHeldIsHeldForWhatIsFreeToo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(connection.Limits{})
		for n := range 20 {
			r.conn.Lane("").Submit(connection.Request[string, string]{
				Key: types.NamespacedName{Name: fmt.Sprint(n)}, Unmetered: true, Call: func(context.Context, string) (string, error) {
					r.mu.Lock()
					defer r.mu.Unlock()
					r.calls = append(r.calls, time.Now())
					return "", &fault.Fault{Kind: fault.RateLimited, Scope: fault.Endpoint, RetryAfter: 20 * time.Second}
				},
			})
		}
		time.Sleep(19 * time.Second)
		synctest.Wait()
		if calls, _ := r.counts(); calls != 1 {
			t.Errorf("%d calls within the 20 s that were asked for", calls)
		}
	})
}

// After a refusal for its rate a lane neither bursts nor goes at the very limit, until there was quiet.
func TestRefusedForItsRateALaneIsStrict(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(connection.Limits{Concurrency: 3, LanePerSecond: 1, LaneBurst: 3})
		r.ask("", "limited", 0, &fault.Fault{Kind: fault.RateLimited, Scope: fault.Endpoint, RetryAfter: time.Minute})
		synctest.Wait()
		spacing := func() (least time.Duration) {
			before, _ := r.counts()
			for n := range 4 {
				r.ask("", fmt.Sprint(before, n), 0, nil)
			}
			time.Sleep(2 * time.Minute)
			synctest.Wait()
			r.mu.Lock()
			defer r.mu.Unlock()
			least = time.Hour
			for i := before + 1; i < len(r.calls); i++ {
				least = min(least, r.calls[i].Sub(r.calls[i-1]))
			}
			return least
		}
		if least := spacing(); least <= time.Second || least > 1100*time.Millisecond {
			t.Errorf("calls %s after each other, want a little more than a second", least)
		}
		time.Sleep(10 * time.Minute)
		if least := spacing(); least != 0 {
			t.Errorf("calls %s after each other long after, want a burst", least)
		}
	})
}

// A call that failed and is made again has nothing new to say.
func TestAgainSaysTheSame(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(connection.Limits{LanePerSecond: 1, LaneBurst: 1})
		r.ask("", "a", 0, fault.New(fault.Unavailable, "down"))
		synctest.Wait()
		if a := r.ask("", "a", 0, nil); a.Retrying || a.RetryAt.IsZero() {
			t.Errorf("after the failure: %+v", a)
		}
		r.ask("", "b", 0, nil)
		time.Sleep(1100 * time.Millisecond)
		r.ask("", "c", 0, nil) // takes the turn
		if a := r.ask("", "a", 0, nil); !a.Retrying || !a.Done || a.Err == nil {
			t.Errorf("while it waits for its turn: %+v", a)
		}
		time.Sleep(time.Minute)
		synctest.Wait()
		if a := r.ask("", "a", 0, nil); a.Retrying || a.Err != nil || a.Attempts != 2 {
			t.Errorf("after it: %+v", a)
		}
	})
}

// One check that fails for what may pass stops nobody.
func TestUnsettling(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		down := fault.New(fault.Unavailable, "down")
		r := newRig(connection.Limits{})
		if r.conn.IsProbeFailing() {
			t.Error("suspect before anything happened")
		}
		for i, want := range []bool{false, true} {
			if got := r.conn.ProbeFailed(down); got != want {
				t.Errorf("check %d: %v", i+1, got)
			}
		}
		r.conn.Connect("client", "v1", connection.Limits{})
		if r.conn.IsProbeFailing() || r.conn.ProbeFailed(down) || !r.conn.IsProbeFailing() {
			t.Error("the first after one that succeeded")
		}
		if !r.conn.ProbeFailed(fault.New(fault.NotFound, "gone")) {
			t.Error("what somebody has to mend")
		}
		if r.conn.ProbeFailed(&fault.Fault{Kind: fault.RateLimited, Scope: fault.Endpoint, RetryAfter: time.Minute}) || r.conn.PauseFault() != nil {
			t.Error("a limit of one endpoint")
		}
		if r.conn.ProbeFailed(&fault.Fault{Kind: fault.RateLimited, Scope: fault.Connection, RetryAfter: time.Minute}); r.conn.PauseFault() == nil || !r.conn.IsResuming() {
			t.Error("a quota that is used up has to pause, for its time")
		}
		time.Sleep(61 * time.Second)
		synctest.Wait()
		if r.conn.PauseFault() != nil {
			t.Error("still paused after its time")
		}
	})
}
