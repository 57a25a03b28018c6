// SPDX-License-Identifier: Apache-2.0

package history_test

import (
	"slices"
	"testing"

	"github.com/voiceai-dev/integrations-operator/api/v1alpha1"
	"github.com/voiceai-dev/integrations-operator/internal/history"
)

func TestInRun(t *testing.T) {
	for strip, want := range map[string]history.Change{
		"F": history.New, "PF": history.New, "FF": history.Known, "FPF": history.Known, "~F": history.Known, "~": history.Flaky,
		"F~": history.Flaky, "FP": history.Fixed, "F-P": history.Fixed, "~P": history.Fixed, "FPP": "", "P": "", "F-": "",
	} {
		all := outcomes(strip)
		d := &v1alpha1.Defect{}
		d.Spec.Outcomes = all[len(all)-1:]
		d.Status.History = after(strip[:len(strip)-1])
		if got := history.InRun(d, all[len(all)-1].Run); got != want {
			t.Errorf("%q: %q, want %q", strip, got, want)
		}
		if got := history.InRun(d, "another"); got != "" {
			t.Errorf("%q: %q in a run that the Defect does not know", strip, got)
		}
	}
	found := &v1alpha1.Defect{}
	found.Spec.Run = "run-0"
	if got := history.InRun(found, "run-0"); got != history.New {
		t.Errorf("a Defect that the run found: %q", got)
	}
	found.Status.History = after("F")
	found.Spec.Occurrence = &v1alpha1.Occurrence{Run: "run-9", Time: hour(9)}
	if got := history.InRun(found, "run-9"); got != history.Known {
		t.Errorf("an occurrence: %q", got)
	}
}

// TestRunsOf compares the runs with a change with what each run changed, in the status alone and while the spec has more.
func TestRunsOf(t *testing.T) {
	for _, strip := range []string{"", "P", "F", "PFP", "F-PP", "~P~-PPPF", "-F-", "PPPPP"} {
		for inStatus := range len(strip) + 1 {
			d := &v1alpha1.Defect{}
			all := outcomes(strip)
			d.Spec.Outcomes = all[inStatus:]
			if inStatus > 0 {
				d.Status.History = after(strip[:inStatus])
			}
			may := history.RunsOf(d)
			changed := 0
			for _, o := range all {
				isChange := history.InRun(d, o.Run) != ""
				if isChange && !slices.Contains(may, o.Run) {
					t.Errorf("%q with %d in the status: %s is not among %v", strip, inStatus, o.Run, may)
				}
				if isChange {
					changed++
				}
			}
			if inStatus == len(strip) && len(may) != changed {
				t.Errorf("%q: got %v for %d changes", strip, may, changed)
			}
		}
	}
	d := &v1alpha1.Defect{Spec: v1alpha1.DefectSpec{Run: "found-in", Occurrence: &v1alpha1.Occurrence{Run: "again-in"}}}
	if got := history.RunsOf(d); !slices.Equal(got, []string{"found-in", "again-in"}) {
		t.Errorf("got %v", got)
	}
}
