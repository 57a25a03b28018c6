// SPDX-License-Identifier: Apache-2.0

package slack

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/voiceai-dev/integrations-operator/internal/chat"
	"github.com/voiceai-dev/integrations-operator/internal/fault"
	"github.com/voiceai-dev/integrations-operator/internal/transport"
)

// appServer answers the Web API and response URLs, and keeps what it got.
func appServer(t *testing.T, answers map[string]string) (chat.App, map[string]string, string) {
	t.Helper()
	got := map[string]string{}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		raw, _ := io.ReadAll(r.Body)
		got[r.URL.Path] = string(raw)
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, answers[r.URL.Path])
	}))
	t.Cleanup(server.Close)
	d := Dialer{transport.Options{Reach: transport.Reach{AllowLoopback: true}}}
	app, err := d.DialApp(chat.Config{Token: "xoxb-1", APIURL: server.URL + "/api/"})
	if err != nil {
		t.Fatal(err)
	}
	return app, got, server.URL
}

func TestRespond(t *testing.T) {
	app, got, url := appServer(t, map[string]string{"/respond/secret": "ok", "/used/secret": `{"ok":false,"error":"used_url"}`})
	r := chat.Response{Message: chat.Message{Text: "Done", Blocks: []chat.Block{
		{Section: "Done"}, {ID: "b", Buttons: []chat.Button{{ID: "go", Label: "Go", Value: "v", Style: chat.PrimaryButton}}},
	}}}
	if err := app.Respond(t.Context(), url+"/respond/secret", r); err != nil {
		t.Fatal(err)
	}
	const want = `{"response_type":"ephemeral","replace_original":false,"text":"Done","blocks":[` +
		`{"type":"section","text":{"type":"mrkdwn","text":"Done","verbatim":true}},` +
		`{"type":"actions","block_id":"b","elements":[{"type":"button","text":{"type":"plain_text","text":"Go","emoji":false},` +
		`"action_id":"go","value":"v","style":"primary"}]}]}`
	if got["/respond/secret"] != want {
		t.Errorf("the response URL got\n%s\nwant\n%s", got["/respond/secret"], want)
	}
	r.Place = chat.InPlace
	err := app.Respond(t.Context(), url+"/respond/secret", r)
	if err != nil || !strings.Contains(got["/respond/secret"], `"replace_original":true`) {
		t.Errorf("%v: the response URL got %s", err, got["/respond/secret"])
	}
	for _, path := range []string{"/used/secret", "\x00/secret"} {
		if err := app.Respond(t.Context(), url+path, r); err == nil || strings.Contains(err.Error(), "secret") {
			t.Errorf("%q fails with %v", path, err)
		}
	}
}

func TestForms(t *testing.T) {
	app, got, _ := appServer(t, map[string]string{
		"/api/views.open": `{"ok":true,"view":{"id":"V1"}}`, "/api/views.update": `{"ok":false,"error":"not_found"}`,
	})
	f := chat.Form{CallbackID: "file", Title: "File", Submit: "Send", Metadata: "m", Text: "Hello", Inputs: []chat.Input{
		{ID: "title", Label: "Title", Kind: chat.Line, MaxLength: 10, Initial: "t"},
		{ID: "text", Label: "Text", Kind: chat.OptionalLines},
		{ID: "severity", Label: "Severity", Choices: []string{"High", "Low"}, Initial: "Low"},
	}}
	id, err := app.OpenForm(t.Context(), "trigger", f)
	if err != nil || id != "V1" {
		t.Fatalf("%q, %v", id, err)
	}
	for _, part := range []string{`"trigger_id":"trigger"`, `"private_metadata":"m"`, `"callback_id":"file"`, `"block_id":"title"`,
		`"max_length":10`, `"multiline":true`, `"optional":true`, `"initial_option":{"text":{"type":"plain_text","text":"Low"`} {
		if !strings.Contains(got["/api/views.open"], part) {
			t.Errorf("views.open got\n%s\nwithout %s", got["/api/views.open"], part)
		}
	}
	if err := app.UpdateForm(t.Context(), "V1", f); fault.From(err) == nil || fault.From(err).Code != "not_found" {
		t.Errorf("views.update fails with %v", err)
	}
	raw, err := FormAnswer(nil, map[string]string{"title": "too long"})
	if err != nil || string(raw) != `{"response_action":"errors","errors":{"title":"too long"}}` {
		t.Errorf("%s, %v", raw, err)
	}
	raw, err = FormAnswer(&f, nil)
	var answer struct {
		Action string `json:"response_action"`
		View   struct {
			Type string `json:"type"`
		} `json:"view"`
	}
	if err != nil || json.Unmarshal(raw, &answer) != nil || answer.Action != "update" || answer.View.Type != "modal" {
		t.Errorf("%s, %v", raw, err)
	}
	if raw, err := FormAnswer(nil, nil); raw != nil || err != nil {
		t.Errorf("closing answers %s, %v", raw, err)
	}
}

func TestUserGroups(t *testing.T) {
	app, got, _ := appServer(t, map[string]string{
		"/api/usergroups.list": `{"ok":true,"usergroups":[{"id":"S1","users":["U1","U2"]},{"id":"S2","users":["U1"]},{"id":"S3"}]}`,
	})
	groups, err := app.UserGroups(t.Context())
	if err != nil || strings.Join(groups["U1"], " ") != "S1 S2" || strings.Join(groups["U2"], " ") != "S1" || len(groups) != 2 {
		t.Errorf("%v, %v", groups, err)
	}
	if !strings.Contains(got["/api/usergroups.list"], "include_users=true") {
		t.Errorf("usergroups.list got %s", got["/api/usergroups.list"])
	}
}

func TestPostEphemeral(t *testing.T) {
	app, got, _ := appServer(t, map[string]string{"/api/chat.postEphemeral": `{"ok":true,"message_ts":"1.0"}`})
	if err := app.PostEphemeral(t.Context(), "U1", chat.Message{Channel: "C1", ThreadTS: "1.0", Text: "Hello"}); err != nil {
		t.Fatal(err)
	}
	for _, part := range []string{"channel=C1", "thread_ts=1.0", "user=U1", "text=Hello"} {
		if !strings.Contains(got["/api/chat.postEphemeral"], part) {
			t.Errorf("chat.postEphemeral got %s without %s", got["/api/chat.postEphemeral"], part)
		}
	}
}

// TestResponseURLsAreSecret checks that no error shows a response URL.
func TestResponseURLsAreSecret(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusTeapot) }))
	d := Dialer{transport.Options{Reach: transport.Reach{AllowLoopback: true}}}
	app, err := d.DialApp(chat.Config{Token: "xoxb-1"})
	if err != nil {
		t.Fatal(err)
	}
	for _, state := range []string{"answers with an error", "does not answer"} {
		err := app.Respond(t.Context(), server.URL+"/actions/T1/1/sEcReT", chat.Response{Message: chat.Message{Text: "x"}})
		if err == nil || strings.Contains(err.Error(), "sEcReT") {
			t.Errorf("a URL that %s fails with %v", state, err)
		}
		server.Close()
	}
}
