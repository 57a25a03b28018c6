// SPDX-License-Identifier: Apache-2.0

package socket

import (
	"bytes"
	"os"
	"strings"
	"testing"

	"github.com/voiceai-dev/integrations-operator/internal/slackapp/inbound"
)

// TestDocumentedEnvelopes decodes an envelope of each kind with all members that Slack documents, see
// https://docs.slack.dev/apis/events-api/using-socket-mode and https://docs.slack.dev/reference/interaction-payloads.
func TestDocumentedEnvelopes(t *testing.T) {
	raw, err := os.ReadFile("testdata/envelopes.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	lines := bytes.Split(bytes.TrimSpace(raw), []byte("\n"))
	want := []string{
		"command T0123ABC456 A123ABC456 U0123 /voiceai defects high booking; 321842990311.1214000.4bfb4b0c4a1fc3c6c5d2a3b0f5e8bf1a",
		"event T0123ABC456 A123ABC456 U0123 app_mention C0123 <@U0BOT> status; Ev0123ABC456",
		"interaction T0123ABC456 A123ABC456 U0123 block_actions C0123 1610242000.000300; " +
			"1610242000.000300/voiceai_resolve/1610242010.517100/U0123",
		"interaction E0123 A123ABC456 U0EXT block_actions C0123 1610242100.000300; 1610242100.000300/voiceai_older/1610242110.517100/U0EXT",
		"interaction T0123ABC456 U0123 message_action C0123 1610242190.000100 voiceai_file_defect; 1602150402.1214000.cc33",
		"interaction T0123ABC456 A123ABC456 U0123 view_submission voiceai_file_defect title=It hangs up severity=High; 1602150403.1214000.dd44",
		"interaction T0123ABC456 U0123 shortcut other; 1602150404.1214000.ee55",
		"event T0123ABC456 A123ABC456 tokens_revoked; Ev0123ABC457",
		"event T0123ABC456 A123ABC456 channel_rename C0123 calls; Ev0123ABC458",
		"event T0123ABC456 A123ABC456 app_rate_limited; ",
		"event T0123ABC456 A123ABC456 W0EXT app_mention C0123 <@U0BOT> status; Ev0123ABC459",
		"event T0123ABC456 A123ABC456 subteam_members_changed; Ev0123ABC460",
		"event T0123ABC456 A123ABC456 W0123 channel_archive C0123; Ev0123ABC461",
		"event E0123 A123ABC456 team_access_granted; Ev0123ABC462",
	}
	if len(lines) != len(want) {
		t.Fatalf("there are %d envelopes, want %d", len(lines), len(want))
	}
	for i, line := range lines {
		m, err := decode(line)
		if err != nil || m.EnvelopeID == "" || m.AcceptsPayload && m.Type == typeEvent {
			t.Errorf("envelope %d: %+v, %v", i, m, err)
			continue
		}
		r, err := m.request()
		if err != nil {
			t.Errorf("envelope %d: %v", i, err)
			continue
		}
		if got := summary(r); got != want[i] {
			t.Errorf("envelope %d:\ngot  %s\nwant %s", i, got, want[i])
		}
	}
}

// summary returns what a request is.
func summary(r inbound.Request) string {
	words := []string{string(r.Kind()), r.TeamID, r.AppID}
	switch {
	case r.Command != nil:
		words = append(words, r.Command.ID, r.Command.Name, r.Command.Text)
	case r.Event != nil:
		words = append(words, r.Event.User.ID, r.Event.Type, r.Event.ChannelID, r.Event.ChannelName, r.Event.Text)
	default:
		in := r.Interaction
		words = append(words, in.User.ID, in.Type, in.Message.ChannelID, in.Message.TS, in.CallbackID)
		for _, input := range []string{"title", "severity"} {
			if value := in.View.Values[input]; value != "" {
				words = append(words, input+"="+value)
			}
		}
	}
	var set []string
	for _, w := range words {
		if w != "" {
			set = append(set, w)
		}
	}
	return strings.Join(set, " ") + "; " + r.ID()
}
