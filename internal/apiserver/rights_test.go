// SPDX-License-Identifier: Apache-2.0

package apiserver_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/onsi/gomega"
)

// endpoint is an endpoint with the permissions that it takes, and its status for a caller that has just these.
type endpoint struct {
	method, path, body string
	rights             []string
	status             int
}

func (e endpoint) headers() []string {
	if e.path == "/api/v1/events" {
		return []string{"Content-Type", "application/cloudevents+json"}
	}
	return nil
}

const (
	slackBody  = `{"spec":{"default":true,"defaultChannel":"#voice-ai-alerts"},"credentials":{"botToken":"xoxb-s3cr3t"}}`
	secondBody = `{"spec":{"defaultChannel":"#voice-ai-alerts"},"credentials":{"botToken":"xoxb-s3cr3t"}}`
	jiraBody   = `{"spec":{"apiURL":"https://example.atlassian.net","projectKey":"VOICE"},` +
		`"credentials":{"username":"qa@example.com","apiToken":"s3cr3t"}}`
	ruleBody = `{"spec":{"eventTypes":["SystemAlertFiring"]}}`
)

var endpoints = []endpoint{
	{"GET", "/api/v1/integrations/slack/config", "", []string{"get slackintegrations"}, 200},
	{"GET", "/api/v1/integrations/jira/config", "", []string{"get jiraintegrations"}, 200},
	{"PUT", "/api/v1/integrations/slack/config", slackBody, []string{"update slackintegrations", "create secrets"}, 200},
	{"PUT", "/api/v1/integrations/slack/config?name=new", secondBody, []string{"create slackintegrations", "create secrets"}, 201},
	{"PUT", "/api/v1/integrations/jira/config", jiraBody, []string{"update jiraintegrations", "create secrets"}, 200},
	{"PUT", "/api/v1/integrations/jira/config?name=new", jiraBody, []string{"create jiraintegrations", "create secrets"}, 201},
	{"PUT", "/api/v1/integrations/slack/credentials", `{"credentials":{"botToken":"xoxb-s3cr3t"}}`,
		[]string{"get slackintegrations", "create secrets"}, 204},
	{"PUT", "/api/v1/integrations/jira/credentials", `{"credentials":{"apiToken":"s3cr3t"}}`,
		[]string{"get jiraintegrations", "create secrets"}, 204},
	{"GET", "/api/v1/integrations/slack/oauth/start?redirectURL=https://d.example.com/oauth/slack", "",
		[]string{"update slackintegrations", "create secrets"}, 409}, // it has no spec.oauth
	{"POST", "/api/v1/integrations/slack/oauth/revoke", "", []string{"update slackintegrations"}, 409},
	{"DELETE", "/api/v1/integrations/slack/config", "", []string{"delete slackintegrations"}, 204},
	{"DELETE", "/api/v1/integrations/jira/config", "", []string{"delete jiraintegrations"}, 204},
	{"POST", "/api/v1/integrations/slack/test?name=asleep", "", []string{"update slackintegrations"}, 409}, // it is suspended
	{"POST", "/api/v1/integrations/jira/test?name=asleep", "", []string{"update jiraintegrations"}, 409},
	{"GET", "/api/v1/integrations/status", "", []string{"list slackintegrations"}, 200},
	{"GET", "/api/v1/integrations/health", "", []string{"get jiraintegrations"}, 200},
	{"GET", "/api/v1/integrations/logs", "", []string{"list notifications"}, 200},
	{"GET", "/api/v1/defects", "", []string{"list defects"}, 200},
	{"POST", "/api/v1/defects", `{"title":"Hangs up","severity":"Low"}`, []string{"create defects"}, 201},
	{"GET", "/api/v1/defects/found", "", []string{"get defects"}, 200},
	{"PATCH", "/api/v1/defects/found", `{"state":"Resolved"}`, []string{"update defects"}, 200},
	{"POST", "/api/v1/defects/found/jira", "", []string{"update defects"}, 202},
	{"GET", "/api/v1/edge-cases", "", []string{"list defects"}, 200},
	{"GET", "/api/v1/rules", "", []string{"list notificationrules"}, 200},
	{"GET", "/api/v1/rules/alerts", "", []string{"get notificationrules"}, 200},
	{"PUT", "/api/v1/rules/alerts", ruleBody, []string{"update notificationrules"}, 200},
	{"PUT", "/api/v1/rules/new", ruleBody, []string{"create notificationrules"}, 201},
	{"DELETE", "/api/v1/rules/alerts", "", []string{"delete notificationrules"}, 204},
	{"POST", "/api/v1/rules/alerts/test", "", []string{"get notificationrules"}, 200},
	{"GET", "/api/v1/suites/booking", "", []string{"list jobs"}, 200},
	{"POST", "/api/v1/runs/monday/rerun", "", []string{"get jobs", "create jobs"}, 201},
	{"GET", "/api/v1/suites", "", []string{"list cronjobs"}, 200},
	{"POST", "/api/v1/suites/booking/runs", "", []string{"create jobs"}, 201},
	{"GET", "/api/v1/runs", "", []string{"list jobs"}, 200},
	{"GET", "/api/v1/runs/monday", "", []string{"get jobs"}, 200},
	{"GET", "/api/v1/notifications/sent-one", "", []string{"get notifications"}, 200},
	{"GET", "/api/v1/summary", "", []string{"list defects"}, 200},
	{"POST", "/api/v1/webhooks/alertmanager", alerts("a"), []string{"create events"}, 200},
	{"POST", "/api/v1/events", cloudEvent("b"), []string{"create events"}, 200},
}

// newFilledWorld returns a world with an object of each kind that the endpoints are about.
func newFilledWorld(t *testing.T) *world {
	t.Helper()
	w := newWorld(t)
	slack := w.slack()
	slack.Name = "asleep"
	slack.Spec.Suspend = true
	slack.Spec.Default = false
	jira := w.jira()
	jira.Name = "asleep"
	jira.Spec.Suspend = true
	jira.Spec.Default = false
	w.create(w.slack(), w.jira(), slack, jira, w.rule(), w.defect("found"), w.suite("booking"), w.job("monday"))
	return w
}

func TestEveryEndpointIsAuthorized(t *testing.T) {
	listed := map[string]bool{}
	for _, e := range endpoints {
		path, _, _ := strings.Cut(e.path, "?")
		listed[e.method+" "+document.template(path)] = true
		t.Run(e.method+" "+e.path, func(t *testing.T) {
			w := newFilledWorld(t)
			w.create(w.notification("sent-one"))
			for _, c := range []struct {
				name   string
				caller *caller
				want   int
			}{
				{"no token", &caller{w: w, base: base}, http.StatusUnauthorized},
				{"a wrong token", &caller{w: w, base: base, token: "wrong"}, http.StatusUnauthorized},
				{"no right", w.callerWith(), http.StatusForbidden},
				{"right", w.callerWith(e.rights...), e.status},
			} {
				a := c.caller.ask(e.method, e.path, e.body, e.headers()...)
				w.Expect(a.status).To(gomega.Equal(c.want), "%s: %s", c.name, a.body)
				if c.want == http.StatusUnauthorized {
					w.Expect(a.header.Get("WWW-Authenticate")).To(gomega.HavePrefix("Bearer"))
				}
			}
			if len(e.rights) > 1 { // each of them is needed
				w.Expect(w.callerWith(e.rights[:1]...).ask(e.method, e.path, e.body,
					e.headers()...).status).To(gomega.BeElementOf(http.StatusForbidden))
			}
		})
	}
	for path, methods := range document.paths {
		for method := range methods {
			if at := strings.ToUpper(method) + " " + path; !listed[at] && path != "/api/v1/watch" && path != "/api/v1/access" &&
				path != completeInstallPath { // see TestInstall
				t.Errorf("%s is in the document and not in this table", at)
			}
		}
	}
}

func TestForbiddenAnswersRevealNothing(t *testing.T) {
	w := newFilledWorld(t)
	w.create(w.notification("sent-one"))
	none := w.callerWith()
	for _, pair := range [][3]string{
		{"GET", "/api/v1/defects/found", "/api/v1/defects/missing"},
		{"GET", "/api/v1/integrations/slack/config?name=slack", "/api/v1/integrations/slack/config?name=missing"},
		{"DELETE", "/api/v1/rules/alerts", "/api/v1/rules/missing"},
		{"GET", "/api/v1/runs/monday", "/api/v1/runs/missing"},
		{"GET", "/api/v1/suites/booking", "/api/v1/suites/missing"},
		{"POST", "/api/v1/runs/monday/rerun", "/api/v1/runs/missing/rerun"},
		{"GET", "/api/v1/notifications/sent-one", "/api/v1/notifications/missing"},
	} {
		existing := none.ask(pair[0], pair[1], "")
		missing := none.ask(pair[0], pair[2], "")
		w.Expect(existing.body).To(gomega.Equal(missing.body))
	}
	for _, name := range []string{"alerts", "missing"} {
		a := none.ask("PUT", "/api/v1/rules/"+name, ruleBody)
		w.Expect(a.status).To(gomega.Equal(http.StatusForbidden))
		w.Expect(a.body).To(gomega.ContainSubstring("may not create notificationrules"))
	}
}

func TestProblems(t *testing.T) {
	for _, c := range []struct {
		name, method, path, body string
		headers                  []string
		status                   int
		says                     string
	}{
		{"no such integration", "GET", "/api/v1/integrations/slack/config?name=none", "", nil, 404, "is not configured"},
		{"no such integration to remove", "DELETE", "/api/v1/integrations/jira/config?name=none", "", nil, 404, "is not configured"},
		{"no such integration to test", "POST", "/api/v1/integrations/slack/test?name=none", "", nil, 404, "is not configured"},
		{"no such defect", "GET", "/api/v1/defects/none", "", nil, 404, "none"},
		{"no such defect to move", "PATCH", "/api/v1/defects/none", `{"state":"Open"}`, nil, 404, "none"},
		{"no such defect to file", "POST", "/api/v1/defects/none/jira", "", nil, 404, "none"},
		{"no such rule", "GET", "/api/v1/rules/none", "", nil, 404, "none"},
		{"no such rule to remove", "DELETE", "/api/v1/rules/none", "", nil, 404, "none"},
		{"no such rule to test", "POST", "/api/v1/rules/none/test", "", nil, 404, "none"},
		{"no such suite", "POST", "/api/v1/suites/none/runs", "", nil, 404, "label a CronJob"},
		{"no such suite to show", "GET", "/api/v1/suites/none", "", nil, 404, "label a CronJob"},
		{"no such run to repeat", "POST", "/api/v1/runs/none/rerun", "", nil, 404, "none"},
		{"no such run", "GET", "/api/v1/runs/none", "", nil, 404, "none"},
		{"no such notification", "GET", "/api/v1/notifications/none", "", nil, 404, "none"},
		{"no such event", "POST", "/api/v1/rules/alerts/test", `{"eventID":"none"}`, nil, 404, "the log shows"},
		{"no such page", "GET", "/api/v1/nothing", "", nil, 404, "/openapi"},
		{"no such method", "PUT", "/api/v1/defects", "{}", nil, 405, "GET"},
		{"a path with dots", "GET", "/api/v1/x/../defects", "", nil, 404, ""},

		{"no JSON", "POST", "/api/v1/defects", `{`, nil, 400, "body"},
		{"not said to be JSON", "POST", "/api/v1/defects", `{"title":"x","severity":"Low"}`,
			[]string{"Content-Type", "text/plain"}, 415, "application/json"},
		// By so little that the server reads the rest: it resets a connection on which much is left, perhaps before the answer is read.
		{"too large", "POST", "/api/v1/defects", `{"title":"` + strings.Repeat("x", 256<<10) + `"}`, nil, 413, "too large"},
		{"no title", "POST", "/api/v1/defects", `{"severity":"Low"}`, nil, 422, "title"},
		{"unknown severity", "POST", "/api/v1/defects", `{"title":"x","severity":"Awful"}`, nil, 422, `"location":"body.severity"`},
		{"a name that is none", "POST", "/api/v1/defects", `{"name":"A B","title":"x","severity":"Low"}`, nil, 422,
			`"location":"body.name"`},
		{"a label that is none", "POST", "/api/v1/defects", `{"labels":{"a":"a b"},"title":"x","severity":"Low"}`,
			nil, 422, `"location":"body.labels"`},
		{"unknown field", "POST", "/api/v1/defects", `{"title":"x","severity":"Low","colour":"red"}`, nil, 422, `"location":"body"`},
		{"a secret where none belongs", "POST", "/api/v1/defects",
			`{"title":"x","severity":"Low","botToken":"xoxb-s3cr3t"}`, nil, 422, "does not exist"},
		{"a secret that is a list", "PUT", "/api/v1/integrations/slack/config",
			`{"spec":{},"credentials":{"botToken":["s3cr3t"]}}`, nil, 422, "body.credentials.botToken"},
		{"unknown state", "PATCH", "/api/v1/defects/found", `{"state":"Done"}`, nil, 422, "body.state"},
		{"no channel", "PUT", "/api/v1/integrations/slack/config?name=new",
			`{"spec":{},"credentials":{"botToken":"s3cr3t"}}`, nil, 422, "defaultChannel"},
		{"neither bot nor webhook", "PUT", "/api/v1/integrations/slack/config?name=new",
			`{"spec":{"defaultChannel":"#x"}}`, nil, 422, "webhook"},
		{"a token without a user", "PUT", "/api/v1/integrations/jira/config?name=new",
			`{"spec":{"apiURL":"https://x.example.com","projectKey":"VOICE"},"credentials":{"apiToken":"s3cr3t"}}`, nil, 422, "username"},
		{"no event types", "PUT", "/api/v1/rules/alerts", `{"spec":{"eventTypes":[]}}`, nil, 422, "eventTypes"},
		{"event and eventID", "POST", "/api/v1/rules/alerts/test", `{"eventID":"x","event":{"type":"DefectCreated"}}`, nil, 422, "not both"},
		{"bad alerts", "POST", "/api/v1/webhooks/alertmanager", `{}`, nil, 422, "must be 4"},
		{"bad events", "POST", "/api/v1/events", `{}`, []string{"Content-Type", "application/cloudevents+json"}, 422, "specversion"},
		{"no events", "POST", "/api/v1/events", `{}`, nil, 415, "application/cloudevents+json"},
		{"a cursor that is none", "GET", "/api/v1/defects?cursor=abc", "", nil, 422, "query.cursor"},
		{"a query that cannot be read", "GET", "/api/v1/defects?namespace=%zz", "", nil, 422, "malformed"},
		{"a filter that is none", "GET", "/api/v1/defects?serverity=High", "", nil, 422, `"location":"query"`},
		{"a page too large", "GET", "/api/v1/runs?limit=1000", "", nil, 422, "query.limit"},
		{"no namespace's name", "GET", "/api/v1/rules?namespace=A%2FB", "", nil, 422, "query.namespace"},

		{"a defect twice", "POST", "/api/v1/defects", `{"name":"found","title":"x","severity":"Low"}`, nil, 409, "another name"},
		{"a rule read long ago", "PUT", "/api/v1/rules/alerts", ruleBody, []string{"If-Match", `"old-1"`}, 412, "read it again"},
		{"a rule read long ago, to remove", "DELETE", "/api/v1/rules/alerts", "", []string{"If-Match", `"old-1"`}, 412, "read it again"},
		{"a rule that is there", "PUT", "/api/v1/rules/alerts", ruleBody, []string{"If-None-Match", "*"}, 412, "exists already"},
		{"a rule that is gone", "PUT", "/api/v1/rules/gone", ruleBody, []string{"If-Match", `"old-1"`}, 412, "does not exist any more"},
		{"a configuration read long ago", "PUT", "/api/v1/integrations/slack/config", slackBody,
			[]string{"If-Match", `"old-1"`}, 412, "read it again"},
		{"a configuration read long ago, to remove", "DELETE", "/api/v1/integrations/jira/config", "",
			[]string{"If-Match", `"old-1"`}, 412, "read it again"},
		{"a defect read long ago", "PATCH", "/api/v1/defects/found", `{"state":"Resolved"}`,
			[]string{"If-Match", `"1"`}, 412, "read it again"},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newFilledWorld(t)
			a := w.admin().ask(c.method, c.path, c.body, c.headers...)
			w.Expect(a.status).To(gomega.Equal(c.status), a.body)
			w.Expect(a.header.Get("Content-Type")).To(gomega.Equal("application/problem+json"))
			w.Expect(a.body).To(gomega.ContainSubstring(c.says))
		})
	}
}
