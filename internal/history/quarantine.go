// SPDX-License-Identifier: Apache-2.0

package history

import (
	"time"

	"github.com/voiceai-dev/integrations-operator/api/v1alpha1"
)

// BrokenAfter is in how many runs in a row of its quarantine a test must fail to be called broken instead of flaky.
const BrokenAfter = 5

// QuarantineState is what a quarantine amounts to at a time.
type QuarantineState int

const (
	// NotStarted means that the quarantine begins later.
	NotStarted QuarantineState = iota
	// InQuarantine means that a failure of the test does not fail its run.
	InQuarantine
	// Broken means that the test fails each time. Its failures fail the run again.
	Broken
	// Expired means that the quarantine is over. Failures of the test fail the run again.
	Expired
)

// QuarantineAt returns what a quarantine amounts to at a time, and when that changes by itself; the zero time for never.
func QuarantineAt(q *v1alpha1.Quarantine, h *v1alpha1.DefectHistory, now time.Time) (QuarantineState, time.Time) {
	switch {
	case now.Before(q.Starts.Time):
		return NotStarted, q.Starts.Time
	case !now.Before(q.Expires.Time):
		return Expired, time.Time{}
	case h != nil && isBroken(h, q.Starts.Time):
		return Broken, q.Expires.Time
	default:
		return InQuarantine, q.Expires.Time
	}
}

// isBroken reports whether a test failed in each of its last runs since a time.
func isBroken(h *v1alpha1.DefectHistory, since time.Time) bool {
	results := settled(h.Outcomes)
	failed := 0
	for i := len(results) - 1; i >= 0 && failed < BrokenAfter; i-- {
		switch {
		case results[i] == v1alpha1.TestNotRun:
		case results[i] != v1alpha1.TestFailed || h.Outcomes[i].Time.Time.Before(since):
			return false
		default:
			failed++
		}
	}
	return failed == BrokenAfter
}
