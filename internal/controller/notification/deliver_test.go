// SPDX-License-Identifier: Apache-2.0

package notification

import (
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/clock"

	"github.com/voiceai-dev/integrations-operator/api/v1alpha1"
	"github.com/voiceai-dev/integrations-operator/internal/event"
	"github.com/voiceai-dev/integrations-operator/internal/outbox"
)

// TestMuteReason checks that what happened before a mute window is sent, however late.
func TestMuteReason(t *testing.T) {
	rule := &v1alpha1.NotificationRule{Spec: v1alpha1.NotificationRuleSpec{
		EventTypes: []v1alpha1.EventType{v1alpha1.EventDefectCreated}, MuteWindows: []v1alpha1.MuteWindow{{Start: "22:00", End: "24:00"}},
	}}
	compiled, err := (&outbox.Outbox{Clock: clock.RealClock{}}).Compile(rule)
	if err != nil {
		t.Fatal(err)
	}
	for at, muted := range map[string]bool{"21:59": false, "22:00": true, "23:30": true} {
		created, _ := time.Parse(time.DateTime, "2026-03-01 "+at+":00")
		s := &scope{
			notification: &v1alpha1.Notification{
				ObjectMeta: metav1.ObjectMeta{CreationTimestamp: metav1.NewTime(created)},
			},
			rule:        compiled,
			event:       event.Event{},
			now:         time.Date(2026, 3, 1, 23, 30, 0, 0, time.UTC),
			integration: &v1alpha1.SlackIntegration{},
		}
		if why := muteReason(s); (why != "") != muted {
			t.Errorf("created at %s: %q", at, why)
		}
	}
}
