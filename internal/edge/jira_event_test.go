package edge

import (
	"encoding/json"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
)

// recorded is a body as Jira sends it.
func recorded(t testing.TB, file string) []byte {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join("testdata", file))
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

func TestDecodesWhatJiraSends(t *testing.T) {
	const marker = "defect-0b4b7a36-8d0e-4a53-9a0e-3f8a4c1d2e5f"
	for _, test := range []struct {
		file, event, id, key, cloud, server string
		labels                              []string
	}{
		{file: "cloud_issue_updated.json", event: "jira:issue_updated", id: "10042", key: "VOICE-42", cloud: "5b10a2844c20165700ede21g",
			labels: []string{"voice-ai-testing", "auto-created", marker}},
		{file: "cloud_issue_updated_by_operator.json", event: "jira:issue_updated", id: "10042", key: "VOICE-42", cloud: "557058:voice-ai",
			labels: []string{"auto-created"}},
		{file: "cloud_comment_created.json", event: "comment_created", id: "10042", key: "VOICE-42", cloud: "5b10a2844c20165700ede21g"},
		{file: "cloud_issue_deleted.json", event: "jira:issue_deleted", id: "10042", key: "VOICE-42", cloud: "5b10a2844c20165700ede21g",
			labels: []string{"auto-created"}},
		{file: "cloud_sprint_started.json", event: "sprint_started"},
		{file: "server_issue_updated.json", event: "jira:issue_updated", id: "10042", key: "VOICE-42", server: "tester",
			labels: []string{"voice-ai-testing", marker}},
	} {
		t.Run(test.file, func(t *testing.T) {
			e, err := decodeJira(recorded(t, test.file))
			if err != nil {
				t.Fatal(err)
			}
			var by jiraUser
			if u := e.by(); u != nil {
				by = *u
			}
			if e.Name != test.event || string(e.Issue.ID) != test.id || e.Issue.Key != test.key || by.AccountID != test.cloud || by.Name != test.server {
				t.Errorf("decoded %+v by %+v", e, by)
			}
			if !reflect.DeepEqual(e.Issue.Fields.Labels, test.labels) {
				t.Errorf("labels are %q, want %q", e.Issue.Fields.Labels, test.labels)
			}
			if e.Timestamp < 1e12 {
				t.Errorf("timestamp is %d, want milliseconds", e.Timestamp)
			}
		})
	}
}

func TestDecodesTolerantly(t *testing.T) {
	long := strings.Repeat("x", 300)
	for name, test := range map[string]struct {
		body   string
		id     string
		key    string
		labels []string
	}{
		"a number as ID":          {body: `{"issue":{"id":10042,"key":"VOICE-42"}}`, id: "10042", key: "VOICE-42"},
		"an ID that is no number": {body: `{"issue":{"id":"1e4","key":"VOICE-42"}}`, key: "VOICE-42"},
		"an object as ID":         {body: `{"issue":{"id":{"a":1},"key":"VOICE-42"}}`, key: "VOICE-42"},
		"a word as time":          {body: `{"timestamp":"now","issue":{"id":"1"}}`, id: "1"},
		"labels that are none":    {body: `{"issue":{"id":"1","fields":{"labels":{"a":1}},"key":"VOICE-42"}}`, id: "1", key: "VOICE-42"},
		"some labels that are":    {body: `{"issue":{"id":"1","fields":{"labels":[1,"","a","` + long + `","b"]}}}`, id: "1", labels: []string{"a", "b"}},
		"nothing":                 {body: `{"issue":null,"user":null,"timestamp":null}`},
		"a user that is none":     {body: `{"user":"tester","issue":{"id":"1"}}`, id: "1"},
		"a time out of bounds":    {body: `{"timestamp":1e400,"issue":{"id":"1"}}`, id: "1"},
		"an ID and key too long":  {body: `{"issue":{"id":"` + long + `","key":"` + long + `"}}`},
		"a list":                  {body: `[{"issue":{"id":"1"}}]`},
		"a word":                  {body: `"issue"`},
		"more labels than can be": {body: `{"issue":{"fields":{"labels":["l"` + strings.Repeat(`,"l"`, 200) + `]}}}`, labels: strings.Split(strings.Repeat("l", 100), "")},
	} {
		t.Run(name, func(t *testing.T) {
			e, err := decodeJira([]byte(test.body))
			if err != nil {
				t.Fatal(err)
			}
			if string(e.Issue.ID) != test.id || e.Issue.Key != test.key || !reflect.DeepEqual(e.Issue.Fields.Labels, test.labels) {
				t.Errorf("decoded %+v", e.Issue)
			}
		})
	}
	for _, body := range []string{"", "{", `{"issue":{}} {}`, "issue=1", `{"issue":`, strings.Repeat("[", 20_000) + strings.Repeat("]", 20_000)} {
		if _, err := decodeJira([]byte(body)); err == nil {
			t.Errorf("%.40q was taken for JSON", body)
		}
	}
}

func FuzzDecodeJira(f *testing.F) {
	files, err := filepath.Glob(filepath.Join("testdata", "*.json"))
	if err != nil || len(files) == 0 {
		f.Fatalf("no seeds: %v", err)
	}
	for _, file := range files {
		f.Add(recorded(f, filepath.Base(file)))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		e, err := decodeJira(body)
		if (err == nil) != json.Valid(body) {
			t.Fatalf("error %v of a body that is valid: %t", err, json.Valid(body))
		}
		if err != nil {
			return
		}
		if len(e.Issue.ID) > maxIssueID || len(e.Issue.Key) > maxIssueID || len(e.Name) > maxIssueID || len(e.Issue.Fields.Labels) > maxLabels {
			t.Fatalf("unbounded: %+v", e)
		}
		for _, l := range e.Issue.Fields.Labels {
			if l == "" || len(l) > maxLabel {
				t.Fatalf("label %q", l)
			}
		}
		if e.by().is("") {
			t.Fatal("nobody is the operator before its account is known")
		}
	})
}
