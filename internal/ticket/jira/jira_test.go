// SPDX-License-Identifier: Apache-2.0

package jira_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/voiceai-dev/integrations-operator/internal/fault"
	"github.com/voiceai-dev/integrations-operator/internal/ticket"
	"github.com/voiceai-dev/integrations-operator/internal/ticket/jira"
	"github.com/voiceai-dev/integrations-operator/internal/transport"
)

const secret = "very-secret-token"

// dial returns a client.
func dial(t *testing.T, c ticket.Config) ticket.Tracker {
	t.Helper()
	if c.Project == "" {
		c.Project = "VOICE"
		c.IssueType = "Bug"
	}
	tr, err := jira.Dialer{Options: transport.Options{Reach: transport.Reach{AllowLoopback: true}}}.Dial(c)
	if err != nil {
		t.Fatal(err)
	}
	return tr
}

// answer is an answer of a server. drop closes the connection instead.
type answer struct {
	status int
	header map[string]string
	body   string
	drop   bool
}

// ok returns an answer with status 200.
func ok(body string) answer { return answer{status: http.StatusOK, body: body} }

// script is a server with a list of answers for each route "METHOD /path?query". It repeats the last answer, and
// records the requests.
type script struct {
	*httptest.Server
	mu       sync.Mutex
	routes   map[string][]answer
	requests []string
}

// serve starts a script.
func serve(t *testing.T, routes map[string][]answer) *script {
	t.Helper()
	s := &script{routes: routes}
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		route := r.Method + " " + r.URL.RequestURI()
		s.mu.Lock()
		s.requests = append(s.requests, strings.TrimSpace(route+" "+string(body)))
		answers := s.routes[route]
		if len(answers) > 1 {
			s.routes[route] = answers[1:]
		}
		s.mu.Unlock()
		if len(answers) == 0 {
			t.Errorf("unexpected request %s", route)
			w.WriteHeader(http.StatusTeapot)
			return
		}
		answers[0].write(w)
	}))
	t.Cleanup(s.Close)
	return s
}

// write writes the answer.
func (a answer) write(w http.ResponseWriter) {
	if a.drop {
		panic(http.ErrAbortHandler)
	}
	w.Header().Set("Content-Type", "application/json;charset=UTF-8")
	for k, v := range a.header {
		w.Header().Set(k, v)
	}
	w.WriteHeader(a.status)
	_, _ = io.WriteString(w, a.body)
}

// expect compares the requests.
func (s *script) expect(t *testing.T, want ...string) {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	if d := cmp.Diff(want, s.requests); d != "" {
		t.Errorf("requests (-want +got):\n%s", d)
	}
}

// always returns the URL of a server that gives the answer to every request.
func always(t *testing.T, a answer) string {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		a.write(w)
	}))
	t.Cleanup(s.Close)
	return s.URL
}

// check checks the fault in an error, and that its text has no secret.
func check(t *testing.T, err error, kind fault.Kind, scope fault.Scope, field string, after time.Duration, part string) {
	t.Helper()
	f := fault.From(err)
	if f == nil {
		t.Fatal("the call succeeded")
	}
	if f.Kind != kind || f.Scope != scope || f.Field != field || f.RetryAfter != after || !strings.Contains(f.Error(), part) {
		t.Errorf("%v, scope %d, field %q, after %s: %q; want %v, scope %d, field %q, after %s, with %q",
			f.Kind, f.Scope, f.Field, f.RetryAfter, f.Error(), kind, scope, field, after, part)
	}
	if strings.Contains(f.Error(), secret) {
		t.Errorf("the error contains the secret: %q", f.Error())
	}
}

// is checks a fault of the scope Item without a field.
func is(t *testing.T, err error, kind fault.Kind, part string) {
	t.Helper()
	check(t, err, kind, fault.Item, "", 0, part)
}

// calls are the calls that may be repeated.
var calls = map[string]func(*testing.T, ticket.Tracker) error{
	"Probe": func(t *testing.T, tr ticket.Tracker) error { _, err := tr.Probe(t.Context()); return err },
	"Find": func(t *testing.T, tr ticket.Tracker) error {
		_, err := tr.Find(t.Context(), markers(1001), time.Hour)
		return err
	},
	"Changed": func(t *testing.T, tr ticket.Tracker) error {
		_, err := tr.Changed(t.Context(), time.Hour)
		return err
	},
	"Get": func(t *testing.T, tr ticket.Tracker) error { _, err := tr.Get(t.Context(), "10001"); return err },
	"Move": func(t *testing.T, tr ticket.Tracker) error {
		_, err := tr.Move(t.Context(), "10001", ticket.Target{Category: "done"})
		return err
	},
	"Comment": func(t *testing.T, tr ticket.Tracker) error {
		return tr.Comment(t.Context(), "10001", ticket.Comment{Ref: "r-1", Body: "x"})
	},
	"Link": func(t *testing.T, tr ticket.Tracker) error {
		return tr.Link(t.Context(), "10001", ticket.Link{GlobalID: "g", URL: "https://example.com", Title: "x"})
	},
}

var (
	html  = map[string]string{"Content-Type": "text/html"}
	plain = map[string]string{"Content-Type": "text/plain; charset=utf-8"}
	xml   = map[string]string{"Content-Type": "application/xml"}
)

// TestRepeatableFaults checks that calls that may be repeated are never Ambiguous.
func TestRepeatableFaults(t *testing.T) {
	long := ok(`{"issues":[` + strings.Repeat(" ", 8<<20) + `]}`)
	for name, c := range map[string]struct {
		answer answer
		kind   fault.Kind
		scope  fault.Scope
		after  time.Duration
		part   string
	}{
		"HTML":         {answer{status: 200, header: html, body: "<html>sign in</html>"}, fault.Unavailable, fault.Item, 0, "not understood"},
		"empty body":   {ok(""), fault.Unavailable, fault.Item, 0, "not understood"},
		"empty object": {ok("{}"), fault.Unavailable, fault.Item, 0, "Jira's answer does not contain"},
		"list":         {ok("[]"), fault.Unavailable, fault.Item, 0, "not understood"},
		"null":         {ok("null"), fault.Unavailable, fault.Item, 0, "Jira's answer does not contain"},
		"truncated":    {ok(`{"issues":[`), fault.Unavailable, fault.Item, 0, "cut off"},
		"too long":     {long, fault.Unavailable, fault.Item, 0, "the answer is longer than"},
		"cut off": {answer{status: 200, header: map[string]string{"Content-Length": "99"}, body: `{"issues":`},
			fault.Unavailable, fault.Item, 0, "cut off"},
		"no redirect": {answer{status: 304}, fault.Unavailable, fault.Item, 0, "not understood"},
		"dropped":     {answer{drop: true}, fault.Unavailable, fault.Item, 0, "did not answer"},
		"timeout":     {answer{status: 408}, fault.Unavailable, fault.Item, 0, "408"},
		"broken":      {answer{status: 500, body: "{}"}, fault.Unavailable, fault.Item, 0, "500"},
		"down": {answer{status: 503, header: map[string]string{"Retry-After": "9"}}, fault.Unavailable, fault.Item,
			9 * time.Second, "503"},
		"conflict": {answer{status: 409}, fault.Conflict, fault.Item, 0, "409"},
		"burst": {answer{status: 429, header: map[string]string{"RateLimit-Reason": "jira-burst-based", "Retry-After": "2"}},
			fault.RateLimited, fault.Endpoint, 2 * time.Second, "rate-limiting"},
		"one issue": {answer{status: 429, header: map[string]string{"RateLimit-Reason": "jira-per-issue-on-write"}},
			fault.RateLimited, fault.Item, 0, "rate-limiting"},
		"quota": {answer{status: 429, header: map[string]string{"RateLimit-Reason": "jira-quota-global-based"}},
			fault.RateLimited, fault.Connection, 0, "rate-limiting"},
		"tenant quota": {answer{status: 429, header: map[string]string{"RateLimit-Reason": "jira-quota-tenant-based"}},
			fault.RateLimited, fault.Connection, 0, "rate-limiting"},
		"no reason":    {answer{status: 429}, fault.RateLimited, fault.Endpoint, 0, "rate-limiting"},
		"unauthorized": {answer{status: 401, header: html, body: "<html>"}, fault.Unauthorized, fault.Connection, 0, "put it into the Secret"},
		"gone":         {answer{status: 410, body: `{"errorMessages":["removed"]}`}, fault.NotFound, fault.Item, 0, "removed"},
		"not found": {answer{status: 404, body: `{"errorMessages":["Issue does not exist"]}`}, fault.NotFound, fault.Item,
			0, "Issue does not exist"},
		"not permitted": {answer{status: 403, body: `{"errorMessages":["no right"]}`}, fault.Unauthorized, fault.Item, 0, "no right"},
		"refused":       {answer{status: 400, body: `{"errorMessages":["bad"]}`}, fault.Invalid, fault.Item, 0, "bad"},
	} {
		t.Run(name, func(t *testing.T) {
			url := always(t, c.answer)
			for call, do := range calls {
				t.Run(call, func(t *testing.T) {
					field := ""
					if call == "Probe" && c.kind.Permanent() {
						field = "Credentials" // the first part of a probe
					}
					check(t, do(t, dial(t, ticket.Config{APIURL: url, Token: secret})), c.kind, c.scope, field, c.after, c.part)
				})
			}
		})
	}
}

func TestServerUnreachable(t *testing.T) {
	gone := httptest.NewServer(nil)
	gone.Close()
	for call, do := range calls {
		t.Run(call, func(t *testing.T) {
			is(t, do(t, dial(t, ticket.Config{APIURL: gone.URL, Token: secret})), fault.Unavailable, "could not be reached")
		})
	}
}

func TestCredentialsStayWithTheHost(t *testing.T) {
	other := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		t.Errorf("the other host received a request for %s with %q", r.URL, r.Header.Get("Authorization"))
	}))
	t.Cleanup(other.Close)
	for _, status := range []int{301, 302, 303, 307, 308} {
		s := httptest.NewServer(http.RedirectHandler(other.URL+"/rest/api/2/x", status))
		t.Cleanup(s.Close)
		for _, username := range []string{"", "bot@example.com"} {
			for call, do := range calls {
				t.Run(fmt.Sprint(call, status, username), func(t *testing.T) {
					tr := dial(t, ticket.Config{APIURL: s.URL, Username: username, Token: secret})
					is(t, do(t, tr), fault.Unavailable, "redirected to another host")
				})
			}
			_, err := dial(t, ticket.Config{APIURL: s.URL, Username: username, Token: secret}).Create(t.Context(), draft)
			is(t, err, fault.Ambiguous, "redirected to another host")
		}
	}
}

func TestIDs(t *testing.T) {
	s := serve(t, nil) // fails on any request
	for _, id := range []string{
		"", "voice-1", "VOICE-1/../x", "VOICE-1?x=y", "1 ", "-1", "1/comment", strings.Repeat("1", 21), "VOICE-" + strings.Repeat("1", 21),
	} {
		tr := dial(t, ticket.Config{APIURL: s.URL, Token: secret})
		_, get := tr.Get(t.Context(), id)
		_, move := tr.Move(t.Context(), id, ticket.Target{Category: "done"})
		comment := tr.Comment(t.Context(), id, ticket.Comment{Ref: "r", Body: "x"})
		link := tr.Link(t.Context(), id, ticket.Link{GlobalID: "g", URL: "https://example.com", Title: "x"})
		for _, err := range []error{get, move, comment, link} {
			is(t, err, fault.Invalid, "is not an issue ID or key")
		}
	}
	s.expect(t)
}

// project returns the routes of a probe, for a kind of server and the fields of a create screen.
func project(kind, screen string) map[string][]answer {
	list := map[string]string{"Cloud": "issueTypes", "Server": "values"}[kind]
	fields := map[string]string{"Cloud": "fields", "Server": "values"}[kind]
	return map[string][]answer{
		"GET /rest/api/2/serverInfo":    {ok(`{"deploymentType":"` + kind + `","version":"10.3.0"}`)},
		"GET /rest/api/2/myself":        {ok(`{"accountId":"712020:ab","displayName":"Bot"}`)},
		"GET /rest/api/2/project/VOICE": {ok(`{"key":"VOICE","name":"Voice AI"}`)},
		typesRoute:                      {ok(`{"` + list + `":[{"id":"10004","name":"Bug"}],"total":1}`)},
		screenRoute:                     {ok(fmt.Sprintf(`{%q:[%s],"total":%d}`, fields, screen, strings.Count(screen, `"fieldId"`)))},
	}
}

const (
	typesRoute  = "GET /rest/api/2/issue/createmeta/VOICE/issuetypes?startAt=0&maxResults=200"
	screenRoute = "GET /rest/api/2/issue/createmeta/VOICE/issuetypes/10004?startAt=0&maxResults=200"
)

// usual are the fields that every ticket has.
const usual = `{"fieldId":"description"},{"fieldId":"labels"}`

func TestProbe(t *testing.T) {
	priority := usual + `,{"fieldId":"priority","name":"Priority","schema":{"type":"priority"},` +
		`"allowedValues":[{"id":"1","name":"P1"},{"id":"2","name":"P2"}]}`
	for kind, want := range map[string]ticket.Deployment{"Cloud": ticket.Cloud, "Server": ticket.DataCenter} {
		s := serve(t, project(kind, priority))
		got, err := dial(t, ticket.Config{APIURL: s.URL, Token: secret}).Probe(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		wanted := ticket.Project{
			Deployment: want, Version: "10.3.0", Account: "Bot", AccountID: "712020:ab", Name: "Voice AI", Priorities: []string{"P1", "P2"},
			Form: got.Form,
		}
		if d := cmp.Diff(wanted, got); d != "" {
			t.Error(d)
		}
		s.expect(t, "GET /rest/api/2/serverInfo", "GET /rest/api/2/myself", "GET /rest/api/2/project/VOICE", typesRoute, screenRoute)
	}
}

// TestProbeOfPriorities checks that a missing field differs from a field without allowed values.
func TestProbeOfPriorities(t *testing.T) {
	for name, c := range map[string]struct {
		screen string
		want   []string
	}{
		"no such field": {usual, []string{}},
		"no list":       {usual + `,{"fieldId":"priority"}`, nil},
		"empty list":    {usual + `,{"fieldId":"priority","allowedValues":[]}`, nil},
		"no names":      {usual + `,{"fieldId":"priority","allowedValues":[{"id":"1"}]}`, nil},
		"names":         {usual + `,{"fieldId":"priority","allowedValues":[{"id":"1"},{"name":"P1"}]}`, []string{"P1"}},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := dial(t, ticket.Config{APIURL: serve(t, project("Cloud", c.screen)).URL, Token: secret}).Probe(t.Context())
			if err != nil || got.Problems != nil {
				t.Fatal(got, err)
			}
			if d := cmp.Diff(c.want, got.Priorities); d != "" {
				t.Error(d)
			}
		})
	}
}

// TestProbeWithoutServerInfo checks that Probe relies on the configured deployment if the server refuses serverInfo.
func TestProbeWithoutServerInfo(t *testing.T) {
	for name, a := range map[string]answer{"404": {status: 404}, "403": {status: 403}, "401": {status: 401}} {
		routes := project("Cloud", usual)
		routes["GET /rest/api/2/serverInfo"] = []answer{a}
		url := serve(t, routes).URL
		for _, d := range []ticket.Deployment{ticket.Cloud, ticket.DataCenter} {
			got, err := dial(t, ticket.Config{APIURL: url, Deployment: d, Token: secret}).Probe(t.Context())
			if err != nil {
				t.Fatal(name, err)
			}
			wanted := ticket.Project{Deployment: d, Account: "Bot", AccountID: "712020:ab", Name: "Voice AI", Priorities: []string{},
				Form: got.Form}
			if d := cmp.Diff(wanted, got); d != "" {
				t.Error(name, d)
			}
		}
		if _, err := dial(t, ticket.Config{APIURL: url, Token: secret}).Probe(t.Context()); err == nil || fault.From(err).Field != "Credentials" {
			t.Errorf("%s, and no deployment configured: %v", name, err)
		}
	}
	routes := project("Cloud", usual)
	routes["GET /rest/api/2/serverInfo"] = []answer{{status: 503}}
	_, err := dial(t, ticket.Config{APIURL: serve(t, routes).URL, Deployment: ticket.Cloud, Token: secret}).Probe(t.Context())
	is(t, err, fault.Unavailable, "503")
}

// TestProbeWithoutCreateScreen checks that a probe succeeds with a problem if Jira does not describe the create
// screen.
func TestProbeWithoutCreateScreen(t *testing.T) {
	fields := []ticket.Field{{Name: "Occurrences", Type: ticket.Number}}
	const absent = `Jira has no such object, or the account may not see it (404): No such resource`
	const forbidden = `The account may not do this in Jira (403): No such resource. Grant it the permission.`
	const unscoped = `it answers 401, though it accepts the credentials elsewhere. ` +
		`A scope may be missing from the token, such as read:jira-work`
	for name, c := range map[string]struct {
		route, issueType string
		status           int
		why              string
	}{
		"no list of issue types":      {typesRoute, `{"name":"Bug"}`, 404, absent},
		"no create screen":            {screenRoute, `{"id":"10004"}`, 404, absent},
		"no right to the issue types": {typesRoute, `{"name":"Bug"}`, 403, forbidden},
		"no scope for them":           {typesRoute, `{"name":"Bug"}`, 401, unscoped},
		"no scope for the screen":     {screenRoute, `{"id":"10004"}`, 401, unscoped},
	} {
		t.Run(name, func(t *testing.T) {
			routes := project("Server", screen)
			routes[c.route] = []answer{{status: c.status, body: `{"errorMessages":["No such resource"]}`}}
			routes[createRoute] = []answer{created}
			s := serve(t, routes)
			tr := dial(t, ticket.Config{APIURL: s.URL, Token: secret, Project: "VOICE", IssueType: "Bug", Fields: fields})
			p, err := tr.Probe(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			const unknown = `Jira does not list the fields of Bug in VOICE`
			if d := cmp.Diff([]string{unknown + ": " + c.why + "; tickets are filed without spec.fields"}, p.Problems); d != "" {
				t.Error(d)
			}
			if p.Priorities != nil {
				t.Errorf("priorities %q, want nil", p.Priorities)
			}
			made, err := tr.Create(t.Context(),
				ticket.Draft{Summary: "s", Priority: "High", Marker: "defect-1", Fields: map[string]string{"Occurrences": "2"}})
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff([]string{"Occurrences: " + unknown}, made.Omitted); d != "" {
				t.Error(d)
			}
			want := map[string]string{
				"project": `{"key":"VOICE"}`, "issuetype": c.issueType, "summary": `"s"`, "description": `""`,
				"labels": `["voice-ai-testing","defect-1"]`, "priority": `{"name":"High"}`,
			}
			if d := cmp.Diff(want, sentFields(t, s)); d != "" {
				t.Error(d)
			}
			other, err := dial(t, ticket.Config{APIURL: s.URL, Token: secret, Project: "VOICE", IssueType: "Bug"}).Probe(t.Context())
			if err != nil || len(other.Problems) != 1 || strings.Contains(other.Problems[0], "spec.fields") {
				t.Errorf("without fields: %q, %v", other.Problems, err)
			}
		})
	}
}

// TestProbeFaults checks a bad answer at each step.
func TestProbeFaults(t *testing.T) {
	for step := range project("Cloud", "") {
		for name, odd := range map[string]answer{
			"{}": ok("{}"), "html": {status: 200, header: html, body: "<html>"}, "503": {status: 503}, "408": {status: 408}, "dropped": {drop: true},
		} {
			t.Run(step+" "+name, func(t *testing.T) {
				routes := project("Cloud", "")
				routes[step] = []answer{odd}
				_, err := dial(t, ticket.Config{APIURL: serve(t, routes).URL, Token: secret}).Probe(t.Context())
				is(t, err, fault.Unavailable, "Jira")
			})
		}
	}
	routes := project("Cloud", "")
	routes[typesRoute] = []answer{ok(`{"issueTypes":[{"name":"Bug"}],"total":1}`)}
	_, err := dial(t, ticket.Config{APIURL: serve(t, routes).URL, Token: secret}).Probe(t.Context())
	is(t, err, fault.Unavailable, "the ID of the issue type")
}

func TestProbeReadsAllPages(t *testing.T) {
	routes := project("Server", "")
	routes[typesRoute] = []answer{ok(`{"values":[{"id":"1","name":"Story"}],"total":2}`)}
	second := "GET /rest/api/2/issue/createmeta/VOICE/issuetypes?startAt=1&maxResults=200"
	routes[second] = []answer{ok(`{"values":[{"id":"10004","name":"Bug"}],"total":2,"isLast":true}`)}
	s := serve(t, routes)
	if _, err := dial(t, ticket.Config{APIURL: s.URL, Token: secret}).Probe(t.Context()); err != nil {
		t.Fatal(err)
	}
	routes = project("Server", "")
	for start := range 20 {
		route := fmt.Sprintf("GET /rest/api/2/issue/createmeta/VOICE/issuetypes?startAt=%d&maxResults=200", start)
		routes[route] = []answer{ok(`{"values":[{"id":"1","name":"Story"}],"total":21}`)}
	}
	endless := serve(t, routes)
	_, err := dial(t, ticket.Config{APIURL: endless.URL, Token: secret}).Probe(t.Context())
	is(t, err, fault.Unavailable, "more than 20 issue types")
}
