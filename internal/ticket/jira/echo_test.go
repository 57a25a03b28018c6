// SPDX-License-Identifier: Apache-2.0

package jira_test

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

	"github.com/voiceai-dev/integrations-operator/internal/fault"
	"github.com/voiceai-dev/integrations-operator/internal/ticket"
)

// TestEchoedCredentials calls every method of a client of a server that repeats what it received, in every place from
// which a text becomes a message.
func TestEchoedCredentials(t *testing.T) {
	const username = "bot@example.com"
	const token = `tok/en+"with<odd>&signs`
	status := http.StatusOK
	contentType := "application/json"
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		authorization := r.Header.Get("Authorization")
		got, ok := strings.CutPrefix(authorization, "Bearer ")
		if !ok {
			_, got, _ = r.BasicAuth()
		}
		echo := fmt.Sprint(authorization, " ", got, " ", url.QueryEscape(got), " ", url.PathEscape(got), "\x1b[2J")
		h := w.Header()
		h.Set("Content-Type", contentType)
		for _, name := range []string{"X-Authentication-Denied-Reason", "RateLimit-Reason", "Retry-After"} {
			h[name] = []string{strings.ReplaceAll(echo, "\x1b", "")}
		}
		h["Location"] = []string{"https://moved.example.com/" + url.PathEscape(got) + r.URL.Path}
		w.WriteHeader(status)
		body, err := json.Marshal(map[string]any{
			"message": echo, "errorMessages": []string{echo}, "errors": map[string]any{echo: echo, "summary": echo},
			"version": echo, "deploymentType": "Server", "baseUrl": echo, "name": echo, "displayName": echo, "key": "VOICE-1", "id": "1",
			"issueTypes": []any{map[string]any{"id": "1", "name": echo}}, "transitions": []any{map[string]any{"id": "1", "name": echo,
				"to": map[string]any{"name": echo}}}, "comments": []any{map[string]any{"body": echo}}, "total": 1,
			"issues": []any{map[string]any{"id": "1", "key": "VOICE-1", "fields": map[string]any{"status": map[string]any{"name": echo},
				"assignee": map[string]any{"displayName": echo}, "labels": []string{"defect-" + echo}}}},
			"fields": map[string]any{"status": map[string]any{"name": echo}},
		})
		if err != nil {
			t.Error(err)
		}
		if contentType != "application/json" {
			body = []byte(echo)
		}
		_, _ = w.Write(body)
	}))
	defer server.Close()

	forbidden := []string{
		token, "\x1b", "tok/en", url.QueryEscape(token), url.PathEscape(token), base64.StdEncoding.EncodeToString([]byte(token))[:20],
		base64.StdEncoding.EncodeToString([]byte(username + ":" + token)),
	}
	for _, config := range []ticket.Config{{Token: token}, {Token: token, Username: username}} {
		for _, contentType = range []string{"application/json", "text/html"} {
			for _, status = range []int{200, 201, 301, 302, 307, 400, 401, 403, 404, 409, 429, 500, 503} {
				config.APIURL = server.URL
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

// callEverything calls all methods of a client, and returns all that they returned as texts.
func callEverything(t *testing.T, tr ticket.Tracker) map[string]string {
	t.Helper()
	ctx := t.Context()
	out := map[string]string{}
	record := func(method string, result any, err error) {
		out[method] = fmt.Sprintf("%+v %v", result, err)
		if f := fault.From(err); f != nil {
			out[method] += fmt.Sprintf(" %+v", *f)
		}
	}
	project, err := tr.Probe(ctx)
	record("Probe", project, err)
	created, err := tr.Create(ctx, ticket.Draft{Summary: "x", Marker: "defect-1"})
	record("Create", created, err)
	found, err := tr.Find(ctx, []string{"defect-1"}, time.Hour)
	record("Find", found, err)
	changed, err := tr.Changed(ctx, time.Hour)
	record("Changed", changed, err)
	open, err := tr.Open(ctx, time.Hour)
	record("Open", open, err)
	got, err := tr.Get(ctx, "1")
	record("Get", got, err)
	moved, err := tr.Move(ctx, "1", ticket.Target{Status: "Done"})
	record("Move", moved, err)
	record("Comment", nil, tr.Comment(ctx, "1", ticket.Comment{Body: "x", Ref: "r"}))
	record("Link", nil, tr.Link(ctx, "1", ticket.Link{GlobalID: "g", URL: "https://example.com", Title: "t"}))
	return out
}

// TestMalformedAnswersWithCredentials covers errors that net/http makes of an answer.
func TestMalformedAnswersWithCredentials(t *testing.T) {
	for name, answer := range map[string]string{
		"no HTTP":      secret + "\r\n\r\n",
		"status line":  "HTTP/1.1 " + secret + " OK\r\n\r\n",
		"header line":  "HTTP/1.1 200 OK\r\n" + secret + "\r\n\r\n",
		"length":       "HTTP/1.1 200 OK\r\nContent-Length: " + secret + "\r\n\r\n",
		"encoding":     "HTTP/1.1 200 OK\r\nTransfer-Encoding: " + secret + "\r\n\r\n",
		"chunk length": "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + secret + "\r\n",
		"location":     "HTTP/1.1 302 Found\r\nContent-Length: 0\r\nLocation: http://[" + secret + "\r\n\r\n",
	} {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			c, _, err := w.(http.Hijacker).Hijack()
			if err != nil {
				t.Error(err)
				return
			}
			_, _ = io.WriteString(c, answer)
			_ = c.Close()
		}))
		_, err := dial(t, ticket.Config{APIURL: server.URL, Token: secret}).Probe(t.Context())
		server.Close()
		if err == nil || strings.Contains(fmt.Sprintf("%v %+v", err, *fault.From(err)), secret) {
			t.Errorf("%s: got the error %v", name, err)
		}
	}
}
