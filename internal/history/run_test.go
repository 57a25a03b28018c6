// SPDX-License-Identifier: Apache-2.0

package history_test

import (
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
