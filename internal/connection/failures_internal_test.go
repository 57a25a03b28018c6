// SPDX-License-Identifier: Apache-2.0

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
		1: time.Second, 2: 2 * time.Second, 9: 256 * time.Second, 11: 1024 * time.Second, 12: 1024 * time.Second, 1000: 1024 * time.Second,
	} {
		if got := backoff(time.Second, failures); got != want {
			t.Errorf("after %d failures: %s, want %s", failures, got, want)
		}
	}
}

// TestRetryAt covers the range from which the time of a retry is drawn.
func TestRetryAt(t *testing.T) {
	begin := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	type failed = entry[string, string]
	refused := fault.Fault{Kind: fault.Unauthorized, Scope: fault.Connection}
	ambiguous := fault.Fault{Kind: fault.Ambiguous}
	for name, test := range map[string]struct {
		entry    failed
		fault    fault.Fault
		paused   bool
		min, max time.Duration
	}{
		"the first failure":           {failed{attempts: 1}, fault.Fault{}, false, 500 * time.Millisecond, time.Second},
		"the third failure":           {failed{attempts: 3}, fault.Fault{}, false, 2 * time.Second, 4 * time.Second},
		"the hundredth failure":       {failed{attempts: 100}, fault.Fault{}, false, 10 * time.Second, 20 * time.Second},
		"the first of its own":        {failed{attempts: 2, ownFailures: 1}, fault.Fault{}, false, 5 * time.Second, 10 * time.Second},
		"the third of its own":        {failed{attempts: 9, ownFailures: 3}, fault.Fault{}, false, 20 * time.Second, 40 * time.Second},
		"the fourth of its own":       {failed{attempts: 9, ownFailures: 4}, fault.Fault{}, false, 20 * time.Minute, 30 * time.Minute},
		"the fourth doubt of its own": {failed{ownFailures: 4}, ambiguous, false, 20 * time.Minute, 30 * time.Minute},
		"a conflict":                  {failed{attempts: 1}, fault.Fault{Kind: fault.Conflict}, false, 500 * time.Millisecond, time.Second},
		"the hundredth conflict":      {failed{attempts: 100}, fault.Fault{Kind: fault.Conflict}, false, 150 * time.Second, 5 * time.Minute},
		"with Retry-After":            {failed{attempts: 1}, fault.Fault{RetryAfter: time.Minute}, false, time.Minute, time.Minute},
		"with a long Retry-After":     {failed{attempts: 1}, fault.Fault{RetryAfter: 2 * time.Hour}, false, time.Hour, time.Hour},
		"rate limited":                {failed{}, fault.Fault{Kind: fault.RateLimited}, false, 30 * time.Second, 30 * time.Second},
		"invalid":                     {failed{}, fault.Fault{Kind: fault.Invalid}, false, 20 * time.Minute, 30 * time.Minute},
		"not found":                   {failed{}, fault.Fault{Kind: fault.NotFound}, false, 5 * time.Minute, 450 * time.Second},
		"unauthorized":                {failed{}, fault.Fault{Kind: fault.Unauthorized}, false, 5 * time.Minute, 450 * time.Second},
		"refused by the endpoint":     {failed{}, fault.Fault{Kind: fault.NotFound, Scope: fault.Endpoint}, false, 5 * time.Minute, 450 * time.Second},
		"refused with a pause":        {failed{}, refused, true, 0, 0},
		"refused without a pause":     {failed{}, refused, false, 5 * time.Minute, 450 * time.Second},
		"a quota of the connection":   {failed{}, fault.Fault{Kind: fault.RateLimited, Scope: fault.Connection, RetryAfter: 1}, true, 0, 0},
	} {
		c := &Connection[string, string]{clock: testingclock.NewFakeClock(begin)}
		if test.paused {
			c.pause.Store(&pause{fault: &test.fault})
		}
		least, most := time.Duration(1<<62), time.Duration(0)
		for range 1000 {
			d := c.retryAt(&test.entry, &test.fault).Sub(begin)
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
	c := &Connection[string, string]{clock: testingclock.NewFakeClock(begin)}
	if at := c.retryAt(&failed{attempts: 1}, &ambiguous); !at.IsZero() {
		t.Errorf("a call in doubt is made again at %s", at)
	}
}

func TestTrialGap(t *testing.T) {
	for failing, want := range map[time.Duration]time.Duration{
		0: time.Second, 20 * time.Second: time.Second, time.Minute: 3 * time.Second, 10 * time.Minute: 20 * time.Second,
		48 * time.Hour: 20 * time.Second,
	} {
		if got := trialGap(failing); got != want {
			t.Errorf("after %s: %s, want %s", failing, got, want)
		}
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
