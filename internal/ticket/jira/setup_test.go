// SPDX-License-Identifier: Apache-2.0

package jira_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/voiceai-dev/integrations-operator/internal/fault"
	"github.com/voiceai-dev/integrations-operator/internal/ticket"
)

// TestMovedAPI checks that a redirect of the REST API is refused with the URL to configure: a POST would arrive there
// as a GET.
func TestMovedAPI(t *testing.T) {
	secure := "https://jira.example.com:8443"
	for name, c := range map[string]struct {
		to      func(base string, r *http.Request) string
		advised string // with %s for the server's URL
	}{
		"another path":         {func(base string, r *http.Request) string { return "/jira" + r.URL.Path }, "%s/jira/old"},
		"no path":              {func(base string, r *http.Request) string { return strings.TrimPrefix(r.URL.RequestURI(), "/old") }, "%s"},
		"another host":         {func(base string, r *http.Request) string { return "https://b.example.com" + r.URL.RequestURI() }, "https://b.example.com/old"},
		"HTTPS":                {func(base string, r *http.Request) string { return secure + r.URL.Path }, secure + "/old"},
		"without its password": {func(base string, r *http.Request) string { return "https://a:b@b.example.com" + r.URL.Path }, "https://b.example.com/old"},
		"HTTPS, the path is dropped": {func(base string, r *http.Request) string {
			return strings.Replace(base, "http://", "https://", 1) + "/"
		}, "https+%s/old"},
	} {
		for _, status := range []int{301, 302} {
			t.Run(fmt.Sprint(name, status), func(t *testing.T) {
				var s *httptest.Server
				s = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					if !strings.HasPrefix(r.URL.Path, "/old/") {
						t.Errorf("the redirect to %s was followed", r.URL)
					}
					w.Header().Set("Location", c.to(s.URL, r))
					w.WriteHeader(status)
				}))
				t.Cleanup(s.Close)
				want := strings.Replace(c.advised, "%s", s.URL, 1)
				want = "Set spec.apiURL to " + strings.Replace(want, "https+http://", "https://", 1)
				config := ticket.Config{APIURL: s.URL + "/old/", Token: secret}
				_, err := dial(t, config).Probe(t.Context())
				check(t, err, fault.Invalid, fault.Connection, "Credentials", 0, want)
				if !strings.HasSuffix(err.Error(), want) {
					t.Errorf("got %q, want the end %q", err, want)
				}
				_, err = dial(t, config).Create(t.Context(), draft)
				check(t, err, fault.Invalid, fault.Connection, "", 0, want)
				err = dial(t, config).Comment(t.Context(), "10001", ticket.Comment{Ref: "r-1", Body: "x"})
				check(t, err, fault.Invalid, fault.Connection, "", 0, want)
			})
		}
	}
}

// TestRedirectsThatWork checks that redirects which keep the request, and those of one address to itself, are followed.
func TestRedirectsThatWork(t *testing.T) {
	routes := project("Cloud", usual)
	routes[createRoute] = []answer{created}
	target := serve(t, routes)
	seen := map[string]bool{}
	inner := target.Config.Handler
	target.Config.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if rest, ok := strings.CutPrefix(r.URL.RequestURI(), "/old/"); ok {
			http.Redirect(w, r, "/"+rest, http.StatusPermanentRedirect)
			return
		}
		if r.Method == http.MethodGet && !seen[r.URL.Path] { // such as one that sets a cookie
			seen[r.URL.Path] = true
			http.Redirect(w, r, r.URL.RequestURI(), http.StatusFound)
			return
		}
		inner.ServeHTTP(w, r)
	})
	tr := dial(t, ticket.Config{APIURL: target.URL + "/old", Token: secret})
	if _, err := tr.Probe(t.Context()); err != nil {
		t.Fatal(err)
	}
	if made, err := tr.Create(t.Context(), draft); err != nil || made.Key != "VOICE-1" {
		t.Errorf("%+v, %v", made, err)
	}
}

// TestLinksLeadToTheSite checks that people get addresses they can open, though the API may be behind a gateway.
func TestLinksLeadToTheSite(t *testing.T) {
	for name, c := range map[string]struct{ baseURL, siteURL, want string }{
		"as the server says": {"https://voice.example.com", "", "https://voice.example.com/browse/VOICE-1"},
		"with a path":        {"https://voice.example.com/jira/", "", "https://voice.example.com/jira/browse/VOICE-1"},
		"as configured":      {"https://voice.example.com", "https://site.example.com/", "https://site.example.com/browse/VOICE-1"},
		"it does not say":    {"", "", "%s/browse/VOICE-1"},
		"not a URL":          {"voice", "", "%s/browse/VOICE-1"},
		"not for people":     {"javascript:alert(1)//x", "", "%s/browse/VOICE-1"},
		"with a password":    {"https://a:b@voice.example.com", "", "%s/browse/VOICE-1"},
		"with a query":       {"https://voice.example.com?x=", "", "%s/browse/VOICE-1"},
		"too long":           {"https://voice.example.com/" + strings.Repeat("x", 1000), "", "%s/browse/VOICE-1"},
	} {
		t.Run(name, func(t *testing.T) {
			routes := project("Cloud", usual)
			routes["GET /rest/api/2/serverInfo"] = []answer{ok(fmt.Sprintf(`{"baseUrl":%q,"deploymentType":"Cloud","version":"1"}`, c.baseURL))}
			routes[createRoute] = []answer{created}
			routes[getRoute] = []answer{in("To Do", "new")}
			s := serve(t, routes)
			tr := dial(t, ticket.Config{APIURL: s.URL, SiteURL: c.siteURL, Token: secret})
			if _, err := tr.Probe(t.Context()); err != nil {
				t.Fatal(err)
			}
			made, err := tr.Create(t.Context(), draft)
			if err != nil {
				t.Fatal(err)
			}
			read, err := tr.Get(t.Context(), "10001")
			if err != nil {
				t.Fatal(err)
			}
			if want := strings.Replace(c.want, "%s", s.URL, 1); made.URL != want || read.URL != want {
				t.Errorf("the links are %q and %q, want %q", made.URL, read.URL, want)
			}
		})
	}
}

// TestIssueTypes finds the configured issue type as a person would, and refuses one that tickets cannot have.
func TestIssueTypes(t *testing.T) {
	const german = `{"id":"10004","name":"Fehler","untranslatedName":"Bug"},{"id":"2","name":"Aufgabe","untranslatedName":"Task"}`
	const sub = `{"id":"10004","name":"Bug"},{"id":"3","name":"Sub-task","subtask":true}`
	const isSub = `A sub-task type such as "Sub-task" cannot be used: tickets have no parent. Set spec.issueType to one of: Bug.`
	for name, c := range map[string]struct {
		types, wanted string
		kind          fault.Kind
		refusal       string // empty when it is found, with the ID 10004
	}{
		"exact":                          {`{"id":"1","name":"bug"},{"id":"10004","name":"Bug"}`, "Bug", 0, ""},
		"another case":                   {`{"id":"10004","name":"bug"}`, "Bug", 0, ""},
		"spaces around it":               {`{"id":"10004","name":"Bug"}`, " Bug ", 0, ""},
		"untranslated":                   {german, "Bug", 0, ""},
		"untranslated, another case":     {german, "bug", 0, ""},
		"translated":                     {german, "fehler", 0, ""},
		"another's untranslated name":    {`{"id":"1","name":"Fehler","untranslatedName":"Bug"},{"id":"10004","name":"Bug"}`, "Bug", 0, ""},
		"no such type":                   {german, "Story", fault.NotFound, `no issue type "Story" that the account may create. Set spec.issueType to one of: Fehler, Aufgabe.`},
		"a sub-task type":                {sub, "Sub-task", fault.Invalid, isSub},
		"a sub-task type, another case":  {sub, "sub-TASK", fault.Invalid, isSub},
		"no untranslated name, no match": {`{"id":"1","name":"Story"}`, "", fault.NotFound, `no issue type ""`},
	} {
		for _, described := range []bool{true, false} {
			t.Run(fmt.Sprint(name, described), func(t *testing.T) {
				routes := project("Cloud", usual)
				routes[typesRoute] = []answer{ok(`{"issueTypes":[` + c.types + `],"total":1}`)}
				if !described { // the project has them as well
					routes[typesRoute] = []answer{{status: 401}}
					routes["GET /rest/api/2/project/VOICE"] = []answer{ok(`{"key":"VOICE","issueTypes":[` + c.types + `]}`)}
				}
				routes[createRoute] = []answer{created}
				s := serve(t, routes)
				tr := dial(t, ticket.Config{APIURL: s.URL, Token: secret, Project: "VOICE", IssueType: c.wanted})
				_, err := tr.Probe(t.Context())
				if c.refusal != "" {
					check(t, err, c.kind, fault.Connection, "IssueType", 0, c.refusal)
					return
				}
				if err != nil {
					t.Fatal(err)
				}
				if _, err := tr.Create(t.Context(), draft); err != nil || sentFields(t, s)["issuetype"] != `{"id":"10004"}` {
					t.Errorf("sent %q, %v", sentFields(t, s)["issuetype"], err)
				}
			})
		}
	}
}

// TestRequiredPriority checks that a probe shows whether a ticket may have no priority.
func TestRequiredPriority(t *testing.T) {
	for more, want := range map[string]bool{"": false, `,"required":true`: true, `,"required":true,"hasDefaultValue":true`: false} {
		s := serve(t, project("Cloud", usual+`,{"fieldId":"priority","allowedValues":[{"name":"P1"}]`+more+`}`))
		p, err := dial(t, ticket.Config{APIURL: s.URL, Token: secret}).Probe(t.Context())
		if err != nil || p.PriorityRequired != want || p.Blockers != nil {
			t.Errorf("%s: %+v, %v", more, p, err)
		}
	}
}

// TestRefusedPriority checks that a refused priority is recognised though the configuration has it among the fields, where
// it does not belong.
func TestRefusedPriority(t *testing.T) {
	routes := project("Cloud", screen)
	routes[createRoute] = []answer{{status: 400, body: `{"errors":{"priority":"not valid"}}`}}
	config := ticket.Config{APIURL: serve(t, routes).URL, Token: secret, Project: "VOICE", IssueType: "Bug",
		Fields: []ticket.Field{{Name: "PRIORITY", Type: ticket.Option}}}
	_, err := dial(t, config).Create(t.Context(), draft)
	check(t, err, fault.Invalid, fault.Item, "priority", 0, "not valid")
	if f := fault.From(err); f.Fields["priority"] != "not valid" {
		t.Errorf("refused fields %v", f.Fields)
	}
}
