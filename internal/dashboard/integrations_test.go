package dashboard

import (
	"encoding/json"
	"net/http"
	"net/url"
	"reflect"
	"strings"
	"testing"
)

// slackAnswers are those of an API with one SlackIntegration, whose spec has more in it than the form shows.
func slackAnswers() map[string]any {
	return map[string]any{
		"GET /api/v1/integrations/slack/config": map[string]any{
			"namespace": "qa", "name": "slack",
			"spec": map[string]any{
				"defaultChannel": "#alerts", "default": true, "bot": map[string]any{"tokenSecretRef": map[string]any{"name": "slack-credentials", "key": "t"}},
				"allowedNamespaces": map[string]any{"from": "All"},
			},
			"credentials": map[string]any{"botToken": map[string]any{"set": true, "secret": "slack-credentials", "key": "t"}},
		},
		"GET /api/v1/integrations/status": map[string]any{"items": []any{map[string]any{
			"kind": "SlackIntegration", "namespace": "qa", "name": "slack", "status": "error", "message": "invalid_auth: <b>make</b> a new token",
			"lastTest": map[string]any{"outcome": "Failed", "message": "channel_not_found", "time": "2026-03-04T11:59:00Z"},
		}}},
	}
}

func TestIntegrationPage(t *testing.T) {
	d := newTester(t, slackAnswers())
	page := d.open("/integrations/slack/qa/slack", http.StatusOK)
	d.has(page, `value="#alerts"`, "Send test notification", "Disconnect", "&lt;b&gt;make&lt;/b&gt;", "channel_not_found", "kind: SlackIntegration", "Set, in Secret slack-credentials",
		"apply the Secret slack-credentials as well")
	d.hasNot(page, "<b>make")
	d.has(d.open("/integrations", http.StatusOK), "Connect Slack", "Connect Jira", `href="/integrations/slack/qa/slack"`)
}

func TestIntegrationPageWithoutRights(t *testing.T) {
	answers := slackAnswers()
	answers["GET /api/v1/access"] = map[string]any{"caller": "viewer", "namespace": "qa", "rights": map[string]any{"slackintegrations": []string{"get", "list"}}}
	d := newTester(t, answers)
	d.hasNot(d.open("/integrations/slack/qa/slack", http.StatusOK), ">Save</button>", "Send test notification", "Disconnect")
	d.hasNot(d.open("/integrations", http.StatusOK), "Connect Slack", "Connect Jira")
}

func TestSaveIntegration(t *testing.T) {
	answers := slackAnswers()
	answers["PUT /api/v1/integrations/slack/config"] = map[string]any{}
	d := newTester(t, answers)
	w := d.post("/integrations/slack/qa/slack/save", url.Values{
		"etag": {`"4"`}, "spec.defaultChannel": {"#other"}, "spec.suspend": {"true"}, "spec.rateLimit.channelMessagesPerMinute": {"30"}, "credentials.botToken": {"xoxb-1"},
	})
	if w.Code != http.StatusSeeOther || w.Header().Get("Location") != "/integrations/slack/qa/slack?done=saved" {
		t.Fatalf("got %d to %q: %s", w.Code, w.Header().Get("Location"), w.Body)
	}
	var got, want any
	if err := json.Unmarshal([]byte(d.api.bodies["PUT /api/v1/integrations/slack/config"]), &got); err != nil {
		t.Fatal(err)
	}
	_ = json.Unmarshal([]byte(`{"spec": {"defaultChannel": "#other", "suspend": true, "bot": {"tokenSecretRef": {"name": "slack-credentials", "key": "t"}},
		"allowedNamespaces": {"from": "All"}, "rateLimit": {"channelMessagesPerMinute": 30}}, "credentials": {"botToken": "xoxb-1"}}`), &want)
	if !reflect.DeepEqual(got, want) {
		t.Errorf("sent %v, want %v: what the form does not show stays", got, want)
	}
}

func TestIntegrationMistakes(t *testing.T) {
	refused := status{http.StatusUnprocessableEntity, Problem{Detail: "no", Errors: []Detail{{Message: "this is no channel", Location: "body.spec.defaultChannel"}}}}
	owned := status{http.StatusConflict, Problem{Detail: "argocd manages this: change it there"}}
	for name, c := range map[string]struct {
		answer any
		form   url.Values
		want   []string
	}{
		"at the field": {refused, url.Values{"spec.defaultChannel": {"<bad>"}, "credentials.botToken": {"xoxb-secret"}}, []string{"this is no channel", `aria-invalid="true"`, "&lt;bad&gt;"}},
		"of the whole": {owned, url.Values{}, []string{"argocd manages this"}},
		"without a field": {status{http.StatusUnprocessableEntity, Problem{Detail: "no", Errors: []Detail{
			{Message: "give one", Location: "body.spec"}, {Message: "too long", Location: "body.spec.bot.tokenSecretRef.key"}, {Message: "no more than 60", Location: "body.spec.rateLimit.channelMessagesPerMinute"},
		}}}, url.Values{}, []string{"<li>spec: give one</li>", `<a href="#f-credentials-botToken">credentials.botToken</a>: too long`, `id="f-credentials-botToken-error"`,
			`<a href="#f-spec-rateLimit-channelMessagesPerMinute">`, "<details open>"}},
		"before the API": {nil, url.Values{"spec.rateLimit.channelMessagesPerMinute": {"many"}}, []string{"Write a whole number"}},
	} {
		t.Run(name, func(t *testing.T) {
			answers := slackAnswers()
			answers["PUT /api/v1/integrations/slack/config"] = c.answer
			d := newTester(t, answers)
			w := d.post("/integrations/slack/qa/slack/save", c.form)
			if w.Code != http.StatusUnprocessableEntity {
				t.Fatalf("got %d", w.Code)
			}
			d.has(w.Body.String(), c.want...)
			d.hasNot(w.Body.String(), "xoxb-secret")
		})
	}
}

// TestWhatIsLeftOfARefusedForm has somebody change what somebody else has changed meanwhile, or may not be changed.
func TestWhatIsLeftOfARefusedForm(t *testing.T) {
	for name, c := range map[string]struct {
		refusal status
		code    int
		want    []string
	}{
		"changed meanwhile": {status{http.StatusPreconditionFailed, Problem{Detail: "its ETag is 5 now"}}, http.StatusUnprocessableEntity, []string{"Somebody else changed this", `name="etag" value="&#34;5&#34;"`}},
		"no right":          {status{http.StatusForbidden, Problem{Detail: "somebody may not update secrets: bind a Role that allows it"}}, http.StatusForbidden, []string{"bind a Role", `name="etag" value="&#34;4&#34;"`}},
	} {
		t.Run(name, func(t *testing.T) {
			answers := slackAnswers()
			answers["PUT /api/v1/integrations/slack/config"] = c.refusal
			d := newTester(t, answers)
			d.api.etag = `"5"`
			w := d.post("/integrations/slack/qa/slack/save", url.Values{"etag": {`"4"`}, "spec.defaultChannel": {"#typed"}})
			if w.Code != c.code {
				t.Errorf("got %d, want %d", w.Code, c.code)
			}
			d.has(w.Body.String(), append(c.want, `value="#typed"`)...)
			d.hasNot(w.Body.String(), "ETag")
		})
	}
	d := newTester(t, map[string]any{"PUT /api/v1/integrations/slack/config": status{http.StatusPreconditionFailed, Problem{Detail: "leave out If-None-Match"}}})
	w := d.post("/integrations/slack/new", url.Values{"query.namespace": {"qa"}, "query.name": {"slack"}})
	d.has(w.Body.String(), "There is one of that name already", `<a href="#f-query-name">`)
	d.hasNot(w.Body.String(), "If-None-Match")
}

// TestSecretsAreAskedOfWhoMayWriteThem: who may not is told so, and sees the rest of the form.
func TestSecretsAreAskedOfWhoMayWriteThem(t *testing.T) {
	answers := slackAnswers()
	rights := everything()
	delete(rights, "secrets")
	answers["GET /api/v1/access"] = map[string]any{"caller": "somebody", "namespace": "qa", "rights": rights}
	d := newTester(t, answers)
	for path, says := range map[string]string{"/integrations/slack/qa/slack": "they stay as they are", "/integrations/slack/new": "choose another one above", "/integrations/jira/new": "choose another one above"} {
		page := d.open(path, http.StatusOK)
		d.has(page, "you may not write Secrets", says, `name="spec.default"`)
		d.hasNot(page, `type="password"`)
	}
	for _, path := range []string{"/integrations", "/"} {
		d.api.answers["GET /api/v1/summary"] = map[string]any{}
		d.hasNot(d.open(path, http.StatusOK), "/integrations/slack/new")
	}
}

// TestWhatIsKeptElsewhereIsShown: the form of what GitOps applies cannot be sent.
func TestWhatIsKeptElsewhereIsShown(t *testing.T) {
	answers := slackAnswers()
	answers["GET /api/v1/integrations/slack/config"].(map[string]any)["managedBy"] = "kustomize-controller"
	d := newTester(t, answers)
	page := d.open("/integrations/slack/qa/slack", http.StatusOK)
	d.has(page, "kept as it is by <b>kustomize-controller</b>", "<fieldset disabled>", `value="#alerts"`, "Send test notification", "Its credentials are in Secret slack-credentials.")
	d.hasNot(page, ">Save</button>", "Disconnect", `type="password"`)
}

func TestConnectAndDisconnect(t *testing.T) {
	answers := slackAnswers()
	answers["PUT /api/v1/integrations/jira/config"] = status{http.StatusCreated, map[string]any{}}
	answers["DELETE /api/v1/integrations/slack/config"] = status{http.StatusNoContent, nil}
	d := newTester(t, answers)
	d.has(d.open("/integrations/jira/new?namespace=qa", http.StatusOK), `value="qa"`, "Project key")
	w := d.post("/integrations/jira/new", url.Values{
		"query.namespace": {"qa"}, "query.name": {"jira"}, "spec.apiURL": {"https://jira.example.com"}, "spec.projectKey": {"VOICE"}, "spec.labels": {"a\r\nb"},
		"spec.autoCreate.minSeverity": {"High"}, "credentials.username": {"bot@example.com"}, "credentials.apiToken": {"t"},
	})
	if got := w.Header().Get("Location"); got != "/integrations/jira/qa/jira?done=created" {
		t.Fatalf("got %d to %q: %s", w.Code, got, w.Body)
	}
	d.has(d.api.bodies["PUT /api/v1/integrations/jira/config"], `"labels":["a","b"]`, `"autoCreate":{"enabled":false,"minSeverity":"High"}`, `"username":"bot@example.com"`)
	if w := d.post("/integrations/jira/new", url.Values{"query.namespace": {"../x"}, "query.name": {"jira"}}); w.Code != http.StatusUnprocessableEntity {
		t.Errorf("a namespace that is none: got %d", w.Code)
	}
	if w := d.post("/integrations/slack/qa/slack/remove", url.Values{"confirm": {"other"}}); w.Code != http.StatusUnprocessableEntity {
		t.Errorf("without confirmation: got %d", w.Code)
	}
	if w := d.post("/integrations/slack/qa/slack/remove", url.Values{"confirm": {"slack"}}); w.Header().Get("Location") != "/integrations?done=removed" {
		t.Errorf("got %d to %q", w.Code, w.Header().Get("Location"))
	}
}

func TestTestNotification(t *testing.T) {
	answers := slackAnswers()
	d := newTester(t, answers)
	for want, answer := range map[string]any{
		"/integrations/slack/qa/slack?done=tested":         map[string]any{"outcome": "Succeeded"},
		"/integrations/slack/qa/slack?done=test-undecided": status{http.StatusAccepted, map[string]any{"outcome": "Pending"}},
	} {
		d.api.answers["POST /api/v1/integrations/slack/test"] = answer
		if w := d.post("/integrations/slack/qa/slack/test", url.Values{"channel": {"#x"}}); w.Header().Get("Location") != want {
			t.Errorf("got %d to %q, want %q", w.Code, w.Header().Get("Location"), want)
		}
	}
	d.api.answers["POST /api/v1/integrations/slack/test"] = status{http.StatusConflict, Problem{Detail: "it is suspended"}}
	page := d.post("/integrations/slack/qa/slack/test", url.Values{}).Body.String()
	d.has(page, "it is suspended", `value="#alerts"`, `/integrations/slack/qa/slack/test#test-title"`)
	if strings.Index(page, "it is suspended") < strings.Index(page, `id="test-title"`) {
		t.Errorf("why there was no test is not said where it was asked for: %s", page)
	}
}

func TestRules(t *testing.T) {
	d := newTester(t, map[string]any{
		"GET /api/v1/rules": map[string]any{"total": 1, "items": []any{map[string]any{
			"namespace": "qa", "name": "all", "eventTypes": []string{"DefectCreated"}, "ready": false, "message": "spec.when: <i>", "matchedTotal": 12,
			"lastError": "no such key: <b>",
		}}},
		"GET /api/v1/rules/all": map[string]any{
			"namespace": "qa", "name": "all", "spec": map[string]any{"eventTypes": []string{"DefectCreated"}, "when": "event.severity == 'High'"},
			"status": map[string]any{"errorsTotal": 3, "lastError": map[string]any{"eventID": "e 9", "eventType": "DefectCreated", "message": "no such key: <b>"}},
		},
		"POST /api/v1/rules/all/test": map[string]any{
			"matches": true, "why": "Everything that the rule asks for holds", "source": "Recent", "event": map[string]any{"id": "e1", "type": "DefectCreated"},
			"message": map[string]any{"text": "Defect found: <script>alert(1)</script>", "blocks": []any{map[string]any{"section": "*&lt;script&gt;*"}}},
		},
	})
	d.has(d.open("/rules", http.StatusOK), "Not ready", "&lt;i&gt;", "12", `href="/rules/qa/all"`, "Last error: no such key: &lt;b&gt;")
	page := d.open("/rules/qa/all?event=e1", http.StatusOK)
	d.has(page, "Matches", "Everything that the rule asks for holds", "event.severity == &#39;High&#39;", "kind: NotificationRule", "3 of its events", `href="/rules/qa/all?event=e%209"`, "no such key: &lt;b&gt;")
	d.hasNot(page, "<script>alert")
	if got := d.api.bodies["POST /api/v1/rules/all/test"]; got != `{"eventID":"e1"}` {
		t.Errorf("asked for %s", got)
	}
	d.api.answers["POST /api/v1/rules/all/test"] = status{http.StatusNotFound, Problem{Detail: "no Notification tells of such an event"}}
	d.has(d.open("/rules/qa/all?event=e2", http.StatusOK), "No Notification tells of such an event.")
}
