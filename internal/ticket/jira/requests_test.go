// SPDX-License-Identifier: Apache-2.0

package jira_test

import (
	"bytes"
	"encoding/json"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/voiceai-dev/integrations-operator/internal/sandbox"
	sandboxjira "github.com/voiceai-dev/integrations-operator/internal/sandbox/jira"
	"github.com/voiceai-dev/integrations-operator/internal/sandbox/jira/catalog"
	"github.com/voiceai-dev/integrations-operator/internal/sandbox/jira/issue"
	"github.com/voiceai-dev/integrations-operator/internal/ticket"
)

// allowed are the requests that the adapter makes, with their parameters and the members of their bodies, as
// documented at https://developer.atlassian.com/cloud/jira/platform/rest/v2/intro/ and
// https://developer.atlassian.com/server/jira/platform/rest/. Only the creation of an issue writes its fields: edits
// of people are kept.
var allowed = map[string]struct{ query, body string }{
	"GET /rest/api/2/serverInfo":                                    {},
	"GET /rest/api/2/myself":                                        {},
	"GET /rest/api/2/project/VOICE":                                 {},
	"GET /rest/api/2/issue/createmeta/VOICE/issuetypes":             {query: "maxResults startAt"},
	"GET /rest/api/2/issue/createmeta/VOICE/issuetypes/{issueType}": {query: "maxResults startAt"},
	"POST /rest/api/2/issue": {body: "fields.components[].id fields.customfield_10050 fields.customfield_10051.id fields.customfield_10052 " +
		"fields.description fields.duedate fields.environment fields.issuetype.id fields.labels[] fields.priority.name fields.project.key " +
		"fields.summary properties[].key properties[].value.marker"},
	"POST /rest/api/2/search":                    {body: "fields[] jql maxResults startAt"},
	"POST /rest/api/2/search/jql":                {body: "fields[] jql maxResults nextPageToken"},
	"GET /rest/api/2/issue/{issue}":              {query: "fields properties"},
	"GET /rest/api/2/issue/{issue}/transitions":  {query: "expand"},
	"POST /rest/api/2/issue/{issue}/transitions": {body: "transition.id"},
	"GET /rest/api/2/issue/{issue}/comment":      {query: "maxResults orderBy"},
	"POST /rest/api/2/issue/{issue}/comment":     {body: "body"},
	"POST /rest/api/2/issue/{issue}/remotelink":  {body: "globalId object.title object.url"},
	"POST /rest/api/2/issue/{issue}/attachments": {body: "file"},
}

// usage is the union of the parameters and members in each kind of request.
type usage map[string]struct{ query, body map[string]bool }

var (
	issueInPath = regexp.MustCompile(`/issue/([0-9]+|VOICE-[0-9]+)(/|$)`)
	typeInPath  = regexp.MustCompile(`/issuetypes/[0-9]+$`)
)

// add adds a request.
func (a usage) add(t *testing.T, r *http.Request, raw []byte) {
	path := issueInPath.ReplaceAllString(strings.TrimPrefix(r.URL.Path, "/jira"), "/issue/{issue}$2")
	path = typeInPath.ReplaceAllString(path, "/issuetypes/{issueType}")
	route := r.Method + " " + path
	if a[route].query == nil {
		a[route] = struct{ query, body map[string]bool }{map[string]bool{}, map[string]bool{}}
	}
	for name := range r.URL.Query() {
		a[route].query[name] = true
	}
	if len(raw) == 0 {
		return
	}
	if strings.HasPrefix(r.Header.Get("Content-Type"), "multipart/form-data;") {
		if bytes.Contains(raw, []byte(`name="file"`)) {
			a[route].body["file"] = true
		}
		return
	}
	var body any
	if err := json.Unmarshal(raw, &body); err != nil || r.Header.Get("Content-Type") != "application/json" {
		t.Errorf("%s was sent as %q: %s", route, r.Header.Get("Content-Type"), raw)
	}
	members(body, "", a[route].body)
}

// members collects the paths of the members of a JSON value.
func members(v any, at string, into map[string]bool) {
	switch v := v.(type) {
	case map[string]any:
		for name, child := range v {
			members(child, strings.TrimPrefix(at+"."+name, "."), into)
		}
	case []any:
		for _, child := range v {
			members(child, at+"[]", into)
		}
	default:
		into[at] = true
	}
}

// TestRequests makes every kind of request in the life of a ticket that a person edits meanwhile.
func TestRequests(t *testing.T) {
	all := usage{}
	for _, mode := range []sandboxjira.Mode{sandboxjira.Cloud, sandboxjira.DataCenter} {
		box := sandbox.New(sandbox.Options{JiraMode: mode})
		s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			raw, err := io.ReadAll(r.Body)
			if err != nil {
				t.Error(err)
			}
			all.add(t, r, raw)
			r.Body = io.NopCloser(bytes.NewReader(raw))
			box.ServeHTTP(w, r)
		}))
		t.Cleanup(s.Close)
		one := 1
		if err := box.Jira().Set(sandboxjira.Settings{MaxResults: &one}); err != nil { // to get several pages
			t.Fatal(err)
		}
		tr := dial(t, ticket.Config{
			APIURL: s.URL + "/jira", Username: "bot@example.com", Token: "jira-sandbox", Project: "VOICE", IssueType: "Bug",
			Fields: []ticket.Field{
				{Name: "Found by", Type: ticket.Text}, {Name: "Environment", Type: ticket.Text}, {Name: "Owning team", Type: ticket.Option},
				{Name: "Occurrences", Type: ticket.Number}, {Name: "Components", Type: ticket.MultiOption}, {Name: "Due date", Type: ticket.Date},
			},
		})
		if _, err := tr.Probe(t.Context()); err != nil {
			t.Fatal(err)
		}
		full := draft
		full.Fields = map[string]string{
			"Found by": "suite a", "Environment": "staging", "Owning team": "voice", "Occurrences": "3", "Components": "Speech,Dialogue",
			"Due date": "2026-12-01",
		}
		full.Markup = map[string]string{"Environment": "staging"}
		made, err := tr.Create(t.Context(), full)
		if err != nil || made.Omitted != nil {
			t.Fatal(made, err)
		}
		if _, err := tr.Create(t.Context(), draft); err != nil {
			t.Fatal(err)
		}
		edit := func(is *issue.Issue) {
			is.Summary = "Edited"
			is.Priority = "Low"
			is.Assignee = catalog.Tester
			is.Description = "Edited too"
			is.Labels = append(is.Labels, "mine")
		}
		if err := box.Jira().Edit(made.Key, catalog.Tester, edit); err != nil {
			t.Fatal(err)
		}
		before, _ := box.Jira().Issue(made.ID)
		for _, do := range []func() error{
			func() error { _, err := tr.Find(t.Context(), markers(2), time.Hour); return err },
			func() error { _, err := tr.Find(t.Context(), markers(1001), time.Hour); return err },
			func() error { _, err := tr.Changed(t.Context(), time.Hour); return err },
			func() error { _, err := tr.Get(t.Context(), made.ID); return err },
			func() error { _, err := tr.Get(t.Context(), made.Key); return err },
			func() error {
				_, err := tr.Move(t.Context(), made.ID, ticket.Target{Category: "indeterminate"})
				return err
			},
			func() error { return tr.Comment(t.Context(), made.ID, ticket.Comment{Ref: "r-1", Body: "It is back"}) },
			func() error { return tr.Comment(t.Context(), made.ID, ticket.Comment{Ref: "r-1", Body: "It is back"}) },
			func() error {
				return tr.Link(t.Context(), made.ID, ticket.Link{GlobalID: "defect=u1", URL: "https://example.com/u1", Title: "Defect"})
			},
			func() error { _, err := tr.Attach(t.Context(), made.ID, fileOf("hello")); return err },
			func() error { _, err := tr.Move(t.Context(), made.ID, ticket.Target{Status: "Done"}); return err },
			func() error { _, err := tr.Move(t.Context(), made.ID, ticket.Target{Category: "new"}); return err },
			func() error {
				return tr.Comment(t.Context(), made.ID, ticket.Comment{Ref: "r-2", Body: "It is back again"})
			},
			func() error { _, err := tr.Probe(t.Context()); return err },
		} {
			if err := do(); err != nil {
				t.Fatal(err)
			}
		}
		after, _ := box.Jira().Issue(made.ID)
		for _, is := range []*issue.Issue{before, after} {
			if is.Summary != "Edited" || is.Priority != "Low" || is.Assignee != catalog.Tester || is.Description != "Edited too" {
				t.Errorf("an edit is lost: %+v", is)
			}
		}
		if d := cmp.Diff(before.Labels, after.Labels); d != "" {
			t.Error(d)
		}
		if d := cmp.Diff(before.Fields, after.Fields); d != "" {
			t.Error(d)
		}
		if len(after.Comments) != 2 || len(after.RemoteLinks) != 1 {
			t.Errorf("comments %v, links %v", after.Comments, after.RemoteLinks)
		}
	}
	got := map[string]struct{ query, body string }{}
	for route, a := range all {
		got[route] = struct{ query, body string }{words(a.query), words(a.body)}
	}
	if d := cmp.Diff(allowed, got, cmp.AllowUnexported(struct{ query, body string }{})); d != "" {
		t.Errorf("requests (-allowed +made):\n%s", d)
	}
}

// words returns the elements of a set, sorted.
func words(set map[string]bool) string {
	return strings.Join(slices.Sorted(maps.Keys(set)), " ")
}
