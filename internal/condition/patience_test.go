// SPDX-License-Identifier: Apache-2.0

package condition_test

import (
	"testing"
	"time"

	"github.com/voiceai-dev/integrations-operator/api/v1alpha1"
	"github.com/voiceai-dev/integrations-operator/internal/condition"
)

// TestNotReadyFor follows an object that waits: when it stalls, and what begins its patience anew.
func TestNotReadyFor(t *testing.T) {
	noon := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	d := &v1alpha1.Defect{}
	waits := func(reason string) func(time.Time) time.Duration {
		return func(now time.Time) time.Duration {
			return condition.NotReadyFor(d, time.Minute, now, reason, "it is missing")
		}
	}
	for _, step := range []struct {
		name string
		at   time.Duration // after noon
		do   func(now time.Time) time.Duration
		want string
		left time.Duration
	}{
		{"new", 0, waits("A"), "Reconciling", time.Minute},
		{"later", 59 * time.Second, waits("A"), "Reconciling", time.Second},
		{"for another reason", 59 * time.Second, waits("B"), "Reconciling", time.Second},
		{"for long", time.Minute, waits("B"), "Stalled", 0},
		{"for longer", time.Hour, waits("B"), "Stalled", 0},
		{"spec changed", time.Hour, func(now time.Time) time.Duration { d.Generation++; return waits("B")(now) }, "Reconciling", time.Minute},
		{"again for long", 2 * time.Hour, waits("B"), "Stalled", 0},
		{"ready", 3 * time.Hour, func(time.Time) time.Duration { condition.Ready(d, "Ready", ""); return 0 }, "", 0},
		{"missing again", 4 * time.Hour, waits("B"), "Reconciling", time.Minute},
	} {
		left := step.do(noon.Add(step.at))
		got := ""
		for _, c := range []string{v1alpha1.ConditionReconciling, v1alpha1.ConditionStalled} {
			if condition.Get(d, c) != nil {
				got += c
			}
		}
		if got != step.want || left != step.left {
			t.Errorf("%s: got %q for another %s, want %q for %s", step.name, got, left, step.want, step.left)
		}
	}
}
