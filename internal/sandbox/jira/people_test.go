// SPDX-License-Identifier: Apache-2.0

package jira

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/voiceai-dev/integrations-operator/internal/sandbox/jira/catalog"
	"github.com/voiceai-dev/integrations-operator/internal/sandbox/jira/issue"
)

func TestEditByPerson(t *testing.T) {
	s := New(Options{})
	ask(t, s, http.MethodPost, "/issue", issueBody("labels", `["a","b"]`))
	before := s.Issues()[0]
	if err := s.Edit("voice-1", catalog.OnCall, func(is *issue.Issue) {
		is.Summary = "new"
		is.Description = "text"
		is.Priority = "high"
		is.Assignee = catalog.Tester
		is.Status = "Done"
		is.Key = "X-1"
		is.Labels[0] = "c"
	}); err != nil {
		t.Fatal(err)
	}
	is := s.Issues()[0]
	if is.Summary != "new" || is.Description != "text" || is.Priority != "High" || is.Assignee != catalog.Tester ||
		!slices.Equal(is.Labels, []string{"b", "c"}) {
		t.Errorf("after the edit: %+v", is)
	}
	if is.Status != "To Do" || is.Key != "VOICE-1" || !slices.Equal(before.Labels, []string{"a", "b"}) || s.Counts().Edits != 0 {
		t.Errorf("after the edit: %+v, before: %+v", is, before)
	}
	for name, c := range map[string]struct {
		key, as string
		edit    func(*issue.Issue)
		want    string
	}{
		"no issue": {"VOICE-9", catalog.Tester, func(*issue.Issue) {}, `issue "VOICE-9" does not exist`},
		"no user":  {"VOICE-1", "nobody", func(*issue.Issue) {}, `user "nobody" does not exist`},
		"summary":  {"VOICE-1", catalog.Tester, func(is *issue.Issue) { is.Summary = "" }, "issue VOICE-1: summary: You must specify a summary of the issue."},
		"labels": {"VOICE-1", catalog.Tester, func(is *issue.Issue) { is.Labels = []string{"a b"} },
			"issue VOICE-1: labels: The label 'a b' contains spaces which is invalid."},
		"priority": {"VOICE-1", catalog.Tester, func(is *issue.Issue) { is.Priority = "x" }, "issue VOICE-1: priority: Specify a valid priority ID or name"},
		"assignee": {"VOICE-1", catalog.Tester, func(is *issue.Issue) { is.Assignee = "x" }, "issue VOICE-1: assignee: User 'x' does not exist."},
	} {
		if err := s.Edit(c.key, c.as, c.edit); err == nil || err.Error() != c.want {
			t.Errorf("%s: got %v, want %s", name, err, c.want)
		}
	}
	if s.Issues()[0] != is {
		t.Error("a refused edit changed the issue")
	}
	if err := s.Transition("VOICE-1", "Lost", catalog.Tester); err == nil {
		t.Error("a move to an unknown status succeeded")
	}
}

func TestComments(t *testing.T) {
	s := New(Options{})
	ask(t, s, http.MethodPost, "/issue", issueBody())
	for i := range 5 {
		body := fmt.Sprintf("c%d", i)
		if i%2 == 0 {
			ask(t, s, http.MethodPost, "/issue/VOICE-1/comment", `{"body":"`+body+`"}`)
		} else if err := s.Comment("VOICE-1", catalog.OnCall, body); err != nil {
			t.Fatal(err)
		}
	}
	for query, want := range map[string]string{
		"":                               "c0 c1 c2 c3 c4",
		"?orderBy=created":               "c0 c1 c2 c3 c4",
		"?orderBy=%2Bcreated":            "c0 c1 c2 c3 c4",
		"?orderBy=-created":              "c4 c3 c2 c1 c0",
		"?orderBy=-created&maxResults=2": "c4 c3",
		"?orderBy=-created&maxResults=2&startAt=2": "c2 c1",
		"?startAt=4": "c4",
		"?startAt=9": "",
	} {
		body := ask(t, s, http.MethodGet, "/issue/VOICE-1/comment"+query, "")
		var got []string
		for _, c := range body["comments"].([]any) {
			got = append(got, c.(map[string]any)["body"].(string))
		}
		if strings.Join(got, " ") != want || body["total"] != 5.0 {
			t.Errorf("%s: got %v of %v, want %s", query, got, body["total"], want)
		}
	}
	if status, _ := call(t, s, http.MethodGet, "/issue/VOICE-1/comment?orderBy=author", ""); status != http.StatusBadRequest {
		t.Errorf("an unknown order: got %d", status)
	}
	ids := map[string]bool{}
	for _, c := range s.Issues()[0].Comments {
		ids[c.ID] = true
	}
	if author := s.Issues()[0].Comments[1].Author; len(ids) != 5 || author != catalog.OnCall || s.Counts().Comments != 3 {
		t.Errorf("%d IDs, second author %s, count %d", len(ids), author, s.Counts().Comments)
	}
	if err := s.Comment("VOICE-1", catalog.OnCall, " "); err == nil {
		t.Error("an empty comment was accepted")
	}
}

func TestMoveToAnotherProject(t *testing.T) {
	s := New(Options{})
	ask(t, s, http.MethodPost, "/issue", issueBody("labels", `["a"]`, "priority", `{"name":"High"}`))
	move := func(key, project, want string) {
		t.Helper()
		if got, err := s.MoveToProject(key, project, catalog.Tester); err != nil || got != want {
			t.Fatalf("moved to %q, %v, want %s", got, err, want)
		}
	}
	move("VOICE-1", "ops", "OPS-1")
	for _, ref := range []string{"VOICE-1", "voice-1", "OPS-1", "10001"} {
		is := ask(t, s, http.MethodGet, "/issue/"+ref, "")
		fields := is["fields"].(map[string]any)
		if is["id"] != "10001" || is["key"] != "OPS-1" || fields["project"].(map[string]any)["key"] != "OPS" || fields["priority"] != nil {
			t.Errorf("%s: got %v", ref, is)
		}
	}
	for jql, want := range map[string]string{
		"project = OPS": "OPS-1", "project = VOICE": "", "key = VOICE-1": "OPS-1", "id in (10001)": "OPS-1", "labels = a": "OPS-1",
	} {
		if got := keysOf(ask(t, s, http.MethodGet, "/search/jql?fields=key&jql="+url.QueryEscape(jql), "")); got != want {
			t.Errorf("%s: got %q, want %q", jql, got, want)
		}
	}
	ask(t, s, http.MethodPost, "/issue/VOICE-1/comment", `{"body":"by the former key"}`)
	ask(t, s, http.MethodPost, "/issue", issueBody())
	move("VOICE-1", VoiceProject, "VOICE-3") // keys are not reused
	if is, _ := s.Issue("VOICE-1"); is.Priority != catalog.DefaultPriority || len(is.Comments) != 1 ||
		!slices.Equal(is.FormerKeys, []string{"VOICE-1", "OPS-1"}) {
		t.Errorf("moved back to %+v", is)
	}
	for _, bad := range [][3]string{{"VOICE-1", "VOICE", catalog.Tester}, {"VOICE-1", "NOPE", catalog.Tester},
		{"VOICE-9", "OPS", catalog.Tester},
		{"VOICE-1", "OPS", "nobody"}} {
		if got, err := s.MoveToProject(bad[0], bad[1], bad[2]); err == nil || got != "" {
			t.Errorf("%v: moved to %q", bad, got)
		}
	}
	if !s.Delete("OPS-1") || len(s.byKey) != 1 || len(s.byID) != 1 || len(s.formerly) != 0 || s.bytes != s.Issues()[0].Size() {
		t.Errorf("after the deletion: %v, %v, %d bytes", s.byKey, s.formerly, s.bytes)
	}
	for _, ref := range []string{"VOICE-1", "OPS-1", "VOICE-3", "10001"} {
		if status, body := call(t, s, http.MethodGet, "/issue/"+ref, ""); status != http.StatusNotFound ||
			body != message("Issue does not exist or you do not have permission to see it.") {
			t.Errorf("%s: %d %s", ref, status, body)
		}
	}
	if got := keysOf(ask(t, s, http.MethodGet, "/search/jql?fields=summary&jql="+url.QueryEscape("project in (VOICE,OPS)"),
		"")); got != "VOICE-2" {
		t.Errorf("found %q after the deletion", got)
	}
}

func TestFormerKeysAreBounded(t *testing.T) {
	s := New(Options{})
	ask(t, s, http.MethodPost, "/issue", issueBody())
	for i := range maxFormerKeys + 2 {
		if _, err := s.MoveToProject("10001", catalog.Projects()[(i+1)%2], catalog.Tester); err != nil {
			t.Fatal(err)
		}
	}
	if _, found := s.Issue("VOICE-1"); found || len(s.Issues()[0].FormerKeys) != maxFormerKeys || len(s.formerly) != maxFormerKeys {
		t.Errorf("%d former keys, found by the oldest: %v", len(s.formerly), found)
	}
}
