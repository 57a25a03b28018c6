// SPDX-License-Identifier: Apache-2.0

package connection_test

import (
	"errors"
	"testing"

	"github.com/voiceai-dev/integrations-operator/api/v1alpha1"
	"github.com/voiceai-dev/integrations-operator/internal/connection"
)

func TestChannelFor(t *testing.T) {
	for name, c := range map[string]struct {
		isWebhook bool
		channel   v1alpha1.SlackChannel // spec.defaultChannel
		wanted    v1alpha1.SlackChannel
		want      string
		refused   bool
	}{
		"by default":                         {false, "#alerts", "", "#alerts", false},
		"another":                            {false, "#alerts", "#other", "#other", false},
		"none":                               {false, "", "", "", false},
		"a webhook's own":                    {true, "#alerts", "", "", false},
		"a webhook's own, by name":           {true, "#alerts", "#alerts", "", false},
		"another than the webhook's":         {true, "#alerts", "#other", "", true},
		"any, and the webhook's has no name": {true, "", "#other", "", true},
	} {
		i := &v1alpha1.SlackIntegration{Spec: v1alpha1.SlackIntegrationSpec{DefaultChannel: c.channel}}
		if c.isWebhook {
			i.Spec.Webhook = &v1alpha1.SlackWebhook{}
		}
		got, err := connection.ChannelFor(i, c.wanted)
		var refusal *connection.Refusal
		if got != c.want || errors.As(err, &refusal) != c.refused || c.refused && refusal.Reason != v1alpha1.ReasonInvalidChannel {
			t.Errorf("%s: got %q, %v", name, got, err)
		}
	}
}
