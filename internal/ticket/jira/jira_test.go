package jira_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/voiceai-dev/integrations-operator/internal/fault"
	"github.com/voiceai-dev/integrations-operator/internal/sandbox"
	sandboxjira "github.com/voiceai-dev/integrations-operator/internal/sandbox/jira"
	"github.com/voiceai-dev/integrations-operator/internal/ticket"
	"github.com/voiceai-dev/integrations-operator/internal/ticket/jira"
)

const secret = "very-secret-token"

var draft = ticket.Draft{Summary: "It is broken", Description: "h2. Details", Priority: "High", Labels: []string{"a", "defect-1"}, Marker: "defect-1"}

func dial(t *testing.T, c ticket.Config) ticket.Tracker {
	t.Helper()
	if c.Project == "" {
		c.Project, c.IssueType = "VOICE", "Bug"
	}
	tr, err := jira.New(c)
	if err != nil {
		t.Fatal(err)
	}
	return tr
}

func answering(t *testing.T, status int, header map[string]string, body string) ticket.Tracker {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json;charset=UTF-8")
		for k, v := range header {
			w.Header().Set(k, v)
		}
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}))
	t.Cleanup(s.Close)
	return dial(t, ticket.Config{APIURL: s.URL, Username: "bot@example.com", Token: secret})
}

func check(t *testing.T, err error, kind fault.Kind, scope fault.Scope, field string, after time.Duration, says string) {
	t.Helper()
	f := fault.From(err)
	if f == nil {
		t.Fatal("it succeeded")
	}
	if f.Kind != kind || f.Scope != scope || f.Field != field || f.RetryAfter != after || !strings.Contains(f.Error(), says) {
		t.Errorf("%v, scope %d, field %q, after %s: %q; want %v, scope %d, field %q, after %s, with %q",
			f.Kind, f.Scope, f.Field, f.RetryAfter, f.Error(), kind, scope, field, after, says)
	}
	if strings.Contains(f.Error(), secret) {
		t.Errorf("the error holds the secret: %q", f.Error())
	}
}

func TestCreateFaults(t *testing.T) {
	html := map[string]string{"Content-Type": "text/html"}
	for name, c := range map[string]struct {
		status int
		header map[string]string
		body   string
		kind   fault.Kind
		scope  fault.Scope
		field  string
		after  time.Duration
		says   string
	}{
		"one field":          {400, nil, `{"errorMessages":[],"errors":{"priority":"The priority selected is invalid."}}`, fault.Invalid, fault.Item, "priority", 0, "priority: The priority selected is invalid."},
		"two fields":         {400, nil, `{"errors":{"summary":"too long","labels":"no spaces"}}`, fault.Invalid, fault.Item, "", 0, "labels: no spaces; summary: too long"},
		"messages":           {400, nil, `{"errorMessages":["Field 'x' is required"],"errors":{}}`, fault.Invalid, fault.Item, "", 0, "Field 'x' is required"},
		"nested errors":      {400, nil, `{"errors":{"a":{"b":"c"}}}`, fault.Invalid, fault.Item, "a", 0, `{"b":"c"}`},
		"wrong token":        {401, html, "<html>", fault.Unauthorized, fault.Connection, "", 0, "put it into the Secret"},
		"captcha":            {401, map[string]string{"X-Authentication-Denied-Reason": "CAPTCHA_CHALLENGE"}, "", fault.Unauthorized, fault.Connection, "", 0, "CAPTCHA_CHALLENGE"},
		"no permission":      {403, nil, `{"errorMessages":["no right"]}`, fault.Unauthorized, fault.Item, "", 0, "no right"},
		"not found":          {404, nil, `{"errorMessages":["Issue does not exist"]}`, fault.NotFound, fault.Item, "", 0, "Issue does not exist"},
		"conflict":           {409, nil, "", fault.Conflict, fault.Item, "", 0, "409"},
		"too many in issue":  {413, nil, "", fault.Invalid, fault.Item, "", 0, "413"},
		"burst":              {429, map[string]string{"Retry-After": "3", "RateLimit-Reason": "jira-burst-based"}, "", fault.RateLimited, fault.Endpoint, "", 3 * time.Second, "wait"},
		"one issue":          {429, map[string]string{"RateLimit-Reason": "jira-per-issue-on-write"}, "", fault.RateLimited, fault.Item, "", 0, "wait"},
		"quota":              {429, map[string]string{"Retry-After": "60", "RateLimit-Reason": "jira-quota-tenant-based"}, "", fault.RateLimited, fault.Connection, "", time.Minute, "wait"},
		"down":               {503, map[string]string{"Retry-After": "9", "Content-Type": "text/html"}, "<html>", fault.Ambiguous, fault.Item, "", 9 * time.Second, "a page instead of JSON"},
		"timeout of a proxy": {408, nil, "", fault.Ambiguous, fault.Item, "", 0, "408"},
		"a page":             {200, html, "<html>sign in</html>", fault.Ambiguous, fault.Item, "", 0, "not understood"},
		"no key":             {201, nil, `{"id":"1"}`, fault.Ambiguous, fault.Item, "", 0, "without its key"},
		"a key with a path":  {201, nil, `{"key":"../x-1"}`, fault.Ambiguous, fault.Item, "", 0, "without its key"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := answering(t, c.status, c.header, c.body).Create(t.Context(), draft)
			check(t, err, c.kind, c.scope, c.field, c.after, c.says)
		})
	}
}

func TestReadsAreNeverAmbiguous(t *testing.T) {
	for _, status := range []int{408, 500, 503} {
		_, err := answering(t, status, nil, "").Get(t.Context(), "VOICE-1")
		check(t, err, fault.Unavailable, fault.Item, "", 0, fmt.Sprint(status))
	}
	for _, key := range []string{"", "voice-1", "VOICE-1/../x", "VOICE-1?x=y"} {
		_, err := answering(t, 200, nil, "{}").Get(t.Context(), key)
		check(t, err, fault.Invalid, fault.Item, "", 0, "is not the key of an issue")
	}
}

func TestWithoutAnAnswer(t *testing.T) {
	gone := httptest.NewServer(nil)
	gone.Close()
	dropping := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		panic(http.ErrAbortHandler)
	}))
	t.Cleanup(dropping.Close)
	hang := make(chan struct{})
	silent := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-hang }))
	t.Cleanup(func() { close(hang); silent.Close() })
	for name, c := range map[string]struct {
		url  string
		kind fault.Kind
		says string
	}{
		"refused": {gone.URL, fault.Unavailable, "could not be reached"},
		"dropped": {dropping.URL, fault.Ambiguous, "did not answer"},
		"silent":  {silent.URL, fault.Ambiguous, "no answer in time"},
	} {
		t.Run(name, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
			defer cancel()
			_, err := dial(t, ticket.Config{APIURL: c.url, Token: secret}).Create(ctx, draft)
			check(t, err, c.kind, fault.Item, "", 0, c.says)
		})
	}
}

func TestCredentialsStayWithTheHost(t *testing.T) {
	other := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		t.Errorf("the other host was asked for %s with %q", r.URL, r.Header.Get("Authorization"))
	}))
	t.Cleanup(other.Close)
	s := httptest.NewServer(http.RedirectHandler(other.URL, http.StatusTemporaryRedirect))
	t.Cleanup(s.Close)
	_, err := dial(t, ticket.Config{APIURL: s.URL, Token: secret}).Get(t.Context(), "VOICE-1")
	check(t, err, fault.Unavailable, fault.Item, "", 0, "redirected to another host")
}

func TestCreateBody(t *testing.T) {
	var got map[string]any
	var header http.Header
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		header = r.Header
		if err := json.NewDecoder(r.Body).Decode(&got); err != nil {
			t.Error(err)
		}
		w.WriteHeader(http.StatusCreated)
		_, _ = io.WriteString(w, `{"id":"10001","key":"VOICE-1"}`)
	}))
	t.Cleanup(s.Close)
	made, err := dial(t, ticket.Config{APIURL: s.URL + "/ex/jira/cid/", SiteURL: "https://site.example.com/", Token: secret}).Create(t.Context(), draft)
	if err != nil {
		t.Fatal(err)
	}
	if want := (ticket.Ticket{Key: "VOICE-1", ID: "10001", URL: "https://site.example.com/browse/VOICE-1"}); made != want {
		t.Errorf("%+v, want %+v", made, want)
	}
	if header.Get("Authorization") != "Bearer "+secret || header.Get("Accept-Language") != "en" {
		t.Errorf("%v", header)
	}
	want := map[string]any{
		"fields": map[string]any{
			"project": map[string]any{"key": "VOICE"}, "issuetype": map[string]any{"name": "Bug"}, "summary": "It is broken",
			"description": "h2. Details", "labels": []any{"a", "defect-1"}, "priority": map[string]any{"name": "High"},
		},
		"properties": []any{map[string]any{"key": "voiceai-defect", "value": map[string]any{"marker": "defect-1"}}},
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}

// TestAgainstTheSandbox does what the operator does, with both kinds of Jira.
func TestAgainstTheSandbox(t *testing.T) {
	for mode, deployment := range map[sandboxjira.Mode]ticket.Deployment{sandboxjira.Cloud: ticket.Cloud, sandboxjira.DataCenter: ticket.DataCenter} {
		t.Run(string(mode), func(t *testing.T) {
			s := httptest.NewServer(sandbox.New(sandbox.Options{JiraMode: mode}))
			t.Cleanup(s.Close)
			config := ticket.Config{APIURL: s.URL + "/jira", Username: "bot@example.com", Token: "jira-sandbox"}
			tr := dial(t, config)
			p, err := tr.Probe(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if p.Deployment != deployment || p.Account == "" || p.AccountID == "" || len(p.Priorities) != 5 {
				t.Errorf("%+v", p)
			}
			made, err := tr.Create(t.Context(), draft)
			if err != nil {
				t.Fatal(err)
			}
			read, err := tr.Get(t.Context(), made.Key)
			if err != nil || read.StatusCategory != "new" || read.Created.IsZero() {
				t.Errorf("%+v, %v", read, err)
			}
			second, err := tr.Create(t.Context(), draft)
			if err != nil {
				t.Fatal(err)
			}
			found, err := tr.Find(t.Context(), []string{"defect-1", "defect-2"})
			if err != nil || len(found) != 1 || found["defect-1"].Key != made.Key {
				t.Errorf("found %+v, %v; want the older of %s and %s", found, err, made.Key, second.Key)
			}

			config.Token = "wrong"
			_, err = dial(t, config).Probe(t.Context())
			check(t, err, fault.Unauthorized, fault.Connection, "", 0, "refused the credentials")
			config.Token, config.Project, config.IssueType = "jira-sandbox", "NOPE", "Bug"
			_, err = dial(t, config).Probe(t.Context())
			check(t, err, fault.NotFound, fault.Connection, "", 0, `project "NOPE" does not exist`)
			config.Project, config.IssueType = "VOICE", "Saga"
			_, err = dial(t, config).Probe(t.Context())
			check(t, err, fault.NotFound, fault.Connection, "issuetype", 0, `no issue type "Saga"`)
		})
	}
}
