// SPDX-License-Identifier: Apache-2.0

package slack

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
)

func hookPost(w *Workspace, path, body string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(http.MethodPost, path, strings.NewReader(body))
	r.Header.Set("Content-Type", "application/json")
	rec := httptest.NewRecorder()
	w.Webhooks().ServeHTTP(rec, r)
	return rec
}

func TestWebhook(t *testing.T) {
	for _, c := range []struct {
		name, path, body string
		before           func(*Workspace) error
		status           int
		want             string
	}{
		{"text", WebhookPath, `{"text":"hello"}`, nil, 200, "ok"},
		{"blocks only", WebhookPath, `{"blocks":[{"type":"divider"}]}`, nil, 200, "ok"},
		{"attachments only", WebhookPath, `{"attachments":[{"color":"#ff0000","text":"x"}]}`, nil, 200, "ok"},
		{"not JSON", WebhookPath, `hello`, nil, 400, "invalid_payload"},
		{"empty body", WebhookPath, ``, nil, 400, "invalid_payload"},
		{"not an object", WebhookPath, `null`, nil, 400, "invalid_payload"},
		{"nothing to say", WebhookPath, `{}`, nil, 400, "no_text"},
		{"empty text", WebhookPath, `{"text":""}`, nil, 400, "no_text"},
		{"bad blocks", WebhookPath, `{"text":"x","blocks":[{"type":"none"}]}`, nil, 400, "invalid_blocks"},
		{"too many attachments", WebhookPath, `{"text":"x","attachments":[{}` + strings.Repeat(",{}", 100) + `]}`, nil, 400,
			"too_many_attachments"},
		{"another team", "/services/T0OTHER/B0SANDBOX/sandbox", `{"text":"x"}`, nil, 404, "no_team"},
		{"unknown service", "/services/T0SANDBOX/B9/sandbox", `{"text":"x"}`, nil, 404, "no_service"},
		{"wrong secret", "/services/T0SANDBOX/B0SANDBOX/other", `{"text":"x"}`, nil, 403, "invalid_token"},
		{"revoked", WebhookPath, `{"text":"x"}`, func(w *Workspace) error { return w.SetWebhook(WebhookPath, Revoked) }, 404, "no_service"},
		{"inactive", WebhookPath, `{"text":"x"}`, func(w *Workspace) error { return w.SetWebhook(WebhookPath, Inactive) },
			404, "no_active_hooks"},
		{"archived", WebhookPath, `{"text":"x"}`, func(w *Workspace) error {
			return w.PutChannel(Channel{ID: AlertsChannel, Name: "voice-ai-alerts", Archived: true})
		}, 410, "channel_is_archived"},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := New(Options{Clock: stopped})
			if c.before != nil {
				if err := c.before(w); err != nil {
					t.Fatal(err)
				}
			}
			rec := hookPost(w, c.path, c.body)
			if rec.Code != c.status || rec.Body.String() != c.want || rec.Header().Get("Content-Type") != "text/plain; charset=utf-8" {
				t.Errorf("got %d %q as %s, want %d %q", rec.Code, rec.Body, rec.Header().Get("Content-Type"), c.status, c.want)
			}
			stored := 0
			if c.status == 200 {
				stored = 1
			}
			if got := w.Messages(AlertsChannel); len(got) != stored || w.Counts().WebhookPosts != stored {
				t.Errorf("got %d messages and %d counted, want %d", len(got), w.Counts().WebhookPosts, stored)
			}
		})
	}
}

func TestWebhookPostsToItsOwnChannel(t *testing.T) {
	w := New(Options{Clock: stopped})
	body := url.Values{"payload": {`{"text":"old form","channel":"#general","metadata":{"event_type":"e","event_payload":{}}}`}}
	r := httptest.NewRequest(http.MethodPost, DevWebhookPath, strings.NewReader(body.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	rec := httptest.NewRecorder()
	w.Webhooks().ServeHTTP(rec, r)
	got := w.Messages(DevChannel)
	if rec.Body.String() != "ok" || len(got) != 1 || got[0].Text != "old form" || !got[0].Webhook || got[0].Metadata != nil {
		t.Errorf("got %s and %+v, want the message in #voice-ai-dev without metadata", rec.Body, got)
	}
	if len(w.Messages(GeneralChannel)) != 0 {
		t.Error("a webhook posted to the channel in the call")
	}
}
