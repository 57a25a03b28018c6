// SPDX-License-Identifier: Apache-2.0

package jira

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/voiceai-dev/integrations-operator/internal/sandbox/jira/catalog"
	"github.com/voiceai-dev/integrations-operator/internal/sandbox/jira/issue"
)

func TestTransitionFields(t *testing.T) {
	for w, c := range map[Workflow]struct{ required, fallback bool }{Simple: {false, true}, Strict: {true, false}, OneWay: {false, true}} {
		s := New(Options{})
		if err := s.SetWorkflow("voice", w); err != nil {
			t.Fatal(err)
		}
		ask(t, s, http.MethodPost, "/issue", issueBody())
		list := func(expand string) []any {
			return ask(t, s, http.MethodGet, "/issue/VOICE-1/transitions"+expand, "")["transitions"].([]any)
		}
		if _, has := list("")[2].(map[string]any)["fields"]; has {
			t.Errorf("%s: got fields without expand", w)
		}
		var names []string
		for _, tr := range list("?expand=transitions.fields") {
			tr := tr.(map[string]any)
			names = append(names, fmt.Sprint(tr["name"]))
			f := tr["fields"].(map[string]any)
			if tr["name"] != "Done" {
				if len(f) != 0 {
					t.Errorf("%s: %v: got fields %v", w, tr["name"], f)
				}
				continue
			}
			r := f["resolution"].(map[string]any)
			if r["required"] != c.required || r["hasDefaultValue"] != c.fallback || r["name"] != "Resolution" ||
				len(r["allowedValues"].([]any)) != 4 {
				t.Errorf("%s: got the resolution %v", w, r)
			}
		}
		if want := []string{"To Do", "In Progress", "Done"}; !slices.Equal(names, want) {
			t.Errorf("%s: got %v, want %v", w, names, want)
		}
	}
}

func TestWorkflows(t *testing.T) {
	const required = `{"errorMessages":[],"errors":{"resolution":"Resolution is required."}}`
	type step struct {
		fields, id, refusal, status, resolution string
	}
	for name, c := range map[string]struct {
		workflow Workflow
		steps    []step
	}{
		"simple": {Simple, []step{
			{``, "31", "", "Done", "Done"},
			{``, "21", "", "In Progress", ""},
			{`{"resolution":{"name":"Duplicate"}}`, "31", "", "Done", "Duplicate"},
			{`{"resolution":{"name":"Done"}}`, "11", fieldError("resolution", fmt.Sprintf(issue.NotOnScreen, "resolution")), "Done", "Duplicate"},
			{``, "11", "", "To Do", ""},
		}},
		"strict": {Strict, []step{
			{``, "31", required, "To Do", ""},
			{`{"resolution":null}`, "31", required, "To Do", ""},
			{`{"resolution":{"name":"Nope"}}`, "31", fieldError("resolution", "Specify a valid resolution ID or name"), "To Do", ""},
			{``, "21", "", "In Progress", ""},
			{`{"resolution":{"id":"10001"}}`, "31", "", "Done", "Won't Do"},
			{``, "11", "", "To Do", ""},
		}},
		"one way": {OneWay, []step{
			{``, "31", "", "Done", "Done"},
			{``, "11", message("Transition id '11' is not valid for this issue."), "Done", "Done"},
			{``, "31", message("Transition id '31' is not valid for this issue."), "Done", "Done"},
		}},
	} {
		t.Run(name, func(t *testing.T) {
			s := New(Options{})
			if err := s.SetWorkflow(VoiceProject, c.workflow); err != nil {
				t.Fatal(err)
			}
			ask(t, s, http.MethodPost, "/issue", issueBody())
			for i, st := range c.steps {
				if st.fields == "" {
					st.fields = "{}"
				}
				code, body := call(t, s, http.MethodPost, "/issue/VOICE-1/transitions", `{"transition":{"id":"`+st.id+`"},"fields":`+st.fields+`}`)
				if st.refusal == "" && code != http.StatusNoContent || st.refusal != "" &&
					(code != http.StatusBadRequest || !sameJSON(t, body, st.refusal)) {
					t.Errorf("step %d: got %d %s, want %q", i, code, body, st.refusal)
				}
				if is := s.Issues()[0]; is.Status != st.status || is.Resolution != st.resolution || is.Resolved.IsZero() != (st.resolution == "") {
					t.Errorf("step %d: status %s, resolution %q at %s", i, is.Status, is.Resolution, is.Resolved)
				}
			}
		})
	}
	s := New(Options{})
	for _, err := range []error{s.SetWorkflow("NOPE", Strict), s.SetWorkflow(VoiceProject, "loose")} {
		if err == nil {
			t.Error("an invalid workflow was accepted")
		}
	}
}

func TestPeopleFollowTheWorkflow(t *testing.T) {
	for w, c := range map[Workflow]struct {
		moves    string
		canLeave bool
	}{Simple: {"To Do,In Progress", true}, Strict: {"To Do,In Progress", true}, OneWay: {"", false}} {
		s := New(Options{})
		if err := s.SetWorkflow(VoiceProject, w); err != nil {
			t.Fatal(err)
		}
		ask(t, s, http.MethodPost, "/issue", issueBody())
		if err := s.Transition("VOICE-1", "Done", catalog.OnCall); err != nil || s.Issues()[0].Resolution != "Done" {
			t.Errorf("%s: %v, resolution %q", w, err, s.Issues()[0].Resolution)
		}
		if got := strings.Join(s.Moves(s.Issues()[0]), ","); got != c.moves {
			t.Errorf("%s: got moves %q", w, got)
		}
		if err := s.Transition("VOICE-1", "To Do", catalog.OnCall); (err == nil) != c.canLeave {
			t.Errorf("%s: leaving Done: %v", w, err)
		}
	}
}

func TestUpdatedGrows(t *testing.T) {
	now := time.Date(2026, 1, 2, 3, 4, 5, 6_700_000, time.UTC)
	s := New(Options{Clock: func() time.Time { return now }})
	ask(t, s, http.MethodPost, "/issue", issueBody())
	last := "2026-01-02T03:04:05.006+0000"
	for i, change := range []func(){
		func() {},
		func() { ask(t, s, http.MethodPut, "/issue/VOICE-1", `{"fields":{"summary":"x"}}`) },
		func() { ask(t, s, http.MethodPost, "/issue/VOICE-1/comment", `{"body":"x"}`) },
		func() { ask(t, s, http.MethodPost, "/issue/VOICE-1/transitions", `{"transition":{"id":"21"}}`) },
		func() { s.Move("VOICE-1", "Done") },
		func() { _ = s.Comment("VOICE-1", catalog.Tester, "x") },
		func() { _, _ = s.MoveToProject("VOICE-1", OpsProject, catalog.Tester) },
	} {
		change()
		got := ask(t, s, http.MethodGet, "/issue/10001", "")["fields"].(map[string]any)["updated"].(string)
		if i == 0 && got != last || i > 0 && got <= last {
			t.Errorf("change %d: updated %s after %s", i, got, last)
		}
		last = got
	}
	if last != "2026-01-02T03:04:05.012+0000" {
		t.Errorf("after 6 changes: %s", last)
	}
	now = now.Add(time.Minute)
	s.Move("OPS-1", "To Do")
	if got := s.Issues()[0].Updated; !got.Equal(now.Truncate(time.Millisecond)) {
		t.Errorf("a later change: %s", got)
	}
}
