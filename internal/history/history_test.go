// SPDX-License-Identifier: Apache-2.0

package history_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/voiceai-dev/integrations-operator/api/v1alpha1"
	"github.com/voiceai-dev/integrations-operator/internal/history"
)

var begin = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

var resultOf = map[rune]v1alpha1.TestResult{
	'P': v1alpha1.TestPassed, 'F': v1alpha1.TestFailed, '~': v1alpha1.TestFlaky, '-': v1alpha1.TestNotRun,
}

// outcomes returns hourly outcomes as a strip shows them, each of a commit of its own.
func outcomes(strip string) []v1alpha1.TestOutcome {
	var out []v1alpha1.TestOutcome
	for i, c := range strip {
		out = append(out, v1alpha1.TestOutcome{
			Run: fmt.Sprintf("run-%02d", i), Result: resultOf[c], Commit: fmt.Sprintf("c%d", i), Time: hour(i),
		})
	}
	return out
}

func hour(n int) metav1.Time { return metav1.NewTime(begin.Add(time.Duration(n) * time.Hour)) }

// after returns the history after runs, each of which was reported on its own.
func after(strip string) *v1alpha1.DefectHistory {
	h := &v1alpha1.DefectHistory{}
	for _, o := range outcomes(strip) {
		history.Merge(h, []v1alpha1.TestOutcome{o}, o.Time.Time)
		history.Assess(h)
	}
	return h
}

func TestFlakeRate(t *testing.T) {
	for strip, want := range map[string]struct {
		percent   int32
		stability v1alpha1.Stability
	}{
		"":                       {0, ""},
		"F":                      {0, ""},
		"PPFFF":                  {20, ""},
		"PFPFF":                  {40, ""}, // fewer than 10 runs
		"P-F-P-F-F":              {40, ""}, // not run does not count
		"PPPP~":                  {20, ""},
		"F~":                     {50, ""},
		"FFFFFFFFFFFF":           {0, ""}, // broken, not flaky
		"PFPFPFPFP":              {44, ""},
		"PFPFPFPFPF":             {50, v1alpha1.StabilityFlaky},
		"PPPPPPP~~~":             {30, v1alpha1.StabilityFlaky},
		"PPPPPPPP~~":             {20, ""},
		"PPPPPPP~~~PPPPP":        {20, v1alpha1.StabilityFlaky}, // between the two thresholds
		"PPPPPPPP~~PPPPP":        {13, ""},
		"~~~" + passes(17):       {15, v1alpha1.StabilityFlaky},
		"~~~" + passes(18):       {10, v1alpha1.StabilityStable},
		"~~~" + passes(18) + "~": {10, v1alpha1.StabilityStable},
	} {
		h := after(strip)
		if h.FlakeRatePercent != want.percent || h.Stability != want.stability {
			t.Errorf("%q: %d %% and %q, want %d %% and %q", strip, h.FlakeRatePercent, h.Stability, want.percent, want.stability)
		}
	}
}

func passes(n int) string { return strings.Repeat("P", n) }

func TestFailedAndPassedOnOneCommitIsFlaky(t *testing.T) {
	h := &v1alpha1.DefectHistory{}
	all := outcomes("FPFFP")
	all[0].Commit = "a"
	all[1].Commit = "a"
	history.Merge(h, all, hour(9).Time)
	history.Assess(h)
	if h.FlakeRatePercent != 40 {
		t.Errorf("%d %%, want 40: run 0 failed where run 1 passed, and run 2 failed after it had passed", h.FlakeRatePercent)
	}
}

func TestStrip(t *testing.T) {
	if got := after("PF~-").Strip; got != "PF~-" {
		t.Errorf("got %q", got)
	}
	if got := after("FFFFF" + passes(20)).Strip; got != passes(20) {
		t.Errorf("got %q, want the last 20", got)
	}
}

func TestRegression(t *testing.T) {
	for strip, want := range map[string]struct{ good, bad string }{
		"PP":                          {"", ""},
		"FF":                          {"", "run-00"},
		"PPFF":                        {"run-01", "run-02"},
		"P-FF":                        {"run-00", "run-02"},
		"PF~F":                        {"run-00", "run-01"}, // a flaky run is neither
		"PFPPFF":                      {"run-03", "run-04"},
		"PFFPP":                       {"run-00", "run-01"}, // stays until it fails anew
		"P" + strings.Repeat("F", 60): {"run-00", "run-01"},
	} {
		h := after(strip)
		if run(h.LastGood) != want.good || run(h.FirstBad) != want.bad {
			t.Errorf("%q: good %q, bad %q; want %+v", strip, run(h.LastGood), run(h.FirstBad), want)
		}
	}
}

func run(o *v1alpha1.TestOutcome) string {
	if o == nil {
		return ""
	}
	return o.Run
}

func TestIsFixed(t *testing.T) {
	for strip, want := range map[string]bool{
		"":                   false,
		"FPP":                false,
		"FPPP":               true,
		"FPP-P":              true,
		"FPPFPPP":            false, // it came back after two passes
		"FPPPF" + passes(9):  false,
		"FPPPF" + passes(10): true,
		"~" + passes(9):      false,
		"~" + passes(10):     true,
		"~~~" + passes(17):   false, // flaky by its rate
		"~~~" + passes(18):   true,
		"PPP":                true,
		"FFFF":               false,
		"~~~" + passes(3):    false,
	} {
		if got := history.IsFixed(after(strip), 3, begin.Add(-time.Hour)); got != want {
			t.Errorf("%q: %v, want %v", strip, got, want)
		}
	}
	if history.IsFixed(after("FPPP"), 3, hour(1).Time) {
		t.Error("passes from before the Defect was opened again count")
	}
}

func TestMerge(t *testing.T) {
	h := &v1alpha1.DefectHistory{}
	merge := func(result rune, runNumber, at int) int {
		o := outcomes("P")[0]
		o.Run = fmt.Sprintf("run-%02d", runNumber)
		o.Result = resultOf[result]
		o.Time = hour(at)
		return len(history.Merge(h, []v1alpha1.TestOutcome{o}, hour(100).Time))
	}
	for i, step := range []struct {
		result    rune
		run, at   int
		counted   int
		wantStrip string
	}{
		{'F', 1, 1, 1, "F"},
		{'F', 1, 1, 0, "F"},   // the same report again
		{'F', 1, 2, 0, "F"},   // the same run, later
		{'P', 3, 3, 0, "FP"},  //
		{'F', 2, 2, 1, "FFP"}, // a late one is put in its place
		{'P', 1, 2, 0, "~FP"}, // another shard passed
		{'F', 3, 3, 1, "~F~"}, // another shard failed
		{'-', 3, 3, 0, "~F~"},
		{'-', 4, 4, 0, "~F~-"},
		{'P', 4, 4, 0, "~F~P"},
		{'F', 9, 101, 0, "~F~P"}, // from the future
	} {
		if got := merge(step.result, step.run, step.at); got != step.counted {
			t.Errorf("step %d: %d counted, want %d", i, got, step.counted)
		}
		history.Assess(h)
		if h.Strip != step.wantStrip {
			t.Errorf("step %d: %q, want %q", i, h.Strip, step.wantStrip)
		}
	}
}

// TestMergeOrdersRunsOfOneSecond merges runs whose times are the same, in any order: their names decide.
func TestMergeOrdersRunsOfOneSecond(t *testing.T) {
	for _, order := range [][]int{{8, 9, 10, 11}, {11, 10, 9, 8}, {10, 8, 11, 9}} {
		h := &v1alpha1.DefectHistory{}
		for _, n := range order {
			o := v1alpha1.TestOutcome{Run: fmt.Sprint("smoke-", n), Result: v1alpha1.TestFailed, Time: hour(1)}
			if n > 9 {
				o.Result = v1alpha1.TestPassed
			}
			history.Merge(h, []v1alpha1.TestOutcome{o}, hour(2).Time)
		}
		if history.Assess(h); h.Strip != "FFPP" {
			t.Errorf("%v: got %s", order, h.Strip)
		}
	}
}

func TestMergeIsBounded(t *testing.T) {
	h := after(strings.Repeat("F", 60))
	if len(h.Outcomes) != v1alpha1.MaxOutcomes || h.Outcomes[0].Run != "run-10" {
		t.Errorf("%d outcomes from %s on", len(h.Outcomes), h.Outcomes[0].Run)
	}
	if n := len(history.Merge(h, outcomes("F"), hour(100).Time)); n != 0 || len(h.Outcomes) != v1alpha1.MaxOutcomes {
		t.Error("an outcome that left the history counts again")
	}
}

func TestFlakes(t *testing.T) {
	for strip, want := range map[string]int{
		"F":              -1,
		"PF":             -1,
		"FPFF":           -1,
		"~":              1,
		"~P~":            2,
		"~P~-~":          3,
		"PFPFPFPFPFPFPF": 7, // flaky by its rate
	} {
		got := -1
		if f := history.FlakesOf(after(strip)); f != nil {
			got = f.Count
		}
		if got != want {
			t.Errorf("%q: %d flakes, want %d (-1: not flaky)", strip, got, want)
		}
	}
	old := after("~~~")
	history.Merge(old, []v1alpha1.TestOutcome{{Run: "new", Result: v1alpha1.TestFlaky, Time: hour(8 * 24)}}, hour(999).Time)
	if f := history.FlakesOf(old); f.Count != 1 || f.Suffice() {
		t.Errorf("%+v: flakes of more than 7 days ago count", f)
	}
}

func TestQuarantine(t *testing.T) {
	q := &v1alpha1.Quarantine{Starts: hour(10), Expires: hour(34)}
	for name, c := range map[string]struct {
		strip string
		now   int
		want  history.QuarantineState
		next  metav1.Time
	}{
		"before":                 {"", 9, history.NotStarted, hour(10)},
		"at the start":           {"", 10, history.InQuarantine, hour(34)},
		"flaky":                  {"~~~~~~~~~~~FF~FFFF", 20, history.InQuarantine, hour(34)},
		"failing since before":   {strings.Repeat("F", 14), 14, history.InQuarantine, hour(34)},
		"broken":                 {strings.Repeat("F", 15), 15, history.Broken, hour(34)},
		"broken, with a gap":     {strings.Repeat("F", 14) + "-F", 16, history.Broken, hour(34)},
		"not broken any more":    {strings.Repeat("F", 15) + "P", 16, history.InQuarantine, hour(34)},
		"over":                   {"", 34, history.Expired, metav1.Time{}},
		"over, and still broken": {strings.Repeat("F", 30), 40, history.Expired, metav1.Time{}},
	} {
		state, next := history.QuarantineAt(q, after(c.strip), hour(c.now).Time)
		if state != c.want || !next.Equal(c.next.Time) {
			t.Errorf("%s: %v until %v, want %v until %v", name, state, next, c.want, c.next)
		}
	}
}
