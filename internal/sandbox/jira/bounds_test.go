// SPDX-License-Identifier: Apache-2.0

package jira

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/voiceai-dev/integrations-operator/internal/sandbox/jira/catalog"
	"github.com/voiceai-dev/integrations-operator/internal/sandbox/jira/issue"
)

func TestTokensAndSchemes(t *testing.T) {
	for _, c := range []struct {
		name string
		set  func(*http.Request)
		want int
	}{
		{"API token, basic", func(r *http.Request) { r.SetBasicAuth(BotUser, BotToken) }, http.StatusOK},
		{"API token, bearer", func(r *http.Request) { r.Header.Set("Authorization", "Bearer "+BotToken) }, http.StatusUnauthorized},
		{"access token, basic", func(r *http.Request) { r.SetBasicAuth(BotUser, BearerToken) }, http.StatusUnauthorized},
		{"access token, bearer", func(r *http.Request) { r.Header.Set("Authorization", "Bearer "+BearerToken) }, http.StatusOK},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := httptest.NewRequest(http.MethodGet, BasePath+"/rest/api/2/myself", nil)
			c.set(r)
			w := httptest.NewRecorder()
			New(Options{}).API().ServeHTTP(w, r)
			if w.Code != c.want {
				t.Errorf("got %d %s, want %d", w.Code, w.Body, c.want)
			}
		})
	}
}

func TestFieldInFieldsAndUpdate(t *testing.T) {
	s := New(Options{})
	ask(t, s, http.MethodPost, "/issue", issueBody("labels", `["a"]`))
	const both = `{"fields":{"labels":["b"]},"update":{"labels":[{"add":"c"}]}}`
	const want = `{"errorMessages":[],"errors":{"labels":"Field 'labels' cannot be in both 'fields' and 'update'."}}`
	if status, body := call(t, s, http.MethodPut, "/issue/VOICE-1", both); status != http.StatusBadRequest || body != want {
		t.Errorf("got %d %s, want 400 %s", status, body, want)
	}
	if is, _ := s.Issue("VOICE-1"); strings.Join(is.Labels, ",") != "a" {
		t.Errorf("a refused edit changed the labels: %v", is.Labels)
	}
}

func TestGrowingIssueRemovesOthers(t *testing.T) {
	s := New(Options{})
	for range 3 {
		ask(t, s, http.MethodPost, "/issue", issueBody())
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	grow := func(is *issue.Issue) *problem {
		is.Description = strings.Repeat("x", maxIssueBytes)
		return nil
	}
	if p := s.change(s.byKey["VOICE-1"], catalog.Users[0], eventUpdated, grow); p != nil {
		t.Fatal(p)
	}
	if len(s.issues) != 1 || s.issues[0].Key != "VOICE-1" || len(s.byKey) != 1 || len(s.byID) != 1 || s.bytes != s.issues[0].Size() {
		t.Errorf("got %d issues of %d bytes, want only VOICE-1", len(s.issues), s.bytes)
	}
}
