// SPDX-License-Identifier: Apache-2.0

package render

import (
	"strings"
	"testing"

	"github.com/voiceai-dev/integrations-operator/api/v1alpha1"
	"github.com/voiceai-dev/integrations-operator/internal/event"
	"github.com/voiceai-dev/integrations-operator/internal/markup"
	"github.com/voiceai-dev/integrations-operator/internal/slackapp/button"
)

// TestButtons checks which buttons a message has. An integration that receives no clicks has none.
func TestButtons(t *testing.T) {
	defect := func(state, ticket string) event.Event {
		return event.Event{Type: v1alpha1.EventDefectCreated,
			Subject: &v1alpha1.EventSubject{Kind: v1alpha1.KindDefect, Namespace: "qa", Name: "a", UID: "u"},
			Data:    map[string]any{"title": "x", "state": state, "ticketKey": ticket}}
	}
	run := event.Event{Type: v1alpha1.EventTestRunCompleted,
		Subject: &v1alpha1.EventSubject{Kind: event.KindJob, Namespace: "qa", Name: "r", UID: "u"},
		Data:    map[string]any{"suite": "booking", "result": "Failed"}}
	for name, c := range map[string]struct {
		event event.Event
		want  string
	}{
		"new":         {defect("", ""), "Create ticket, Start work, Resolve, Won't fix"},
		"open":        {defect("Open", "V-1"), "Start work, Resolve, Won't fix"},
		"in progress": {defect("InProgress", ""), "Create ticket, Resolve, Won't fix"},
		"resolved":    {defect("Resolved", ""), "Reopen"},
		"closed":      {defect("Closed", "V-1"), "Reopen"},
		"run":         {run, "Rerun"},
		"alert":       {event.Event{Type: v1alpha1.EventSystemAlertFiring}, ""},
	} {
		for _, integration := range []string{"uid", ""} {
			m := Message(&c.event, Options{Button: button.Object{Integration: integration, Rule: "all"}})
			var labels []string
			for _, b := range m.Blocks {
				for _, x := range b.Buttons {
					labels = append(labels, x.Label)
					about, ok := button.Decode[button.Object](x.Value)
					if !ok || about.Integration != "uid" || about.Rule != "all" || about.UID != "u" || about.Namespace != "qa" {
						t.Errorf("%s: %s carries %q", name, x.Label, x.Value)
					}
				}
			}
			want := c.want
			if integration == "" {
				want = ""
			}
			if got := strings.Join(labels, ", "); got != want {
				t.Errorf("%s: the buttons are %q, want %q", name, got, want)
			}
		}
	}
}

// TestWhoDidIt shows in a message and its thread who acted. A person in Slack is mentioned, and nothing else is.
func TestWhoDidIt(t *testing.T) {
	for user, want := range map[string]string{
		"slack:T1:U1": "<@U1>", "slack:T1:W1": "<@W1>", "alice": "alice",
		"slack:T1:S1": "slack:" + markup.WordJoiner + "T1:" + markup.WordJoiner + "S1", "slack:T1:U1>!": "slack:" + markup.WordJoiner + "T1:" + markup.WordJoiner + "U1&gt;!",
	} {
		e := &event.Event{Type: v1alpha1.EventDefectCreated, Data: map[string]any{"title": "x", "state": "Resolved", "changedBy": user}}
		if got := progress(e); got != "opened → *resolved* by "+want {
			t.Errorf("after %s the message shows %q", user, got)
		}
		e = &event.Event{Type: v1alpha1.EventDefectTicketed, Data: map[string]any{
			"title": "x", "ticketKey": "V-1", "ticketURL": "https://j/V-1", "requestedBy": user,
		}}
		if got := Reply(e, Options{}).Blocks[0].Section; !strings.HasSuffix(got, " · requested by "+want) {
			t.Errorf("after %s the thread shows %q", user, got)
		}
	}
}
