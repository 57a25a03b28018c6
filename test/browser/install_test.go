// SPDX-License-Identifier: Apache-2.0

//go:build browser

package browser_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/voiceai-dev/integrations-operator/internal/sandbox/slack"
	"github.com/voiceai-dev/integrations-operator/internal/sandbox/slack/consent"
)

// TestInstallInSlack installs an app through the consent page of Slack, which is another site, and in ways that fail.
func TestInstallInSlack(t *testing.T) {
	w := newWorld(t)
	there, site := w.app()
	p := newTab(t, dashboard, site)
	p.w = w
	p.allow(http.StatusForbidden, http.StatusGone, http.StatusUnprocessableEntity)
	p.signIn(w.admin)

	p.open(there)
	p.look("slack-install")
	p.follow("link", "Install in Slack")
	p.see("chat:write", "usergroups:read")
	p.click("link", "Cancel")
	p.see("The installation was cancelled")
	p.look("slack-install-cancelled")

	p.open(there)
	p.follow("link", "Install in Slack")
	_, state, _ := strings.Cut(p.url(), "state=")
	p.click("link", "Allow")
	p.see("The app was installed")
	if !strings.HasPrefix(p.path(), there) {
		t.Errorf("the page is %s", p.path())
	}
	p.absent(slack.BotToken+"-installed", consent.ClientSecret)
	p.seeHead("Healthy")

	p.openURL(dashboard + "/oauth/slack?code=1&state=" + state) // the same again: its nonce is gone
	p.see("You may not complete this installation", "another browser, or has ended already")
	p.look("slack-install-elsewhere")
	p.openURL(dashboard + "/oauth/slack?code=1&state=forged")
	p.see("The app was not installed")
}
