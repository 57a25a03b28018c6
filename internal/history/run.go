// SPDX-License-Identifier: Apache-2.0

package history

import (
	"slices"
	"time"

	"github.com/voiceai-dev/integrations-operator/api/v1alpha1"
)

// Change is what a run changed about a Defect.
type Change string

// The changes, in the order of their interest.
const (
	// New means that the run is the first in which the test failed.
	New Change = "New"
	// Known means that the test failed in an earlier run too.
	Known Change = "Known"
	// Flaky means that the test failed and passed in the run.
	Flaky Change = "Flaky"
	// Fixed means that the test passed, and had not in the run before.
	Fixed Change = "Fixed"
)

// Changes are all changes, in their order.
var Changes = []Change{New, Known, Flaky, Fixed}

// isOfRun reports whether a Defect has an outcome of a run.
func isOfRun(d *v1alpha1.Defect, run string) bool {
	return d.Spec.Run == run || d.Spec.Occurrence != nil && d.Spec.Occurrence.Run == run || find(d.Spec.Outcomes, run) != nil ||
		d.Status.History != nil && find(d.Status.History.Outcomes, run) != nil
}

// InRun returns what a run changed about a Defect; empty for nothing. It also knows what the Defect's spec reports and its
// status does not show yet.
func InRun(d *v1alpha1.Defect, run string) Change {
	if !isOfRun(d, run) { // most Defects of a suite are not, and nothing is copied for these
		return ""
	}
	h := &v1alpha1.DefectHistory{}
	if known := d.Status.History; known != nil {
		h.Outcomes = slices.Clone(known.Outcomes)
	}
	forever := time.Unix(1<<40, 0)
	Merge(h, d.Spec.Outcomes, forever)
	if find(h.Outcomes, run) == nil {
		if o := d.Spec.Occurrence; o != nil && o.Run == run {
			Merge(h, []v1alpha1.TestOutcome{{Run: run, Result: v1alpha1.TestFailed, Time: o.Time}}, forever)
		} else if d.Spec.Run == run {
			Merge(h, []v1alpha1.TestOutcome{{Run: run, Result: v1alpha1.TestFailed, Time: d.CreationTimestamp}}, forever)
		}
	}
	at := slices.IndexFunc(h.Outcomes, func(o v1alpha1.TestOutcome) bool { return o.Run == run })
	if at < 0 {
		return ""
	}
	before := h.Outcomes[:at]
	switch h.Outcomes[at].Result {
	case v1alpha1.TestFlaky:
		return Flaky
	case v1alpha1.TestFailed:
		if slices.ContainsFunc(before, func(o v1alpha1.TestOutcome) bool { return IsBad(o.Result) }) {
			return Known
		}
		return New
	case v1alpha1.TestPassed:
		for i := len(before) - 1; i >= 0; i-- {
			if r := before[i].Result; r != v1alpha1.TestNotRun {
				if IsBad(r) {
					return Fixed
				}
				break
			}
		}
	}
	return ""
}

// RunsOf returns the runs that may have changed something about a Defect: no other one has an InRun.
func RunsOf(d *v1alpha1.Defect) []string {
	var out []string
	add := func(run string) {
		if run != "" && !slices.Contains(out, run) {
			out = append(out, run)
		}
	}
	add(d.Spec.Run)
	if o := d.Spec.Occurrence; o != nil {
		add(o.Run)
	}
	h := d.Status.History
	isMerged := true // whether the status shows everything that the spec reports
	for _, o := range d.Spec.Outcomes {
		isMerged = isMerged && h != nil && find(h.Outcomes, o.Run) != nil
		add(o.Run)
	}
	if h == nil {
		return out
	}
	wasBad := false
	for _, o := range h.Outcomes {
		if !isMerged || IsBad(o.Result) || o.Result == v1alpha1.TestPassed && wasBad {
			add(o.Run)
		}
		if o.Result != v1alpha1.TestNotRun {
			wasBad = IsBad(o.Result)
		}
	}
	return out
}
