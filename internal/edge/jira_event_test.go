package edge

import (
	"cmp"
	"encoding/json"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
)

// shaped is a body in a shape in which Jira sends it: see testdata/README.md.
func shaped(t testing.TB, file string) []byte {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join("testdata", file))
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

const (
	sampleMarker = "defect-0b4b7a36-8d0e-4a53-9a0e-3f8a4c1d2e5f"
	cloudUser    = "5b10a2844c20165700ede21g"
)

// samples are all bodies in testdata. Each but those that want is ignored for is about the issue VOICE-42.
var samples = map[string]struct {
	event string
	// user is an account ID or a name.
	user   string
	labels []string
	want   result
}{
	"cloud_issue_created.json":               {"jira:issue_created", cloudUser, []string{"voice-ai-testing", "auto-created", sampleMarker}, accepted},
	"cloud_issue_updated.json":               {"jira:issue_updated", cloudUser, []string{"voice-ai-testing", "auto-created", sampleMarker}, accepted},
	"cloud_issue_updated_as_published.json":  {"jira:issue_updated", "", []string{"UI", sampleMarker}, accepted},
	"cloud_issue_updated_with_names.json":    {"jira:issue_updated", cloudUser, []string{"voice-ai-testing", "auto-created", sampleMarker}, accepted},
	"cloud_issue_updated_without_user.json":  {"jira:issue_updated", "", []string{"voice-ai-testing", "auto-created", sampleMarker}, accepted},
	"cloud_issue_updated_by_operator.json":   {"jira:issue_updated", "557058:voice-ai", []string{"auto-created"}, ignored},
	"cloud_issue_deleted.json":               {"jira:issue_deleted", cloudUser, []string{"auto-created"}, accepted},
	"cloud_comment_created.json":             {"comment_created", cloudUser, nil, accepted},
	"cloud_comment_created_by_operator.json": {"comment_created", "557058:voice-ai", nil, ignored},
	"cloud_comment_updated.json":             {"comment_updated", cloudUser, nil, accepted},
	"cloud_comment_deleted.json":             {"comment_deleted", cloudUser, nil, accepted},
	"cloud_sprint_started.json":              {"sprint_started", "", nil, ignored},
	"server_issue_created.json":              {"jira:issue_created", "tester", []string{"voice-ai-testing", "auto-created", sampleMarker}, accepted},
	"server_issue_updated.json":              {"jira:issue_updated", "tester", []string{"voice-ai-testing", sampleMarker}, accepted},
	"server_issue_updated_as_published.json": {"jira:issue_updated", "tester", []string{"UI", sampleMarker}, accepted},
	"server_issue_updated_time_as_text.json": {"jira:issue_updated", "tester", []string{"UI", sampleMarker}, accepted},
	"server_issue_updated_without_user.json": {"jira:issue_updated", "", []string{"voice-ai-testing", "auto-created", sampleMarker}, accepted},
	"server_issue_updated_by_operator.json":  {"jira:issue_updated", "voice-ai", nil, ignored},
	"server_issue_commented.json":            {"jira:issue_updated", "tester", []string{"voice-ai-testing", "auto-created", sampleMarker}, accepted},
	"server_issue_deleted.json":              {"jira:issue_deleted", "tester", []string{"voice-ai-testing", "auto-created", sampleMarker}, accepted},
	"server_transition.json":                 {"", "tester", []string{"voice-ai-testing", "auto-created", sampleMarker}, accepted},
	"server_comment_created.json":            {"comment_created", "tester", nil, ignored},
	"server_comment_deleted.json":            {"comment_deleted", "tester", nil, ignored},
}

func TestDecodesWhatJiraSends(t *testing.T) {
	files, err := filepath.Glob(filepath.Join("testdata", "*.json"))
	if err != nil || len(files) != len(samples) {
		t.Fatalf("there are %d files, and %d are known: %v", len(files), len(samples), err)
	}
	for _, file := range files {
		file = filepath.Base(file)
		t.Run(file, func(t *testing.T) {
			test, ok := samples[file]
			if !ok {
				t.Fatal("it is not known")
			}
			e, err := decodeJira(shaped(t, file))
			if err != nil {
				t.Fatal(err)
			}
			id, key := number("10042"), "VOICE-42"
			if strings.HasPrefix(file, "server_comment") || strings.Contains(file, "sprint") {
				id, key = "", ""
			}
			by := ""
			if u := e.by(); u != nil {
				by = cmp.Or(u.AccountID, u.Name)
			}
			if e.Name != test.event || e.Issue.ID != id || e.Issue.Key != key || by != test.user {
				t.Errorf("decoded %+v by %q", e, by)
			}
			if len(e.Issue.Fields.Labels)+len(test.labels) > 0 && !reflect.DeepEqual(e.Issue.Fields.Labels, test.labels) {
				t.Errorf("labels are %q, want %q", e.Issue.Fields.Labels, test.labels)
			}
			if text := strings.Contains(file, "time_as_text"); (e.Timestamp < 1e12) != text {
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
	if e, err := decodeJira([]byte(`{"timestamp":"1767261600123"}`)); err != nil || e.Timestamp != 1767261600123 {
		t.Errorf("a time that is a text was decoded to %+v, %v", e, err)
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
		f.Add(shaped(f, filepath.Base(file)))
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
