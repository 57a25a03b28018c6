// SPDX-License-Identifier: Apache-2.0

package dashboard

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/voiceai-dev/integrations-operator/internal/dashboard/client"
)

// comeBack sends a browser with cookies from Slack's page to the dashboard, which sends it on. It returns the browser's
// cookies after that.
func (t *tester) comeBack(query string, cookies ...string) []string {
	t.Helper()
	w := t.send("GET", "/oauth/slack"+query, "", "Sec-Fetch-Site", "cross-site") // without any cookie, as all are strict
	if w.Code != http.StatusSeeOther || w.Header().Get("Location") != "/oauth/slack/complete" {
		t.Fatalf("%s: %d to %q", query, w.Code, w.Header().Get("Location"))
	}
	for _, c := range w.Result().Cookies() {
		if !c.HttpOnly || c.SameSite != http.SameSiteStrictMode || c.Path != "/" || c.MaxAge != 600 {
			t.Errorf("the cookie is %s", c)
		}
		cookies = append(cookies, c.Name+"="+c.Value)
	}
	return cookies
}

// TestErrorsOfAnInstallation checks that a page shows no text of an address but Slack's codes.
func TestErrorsOfAnInstallation(t *testing.T) {
	for query, want := range map[string]struct {
		status int
		text   string
	}{
		"?error=access_denied&state=x":                {http.StatusOK, "It was cancelled in Slack"},
		"?error=invalid_scope&state=x":                {http.StatusBadGateway, "invalid_scope"},
		"?error=Call+0800+1234+now":                   {http.StatusNotFound, "no page"},
		"?error=" + strings.Repeat("a", 65):           {http.StatusNotFound, "no page"},
		"?code=1":                                     {http.StatusNotFound, "no page"},
		"?code=1&state=" + strings.Repeat("a", 4<<10): {http.StatusNotFound, "no page"},
		"": {http.StatusNotFound, "no page"},
	} {
		d := newTester(t, nil)
		if want.status == http.StatusNotFound {
			w := d.send("GET", "/oauth/slack"+query, "", "Cookie", "voiceai="+goodToken)
			if w.Code != want.status || w.Header().Get("Set-Cookie") != "" {
				t.Errorf("%.40s: %d, %q", query, w.Code, w.Header().Get("Set-Cookie"))
			}
			d.has(w.Body.String(), want.text)
			d.hasNot(w.Body.String(), "Call 0800")
			continue
		}
		cookies := d.comeBack(query, "voiceai="+goodToken)
		w := d.send("GET", "/oauth/slack/complete", "", "Cookie", strings.Join(cookies, "; "))
		if w.Code != want.status {
			t.Errorf("%s: %d", query, w.Code)
		}
		d.has(w.Body.String(), want.text)
	}
}

// TestTheCodeIsInNoFurtherAddress completes an installation of a user whose browser sends no session at first, and of one
// who signs in before it is completed.
func TestTheCodeIsInNoFurtherAddress(t *testing.T) {
	const call = "POST /api/v1/integrations/slack/oauth/complete"
	d := newTester(t, map[string]any{call: map[string]any{"namespace": "qa", "name": "slack"}})
	cookies := d.comeBack("?code=secret-code&state=a.b-_c", "voiceai-install=nonce")
	for _, session := range []string{"", "voiceai=old.token"} {
		w := d.send("GET", "/oauth/slack/complete", "", "Sec-Fetch-Site", "cross-site", "Cookie", session)
		signIn := w.Header().Get("Location")
		if w.Code != http.StatusSeeOther || !strings.HasPrefix(signIn, "/signin?") {
			t.Errorf("%q: %d to %q", session, w.Code, signIn)
		}
		page := d.send("GET", signIn, "", "Sec-Fetch-Site", "same-origin").Body.String()
		d.has(page, `value="/oauth/slack/complete"`)
		d.hasNot(page+signIn, "secret-code", "a.b-_c")
		for _, c := range w.Result().Cookies() {
			if c.Name != "voiceai" {
				t.Errorf("the installation is forgotten before the user has signed in: %s", c)
			}
		}
	}
	w := d.send("GET", "/oauth/slack/complete", "", "Cookie", strings.Join(append(cookies, "voiceai="+goodToken), "; "))
	if w.Code != http.StatusSeeOther || w.Header().Get("Location") != "/integrations/slack/qa/slack?done=installed" {
		t.Fatalf("%d to %q: %s", w.Code, w.Header().Get("Location"), w.Body)
	}
	body := d.api.bodies["POST /api/v1/integrations/slack/oauth/complete"]
	d.has(body, `"code":"secret-code"`, `"state":"a.b-_c"`, `"nonce":"nonce"`)
	gone := map[string]bool{}
	for _, c := range w.Result().Cookies() {
		gone[c.Name] = c.MaxAge < 0
	}
	if !gone["voiceai-install"] || !gone["voiceai-install-answer"] {
		t.Errorf("the browser still has %v", w.Result().Cookies())
	}

	d.api.calls = nil
	page := d.open("/oauth/slack/complete", http.StatusGone)
	d.has(page, "The installation has expired", "begin again on the page of the integration")
	if d.api.called(call) {
		t.Error("an installation without a code was completed")
	}
}

// installedAnswers returns the answers of an API with a SlackIntegration whose app was installed.
func installedAnswers() map[string]any {
	answers := slackAnswers()
	spec := answers["GET /api/v1/integrations/slack/config"].(map[string]any)["spec"].(map[string]any)
	spec["oauth"] = map[string]any{"clientID": "1.2"}
	answers["GET /api/v1/integrations/status"] = map[string]any{"items": []any{map[string]any{
		"kind": "SlackIntegration", "namespace": "qa", "name": "slack", "status": "healthy",
		"conditions": []any{
			map[string]any{"type": "Receiving", "status": "False", "reason": "SocketModeOff", "message": "<b>Turn it on</b>"},
			map[string]any{"type": "Refreshing", "status": "True", "reason": "RefreshScheduled", "message": "It is valid until noon"},
		},
		"slack": map[string]any{
			"grantedScopes": []string{"chat:write", "<i>commands"}, "receives": []string{"HTTP", "SocketMode"},
			"missingScopes": []any{map[string]any{"name": "files:write", "reason": "posts the recording"}},
		},
	}}}
	return answers
}

// TestAppInSlack checks what the page shows of an app.
func TestAppInSlack(t *testing.T) {
	d := newTester(t, installedAnswers())
	page := d.open("/integrations/slack/qa/slack", http.StatusOK)
	d.has(page, "App in Slack", "<code>chat:write</code> <code>&lt;i&gt;commands</code>", "<code>files:write</code>",
		"With it, the operator posts the recording.", "By HTTP, at the edge.", "By Socket Mode:", "&lt;b&gt;Turn it on", "It is valid until noon",
		"Install again", "Revoke the token")
	d.hasNot(page, "<i>commands", "<b>Turn")

	answers := slackAnswers() // a token that a person stored
	answers["GET /api/v1/integrations/status"].(map[string]any)["items"].([]any)[0].(map[string]any)["slack"] = map[string]any{
		"grantedScopes": []string{}, "missingScopes": []any{}, "receives": []string{},
	}
	d = newTester(t, answers)
	page = d.open("/integrations/slack/qa/slack", http.StatusOK)
	d.has(page, "App in Slack", "Not known.", "Not received")
	d.hasNot(page, "Install in Slack", "Revoke", "Missing scopes")

	answers = installedAnswers()
	answers["GET /api/v1/integrations/slack/config"].(map[string]any)["credentials"] = map[string]any{}
	d = newTester(t, answers)
	page = d.open("/integrations/slack/qa/slack", http.StatusOK)
	d.has(page, "Install in Slack")
	d.hasNot(page, "Install again", "Revoke")
}

// TestRevoke revokes a token from the page.
func TestRevoke(t *testing.T) {
	const call = "POST /api/v1/integrations/slack/oauth/revoke"
	d := newTester(t, installedAnswers())
	d.api.answers[call] = response{http.StatusBadGateway, client.Problem{Detail: "the token was not revoked: <b>Slack</b> is away"}}
	w := d.post("/integrations/slack/qa/slack/revoke", url.Values{"confirm": {"slack"}})
	if w.Code == http.StatusSeeOther {
		t.Errorf("got %d", w.Code)
	}
	d.has(w.Body.String(), "The token was not revoked: &lt;b&gt;Slack&lt;/b&gt; is away", "<details open>")

	d.api.answers[call] = response{http.StatusNoContent, nil}
	w = d.post("/integrations/slack/qa/slack/revoke", url.Values{"confirm": {"slack"}})
	if w.Code != http.StatusSeeOther || w.Header().Get("Location") != "/integrations/slack/qa/slack?done=revoked" {
		t.Errorf("got %d to %q", w.Code, w.Header().Get("Location"))
	}
	d.api.calls = nil
	w = d.post("/integrations/slack/qa/slack/revoke", url.Values{"confirm": {"slak"}})
	d.has(w.Body.String(), "Type the integration&#39;s name to confirm")
	if d.api.called(call) {
		t.Error("it was revoked without a confirmation")
	}
}

// TestDisconnectRevokes checks that an integration is removed after its token was revoked, or if the user keeps the token.
func TestDisconnectRevokes(t *testing.T) {
	const revoke = "POST /api/v1/integrations/slack/oauth/revoke"
	const remove = "DELETE /api/v1/integrations/slack/config"
	away := response{http.StatusBadGateway, client.Problem{Detail: "Slack is away"}}
	forbidden := response{http.StatusForbidden, client.Problem{Detail: "you may not update secrets"}}
	done := response{http.StatusNoContent, nil}
	for name, c := range map[string]struct {
		answers          map[string]any
		revoked          response
		values           url.Values
		revokes, removes bool
		text             string
	}{
		"revoked":      {installedAnswers(), done, url.Values{}, true, true, ""},
		"Slack's away": {installedAnswers(), away, url.Values{}, true, false, "Slack is away"},
		"no right":     {installedAnswers(), forbidden, url.Values{}, true, false, "You may not update secrets"},
		"kept":         {installedAnswers(), away, url.Values{"keepToken": {"true"}}, false, true, ""},
		"a person's":   {slackAnswers(), away, url.Values{}, false, true, ""},
	} {
		d := newTester(t, c.answers)
		d.api.answers[revoke] = c.revoked
		d.api.answers[remove] = done
		c.values.Set("confirm", "slack")
		w := d.post("/integrations/slack/qa/slack/remove", c.values)
		if d.api.called(revoke) != c.revokes || d.api.called(remove) != c.removes || (w.Code == http.StatusSeeOther) != c.removes {
			t.Errorf("%s: %d, calls %q", name, w.Code, d.api.calls)
		}
		if c.text != "" {
			d.has(w.Body.String(), c.text, "Nothing was removed", `name="keepToken"`)
		}
	}
}
