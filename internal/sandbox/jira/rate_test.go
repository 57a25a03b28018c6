// SPDX-License-Identifier: Apache-2.0

package jira

import (
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/voiceai-dev/integrations-operator/internal/sandbox/jira/catalog"
	"github.com/voiceai-dev/integrations-operator/internal/sandbox/jira/issue"
)

func TestRateLimit(t *testing.T) {
	now := time.Date(2026, 1, 2, 3, 0, 0, 0, time.UTC)
	s := New(Options{Clock: func() time.Time { return now }})
	rate := 2
	if err := s.Set(Settings{RatePerSecond: &rate}); err != nil {
		t.Fatal(err)
	}
	s.insert(&issue.Issue{Project: VoiceProject, Status: "To Do"}, catalog.Users[0])
	s.insert(&issue.Issue{Project: VoiceProject, Status: "To Do"}, catalog.Users[0])
	api := s.API()
	for i, step := range []struct {
		after  time.Duration
		method string
		path   string
		want   int
	}{
		{0, http.MethodGet, "/issue/VOICE-1", 200},
		{600 * time.Millisecond, http.MethodGet, "/issue/VOICE-2", 200}, // another issue, the same route
		{0, http.MethodGet, "/issue/VOICE-1", 429},
		{0, http.MethodGet, "/issue/VOICE-1/transitions", 200}, // another route
		{0, http.MethodPost, "/issue", 415},                    // another method; a refused request counts too
		{399 * time.Millisecond, http.MethodGet, "/issue/VOICE-1", 429},
		{time.Millisecond, http.MethodGet, "/issue/VOICE-1", 200}, // the first request is a second old
		{0, http.MethodGet, "/issue/VOICE-1", 429},                // the second one is not
		{600 * time.Millisecond, http.MethodGet, "/issue/VOICE-1", 200},
	} {
		now = now.Add(step.after)
		r := httptest.NewRequest(step.method, BasePath+"/rest/api/2"+step.path, nil)
		r.SetBasicAuth(BotUser, BotToken)
		w := httptest.NewRecorder()
		api.ServeHTTP(w, r)
		h := w.Header()
		if w.Code != step.want {
			t.Errorf("call %d: %d %s, want %d", i, w.Code, w.Body, step.want)
		}
		if limited := h.Get("Retry-After") == "1" && h.Get("RateLimit-Reason") == "jira-burst-based"; limited != (step.want == 429) {
			t.Errorf("call %d: got headers %v", i, h)
		}
	}
	if got := s.Counts().RateLimited; got != 3 {
		t.Errorf("got %d, want 3", got)
	}
	s.Reset()
	if *s.Settings().RatePerSecond != 0 {
		t.Error("the limit remains after a reset")
	}
}
