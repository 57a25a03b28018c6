// SPDX-License-Identifier: Apache-2.0

package sandbox

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/voiceai-dev/integrations-operator/internal/sandbox/jira"
	"github.com/voiceai-dev/integrations-operator/internal/sandbox/jira/catalog"
	"github.com/voiceai-dev/integrations-operator/internal/sandbox/jira/webhook"
)

func TestJiraControls(t *testing.T) {
	s, server := serve(t, Options{})
	must(t, server, http.MethodPost, issuePath, newIssue, http.StatusCreated)
	const control = "/_sandbox/jira/issues/VOICE-1"
	for _, c := range []struct {
		method, path, body string
		want               int
	}{
		{http.MethodPatch, control, `{"as":"oncall","summary":"new","description":"d","priority":"High",` +
			`"assignee":"tester","labels":["b","a"]}`, 204},
		{http.MethodPatch, control, `{"labels":["a b"]}`, 400},
		{http.MethodPatch, control, `{"as":"nobody","summary":"x"}`, 400},
		{http.MethodPatch, control, `{"status":"Done"}`, 400},
		{http.MethodPost, control + "/comments", `{"as":"oncall","body":"hello"}`, 204},
		{http.MethodPost, control + "/comments", `{"body":""}`, 400},
		{http.MethodPut, control + "/status", `{"status":"In Progress","as":"oncall"}`, 204},
		{http.MethodPut, control + "/project", `{"project":"OPS"}`, 204},
		{http.MethodPut, control + "/project", `{"project":"OPS"}`, 400}, // it is already in OPS and is found by its former key
		{http.MethodPut, "/_sandbox/jira", `{"workflows":{"OPS":"oneWay"},"searchLagMs":60000}`, 204},
		{http.MethodPut, control + "/status", `{"status":"Done"}`, 204},
		{http.MethodPut, control + "/status", `{"status":"To Do"}`, 400},
		{http.MethodPut, "/_sandbox/jira", `{"searchLag":1}`, 400},
		{http.MethodPut, "/_sandbox/jira", `{"searchLagMs":-1}`, 400},
	} {
		if status, text, err := send(server, c.method, c.path, c.body); err != nil || status != c.want {
			t.Errorf("%s %s %s: got %d %s %v, want %d", c.method, c.path, c.body, status, text, err, c.want)
		}
	}
	is := s.Jira().Issues()[0]
	if is.Key != "OPS-1" || is.Summary != "new" || is.Assignee != catalog.Tester ||
		!slices.Equal(is.Labels, []string{"a", "b"}) || is.Status != "Done" || is.Comments[0].Author != catalog.OnCall {
		t.Errorf("got issue %+v", is)
	}
	if got := must(t, server, http.MethodGet, "/_sandbox/jira", "",
		200); strings.TrimSpace(got) != `{"searchLagMs":60000,"maxResults":0,"ratePerSecond":0,"workflows":{"OPS":"oneWay"}}` {
		t.Errorf("got settings %s", got)
	}
	must(t, server, http.MethodDelete, control, "", http.StatusNoContent)
	must(t, server, http.MethodGet, issuePath+"/OPS-1", "", http.StatusNotFound)
}

func TestWebhookOverHTTP(t *testing.T) {
	s, server := serve(t, Options{})
	got := make(chan http.Header, 1)
	receiver := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { got <- r.Header }))
	defer receiver.Close()
	must(t, server, http.MethodPut, "/_sandbox/jira", `{"webhook":{"url":"`+receiver.URL+`","secret":"s3cret"}}`, http.StatusNoContent)
	must(t, server, http.MethodPost, issuePath, newIssue, http.StatusCreated)
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	if err := s.Jira().WaitForDeliveries(ctx); err != nil {
		t.Fatal(err)
	}
	if h := <-got; !strings.HasPrefix(h.Get("X-Hub-Signature"), "sha256=") {
		t.Errorf("got headers %v", h)
	}
	var log []webhook.Delivery
	if err := json.Unmarshal([]byte(must(t, server, http.MethodGet, "/_sandbox/jira/deliveries", "", 200)),
		&log); err != nil || len(log) != 1 || log[0].State != webhook.Delivered {
		t.Errorf("got deliveries %+v, %v", log, err)
	}
	state := must(t, server, http.MethodGet, "/_sandbox/state", "", 200)
	if !strings.Contains(state, `"deliveries":{"pending":0,"delivered":1,"failed":0,"dropped":0}`) || strings.Contains(state, "s3cret") {
		t.Errorf("got state %s", state)
	}
	if !strings.Contains(string(log[0].Body), server.URL+"/jira/rest/api/2/issue/10001") {
		t.Errorf("got body %s", log[0].Body)
	}
}

func TestTooManyRequests(t *testing.T) {
	s, server := serve(t, Options{Clock: func() time.Time { return time.Date(2026, 1, 2, 3, 0, 0, 0, time.UTC) }})
	ask := func(method, path, body string) (int, http.Header) {
		t.Helper()
		r, err := http.NewRequest(method, server.URL+path, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Authorization", "Bearer "+jira.BearerToken)
		r.Header.Set("Content-Type", "application/json")
		res, err := server.Client().Do(r)
		if err != nil {
			t.Fatal(err)
		}
		_, _ = io.Copy(io.Discard, res.Body)
		res.Body.Close()
		return res.StatusCode, res.Header
	}
	must(t, server, http.MethodPut, "/_sandbox/faults",
		`{"service":"jira","route":"POST /issue","times":1,"status":429,"headers":{"Retry-After":"30",`+
			`"RateLimit-Reason":"jira-quota-tenant-based"}}`, http.StatusNoContent)
	if status, h := ask(http.MethodPost, issuePath, newIssue); status != 429 || h.Get("Retry-After") != "30" ||
		h.Get("RateLimit-Reason") != "jira-quota-tenant-based" {
		t.Errorf("fault: got %d %v", status, h)
	}
	must(t, server, http.MethodPut, "/_sandbox/jira", `{"ratePerSecond":2}`, http.StatusNoContent)
	for i, want := range []int{201, 201, 429} {
		status, h := ask(http.MethodPost, issuePath, newIssue)
		limited := h.Get("Retry-After") == "1" && h.Get("RateLimit-Reason") == "jira-burst-based"
		if status != want || limited != (want == 429) {
			t.Errorf("call %d: %d %v", i, status, h)
		}
	}
	ask(http.MethodGet, issuePath+"/VOICE-2", "")
	ask(http.MethodGet, issuePath+"/VOICE-9", "")
	ask(http.MethodGet, "/jira/rest/api/2/search/jql?jql=project%3DVOICE", "")
	state := s.State().Jira
	want := []JiraRoute{
		{"GET /jira/rest/api/2/issue/{issue}", 1, 0, 1}, {"GET /jira/rest/api/2/search/jql", 1, 0, 0}, {"POST /jira/rest/api/2/issue", 2, 2, 0},
	}
	if !slices.Equal(state.Routes, want) {
		t.Errorf("got routes %+v, want %+v", state.Routes, want)
	}
	if c := state.Counts; c.Creates != 2 || c.Reads != 2 || c.Searches != 1 || c.RateLimited != 1 {
		t.Errorf("got counts %+v", c)
	}
}

func TestButtonsOfAnIssue(t *testing.T) {
	s, server := serve(t, Options{})
	must(t, server, http.MethodPost, issuePath, newIssue, http.StatusCreated)
	if err := s.Jira().SetWorkflow("OPS", jira.OneWay); err != nil {
		t.Fatal(err)
	}
	for i, c := range []struct {
		site, origin, key string
		form              url.Values
		want              int
		to, key2, status  string // the redirect, and the issue's key and status afterwards
	}{
		{"cross-site", "", "VOICE-1", url.Values{"action": {"delete"}}, 403, "", "VOICE-1", "To Do"},
		{"same-site", "", "VOICE-1", url.Values{"project": {"OPS"}}, 403, "", "VOICE-1", "To Do"},
		{"", "https://evil.test", "VOICE-1", url.Values{"status": {"Done"}}, 403, "", "VOICE-1", "To Do"},
		{"", "http://sandbox.test", "VOICE-1", url.Values{"status": {"In Progress"}, "from": {"issue"}}, 303,
			"/jira/browse/VOICE-1", "VOICE-1", "In Progress"},
		{"same-origin", "", "VOICE-1", url.Values{"status": {"To Do"}}, 303, "/jira/board", "VOICE-1", "To Do"},
		{"same-origin", "", "VOICE-1", url.Values{"project": {"VOICE"}}, 404, "", "VOICE-1", "To Do"},
		{"same-origin", "", "VOICE-1", url.Values{}, 404, "", "VOICE-1", "To Do"},
		{"same-origin", "", "VOICE-1", url.Values{"project": {"OPS"}}, 303, "/jira/browse/OPS-1", "OPS-1", "To Do"},
		{"same-origin", "", "VOICE-1", url.Values{"status": {"Done"}, "from": {"issue"}}, 303, "/jira/browse/OPS-1", "OPS-1", "Done"},
		{"same-origin", "", "OPS-1", url.Values{"status": {"To Do"}}, 404, "", "OPS-1", "Done"},
		{"same-origin", "", "OPS-2", url.Values{"action": {"delete"}}, 404, "", "OPS-1", "Done"},
		{"same-origin", "", "OPS-1", url.Values{"action": {"delete"}}, 303, "/jira/board", "", ""},
	} {
		r := httptest.NewRequest(http.MethodPost, "http://sandbox.test/jira/browse/"+c.key, strings.NewReader(c.form.Encode()))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		if c.site != "" {
			r.Header.Set("Sec-Fetch-Site", c.site)
		}
		if c.origin != "" {
			r.Header.Set("Origin", c.origin)
		}
		w := httptest.NewRecorder()
		s.ServeHTTP(w, r)
		var key, status string
		if all := s.Jira().Issues(); len(all) > 0 {
			key = all[0].Key
			status = all[0].Status
		}
		if w.Code != c.want || w.Header().Get("Location") != c.to || key != c.key2 || status != c.status {
			t.Errorf("button %d: %d to %q, issue %s in %s; want %+v", i, w.Code, w.Header().Get("Location"), key, status, c)
		}
	}
}

func TestShownButtons(t *testing.T) {
	s, server := serve(t, Options{})
	for range 2 {
		must(t, server, http.MethodPost, issuePath, newIssue, http.StatusCreated)
	}
	if _, err := s.Jira().MoveToProject("VOICE-1", "OPS", catalog.Tester); err != nil {
		t.Fatal(err)
	}
	if err := s.Jira().SetWorkflow("OPS", jira.OneWay); err != nil {
		t.Fatal(err)
	}
	if err := s.Jira().Transition("OPS-1", "Done", catalog.Tester); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string][]string{
		"/jira/board":          {`value="In Progress"`, `value="Done"`},
		"/jira/browse/VOICE-2": {`value="In Progress"`, `value="Done"`, `value="OPS"`, `value="delete"`},
		"/jira/browse/OPS-1":   {`value="VOICE"`, `value="delete"`},
		"/jira/browse/VOICE-1": {`value="VOICE"`, `value="delete"`}, // redirects to OPS-1
	} {
		page := must(t, server, http.MethodGet, path, "", http.StatusOK)
		var got []string
		for _, part := range strings.Split(page, "<button ")[1:] {
			got = append(got, part[strings.Index(part, "value="):strings.Index(part, ">")])
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s: got buttons %v, want %v", path, got, want)
		}
	}
}
