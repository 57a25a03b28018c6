// SPDX-License-Identifier: Apache-2.0

package jira

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/voiceai-dev/integrations-operator/internal/sandbox/jira/catalog"
	"github.com/voiceai-dev/integrations-operator/internal/sandbox/jira/issue"
)

// call sends a request as the bot and returns the status and the body.
func call(t *testing.T, s *Site, method, path, body string) (int, string) {
	t.Helper()
	r := httptest.NewRequest(method, BasePath+"/rest/api/2"+path, strings.NewReader(body))
	r.SetBasicAuth(BotUser, BotToken)
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	w := httptest.NewRecorder()
	s.API().ServeHTTP(w, r)
	if w.Body.Len() > 0 {
		if got := w.Header().Get("Content-Type"); got != "application/json;charset=UTF-8" {
			t.Errorf("%s %s: got Content-Type %q", method, path, got)
		}
	}
	return w.Code, strings.TrimSpace(w.Body.String())
}

// ask sends a request that must succeed, and returns the answer.
func ask(t *testing.T, s *Site, method, path, body string) map[string]any {
	t.Helper()
	status, text := call(t, s, method, path, body)
	if status/100 != 2 {
		t.Fatalf("%s %s: %d %s", method, path, status, text)
	}
	var v map[string]any
	if text != "" {
		if err := json.Unmarshal([]byte(text), &v); err != nil {
			t.Fatal(err)
		}
	}
	return v
}

// issueBody returns the body of a create with the required fields and more fields, as JSON.
func issueBody(more ...string) string {
	fields := map[string]json.RawMessage{
		"project": json.RawMessage(`{"key":"VOICE"}`), "issuetype": json.RawMessage(`{"name":"Bug"}`), "summary": json.RawMessage(`"s"`),
	}
	for i := 0; i < len(more); i += 2 {
		if more[i+1] == "" {
			delete(fields, more[i])
		} else {
			fields[more[i]] = json.RawMessage(more[i+1])
		}
	}
	raw, err := json.Marshal(map[string]any{"fields": fields})
	if err != nil {
		panic(err)
	}
	return string(raw)
}

func quoted(s string, n int) string { return `"` + strings.Repeat(s, n) + `"` }

func fieldError(field, text string) string {
	raw, _ := json.Marshal(map[string]any{"errorMessages": []string{}, "errors": map[string]string{field: text}})
	return string(raw)
}

func message(text string) string {
	raw, _ := json.Marshal(map[string]any{"errorMessages": []string{text}, "errors": map[string]string{}})
	return string(raw)
}

func TestCreate(t *testing.T) {
	const invalid = "Invalid request payload. Refer to the REST API documentation and try again."
	withProperty := func(key, value string) string {
		return strings.TrimSuffix(issueBody(), "}") + `,"properties":[{"key":` + key + `,"value":` + value + `}]}`
	}
	for name, c := range map[string]struct {
		mode Mode
		body string
		want string // the refusal, or empty
	}{
		"least":  {"", issueBody(), ""},
		"by IDs": {"", issueBody("project", `{"id":"10000"}`, "issuetype", `{"id":"10004"}`, "priority", `{"id":"1"}`), ""},
		"everything": {"", issueBody("description", `"d"`, "labels", `["a","b"]`, "priority", `{"name":"High"}`,
			"components", `[{"name":"Speech"}]`, "customfield_10050", `"x"`, "customfield_10051", `{"value":"Voice"}`,
			"customfield_10052", `3`, "duedate", `"2026-01-31"`, "assignee", `{"accountId":"`+catalog.Users[1].AccountID+`"}`), ""},
		"property":                 {"", withProperty(`"defect"`, `{"uid":"7"}`), ""},
		"empty update":             {"", strings.TrimSuffix(issueBody(), "}") + `,"update":{},"historyMetadata":{}}`, ""},
		"summary of 255":           {"", issueBody("summary", quoted("é", 255)), ""},
		"description of 32767":     {"", issueBody("description", quoted("é", 32767)), ""},
		"label of 255":             {"", issueBody("labels", "["+quoted("x", 255)+"]"), ""},
		"no JSON":                  {"", `{"fields":`, message("There was an error parsing JSON. Check that your request body is valid.")},
		"two values":               {"", issueBody() + "{}", message("There was an error parsing JSON. Check that your request body is valid.")},
		"unknown member":           {"", `{"fields":{},"field":{}}`, message(invalid)},
		"wrong type":               {"", `{"fields":[]}`, message(invalid)},
		"no project":               {"", issueBody("project", ""), fieldError("project", "Specify a valid project ID or key")},
		"unknown project":          {"", issueBody("project", `{"key":"NOPE"}`), fieldError("project", "Specify a valid project ID or key")},
		"no type":                  {"", issueBody("issuetype", ""), fieldError("issuetype", "Specify an issue type")},
		"unknown type":             {"", issueBody("issuetype", `{"name":"Epic"}`), fieldError("issuetype", "Specify a valid issue type")},
		"no summary":               {"", issueBody("summary", ""), fieldError("summary", "You must specify a summary of the issue.")},
		"blank summary":            {"", issueBody("summary", `" "`), fieldError("summary", "You must specify a summary of the issue.")},
		"summary of 256":           {"", issueBody("summary", quoted("x", 256)), fieldError("summary", "Summary must be less than 255 characters.")},
		"summary of 255 units":     {"", issueBody("summary", quoted("📞", 127)[:1+4*127]+`x"`), ""},
		"summary of 256 units":     {"", issueBody("summary", quoted("📞", 128)), fieldError("summary", "Summary must be less than 255 characters.")},
		"description of 32766":     {"", issueBody("description", quoted("📞", 16383)), ""},
		"field of 256 units":       {"", issueBody("customfield_10050", quoted("📞", 128)), fieldError("customfield_10050", "The entered text is too long. It exceeds the allowed limit of 255 characters.")},
		"description of 32768, 📞s": {"", issueBody("description", quoted("📞", 16384)), fieldError("description", issue.TooLong)},
		"label of 256 units": {"", issueBody("labels", "["+quoted("📞", 128)+"]"),
			fieldError("labels", "The label '"+strings.Repeat("📞", 128)+"' exceeds the maximum length for a single label of 255 characters.")},
		"summary of two lines": {"", issueBody("summary", `"a\nb"`),
			fieldError("summary", "The summary is invalid because it contains newline characters.")},
		"summary no string": {"", issueBody("summary", `1`), fieldError("summary", "Operation value must be a string")},
		"description of 32768": {"", issueBody("description", quoted("x", 32768)),
			fieldError("description", "The entered text is too long. It exceeds the allowed limit of 32,767 characters.")},
		"description of v3":  {"", issueBody("description", `{"type":"doc"}`), fieldError("description", "Operation value must be a string")},
		"label with a space": {"", issueBody("labels", `["x y"]`), fieldError("labels", "The label 'x y' contains spaces which is invalid.")},
		"label of 256": {"", issueBody("labels", "["+quoted("x", 256)+"]"),
			fieldError("labels", "The label '"+strings.Repeat("x", 256)+"' exceeds the maximum length for a single label of 255 characters.")},
		"unknown priority": {"", issueBody("priority", `{"name":"Urgent"}`), fieldError("priority", "Specify a valid priority ID or name")},
		"priority not on it": {"", issueBody("project", `{"key":"OPS"}`, "priority", `{"name":"High"}`),
			fieldError("priority", "Field 'priority' cannot be set. It is not on the appropriate screen, or unknown.")},
		"unknown field": {"", issueBody("customfield_1", `1`),
			fieldError("customfield_1", "Field 'customfield_1' cannot be set. It is not on the appropriate screen, or unknown.")},
		"unknown user":  {"", issueBody("assignee", `{"accountId":"x"}`), fieldError("assignee", "User 'x' does not exist.")},
		"name on Cloud": {"", issueBody("assignee", `{"name":"bot"}`), fieldError("assignee", "The member 'name' of a user cannot be set.")},
		"read-only member": {"", issueBody("reporter", `{"accountId":"x","displayName":"x"}`),
			fieldError("reporter", "The member 'displayName' of a user cannot be set.")},
		"name on Data Center": {DataCenter, issueBody("assignee", `{"name":"bot"}`), ""},
		"account on DataCenter": {DataCenter, issueBody("assignee", `{"accountId":"x"}`),
			fieldError("assignee", "The member 'accountId' of a user cannot be set.")},
		"option": {"", issueBody("customfield_10051", `{"value":"None"}`),
			fieldError("customfield_10051", "Option value 'None' is not valid")},
		"date":         {"", issueBody("duedate", `"tomorrow"`), fieldError("duedate", "Error parsing date string: tomorrow")},
		"property key": {"", withProperty(quoted("k", 256), `1`), message("The property key must have 1 to 255 characters.")},
		"property value": {"", withProperty(`"k"`, quoted("v", 32767)),
			message("The property value is too long. It exceeds the allowed limit of 32768 characters.")},
		"transition": {"", strings.TrimSuffix(issueBody(), "}") + `,"transition":{"id":"9"}}`,
			message("Transition id '9' is not valid for this issue.")},
	} {
		t.Run(name, func(t *testing.T) {
			s := New(Options{Mode: c.mode})
			status, body := call(t, s, http.MethodPost, "/issue", c.body)
			if c.want != "" {
				if status != http.StatusBadRequest || !sameJSON(t, body, c.want) || len(s.Issues()) != 0 {
					t.Errorf("got %d %s with %d issues, want 400 %s", status, body, len(s.Issues()), c.want)
				}
				return
			}
			want := `{"id":"10001","key":"` + s.Issues()[0].Key + `","self":"http://example.com/jira/rest/api/2/issue/10001"}`
			if status != http.StatusCreated || !sameJSON(t, body, want) || s.Counts().Creates != 1 {
				t.Errorf("got %d %s, want 201 %s", status, body, want)
			}
		})
	}
}

func sameJSON(t *testing.T, a, b string) bool {
	t.Helper()
	var x, y any
	if err := json.Unmarshal([]byte(a), &x); err != nil {
		t.Fatalf("%s: %v", a, err)
	}
	if err := json.Unmarshal([]byte(b), &y); err != nil {
		t.Fatalf("%s: %v", b, err)
	}
	return reflect.DeepEqual(x, y)
}

func TestAuthentication(t *testing.T) {
	for name, c := range map[string]struct {
		mode    Mode
		prepare func(*http.Request)
		path    string
		state   State
		status  int
		body    string
	}{
		"basic": {Cloud, func(r *http.Request) { r.SetBasicAuth(BotUser, BotToken) }, "/myself", Valid, 200, catalog.Users[0].AccountID},
		"bearer": {DataCenter, func(r *http.Request) { r.Header.Set("Authorization", "Bearer "+BearerToken) },
			"/myself", Valid, 200, `"name":"bot"`},
		"nothing": {Cloud, func(*http.Request) {}, "/myself", Valid, 401, "Client must be authenticated to access this resource."},
		"wrong token": {Cloud, func(r *http.Request) { r.SetBasicAuth(BotUser, "x") }, "/serverInfo", Valid, 401,
			"Client must be authenticated to access this resource."},
		"wrong user": {Cloud, func(r *http.Request) { r.SetBasicAuth("x", BotToken) }, "/myself", Valid, 401,
			"Client must be authenticated"},
		"html": {DataCenter, func(r *http.Request) { r.SetBasicAuth("x", BotToken) }, "/myself", Valid, 401,
			"<h1>Unauthorized (401)</h1>"},
		"revoked": {Cloud, func(r *http.Request) { r.SetBasicAuth(BotUser, BotToken) }, "/myself", Revoked, 401,
			"Client must be authenticated"},
		"forbidden": {Cloud, func(r *http.Request) { r.SetBasicAuth(BotUser, BotToken) }, "/myself", Forbidden, 403,
			"You do not have permission"},
		"server info":      {Cloud, func(*http.Request) {}, "/serverInfo", Valid, 200, `"deploymentType":"Cloud"`},
		"other serverInfo": {DataCenter, func(*http.Request) {}, "/serverInfo", Valid, 200, `"deploymentType":"Server"`},
	} {
		t.Run(name, func(t *testing.T) {
			s := New(Options{Mode: c.mode})
			if err := s.PutToken(BotToken, c.state); err != nil {
				t.Fatal(err)
			}
			r := httptest.NewRequest(http.MethodGet, BasePath+"/rest/api/2"+c.path, nil)
			c.prepare(r)
			w := httptest.NewRecorder()
			s.API().ServeHTTP(w, r)
			if w.Code != c.status || !strings.Contains(w.Body.String(), c.body) {
				t.Errorf("got %d %s, want %d with %s", w.Code, w.Body, c.status, c.body)
			}
			if isJSON := strings.HasPrefix(w.Header().Get("Content-Type"), "application/json"); isJSON != (c.status != 401) {
				t.Errorf("got Content-Type %q", w.Header().Get("Content-Type"))
			}
		})
	}
}

func TestMetadata(t *testing.T) {
	for mode, names := range map[Mode][2]string{Cloud: {"issueTypes", "fields"}, DataCenter: {"values", "values"}} {
		s := New(Options{Mode: mode})
		types := ask(t, s, http.MethodGet, "/issue/createmeta/VOICE/issuetypes?maxResults=2&startAt=1", "")
		if list := types[names[0]].([]any); len(list) != 2 || list[1].(map[string]any)["name"] != "Bug" || types["total"] != 3.0 {
			t.Errorf("%s: got %v", mode, types)
		}
		all := ask(t, s, http.MethodGet, "/issue/createmeta/VOICE/issuetypes/10004?maxResults=500", "")
		var ids []string
		for _, f := range all[names[1]].([]any) {
			ids = append(ids, f.(map[string]any)["fieldId"].(string))
		}
		if !slices.Contains(ids, "priority") || all["maxResults"] != 200.0 {
			t.Errorf("%s: got fields %v, maxResults %v", mode, ids, all["maxResults"])
		}
		if status, _ := call(t, s, http.MethodGet, "/issue/createmeta", ""); status != http.StatusNotFound {
			t.Errorf("%s: the old createmeta: got %d", mode, status)
		}
	}
	s := New(Options{})
	if status, body := call(t, s, http.MethodGet, "/project/NOPE", ""); status != 404 ||
		body != message("No project could be found with key 'NOPE'.") {
		t.Errorf("got %d %s", status, body)
	}
	if p := ask(t, s, http.MethodGet, "/project/VOICE", ""); p["name"] != "Voice AI" || len(p["issueTypes"].([]any)) != 3 {
		t.Errorf("got %v", p)
	}
	if status, body := call(t, s, http.MethodGet, "/priority", ""); status != 200 || strings.Count(body, `"id"`) != 5 {
		t.Errorf("got %d %s", status, body)
	}
	if status, body := call(t, s, http.MethodGet, "/issue/VOICE-9", ""); status != 404 ||
		body != message("Issue does not exist or you do not have permission to see it.") {
		t.Errorf("got %d %s", status, body)
	}
	if status, _ := call(t, s, http.MethodGet, "/nothing", ""); status != 404 {
		t.Errorf("an unknown resource: got %d", status)
	}
}

func TestIssueLifecycle(t *testing.T) {
	now := time.Date(2026, 1, 2, 3, 4, 5, 6_000_000, time.UTC)
	s := New(Options{Clock: func() time.Time { return now }})
	ask(t, s, http.MethodPost, "/issue",
		strings.TrimSuffix(issueBody("labels", `["b","a","a"]`), "}")+`,"properties":[{"key":"defect","value":{"uid":"7"}}]}`)
	got := ask(t, s, http.MethodGet, "/issue/voice-1?fields=summary,status,labels,priority&properties=defect", "")
	fields := got["fields"].(map[string]any)
	if len(fields) != 4 || fmt.Sprint(fields["labels"]) != "[a b]" || fmt.Sprint(got["properties"]) != "map[defect:map[uid:7]]" {
		t.Errorf("got %v", got)
	}
	now = now.Add(time.Minute)
	if status, _ := call(t, s, http.MethodPut, "/issue/VOICE-1", `{"fields":{"summary":"new"},`+
		`"update":{"labels":[{"add":"c"},{"remove":"a"}]}}`); status != http.StatusNoContent {
		t.Errorf("edit: got %d", status)
	}
	if is := s.Issues()[0]; is.Summary != "new" || !slices.Equal(is.Labels, []string{"b", "c"}) || !is.Updated.Equal(now) {
		t.Errorf("after the edit: %+v", is)
	}
	if status, body := call(t, s, http.MethodPut, "/issue/VOICE-1",
		`{"fields":{"summary":"x","labels":["a b"]}}`); status != 400 || s.Issues()[0].Summary != "new" {
		t.Errorf("a bad edit: got %d %s, issue %+v", status, body, s.Issues()[0])
	}
	list := ask(t, s, http.MethodGet, "/issue/VOICE-1/transitions?expand=transitions.fields", "")["transitions"].([]any)
	if len(list) != 3 || list[2].(map[string]any)["id"] != "31" {
		t.Fatalf("got transitions %v", list)
	}
	if status, _ := call(t, s, http.MethodPost, "/issue/VOICE-1/transitions", `{"update":{"comment":[{"add":{"body":"fixed"}}]},`+
		`"transition":{"id":"31"},"fields":{}}`); status != http.StatusNoContent {
		t.Errorf("transition: got %d", status)
	}
	if is := s.Issues()[0]; is.Status != "Done" || is.Resolution != "Done" || !is.Resolved.Equal(now) || is.Comments[0].Body != "fixed" {
		t.Errorf("moved to %+v", is)
	}
	if !s.Move("VOICE-1", "to do") || s.Issues()[0].Resolution != "" || s.Move("VOICE-1", "x") || s.Move("VOICE-2", "Done") {
		t.Errorf("moved back to %+v", s.Issues()[0])
	}
	if c := ask(t, s, http.MethodPost, "/issue/VOICE-1/comment", `{"body":"hello"}`); c["body"] != "hello" {
		t.Errorf("got %v", c)
	}
	if c := ask(t, s, http.MethodGet, "/issue/VOICE-1/comment?startAt=1", ""); c["total"] != 2.0 || len(c["comments"].([]any)) != 1 {
		t.Errorf("got %v", c)
	}
	link := `{"globalId":"g","object":{"url":"https://x.test/","title":"t"}}`
	for _, want := range []int{http.StatusCreated, http.StatusOK} {
		if status, body := call(t, s, http.MethodPost, "/issue/VOICE-1/remotelink", link); status != want {
			t.Errorf("remote link: got %d %s, want %d", status, body, want)
		}
	}
	if status, _ := call(t, s, http.MethodPut, "/issue/VOICE-1/properties/other", `[1]`); status != http.StatusCreated {
		t.Errorf("new property: got %d", status)
	}
	if p := ask(t, s, http.MethodGet, "/issue/VOICE-1/properties/other", ""); fmt.Sprint(p["value"]) != "[1]" {
		t.Errorf("got %v", p)
	}
	if c := s.Counts(); c.Creates != 1 || c.Edits != 1 || c.Transitions != 1 || c.Comments != 1 || c.RemoteLinks != 2 {
		t.Errorf("got counts %+v", c)
	}
	if !s.Delete("VOICE-1") || s.Delete("VOICE-1") || s.bytes != 0 {
		t.Errorf("after the deletion: %d bytes", s.bytes)
	}
}

func TestRefusals(t *testing.T) {
	s := New(Options{})
	ask(t, s, http.MethodPost, "/issue", issueBody())
	before := *s.Issues()[0]
	for name, c := range map[string]struct {
		path, body string
		status     int
	}{
		"no transition":      {"/issue/VOICE-1/transitions", `{}`, 400},
		"unknown transition": {"/issue/VOICE-1/transitions", `{"transition":{"id":"1"}}`, 400},
		"field on no screen": {"/issue/VOICE-1/transitions", `{"transition":{"id":"21"},"fields":{"resolution":{"name":"Done"}}}`, 400},
		"unknown issue":      {"/issue/VOICE-2/transitions", `{"transition":{"id":"21"}}`, 404},
		"empty comment":      {"/issue/VOICE-1/comment", `{"body":" "}`, 400},
		"long comment":       {"/issue/VOICE-1/comment", `{"body":` + quoted("x", 32768) + `}`, 400},
		"comment's author":   {"/issue/VOICE-1/comment", `{"body":"x","author":{}}`, 400},
		"link without title": {"/issue/VOICE-1/remotelink", `{"object":{"url":"https://x.test"}}`, 400},
		"link to a script":   {"/issue/VOICE-1/remotelink", `{"object":{"url":"javascript:x","title":"t"}}`, 400},
	} {
		if status, body := call(t, s, http.MethodPost, c.path, c.body); status != c.status || !strings.Contains(body, "errorMessages") {
			t.Errorf("%s: got %d %s, want %d", name, status, body, c.status)
		}
	}
	if after := *s.Issues()[0]; !reflect.DeepEqual(before, after) {
		t.Errorf("the issue changed: %+v", after)
	}
	r := httptest.NewRequest(http.MethodPost, BasePath+"/rest/api/2/issue", strings.NewReader(issueBody()))
	r.SetBasicAuth(BotUser, BotToken)
	w := httptest.NewRecorder()
	s.API().ServeHTTP(w, r)
	if w.Code != http.StatusUnsupportedMediaType {
		t.Errorf("without a content type: %d", w.Code)
	}
}

func TestFullSiteRemovesOldest(t *testing.T) {
	s := New(Options{})
	for range maxIssues + 3 {
		s.insert(&issue.Issue{Project: VoiceProject}, catalog.Users[0])
	}
	if all := s.Issues(); len(all) != maxIssues || all[0].Key != "VOICE-4" || len(s.byKey) != maxIssues || len(s.byID) != maxIssues {
		t.Errorf("%d issues, the first is %s", len(all), all[0].Key)
	}
}
