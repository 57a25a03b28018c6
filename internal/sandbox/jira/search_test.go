// SPDX-License-Identifier: Apache-2.0

package jira

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/voiceai-dev/integrations-operator/internal/sandbox/jira/catalog"
	"github.com/voiceai-dev/integrations-operator/internal/sandbox/jira/issue"
)

func TestJQL(t *testing.T) {
	now := time.Date(2026, 1, 2, 3, 0, 0, 0, time.UTC)
	s := New(Options{Clock: func() time.Time { return now }})
	ask(t, s, http.MethodPost, "/issue", issueBody("labels", `["defect-1","voice"]`, "priority", `{"name":"Low"}`))
	now = now.Add(time.Hour)
	ask(t, s, http.MethodPost, "/issue", issueBody("labels", `["defect-2"]`, "priority", `{"name":"High"}`))
	now = now.Add(time.Hour)
	ask(t, s, http.MethodPost, "/issue", issueBody("project", `{"key":"OPS"}`))
	s.Move("OPS-1", "Done")

	for jql, want := range map[string]string{
		`project = VOICE`:                                 "VOICE-2 VOICE-1",
		`project = "Voice"`:                               "VOICE-2 VOICE-1",
		`PROJECT=VOICE ORDER BY created ASC`:              "VOICE-1 VOICE-2",
		`project in (VOICE, OPS) order by key`:            "OPS-1 VOICE-1 VOICE-2",
		`project = VOICE ORDER BY priority DESC`:          "VOICE-2 VOICE-1",
		`labels = "defect-1"`:                             "VOICE-1",
		`labels = defect-1 AND project = VOICE`:           "VOICE-1",
		`labels in ("defect-1", 'defect-2')`:              "VOICE-2 VOICE-1",
		`labels in (defect-1) AND labels = voice`:         "VOICE-1",
		`labels not in (defect-1) AND project=VOICE`:      "VOICE-2",
		`labels = "none"`:                                 "",
		`key in (VOICE-1, ops-1) ORDER BY key DESC`:       "VOICE-1 OPS-1",
		`issuekey in ("VOICE-2")`:                         "VOICE-2",
		`id = 10001`:                                      "VOICE-1",
		`status = done`:                                   "OPS-1",
		`statusCategory != Done`:                          "VOICE-2 VOICE-1",
		`updated >= "2026-01-02 04:00" AND project=VOICE`: "VOICE-2",
		`updated >= -30m`:                                 "OPS-1",
		`updated > "-1h 30m" ORDER BY updated`:            "VOICE-2 OPS-1",
		`updated >= 1767326400000`:                        "OPS-1 VOICE-2",
		`created < "2026/01/02 04:00"`:                    "VOICE-1",
		`issuetype = Bug AND priority = High`:             "VOICE-2",
		`labels = "voice" AND created >= "-125m" ORDER BY created ASC, key ASC`: "VOICE-1",
		`labels = "voice" AND created >= "-119m" ORDER BY created ASC, key ASC`: "",
		`labels in (voice, "defect-2") AND updated >= -2h ORDER BY updated ASC`: "VOICE-1 VOICE-2",
		`labels = "defect-2" AND updated >= "-1d"`:                              "VOICE-2",
		`project = VOICE AND updated >= -1w AND statusCategory != Done`:         "VOICE-2 VOICE-1",
		`statusCategory = "to do" ORDER BY key`:                                 "VOICE-1 VOICE-2",
		`statusCategory in (done, 4)`:                                           "OPS-1",
		`created >= "2026-01-02 04:00" AND created < "2026-01-02 05:00"`:        "VOICE-2",
		`id in (10001, "10003") ORDER BY id ASC`:                                "OPS-1 VOICE-1",
		`key in (VOICE-1, 10002) AND id not in (10001)`:                         "VOICE-2",
	} {
		body := ask(t, s, http.MethodGet, "/search/jql?fields=summary&jql="+url.QueryEscape(jql), "")
		if got := keysOf(body); got != want || body["isLast"] != true {
			t.Errorf("%s: got %q, want %q", jql, got, want)
		}
	}
	for jql, want := range map[string]string{
		``:                          "Unbounded JQL queries are not allowed here. Please add a search restriction to your query.",
		`ORDER BY created`:          "Unbounded JQL queries are not allowed here. Please add a search restriction to your query.",
		`project = NOPE`:            "The value 'NOPE' does not exist for the field 'project'.",
		`key = VOICE-9`:             "An issue with key 'VOICE-9' does not exist for field 'key'.",
		`key in (VOICE-1, VOICE-9)`: "An issue with key 'VOICE-9' does not exist for field 'key'.",
		`issuekey in ("VOICE-9")`:   "An issue with key 'VOICE-9' does not exist for field 'issuekey'.",
		`id in (10001, 10999)`:      "A value with ID '10999' does not exist for the field 'id'.",
		`statusCategory != Open`:    "The value 'Open' does not exist for the field 'statusCategory'.",
		`colour = red`:              "Field 'colour' does not exist or you do not have permission to view it.",
		`project`:                   "Error in the JQL Query: Expecting an operator but got the end of the query. (line 1, character 8)",
		`project = `:                "Error in the JQL Query: Expecting a value but got the end of the query. (line 1, character 11)",
		`project ~ x`:               "Error in the JQL Query: Expecting an operator but got '~'. (line 1, character 9)",
		`project > VOICE`:           "The operator '>' is not supported by the 'project' field.",
		`project = VOICE OR x=1`:    "Error in the JQL Query: Expecting either 'AND' or 'ORDER BY' but got 'OR'. (line 1, character 17)",
		`labels in (a`:              "Error in the JQL Query: Expecting ',' or ')' but got the end of the query. (line 1, character 13)",
		`labels = a/b`: `Error in the JQL Query: The character '/' is a reserved JQL character. ` +
			`You must enclose it in a string or use the escape '\u002f' instead. (line 1, character 11)`,
		`labels = "a`: "Error in the JQL Query: The quoted string 'a' has not been completed. (line 1, character 10)",
		`labels = null`: "Error in the JQL Query: 'null' is a reserved JQL word. " +
			"You must surround it in quotation marks to use it in a query. (line 1, character 10)",
		`updated >= never`: "Date value 'never' for field 'updated' is invalid. " +
			"Valid formats include: 'yyyy/MM/dd HH:mm', 'yyyy-MM-dd HH:mm', 'yyyy/MM/dd', 'yyyy-MM-dd', or a period format e.g. '-5d', '4w 2d'.",
	} {
		status, body := call(t, s, http.MethodGet, "/search/jql?jql="+url.QueryEscape(jql), "")
		if status != http.StatusBadRequest || !sameJSON(t, body, message(want)) {
			t.Errorf("%s: got %d %s, want 400 %s", jql, status, body, want)
		}
	}
}

func keysOf(body map[string]any) string {
	var keys []string
	for _, is := range body["issues"].([]any) {
		keys = append(keys, fmt.Sprint(is.(map[string]any)["key"]))
	}
	return strings.Join(keys, " ")
}

func TestSearchOfCloud(t *testing.T) {
	s := New(Options{})
	for range 5 {
		ask(t, s, http.MethodPost, "/issue", issueBody())
	}
	var ids []string
	token := ""
	pages := 0
	for {
		body := ask(t, s, http.MethodPost, "/search/jql", `{"jql":"project = VOICE ORDER BY key","maxResults":2,"nextPageToken":"`+token+`"}`)
		for _, is := range body["issues"].([]any) {
			if len(is.(map[string]any)) != 1 {
				t.Errorf("got %v, want only the ID", is)
			}
			ids = append(ids, is.(map[string]any)["id"].(string))
		}
		if pages++; body["isLast"] == true {
			break
		}
		token = body["nextPageToken"].(string)
	}
	if want := []string{"10001", "10002", "10003", "10004", "10005"}; pages != 3 || !slices.Equal(ids, want) {
		t.Errorf("got %v in %d pages, want %v in 3", ids, pages, want)
	}
	for _, body := range []string{
		`{"jql":"project = OPS","nextPageToken":"` + token +
			`"}`, `{"jql":"project = OPS","nextPageToken":"x"}`, `{"jql":"project = OPS","startAt":1}`,
	} {
		if status, answer := call(t, s, http.MethodPost, "/search/jql", body); status != http.StatusBadRequest {
			t.Errorf("%s: got %d %s", body, status, answer)
		}
	}
	status, body := call(t, s, http.MethodGet, "/search?jql=project%3DVOICE", "")
	if status != http.StatusGone || !strings.Contains(body, "The requested API has been removed.") {
		t.Errorf("the old search: got %d %s", status, body)
	}
	if c := s.Counts(); c.Searches != 5 {
		t.Errorf("got %d searches, want the 5 with valid queries", c.Searches)
	}
}

func TestSearchOfDataCenter(t *testing.T) {
	s := New(Options{Mode: DataCenter})
	for range 3 {
		ask(t, s, http.MethodPost, "/issue", issueBody())
	}
	for _, body := range []map[string]any{
		ask(t, s, http.MethodPost, "/search", `{"jql":"order by key","startAt":1,"maxResults":1,"fields":["status"]}`),
		ask(t, s, http.MethodGet, "/search?jql=order+by+key&startAt=1&maxResults=1&fields=status", ""),
	} {
		if keysOf(body) != "VOICE-2" || body["total"] != 3.0 || body["startAt"] != 1.0 || body["maxResults"] != 1.0 {
			t.Errorf("got %v", body)
		}
	}
	if body := ask(t, s, http.MethodPost, "/search", `{"jql":"key in (VOICE-1, VOICE-9)","validateQuery":"warn"}`); keysOf(body) != "VOICE-1" {
		t.Errorf("got %v", body)
	}
	if status, _ := call(t, s, http.MethodPost, "/search/jql", `{"jql":"project = VOICE"}`); status != http.StatusNotFound {
		t.Errorf("Cloud's search: got %d", status)
	}
}

func TestSearchPageLimits(t *testing.T) {
	for name, c := range map[string]struct {
		mode             Mode
		cap, issues, ask int
		fields           string
		want             []int // the number of issues in each page
	}{
		"Cloud with fields":       {Cloud, 0, 1001, 5000, `["summary"]`, []int{1000, 1}},
		"Cloud without":           {Cloud, 0, 1001, 5000, `["id"]`, []int{1001}},
		"Cloud, keys":             {Cloud, 0, 1001, 5000, `["key"]`, []int{1001}},
		"Data Center":             {DataCenter, 0, 1001, 5000, `["summary"]`, []int{1000, 1}},
		"Cloud with a lower cap":  {Cloud, 2, 5, 100, `["summary"]`, []int{2, 2, 1}},
		"Cloud, IDs, a lower cap": {Cloud, 3, 5, 100, `["id"]`, []int{3, 2}},
		"Data Center, lower cap":  {DataCenter, 2, 5, 100, `["summary"]`, []int{2, 2, 1}},
		"a page below the cap":    {DataCenter, 4, 5, 3, `["summary"]`, []int{3, 2}},
	} {
		t.Run(name, func(t *testing.T) {
			s := New(Options{Mode: c.mode})
			if err := s.Set(Settings{MaxResults: &c.cap}); err != nil {
				t.Fatal(err)
			}
			for range c.issues {
				s.insert(&issue.Issue{Project: VoiceProject, Status: "To Do", Type: "Bug"}, catalog.Users[0])
			}
			var got []int
			ids := map[any]bool{}
			more := ""
			for len(got) <= len(c.want) {
				path := map[Mode]string{Cloud: "/search/jql", DataCenter: "/search"}[c.mode]
				body := ask(t, s, http.MethodPost, path, fmt.Sprintf(`{"jql":"project = VOICE ORDER BY key ASC","maxResults":%d,`+
					`"fields":%s%s}`, c.ask, c.fields, more))
				list := body["issues"].([]any)
				got = append(got, len(list))
				for _, is := range list {
					ids[is.(map[string]any)["id"]] = true
				}
				if c.mode == DataCenter {
					if most := min(c.ask, slices.Max(c.want)); body["maxResults"] != float64(most) {
						t.Errorf("maxResults is %v, want %d", body["maxResults"], most)
					}
					more = fmt.Sprintf(`,"startAt":%d`, len(ids))
				} else {
					more = fmt.Sprintf(`,"nextPageToken":"%v"`, body["nextPageToken"])
				}
				if len(ids) == c.issues {
					break
				}
			}
			if !slices.Equal(got, c.want) || len(ids) != c.issues {
				t.Errorf("pages of %v with %d issues, want %v with %d", got, len(ids), c.want, c.issues)
			}
		})
	}
}

func TestActive(t *testing.T) {
	is := &issue.Issue{
		Description: "hi [~admin] {include:x} !https://x.test/a.png!\n{noformat}\n[~in] {toc}\n{noformat}\n\\[~no] \\{toc} {{mono}}",
		Comments:    []issue.Comment{{Body: "{toc}"}},
	}
	if got, want := is.Active(), []string{"[~admin]", "{include:x}", "!https://x.test/a.png!", "{toc}"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}
