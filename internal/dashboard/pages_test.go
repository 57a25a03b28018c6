// SPDX-License-Identifier: Apache-2.0

package dashboard

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/voiceai-dev/integrations-operator/internal/dashboard/client"
	"github.com/voiceai-dev/integrations-operator/internal/dashboard/web"
)

const hostile = `<script>alert(1)</script>"'><img src=x onerror=alert(2)>`

// world returns the answers of an API in which every text that people have written is hostile.
func world() map[string]any {
	defect := map[string]any{
		"namespace": "qa", "name": "d-1", "createdTime": "2026-03-04T10:00:00Z",
		"spec": map[string]any{"title": hostile, "severity": "High", "description": hostile, "suite": hostile,
			"voice": map[string]any{"heardTranscript": hostile, "verdict": hostile, "audioURL": "javascript:alert(8)"},
			"tests": []any{map[string]any{"id": "t", "name": hostile}}},
		"status": map[string]any{
			"state": "Open", "occurrences": 2, "jira": map[string]any{"key": "VOICE-1", "url": "javascript:alert(3)"},
			"messages": []any{map[string]any{"rule": "r", "channel": hostile, "permalink": "data:text/html,x"}},
		},
	}
	entry := map[string]any{
		"time": "2026-03-04T11:00:00Z", "object": "Defect/qa/d-1", "outcome": "Failed", "reason": "Rejected", "detail": hostile,
		"eventType": "DefectCreated", "notification": "qa/n-1", "permalink": "javascript:alert(4)", "channel": hostile,
		"channelName": hostile + "name", "title": hostile,
	}
	section := "*bold* <https://jira.example/1|link> <javascript:alert(5)|bad> <!subteam^S1|oncall> :mag: " +
		"&lt;script&gt;alert(6)&lt;/script&gt;"
	full := map[string]any{"event": map[string]any{"id": "e"}, "message": map[string]any{
		"text": hostile, "color": `"><script>`, "blocks": []any{map[string]any{"section": section}},
	}}
	for k, v := range entry {
		full[k] = v
	}
	run := map[string]any{
		"namespace": "qa", "name": "booking-7", "suite": "booking", "state": "Failed", "reason": "BackoffLimitExceeded", "message": hostile,
		"createdTime": "2026-03-04T10:00:00Z", "finishedTime": "2026-03-04T10:02:05Z", "durationSeconds": 125, "resultError": hostile,
		"commit":  hostile,
		"results": map[string]any{"passed": 40, "failed": 3, "skipped": 1, "total": 44, "reportURL": "javascript:alert(9)"},
	}
	row := map[string]any{
		"namespace": "qa", "name": "d-1", "title": hostile, "severity": "High", "state": "Open", "change": "New", "strip": "PF",
		"ticketKey": "VOICE-1", "ticketURL": "javascript:alert(7)", "testCase": hostile, "flakeRatePercent": 40,
	}
	oneRun := map[string]any{
		"previous": map[string]any{"namespace": "qa", "name": "booking-6", "state": "Passed", "results": map[string]any{"passed": 41, "failed": 2}},
		"defects":  map[string]any{"new": 1, "items": []any{row}},
	}
	for k, v := range run {
		oneRun[k] = v
	}
	cronJob := map[string]any{
		"suite": "booking", "namespace": "qa", "name": "nightly", "schedule": hostile, "timeZone": hostile, "lastRun": run,
		"nextRunTime": "2026-03-05T03:00:00Z",
	}
	return map[string]any{
		"GET /api/v1/runs":           map[string]any{"items": []any{run}, "total": 51, "nextCursor": "c2"},
		"GET /api/v1/runs/booking-7": oneRun,
		"GET /api/v1/suites":         map[string]any{"items": []any{cronJob}},
		"GET /api/v1/suites/booking": map[string]any{
			"suite": "booking", "namespace": "qa", "cronJobs": []any{cronJob}, "runs": []any{run}, "failingSince": "2026-03-04T09:00:00Z",
			"nextRunTime": "2026-03-05T03:00:00Z",
		},
		"GET /api/v1/summary": map[string]any{
			"integrations": []any{map[string]any{
				"kind": "SlackIntegration", "namespace": "qa", "name": "slack", "status": "error", "message": hostile,
				"hours": []any{map[string]any{"succeeded": 3, "failed": 1}},
			}},
			"defects": map[string]any{"open": 1, "bySeverity": map[string]int{"High": 1}},
			"needs":   1,
			"attention": []any{map[string]any{
				"object": "Defect/qa/d-1", "title": hostile, "reason": "Invalid", "message": hostile, "time": "2026-03-04T11:00:00Z", "count": 1,
			}},
			"suites": []any{map[string]any{
				"namespace": "qa", "suite": "booking",
				"runs": []any{map[string]any{"namespace": "qa", "name": "r", "state": "Passed", "createdTime": "2026-03-04T11:00:00Z"}},
			}},
		},
		"GET /api/v1/defects": map[string]any{
			"items": []any{row}, "total": 51, "nextCursor": "c2",
		},
		"GET /api/v1/defects/d-1":         defect,
		"GET /api/v1/integrations/logs":   map[string]any{"items": []any{entry}, "total": 51, "nextCursor": "c2"},
		"GET /api/v1/integrations/status": map[string]any{"items": []any{}},
		"GET /api/v1/notifications/n-1":   full,
	}
}

var everyPage = []string{
	"/", "/defects", "/defects/qa/d-1", "/activity", "/activity/qa/n-1", "/runs", "/runs/qa/booking-7", "/suites", "/suites/qa/booking",
}

func TestHostileTextDoesNotRun(t *testing.T) {
	for _, path := range everyPage {
		t.Run(path, func(t *testing.T) {
			d := newTester(t, world())
			page := d.open(path, http.StatusOK)
			d.has(page, "&lt;script&gt;alert(1)")
			d.hasNot(page, "<script>alert", "<img", "javascript:", "data:text", " style=", "onerror=alert(2)>")
			d.hasNot(strings.ReplaceAll(page, `<script src="/static/`, ""), "<script")
		})
	}
}

func TestMessageLooksLikeInSlack(t *testing.T) {
	d := newTester(t, world())
	d.has(d.open("/activity/qa/n-1", http.StatusOK),
		`<b>bold</b> <a href="https://jira.example/1" rel="noopener noreferrer">link</a> bad <span class="mention">@oncall</span>`,
		"🔍", "&lt;script&gt;alert(6)")
}

// TestReasonsLeadToHelp checks that the reasons that pages show lead to what troubleshooting says about them.
func TestReasonsLeadToHelp(t *testing.T) {
	answers := world()
	answers["GET /api/v1/defects/d-1"] = map[string]any{
		"namespace": "qa", "name": "d-1", "spec": map[string]any{"title": "A title"}, "status": map[string]any{"conditions": []any{
			map[string]any{"type": "Ticketed", "status": "False", "reason": "IntegrationNotFound", "message": "there is none"},
			map[string]any{"type": "Stalled", "status": "True", "reason": "IntegrationNotFound",
				"message": "there is none. See https://example.com/docs/troubleshooting.md#integrationnotfound"},
		}},
	}
	d := newTester(t, answers)
	for path, place := range map[string]string{
		"/": "#invalid", "/activity": "#rejected", "/activity/qa/n-1": "?namespace=qa#rejected",
		"/defects/qa/d-1": "?namespace=qa#integrationnotfound",
	} {
		d.has(d.open(path, http.StatusOK), `href="/docs/troubleshooting`+place+`"`)
	}
	d.hasNot(d.open("/defects/qa/d-1", http.StatusOK), "See https://")
	d.has(d.open("/docs/troubleshooting", http.StatusOK), `id="rejected"`, `id="integrationnotfound"`)
}

func TestHeaders(t *testing.T) {
	d := newTester(t, world())
	for _, path := range append([]string{"/signin", "/nothing"}, everyPage...) {
		w := d.send("GET", path, "", "Cookie", "voiceai="+goodToken)
		if got := w.Header().Get("Content-Security-Policy"); got != policy || strings.Contains(got, "unsafe") {
			t.Errorf("%s: the policy is %q", path, got)
		}
		if w.Header().Get("Cache-Control") != "no-store" || w.Header().Get("X-Content-Type-Options") != "nosniff" {
			t.Errorf("%s: got %v", path, w.Header())
		}
	}
	for name, f := range web.StaticFiles() {
		w := d.send("GET", f.Address, "")
		if w.Code != http.StatusOK || !strings.Contains(w.Header().Get("Cache-Control"), "immutable") || w.Header().Get("Content-Type") == "" {
			t.Errorf("%s: got %d %v", name, w.Code, w.Header())
		}
	}
}

func TestButtonsNeedRights(t *testing.T) {
	viewer := map[string]any{"caller": "viewer", "namespace": "qa", "rights": map[string]any{
		"defects": []string{"get", "list"}, "notifications": []string{"get", "list"},
	}}
	for path, buttons := range map[string][]string{
		"/defects/qa/d-1":    {"Create Jira ticket", "Change the state", `action="/defects/`},
		"/":                  {">Fix</a>"},
		"/runs/qa/booking-7": {"Rerun", `action="/runs/`},
		"/suites/qa/booking": {"Run now", `action="/suites/`},
	} {
		answers := world()
		answers["GET /api/v1/defects/d-1"] = map[string]any{
			"namespace": "qa", "name": "d-1", "spec": map[string]any{"title": "x", "severity": "Low"},
		}
		may := newTester(t, answers)
		may.has(may.open(path, http.StatusOK), buttons...)
		answers["GET /api/v1/access"] = viewer
		mayNot := newTester(t, answers)
		mayNot.hasNot(mayNot.open(path, http.StatusOK), buttons...)
	}
}

// TestNeedsAttention checks that only the type of an event is split into words, and no text that people have written.
func TestNeedsAttention(t *testing.T) {
	item := func(object, title, event string, count int) map[string]any {
		return map[string]any{"object": object, "title": title, "eventType": event, "reason": "Rejected", "message": "why", "count": count}
	}
	d := newTester(t, map[string]any{"GET /api/v1/summary": map[string]any{"attention": []any{
		item("Notification/qa/n-1", "OpenAI API returns HTTP 500", "SystemAlertFiring", 1),
		item("Notification/qa/n-2", "", "SystemAlertFiring", 1),
		item("Defect/qa/d-1", "", "", 1),
		item("Notification/qa/n-3", "", "", 2),
		item("Defect/qa/d-2", "", "", 2),
		item("NotificationRule/qa/r", "", "", 2),
		item("JiraIntegration/qa/j", "", "", 2),
	}}})
	d.has(d.open("/?namespace=qa", http.StatusOK),
		`<a href="/activity/qa/n-1?namespace=qa">OpenAI API returns HTTP 500</a>`,
		`<a href="/activity/qa/n-2?namespace=qa">System alert firing</a>`,
		`<a href="/defects/qa/d-1?namespace=qa">d-1</a>`,
		`<a href="/activity?detail=why&amp;kind=Notification&amp;namespace=qa&amp;outcome=Failed&amp;reason=Rejected`+
			`&amp;since=0001-01-01T00%3A00%3A00Z">2 Notifications</a>`,
		`<a href="/defects?detail=why&amp;namespace=qa&amp;reason=Rejected">2 Defects</a>`)
}

func TestCardShowsTheLastErrorOnce(t *testing.T) {
	card := map[string]any{
		"kind": "SlackIntegration", "namespace": "qa", "name": "slack", "status": "healthy", "message": "ok",
		"lastError": "timeout", "lastErrorTime": "2026-03-04T11:00:00Z",
	}
	d := newTester(t, map[string]any{"GET /api/v1/summary": map[string]any{"integrations": []any{card}}})
	d.has(d.open("/", http.StatusOK), `<p class="sub clip">timeout</p>`)
	card["message"] = "timeout"
	if page := d.open("/", http.StatusOK); strings.Count(page, "timeout") != 1 {
		t.Errorf("the last error is not shown once: %s", page)
	}
}

func TestFilters(t *testing.T) {
	d := newTester(t, world())
	const filter = "q=wrong+day&state=InProgress&severity=High&category=EdgeCase&ticket=none&suite=booking&sort=severity"
	page := d.open("/defects?namespace=qa&"+filter, http.StatusOK)
	d.has(page, `value="wrong day"`, `value="InProgress" selected`, `<option selected>High`, `value="EdgeCase" selected`, `value="none"`,
		`value="booking"`, `value="severity" selected`, `name="namespace" value="qa"`,
		"/defects?category=EdgeCase&amp;cursor=c2&amp;namespace=qa&amp;q=wrong&#43;day&amp;severity=High&amp;sort=severity"+
			"&amp;state=InProgress&amp;suite=booking&amp;ticket=none")
	want := "GET /api/v1/defects?category=EdgeCase&limit=50&namespace=qa&q=wrong+day&severity=High&sort=severity" +
		"&state=InProgress&suite=booking&ticket=none"
	if got := d.api.calls[len(d.api.calls)-1]; got != want {
		t.Errorf("the call is %s, want %s", got, want)
	}
	d.has(d.open("/defects?cursor=c2", http.StatusOK), "First page", "Next page")
	d.hasNot(d.open("/defects", http.StatusOK), "First page", "Show all")

	page = d.open("/activity?q=x&outcome=Failed&integration=SlackIntegration/qa/slack&object=Defect/qa/d-1&cursor=c1", http.StatusOK)
	d.has(page, `value="x"`, `<option selected>Failed`, `<option selected>SlackIntegration/qa/slack`, "Newest", "Older", "cursor=c2")
}

func TestEmptyAndErrorPages(t *testing.T) {
	none := map[string]any{"items": []any{}, "total": 0}
	d := newTester(t, map[string]any{
		"GET /api/v1/defects": none, "GET /api/v1/integrations/logs": none, "GET /api/v1/integrations/status": none,
		"GET /api/v1/summary": map[string]any{"defects": map[string]any{"bySeverity": map[string]int{}}},
	})
	d.has(d.open("/defects", http.StatusOK), "No defects")
	d.has(d.open("/defects?q=x", http.StatusOK), "No matches", "Show all")
	d.has(d.open("/activity", http.StatusOK), "No activity yet")
	d.has(d.open("/", http.StatusOK), "No integration yet", "Connect Slack", "All clear", "No runs")
	d.has(d.open("/defects/qa/gone", http.StatusNotFound), "Not found")
	d.has(d.open("/nothing", http.StatusNotFound), "Not found")
	for code, title := range map[int]string{
		403: "You may not see this", 429: "Too many requests", 503: "Not available right now", 500: "Something went wrong",
	} {
		d.api.answers["GET /api/v1/defects"] = response{code, client.Problem{Detail: "ann may not list defects: bind a Role"}}
		d.has(d.open("/defects", code), title, "bind a Role", `<h1>`)
	}
	for _, path := range []string{
		"/defects/qa/..%2f..%2faccess", "/defects/qa/d-1%2fjira", "/defects/QA/x", "/defects/qa/%00", "/activity/qa/a%3Fb",
	} {
		before := len(d.api.calls)
		d.open(path, http.StatusNotFound)
		if len(d.api.calls) != before {
			t.Errorf("%s reached the API: %q", path, d.api.calls[before:])
		}
	}
}

func TestDefectForms(t *testing.T) {
	answers := world()
	answers["PATCH /api/v1/defects/d-1"] = map[string]any{}
	answers["POST /api/v1/defects/d-1/jira"] = response{http.StatusAccepted, map[string]any{}}
	d := newTester(t, answers)
	w := d.post("/defects/qa/d-1/state", url.Values{"state": {"Resolved"}})
	if w.Code != http.StatusSeeOther || w.Header().Get("Location") != "/defects/qa/d-1?done=moved" {
		t.Errorf("got %d to %q", w.Code, w.Header().Get("Location"))
	}
	if got := d.api.bodies["PATCH /api/v1/defects/d-1"]; got != `{"state":"Resolved"}` {
		t.Errorf("the API was sent %s", got)
	}
	d.has(d.open("/defects/qa/d-1?done=moved", http.StatusOK), "The state was changed.")
	if w = d.post("/defects/qa/d-1/ticket", nil); w.Header().Get("Location") != "/defects/qa/d-1?done=ticket" {
		t.Errorf("got %d to %q", w.Code, w.Header().Get("Location"))
	}
	d.api.answers["PATCH /api/v1/defects/d-1"] = response{http.StatusConflict, client.Problem{Detail: "d-1 is managed by argocd-controller"}}
	w = d.post("/defects/qa/d-1/state", url.Values{"state": {"Closed"}})
	if w.Code != http.StatusUnprocessableEntity {
		t.Errorf("got %d, want 422", w.Code)
	}
	d.has(w.Body.String(), "managed by argocd-controller", `value="Closed" selected`)
	d.api.answers["PATCH /api/v1/defects/d-1"] = response{http.StatusForbidden, client.Problem{Detail: "no"}}
	d.has(d.post("/defects/qa/d-1/state", url.Values{"state": {"Closed"}}).Body.String(), "You may not do this")

	before := len(d.api.calls)
	for _, headers := range [][]string{
		{"Sec-Fetch-Site", "cross-site"}, {"Sec-Fetch-Site", "same-site"}, {"Origin", "https://evil.example"},
	} {
		w := d.send("POST", "/defects/qa/d-1/ticket", "", append(headers, "Cookie", "voiceai="+goodToken)...)
		if w.Code != http.StatusForbidden || len(d.api.calls) != before {
			t.Errorf("%q: got %d, and the API got the calls %q", headers, w.Code, d.api.calls[before:])
		}
	}
}

// TestAddressOfARejectedForm opens the address that a browser is at when it shows a form with errors.
func TestAddressOfARejectedForm(t *testing.T) {
	answers := world()
	for path, answer := range slackAnswers() {
		answers[path] = answer
	}
	answers["PATCH /api/v1/defects/d-1"] = response{http.StatusUnprocessableEntity, client.Problem{Detail: "no"}}
	d := newTester(t, answers)
	for path, page := range map[string]string{
		"/defects/qa/d-1/state?namespace=qa": "/defects/qa/d-1?namespace=qa",
		"/defects/qa/d-1/ticket":             "/defects/qa/d-1",
		"/integrations/slack/qa/slack/save":  "/integrations/slack/qa/slack",
		"/integrations/slack/qa/slack/test":  "/integrations/slack/qa/slack",
		"/integrations/jira/qa/jira/remove":  "/integrations/jira/qa/jira",
	} {
		w := d.send("GET", path, "", "Cookie", "voiceai="+goodToken)
		if w.Code != http.StatusSeeOther || w.Header().Get("Location") != page {
			t.Errorf("%s: got %d to %q, want 303 to %q", path, w.Code, w.Header().Get("Location"), page)
		}
	}
	w := d.post("/defects/qa/d-1/state?namespace=qa", url.Values{"state": {"Closed"}})
	d.has(w.Body.String(), `data-page="/defects/qa/d-1?namespace=qa"`)
	d.has(d.open("/defects/qa/d-1?done=moved&namespace=qa", http.StatusOK), `data-page="/defects/qa/d-1?namespace=qa"`)
}

func TestNamespaces(t *testing.T) {
	answers := world()
	answers["GET /api/v1/access"] = map[string]any{
		"caller": "admin", "namespace": "qa", "everywhere": true, "namespaces": []string{"qa", "staging"}, "rights": allRights(),
	}
	d := newTester(t, answers)
	d.has(d.open("/defects", http.StatusOK), `<option value="*" selected>`, `<option>staging</option>`)
	if got := d.api.calls[len(d.api.calls)-1]; got != "GET /api/v1/defects?limit=50&namespace=%2A" {
		t.Errorf("the call is %s, want all namespaces", got)
	}
	d.has(d.open("/defects?namespace=staging", http.StatusOK), `href="/activity?namespace=staging"`)
	one := newTester(t, world())
	one.has(one.open("/defects/other/d-1", http.StatusOK), `href="/activity?namespace=other"`)
}

func TestLiveForwardsTheToken(t *testing.T) {
	var calls []string
	h := New(Options{API: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		calls = append(calls, r.URL.RequestURI()+" "+r.Header.Get("Authorization")+r.Header.Get("Cookie"))
	})})
	for _, c := range []string{"voiceai=" + goodToken, ""} {
		r := httptest.NewRequest("GET", "/live?namespace=qa&kinds=Defect&kinds=Job", nil)
		r.Header.Set("Cookie", c)
		r.Header.Set("Authorization", "Bearer smuggled")
		h.ServeHTTP(httptest.NewRecorder(), r)
	}
	if want := "/api/v1/watch?namespace=qa&kinds=Defect&kinds=Job "; calls[0] != want+"Bearer "+goodToken || calls[1] != want {
		t.Errorf("the calls are %q", calls)
	}
}

func TestPageFollowsChangesSinceItWasRead(t *testing.T) {
	d := newTester(t, world())
	d.api.position = "P-7"
	d.has(d.open("/defects", http.StatusOK), `&amp;since=P-7"`)
}

// TestActivityWithoutAPage checks that an entry that is no Notification opens in its row. Its detail is also shown in
// narrow windows, which have no column for it.
func TestActivityWithoutAPage(t *testing.T) {
	entry := map[string]any{
		"time": "2026-03-04T11:00:00Z", "integration": "JiraIntegration/qa/jira", "action": "CreateIssue", "object": "Defect/qa/d-1",
		"outcome": "Failed", "detail": "customfield_1 <b>is required</b>",
	}
	d := newTester(t, map[string]any{
		"GET /api/v1/integrations/logs":   map[string]any{"items": []any{entry}, "total": 1},
		"GET /api/v1/integrations/status": map[string]any{},
	})
	page := d.open("/activity", http.StatusOK)
	const detail = "customfield_1 &lt;b&gt;is required&lt;/b&gt;"
	d.has(page, `<summary class="title">Create issue</summary>`, `<dt>What went wrong</dt><dd>`+detail, `<div class="clip">`+detail,
		`data-key="2026-03-04T11:00:00Z JiraIntegration/qa/jira CreateIssue Defect/qa/d-1"`)
}

// TestLiveNeedsTheRightToWatch opens a page as a user who may watch none of its kinds, or some of them.
func TestLiveNeedsTheRightToWatch(t *testing.T) {
	for _, c := range []struct {
		watches []string
		live    string
	}{{nil, ""}, {[]string{"jobs", "defects"}, `data-live="/live?kinds=Defect&amp;kinds=Job&amp;namespace=qa"`}} {
		answers, rights := world(), map[string]any{"slackintegrations": []string{"list"}}
		for _, r := range c.watches {
			rights[r] = []string{"list", "watch"}
		}
		answers["GET /api/v1/access"] = map[string]any{"caller": "ann", "namespace": "qa", "rights": rights}
		d := newTester(t, answers)
		page := d.open("/", http.StatusOK)
		if c.live == "" {
			d.has(page, "Reload to see changes")
			d.hasNot(page, "data-live")
			continue
		}
		d.has(page, c.live)
		d.hasNot(page, "Reload to see changes")
	}
}

func TestChannelsAreShownByName(t *testing.T) {
	w := world()
	entry := map[string]any{
		"time": "2026-03-04T11:00:00Z", "object": "Defect/qa/d-1", "outcome": "Succeeded", "eventType": "DefectCreated",
		"notification": "qa/n-1", "channel": "C0123", "channelName": "#alerts", "title": "The agent hangs up",
	}
	w["GET /api/v1/integrations/logs"] = map[string]any{"items": []any{entry}, "total": 1}
	status := w["GET /api/v1/defects/d-1"].(map[string]any)["status"].(map[string]any)
	status["messages"] = []any{map[string]any{"rule": "r", "channel": "C0123"}}
	d := newTester(t, w)
	for _, path := range []string{"/activity", "/defects/qa/d-1"} {
		page := d.open(path, http.StatusOK)
		d.has(page, "#alerts")
		if strings.Contains(page, "C0123") {
			t.Errorf("%s shows the ID of a channel whose name is known", path)
		}
	}
	d.has(d.open("/activity", http.StatusOK), "The agent hangs up")
}
