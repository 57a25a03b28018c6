// SPDX-License-Identifier: Apache-2.0

package slack_test

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"testing"
	"time"

	"github.com/voiceai-dev/integrations-operator/internal/chat"
	"github.com/voiceai-dev/integrations-operator/internal/chat/slack"
	"github.com/voiceai-dev/integrations-operator/internal/fault"
	"github.com/voiceai-dev/integrations-operator/internal/sandbox"
	workspace "github.com/voiceai-dev/integrations-operator/internal/sandbox/slack"
	"github.com/voiceai-dev/integrations-operator/internal/sandbox/slack/consent"
	"github.com/voiceai-dev/integrations-operator/internal/transport"
)

const back = "https://dashboard.example.com/oauth/slack"

var dialer = slack.Dialer{Options: transport.Options{Reach: transport.Reach{AllowLoopback: true}}}

// giveConsent gives the app chat:write on the consent page of a sandbox, and returns the code.
func giveConsent(t *testing.T, sandboxURL string) string {
	t.Helper()
	browser := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	q := url.Values{"client_id": {consent.ClientID}, "scope": {"chat:write"}, "redirect_uri": {back}, "state": {"s"}}
	res, err := browser.Get(sandboxURL + consent.Path + "/allow?" + q.Encode())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	at, err := res.Location()
	if err != nil || at.Query().Get("state") != "s" {
		t.Fatalf("%d to %v, %v", res.StatusCode, at, err)
	}
	return at.Query().Get("code")
}

// TestInstall exchanges codes as the API does.
func TestInstall(t *testing.T) {
	server := httptest.NewServer(sandbox.New(sandbox.Options{}))
	t.Cleanup(server.Close)
	used := giveConsent(t, server.URL)
	grant := func(change func(*chat.Grant)) chat.Grant {
		g := chat.Grant{ClientID: consent.ClientID, ClientSecret: consent.ClientSecret, Code: used, RedirectURL: back}
		change(&g)
		return g
	}
	for _, c := range []struct {
		what string
		g    chat.Grant
		want string
	}{
		{"a wrong secret", grant(func(g *chat.Grant) { g.ClientSecret = "x" }), "bad_client_secret"},
		{"another app", grant(func(g *chat.Grant) { g.ClientID = "1.1" }), "invalid_client_id"},
		{"another page", grant(func(g *chat.Grant) { g.RedirectURL += "2" }), "bad_redirect_uri"},
		{"no such code", grant(func(g *chat.Grant) { g.Code = "x" }), "invalid_code"},
		{"all right", grant(func(*chat.Grant) {}), ""},
		{"the same again", grant(func(*chat.Grant) {}), "code_already_used"},
	} {
		c.g.APIURL = server.URL + sandbox.SlackAPIPath
		got, err := dialer.Exchange(t.Context(), c.g)
		switch {
		case c.want != "":
			if f := fault.From(err); f == nil || f.Code != c.want {
				t.Errorf("%s: got %+v, %v, want %s", c.what, got, err, c.want)
			}
		case err != nil || got.TeamID != workspace.TeamID || got.Team != workspace.TeamName || got.Token == "" || got.Rotates():
			t.Errorf("%s: got %+v, %v", c.what, got, err)
		default:
			app, err := dialer.Dial(chat.Config{APIURL: c.g.APIURL, Token: got.Token})
			if err != nil {
				t.Fatal(err)
			}
			if w, err := app.Probe(t.Context()); err != nil || w.TeamID != workspace.TeamID {
				t.Errorf("the token gives %+v, %v", w, err)
			}
		}
	}
}

// rotating is an app in a sandbox whose tokens rotate.
type rotating struct {
	t   *testing.T
	api string
	now time.Time
}

func newRotating(t *testing.T) (*rotating, chat.Installation) {
	t.Helper()
	r := &rotating{t: t, now: time.Date(2026, 3, 4, 12, 0, 0, 0, time.UTC)}
	box := sandbox.New(sandbox.Options{Clock: func() time.Time { return r.now }})
	if err := box.Slack().SetRotation(workspace.Rotation{Rotates: true}); err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(box)
	t.Cleanup(server.Close)
	r.api = server.URL + sandbox.SlackAPIPath
	got, err := dialer.Exchange(t.Context(), chat.Grant{
		APIURL: r.api, ClientID: consent.ClientID, ClientSecret: consent.ClientSecret, Code: giveConsent(t, server.URL), RedirectURL: back,
	})
	if err != nil || !got.Rotates() || got.RefreshToken == "" || got.ExpiresIn != 12*time.Hour {
		t.Fatalf("got %+v, %v", got, err)
	}
	return r, got
}

// refresh refreshes a token, and returns the code with which Slack refuses that.
func (r *rotating) refresh(refreshToken, secret string) (chat.Installation, string) {
	r.t.Helper()
	got, err := dialer.Refresh(r.t.Context(), chat.Renewal{
		APIURL: r.api, ClientID: consent.ClientID, ClientSecret: secret, RefreshToken: refreshToken,
	})
	if err != nil {
		return got, fault.From(err).Code
	}
	return got, ""
}

// works returns the code with which Slack refuses a token; empty if it accepts it.
func (r *rotating) works(token string) string {
	r.t.Helper()
	app, err := dialer.Dial(chat.Config{APIURL: r.api, Token: token})
	if err != nil {
		r.t.Fatal(err)
	}
	if _, err := app.Probe(r.t.Context()); err != nil {
		return fault.From(err).Code
	}
	return ""
}

// TestRefresh refreshes tokens: a refresh token counts once and a little longer, and two tokens are valid at once.
func TestRefresh(t *testing.T) {
	r, first := newRotating(t)
	if _, code := r.refresh(first.RefreshToken, "x"); code != "bad_client_secret" {
		t.Errorf("with a wrong secret: %q", code)
	}
	second, code := r.refresh(first.RefreshToken, consent.ClientSecret)
	if code != "" || second.Token == first.Token || second.RefreshToken == first.RefreshToken || second.ExpiresIn != 12*time.Hour {
		t.Fatalf("got %+v, %s", second, code)
	}
	if a, b := r.works(first.Token), r.works(second.Token); a != "" || b != "" {
		t.Errorf("of two tokens: %q, %q", a, b)
	}
	again, code := r.refresh(first.RefreshToken, consent.ClientSecret) // as after a lost answer
	if code != "" || again.Token == second.Token {
		t.Fatalf("got %+v, %s", again, code)
	}
	if a, b, c := r.works(first.Token), r.works(second.Token), r.works(again.Token); a != "token_revoked" || b != "" || c != "" {
		t.Errorf("of three tokens: %q, %q, %q", a, b, c)
	}
	r.now = r.now.Add(workspace.RefreshGrace + time.Second)
	if _, code := r.refresh(first.RefreshToken, consent.ClientSecret); code != chat.CodeInvalidRefreshToken {
		t.Errorf("a used refresh token: %q", code)
	}
	r.now = r.now.Add(12 * time.Hour)
	if code := r.works(again.Token); code != "token_expired" {
		t.Errorf("after 12 hours: %q", code)
	}
	if third, code := r.refresh(again.RefreshToken, consent.ClientSecret); code != "" || r.works(third.Token) != "" {
		t.Errorf("after 12 hours: %q", code)
	}
}

// TestRevoke revokes tokens and refresh tokens, also those that are revoked or unknown.
func TestRevoke(t *testing.T) {
	r, got := newRotating(t)
	for range 2 {
		for _, token := range []string{got.Token, got.RefreshToken, workspace.BotToken, "xoxb-unknown"} {
			if err := dialer.Revoke(t.Context(), chat.Revocation{APIURL: r.api, Token: token}); err != nil {
				t.Errorf("%s: %v", token, err)
			}
		}
	}
	if a, b := r.works(got.Token), r.works(workspace.BotToken); a != "token_revoked" || b != "token_revoked" {
		t.Errorf("got %q, %q", a, b)
	}
	if _, code := r.refresh(got.RefreshToken, consent.ClientSecret); code != chat.CodeInvalidRefreshToken {
		t.Errorf("got %q", code)
	}
	for name, answer := range map[string]string{
		"not revoked": `{"ok":true,"revoked":false}`, "refused": `{"ok":false,"error":"internal_error"}`,
	} {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			_, _ = w.Write([]byte(answer))
		}))
		t.Cleanup(server.Close)
		if err := dialer.Revoke(t.Context(), chat.Revocation{APIURL: server.URL, Token: "xoxb-1"}); !fault.Is(err, fault.Unavailable) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := dialer.Revoke(t.Context(), chat.Revocation{APIURL: "http://127.0.0.1:1", Token: "xoxb-1"}); !fault.Is(err, fault.Unavailable) {
		t.Errorf("without an answer: %v", err)
	}
}

// TestRefreshLacksAToken checks that an answer which lacks a token is no success.
func TestRefreshLacksAToken(t *testing.T) {
	for _, answer := range []string{
		`{"ok":true}`, `{"ok":true,"access_token":"xoxe.xoxb-1"}`, `{"ok":true,"access_token":"xoxe.xoxb-1","refresh_token":"xoxe-1"}`,
		`{"ok":true,"refresh_token":"xoxe-1","expires_in":43200}`,
	} {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			_, _ = w.Write([]byte(answer))
		}))
		t.Cleanup(server.Close)
		r := &rotating{t: t, api: server.URL}
		if got, err := dialer.Refresh(t.Context(), chat.Renewal{APIURL: r.api, RefreshToken: "xoxe-0"}); !fault.Is(err, fault.Unavailable) {
			t.Errorf("%s: got %+v, %v", answer, got, err)
		}
	}
}
