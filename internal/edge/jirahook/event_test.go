// SPDX-License-Identifier: Apache-2.0

package jirahook

import (
	"cmp"
	"encoding/json"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/voiceai-dev/integrations-operator/internal/edge"
)

// readSample returns a body in one of the shapes that Jira sends: see testdata/README.md.
func readSample(t testing.TB, file string) []byte {
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

var (
	allLabels       = []string{"voice-ai-testing", "auto-created", sampleMarker}
	publishedLabels = []string{"UI", sampleMarker}
)

// samples are all bodies in testdata. Those with an issue in them are about VOICE-42.
var samples = map[string]struct {
	event string
	// user is an account ID or a name.
	user   string
	labels []string
	want   edge.Result
}{
	"cloud_issue_created.json":               {"jira:issue_created", cloudUser, allLabels, accepted},
	"cloud_issue_updated.json":               {"jira:issue_updated", cloudUser, allLabels, accepted},
	"cloud_issue_updated_as_published.json":  {"jira:issue_updated", "", publishedLabels, accepted},
	"cloud_issue_updated_with_names.json":    {"jira:issue_updated", cloudUser, allLabels, accepted},
	"cloud_issue_updated_without_user.json":  {"jira:issue_updated", "", allLabels, accepted},
	"cloud_issue_updated_by_operator.json":   {"jira:issue_updated", "557058:voice-ai", []string{"auto-created"}, accepted},
	"cloud_issue_deleted.json":               {"jira:issue_deleted", cloudUser, []string{"auto-created"}, accepted},
	"cloud_comment_created.json":             {"comment_created", cloudUser, nil, accepted},
	"cloud_comment_created_by_operator.json": {"comment_created", "557058:voice-ai", nil, ignored},
	"cloud_comment_updated.json":             {"comment_updated", cloudUser, nil, accepted},
	"cloud_comment_deleted.json":             {"comment_deleted", cloudUser, nil, accepted},
	"cloud_sprint_started.json":              {"sprint_started", "", nil, ignored},
	"server_issue_created.json":              {"jira:issue_created", "tester", allLabels, accepted},
	"server_issue_updated.json":              {"jira:issue_updated", "tester", []string{"voice-ai-testing", sampleMarker}, accepted},
	"server_issue_updated_as_published.json": {"jira:issue_updated", "tester", publishedLabels, accepted},
	"server_issue_updated_time_as_text.json": {"jira:issue_updated", "tester", publishedLabels, accepted},
	"server_issue_updated_without_user.json": {"jira:issue_updated", "", allLabels, accepted},
	"server_issue_updated_by_operator.json":  {"jira:issue_updated", "voice-ai", nil, accepted},
	"server_issue_commented.json":            {"jira:issue_updated", "tester", allLabels, accepted},
	"server_issue_deleted.json":              {"jira:issue_deleted", "tester", allLabels, accepted},
	"server_transition.json":                 {"", "tester", allLabels, accepted},
	"server_comment_created.json":            {"comment_created", "tester", nil, ignored},
	"server_comment_deleted.json":            {"comment_deleted", "tester", nil, ignored},
}

func TestDecodesSamples(t *testing.T) {
	files, err := filepath.Glob(filepath.Join("testdata", "*.json"))
	if err != nil || len(files) != len(samples) {
		t.Fatalf("testdata has %d files and the table %d: %v", len(files), len(samples), err)
	}
	for _, file := range files {
		file = filepath.Base(file)
		t.Run(file, func(t *testing.T) {
			test, ok := samples[file]
			if !ok {
				t.Fatal("the file is not in the table")
			}
			e, err := decode(readSample(t, file))
			if err != nil {
				t.Fatal(err)
			}
			id := digits("10042")
			key := "VOICE-42"
			if strings.HasPrefix(file, "server_comment") || strings.Contains(file, "sprint") {
				id = ""
				key = ""
			}
			actor := ""
			if u := e.actor(); u != nil {
				actor = cmp.Or(u.AccountID, u.Name)
			}
			if e.Name != test.event || e.Issue.ID != id || e.Issue.Key != key || actor != test.user {
				t.Errorf("decoded %+v by %q", e, actor)
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

func TestDecodesUnexpectedTypes(t *testing.T) {
	long := strings.Repeat("x", 300)
	someLabels := `{"issue":{"id":"1","fields":{"labels":[1,"","a","` + long + `","b"]}}}`
	manyLabels := `{"issue":{"fields":{"labels":["l"` + strings.Repeat(`,"l"`, 200) + `]}}}`
	for name, test := range map[string]struct {
		body   string
		id     string
		key    string
		labels []string
	}{
		"number as ID":              {body: `{"issue":{"id":10042,"key":"VOICE-42"}}`, id: "10042", key: "VOICE-42"},
		"ID that is not a number":   {body: `{"issue":{"id":"1e4","key":"VOICE-42"}}`, key: "VOICE-42"},
		"object as ID":              {body: `{"issue":{"id":{"a":1},"key":"VOICE-42"}}`, key: "VOICE-42"},
		"word as time":              {body: `{"timestamp":"now","issue":{"id":"1"}}`, id: "1"},
		"object as labels":          {body: `{"issue":{"id":"1","fields":{"labels":{"a":1}},"key":"V-1"}}`, id: "1", key: "V-1"},
		"some labels unusable":      {body: someLabels, id: "1", labels: []string{"a", "b"}},
		"nulls":                     {body: `{"issue":null,"user":null,"timestamp":null}`},
		"word as user":              {body: `{"user":"tester","issue":{"id":"1"}}`, id: "1"},
		"time out of range":         {body: `{"timestamp":1e400,"issue":{"id":"1"}}`, id: "1"},
		"ID and key too long":       {body: `{"issue":{"id":"` + long + `","key":"` + long + `"}}`},
		"list as body":              {body: `[{"issue":{"id":"1"}}]`},
		"word as body":              {body: `"issue"`},
		"more labels than are used": {body: manyLabels, labels: strings.Split(strings.Repeat("l", 100), "")},
	} {
		t.Run(name, func(t *testing.T) {
			e, err := decode([]byte(test.body))
			if err != nil {
				t.Fatal(err)
			}
			if string(e.Issue.ID) != test.id || e.Issue.Key != test.key || !reflect.DeepEqual(e.Issue.Fields.Labels, test.labels) {
				t.Errorf("decoded %+v", e.Issue)
			}
		})
	}
	if e, err := decode([]byte(`{"timestamp":"1767261600123"}`)); err != nil || e.Timestamp != 1767261600123 {
		t.Errorf("decoded a time in a string to %+v, %v", e, err)
	}
	nested := strings.Repeat("[", 20_000) + strings.Repeat("]", 20_000)
	for _, body := range []string{"", "{", `{"issue":{}} {}`, "issue=1", `{"issue":`, nested} {
		if _, err := decode([]byte(body)); err == nil {
			t.Errorf("decoded %.40q, want an error", body)
		}
	}
}

func FuzzDecode(f *testing.F) {
	files, err := filepath.Glob(filepath.Join("testdata", "*.json"))
	if err != nil || len(files) == 0 {
		f.Fatalf("no seeds: %v", err)
	}
	for _, file := range files {
		f.Add(readSample(f, filepath.Base(file)))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		e, err := decode(body)
		if (err == nil) != json.Valid(body) {
			t.Fatalf("error %v of a body that is valid: %t", err, json.Valid(body))
		}
		if err != nil {
			return
		}
		if max(len(e.Issue.ID), len(e.Issue.Key), len(e.Name)) > maxIssueID || len(e.Issue.Fields.Labels) > maxLabels {
			t.Fatalf("a value is too long: %+v", e)
		}
		for _, l := range e.Issue.Fields.Labels {
			if l == "" || len(l) > maxLabel {
				t.Fatalf("label %q", l)
			}
		}
		if e.actor().hasAccount("") {
			t.Fatal("a user matches an account that is not known")
		}
	})
}
