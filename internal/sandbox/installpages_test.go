// SPDX-License-Identifier: Apache-2.0

package sandbox

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/voiceai-dev/integrations-operator/internal/sandbox/slack"
	"github.com/voiceai-dev/integrations-operator/internal/sandbox/slack/consent"
)

// oauth calls oauth.v2.access.
func oauth(t *testing.T, server *httptest.Server, form url.Values) map[string]any {
	t.Helper()
	form.Set("client_id", consent.ClientID)
	form.Set("client_secret", consent.ClientSecret)
	r, err := server.Client().PostForm(server.URL+"/api/oauth.v2.access", form)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = r.Body.Close() }()
	var out map[string]any
	if err := json.NewDecoder(r.Body).Decode(&out); err != nil {
		t.Fatal(err)
	}
	return out
}

// press presses a button of the page of installations.
func press(t *testing.T, server *httptest.Server, form url.Values) int {
	t.Helper()
	r, err := server.Client().PostForm(server.URL+appsPath, form)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = r.Body.Close() }()
	return r.StatusCode
}

// TestInstallPages installs an app, and uses every button of its page.
func TestInstallPages(t *testing.T) {
	s, server := serve(t, Options{})
	browser := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	install := func() map[string]any {
		t.Helper()
		q := url.Values{"client_id": {consent.ClientID}, "scope": {"chat:write"}, "redirect_uri": {"https://d/x"}, "state": {"s"}}
		page := must(t, server, http.MethodGet, consent.Path+"?"+q.Encode(), "", 200)
		if !strings.Contains(page, "chat:write") || !strings.Contains(page, slack.TeamName) {
			t.Errorf("the consent page is %s", page)
		}
		res, err := browser.Get(server.URL + consent.Path + "/allow?" + q.Encode())
		if err != nil {
			t.Fatal(err)
		}
		_ = res.Body.Close()
		at, err := res.Location()
		if err != nil {
			t.Fatal(err)
		}
		return oauth(t, server, url.Values{"code": {at.Query().Get("code")}, "redirect_uri": {"https://d/x"}})
	}
	state := func(token any) slack.State {
		t.Helper()
		for _, i := range s.Slack().InstalledTokens() {
			if i.Token == token {
				return i.State
			}
		}
		return ""
	}
	if got := install(); got["refresh_token"] != nil || state(got["access_token"]) != slack.Valid {
		t.Errorf("without rotation: %v", got)
	}
	press(t, server, url.Values{"do": {"rotate"}})
	if got := install(); got["expires_in"] != 43200.0 {
		t.Errorf("with rotation: %v", got)
	}
	press(t, server, url.Values{"do": {"rotate-quickly"}})
	got := install()
	if got["expires_in"] != float64(shortLife) {
		t.Errorf("with short lives: %v", got)
	}
	token, refresh := got["access_token"], got["refresh_token"].(string)
	page := must(t, server, http.MethodGet, appsPath, "", 200)
	for _, text := range []string{token.(string), refresh, "New tokens end after 3 minutes"} {
		if !strings.Contains(page, text) {
			t.Errorf("the page lacks %q: %s", text, page)
		}
	}
	press(t, server, url.Values{"do": {"expire"}, "token": {token.(string)}})
	if state(token) != slack.Expired {
		t.Errorf("the token is %s", state(token))
	}
	next := oauth(t, server, url.Values{"grant_type": {"refresh_token"}, "refresh_token": {refresh}})
	press(t, server, url.Values{"do": {"revoke"}, "token": {next["access_token"].(string)}})
	press(t, server, url.Values{"do": {"revoke"}, "token": {next["refresh_token"].(string)}})
	if a, b := state(next["access_token"]), state(next["refresh_token"]); a != slack.Revoked || b != "" {
		t.Errorf("they are %q and %q", a, b)
	}
	for _, wrong := range []url.Values{
		{"do": {"revoke"}, "token": {"xoxe.none"}}, {"do": {"revoke"}, "token": {slack.BotToken}}, {"do": {"expire"}, "token": {slack.BotToken}},
	} {
		if status := press(t, server, wrong); status != http.StatusNotFound {
			t.Errorf("%v: status %d", wrong, status)
		}
	}
	press(t, server, url.Values{"do": {"no-rotation"}})
	last := install()
	press(t, server, url.Values{"do": {"uninstall"}})
	if last["refresh_token"] != nil || state(last["access_token"]) != slack.Revoked {
		t.Errorf("it is %v", last)
	}
}

// TestInstallsAreBounded checks that the sandbox forgets tokens that ended.
func TestInstallsAreBounded(t *testing.T) {
	s, server := serve(t, Options{})
	must(t, server, http.MethodPut, "/_sandbox/slack/rotation", `{"rotates":true,"lifetimeSeconds":60}`, 204)
	must(t, server, http.MethodPut, "/_sandbox/slack/rotation", `{"rotates":true,"lifetimeSeconds":99999}`, 400)
	c := consent.Consent{ClientID: consent.ClientID, Scope: "chat:write", RedirectURL: "https://d/x", State: "s"}
	for range 300 {
		at, err := url.Parse(s.Slack().Allow(c))
		if err != nil {
			t.Fatal(err)
		}
		got := oauth(t, server, url.Values{"code": {at.Query().Get("code")}, "redirect_uri": {"https://d/x"}})
		for range 4 {
			got = oauth(t, server, url.Values{"grant_type": {"refresh_token"}, "refresh_token": {got["refresh_token"].(string)}})
		}
		if got["ok"] != true {
			t.Fatalf("got %v", got)
		}
		s.Slack().Uninstall()
	}
	if n := len(s.Slack().InstalledTokens()); n > 220 {
		t.Errorf("%d tokens are kept", n)
	}
}
