// SPDX-License-Identifier: Apache-2.0

package once_test

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"k8s.io/apimachinery/pkg/types"

	"github.com/voiceai-dev/integrations-operator/internal/once"
)

var start = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func TestSettleTime(t *testing.T) {
	for seconds, want := range map[int32]time.Duration{
		0:   once.DefaultSettle,
		1:   35 * time.Second,
		35:  35 * time.Second,
		36:  36 * time.Second,
		600: 10 * time.Minute,
	} {
		if got := once.SettleTime(seconds, 30*time.Second); got != want {
			t.Errorf("SettleTime(%d) = %s, want %s", seconds, got, want)
		}
	}
}

func TestSince(t *testing.T) {
	at := func(seconds float64) time.Time { return start.Add(time.Duration(seconds * float64(time.Second))) }
	lead := func(t time.Time) once.Leader { return once.Leader{Since: t, ServerTime: t} }
	skewed := once.Leader{Since: at(0), ServerTime: at(30)} // this machine is half a minute behind
	for name, test := range map[string]struct {
		intent once.Intent
		want   time.Time
	}{
		"newer than the leader":                  {once.Intent{Created: at(1), Leader: lead(at(0))}, time.Time{}},
		"of the leader's first second":           {once.Intent{Created: at(0), Leader: lead(at(0.5))}, at(0.5)},
		"at the very time":                       {once.Intent{Created: at(0), Leader: lead(at(0))}, at(0)},
		"newer by this machine's clock only":     {once.Intent{Created: at(30), Leader: skewed}, at(0)},
		"newer by the API server's clock":        {once.Intent{Created: at(31), Leader: skewed}, time.Time{}},
		"older than the leader":                  {once.Intent{Created: at(0), Leader: lead(at(9))}, at(9)},
		"newer, with a call in doubt":            {once.Intent{Created: at(1), Leader: lead(at(0)), UncertainSince: at(5)}, at(5)},
		"older, with a call in doubt since":      {once.Intent{Created: at(0), Leader: lead(at(1)), UncertainSince: at(5)}, at(5)},
		"older, with a former leader's in doubt": {once.Intent{Created: at(0), Leader: lead(at(5)), UncertainSince: at(1)}, at(5)},
	} {
		if got := test.intent.Since(); !got.Equal(test.want) {
			t.Errorf("%s: got %s, want %s", name, got, test.want)
		}
	}
}

// place is the other side: what exists there, and which searches it answered.
type place struct {
	exists   map[string]string
	searches []string
	err      error
	// slow blocks a search until it is closed, when it is not nil.
	slow chan struct{}
}

func (p *place) search(ctx context.Context, markers []string, back time.Duration) (map[string]string, error) {
	p.searches = append(p.searches, strings.Join(slices.Sorted(slices.Values(markers)), "+")+" "+back.String())
	found := maps.Clone(p.exists)
	if p.slow != nil {
		select {
		case <-p.slow:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	return found, p.err
}

func named(name string) types.NamespacedName { return types.NamespacedName{Namespace: "n", Name: name} }

func TestFind(t *testing.T) {
	for name, test := range map[string]struct {
		exists    map[string]string
		searchErr error
		want      string
	}{
		"what exists":     {exists: map[string]string{"a": "A"}, want: "A"},
		"of another":      {exists: map[string]string{"b": "B"}},
		"a failed search": {exists: map[string]string{"a": "A"}, searchErr: errors.New("no answer")},
	} {
		t.Run(name, func(t *testing.T) {
			var lookups once.Lookups[string, string]
			p := &place{exists: test.exists, err: test.searchErr}
			got, ok, err := lookups.Hold("jira", named("a"), "a", start).
				Find(t.Context(), p.search, named("a"), start, func() time.Time { return start })
			if got != test.want || ok != (test.want != "") || !errors.Is(err, test.searchErr) {
				t.Errorf("got %q, %v, %v", got, ok, err)
			}
		})
	}
}

// TestFindSharesSearches walks one Lookup through time: a search answers for all that are held, as long as it is
// young and wide enough.
func TestFindSharesSearches(t *testing.T) {
	var lookups once.Lookups[string, string]
	p := &place{exists: map[string]string{"a": "A", "b": "B"}}
	now := start
	find := func(object string, earliest, due time.Time) string {
		t.Helper()
		got, ok, err := lookups.Hold("jira", named(object), object, earliest).
			Find(t.Context(), p.search, named(object), due, func() time.Time { return now })
		if err != nil || ok != (got != "") {
			t.Fatalf("%q, %v, %v", got, ok, err)
		}
		return got
	}
	lookups.Hold("jira", named("b"), "b", start.Add(-time.Hour))
	lookups.Hold("jira", named("c"), "c", start.Add(-time.Minute))
	for _, step := range []struct {
		object        string
		earliest, due time.Duration
		want          string
		searches      int
	}{
		{"a", 0, 0, "A", 1},                             // searches for all three
		{"b", -time.Hour, 0, "B", 1},                    // the same search answers
		{"c", -time.Minute, 0, "", 1},                   // also that there is none
		{"c", -time.Minute, time.Nanosecond, "", 2},     // that search began too early
		{"d", -time.Minute, 0, "", 3},                   // that one did not look for it
		{"d", -time.Hour - 2*time.Minute, 0, "", 3},     // just wide enough, with the margin
		{"d", -time.Hour - 2*time.Minute - 1, 0, "", 4}, // not wide enough
	} {
		if got := find(step.object, start.Add(step.earliest), now.Add(step.due)); got != step.want || len(p.searches) != step.searches {
			t.Errorf("%+v: got %q after %d searches", step, got, len(p.searches))
		}
		if step.due > 0 {
			now = now.Add(step.due)
		}
	}
	if p.searches[0] != "a+b+c 1h2m0s" {
		t.Errorf("searched for %s", p.searches[0])
	}
}

func TestMarkerFromTheFutureIsSearchedWithinTheMargin(t *testing.T) {
	var lookups once.Lookups[string, string]
	p := &place{}
	if _, _, err := lookups.Hold("jira", named("a"), "a", start.Add(time.Hour)).
		Find(t.Context(), p.search, named("a"), start, func() time.Time { return start }); err != nil {
		t.Fatal(err)
	}
	if p.searches[0] != "a 2m0s" {
		t.Errorf("searched for %s", p.searches[0])
	}
}

func TestConcurrentFindsMakeOneSearch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var lookups once.Lookups[string, string]
		p := &place{exists: map[string]string{"b": "B"}, slow: make(chan struct{})}
		lookups.Hold("jira", named("a"), "a", time.Now())
		in := lookups.Hold("jira", named("b"), "b", time.Now())
		due := time.Now()
		answers := make(chan string, 2)
		for _, name := range []string{"a", "b"} {
			go func() {
				got, _, err := in.Find(t.Context(), p.search, named(name), due, time.Now)
				if err != nil {
					got = err.Error()
				}
				answers <- name + "=" + got
			}()
		}
		synctest.Wait()
		given, cancel := context.WithCancel(t.Context())
		cancel()
		if _, ok, err := in.Find(given, p.search, named("a"), due, time.Now); ok || !errors.Is(err, context.Canceled) {
			t.Errorf("waiting for another's search ended with %t, %v", ok, err)
		}
		close(p.slow)
		got := []string{<-answers, <-answers}
		slices.Sort(got)
		if !slices.Equal(got, []string{"a=", "b=B"}) || len(p.searches) != 1 {
			t.Errorf("got %v by %d searches", got, len(p.searches))
		}
	})
}

func TestRelease(t *testing.T) {
	var lookups once.Lookups[string, string]
	p := &place{exists: map[string]string{"a": "A"}}
	now := func() time.Time { return start }
	in := lookups.Hold("jira", named("a"), "a", start)
	lookups.Hold("jira", named("b"), "b", start)
	lookups.Hold("other", named("a"), "a", start)
	if _, _, err := in.Find(t.Context(), p.search, named("a"), start, now); err != nil {
		t.Fatal(err)
	}
	lookups.Release(named("a"))
	if lookups.Len() != 1 {
		t.Errorf("%d places, want only the one at which b is held", lookups.Len())
	}
	// What was found for a released object is not the answer for a new one of the same name.
	again := lookups.Hold("jira", named("a"), "a", start)
	delete(p.exists, "a")
	if got, ok, err := again.Find(t.Context(), p.search, named("a"), start, now); ok || err != nil {
		t.Errorf("got %q, %v", got, err)
	}
	lookups.Release(named("a"))
	lookups.Release(named("b"))
	lookups.Release(named("unknown"))
	if lookups.Len() != 0 {
		t.Errorf("%d places after the last release", lookups.Len())
	}
}
