package render

import (
	"strings"
	"testing"

	"github.com/voiceai-dev/integrations-operator/api/v1alpha1"
	"github.com/voiceai-dev/integrations-operator/internal/event"
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
