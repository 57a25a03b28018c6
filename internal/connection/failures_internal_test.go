package connection

import (
	"context"
	"strconv"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/types"
	testingclock "k8s.io/utils/clock/testing"

	"github.com/voiceai-dev/integrations-operator/api/v1alpha1"
	"github.com/voiceai-dev/integrations-operator/internal/fault"
)

func TestIsSameCause(t *testing.T) {
	transient, timeout := fault.New(fault.Unavailable, "down"), fault.New(fault.Ambiguous, "timeout")
	suspended := &fault.Fault{Kind: fault.Unavailable, Code: v1alpha1.ReasonSuspended, Message: "suspended"}
	missing := &fault.Fault{Kind: fault.NotFound, Code: "a", Message: "m"}
	for name, c := range map[string]struct {
		a, b *fault.Fault
		want bool
	}{
		"nothing":              {nil, nil, false},
		"nothing before":       {nil, missing, false},
		"nothing now":          {missing, nil, false},
		"transient":            {transient, timeout, true},
		"transient, then not":  {transient, missing, false},
		"not, then transient":  {missing, transient, false},
		"transient, suspended": {transient, suspended, false},
		"suspended":            {suspended, suspended, true},
		"the same":             {missing, &fault.Fault{Kind: fault.NotFound, Code: "a", Message: "m"}, true},
		"another kind":         {missing, &fault.Fault{Kind: fault.Invalid, Code: "a", Message: "m"}, false},
		"another code":         {missing, &fault.Fault{Kind: fault.NotFound, Code: "b", Message: "m"}, false},
		"another message":      {missing, &fault.Fault{Kind: fault.NotFound, Code: "a", Message: "n"}, false},
	} {
		if got := isSameCause(c.a, c.b); got != c.want {
			t.Errorf("%s: got %t, want %t", name, got, c.want)
		}
	}
}

func TestBackoff(t *testing.T) {
	for failures, want := range map[int]time.Duration{
		1: time.Second, 2: 2 * time.Second, 9: 256 * time.Second, 10: 5 * time.Minute, 11: 5 * time.Minute, 1000: 5 * time.Minute,
	} {
		if got := backoff(failures); got != want {
			t.Errorf("after %d failures: %s, want %s", failures, got, want)
		}
	}
}

// TestRetryAt covers the range from which the time of a retry is drawn.
func TestRetryAt(t *testing.T) {
	begin := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	c := &Connection[string, string]{clock: testingclock.NewFakeClock(begin)}
	for name, test := range map[string]struct {
		fault    fault.Fault
		attempts int
		min, max time.Duration
	}{
		"the first failure":         {fault.Fault{}, 1, 500 * time.Millisecond, time.Second},
		"the third failure":         {fault.Fault{}, 3, 2 * time.Second, 4 * time.Second},
		"a conflict":                {fault.Fault{Kind: fault.Conflict}, 1, 500 * time.Millisecond, time.Second},
		"with Retry-After":          {fault.Fault{RetryAfter: time.Minute}, 1, time.Minute, time.Minute},
		"rate limited":              {fault.Fault{Kind: fault.RateLimited}, 1, 30 * time.Second, 30 * time.Second},
		"invalid":                   {fault.Fault{Kind: fault.Invalid}, 1, 20 * time.Minute, 30 * time.Minute},
		"not found":                 {fault.Fault{Kind: fault.NotFound}, 1, 5 * time.Minute, 450 * time.Second},
		"unauthorized":              {fault.Fault{Kind: fault.Unauthorized}, 1, 5 * time.Minute, 450 * time.Second},
		"refused by the endpoint":   {fault.Fault{Kind: fault.NotFound, Scope: fault.Endpoint}, 1, 5 * time.Minute, 450 * time.Second},
		"refused with connection":   {fault.Fault{Kind: fault.Unauthorized, Scope: fault.Connection}, 1, 0, 0},
		"a quota of the connection": {fault.Fault{Kind: fault.RateLimited, Scope: fault.Connection, RetryAfter: 1}, 1, 0, 0},
	} {
		least, most := time.Duration(1<<62), time.Duration(0)
		for range 1000 {
			d := c.retryAt(&test.fault, test.attempts).Sub(begin)
			least, most = min(least, d), max(most, d)
		}
		spread := test.max - test.min
		if least < test.min || most > test.max {
			t.Errorf("%s: between %s and %s, want between %s and %s", name, least, most, test.min, test.max)
		}
		if spread > 0 && most-least < spread*9/10 {
			t.Errorf("%s: between %s and %s only", name, least, most)
		}
	}
	if at := c.retryAt(fault.New(fault.Ambiguous, "timeout"), 1); !at.IsZero() {
		t.Errorf("an ambiguous call is made again at %s", at)
	}
}

// TestQueueIsCompacted makes sure that calls that are forgotten during a pause do not pile up.
func TestQueueIsCompacted(t *testing.T) {
	for _, c := range []struct{ waiting, forgotten, want int }{{0, 100, 100}, {0, 101, 0}, {0, 102, 1}, {10, 110, 120}, {10, 111, 10}} {
		p := NewPool[string, string](Options{Clock: testingclock.NewFakeClock(time.Now())})
		l := p.Get(types.NamespacedName{Name: "integration"}).Lane("")
		submit := func(name string) {
			l.Submit(Request[string, string]{
				Key:  types.NamespacedName{Name: name},
				Call: func(context.Context, string) (string, error) { return "", nil },
			})
		}
		for i := range c.waiting {
			submit(strconv.Itoa(i))
		}
		for range c.forgotten {
			submit("forgotten")
			l.Forget(types.NamespacedName{Name: "forgotten"})
		}
		if n := len(l.queue); n != c.want || l.Backlog() != c.waiting {
			t.Errorf("%+v: %d calls in the queue, %d wait", c, n, l.Backlog())
		}
	}
}
