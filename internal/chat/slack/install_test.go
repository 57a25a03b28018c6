// SPDX-License-Identifier: Apache-2.0

package slack_test

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"testing"

	"github.com/voiceai-dev/integrations-operator/internal/chat"
	"github.com/voiceai-dev/integrations-operator/internal/chat/slack"
	"github.com/voiceai-dev/integrations-operator/internal/fault"
	"github.com/voiceai-dev/integrations-operator/internal/sandbox"
	workspace "github.com/voiceai-dev/integrations-operator/internal/sandbox/slack"
	"github.com/voiceai-dev/integrations-operator/internal/transport"
)

// TestInstall exchanges codes as the API does.
func TestInstall(t *testing.T) {
	const back = "https://dashboard.example.com/oauth/slack"
	server := httptest.NewServer(sandbox.New(sandbox.Options{}))
	t.Cleanup(server.Close)
	browser := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	code := func() string {
		q := url.Values{"client_id": {workspace.ClientID}, "scope": {"chat:write"}, "redirect_uri": {back}, "state": {"s"}}
		res, err := browser.Get(server.URL + workspace.ConsentPath + "/allow?" + q.Encode())
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
	dialer := slack.Dialer{Options: transport.Options{Reach: transport.Reach{AllowLoopback: true}}}
	used := code()
	grant := func(change func(*chat.Grant)) chat.Grant {
		g := chat.Grant{ClientID: workspace.ClientID, ClientSecret: workspace.ClientSecret, Code: used, RedirectURL: back}
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
		case err != nil || got.TeamID != workspace.TeamID || got.Team != workspace.TeamName || got.Token == "" || got.Rotates:
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
