// SPDX-License-Identifier: Apache-2.0

package slack_test

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/voiceai-dev/integrations-operator/internal/chat"
	"github.com/voiceai-dev/integrations-operator/internal/fault"
	"github.com/voiceai-dev/integrations-operator/internal/sandbox"
	sandboxslack "github.com/voiceai-dev/integrations-operator/internal/sandbox/slack"
)

func fileOf(content string) chat.File {
	return chat.File{Name: "call-1a2b.wav", Title: "call.wav", Bytes: int64(len(content)), Content: strings.NewReader(content)}
}

// newBox returns a sandbox that a script may answer for, a bot, and the place of a message.
func newBox(
	t *testing.T, script func(box http.Handler, w http.ResponseWriter, r *http.Request) (answered bool),
) (*sandbox.Sandbox, chat.Poster, chat.Posted) {
	t.Helper()
	box := sandbox.New(sandbox.Options{})
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if script == nil || !script(box, w, r) {
			box.ServeHTTP(w, r)
		}
	}))
	t.Cleanup(s.Close)
	bot := dial(t, chat.Config{Token: sandboxslack.BotToken, APIURL: s.URL + "/api/"})
	at, err := bot.Post(t.Context(), chat.Message{DeliveryID: "d1", Channel: sandboxslack.AlertsChannel, Text: "x"})
	if err != nil {
		t.Fatal(err)
	}
	return box, bot, at
}

// files returns the files in the thread of a message.
func files(t *testing.T, box *sandbox.Sandbox, at chat.Posted) (out []sandboxslack.File) {
	t.Helper()
	for _, m := range box.Slack().Messages(at.Channel) {
		if m.ThreadTS == at.TS {
			out = append(out, m.Files...)
		}
	}
	return out
}

// TestShare posts a file once, to the thread.
func TestShare(t *testing.T) {
	box, bot, at := newBox(t, nil)
	for range 2 {
		if err := bot.Share(t.Context(), at, fileOf(strings.Repeat("x", 2<<20))); err != nil {
			t.Fatal(err)
		}
	}
	if got := files(t, box, at); len(got) != 1 || got[0].Name != "call-1a2b.wav" || got[0].Title != "call.wav" || got[0].Size != 2<<20 {
		t.Errorf("%+v", got)
	}
	hook := dial(t, chat.Config{WebhookURL: "https://hooks.slack.com/services/T0/B0/x"})
	if err := hook.Share(t.Context(), at, fileOf("x")); !errors.Is(err, chat.ErrUnsupported) {
		t.Errorf("an incoming webhook: %v", err)
	}
	at.TS = "1.000001"
	if err := bot.Share(t.Context(), at, fileOf("x")); !fault.Is(err, fault.Invalid) {
		t.Errorf("the message is gone: %v", err)
	}
}

// TestShareFails loses the answer to each of the calls, and posts the file once all the same.
func TestShareFails(t *testing.T) {
	for name, test := range map[string]struct {
		path    string
		accept  bool
		settles bool
	}{
		"the search":                       {"/api/conversations.replies", false, false},
		"the address":                      {"/api/files.getUploadURLExternal", true, false},
		"the upload":                       {"/api/upload/v1/", true, false},
		"the last call":                    {"/api/files.completeUploadExternal", false, true},
		"the answer to the last call":      {"/api/files.completeUploadExternal", true, true},
		"the upload, which did not arrive": {"/api/upload/v1/", false, false},
	} {
		t.Run(name, func(t *testing.T) {
			failed := false
			script := func(box http.Handler, w http.ResponseWriter, r *http.Request) bool {
				if failed || !strings.HasPrefix(r.URL.Path, test.path) {
					return false
				}
				failed = true
				if test.accept {
					box.ServeHTTP(httptest.NewRecorder(), r)
				}
				w.WriteHeader(http.StatusBadGateway)
				return true
			}
			box, bot, at := newBox(t, script)
			err := bot.Share(t.Context(), at, fileOf("hello"))
			if !fault.Is(err, fault.Unavailable) || test.settles != (fault.From(err).RetryAfter == chat.FileSettles) {
				t.Errorf("%+v", err)
			}
			if err := bot.Share(t.Context(), at, fileOf("hello")); err != nil {
				t.Error(err)
			}
			if got := files(t, box, at); len(got) != 1 {
				t.Errorf("%+v", got)
			}
		})
	}
}

// TestShareWithoutScopes keeps the connection when only files may not be posted, and posts without a search where replies may
// not be read.
func TestShareWithoutScopes(t *testing.T) {
	refuse := func(path, needed string) func(http.Handler, http.ResponseWriter, *http.Request) bool {
		return func(_ http.Handler, w http.ResponseWriter, r *http.Request) bool {
			if r.URL.Path != path {
				return false
			}
			w.Header().Set("Content-Type", "application/json")
			_, _ = w.Write([]byte(`{"ok":false,"error":"missing_scope","needed":"` + needed + `","provided":"chat:write"}`))
			return true
		}
	}
	_, bot, at := newBox(t, refuse("/api/files.getUploadURLExternal", "files:write"))
	if f := fault.From(bot.Share(t.Context(), at, fileOf("x"))); f == nil || f.Kind != fault.Unauthorized || f.Scope != fault.Item ||
		!strings.Contains(f.Error(), "files:write") {
		t.Errorf("%+v", f)
	}
	box, bot, at := newBox(t, refuse("/api/conversations.replies", "channels:history"))
	if err := bot.Share(t.Context(), at, fileOf("x")); err != nil || len(files(t, box, at)) != 1 {
		t.Errorf("%v, %v", err, files(t, box, at))
	}
}

// TestTokenInTheHeader checks that each call of the Web API has the token in its header.
func TestTokenInTheHeader(t *testing.T) {
	var calls atomic.Int32
	_, bot, at := newBox(t, func(_ http.Handler, _ http.ResponseWriter, r *http.Request) bool {
		calls.Add(1)
		if got := r.Header.Get("Authorization"); got != "Bearer "+sandboxslack.BotToken {
			t.Errorf("%s has the header %q", r.URL.Path, got)
		}
		return false
	})
	if _, err := bot.Probe(t.Context()); err != nil {
		t.Error(err)
	}
	if err := bot.Share(t.Context(), at, fileOf("x")); err != nil {
		t.Error(err)
	}
	if calls.Load() < 5 {
		t.Errorf("%d calls", calls.Load())
	}
}
