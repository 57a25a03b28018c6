// SPDX-License-Identifier: Apache-2.0

package sandbox

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"github.com/voiceai-dev/integrations-operator/internal/sandbox/slack"
)

// testApp is an app that keeps what it receives, by endpoint, and answers what the test sets.
type testApp struct {
	got    map[string][]url.Values
	answer string
	status int
}

// serveApp starts a sandbox with an app. The app checks the signature of each request.
func serveApp(t *testing.T, o Options) (*Sandbox, *httptest.Server, *testApp) {
	t.Helper()
	s, server := serve(t, o)
	app := &testApp{got: map[string][]url.Values{}, status: http.StatusOK}
	endpoint := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		mac := hmac.New(sha256.New, []byte(slack.SigningSecret))
		_, _ = fmt.Fprintf(mac, "v0:%s:%s", r.Header.Get("X-Slack-Request-Timestamp"), body)
		if r.Header.Get("X-Slack-Signature") != "v0="+hex.EncodeToString(mac.Sum(nil)) {
			t.Errorf("%s is not signed", r.URL.Path)
		}
		form, _ := url.ParseQuery(string(body))
		app.got[r.URL.Path] = append(app.got[r.URL.Path], form)
		w.WriteHeader(app.status)
		_, _ = io.WriteString(w, app.answer)
	}))
	t.Cleanup(endpoint.Close)
	must(t, server, http.MethodPut, "/_sandbox/slack/app", fmt.Sprintf(`{"url":%q}`, endpoint.URL), 204)
	return s, server, app
}

// post sends a form of the page of the alerts channel.
func post(t *testing.T, server *httptest.Server, form url.Values) string {
	t.Helper()
	r, err := server.Client().PostForm(server.URL+"/slack/C0ALERTS", form)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	html, err := io.ReadAll(r.Body)
	if err != nil || r.StatusCode != http.StatusOK {
		t.Fatalf("status %d, %v", r.StatusCode, err)
	}
	return string(html)
}

// TestCommandsOfThePage sends a command, and shows the answer to the person alone. Five further answers are accepted.
func TestCommandsOfThePage(t *testing.T) {
	_, server, app := serveApp(t, Options{})
	app.answer = `{"text":"for Ann"}`
	if html := post(t, server, url.Values{"command": {"status"}, "person": {slack.Ann}}); !strings.Contains(html, "for Ann") {
		t.Errorf("the page lacks the answer:\n%s", html)
	}
	if html := must(t, server, http.MethodGet, "/slack/C0ALERTS?person=U0BEN", "", 200); strings.Contains(html, "for Ann") {
		t.Error("Ben sees the answer to Ann")
	}
	sent := app.got["/commands"][0]
	if sent.Get("command") != "/voiceai" || sent.Get("text") != "status" || sent.Get("user_id") != slack.Ann ||
		sent.Get("api_app_id") != slack.AppID {
		t.Errorf("the app got %v", sent)
	}
	path := strings.TrimPrefix(sent.Get("response_url"), server.URL)
	for range 5 {
		if got := must(t, server, http.MethodPost, path, `{"text":"later"}`, 200); got != "ok" {
			t.Errorf("an answer gets %s", got)
		}
	}
	if got := must(t, server, http.MethodPost, path, `{"text":"later"}`, 200); !strings.Contains(got, "used_url") {
		t.Errorf("the sixth answer gets %s", got)
	}
	must(t, server, http.MethodPost, "/response/unknown", `{"text":"later"}`, 404)
	app.status = http.StatusUnauthorized
	if html := post(t, server, url.Values{"command": {"status"}}); !strings.Contains(html, "dispatch_failed") {
		t.Error("the page does not show that the app failed")
	}
}

// TestButtonsOfThePage presses a button, whose answer replaces a private message.
func TestButtonsOfThePage(t *testing.T) {
	s, server, app := serveApp(t, Options{})
	const message = `{"text":"x","blocks":[{"type":"actions","elements":[
		{"type":"button","action_id":"go","value":"v","text":{"type":"plain_text","text":"Go"}}]}]}`
	app.answer = message
	post(t, server, url.Values{"command": {"list"}})
	private := s.Slack().Privates(slack.AlertsChannel)
	app.answer = ""
	post(t, server, url.Values{"ts": {private[0].TS}, "action": {"go"}})
	var in struct {
		Type        string
		ResponseURL string `json:"response_url"`
		Container   struct {
			IsEphemeral bool `json:"is_ephemeral"`
		}
		Actions []struct {
			ID    string `json:"action_id"`
			Value string
			TS    string `json:"action_ts"`
		}
	}
	if err := json.Unmarshal([]byte(app.got["/interactions"][0].Get("payload")), &in); err != nil {
		t.Fatal(err)
	}
	clicked := in.Actions[0]
	if in.Type != "block_actions" || !in.Container.IsEphemeral || clicked.ID != "go" || clicked.Value != "v" || clicked.TS == "" {
		t.Errorf("the app got %+v", in)
	}
	must(t, server, http.MethodPost, strings.TrimPrefix(in.ResponseURL, server.URL), `{"replace_original":true,"text":"done"}`, 200)
	if private = s.Slack().Privates(slack.AlertsChannel); len(private) != 1 || private[0].Text != "done" {
		t.Errorf("the messages are %+v", private)
	}
}

// TestFormsOfThePage opens, updates and submits a form, as strictly as Slack.
func TestFormsOfThePage(t *testing.T) {
	now := time.Now()
	s, server, app := serveApp(t, Options{Clock: func() time.Time { return now }})
	must(t, server, http.MethodPost, postPath, newMessage, 200)
	ts := s.Slack().Messages(slack.AlertsChannel)[0].TS
	view := func(submit string) string {
		return `{"type":"modal","callback_id":"c","title":{"type":"plain_text","text":"Form"},` + submit +
			`"blocks":[{"type":"input","block_id":"title","label":{"type":"plain_text","text":"Title"},
			"element":{"type":"plain_text_input","action_id":"a","initial_value":"old"}}]}`
	}
	call := func(method, arguments string) string {
		return must(t, server, http.MethodPost, "/api/"+method, arguments, 200)
	}
	open := func(trigger, view string) string {
		return call("views.open", fmt.Sprintf(`{"trigger_id":%q,"view":%s}`, trigger, view))
	}
	use := func() string {
		post(t, server, url.Values{"ts": {ts}, "shortcut": {"file"}})
		all := app.got["/interactions"]
		var in struct {
			TriggerID string `json:"trigger_id"`
		}
		if err := json.Unmarshal([]byte(all[len(all)-1].Get("payload")), &in); err != nil {
			t.Fatal(err)
		}
		return in.TriggerID
	}
	const submit = `"submit":{"type":"plain_text","text":"Send"},`
	if got := open(use(), view("")); !strings.Contains(got, "invalid_arguments") {
		t.Errorf("a form with an input and without submit: %s", got)
	}
	late := use()
	now = now.Add(4 * time.Second)
	if got := open(late, view(submit)); !strings.Contains(got, "expired_trigger_id") {
		t.Errorf("after four seconds: %s", got)
	}
	trigger := use()
	if got := open(trigger, view(submit)); !strings.Contains(got, `"ok":true`) {
		t.Fatalf("opening: %s", got)
	}
	if got := open(trigger, view(submit)); !strings.Contains(got, "exchanged_trigger_id") {
		t.Errorf("opening twice: %s", got)
	}
	app.answer = `{"response_action":"errors","errors":{"title":"too short"}}`
	if html := post(t, server, url.Values{"form": {"submit"}, "input-title": {"x"}}); !strings.Contains(html, "too short") {
		t.Error("the page lacks the error of the input")
	}
	app.answer = `{"response_action":"errors","errors":{"other":"x"}}`
	if html := post(t, server, url.Values{"form": {"submit"}}); !strings.Contains(html, "would hang") {
		t.Error("an error of an input that does not exist is accepted")
	}
	app.answer = ""
	post(t, server, url.Values{"form": {"submit"}, "input-title": {"new"}})
	if _, open := s.Slack().OpenForm(slack.Ann); open {
		t.Error("an empty answer does not close the form")
	}
	all := app.got["/interactions"]
	if sent := all[len(all)-1].Get("payload"); !strings.Contains(sent, `"value":"new"`) || !strings.Contains(sent, `"view_submission"`) {
		t.Errorf("the app got %s", sent)
	}
}

// TestUserGroups lets a person join and leave a group, and sends the event of it.
func TestUserGroups(t *testing.T) {
	s, server, app := serveApp(t, Options{})
	for range 2 {
		post(t, server, url.Values{"group": {slack.OnCall}, "person": {slack.Ben}})
		if len(app.got["/events"]) == 1 && len(s.Slack().UserGroups()[0].Users) != 2 {
			t.Errorf("the group has %v", s.Slack().UserGroups()[0].Users)
		}
	}
	if n := len(app.got["/events"]); n != 2 || len(s.Slack().UserGroups()[0].Users) != 1 {
		t.Errorf("%d events, the group has %v", n, s.Slack().UserGroups()[0].Users)
	}
	got := must(t, server, http.MethodPost, "/api/usergroups.list", `{"include_users":true}`, 200)
	if !strings.Contains(got, `"users":["U0ANN"]`) {
		t.Errorf("usergroups.list: %s", got)
	}
}

// TestConnectionsOfThePage closes connections of Socket Mode as Slack does, and turns Socket Mode on and off.
func TestConnectionsOfThePage(t *testing.T) {
	s, server, _ := serveApp(t, Options{})
	do := func(what string) string {
		t.Helper()
		return post(t, server, url.Values{"connections": {what}})
	}
	if html := do("on"); !s.Slack().App().SocketMode || !strings.Contains(html, "Socket Mode: 0 connections") {
		t.Errorf("Socket Mode is off:\n%s", html)
	}
	// connect opens a connection, and returns why Slack closes it.
	connect := func() <-chan string {
		t.Helper()
		answer := struct{ URL string }{}
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, server.URL+"/api/apps.connections.open", nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Authorization", "Bearer "+slack.AppToken)
		res, err := server.Client().Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = res.Body.Close() }()
		if err := json.NewDecoder(res.Body).Decode(&answer); err != nil {
			t.Fatal(err)
		}
		c, opened, err := websocket.DefaultDialer.DialContext(t.Context(), answer.URL, nil)
		if err != nil {
			t.Fatal(err)
		}
		_ = opened.Body.Close()
		t.Cleanup(func() { _ = c.Close() })
		hello := map[string]any{}
		if err := c.ReadJSON(&hello); err != nil || hello["type"] != "hello" {
			t.Fatalf("the first message is %v, %v", hello, err)
		}
		reasons := make(chan string, 1)
		go func() {
			m := struct{ Type, Reason string }{}
			if c.ReadJSON(&m) != nil {
				m.Reason = "broken"
			}
			reasons <- m.Reason
		}()
		return reasons
	}
	for what, want := range map[string]string{
		"refresh_requested": "refresh_requested", "too_many_websockets": "too_many_websockets", "link_disabled": "link_disabled",
		"break": "broken", "off": "link_disabled",
	} {
		reasons := connect()
		html := do(what)
		if got := <-reasons; got != want {
			t.Errorf("%s: the app reads %s", what, got)
		}
		if isOn := strings.Contains(html, "Socket Mode: "); isOn == (what == "off") {
			t.Errorf("%s: Socket Mode is on: %t", what, isOn)
		}
		do("break")
		do("on")
	}
	do("unknown")
	if !s.Slack().App().SocketMode {
		t.Error("an unknown control changes something")
	}
}
