// SPDX-License-Identifier: Apache-2.0

package sandbox

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/voiceai-dev/integrations-operator/internal/sandbox/jira"
	"github.com/voiceai-dev/integrations-operator/internal/sandbox/slack"
)

func serve(t *testing.T, o Options) (*Sandbox, *httptest.Server) {
	t.Helper()
	s := New(o)
	server := httptest.NewServer(s)
	t.Cleanup(server.Close)
	return s, server
}

// send sends JSON with an Authorization header that every service accepts.
func send(server *httptest.Server, method, path, body string) (int, string, error) {
	r, err := http.NewRequest(method, server.URL+path, strings.NewReader(body))
	if err != nil {
		return 0, "", err
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Authorization", "Bearer "+jira.BearerToken)
	if strings.HasPrefix(path, "/api/") {
		r.Header.Set("Authorization", "Bearer "+slack.BotToken)
	}
	res, err := server.Client().Do(r)
	if err != nil {
		return 0, "", err
	}
	defer res.Body.Close()
	raw, err := io.ReadAll(res.Body)
	return res.StatusCode, string(raw), err
}

func must(t *testing.T, server *httptest.Server, method, path, body string, want int) string {
	t.Helper()
	status, text, err := send(server, method, path, body)
	if err != nil || status != want {
		t.Fatalf("%s %s: %d %s %v, want %d", method, path, status, text, err, want)
	}
	return text
}

const (
	newIssue   = `{"fields":{"project":{"key":"VOICE"},"issuetype":{"name":"Bug"},"summary":"s"}}`
	newMessage = `{"channel":"C0ALERTS","text":"x"}`
	issuePath  = "/jira/rest/api/2/issue"
	postPath   = "/api/chat.postMessage"
)

func TestFaults(t *testing.T) {
	for name, c := range map[string]struct {
		fault    string
		path     string
		body     string
		status   int // 0 for a dropped connection
		text     string
		accepted int
	}{
		"status": {`{"service":"jira","status":503}`, issuePath, newIssue, 503, "", 0},
		"status and body": {`{"service":"webhook","status":500,"body":"rollup_error"}`, slack.WebhookPath, `{"text":"x"}`,
			500, "rollup_error", 0},
		"body only":          {`{"service":"slack","body":"<html>"}`, postPath, newMessage, 200, "<html>", 0},
		"accepted, then 5xx": {`{"service":"jira","status":502,"accept":true}`, issuePath, newIssue, 502, "", 1},
		"dropped before":     {`{"service":"jira","drop":"before"}`, issuePath, newIssue, 0, "", 0},
		"dropped after":      {`{"service":"jira","drop":"after"}`, issuePath, newIssue, 0, "", 1},
		"Slack drops after":  {`{"service":"slack","drop":"after"}`, postPath, newMessage, 0, "", 1},
		"delay":              {`{"service":"jira","delayMs":1}`, issuePath, newIssue, 201, `"VOICE-1"`, 1},
		"late answer":        {`{"service":"jira","delayMs":1,"accept":true}`, issuePath, newIssue, 201, `"VOICE-1"`, 1},
		"other service":      {`{"service":"slack","status":500}`, issuePath, newIssue, 201, `"VOICE-1"`, 1},
		"other route":        {`{"service":"jira","route":"POST /search/jql","status":500}`, issuePath, newIssue, 201, `"VOICE-1"`, 1},
		"other method":       {`{"service":"jira","route":"GET /issue","status":500}`, issuePath, newIssue, 201, `"VOICE-1"`, 1},
		"this route":         {`{"service":"jira","route":"POST /rest/api/2/issue","status":500}`, issuePath, newIssue, 500, "", 0},
		"any segment":        {`{"service":"jira","route":"api/*/issue","status":500}`, issuePath, newIssue, 500, "", 0},
	} {
		t.Run(name, func(t *testing.T) {
			s, server := serve(t, Options{})
			must(t, server, http.MethodPut, "/_sandbox/faults", c.fault, http.StatusNoContent)
			status, text, err := send(server, http.MethodPost, c.path, c.body)
			if (err != nil) != (c.status == 0) || status != c.status || !strings.Contains(text, c.text) {
				t.Errorf("got %d %q %v, want %d with %q", status, text, err, c.status, c.text)
			}
			got := len(s.Jira().Issues()) + len(s.Slack().Messages(slack.AlertsChannel))
			if got != c.accepted {
				t.Errorf("%d accepted, want %d", got, c.accepted)
			}
			var counted int
			for r, n := range s.Requests() {
				if r.Status == c.status {
					counted += n
				}
			}
			if counted != 1 {
				t.Errorf("counted %v", s.Requests())
			}
		})
	}
}

// TestClearedDelay checks that a request whose answer is delayed goes on when the faults are cleared.
func TestClearedDelay(t *testing.T) {
	s, server := serve(t, Options{})
	must(t, server, http.MethodPut, "/_sandbox/faults", `{"service":"jira","delayMs":600000,"times":1}`, http.StatusNoContent)
	answered := make(chan int, 1)
	go func() {
		status, _, _ := send(server, http.MethodPost, issuePath, newIssue)
		answered <- status
	}()
	for len(s.Faults().List()) > 0 { // until the request waits
		runtime.Gosched()
	}
	must(t, server, http.MethodDelete, "/_sandbox/faults", "", http.StatusNoContent)
	if status := <-answered; status != http.StatusCreated {
		t.Errorf("got %d", status)
	}
}

func TestFaultsLifecycle(t *testing.T) {
	_, server := serve(t, Options{})
	rate := `{"service":"slack","status":429,"times":2,"headers":{"Retry-After":"7"},"body":"{\"ok\":false,\"error\":\"ratelimited\"}"}`
	must(t, server, http.MethodPut, "/_sandbox/faults", "["+rate+`,{"service":"slack","status":500}]`, http.StatusNoContent)
	must(t, server, http.MethodPost, "/_sandbox/faults", `{"service":"webhook","status":404}`, http.StatusNoContent)
	var list []Fault
	if err := json.Unmarshal([]byte(must(t, server, http.MethodGet, "/_sandbox/faults", "", 200)), &list); err != nil || len(list) != 3 {
		t.Fatalf("got faults %+v, %v", list, err)
	}
	for i, want := range []int{429, 429, 500, 500} {
		res, err := server.Client().Post(server.URL+postPath, "application/json", strings.NewReader(newMessage))
		if err != nil {
			t.Fatal(err)
		}
		res.Body.Close()
		if res.StatusCode != want || (res.Header.Get("Retry-After") == "7") != (want == 429) {
			t.Errorf("call %d: %d, Retry-After %q", i, res.StatusCode, res.Header.Get("Retry-After"))
		}
	}
	for _, bad := range []string{
		`{`, `{}`, `{"service":"mail","status":500}`, `{"service":"jira"}`, `{"service":"jira","status":99}`, `{"service":"jira","drop":"now"}`,
		`{"service":"jira","delayMs":-1}`, `{"service":"jira","status":500,"route":"["}`, `{"service":"jira","status":500,"times":-1}`,
	} {
		must(t, server, http.MethodPut, "/_sandbox/faults", bad, http.StatusBadRequest)
	}
	must(t, server, http.MethodDelete, "/_sandbox/faults", "", http.StatusNoContent)
	must(t, server, http.MethodPost, postPath, newMessage, http.StatusOK)
}

func TestControls(t *testing.T) {
	s, server := serve(t, Options{})
	must(t, server, http.MethodPost, issuePath, newIssue, http.StatusCreated)
	must(t, server, http.MethodPost, postPath, newMessage, http.StatusOK)
	must(t, server, http.MethodPut, "/_sandbox/jira/issues/VOICE-1/status", `{"status":"Done"}`, http.StatusNoContent)
	must(t, server, http.MethodPut, "/_sandbox/jira/issues/VOICE-1/status", `{"status":"x"}`, http.StatusBadRequest)
	must(t, server, http.MethodPut, "/_sandbox/slack/channels/C1", `{"name":"new","member":true}`, http.StatusNoContent)
	must(t, server, http.MethodPut, "/_sandbox/slack/channels/C2", `{"name":"new"}`, http.StatusBadRequest)
	var state State
	if err := json.Unmarshal([]byte(must(t, server, http.MethodGet, "/_sandbox/state", "", 200)), &state); err != nil {
		t.Fatal(err)
	}
	if len(state.Slack.Channels) != 6 || state.Slack.Channels[0].Messages[0].Text != "x" || state.Jira.Issues[0].Status != "Done" {
		t.Errorf("got state %+v", state)
	}
	if want := (Request{Jira, "POST " + issuePath, 201}); s.Requests()[want] != 1 || len(state.Requests) != 2 {
		t.Errorf("got requests %v", s.Requests())
	}
	for _, c := range []struct {
		credential, path, body string
		want                   int
		text                   string
	}{
		{`{"service":"slack","token":"xoxb-sandbox","state":"revoked"}`, postPath, newMessage, 200, "token_revoked"},
		{`{"service":"slack","token":"xoxb-sandbox","state":"valid","scopes":[]}`, postPath, newMessage, 200, "missing_scope"},
		{`{"service":"jira","token":"pat-sandbox","state":"revoked"}`, issuePath, newIssue, 401, "Client must be authenticated"},
		{`{"service":"jira","token":"pat-sandbox","state":"forbidden"}`, issuePath, newIssue, 403, "permission"},
		{`{"service":"webhook","token":"` + slack.WebhookPath + `","state":"revoked"}`, slack.WebhookPath, `{"text":"x"}`, 404, "no_service"},
	} {
		must(t, server, http.MethodPut, "/_sandbox/credentials", c.credential, http.StatusNoContent)
		if text := must(t, server, http.MethodPost, c.path, c.body, c.want); !strings.Contains(text, c.text) {
			t.Errorf("%s: got %s", c.credential, text)
		}
	}
	for _, bad := range []string{`{}`, `{"service":"jira","token":"x","state":"inactive"}`,
		`{"service":"slack","token":"","state":"valid"}`, `{"service":"webhook","token":"/x","state":"valid"}`} {
		must(t, server, http.MethodPut, "/_sandbox/credentials", bad, http.StatusBadRequest)
	}
	must(t, server, http.MethodDelete, "/_sandbox/jira/issues/VOICE-1", "", http.StatusNoContent)
	must(t, server, http.MethodDelete, "/_sandbox/jira/issues/VOICE-1", "", http.StatusNotFound)
	must(t, server, http.MethodDelete, "/_sandbox/state", "", http.StatusNoContent)
	if len(s.Slack().Messages(slack.AlertsChannel)) != 0 || len(s.Requests()) != 0 {
		t.Error("the state is not empty after a reset")
	}
	must(t, server, http.MethodPost, issuePath, newIssue, http.StatusCreated)
}

func TestBodyTooLarge(t *testing.T) {
	s, server := serve(t, Options{})
	huge := `{"text":"` + strings.Repeat("x", maxBody) + `"}`
	for _, path := range []string{slack.WebhookPath, postPath, issuePath} {
		// The server may also close the connection while the client is sending.
		if status, _, err := send(server, http.MethodPost, path, huge); err == nil && status != http.StatusRequestEntityTooLarge {
			t.Errorf("%s: %d", path, status)
		}
	}
	if s.Slack().Counts().Posts+s.Slack().Counts().WebhookPosts+s.Jira().Counts().Creates != 0 {
		t.Error("a call was accepted")
	}
}

func TestConcurrentCalls(t *testing.T) {
	s, server := serve(t, Options{Latency: 50 * time.Millisecond})
	transport := server.Client().Transport.(*http.Transport)
	transport.MaxConnsPerHost = 200
	transport.MaxIdleConnsPerHost = 200
	var group sync.WaitGroup
	problems := make(chan string, 1000)
	for i := range 1000 {
		group.Go(func() {
			call := struct {
				path, body string
				want       int
			}{issuePath, newIssue, http.StatusCreated}
			if i%4 == 0 {
				call.path = postPath
				call.body = newMessage
				call.want = http.StatusOK
			}
			if status, text, err := send(server, http.MethodPost, call.path, call.body); err != nil || status != call.want {
				problems <- fmt.Sprintf("%d %s %v", status, text, err)
			}
		})
	}
	group.Wait()
	close(problems)
	for p := range problems {
		t.Error(p)
	}
	keys := map[string]bool{}
	stamps := map[string]bool{}
	for _, is := range s.Jira().Issues() {
		keys[is.Key] = true
	}
	for _, m := range s.Slack().Messages(slack.AlertsChannel) {
		stamps[m.TS] = true
	}
	if len(keys) != 750 || len(stamps) != 250 {
		t.Errorf("%d keys and %d timestamps, want 750 and 250", len(keys), len(stamps))
	}
}

const hostile = `<script>alert("x")</script><img src=x onerror=alert(1)> <javascript:alert(1)|go> "><b>`

func TestPagesAreSafe(t *testing.T) {
	s, server := serve(t, Options{})
	text, err := json.Marshal(hostile + " <!channel>")
	if err != nil {
		t.Fatal(err)
	}
	q := string(text)
	summary, _ := json.Marshal(hostile)
	must(t, server, http.MethodPost, postPath, `{"channel":"C0ALERTS","text":`+q+`,"attachments":[{"color":"\"><script>","blocks":[
		{"type":"header","text":{"type":"plain_text","text":`+q+`}},{"type":"section","fields":[{"type":"mrkdwn","text":`+q+`}]},
		{"type":"context","elements":[{"type":"mrkdwn","text":`+q+`}]},
		{"type":"actions","elements":[{"type":"button","url":"javascript:alert(1)","text":{"type":"plain_text","text":"<b>"}}]}]}]}`, 200)
	must(t, server, http.MethodPost, issuePath, `{"fields":{"project":{"key":"VOICE"},"issuetype":{"name":"Bug"},`+
		`"summary":`+string(summary)+`,"labels":["<script>"],
		"description":`+q+`},"properties":[{"key":"<script>","value":"<script>"}]}`, http.StatusCreated)
	must(t, server, http.MethodPost, issuePath+"/VOICE-1/comment", `{"body":`+q+`}`, http.StatusCreated)
	if got := s.Slack().Messages(slack.AlertsChannel)[0].Pings; len(got) == 0 {
		t.Error("the ping was not recorded")
	}
	for path, want := range map[string]string{
		"/":                    `href="/slack/C0ALERTS"`,
		"/slack/C0ALERTS":      `<span class="ping">@channel</span>`,
		"/slack/C0OLD":         "No messages yet.",
		"/jira/board":          "VOICE-1",
		"/jira/browse/VOICE-1": "&lt;script&gt;",
	} {
		res, err := server.Client().Get(server.URL + path)
		if err != nil {
			t.Fatal(err)
		}
		raw, err := io.ReadAll(res.Body)
		res.Body.Close()
		if err != nil || res.StatusCode != http.StatusOK || !bytes.Contains(raw, []byte(want)) {
			t.Errorf("%s: %d %v without %q", path, res.StatusCode, err, want)
		}
		if res.Header.Get("Content-Security-Policy") != policy {
			t.Errorf("%s: got policy %q", path, res.Header.Get("Content-Security-Policy"))
		}
		// With no-referrer, a browser sends "Origin: null", and over plain HTTP no header that shows the origin of a form.
		if got := res.Header.Get("Referrer-Policy"); got != "same-origin" {
			t.Errorf("%s: got referrer policy %q", path, got)
		}
		for _, bad := range []string{"<script", "<img", `"javascript:`, `"><b>`, "ZgotmplZ"} {
			if bytes.Contains(raw, []byte(bad)) {
				t.Errorf("%s contains %q", path, bad)
			}
		}
	}
	for _, path := range []string{"/slack/nowhere", "/jira/browse/VOICE-9"} {
		must(t, server, http.MethodGet, path, "", http.StatusNotFound)
	}
	if css := must(t, server, http.MethodGet, "/assets/style.css", "", 200); !strings.Contains(css, ".message") {
		t.Error("the style sheet is missing")
	}
}

func TestMoveButton(t *testing.T) {
	s, server := serve(t, Options{})
	must(t, server, http.MethodPost, issuePath, newIssue, http.StatusCreated)
	push := func(site, status string) int {
		r := httptest.NewRequest(http.MethodPost, "/jira/browse/VOICE-1", strings.NewReader(url.Values{"status": {status}}.Encode()))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.Header.Set("Sec-Fetch-Site", site)
		w := httptest.NewRecorder()
		s.ServeHTTP(w, r)
		return w.Code
	}
	if got := push("cross-site", "Done"); got != http.StatusForbidden || s.Jira().Issues()[0].Status != "To Do" {
		t.Errorf("from another site: %d, status %s", got, s.Jira().Issues()[0].Status)
	}
	if got := push("same-origin", "Done"); got != http.StatusSeeOther || s.Jira().Issues()[0].Status != "Done" {
		t.Errorf("from the same site: %d, status %s", got, s.Jira().Issues()[0].Status)
	}
	if got := push("same-origin", "Lost"); got != http.StatusNotFound {
		t.Errorf("to an unknown status: %d", got)
	}
}
