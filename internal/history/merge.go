// SPDX-License-Identifier: Apache-2.0

// Package history keeps the outcomes of a Defect's test, and derives from them whether the test is flaky, when it began
// to fail and whether it passes again. It is pure.
package history

import (
	"cmp"
	"slices"
	"time"

	"github.com/voiceai-dev/integrations-operator/api/v1alpha1"
	"github.com/voiceai-dev/integrations-operator/internal/text"
)

// Merge merges outcomes into a history, and returns those that count: of runs that failed or were flaky, and had not in
// the history so far. Outcomes after a time are ignored, and those that are older than all of a full history.
func Merge(h *v1alpha1.DefectHistory, outcomes []v1alpha1.TestOutcome, until time.Time) (counted []v1alpha1.TestOutcome) {
	isFull := len(h.Outcomes) == v1alpha1.MaxOutcomes
	for i := range outcomes {
		o := outcomes[i]
		if o.Time.After(until) || isFull && o.Time.Before(&h.Outcomes[0].Time) {
			continue
		}
		known := find(h.Outcomes, o.Run)
		had := known != nil && IsBad(known.Result)
		if known == nil {
			h.Outcomes = append(h.Outcomes, o)
			known = &h.Outcomes[len(h.Outcomes)-1]
		} else {
			*known = combine(*known, o)
		}
		if !had && IsBad(known.Result) {
			counted = append(counted, *known)
		}
	}
	slices.SortStableFunc(h.Outcomes, byTime)
	slices.SortStableFunc(counted, byTime)
	if n := len(h.Outcomes) - v1alpha1.MaxOutcomes; n > 0 {
		h.Outcomes = slices.Delete(h.Outcomes, 0, n)
	}
	return counted
}

// Failed reports whether a history shows that a test failed or was flaky in a run.
func Failed(h *v1alpha1.DefectHistory, run string) bool {
	o := find(h.Outcomes, run)
	return o != nil && IsBad(o.Result)
}

// IsBad reports whether a test failed at least once in a run.
func IsBad(r v1alpha1.TestResult) bool { return r == v1alpha1.TestFailed || r == v1alpha1.TestFlaky }

func byTime(a, b v1alpha1.TestOutcome) int {
	return cmp.Or(a.Time.Compare(b.Time.Time), text.CompareNames(a.Run, b.Run))
}

func find(outcomes []v1alpha1.TestOutcome, run string) *v1alpha1.TestOutcome {
	i := slices.IndexFunc(outcomes, func(o v1alpha1.TestOutcome) bool { return o.Run == run })
	if i < 0 {
		return nil
	}
	return &outcomes[i]
}

// combine returns what two reports of one run amount to, such as those of two shards. A test that failed and passed is
// flaky.
func combine(a, b v1alpha1.TestOutcome) v1alpha1.TestOutcome {
	out := a
	switch {
	case a.Result == b.Result || b.Result == v1alpha1.TestNotRun:
	case a.Result == v1alpha1.TestNotRun:
		out.Result = b.Result
	default:
		out.Result = v1alpha1.TestFlaky
	}
	if b.Time.After(a.Time.Time) {
		out.Time = b.Time
	}
	out.Commit = cmp.Or(b.Commit, a.Commit)
	out.Version = cmp.Or(b.Version, a.Version)
	return out
}
