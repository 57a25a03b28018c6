// SPDX-License-Identifier: Apache-2.0

package testresult

import (
	"fmt"
	"testing"
	"time"
)

// TestCollector joins attempts of one test, in every order of two and some of three.
func TestCollector(t *testing.T) {
	for name, test := range map[string]struct {
		outcomes []Outcome
		want     Counts
	}{
		"passed":                  {[]Outcome{Passed}, Counts{Passed: 1}},
		"passed twice":            {[]Outcome{Passed, Passed}, Counts{Passed: 2}},
		"skipped twice":           {[]Outcome{NotRun, NotRun}, Counts{NotRun: 2}},
		"failed, passed":          {[]Outcome{Failed, Passed}, Counts{Flaky: 1}},
		"passed, failed":          {[]Outcome{Passed, Failed}, Counts{Flaky: 1}},
		"failed twice":            {[]Outcome{Failed, Failed}, Counts{Failed: 1}},
		"failed, skipped":         {[]Outcome{Failed, NotRun}, Counts{Failed: 1}},
		"skipped, passed":         {[]Outcome{NotRun, Passed}, Counts{Passed: 1}},
		"flaky, failed":           {[]Outcome{Flaky, Failed}, Counts{Flaky: 1}},
		"passed, passed, failed":  {[]Outcome{Passed, Passed, Failed}, Counts{Flaky: 1}},
		"failed, failed, passed":  {[]Outcome{Failed, Failed, Passed}, Counts{Flaky: 1}},
		"skipped, failed, passed": {[]Outcome{NotRun, Failed, Passed}, Counts{Flaky: 1}},
	} {
		var c Collector
		for i, o := range test.outcomes {
			one := &Case{Name: "a", Outcome: o, Duration: time.Second}
			if o == Failed {
				one.Failures = []Failure{{Message: fmt.Sprint(i)}}
			}
			c.Add(one)
		}
		if got := c.Repeats(); got != len(test.outcomes)-test.want.Total() {
			t.Errorf("%s: %d cases are repeats", name, got)
		}
		if got := c.Counts(); got != test.want || c.Duration != time.Duration(len(test.outcomes))*time.Second {
			t.Errorf("%s: got %+v in %s, want %+v", name, got, c.Duration, test.want)
		}
		failing := c.Failing()
		if (len(failing) == 1) != (test.want.Failed+test.want.Flaky == 1) {
			t.Errorf("%s: %d tests fail", name, len(failing))
		}
		attempts := 0
		for _, o := range test.outcomes {
			if o == Failed {
				attempts++
			}
		}
		if len(failing) == 1 && len(failing[0].Failures) != attempts {
			t.Errorf("%s: got %d failures, want %d", name, len(failing[0].Failures), attempts)
		}
	}
}

// TestCollectorTellsTestsApart adds tests that differ in one part of what identifies them.
func TestCollectorTellsTestsApart(t *testing.T) {
	var c Collector
	cases := []Case{
		{Name: "a"}, {Name: "b"}, {Class: "a"}, {Suite: "a"}, {File: "a"}, {ID: "a"}, {Class: "a", Name: "a"}, {Class: "aa"},
	}
	for i := range cases {
		cases[i].Outcome = Failed
		c.Add(&cases[i])
	}
	if got := c.Counts(); got.Failed != len(cases) {
		t.Errorf("got %+v, want %d", got, len(cases))
	}
	if o, ok := c.OutcomeOf(&Case{Class: "aa"}); o != Failed || !ok {
		t.Errorf("got %s, %v", o, ok)
	}
	if _, ok := c.OutcomeOf(&Case{Class: "b"}); ok {
		t.Error("found a test that there is not")
	}
}

// TestCollectorWithoutNames does not take tests without a name for attempts of one test.
func TestCollectorWithoutNames(t *testing.T) {
	var c Collector
	for _, o := range []Outcome{Passed, NotRun, Failed, Failed} {
		c.Add(&Case{Suite: "s", Outcome: o})
	}
	if got, want := c.Counts(), (Counts{Passed: 1, NotRun: 1, Failed: 2}); got != want || len(c.Failing()) != 2 {
		t.Errorf("got %+v and %d that fail, want %+v", got, len(c.Failing()), want)
	}
}

// TestCollectorIsBounded adds more failed tests than are kept in full.
func TestCollectorIsBounded(t *testing.T) {
	var c Collector
	for i := range maxDetailed + 10 {
		c.Add(&Case{Name: fmt.Sprint(i), Outcome: Failed})
	}
	for range MaxFailures + 5 {
		c.Add(&Case{Name: "0", Outcome: Failed, Failures: []Failure{{}}})
	}
	if got := c.Failing(); len(got) != maxDetailed || len(got[0].Failures) != MaxFailures || c.Counts().Failed != maxDetailed+10 {
		t.Errorf("%d of %d tests are kept, the first with %d failures", len(got), c.Counts().Failed, len(got[0].Failures))
	}
}
