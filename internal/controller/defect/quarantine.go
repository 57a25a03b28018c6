// SPDX-License-Identifier: Apache-2.0

package defect

import (
	"fmt"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"

	"github.com/voiceai-dev/integrations-operator/api/v1alpha1"
	"github.com/voiceai-dev/integrations-operator/internal/condition"
	"github.com/voiceai-dev/integrations-operator/internal/controller/kit"
	"github.com/voiceai-dev/integrations-operator/internal/history"
)

// quarantine sets Quarantined, which a Defect with a quarantine has, and has the Defect reconciled when that changes by
// itself.
func (s *scope) quarantine() {
	d := s.defect
	q := d.Spec.Quarantine
	if q == nil {
		meta.RemoveStatusCondition(d.GetConditions(), v1alpha1.ConditionQuarantined)
		return
	}
	state, next := history.QuarantineAt(q, d.Status.History, s.now)
	switch state {
	case history.NotStarted:
		condition.False(d, v1alpha1.ConditionQuarantined, v1alpha1.ReasonNotStarted,
			fmt.Sprintf("The quarantine starts at %s. Until then failures of the test fail its runs.", minuteOf(q.Starts.Time)))
	case history.InQuarantine:
		condition.True(d, v1alpha1.ConditionQuarantined, v1alpha1.ReasonInQuarantine,
			fmt.Sprintf("Failures of the test fail no run until %s. Owner: %s", minuteOf(q.Expires.Time), q.Owner))
	case history.Broken:
		condition.False(d, v1alpha1.ConditionQuarantined, v1alpha1.ReasonBroken,
			fmt.Sprintf("The test failed in each of its last %d runs. It is broken, not flaky: its failures fail its runs again.",
				history.BrokenAfter))
	case history.Expired:
		condition.False(d, v1alpha1.ConditionQuarantined, v1alpha1.ReasonQuarantineExpired,
			fmt.Sprintf("The quarantine expired at %s: failures of the test fail its runs again. Remove spec.quarantine.",
				minuteOf(q.Expires.Time)))
	}
	if !next.IsZero() {
		s.next = kit.Sooner(s.next, kit.Until(next, s.now))
	}
}

func minuteOf(t time.Time) string { return t.UTC().Format("2006-01-02 15:04 UTC") }
