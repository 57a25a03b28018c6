// SPDX-License-Identifier: Apache-2.0

package slack

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"
)

// start is the time of the tests' stopped clock.
var start = time.Unix(1_700_000_000, 0)

func stopped() time.Time { return start }

// call sends a form, as clients of the Web API do, and returns the answer.
func call(t *testing.T, w *Workspace, method, token string, form url.Values) (*httptest.ResponseRecorder, map[string]any) {
	t.Helper()
	form = mergedForm(form)
	if token != "" {
		form.Set("token", token)
	}
	r := httptest.NewRequest(http.MethodPost, "/api/"+method, strings.NewReader(form.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	return do(t, w.API(), r)
}

func mergedForm(form url.Values) url.Values {
	merged := url.Values{}
	for k, v := range form {
		merged[k] = v
	}
	return merged
}

func do(t *testing.T, h http.Handler, r *http.Request) (*httptest.ResponseRecorder, map[string]any) {
	t.Helper()
	rec := httptest.NewRecorder()
	h.ServeHTTP(rec, r)
	var answer map[string]any
	if err := json.Unmarshal(rec.Body.Bytes(), &answer); err != nil {
		t.Fatalf("answer %q: %v", rec.Body, err)
	}
	return rec, answer
}

// ok calls a method that must succeed.
func ok(t *testing.T, w *Workspace, method string, form url.Values) map[string]any {
	t.Helper()
	_, answer := call(t, w, method, BotToken, form)
	if answer["ok"] != true {
		t.Fatalf("%s: got %v, want ok", method, answer)
	}
	return answer
}

// post posts a text to AlertsChannel and returns its timestamp.
func post(t *testing.T, w *Workspace, text string, more ...string) string {
	t.Helper()
	return ok(t, w, "chat.postMessage", form(append([]string{"channel", AlertsChannel, "text", text}, more...)...))["ts"].(string)
}

func form(pairs ...string) url.Values {
	v := url.Values{}
	for i := 0; i < len(pairs); i += 2 {
		v.Set(pairs[i], pairs[i+1])
	}
	return v
}

func texts(messages []Message) string {
	var all []string
	for _, m := range messages {
		all = append(all, m.Text)
	}
	return strings.Join(all, "|")
}

func TestAuthTest(t *testing.T) {
	rec, _ := call(t, New(Options{Clock: stopped}), "auth.test", BotToken, nil)
	const want = `{"bot_id":"B0BOT","is_enterprise_install":false,"ok":true,"team":"Voice AI Sandbox","team_id":"T0SANDBOX",` +
		`"url":"http://example.com/","user":"voice-ai","user_id":"U0BOT"}` + "\n"
	if rec.Code != http.StatusOK || rec.Body.String() != want {
		t.Errorf("got %d %s, want 200 %s", rec.Code, rec.Body, want)
	}
	const scopes = "chat:write,channels:read,channels:history,groups:history,commands,users:read,usergroups:read,files:write"
	if got := rec.Header().Get("X-OAuth-Scopes"); got != scopes {
		t.Errorf("X-OAuth-Scopes: got %q, want %q", got, scopes)
	}
}

func TestCredentials(t *testing.T) {
	w := New(Options{Clock: stopped})
	for token, can := range map[string]Token{
		"xoxb-revoked":  {State: Revoked},
		"xoxb-inactive": {State: Inactive},
		"xoxb-narrow":   {State: Valid, Scopes: []string{"commands", "users:read"}},
		"xoxb-none":     {State: Valid, Scopes: []string{}},
	} {
		if err := w.PutToken(token, can); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []struct{ name, token, want string }{
		{"none", "", `{"error":"not_authed","ok":false}`},
		{"unknown", "xoxb-other", `{"error":"invalid_auth","ok":false}`},
		{"revoked", "xoxb-revoked", `{"error":"token_revoked","ok":false}`},
		{"inactive", "xoxb-inactive", `{"error":"account_inactive","ok":false}`},
		{"narrow", "xoxb-narrow", `{"error":"missing_scope","needed":"chat:write","ok":false,"provided":"commands,users:read"}`},
		{"no scope", "xoxb-none", `{"error":"missing_scope","needed":"chat:write","ok":false,"provided":""}`},
	} {
		t.Run(c.name, func(t *testing.T) {
			rec, _ := call(t, w, "chat.postMessage", c.token, form("channel", AlertsChannel, "text", "hello"))
			if got := strings.TrimSpace(rec.Body.String()); rec.Code != http.StatusOK || got != c.want {
				t.Errorf("got %d %s, want 200 %s", rec.Code, got, c.want)
			}
		})
	}
	if got := w.Messages(AlertsChannel); len(got) != 0 {
		t.Errorf("refused posts were stored: %v", got)
	}
}

func TestArguments(t *testing.T) {
	for _, c := range []struct{ name, kind, authorization, query, body, want string }{
		{"form with the token in it", "application/x-www-form-urlencoded", "", "", "token=xoxb-sandbox&channel=C0ALERTS&text=a%26b", ""},
		{"form with a bearer token", "application/x-www-form-urlencoded; charset=utf-8", "Bearer xoxb-sandbox", "",
			"channel=C0ALERTS&text=a%26b", ""},
		{"JSON with a bearer token", "application/json; charset=utf-8", "Bearer xoxb-sandbox", "", `{"channel":"C0ALERTS","text":"a&b"}`, ""},
		{"query with a bearer token", "", "Bearer xoxb-sandbox", "?channel=C0ALERTS&text=a%26b", "", ""},
		{"JSON with the token in it", "application/json", "", "", `{"token":"xoxb-sandbox","channel":"C0ALERTS","text":"a&b"}`, "not_authed"},
		{"the token in the query", "", "", "?token=xoxb-sandbox&channel=C0ALERTS&text=a%26b", "", "not_authed"},
		{"broken JSON", "application/json", "Bearer xoxb-sandbox", "", `{"channel":`, "invalid_json"},
		{"JSON that is no object", "application/json", "Bearer xoxb-sandbox", "", `["a"]`, "invalid_json"},
		{"broken form", "application/x-www-form-urlencoded", "Bearer xoxb-sandbox", "", "text=%zz", "invalid_form_data"},
		{"another kind", "text/plain", "Bearer xoxb-sandbox", "", "channel=C0ALERTS", "invalid_post_type"},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := New(Options{Clock: stopped})
			r := httptest.NewRequest(http.MethodPost, "/api/chat.postMessage"+c.query, strings.NewReader(c.body))
			r.Header.Set("Content-Type", c.kind)
			if c.authorization != "" {
				r.Header.Set("Authorization", c.authorization)
			}
			rec, answer := do(t, w.API(), r)
			if c.want != "" {
				if rec.Code != http.StatusOK || answer["error"] != c.want {
					t.Errorf("got %d %v, want 200 %s", rec.Code, answer, c.want)
				}
				return
			}
			if got := texts(w.Messages(AlertsChannel)); got != "a&b" {
				t.Errorf("stored %q (answer %v), want a&b", got, answer)
			}
		})
	}
}

func TestUnknownMethod(t *testing.T) {
	_, answer := call(t, New(Options{}), "chat.shout", BotToken, nil)
	if answer["error"] != "unknown_method" || answer["req_method"] != "chat.shout" {
		t.Errorf("got %v, want unknown_method", answer)
	}
}

func TestPutRefusesInvalid(t *testing.T) {
	w := New(Options{})
	for name, err := range map[string]error{
		"channel without a name": w.PutChannel(Channel{ID: "C1"}),
		"channel without an ID":  w.PutChannel(Channel{Name: "new"}),
		"duplicate name":         w.PutChannel(Channel{ID: "C1", Name: "general"}),
		"empty token":            w.PutToken("", Token{State: Valid}),
		"token without state":    w.PutToken("xoxb-1", Token{}),
		"unknown webhook":        w.SetWebhook("/services/T0/B0/x", Revoked),
		"webhook without state":  w.SetWebhook(WebhookPath, ""),
	} {
		if err == nil {
			t.Errorf("%s: got no error", name)
		}
	}
	if got := len(w.Channels()); got != 5 {
		t.Errorf("got %d channels, want the initial 5", got)
	}
}
