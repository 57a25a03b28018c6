// SPDX-License-Identifier: Apache-2.0

package history

import (
	"time"

	"github.com/voiceai-dev/integrations-operator/api/v1alpha1"
)

const (
	// ticketFlakes is how often a flaky test must flake within ticketWindow before it is worth a ticket.
	ticketFlakes = 3
	ticketWindow = 7 * 24 * time.Hour
)

// Flakes are how often a flaky test flaked lately, and how often it must before it is worth a ticket.
type Flakes struct {
	Count  int
	Enough int
	Within time.Duration
}

// FlakesOf returns how often a flaky test flaked lately, or nil if the test is not flaky: it failed for good. The last
// ones count that are within a week of the last outcome.
func FlakesOf(h *v1alpha1.DefectHistory) *Flakes {
	if h == nil || len(h.Outcomes) == 0 {
		return nil
	}
	results := settled(h.Outcomes)
	since := h.Outcomes[len(h.Outcomes)-1].Time.Add(-ticketWindow)
	out := &Flakes{Enough: ticketFlakes, Within: ticketWindow}
	var ran []v1alpha1.TestResult
	flaky := false
	failed := false
	for i, r := range results {
		if r == v1alpha1.TestNotRun {
			continue
		}
		ran = append(ran, r)
		flaky = flaky || r == v1alpha1.TestFlaky
		failed = failed || r == v1alpha1.TestFailed
		if isFlake(ran, len(ran)-1) && h.Outcomes[i].Time.After(since) {
			out.Count++
		}
	}
	if h.Stability != v1alpha1.StabilityFlaky && (failed || !flaky) {
		return nil
	}
	return out
}

// Suffice reports whether the test flaked often enough for a ticket.
func (f *Flakes) Suffice() bool { return f.Count >= f.Enough }
