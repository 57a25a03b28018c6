// SPDX-License-Identifier: Apache-2.0

package history

import (
	"strings"
	"time"

	"github.com/voiceai-dev/integrations-operator/api/v1alpha1"
)

const (
	// window is how many of the last runs the flake rate and the strip are about.
	window = 20
	// minRuns is how many runs it takes to call a test flaky.
	minRuns = 10
	// alarm and recovery are the rates, in percent, from which on a test is flaky and down to which it is until it is
	// stable. They differ, so that a test near one of them does not change its stability with each run.
	alarm    = 30
	recovery = 10
)

// Assess derives everything in a history from its outcomes.
func Assess(h *v1alpha1.DefectHistory) {
	results := settled(h.Outcomes)
	h.Strip = strip(h.Outcomes)
	runs, flakes := flakeCount(results)
	h.FlakeRatePercent = 0
	if runs > 0 {
		h.FlakeRatePercent = int32(flakes * 100 / runs)
	}
	switch {
	case runs >= minRuns && flakes*100 >= alarm*runs:
		h.Stability = v1alpha1.StabilityFlaky
	case h.Stability == v1alpha1.StabilityFlaky && flakes*100 <= recovery*runs:
		h.Stability = v1alpha1.StabilityStable
	}
	assessRegression(h, results)
}

// settled returns the results of outcomes. A failure counts as flaky if another run of the same commit passed.
func settled(outcomes []v1alpha1.TestOutcome) []v1alpha1.TestResult {
	passed := map[string]bool{}
	for i := range outcomes {
		if o := &outcomes[i]; o.Result == v1alpha1.TestPassed && o.Commit != "" {
			passed[o.Commit] = true
		}
	}
	results := make([]v1alpha1.TestResult, len(outcomes))
	for i := range outcomes {
		results[i] = outcomes[i].Result
		if results[i] == v1alpha1.TestFailed && passed[outcomes[i].Commit] {
			results[i] = v1alpha1.TestFlaky
		}
	}
	return results
}

// strip returns one character for each of the last outcomes.
func strip(outcomes []v1alpha1.TestOutcome) string {
	outcomes = outcomes[max(0, len(outcomes)-window):]
	var b strings.Builder
	for i := range outcomes {
		switch outcomes[i].Result {
		case v1alpha1.TestPassed:
			b.WriteByte('P')
		case v1alpha1.TestFailed:
			b.WriteByte('F')
		case v1alpha1.TestFlaky:
			b.WriteByte('~')
		default:
			b.WriteByte('-')
		}
	}
	return b.String()
}

// flakeCount returns in how many of the last runs the test was run, and in how many it flaked.
func flakeCount(results []v1alpha1.TestResult) (runs, flakes int) {
	var ran []v1alpha1.TestResult
	for _, r := range results {
		if r != v1alpha1.TestNotRun {
			ran = append(ran, r)
		}
	}
	ran = ran[max(0, len(ran)-window):]
	for i := range ran {
		if isFlake(ran, i) {
			flakes++
		}
	}
	return len(ran), flakes
}

// isFlake reports whether a test flaked in a run: it was flaky, or failed after it had passed.
func isFlake(ran []v1alpha1.TestResult, i int) bool {
	return ran[i] == v1alpha1.TestFlaky ||
		i > 0 && ran[i] == v1alpha1.TestFailed && ran[i-1] == v1alpha1.TestPassed
}

// assessRegression records the first of the last failures in a row, and the run before that passed. What the outcomes
// do not show any more is kept.
func assessRegression(h *v1alpha1.DefectHistory, results []v1alpha1.TestResult) {
	var good, bad *v1alpha1.TestOutcome
	for i := len(results) - 1; i >= 0 && good == nil; i-- {
		switch {
		case results[i] == v1alpha1.TestFailed:
			bad = &h.Outcomes[i]
		case results[i] == v1alpha1.TestPassed && bad != nil:
			good = &h.Outcomes[i]
		}
	}
	if bad == nil || good == nil && h.FirstBad != nil && !h.FirstBad.Time.After(bad.Time.Time) {
		return
	}
	h.FirstBad = bad.DeepCopy()
	h.LastGood = good.DeepCopy()
}

// IsFixed reports whether a test passed in the last runs after a time, as many as given. One that flaked lately must pass
// in minRuns at least, and not be flaky by its rate: a test that passes for a while between two failures is not fixed.
func IsFixed(h *v1alpha1.DefectHistory, passes int, after time.Time) bool {
	if h.Stability == v1alpha1.StabilityFlaky {
		return false
	}
	if _, flakes := flakeCount(settled(h.Outcomes)); flakes > 0 {
		passes = max(passes, minRuns)
	}
	for i := len(h.Outcomes) - 1; i >= 0 && passes > 0; i-- {
		o := &h.Outcomes[i]
		switch {
		case o.Result == v1alpha1.TestNotRun:
		case o.Result != v1alpha1.TestPassed || !o.Time.After(after):
			return false
		default:
			passes--
		}
	}
	return passes == 0
}

// RunText returns the run of an outcome with its version and commit, such as "run smoke-7, version 1.4"; empty for none.
func RunText(o *v1alpha1.TestOutcome) string {
	if o == nil {
		return ""
	}
	out := "run " + o.Run
	if o.Version != "" {
		out += ", version " + o.Version
	}
	if o.Commit != "" {
		out += ", commit " + o.Commit
	}
	return out
}
