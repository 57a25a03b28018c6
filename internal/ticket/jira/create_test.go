// SPDX-License-Identifier: Apache-2.0

package jira_test

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/voiceai-dev/integrations-operator/internal/fault"
	"github.com/voiceai-dev/integrations-operator/internal/ticket"
	"github.com/voiceai-dev/integrations-operator/internal/transport/transporttest"
)

var draft = ticket.Draft{
	Summary: "It is broken", Description: "h2. Details", Priority: "High", Labels: []string{"voice-ai-testing", "a"}, Marker: "defect-1",
}

const createRoute = "POST /rest/api/2/issue"

var created = answer{status: http.StatusCreated, body: `{"id":"10001","key":"VOICE-1"}`}

func TestCreateFaults(t *testing.T) {
	for name, c := range map[string]struct {
		status int
		header map[string]string
		body   string
		kind   fault.Kind
		scope  fault.Scope
		field  string
		after  time.Duration
		part   string
	}{
		"one field": {400, nil, `{"errorMessages":[],"errors":{"priority":"The priority selected is invalid."}}`,
			fault.Invalid, fault.Item, "priority", 0, "priority: The priority selected is invalid."},
		"a custom field": {400, nil, `{"errors":{"customfield_1":"Option value 'x' is not valid"}}`, fault.Invalid,
			fault.Item, "customfield_1", 0, "is not valid"},
		"two fields": {400, nil, `{"errors":{"summary":"too long","labels":"no spaces"}}`, fault.Invalid, fault.Item,
			"", 0, "labels: no spaces; summary: too long"},
		"messages": {400, nil, `{"errorMessages":["Field 'x' is required"],"errors":{}}`, fault.Invalid, fault.Item,
			"", 0, "Field 'x' is required"},
		"nested errors": {400, nil, `{"errors":{"a":{"b":"c"}}}`, fault.Invalid, fault.Item, "a", 0, `{"b":"c"}`},
		"wrong token":   {401, html, "<html>", fault.Unauthorized, fault.Connection, "", 0, "put it into the Secret"},
		"captcha": {401, map[string]string{"X-Authentication-Denied-Reason": "CAPTCHA_CHALLENGE"}, "",
			fault.Unauthorized, fault.Connection, "", 0, "CAPTCHA_CHALLENGE"},
		"no scope": {401, nil, `{"code":401,"message":"Unauthorized; scope does not match"}`,
			fault.Unauthorized, fault.Endpoint, "", 0, "lacks a scope that this call needs (401): Unauthorized; scope does not match. Create"},
		"no permission":         {403, nil, `{"errorMessages":["no right"]}`, fault.Unauthorized, fault.Item, "", 0, "no right"},
		"not found":             {404, nil, `{"errorMessages":["Issue does not exist"]}`, fault.NotFound, fault.Item, "", 0, "Issue does not exist"},
		"conflict":              {409, nil, "", fault.Ambiguous, fault.Item, "", 0, "409"},
		"too many in issue":     {413, nil, "", fault.Invalid, fault.Item, "", 0, "413"},
		"too large for a proxy": {413, html, "<html>", fault.Unavailable, fault.Item, "", 0, "(413): the answer is not JSON. Check apiURL"},
		"a proxy without Jira":  {404, plain, "default backend - 404", fault.Unavailable, fault.Item, "", 0, "(404): the answer is not JSON"},
		"no such resource":      {404, xml, "<status/>", fault.NotFound, fault.Item, "", 0, "(404): the answer is not JSON"},
		"conflict by a proxy":   {409, html, "<html>", fault.Ambiguous, fault.Item, "", 0, "409"},
		"timeout of a proxy":    {408, html, "<html>", fault.Ambiguous, fault.Item, "", 0, "408"},
		"burst": {429, map[string]string{"Retry-After": "3", "RateLimit-Reason": "jira-burst-based"}, "",
			fault.RateLimited, fault.Endpoint, "", 3 * time.Second, "rate-limiting"},
		"one issue": {429, map[string]string{"RateLimit-Reason": "jira-per-issue-on-write"}, "", fault.RateLimited,
			fault.Item, "", 0, "rate-limiting"},
		"quota": {429, map[string]string{"Retry-After": "60", "RateLimit-Reason": "jira-quota-tenant-based"}, "",
			fault.RateLimited, fault.Connection, "", time.Minute, "rate-limiting"},
		"down": {503, map[string]string{"Retry-After": "9", "Content-Type": "text/html"}, "<html>",
			fault.Ambiguous, fault.Item, "", 9 * time.Second, "the answer is not JSON"},
		"proxy timeout":   {408, nil, "", fault.Ambiguous, fault.Item, "", 0, "408"},
		"HTML":            {200, html, "<html>sign in</html>", fault.Ambiguous, fault.Item, "", 0, "not understood"},
		"empty object":    {201, nil, "{}", fault.Ambiguous, fault.Item, "", 0, "has no ID and key"},
		"truncated":       {201, nil, `{"id":"10001","key":`, fault.Ambiguous, fault.Item, "", 0, "cut off"},
		"no key":          {201, nil, `{"id":"1"}`, fault.Ambiguous, fault.Item, "", 0, "has no ID and key"},
		"no ID":           {201, nil, `{"key":"VOICE-1"}`, fault.Ambiguous, fault.Item, "", 0, "has no ID and key"},
		"path in the key": {201, nil, `{"id":"1","key":"../x-1"}`, fault.Ambiguous, fault.Item, "", 0, "has no ID and key"},
	} {
		t.Run(name, func(t *testing.T) {
			url := always(t, answer{status: c.status, header: c.header, body: c.body})
			_, err := dial(t, ticket.Config{APIURL: url, Username: "bot@example.com", Token: secret}).Create(t.Context(), draft)
			check(t, err, c.kind, c.scope, c.field, c.after, c.part)
		})
	}
}

// TestFirewall checks that a firewall's page does not lead to advice about permissions in Jira.
func TestFirewall(t *testing.T) {
	url := always(t, answer{status: 403, header: html, body: "<html>blocked</html>"})
	_, err := dial(t, ticket.Config{APIURL: url, Token: secret}).Create(t.Context(), draft)
	is(t, err, fault.Unavailable, "(403): the answer is not JSON. Check apiURL")
	if strings.Contains(err.Error(), "Grant") {
		t.Errorf("got %q, want no advice about permissions", err)
	}
}

func TestCreateWithoutAnswer(t *testing.T) {
	gone := httptest.NewServer(nil)
	gone.Close()
	hang := make(chan struct{})
	ctx, expire := transporttest.Expire(t.Context())
	silent := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		expire()
		<-hang
	}))
	t.Cleanup(func() { close(hang); silent.Close() })
	for name, c := range map[string]struct {
		ctx  context.Context
		url  string
		kind fault.Kind
		part string
	}{
		"refused": {t.Context(), gone.URL, fault.Unavailable, "could not be reached"},
		"dropped": {t.Context(), always(t, answer{drop: true}), fault.Ambiguous, "did not answer"},
		"silent":  {ctx, silent.URL, fault.Ambiguous, "no answer in time"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := dial(t, ticket.Config{APIURL: c.url, Token: secret}).Create(c.ctx, draft)
			is(t, err, c.kind, c.part)
		})
	}
}

func TestCreateBody(t *testing.T) {
	s := serve(t, map[string][]answer{"POST /ex/jira/cid/rest/api/2/issue": {created}})
	var header http.Header
	inner := s.Config.Handler
	s.Config.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		header = r.Header
		inner.ServeHTTP(w, r)
	})
	config := ticket.Config{APIURL: s.URL + "/ex/jira/cid/", SiteURL: "https://site.example.com/", Token: secret}
	made, err := dial(t, config).Create(t.Context(), draft)
	if err != nil {
		t.Fatal(err)
	}
	want := ticket.Ticket{
		Key: "VOICE-1", ID: "10001", URL: "https://site.example.com/browse/VOICE-1", Priority: "High", Markers: []string{"defect-1"},
	}
	if d := cmp.Diff(want, made); d != "" {
		t.Error(d)
	}
	if header.Get("Authorization") != "Bearer "+secret || header.Get("Accept-Language") != "en" {
		t.Errorf("%v", header)
	}
	s.expect(t, `POST /ex/jira/cid/rest/api/2/issue {"fields":{"description":"h2. Details","issuetype":{"name":"Bug"},`+
		`"labels":["voice-ai-testing","a","defect-1"],"priority":{"name":"High"},"project":{"key":"VOICE"},"summary":"It is broken"},`+
		`"properties":[{"key":"voiceai-defect","value":{"marker":"defect-1"}}]}`)
	if d := cmp.Diff([]string{"voice-ai-testing", "a"}, draft.Labels); d != "" {
		t.Errorf("the draft was changed: %s", d)
	}
}
