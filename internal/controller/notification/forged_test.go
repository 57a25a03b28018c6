// SPDX-License-Identifier: Apache-2.0

package notification

import (
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/voiceai-dev/integrations-operator/api/v1alpha1"
	"github.com/voiceai-dev/integrations-operator/internal/event"
)

// TestForgedThread has a Notification of another namespace, which may use the integration too, that names the rule and the
// Defect of a thread by their UIDs. It neither edits the first message nor replies to it.
func TestForgedThread(t *testing.T) {
	everywhere := func(i *v1alpha1.SlackIntegration) {
		i.Spec.AllowedNamespaces = &v1alpha1.AllowedNamespaces{From: v1alpha1.NamespacesFromAll}
	}
	inStory(t, func(s *story) {
		s.created()
		s.run(time.Minute)
		own := event.DefectTicketed(s.defect, time.Now())
		own.Subject.Namespace = ""
		forged := s.notification("forged", s.rule, own)
		forged.ObjectMeta = metav1.ObjectMeta{Namespace: "b", Name: "forged"}
		forged.Spec.IntegrationRef = &v1alpha1.IntegrationReference{Namespace: "a", Name: "slack"}
		s.create(forged)
		s.run(time.Minute)
		s.wantPosted("created", "forged")
		s.wantCalls(2, 0, 1) // the search finds out whether the history can be read
	}, everywhere)
}
