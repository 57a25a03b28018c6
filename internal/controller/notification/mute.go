// SPDX-License-Identifier: Apache-2.0

package notification

import (
	"fmt"

	"github.com/voiceai-dev/integrations-operator/api/v1alpha1"
	"github.com/voiceai-dev/integrations-operator/internal/condition"
	"github.com/voiceai-dev/integrations-operator/internal/text"
)

// mute records that the message is not sent, and why.
func (r *Reconciler) mute(s *scope, why string) {
	condition.True(s.notification, v1alpha1.ConditionDelivered, v1alpha1.ReasonMuted, why)
	r.requeueForRemoval(s)
}

// muteReason returns why nothing is to be sent; empty when the message is.
func muteReason(s *scope) string {
	subject := s.event.Subject
	if s.event.Type == v1alpha1.EventIntegrationUnhealthy && subject != nil && subject.UID == string(s.integration.UID) {
		return "An integration that does not work cannot announce that itself"
	}
	if s.rule == nil || isDigest(s.notification) { // the members of a digest were each let through by their own rule
		return ""
	}
	// What happened before the window is sent, however late: nothing is dropped because something else took long.
	if end, muted := s.rule.MutedUntil(s.notification.CreationTimestamp.Time); muted {
		return fmt.Sprintf("Muted by rule %s until %s", s.notification.Spec.Rule.Name, text.Time(end))
	}
	return ""
}
