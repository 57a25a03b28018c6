// SPDX-License-Identifier: Apache-2.0

package jira

import (
	"fmt"
	"net/http"
	"net/url"
	"testing"
	"time"

	"github.com/voiceai-dev/integrations-operator/internal/sandbox/jira/catalog"
	"github.com/voiceai-dev/integrations-operator/internal/sandbox/jira/issue"
)

func TestSearchLag(t *testing.T) {
	for mode, path := range map[Mode]string{Cloud: "/search/jql?fields=summary&jql=", DataCenter: "/search?fields=summary&jql="} {
		t.Run(string(mode), func(t *testing.T) {
			now := time.Date(2026, 1, 2, 3, 0, 0, 0, time.UTC)
			s := New(Options{Mode: mode, Clock: func() time.Time { return now }})
			s.SetSearchLag(10 * time.Second)
			seen := func() string {
				t.Helper()
				var text string
				body := ask(t, s, http.MethodGet, path+url.QueryEscape("project in (VOICE, OPS) ORDER BY created ASC, key ASC"), "")
				for _, is := range body["issues"].([]any) {
					is := is.(map[string]any)
					text += fmt.Sprintf("%s=%s ", is["key"], is["fields"].(map[string]any)["summary"])
				}
				return text
			}
			edit := func(key, summary string) {
				t.Helper()
				if err := s.Edit(key, catalog.OnCall, func(is *issue.Issue) { is.Summary = summary }); err != nil {
					t.Fatal(err)
				}
			}
			// Each step happens a second after the former one. The keys are what a search finds then.
			for i, step := range []struct {
				do   func()
				want string
			}{
				{func() { ask(t, s, http.MethodPost, "/issue", issueBody("summary", `"a"`)) }, ""}, // 0 s
				{func() { ask(t, s, http.MethodPost, "/issue", issueBody("summary", `"b"`)) }, ""}, // 1 s
				{func() { edit("VOICE-1", "a2") }, ""},                                             // 2 s
				{func() { now = now.Add(6 * time.Second); edit("VOICE-1", "a3") }, ""},             // 9 s
				{func() {}, "VOICE-1=a "},                                // 10 s
				{func() { s.Delete("VOICE-2") }, "VOICE-1=a VOICE-2=b "}, // 11 s
				{func() {}, "VOICE-1=a2 VOICE-2=b "},                     // 12 s
				{func() { _, _ = s.MoveToProject("VOICE-1", OpsProject, catalog.Tester) }, "VOICE-1=a2 VOICE-2=b "}, // 13 s
				{func() { now = now.Add(5 * time.Second) }, "VOICE-1=a3 VOICE-2=b "},                                // 19 s
				{func() { now = now.Add(time.Second) }, "VOICE-1=a3 "},                                              // 21 s
				{func() { now = now.Add(time.Second) }, "OPS-1=a3 "},                                                // 23 s
			} {
				if i > 0 {
					now = now.Add(time.Second)
				}
				step.do()
				if got := seen(); got != step.want {
					t.Errorf("step %d: found %q, want %q", i, got, step.want)
				}
				if is := ask(t, s, http.MethodGet, "/issue/10001?fields=summary", ""); is["key"] != s.Issues()[0].Key {
					t.Errorf("step %d: reading an issue lags: %v", i, is)
				}
			}
			edit("OPS-1", "a4")
			if got := seen(); got != "OPS-1=a3 " {
				t.Errorf("found %q", got)
			}
			s.SetSearchLag(0)
			if got := seen(); got != "OPS-1=a4 " {
				t.Errorf("without a lag: found %q", got)
			}
		})
	}
}
