// SPDX-License-Identifier: Apache-2.0

package slack_test

import (
	"strings"
	"testing"

	"github.com/voiceai-dev/integrations-operator/internal/chat"
	"github.com/voiceai-dev/integrations-operator/internal/chat/slack"
	"github.com/voiceai-dev/integrations-operator/internal/fault"
	"github.com/voiceai-dev/integrations-operator/internal/transport"
)

// TestRefusedAddresses checks that a client for an address that is refused is not made, and what the fault says.
func TestRefusedAddresses(t *testing.T) {
	for url, want := range map[string]string{
		"http://127.0.0.1:8080/": "--allow-loopback", "http://[::1]/": "--allow-loopback", "http://localhost/": "--allow-loopback",
		"http://169.254.169.254/latest/": "169.254.169.254 is a link-local address",
	} {
		for _, config := range []chat.Config{{Token: "xoxb-1", APIURL: url}, {WebhookURL: url}} {
			_, err := slack.Dialer{}.Dial(config)
			f := fault.From(err)
			if f == nil || f.Kind != fault.Invalid || f.Code != transport.CodeAddressRefused || !strings.Contains(f.Error(), want) {
				t.Errorf("%s: got %v, want %q", url, err, want)
			}
		}
	}
}
