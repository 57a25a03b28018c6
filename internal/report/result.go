// SPDX-License-Identifier: Apache-2.0

package report

import (
	"encoding/json"
	"fmt"
	"os"
)

// Result is what a run says of itself: the JSON object that the operator reads from the termination message of a Pod.
type Result struct {
	// Passed counts the tests that passed in the end, the flaky ones included.
	Passed int `json:"passed"`
	// Failed counts the tests that failed and are not in quarantine.
	Failed          int     `json:"failed"`
	Skipped         int     `json:"skipped"`
	Flaky           int     `json:"flaky,omitempty"`
	Quarantined     int     `json:"quarantined,omitempty"`
	Total           int     `json:"total"`
	DurationSeconds float64 `json:"durationSeconds"`
	Commit          string  `json:"commit,omitempty"`
	ReportURL       string  `json:"reportURL,omitempty"`
}

// write writes the result to the termination log, where the kubelet finds it.
func (r Result) write(path string) error {
	raw, err := json.Marshal(r)
	if err != nil {
		return err
	}
	if err := os.WriteFile(path, append(raw, '\n'), 0o644); err != nil { //nolint:gosec // the kubelet reads it
		return fmt.Errorf("writing the run's result: %w", err)
	}
	return nil
}

// String returns the result in words.
func (r Result) String() string {
	s := fmt.Sprintf("%d passed, %d failed, %d skipped", r.Passed, r.Failed, r.Skipped)
	if r.Flaky > 0 {
		s += fmt.Sprintf(", %d flaky", r.Flaky)
	}
	if r.Quarantined > 0 {
		s += fmt.Sprintf(", %d failed in quarantine", r.Quarantined)
	}
	return s
}
