package jira_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/voiceai-dev/integrations-operator/internal/fault"
	"github.com/voiceai-dev/integrations-operator/internal/ticket"
)

const (
	cloudSearch  = "POST /rest/api/2/search/jql"
	serverSearch = "POST /rest/api/2/search"
	fieldsAsked  = `"fields":["labels","status","resolution","assignee","created","updated"]`
)

// found is an issue as a search shows it; minute is when it was created, and changed an hour later.
func found(id, minute int, labels ...string) string {
	raw, _ := json.Marshal(labels)
	return fmt.Sprintf(`{"id":"%d","key":"VOICE-%d","fields":{"created":"2026-11-01T10:%02d:00.000+0000","updated":"2026-11-01T11:%02d:00.000+0000","labels":%s,`+
		`"status":{"name":"In Progress","statusCategory":{"key":"indeterminate"}},"resolution":{"name":"Fixed"},"assignee":{"displayName":"Ada"}}}`,
		id, id, minute, minute, raw)
}

func page(rest string, issues ...string) answer {
	return ok(`{"issues":[` + strings.Join(issues, ",") + `]` + rest + `}`)
}

func TestFind(t *testing.T) {
	body := func(rest string) string {
		return "{" + fieldsAsked + `,"jql":"labels = \"voice-ai-testing\" AND created \u003e= \"-62m\" ORDER BY created DESC, key DESC","maxResults":1000` + rest + "}"
	}
	older := []string{found(7, 2, "defect-a"), found(6, 1, "defect-b", "x"), found(10, 1, "defect-b")}
	for name, c := range map[string]struct {
		config ticket.Deployment
		routes map[string][]answer
		want   []string
	}{
		"Cloud": {ticket.Cloud, map[string][]answer{cloudSearch: {
			page(`,"nextPageToken":"t1","isLast":false`, found(9, 5, "defect-a", "voice-ai-testing")), page(`,"isLast":true`, older...),
		}}, []string{cloudSearch + " " + body(""), cloudSearch + " " + body(`,"nextPageToken":"t1"`)}},
		"Data Center": {ticket.DataCenter, map[string][]answer{serverSearch: {
			page(`,"total":4`, found(9, 5, "defect-a", "voice-ai-testing")), page(`,"total":4`, older...),
		}}, []string{serverSearch + " " + body(""), serverSearch + " " + body(`,"startAt":1`)}},
	} {
		t.Run(name, func(t *testing.T) {
			s := serve(t, c.routes)
			got, err := dial(t, ticket.Config{APIURL: s.URL, Deployment: c.config, Token: secret}).Find(t.Context(), markers(1001), time.Hour)
			if err != nil {
				t.Fatal(err)
			}
			want := func(id string, minute int) ticket.Ticket {
				return ticket.Ticket{
					ID: id, Key: "VOICE-" + id, URL: s.URL + "/browse/VOICE-" + id, Status: "In Progress", StatusCategory: "indeterminate", Resolution: "Fixed",
					Assignee: "Ada", Created: time.Date(2026, 11, 1, 10, minute, 0, 0, time.UTC), Updated: time.Date(2026, 11, 1, 11, minute, 0, 0, time.UTC),
				}
			}
			if d := cmp.Diff(map[string]ticket.Ticket{"defect-a": want("7", 2), "defect-b": want("6", 1)}, got); d != "" {
				t.Error(d)
			}
			s.expect(t, c.want...)
		})
	}
}

// markers are so many markers, "defect-a" among them.
func markers(n int) []string {
	out := []string{"defect-a"}
	for i := 1; i < n; i++ {
		out = append(out, fmt.Sprintf("defect-%d", i))
	}
	return out
}

func TestFindFew(t *testing.T) {
	s := serve(t, map[string][]answer{cloudSearch: {page(`,"isLast":true`, found(9, 5, "defect-a", "voice-ai-testing"))}})
	tr := dial(t, ticket.Config{APIURL: s.URL, Deployment: ticket.Cloud, Token: secret})
	got, err := tr.Find(t.Context(), []string{"defect-a", `x" OR key = "Y-1`}, time.Hour)
	if err != nil || len(got) != 1 || got["defect-a"].ID != "9" {
		t.Errorf("%v, %v", got, err)
	}
	if got, err := tr.Find(t.Context(), nil, time.Hour); err != nil || len(got) != 0 {
		t.Errorf("nothing to find: %v, %v", got, err)
	}
	s.expect(t, cloudSearch+" {"+fieldsAsked+`,"jql":"labels in (\"defect-a\", \"x\\\" OR key = \\\"Y-1\") ORDER BY created DESC, key DESC","maxResults":1000}`)
}

func TestChanged(t *testing.T) {
	s := serve(t, map[string][]answer{cloudSearch: {
		page(`,"nextPageToken":"t1"`, found(3, 30), found(2, 20)), page("", found(2, 21), found(1, 10), found(3, 29)),
	}})
	got, err := dial(t, ticket.Config{APIURL: s.URL, Deployment: ticket.Cloud, Token: secret}).Changed(t.Context(), 90*time.Second)
	if err != nil {
		t.Fatal(err)
	}
	var order []string
	for _, g := range got {
		order = append(order, g.Key+g.Updated.Format(" 15:04"))
	}
	if d := cmp.Diff([]string{"VOICE-1 11:10", "VOICE-2 11:21", "VOICE-3 11:30"}, order); d != "" {
		t.Error(d)
	}
	body := `{` + fieldsAsked + `,"jql":"labels = \"voice-ai-testing\" AND updated \u003e= \"-4m\" ORDER BY updated DESC, key DESC","maxResults":1000`
	s.expect(t, cloudSearch+" "+body+"}", cloudSearch+" "+body+`,"nextPageToken":"t1"}`)
}

// TestSearchAsksWhichServerItIs once, when it was not told and did not probe.
func TestSearchAsksWhichServerItIs(t *testing.T) {
	for kind, route := range map[string]string{"Cloud": cloudSearch, "Server": serverSearch} {
		s := serve(t, map[string][]answer{"GET /rest/api/2/serverInfo": {ok(`{"deploymentType":"` + kind + `","version":"1"}`)}, route: {page(`,"total":0`)}})
		tr := dial(t, ticket.Config{APIURL: s.URL, Token: secret})
		for range 2 {
			if got, err := tr.Find(t.Context(), markers(1001), 0); err != nil || len(got) != 0 {
				t.Fatal(got, err)
			}
		}
		if got, err := tr.Changed(t.Context(), 0); err != nil || len(got) != 0 {
			t.Fatal(got, err)
		}
		var asked []string
		for _, a := range s.asked {
			asked = append(asked, strings.Join(strings.Fields(a)[:2], " "))
		}
		if d := cmp.Diff([]string{"GET /rest/api/2/serverInfo", route, route, route}, asked); d != "" {
			t.Error(d)
		}
	}
}

func TestSearchOfTheOtherDeployment(t *testing.T) {
	for deployment, c := range map[ticket.Deployment]struct {
		route string
		code  int
		want  string
	}{
		ticket.DataCenter: {serverSearch, http.StatusGone, "(410): The requested API has been removed.; it was asked as DataCenter: set spec.deployment to Cloud if it is that"},
		ticket.Cloud:      {cloudSearch, http.StatusNotFound, "(404): The requested API has been removed.; it was asked as Cloud: set spec.deployment to DataCenter if it is that"},
	} {
		s := serve(t, map[string][]answer{c.route: {{status: c.code, body: `{"errorMessages":["The requested API has been removed."]}`}}})
		_, err := dial(t, ticket.Config{APIURL: s.URL, Deployment: deployment, Token: secret}).Changed(t.Context(), time.Hour)
		if !fault.Is(err, fault.NotFound) || !strings.HasSuffix(err.Error(), c.want) {
			t.Errorf("%s: %v, want %s", deployment, err, c.want)
		}
	}
}

func TestSearchGivesNoPart(t *testing.T) {
	for name, c := range map[string]struct {
		deployment ticket.Deployment
		answers    []answer
		says       string
	}{
		"no issues":            {ticket.Cloud, []answer{ok(`{"isLast":true}`)}, "what it found"},
		"issues are null":      {ticket.DataCenter, []answer{ok(`{"issues":null,"total":0}`)}, "what it found"},
		"IDs only":             {ticket.Cloud, []answer{page("", `{"id":"10001"}`)}, "the ID, key and fields"},
		"no fields":            {ticket.Cloud, []answer{page("", `{"id":"10001","key":"VOICE-1"}`)}, "the ID, key and fields"},
		"no ID":                {ticket.Cloud, []answer{page("", `{"key":"VOICE-1","fields":{}}`)}, "the ID, key and fields"},
		"a key with a path":    {ticket.Cloud, []answer{page("", `{"id":"1","key":"../VOICE-1","fields":{}}`)}, "the ID, key and fields"},
		"not last, no token":   {ticket.Cloud, []answer{page(`,"isLast":false`, found(1, 1, "defect-a"))}, "where its search goes on"},
		"no total":             {ticket.DataCenter, []answer{page("", found(1, 1, "defect-a"))}, "how many issues it found"},
		"fewer than the total": {ticket.DataCenter, []answer{page(`,"total":3`, found(1, 1, "defect-a")), page(`,"total":3`)}, "found 3 issues and gave only 1"},
		"second page is odd":   {ticket.DataCenter, []answer{page(`,"total":3`, found(1, 1, "defect-a")), ok("{}")}, "what it found"},
		"second page fails":    {ticket.Cloud, []answer{page(`,"nextPageToken":"x"`, found(1, 1, "defect-a")), {status: 503}}, "503"},
	} {
		t.Run(name, func(t *testing.T) {
			route := serverSearch
			if c.deployment == ticket.Cloud {
				route = cloudSearch
			}
			for _, call := range []string{"Find", "Changed"} {
				s := serve(t, map[string][]answer{route: c.answers})
				is(t, calls[call](t, dial(t, ticket.Config{APIURL: s.URL, Deployment: c.deployment, Token: secret})), fault.Unavailable, c.says)
			}
		})
	}
}

// pages is a server that has so many pages of one ticket each, newest first, for each query, and notes the queries. A page beyond hang comes only
// when nobody waits for it any more.
func pages(t *testing.T, d ticket.Deployment, n, hang int, label func(jql string, at int) string) (url string, queries *[]string) {
	t.Helper()
	queries = &[]string{}
	at := 0
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var body struct {
			JQL, NextPageToken string
			StartAt            int
		}
		if err := json.NewDecoder(r.Body).Decode(&body); err != nil {
			t.Error(err)
		}
		if body.NextPageToken == "" && body.StartAt == 0 {
			*queries, at = append(*queries, body.JQL), 0
		}
		if at++; at > hang {
			<-r.Context().Done()
			return
		}
		rest := fmt.Sprintf(`,"total":%d`, n)
		if d == ticket.Cloud && at < n {
			rest = fmt.Sprintf(`,"nextPageToken":"t%d"`, at)
		}
		page(rest, found(n-at+1, 1, label(body.JQL, n-at+1))).write(w)
	}))
	t.Cleanup(s.Close)
	return s.URL, queries
}

const patient = 1 << 20

// TestSearchIsBounded reads 200 pages. When there is one more, what was made is searched by label, and of what changed the newest is given.
func TestSearchIsBounded(t *testing.T) {
	for _, d := range []ticket.Deployment{ticket.Cloud, ticket.DataCenter} {
		for n, more := range map[int]bool{200: false, 201: true} {
			url, queries := pages(t, d, n, patient, func(_ string, at int) string { return fmt.Sprint("defect-", at) })
			tr := dial(t, ticket.Config{APIURL: url, Deployment: d, Token: secret})
			got, err := tr.Changed(t.Context(), time.Hour)
			if err != nil || len(got) != 200 || len(*queries) != 1 {
				t.Fatalf("of %d changes %d, %v, by %q", n, len(got), err, *queries)
			}
			if oldest := map[bool]string{false: "VOICE-1", true: "VOICE-2"}[more]; !slices.ContainsFunc(got, func(t ticket.Ticket) bool { return t.Key == oldest }) ||
				slices.ContainsFunc(got, func(t ticket.Ticket) bool { return more && t.Key == "VOICE-1" }) {
				t.Errorf("of %d changes it does not give those up to %s", n, oldest)
			}
			*queries = nil
			made, err := tr.Find(t.Context(), markers(1001), time.Hour)
			switch {
			case !more && (err != nil || len(made) != 200 || len(*queries) != 1):
				t.Errorf("of %d tickets %d, %v, by %d queries", n, len(made), err, len(*queries))
			case more: // a label that so many tickets have is none of ours
				is(t, err, fault.Unavailable, "more than 200 pages of tickets for 200 labels")
			}
		}
	}
}

// TestFindFallsBack on labels when there is too much to read, or when Jira refuses the query.
func TestFindFallsBack(t *testing.T) {
	want := []string{"defect-a", "defect-1", "defect-1000"}
	byLabels := func(w http.ResponseWriter, jql string) {
		var issues []string
		for i, m := range want {
			if strings.Contains(jql, `"`+m+`"`) {
				issues = append(issues, found(i+1, 1, m))
			}
		}
		page(`,"isLast":true`, issues...).write(w)
	}
	for name, wide := range map[string]func(w http.ResponseWriter, n int){
		"too much": func(w http.ResponseWriter, n int) {
			page(fmt.Sprintf(`,"nextPageToken":"t%d"`, n), found(99, 1, "defect-x")).write(w)
		},
		"refused": func(w http.ResponseWriter, _ int) {
			answer{status: 400, body: `{"errorMessages":["no relative dates"]}`}.write(w)
		},
		"in trouble": func(w http.ResponseWriter, _ int) { answer{status: 503}.write(w) },
	} {
		t.Run(name, func(t *testing.T) {
			var byLabel []string
			n := 0
			s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				var body struct{ JQL string }
				if err := json.NewDecoder(r.Body).Decode(&body); err != nil {
					t.Error(err)
				}
				if n++; strings.HasPrefix(body.JQL, "labels = ") {
					wide(w, n)
					return
				}
				byLabel = append(byLabel, body.JQL)
				byLabels(w, body.JQL)
			}))
			t.Cleanup(s.Close)
			got, err := dial(t, ticket.Config{APIURL: s.URL, Deployment: ticket.Cloud, Token: secret}).Find(t.Context(), markers(1001), time.Hour)
			if name == "in trouble" {
				is(t, err, fault.Unavailable, "503")
				return
			}
			if err != nil || len(byLabel) != 6 {
				t.Fatal(err, len(byLabel))
			}
			for _, m := range want {
				if got[m].ID == "" {
					t.Errorf("%s was not found", m)
				}
			}
			for _, jql := range byLabel {
				if len(jql) > 12_000 || strings.Count(jql, ",") > 200 {
					t.Errorf("a query of %d bytes", len(jql))
				}
			}
		})
	}
}

// TestFindByLabel: up to 1,000 labels cost one query for each 200, of those labels alone.
func TestFindByLabel(t *testing.T) {
	for n, want := range map[int]int{1: 1, 200: 1, 201: 2, 1000: 5} {
		url, queries := pages(t, ticket.Cloud, 1, patient, func(jql string, _ int) string {
			first, _, _ := strings.Cut(strings.TrimPrefix(jql, `labels in ("`), `"`)
			return first
		})
		all := markers(n)
		got, err := dial(t, ticket.Config{APIURL: url, Deployment: ticket.Cloud, Token: secret}).Find(t.Context(), all, 0)
		if err != nil || len(*queries) != want || len(got) != want {
			t.Errorf("%d labels took %d queries, want %d; found %d, %v", n, len(*queries), want, len(got), err)
		}
		for at, jql := range *queries {
			part := all[at*200 : min(n, at*200+200)]
			if jql != `labels in ("`+strings.Join(part, `", "`)+`") ORDER BY created DESC, key DESC` {
				t.Errorf("query %d of %d labels is %s", at, n, jql)
			}
		}
	}
}

// TestChangedEndsInTime: what takes too long takes too long the next time too.
func TestChangedEndsInTime(t *testing.T) {
	url, _ := pages(t, ticket.Cloud, 3, 1, func(string, int) string { return "defect-1" })
	tr := dial(t, ticket.Config{APIURL: url, Deployment: ticket.Cloud, Token: secret})
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	if got, err := tr.Changed(ctx, time.Hour); err != nil || len(got) != 1 || got[0].Key != "VOICE-3" {
		t.Errorf("%+v, %v, want the newest", got, err)
	}
	cancelled, stop := context.WithCancel(t.Context())
	stop()
	_, err := tr.Changed(cancelled, time.Hour)
	is(t, err, fault.Unavailable, "cancelled")

	refused := serve(t, map[string][]answer{cloudSearch: {page(`,"nextPageToken":"x"`, found(1, 1, "defect-a")), {status: 400}}})
	if got, err := dial(t, ticket.Config{APIURL: refused.URL, Deployment: ticket.Cloud, Token: secret}).Changed(t.Context(), time.Hour); err != nil || len(got) != 1 {
		t.Errorf("a page was refused: %+v, %v", got, err)
	}
}
