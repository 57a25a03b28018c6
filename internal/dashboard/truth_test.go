// SPDX-License-Identifier: Apache-2.0

package dashboard

import (
	"net/http"
	"net/url"
	"slices"
	"testing"
	"time"

	"github.com/voiceai-dev/integrations-operator/internal/dashboard/client"
)

// TestHistoryOfOneSecond checks that an effect is above its cause, because the history begins with the newest.
func TestHistoryOfOneSecond(t *testing.T) {
	at := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	d := client.Defect{CreatedTime: at}
	d.Status.Jira = &client.Ticket{Key: "V-1", CreatedTime: &at}
	var got []string
	for _, s := range historyOf(d, []client.Delivery{
		{Time: at, EventType: "DefectCreated", Outcome: "Succeeded"},
		{Time: at, Action: "CreateIssue", Outcome: "Succeeded", Detail: "V-1"}, // the ticket, once more
		{Time: at, EventType: "DefectTicketed", Outcome: "Succeeded"},
		{Time: at, Action: "LinkIssue", Outcome: "Succeeded", Detail: "V-1"},
	}) {
		got = append(got, s.What)
	}
	if want := []string{"Defect ticketed", "Defect created", "Link issue", "Ticket V-1", "Created"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

// TestCredentialsInWords posts forms whose credentials are not enough, or too many.
func TestCredentialsInWords(t *testing.T) {
	for name, c := range map[string]struct {
		path, error string
		values      url.Values
	}{
		"no token": {"/integrations/slack/new", "Enter a bot token or a webhook URL.", nil},
		"two tokens": {"/integrations/slack/new", "Enter a bot token or a webhook URL, not both.",
			url.Values{"credentials.botToken": {"xoxb-typed"}, "credentials.webhookURL": {"https://typed.example"}}},
		"a webhook instead of a bot": {"/integrations/slack/qa/slack/save", "The webhook would replace the bot",
			url.Values{"credentials.webhookURL": {"https://typed.example"}}},
		"no channel for a bot": {"/integrations/slack/new", "Enter a channel. A bot needs one for rules that name none.",
			url.Values{"credentials.botToken": {"xoxb-typed"}, "spec.defaultChannel": {""}}},
		"no Jira token": {"/integrations/jira/new", "Enter an API token or a personal access token.", nil},
		"no Jira user":  {"/integrations/jira/new", "Enter the user of the API token.", url.Values{"credentials.apiToken": {"typed"}}},
	} {
		t.Run(name, func(t *testing.T) {
			answers := slackAnswers()
			answers["GET /api/v1/integrations/slack/config"] = map[string]any{"namespace": "qa", "name": "slack",
				"spec": map[string]any{"bot": map[string]any{"tokenSecretRef": map[string]any{"name": "s", "key": "k"}}}}
			d := newTester(t, answers)
			values := url.Values{"query.namespace": {"qa"}, "query.name": {"new"}, "spec.defaultChannel": {"#kept"}, "spec.projectKey": {"KEPT"}}
			for name, value := range c.values {
				values[name] = value
			}
			w := d.post(c.path, values)
			if w.Code != http.StatusUnprocessableEntity {
				t.Errorf("got %d", w.Code)
			}
			d.has(w.Body.String(), c.error)
			d.hasNot(w.Body.String(), "xoxb-typed", "https://typed.example", `value="typed"`)
		})
	}
}

// TestBrokenJiraAtTheButton checks that a page says that a ticket cannot be created before the user requests it.
func TestBrokenJiraAtTheButton(t *testing.T) {
	d := newTester(t, map[string]any{
		"GET /api/v1/defects/d-1": map[string]any{"namespace": "qa", "name": "d-1", "spec": map[string]any{"title": "t"}},
		"GET /api/v1/integrations/logs": map[string]any{"items": []any{
			map[string]any{"outcome": "Digested", "notification": "qa/n-1", "eventType": "DefectCreated"},
		}},
		"GET /api/v1/integrations/status": map[string]any{"items": []any{map[string]any{
			"kind": "JiraIntegration", "namespace": "qa", "name": "jira", "default": true, "status": "error", "message": "401 Unauthorized",
		}}},
	})
	page := d.open("/defects/qa/d-1", http.StatusOK)
	d.has(page, "Jira integration jira does not work: 401 Unauthorized", "Sent in a digest", `href="/activity/qa/n-1"`)
	d.hasNot(page, "No messages.")
}
