// SPDX-License-Identifier: Apache-2.0

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
	"github.com/voiceai-dev/integrations-operator/internal/transport/transporttest"
)

const (
	cloudSearch     = "POST /rest/api/2/search/jql"
	serverSearch    = "POST /rest/api/2/search"
	requestedFields = `"fields":["labels","status","resolution","assignee","created","updated","resolutiondate"]`
)

// found returns an issue as a search returns it. It was created at 10 o'clock and the minute, and changed an hour
// later.
func found(id, minute int, labels ...string) string {
	raw, _ := json.Marshal(labels)
	return fmt.Sprintf(`{"id":"%d","key":"VOICE-%d","fields":{"created":"2026-11-01T10:%02d:00.000+0000",`+
		`"updated":"2026-11-01T11:%02d:00.000+0000","labels":%s,"status":{"name":"In Progress","statusCategory":{"key":"indeterminate"}},`+
		`"resolution":{"name":"Fixed"},"assignee":{"displayName":"Ada"}}}`,
		id, id, minute, minute, raw)
}

// page returns a page of a search with further members.
func page(rest string, issues ...string) answer {
	return ok(`{"issues":[` + strings.Join(issues, ",") + `]` + rest + `}`)
}

func TestFind(t *testing.T) {
	body := func(rest string) string {
		return "{" + requestedFields + `,"jql":"labels = \"voice-ai-testing\" AND created \u003e= \"-62m\" ORDER BY created DESC, key DESC",` +
			`"maxResults":1000` + rest + "}"
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
			want := func(id string, minute int, marker string) ticket.Ticket {
				return ticket.Ticket{
					ID: id, Key: "VOICE-" + id, URL: s.URL + "/browse/VOICE-" + id,
					Status: "In Progress", StatusCategory: "indeterminate", Resolution: "Fixed", Assignee: "Ada",
					Created: time.Date(2026, 11, 1, 10, minute, 0, 0, time.UTC), Updated: time.Date(2026, 11, 1, 11, minute, 0, 0, time.UTC),
					Markers: []string{marker},
				}
			}
			if d := cmp.Diff(map[string]ticket.Ticket{"defect-a": want("7", 2, "defect-a"), "defect-b": want("6", 1, "defect-b")}, got); d != "" {
				t.Error(d)
			}
			s.expect(t, c.want...)
		})
	}
}

// markers returns n markers, the first of which is "defect-a".
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
	s.expect(t, cloudSearch+" {"+requestedFields+
		`,"jql":"labels in (\"defect-a\", \"x\\\" OR key = \\\"Y-1\") ORDER BY created DESC, key DESC","maxResults":1000}`)
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
	body := `{` + requestedFields + `,"jql":"labels = \"voice-ai-testing\" AND updated \u003e= \"-4m\" ORDER BY updated DESC, key DESC",` +
		`"maxResults":1000`
	s.expect(t, cloudSearch+" "+body+"}", cloudSearch+" "+body+`,"nextPageToken":"t1"}`)
}

// TestSearchReadsTheDeployment checks that a search queries the server for its kind once, if that is not configured
// and Probe was not called.
func TestSearchReadsTheDeployment(t *testing.T) {
	for kind, route := range map[string]string{"Cloud": cloudSearch, "Server": serverSearch} {
		s := serve(t, map[string][]answer{
			"GET /rest/api/2/serverInfo": {ok(`{"deploymentType":"` + kind + `","version":"1"}`)},
			route:                        {page(`,"total":0`)},
		})
		tr := dial(t, ticket.Config{APIURL: s.URL, Token: secret})
		for range 2 {
			if got, err := tr.Find(t.Context(), markers(1001), 0); err != nil || len(got) != 0 {
				t.Fatal(got, err)
			}
		}
		if got, err := tr.Changed(t.Context(), 0); err != nil || len(got) != 0 {
			t.Fatal(got, err)
		}
		var routes []string
		for _, request := range s.requests {
			routes = append(routes, strings.Join(strings.Fields(request)[:2], " "))
		}
		if d := cmp.Diff([]string{"GET /rest/api/2/serverInfo", route, route, route}, routes); d != "" {
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
		ticket.DataCenter: {serverSearch, http.StatusGone,
			"(410): The requested API has been removed. The request was for DataCenter. If Jira is Cloud, set spec.deployment to it."},
		ticket.Cloud: {cloudSearch, http.StatusNotFound,
			"(404): The requested API has been removed. The request was for Cloud. If Jira is DataCenter, set spec.deployment to it."},
	} {
		s := serve(t, map[string][]answer{c.route: {{status: c.code, body: `{"errorMessages":["The requested API has been removed."]}`}}})
		_, err := dial(t, ticket.Config{APIURL: s.URL, Deployment: deployment, Token: secret}).Changed(t.Context(), time.Hour)
		if !fault.Is(err, fault.NotFound) || !strings.HasSuffix(err.Error(), c.want) {
			t.Errorf("%s: %v, want %s", deployment, err, c.want)
		}
	}
}

// TestSearchIsComplete checks that a search that cannot be read in full returns an error, not a part.
func TestSearchIsComplete(t *testing.T) {
	for name, c := range map[string]struct {
		deployment ticket.Deployment
		answers    []answer
		part       string
	}{
		"no issues":          {ticket.Cloud, []answer{ok(`{"isLast":true}`)}, "the issues found"},
		"issues are null":    {ticket.DataCenter, []answer{ok(`{"issues":null,"total":0}`)}, "the issues found"},
		"IDs only":           {ticket.Cloud, []answer{page("", `{"id":"10001"}`)}, "the ID, key and fields"},
		"no fields":          {ticket.Cloud, []answer{page("", `{"id":"10001","key":"VOICE-1"}`)}, "the ID, key and fields"},
		"no ID":              {ticket.Cloud, []answer{page("", `{"key":"VOICE-1","fields":{}}`)}, "the ID, key and fields"},
		"path in the key":    {ticket.Cloud, []answer{page("", `{"id":"1","key":"../VOICE-1","fields":{}}`)}, "the ID, key and fields"},
		"not last, no token": {ticket.Cloud, []answer{page(`,"isLast":false`, found(1, 1, "defect-a"))}, "the token of the next page"},
		"no total":           {ticket.DataCenter, []answer{page("", found(1, 1, "defect-a"))}, "the total of issues"},
		"fewer than the total": {ticket.DataCenter, []answer{page(`,"total":3`, found(1, 1, "defect-a")), page(`,"total":3`)},
			"found 3 issues but returned only 1"},
		"second page is bad": {ticket.DataCenter, []answer{page(`,"total":3`, found(1, 1, "defect-a")), ok("{}")}, "the issues found"},
		"second page fails":  {ticket.Cloud, []answer{page(`,"nextPageToken":"x"`, found(1, 1, "defect-a")), {status: 503}}, "503"},
	} {
		t.Run(name, func(t *testing.T) {
			route := serverSearch
			if c.deployment == ticket.Cloud {
				route = cloudSearch
			}
			for _, call := range []string{"Find", "Changed"} {
				s := serve(t, map[string][]answer{route: c.answers})
				is(t, calls[call](t, dial(t, ticket.Config{APIURL: s.URL, Deployment: c.deployment, Token: secret})), fault.Unavailable, c.part)
			}
		})
	}
}

// pages starts a server that has n pages of one ticket each for every query, newest first, and records the queries.
// It does not answer requests for pages after the first hang pages, and calls onHang then.
func pages(
	t *testing.T, d ticket.Deployment, n, hang int, label func(jql string, at int) string, onHang ...func(),
) (url string, queries *[]string) {
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
			*queries = append(*queries, body.JQL)
			at = 0
		}
		if at++; at > hang {
			for _, f := range onHang {
				f()
			}
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

// noHang makes pages answer every request.
const noHang = 1 << 20

// TestSearchIsBounded checks that a search reads 200 pages. With one more, Find searches by label, and Changed
// returns the newest.
func TestSearchIsBounded(t *testing.T) {
	for _, d := range []ticket.Deployment{ticket.Cloud, ticket.DataCenter} {
		for n, more := range map[int]bool{200: false, 201: true} {
			url, queries := pages(t, d, n, noHang, func(_ string, at int) string { return fmt.Sprint("defect-", at) })
			tr := dial(t, ticket.Config{APIURL: url, Deployment: d, Token: secret})
			got, err := tr.Changed(t.Context(), time.Hour)
			if err != nil || len(got) != 200 || len(*queries) != 1 {
				t.Fatalf("of %d changes %d, %v, by %q", n, len(got), err, *queries)
			}
			has := func(key string) bool {
				return slices.ContainsFunc(got, func(t ticket.Ticket) bool { return t.Key == key })
			}
			if has("VOICE-1") == more || !has("VOICE-2") {
				t.Errorf("of %d changes: VOICE-1 %v, VOICE-2 %v; want the newest 200", n, has("VOICE-1"), has("VOICE-2"))
			}
			*queries = nil
			made, err := tr.Find(t.Context(), markers(1001), time.Hour)
			switch {
			case !more && (err != nil || len(made) != 200 || len(*queries) != 1):
				t.Errorf("of %d tickets %d, %v, by %d queries", n, len(made), err, len(*queries))
			case more: // no label of the operator is on so many tickets
				is(t, err, fault.Unavailable, "more than 200 pages of tickets for 200 labels")
			}
		}
	}
}

// TestFindFallsBack checks that Find searches by label if there is too much to read, or if Jira refuses the query.
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
		"down": func(w http.ResponseWriter, _ int) { answer{status: 503}.write(w) },
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
			if name == "down" {
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

// TestFindByLabel checks that up to 1,000 labels take one query for every 200.
func TestFindByLabel(t *testing.T) {
	for n, want := range map[int]int{1: 1, 200: 1, 201: 2, 1000: 5} {
		url, queries := pages(t, ticket.Cloud, 1, noHang, func(jql string, _ int) string {
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

// TestChangedReturnsPart checks that Changed returns what it read if a retry would fail in the same way.
func TestChangedReturnsPart(t *testing.T) {
	ctx, expire := transporttest.Expire(t.Context())
	url, _ := pages(t, ticket.Cloud, 3, 1, func(string, int) string { return "defect-1" }, expire)
	tr := dial(t, ticket.Config{APIURL: url, Deployment: ticket.Cloud, Token: secret})
	if got, err := tr.Changed(ctx, time.Hour); err != nil || len(got) != 1 || got[0].Key != "VOICE-3" {
		t.Errorf("%+v, %v, want the newest", got, err)
	}
	cancelled, stop := context.WithCancel(t.Context())
	stop()
	_, err := tr.Changed(cancelled, time.Hour)
	is(t, err, fault.Unavailable, "cancelled")

	refused := serve(t, map[string][]answer{cloudSearch: {page(`,"nextPageToken":"x"`, found(1, 1, "defect-a")), {status: 400}}})
	tr = dial(t, ticket.Config{APIURL: refused.URL, Deployment: ticket.Cloud, Token: secret})
	if got, err := tr.Changed(t.Context(), time.Hour); err != nil || len(got) != 1 {
		t.Errorf("a page was refused: %+v, %v", got, err)
	}
}
