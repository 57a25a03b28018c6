// SPDX-License-Identifier: Apache-2.0

package sandbox_test

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"testing"

	"github.com/voiceai-dev/integrations-operator/internal/chat"
	chatslack "github.com/voiceai-dev/integrations-operator/internal/chat/slack"
	"github.com/voiceai-dev/integrations-operator/internal/fault"
	"github.com/voiceai-dev/integrations-operator/internal/sandbox"
	"github.com/voiceai-dev/integrations-operator/internal/sandbox/slack"
	"github.com/voiceai-dev/integrations-operator/internal/transport"
)

// TestInstall exchanges codes as the API does.
func TestInstall(t *testing.T) {
	const back = "https://dashboard.example.com/oauth/slack"
	server := httptest.NewServer(sandbox.New(sandbox.Options{}))
	t.Cleanup(server.Close)
	browser := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	code := func() string {
		q := url.Values{"client_id": {slack.ClientID}, "scope": {"chat:write"}, "redirect_uri": {back}, "state": {"s"}}
		res, err := browser.Get(server.URL + slack.ConsentPath + "/allow?" + q.Encode()) //nolint:noctx // a test
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
	dialer := chatslack.Dialer{Options: transport.Options{Reach: transport.Reach{AllowLoopback: true}}}
	used := code()
	for _, c := range []struct {
		what string
		g    chat.Grant
		want string
	}{
		{"a wrong secret", chat.Grant{ClientID: slack.ClientID, ClientSecret: "x", Code: used, RedirectURL: back}, "bad_client_secret"},
		{"another app", chat.Grant{ClientID: "1.1", ClientSecret: slack.ClientSecret, Code: used, RedirectURL: back}, "invalid_client_id"},
		{"another page", chat.Grant{ClientID: slack.ClientID, ClientSecret: slack.ClientSecret, Code: used, RedirectURL: back + "2"}, "bad_redirect_uri"},
		{"no such code", chat.Grant{ClientID: slack.ClientID, ClientSecret: slack.ClientSecret, Code: "x", RedirectURL: back}, "invalid_code"},
		{"all right", chat.Grant{ClientID: slack.ClientID, ClientSecret: slack.ClientSecret, Code: used, RedirectURL: back}, ""},
		{"the same again", chat.Grant{ClientID: slack.ClientID, ClientSecret: slack.ClientSecret, Code: used, RedirectURL: back}, "code_already_used"},
	} {
		c.g.APIURL = server.URL + sandbox.SlackAPIPath
		got, err := dialer.Exchange(t.Context(), c.g)
		switch {
		case c.want != "":
			if f := fault.From(err); f == nil || f.Code != c.want {
				t.Errorf("%s: got %+v, %v, want %s", c.what, got, err, c.want)
			}
		case err != nil || got.TeamID != slack.TeamID || got.Team != slack.TeamName || got.Token == "" || got.Rotates:
			t.Errorf("%s: got %+v, %v", c.what, got, err)
		default:
			app, err := dialer.Dial(chat.Config{APIURL: c.g.APIURL, Token: got.Token})
			if err != nil {
				t.Fatal(err)
			}
			if w, err := app.Probe(t.Context()); err != nil || w.TeamID != slack.TeamID {
				t.Errorf("the token gives %+v, %v", w, err)
			}
		}
	}
}
