// SPDX-License-Identifier: Apache-2.0

package slackapp_test

import (
	"maps"
	"testing"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/voiceai-dev/integrations-operator/api/v1alpha1"
	"github.com/voiceai-dev/integrations-operator/internal/slackapp/inbound"
	"github.com/voiceai-dev/integrations-operator/internal/slackapp/manifest"
)

// TestEveryEventIsHandled checks that each event of the app's manifest changes the integration or is answered.
func TestEveryEventIsHandled(t *testing.T) {
	for _, event := range manifest.Events(manifest.Features()) {
		t.Run(event, func(t *testing.T) {
			i := slackIntegration()
			i.Spec.DefaultChannel = "C1"
			i.Status.Channels = []v1alpha1.KnownChannel{{Name: "#alerts", ID: "C1"}}
			// The event that a channel was unarchived removes this.
			i.Annotations = map[string]string{v1alpha1.SlackChannelAnnotationPrefix + "C1": "before"}
			before := maps.Clone(i.Annotations)
			w := newWorld(t, allow(), i, secret())
			w.send(0, inbound.Request{Origin: inbound.Origin{TeamID: team}, Event: &inbound.Event{
				User: inbound.User{ID: ann, TeamID: team}, ID: "Ev1", Type: event,
				ChannelID: "C1", ChannelName: "new", TS: "1.1", Text: "<@U0> help",
			}})
			got := &v1alpha1.SlackIntegration{}
			if err := w.client.Get(t.Context(), client.ObjectKeyFromObject(i), got); err != nil {
				t.Fatal(err)
			}
			if maps.Equal(got.Annotations, before) && len(w.slack.Ephemeral()) == 0 {
				t.Error("the event has no effect")
			}
		})
	}
}
