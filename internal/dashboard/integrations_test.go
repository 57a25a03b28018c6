// SPDX-License-Identifier: Apache-2.0

package dashboard

import (
	"encoding/json"
	"net/http"
	"net/url"
	"reflect"
	"strings"
	"testing"

	"github.com/voiceai-dev/integrations-operator/internal/dashboard/client"
)

// slackAnswers returns the answers of an API with one SlackIntegration. Its spec has fields that the form does not
// show.
func slackAnswers() map[string]any {
	return map[string]any{
		"GET /api/v1/integrations/slack/config": map[string]any{
			"namespace": "qa", "name": "slack",
			"spec": map[string]any{
				"defaultChannel": "#alerts", "default": true,
				"bot":               map[string]any{"tokenSecretRef": map[string]any{"name": "slack-credentials", "key": "t"}},
				"allowedNamespaces": map[string]any{"from": "All"},
			},
			"credentials": map[string]any{"botToken": map[string]any{"set": true, "secret": "slack-credentials", "key": "t"}},
		},
		"GET /api/v1/integrations/status": map[string]any{"items": []any{map[string]any{
			"kind": "SlackIntegration", "namespace": "qa", "name": "slack", "status": "error",
			"message":  "invalid_auth: <b>create</b> a new token",
			"lastTest": map[string]any{"outcome": "Failed", "message": "channel_not_found", "time": "2026-03-04T11:59:00Z"},
		}}},
	}
}

func TestIntegrationPage(t *testing.T) {
	d := newTester(t, slackAnswers())
	page := d.open("/integrations/slack/qa/slack", http.StatusOK)
	d.has(page, `value="#alerts"`, "Send test notification", "Disconnect", "&lt;b&gt;create&lt;/b&gt;", "channel_not_found",
		"kind: SlackIntegration", "Stored in Secret slack-credentials", "apply the Secret slack-credentials as well")
	d.hasNot(page, "<b>create")
	d.has(d.open("/integrations", http.StatusOK), "Connect Slack", "Connect Jira", `href="/integrations/slack/qa/slack"`)
}

func TestIntegrationPageWithoutRights(t *testing.T) {
	answers := slackAnswers()
	answers["GET /api/v1/access"] = map[string]any{
		"caller": "viewer", "namespace": "qa", "rights": map[string]any{"slackintegrations": []string{"get", "list"}},
	}
	d := newTester(t, answers)
	d.hasNot(d.open("/integrations/slack/qa/slack", http.StatusOK), ">Save</button>", "Send test notification", "Disconnect")
	d.hasNot(d.open("/integrations", http.StatusOK), "Connect Slack", "Connect Jira")
}

func TestSaveIntegration(t *testing.T) {
	answers := slackAnswers()
	answers["PUT /api/v1/integrations/slack/config"] = map[string]any{}
	d := newTester(t, answers)
	w := d.post("/integrations/slack/qa/slack/save", url.Values{
		"etag": {`"4"`}, "spec.defaultChannel": {"#other"}, "spec.suspend": {"true"},
		"spec.rateLimit.channelMessagesPerMinute": {"30"}, "credentials.botToken": {"xoxb-1"},
	})
	if w.Code != http.StatusSeeOther || w.Header().Get("Location") != "/integrations/slack/qa/slack?done=saved" {
		t.Fatalf("got %d to %q: %s", w.Code, w.Header().Get("Location"), w.Body)
	}
	var got, want any
	if err := json.Unmarshal([]byte(d.api.bodies["PUT /api/v1/integrations/slack/config"]), &got); err != nil {
		t.Fatal(err)
	}
	_ = json.Unmarshal([]byte(`{"spec": {"defaultChannel": "#other", "suspend": true,
		"bot": {"tokenSecretRef": {"name": "slack-credentials", "key": "t"}}, "allowedNamespaces": {"from": "All"},
		"rateLimit": {"channelMessagesPerMinute": 30}}, "credentials": {"botToken": "xoxb-1"}}`), &want)
	if !reflect.DeepEqual(got, want) {
		t.Errorf("sent %v, want %v: fields that the form does not show stay", got, want)
	}
}

// TestSecondDefault connects a second Slack. The form does not make it the default by itself, and says what changes if
// the user does.
func TestSecondDefault(t *testing.T) {
	const ticked = `value="true" checked id="f-spec-default"`
	const offer = `name="replaceDefault"`
	d := newTester(t, slackAnswers())
	answers := d.api.answers
	status := func(isDefault bool) {
		answers["GET /api/v1/integrations/status"] = map[string]any{"items": []any{
			map[string]any{"kind": "SlackIntegration", "namespace": "qa", "name": "slack", "default": isDefault},
			map[string]any{"kind": "JiraIntegration", "namespace": "qa", "name": "jira", "default": true},
		}}
	}
	status(true)
	page := d.open("/integrations/slack/new?namespace=qa", http.StatusOK)
	d.has(page, `id="f-spec-default"`, offer, "Replace the default, slack", "no longer the present default")
	d.hasNot(page, ticked)
	d.hasNot(d.open("/integrations/slack/qa/slack", http.StatusOK), offer) // it is the default itself

	answers["PUT /api/v1/integrations/slack/config"] = response{http.StatusConflict, client.Problem{Detail: "no", Errors: []client.Detail{
		{Location: "body.spec.default", Message: "The default of namespace other is x."},
	}}}
	form := url.Values{"query.namespace": {"other"}, "query.name": {"slack-2"}, "spec.default": {"true"},
		"spec.defaultChannel": {"#x"}, "credentials.botToken": {"xoxb-1"}}
	w := d.post("/integrations/slack/new", form)
	d.has(w.Body.String(), "The default of namespace other is x.", offer, ticked)

	answers["PUT /api/v1/integrations/slack/config"] = map[string]any{}
	form.Set("replaceDefault", "true")
	if w := d.post("/integrations/slack/new", form); w.Code != http.StatusSeeOther {
		t.Fatalf("got %d: %s", w.Code, w.Body)
	}
	if body := d.api.bodies["PUT /api/v1/integrations/slack/config"]; !strings.Contains(body, `"replaceDefault":true`) {
		t.Errorf("sent %s", body)
	}

	status(false)
	page = d.open("/integrations/slack/new?namespace=qa", http.StatusOK)
	d.has(page, ticked)
	d.hasNot(page, offer)
}

func TestInvalidIntegration(t *testing.T) {
	invalid := func(details ...client.Detail) response {
		return response{http.StatusUnprocessableEntity, client.Problem{Detail: "no", Errors: details}}
	}
	const perMinute = "spec.rateLimit.channelMessagesPerMinute"
	for name, c := range map[string]struct {
		answer any
		form   url.Values
		want   []string
	}{
		"at the field": {
			invalid(client.Detail{Message: "not a channel", Location: "body.spec.defaultChannel"}),
			url.Values{"spec.defaultChannel": {"<bad>"}, "credentials.botToken": {"xoxb-secret"}},
			[]string{`<a href="#f-spec-defaultChannel">Not a channel.</a>`, "</svg>Not a channel.</p>", `aria-invalid="true"`, "&lt;bad&gt;"},
		},
		"of the whole": {
			response{http.StatusConflict, client.Problem{Detail: "argocd manages this: change it there"}}, url.Values{"spec.defaultChannel": {"#x"}},
			[]string{"argocd manages this"},
		},
		"without a field": {
			invalid(client.Detail{Message: "give one", Location: "body.spec"},
				client.Detail{Message: "too long", Location: "body.spec.bot.tokenSecretRef.key"},
				client.Detail{Message: "no more than 60", Location: "body." + perMinute}),
			url.Values{"spec.defaultChannel": {"#x"}},
			[]string{"<li>spec: give one</li>", `<a href="#f-credentials-botToken">Too long.</a>`,
				`id="f-credentials-botToken-error"`, `<a href="#f-spec-rateLimit-channelMessagesPerMinute">`, "<details open>"},
		},
		"before the API": {nil, url.Values{perMinute: {"many"}}, []string{"Enter a whole number"}},
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

// TestRejectedFormKeepsItsInput saves what another user has changed meanwhile, and what the user may not change.
func TestRejectedFormKeepsItsInput(t *testing.T) {
	for name, c := range map[string]struct {
		refusal response
		code    int
		want    []string
	}{
		"changed meanwhile": {
			response{http.StatusPreconditionFailed, client.Problem{Detail: "its ETag is 5 now"}}, http.StatusUnprocessableEntity,
			[]string{"was changed after you opened it", `name="etag" value="&#34;5&#34;"`},
		},
		"no right": {
			response{http.StatusForbidden, client.Problem{Detail: "ann may not update secrets: bind a Role that allows it"}}, http.StatusForbidden,
			[]string{"bind a Role", `name="etag" value="&#34;4&#34;"`},
		},
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
	exists := response{http.StatusPreconditionFailed, client.Problem{Detail: "leave out If-None-Match"}}
	d := newTester(t, map[string]any{"PUT /api/v1/integrations/slack/config": exists})
	w := d.post("/integrations/slack/new", url.Values{
		"query.namespace": {"qa"}, "query.name": {"slack"}, "spec.defaultChannel": {"#x"}, "credentials.botToken": {"xoxb-1"},
	})
	d.has(w.Body.String(), "An integration with this name exists already", `<a href="#f-query-name">`)
	d.hasNot(w.Body.String(), "If-None-Match")
}

// TestFormWithoutSecrets shows the form to a user who may not write Secrets: without their fields, but with the
// others.
func TestFormWithoutSecrets(t *testing.T) {
	answers := slackAnswers()
	rights := allRights()
	delete(rights, "secrets")
	answers["GET /api/v1/access"] = map[string]any{"caller": "ann", "namespace": "qa", "rights": rights}
	d := newTester(t, answers)
	for path, hint := range map[string]string{
		"/integrations/slack/qa/slack": "They stay as they are",
		"/integrations/slack/new":      "Choose another namespace above",
		"/integrations/jira/new":       "Choose another namespace above",
	} {
		page := d.open(path, http.StatusOK)
		d.has(page, "you may not write Secrets", hint, `name="spec.default"`)
		d.hasNot(page, `type="password"`)
	}
	for _, path := range []string{"/integrations", "/"} {
		d.api.answers["GET /api/v1/summary"] = map[string]any{}
		d.hasNot(d.open(path, http.StatusOK), "/integrations/slack/new")
	}
}

// TestManagedIntegration checks that the form of an integration that GitOps applies cannot be sent.
func TestManagedIntegration(t *testing.T) {
	answers := slackAnswers()
	answers["GET /api/v1/integrations/slack/config"].(map[string]any)["managedBy"] = "kustomize-controller"
	d := newTester(t, answers)
	page := d.open("/integrations/slack/qa/slack", http.StatusOK)
	d.has(page, "Managed by <b>kustomize-controller</b>", "<fieldset disabled>", `value="#alerts"`, "Send test notification",
		"The credentials are in Secret slack-credentials.", "Commit the change to Git", `name="credentials.botToken"`)
	d.hasNot(page, ">Save</button>", "Disconnect", "Edit anyway", `name="credentials.webhookURL"`)
	d.hasNot(d.open("/integrations/slack/qa/slack?editAnyway=true", http.StatusOK), ">Save</button>")
}

// TestEditAnyway changes an integration that kubectl applied.
func TestEditAnyway(t *testing.T) {
	answers := slackAnswers()
	config := answers["GET /api/v1/integrations/slack/config"].(map[string]any)
	config["managedBy"] = "kubectl apply"
	config["editable"] = true
	answers["PUT /api/v1/integrations/slack/config"] = map[string]any{}
	d := newTester(t, answers)
	page := d.open("/integrations/slack/qa/slack", http.StatusOK)
	d.has(page, "<fieldset disabled>", `href="/integrations/slack/qa/slack?editAnyway=true">Edit anyway</a>`)
	page = d.open("/integrations/slack/qa/slack?editAnyway=true", http.StatusOK)
	d.has(page, ">Save</button>", `name="editAnyway" value="true"`, "Change the <a")
	d.hasNot(page, "<fieldset disabled>", ">Edit anyway</a>", "Disconnecting")
	w := d.post("/integrations/slack/qa/slack/save", url.Values{editAnyway: {"true"}, "spec.defaultChannel": {"#new"}})
	if got := w.Header().Get("Location"); got != "/integrations/slack/qa/slack?done=saved" {
		t.Fatalf("got %d to %q: %s", w.Code, got, w.Body)
	}
	d.has(d.api.bodies["PUT /api/v1/integrations/slack/config"], `"editAnyway":true`, `"defaultChannel":"#new"`)
}

// TestReplaceToken replaces the token of an integration that GitOps applies, and is refused.
func TestReplaceToken(t *testing.T) {
	answers := slackAnswers()
	answers["GET /api/v1/integrations/slack/config"].(map[string]any)["managedBy"] = "kustomize-controller"
	answers["PUT /api/v1/integrations/slack/credentials"] = response{http.StatusNoContent, nil}
	d := newTester(t, answers)
	token := url.Values{"credentials.botToken": {"xoxb-new"}}
	w := d.post("/integrations/slack/qa/slack/credentials", token)
	if got := w.Header().Get("Location"); got != "/integrations/slack/qa/slack?done=replaced" {
		t.Fatalf("got %d to %q: %s", w.Code, got, w.Body)
	}
	d.has(d.api.bodies["PUT /api/v1/integrations/slack/credentials"], `{"credentials":{"botToken":"xoxb-new"}}`)
	d.has(d.post("/integrations/slack/qa/slack/credentials", url.Values{}).Body.String(), "Enter the new value.", `value="#alerts"`)
	for _, status := range []int{http.StatusForbidden, http.StatusConflict, http.StatusUnprocessableEntity} {
		d.api.answers["PUT /api/v1/integrations/slack/credentials"] = response{status, client.Problem{Detail: "bind a Role"}}
		page := d.post("/integrations/slack/qa/slack/credentials", token).Body.String()
		d.has(page, "ind a Role", `id="replace-title"`)
		d.hasNot(page, "xoxb-new")
	}
	d.api.answers["PUT /api/v1/integrations/slack/credentials"] = response{http.StatusUnprocessableEntity, client.Problem{
		Errors: []client.Detail{{Location: "body.credentials.botToken", Message: "The value is in quotes. Store it without them"}}}}
	d.has(d.post("/integrations/slack/qa/slack/credentials", token).Body.String(),
		"Bot token: The value is in quotes. Store it without them.")
}

func TestConnectAndDisconnect(t *testing.T) {
	answers := slackAnswers()
	answers["PUT /api/v1/integrations/jira/config"] = response{http.StatusCreated, map[string]any{}}
	answers["DELETE /api/v1/integrations/slack/config"] = response{http.StatusNoContent, nil}
	d := newTester(t, answers)
	d.has(d.open("/integrations/jira/new?namespace=qa", http.StatusOK), `value="qa"`, "Project key")
	w := d.post("/integrations/jira/new", url.Values{
		"query.namespace": {"qa"}, "query.name": {"jira"},
		"spec.apiURL": {"https://jira.example.com"}, "spec.projectKey": {"VOICE"}, "spec.labels": {"a\r\nb"},
		"spec.autoCreate.minSeverity": {"High"}, "credentials.username": {"bot@example.com"}, "credentials.apiToken": {"t"},
	})
	if got := w.Header().Get("Location"); got != "/integrations/jira/qa/jira?done=created" {
		t.Fatalf("got %d to %q: %s", w.Code, got, w.Body)
	}
	d.has(d.api.bodies["PUT /api/v1/integrations/jira/config"], `"labels":["a","b"]`,
		`"autoCreate":{"enabled":false,"minSeverity":"High"}`, `"username":"bot@example.com"`)
	w = d.post("/integrations/jira/new", url.Values{"query.namespace": {"../x"}, "query.name": {"jira"}})
	if w.Code != http.StatusUnprocessableEntity {
		t.Errorf("an invalid namespace: got %d", w.Code)
	}
	w = d.post("/integrations/slack/qa/slack/remove", url.Values{"confirm": {"other"}})
	if w.Code != http.StatusUnprocessableEntity {
		t.Errorf("without confirmation: got %d", w.Code)
	}
	w = d.post("/integrations/slack/qa/slack/remove", url.Values{"confirm": {"slack"}})
	if w.Header().Get("Location") != "/integrations?done=removed" {
		t.Errorf("got %d to %q", w.Code, w.Header().Get("Location"))
	}
}

func TestTestNotification(t *testing.T) {
	answers := slackAnswers()
	d := newTester(t, answers)
	for want, answer := range map[string]any{
		"/integrations/slack/qa/slack?done=tested":         map[string]any{"outcome": "Succeeded"},
		"/integrations/slack/qa/slack?done=test-undecided": response{http.StatusAccepted, map[string]any{"outcome": "Pending"}},
	} {
		d.api.answers["POST /api/v1/integrations/slack/test"] = answer
		if w := d.post("/integrations/slack/qa/slack/test", url.Values{"channel": {"#x"}}); w.Header().Get("Location") != want {
			t.Errorf("got %d to %q, want %q", w.Code, w.Header().Get("Location"), want)
		}
	}
	d.api.answers["POST /api/v1/integrations/slack/test"] = response{http.StatusConflict, client.Problem{Detail: "it is suspended"}}
	page := d.post("/integrations/slack/qa/slack/test", url.Values{}).Body.String()
	d.has(page, "it is suspended", `value="#alerts"`, `/integrations/slack/qa/slack/test#test-title"`)
	if strings.Index(page, "it is suspended") < strings.Index(page, `id="test-title"`) {
		t.Errorf("the reason is not in the card of the test: %s", page)
	}
}
