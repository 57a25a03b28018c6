// SPDX-License-Identifier: Apache-2.0

package dashboard

import (
	"net/http"
	"testing"

	"github.com/voiceai-dev/integrations-operator/internal/dashboard/client"
)

func TestRules(t *testing.T) {
	d := newTester(t, map[string]any{
		"GET /api/v1/rules": map[string]any{"total": 1, "items": []any{map[string]any{
			"namespace": "qa", "name": "all", "eventTypes": []string{"DefectCreated"}, "ready": false,
			"message": "spec.when: <i>", "matchedTotal": 12,
			"lastError": "no such key: <b>",
		}}},
		"GET /api/v1/rules/all": map[string]any{
			"namespace": "qa", "name": "all", "spec": map[string]any{"eventTypes": []string{"DefectCreated"}, "when": "event.severity == 'High'"},
			"status": map[string]any{"errorsTotal": 3, "lastError": map[string]any{
				"eventID": "e 9", "eventType": "DefectCreated", "message": "no such key: <b>",
			}},
		},
		"POST /api/v1/rules/all/test": map[string]any{
			"matches": true, "why": "Every condition of the rule is met", "source": "Recent",
			"event": map[string]any{"id": "e1", "type": "DefectCreated"},
			"message": map[string]any{
				"text": "Defect found: <script>alert(1)</script>", "blocks": []any{map[string]any{"section": "*&lt;script&gt;*"}},
			},
		},
	})
	d.has(d.open("/rules", http.StatusOK), "Not ready", "&lt;i&gt;", "12", `href="/rules/qa/all"`, "Last error: no such key: &lt;b&gt;")
	page := d.open("/rules/qa/all?event=e1", http.StatusOK)
	d.has(page, `href="/activity?namespace=qa&amp;rule=qa%2Fall"`)
	d.has(page, "Matches", "Every condition of the rule is met.", "event.severity == &#39;High&#39;", "kind: NotificationRule",
		"could not be evaluated for 3 events", `href="/rules/qa/all?event=e%209"`, "no such key: &lt;b&gt;")
	d.hasNot(page, "<script>alert")
	if got := d.api.bodies["POST /api/v1/rules/all/test"]; got != `{"eventID":"e1"}` {
		t.Errorf("the API was sent %s", got)
	}
	d.api.answers["POST /api/v1/rules/all/test"] = response{http.StatusNotFound, client.Problem{Detail: "no Notification has this event"}}
	d.has(d.open("/rules/qa/all?event=e2", http.StatusOK), "No Notification has this event.")
}
