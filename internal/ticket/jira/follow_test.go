// SPDX-License-Identifier: Apache-2.0

package jira_test

import (
	"strings"
	"testing"
	"time"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/voiceai-dev/integrations-operator/internal/fault"
	"github.com/voiceai-dev/integrations-operator/internal/ticket"
)

const (
	getRoute = "GET /rest/api/2/issue/10001?fields=labels,status,resolution,assignee,created,updated,resolutiondate" +
		"&properties=voiceai-defect"
	transitionsRoute = "GET /rest/api/2/issue/10001/transitions?expand=transitions.fields"
	moveRoute        = "POST /rest/api/2/issue/10001/transitions"
	commentsRoute    = "GET /rest/api/2/issue/10001/comment?orderBy=-created&maxResults=100"
	commentRoute     = "POST /rest/api/2/issue/10001/comment"
	linkRoute        = "POST /rest/api/2/issue/10001/remotelink"
)

// follow returns a server with the routes and a client for it.
func follow(t *testing.T, routes map[string][]answer) (*script, ticket.Tracker) {
	t.Helper()
	s := serve(t, routes)
	return s, dial(t, ticket.Config{APIURL: s.URL, SiteURL: "https://site.example.com", Token: secret})
}

// in returns the answer for the issue in a status.
func in(status, category string) answer {
	return ok(`{"id":"10001","key":"VOICE-1","fields":{"created":"2026-11-01T10:00:00.000+0000","updated":"2026-11-01T12:30:00.500+0200",` +
		`"status":{"name":"` + status + `","statusCategory":{"key":"` + category + `"}},"resolution":null,` +
		`"resolutiondate":"2026-11-01T12:15:00.250+0200","assignee":null}}`)
}

func TestGet(t *testing.T) {
	byKey := strings.Replace(getRoute, "10001", "VOICE-1", 1)
	s, tr := follow(t, map[string][]answer{getRoute: {in("To Do", "new")}, byKey: {in("To Do", "new")}})
	want := ticket.Ticket{
		ID: "10001", Key: "VOICE-1", URL: "https://site.example.com/browse/VOICE-1", Status: "To Do", StatusCategory: "new",
		Created: time.Date(2026, 11, 1, 10, 0, 0, 0, time.UTC), Updated: time.Date(2026, 11, 1, 10, 30, 0, 5e8, time.UTC),
		Resolved: time.Date(2026, 11, 1, 10, 15, 0, 25e7, time.UTC),
	}
	for _, id := range []string{"10001", "VOICE-1"} {
		got, err := tr.Get(t.Context(), id)
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(want, got); d != "" {
			t.Error(d)
		}
	}
	s.expect(t, getRoute, byKey)
}

// TestMarkers reads the markers that identify a Defect's ticket, from labels and from the property that people cannot edit.
func TestMarkers(t *testing.T) {
	for rest, want := range map[string]string{
		`"fields":{"labels":["x","defect-1"]}`:                                                              "defect-1",
		`"fields":{"labels":["x"]},"properties":{"voiceai-defect":{"marker":"defect-1"}}`:                   "defect-1",
		`"fields":{"labels":["defect-2"]},"properties":{"voiceai-defect":{"marker":"defect-1"},"other":[]}`: "defect-2 defect-1",
		`"fields":{"labels":["mydefect-1"]},"properties":{"voiceai-defect":"x"}`:                            "",
		`"fields":{}`: "",
	} {
		_, tr := follow(t, map[string][]answer{getRoute: {ok(`{"id":"10001","key":"VOICE-1",` + rest + "}")}})
		got, err := tr.Get(t.Context(), "10001")
		if err != nil || strings.Join(got.Markers, " ") != want {
			t.Errorf("%s: got %q, %v, want %q", rest, got.Markers, err, want)
		}
	}
}

func TestGetIsComplete(t *testing.T) {
	for _, body := range []string{
		`{}`, `{"key":"VOICE-1","fields":{}}`, `{"id":"10001","fields":{}}`,
		`{"id":"10001","key":"VOICE-1"}`, `{"id":"x","key":"VOICE-1","fields":{}}`,
	} {
		_, tr := follow(t, map[string][]answer{getRoute: {ok(body)}})
		_, err := tr.Get(t.Context(), "10001")
		is(t, err, fault.Unavailable, "the ID, key and fields of the issue")
	}
}

// transition returns a transition as JSON, with fields.
func transition(id, name, status, category, field string) string {
	return `{"id":"` + id + `","name":"` + name + `","to":{"name":"` + status + `","statusCategory":{"key":"` + category +
		`"}},"fields":{` + field + `}}`
}

// offers returns the answer with transitions.
func offers(transitions ...string) answer {
	return ok(`{"transitions":[` + strings.Join(transitions, ",") + `]}`)
}

const (
	needsResolution = `"resolution":{"required":true,"name":"Resolution"}`
	hasDefault      = `"resolution":{"required":true,"hasDefaultValue":true,"name":"Resolution"}`
)

func TestMove(t *testing.T) {
	todo := in("To Do", "new")
	done := in("Done", "done")
	all := offers(
		transition("11", "Start", "In Progress", "indeterminate", ""), transition("21", "Close", "Closed", "done", needsResolution),
		transition("31", "Finish", "Done", "done", hasDefault), transition("41", "Cancel", "Cancelled", "done", ""),
	)
	moved := answer{status: 204}
	for name, c := range map[string]struct {
		to     ticket.Target
		routes map[string][]answer
		want   []string
		status string
	}{
		"already there by name":     {ticket.Target{Status: "done"}, map[string][]answer{getRoute: {done}}, []string{getRoute}, "Done"},
		"already there by category": {ticket.Target{Category: "done"}, map[string][]answer{getRoute: {done}}, []string{getRoute}, "Done"},
		"by name": {ticket.Target{Status: "cancelled"},
			map[string][]answer{getRoute: {todo, in("Cancelled", "done")}, transitionsRoute: {all}, moveRoute: {moved}},
			[]string{getRoute, transitionsRoute, moveRoute + ` {"transition":{"id":"41"}}`, getRoute}, "Cancelled"},
		"by category, the first transition that requires nothing": {ticket.Target{Category: "done", State: "Resolved"},
			map[string][]answer{getRoute: {todo, done}, moveRoute: {moved}, transitionsRoute: {offers(
				transition("21", "Close", "Done", "done", needsResolution), transition("31", "Finish", "Done", "done", hasDefault),
			)}},
			[]string{getRoute, transitionsRoute, moveRoute + ` {"transition":{"id":"31"}}`, getRoute}, "Done"},
		"by category, the one of the state's name": {ticket.Target{Category: "done", State: "Resolved"},
			map[string][]answer{getRoute: {todo, in("Resolved", "done")}, moveRoute: {moved}, transitionsRoute: {offers(
				transition("21", "Reject", "Rejected", "done", ""), transition("31", "Finish", "Done", "done", ""),
				transition("41", "Resolve", "RESOLVED", "done", ""),
			)}},
			[]string{getRoute, transitionsRoute, moveRoute + ` {"transition":{"id":"41"}}`, getRoute}, "Resolved"},
		"by category, a name of two words": {ticket.Target{Category: "indeterminate", State: "InProgress"},
			map[string][]answer{getRoute: {todo, in("In Progress", "indeterminate")}, moveRoute: {moved}, transitionsRoute: {offers(
				transition("21", "Block", "Blocked", "indeterminate", ""), transition("31", "Start", "In progress", "indeterminate", ""),
			)}},
			[]string{getRoute, transitionsRoute, moveRoute + ` {"transition":{"id":"31"}}`, getRoute}, "In Progress"},
		"by category, the only one": {ticket.Target{Category: "done", State: "Closed"},
			map[string][]answer{getRoute: {todo, done}, moveRoute: {moved}, transitionsRoute: {offers(
				transition("21", "Resolved", "In Progress", "indeterminate", ""), transition("31", "Finish", "Done", "done", ""),
			)}},
			[]string{getRoute, transitionsRoute, moveRoute + ` {"transition":{"id":"31"}}`, getRoute}, "Done"},
		"name over category": {ticket.Target{Status: "Done", Category: "new"},
			map[string][]answer{getRoute: {todo, done}, transitionsRoute: {all}, moveRoute: {moved}},
			[]string{getRoute, transitionsRoute, moveRoute + ` {"transition":{"id":"31"}}`, getRoute}, "Done"},
	} {
		t.Run(name, func(t *testing.T) {
			s, tr := follow(t, c.routes)
			got, err := tr.Move(t.Context(), "10001", c.to)
			if err != nil || got.Status != c.status || got.ID != "10001" {
				t.Errorf("%+v, %v", got, err)
			}
			s.expect(t, c.want...)
		})
	}
}

func TestMoveFaults(t *testing.T) {
	start := transition("11", "Start", "In Progress", "indeterminate", "")
	for name, c := range map[string]struct {
		to          ticket.Target
		transitions answer
		moved       answer
		kind        fault.Kind
		field       string
		part        string
	}{
		"no target": {ticket.Target{}, offers(), answer{}, fault.Invalid, "", "neither a status nor a category"},
		"only one that requires fields": {ticket.Target{Category: "done"},
			offers(start, transition("21", "Close", "Closed", "done",
				needsResolution+`,"customfield_1":{"required":true,"name":"Cause"}`)), answer{},
			fault.Invalid, "", `VOICE-1 cannot be moved from "To Do" to a status of the category "done". ` +
				`Transition "Close" requires "Cause" (customfield_1), "Resolution" (resolution). Give the fields a default`},
		"none leads there": {ticket.Target{Status: "Done"},
			offers(start, start, transition("12", "Block", "Blocked", "indeterminate", "")), answer{}, fault.Invalid, "",
			`VOICE-1 cannot be moved from "To Do" to status "Done". Jira offers "In Progress", "Blocked". Fix spec.transitions`},
		"several fit": {ticket.Target{Category: "done", State: "Resolved"},
			offers(start, transition("21", "Reject", "Rejected", "done", ""), transition("31", "Finish", "Done", "done", ""),
				transition("41", "Give up", "Rejected", "done", "")), answer{}, fault.Invalid, "",
			`VOICE-1 cannot be moved from "To Do" to a status of the category "done". Jira offers "Rejected", "Done". ` +
				`Set spec.transitions for the state Resolved to one of them.`},
		"several fit, and one requires nothing": {ticket.Target{Category: "done", State: "Resolved"},
			offers(transition("21", "Reject", "Rejected", "done", ""), transition("31", "Finish", "Done", "done", needsResolution)), answer{},
			fault.Invalid, "", `Jira offers "Rejected", "Done". Set spec.transitions for the state Resolved`},
		"the one of the state's name requires fields": {ticket.Target{Category: "done", State: "Closed"},
			offers(transition("21", "Reject", "Rejected", "done", ""), transition("31", "Close", "Closed", "done", needsResolution)), answer{},
			fault.Invalid, "", `Transition "Close" requires "Resolution" (resolution)`},
		"none at all": {ticket.Target{Status: "Done"}, offers(), answer{}, fault.Invalid, "",
			"Jira offers no transition. Grant the account the permission"},
		"no list": {ticket.Target{Status: "Done"}, ok("{}"), answer{}, fault.Unavailable, "", "the transitions of the issue"},
		"list is HTML": {ticket.Target{Status: "Done"}, answer{status: 200, header: html, body: "<html>"}, answer{},
			fault.Unavailable, "", "not understood"},
		"list is dropped": {ticket.Target{Status: "Done"}, answer{drop: true}, answer{}, fault.Unavailable, "", "did not answer"},
		"move is dropped": {ticket.Target{Category: "indeterminate"}, offers(start), answer{drop: true}, fault.Unavailable, "", "did not answer"},
		"move is broken":  {ticket.Target{Category: "indeterminate"}, offers(start), answer{status: 500}, fault.Unavailable, "", "500"},
		"conflict":        {ticket.Target{Category: "indeterminate"}, offers(start), answer{status: 409}, fault.Conflict, "", "409"},
		"one issue": {ticket.Target{Category: "indeterminate"}, offers(start),
			answer{status: 429, header: map[string]string{"RateLimit-Reason": "jira-per-issue-on-write"}}, fault.RateLimited, "", "rate-limiting"},
		"refused": {ticket.Target{Category: "indeterminate"}, offers(start),
			answer{status: 400, body: `{"errors":{"resolution":"is required"}}`}, fault.Invalid, "resolution", "is required"},
		"gone meanwhile": {ticket.Target{Category: "indeterminate"}, offers(start), answer{status: 404}, fault.NotFound, "", "404"},
	} {
		t.Run(name, func(t *testing.T) {
			routes := map[string][]answer{getRoute: {in("To Do", "new")}, transitionsRoute: {c.transitions}}
			if c.moved.status != 0 || c.moved.drop {
				routes[moveRoute] = []answer{c.moved}
			}
			_, tr := follow(t, routes)
			_, err := tr.Move(t.Context(), "10001", c.to)
			check(t, err, c.kind, fault.Item, c.field, 0, c.part)
		})
	}
}

func TestComment(t *testing.T) {
	added := answer{status: 201, body: `{"id":"1"}`}
	comments := func(bodies ...string) answer { return ok(`{"comments":[` + strings.Join(bodies, ",") + `]}`) }
	const posted = commentRoute + ` {"body":"It is back\n\n~Voice AI Testing Framework, ref r-1~"}`
	for name, c := range map[string]struct {
		existing answer
		adds     bool
	}{
		"none yet":           {comments(), true},
		"others":             {comments(`{"body":"hello"}`, `{"body":"x\n\n~Voice AI Testing Framework, ref r-2~"}`), true},
		"a longer reference": {comments(`{"body":"x\n\n~Voice AI Testing Framework, ref r-10~"}`), true},
		"inside a line":      {comments(`{"body":"he wrote Voice AI Testing Framework, ref r-1"}`), true},
		"exists":             {comments(`{"body":"new"}`, `{"body":"It is back\n\n~Voice AI Testing Framework, ref r-1~"}`), false},
		"exists, converted":  {comments(`{"body":"It is back\r\n\r\n{~}Voice AI Testing Framework, ref r\\-1{~}\r\n"}`), false},
		"exists, extended":   {comments(`{"body":"It is back\n\n~Voice AI Testing Framework, ref r-1~\nindeed"}`), false},
	} {
		t.Run(name, func(t *testing.T) {
			s, tr := follow(t, map[string][]answer{commentsRoute: {c.existing}, commentRoute: {added}})
			if err := tr.Comment(t.Context(), "10001", ticket.Comment{Ref: "r-1", Body: "It is back"}); err != nil {
				t.Fatal(err)
			}
			if c.adds {
				s.expect(t, commentsRoute, posted)
			} else {
				s.expect(t, commentsRoute)
			}
		})
	}
	for name, c := range map[string]struct {
		added answer
		kind  fault.Kind
		part  string
	}{
		"dropped":      {answer{drop: true}, fault.Unavailable, "did not answer"},
		"HTML":         {answer{status: 200, header: html, body: "<html>"}, fault.Unavailable, "not understood"},
		"empty object": {ok("{}"), fault.Unavailable, "the ID of the new comment"},
		"too many":     {answer{status: 413, body: `{"errorMessages":["limit of 5000"]}`}, fault.Invalid, "limit of 5000"},
	} {
		t.Run(name, func(t *testing.T) {
			_, tr := follow(t, map[string][]answer{commentsRoute: {comments()}, commentRoute: {c.added}})
			is(t, tr.Comment(t.Context(), "10001", ticket.Comment{Ref: "r-1", Body: "x"}), c.kind, c.part)
		})
	}
}

// TestCommentIsBounded checks that a comment has as many UTF-16 units as Jira accepts, and not half a character.
func TestCommentIsBounded(t *testing.T) {
	s, tr := follow(t, map[string][]answer{commentsRoute: {ok(`{"comments":[]}`)}, commentRoute: {ok(`{"id":"1"}`)}})
	for i, long := range []string{strings.Repeat("ä", 40_000), "ä" + strings.Repeat("📞", 20_000), strings.Repeat("📞", 20_000)} {
		if err := tr.Comment(t.Context(), "10001", ticket.Comment{Ref: "r-1", Body: long}); err != nil {
			t.Fatal(err)
		}
		_, body, _ := strings.Cut(s.requests[2*i+1], `{"body":"`)
		body = strings.ReplaceAll(strings.TrimSuffix(body, `"}`), `\n`, "\n")
		last, _ := utf8.DecodeLastRuneInString(long)
		if n := len(utf16.Encode([]rune(body))); n < 32_766 || n > 32_767 ||
			!strings.HasSuffix(body, string(last)+"…\n\n~Voice AI Testing Framework, ref r-1~") {
			t.Errorf("%d UTF-16 units, ending with %q", n, body[len(body)-60:])
		}
	}
	for _, ref := range []string{"", "a b", "a~", "a\n", strings.Repeat("x", 101)} {
		is(t, tr.Comment(t.Context(), "10001", ticket.Comment{Ref: ref, Body: "x"}), fault.Invalid, "is not a valid reference")
	}
	if len(s.requests) != 6 {
		t.Errorf("%d requests", len(s.requests))
	}
}

func TestLink(t *testing.T) {
	link := ticket.Link{GlobalID: "defect=u1", URL: "https://dash.example.com/d/1?a=b", Title: strings.Repeat("t", 256)}
	for _, status := range []int{200, 201} {
		s, tr := follow(t, map[string][]answer{linkRoute: {{status: status, body: `{"id":10000}`}}})
		if err := tr.Link(t.Context(), "10001", link); err != nil {
			t.Fatal(err)
		}
		title := strings.Repeat("t", 254) + "…"
		s.expect(t, linkRoute+` {"globalId":"defect=u1","object":{"title":"`+title+`","url":"https://dash.example.com/d/1?a=b"}}`)
	}
	s, tr := follow(t, nil)
	for _, bad := range []ticket.Link{
		{URL: "https://x", Title: "t"}, {GlobalID: "g", Title: "t"}, {GlobalID: "g", URL: "https://x"},
		{GlobalID: strings.Repeat("g", 256), URL: "https://x", Title: "t"}, {GlobalID: strings.Repeat("📞", 128), URL: "https://x", Title: "t"},
	} {
		is(t, tr.Link(t.Context(), "10001", bad), fault.Invalid, "A link needs")
	}
	s.expect(t)
}
