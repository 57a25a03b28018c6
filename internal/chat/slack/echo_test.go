// SPDX-License-Identifier: Apache-2.0

package slack_test

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/voiceai-dev/integrations-operator/internal/chat"
	"github.com/voiceai-dev/integrations-operator/internal/fault"
)

// TestEchoedCredentials calls every method of a bot and of a webhook whose server repeats what it received, in every
// place from which a text becomes a message.
func TestEchoedCredentials(t *testing.T) {
	const token = "xoxb-1234/56+78-abcdefgh"
	const path = "/services/T00000000/B00000000/abcdefghijklmnopqrstuvwx"
	status := http.StatusOK
	contentType := "application/json"
	refuses := true
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		got := strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")
		echo := fmt.Sprint(r.Header.Get("Authorization"), " ", got, " ", url.QueryEscape(got), " ", r.URL, " ",
			base64.StdEncoding.EncodeToString([]byte(got)), "\x1b[2J ", strings.Contains(string(body), token))
		h := w.Header()
		h.Set("Content-Type", contentType)
		for _, name := range []string{"Retry-After", "X-OAuth-Scopes"} {
			h[name] = []string{strings.ReplaceAll(echo, "\x1b", "")}
		}
		h["Location"] = []string{"/" + url.PathEscape(got) + r.URL.Path}
		w.WriteHeader(status)
		answer := map[string]any{
			"ok": !refuses, "team": echo, "team_id": echo, "user_id": echo, "url": "https://" + echo, "channel": echo, "ts": echo,
			"messages": []any{map[string]any{"ts": echo}}, "channels": []any{map[string]any{"id": echo, "name": "alerts"}},
			"needed": echo, "provided": echo,
			"response_metadata": map[string]any{"messages": []string{echo}},
		}
		if refuses {
			answer["error"] = echo
		}
		raw, err := json.Marshal(answer)
		if err != nil {
			t.Error(err)
		}
		if contentType != "application/json" {
			raw = []byte(echo)
		}
		_, _ = w.Write(raw)
	}))
	defer server.Close()

	forbidden := []string{
		token, "\x1b", "xoxb", url.QueryEscape(token), base64.RawStdEncoding.EncodeToString([]byte(token)), path, "abcdefghijklmnopqrstuvwx",
	}
	for _, config := range []chat.Config{{Token: token, APIURL: server.URL}, {WebhookURL: server.URL + path}} {
		for _, contentType = range []string{"application/json", "text/html", "odd/" + token} {
			for _, refuses = range []bool{true, false} {
				for _, status = range []int{200, 302, 307, 400, 401, 403, 404, 429, 500, 503} {
					for method, seen := range callEverything(t, dial(t, config)) {
						for _, secret := range forbidden {
							if strings.Contains(seen, secret) {
								t.Errorf("%s, status %d, %s: %q contains %q", method, status, contentType, seen, secret)
							}
						}
					}
				}
			}
		}
	}
}

// callEverything calls all methods of a client, and returns all that they returned as texts.
func callEverything(t *testing.T, p chat.Poster) map[string]string {
	t.Helper()
	ctx := t.Context()
	out := map[string]string{}
	record := func(method string, result any, err error) {
		out[method] = fmt.Sprintf("%+v %v", result, err)
		if f := fault.From(err); f != nil {
			out[method] += fmt.Sprintf(" %+v", *f)
		}
	}
	workspace, err := p.Probe(ctx)
	record("Probe", workspace, err)
	message := chat.Message{DeliveryID: "d", Channel: "C1", Text: "x"}
	posted, err := p.Post(ctx, message)
	record("Post", posted, err)
	updated, err := p.Update(ctx, chat.Posted{Channel: "C1", TS: "1.2"}, message)
	record("Update", updated, err)
	for _, channel := range []string{"C1", "#alerts"} {
		for _, thread := range []string{"", "1.2"} {
			found, err := p.Find(ctx, channel, thread, time.Now())
			record("Find "+channel+thread, found, err)
		}
	}
	return out
}
