// SPDX-License-Identifier: Apache-2.0

//go:build browser

package browser_test

import (
	"net/http"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/voiceai-dev/integrations-operator/api/v1alpha1"
	"github.com/voiceai-dev/integrations-operator/internal/sandbox"
	"github.com/voiceai-dev/integrations-operator/internal/sandbox/slack"
)

// TestInstallInSlack installs an app through the consent page of Slack, which is another site, and in ways that fail.
func TestInstallInSlack(t *testing.T) {
	w := newWorld(t)
	site := strings.Replace(w.server.URL, "127.0.0.1", "localhost", 1) // another port of the same host would be the same site
	ref := func(key string) v1alpha1.SecretKeyReference {
		return v1alpha1.SecretKeyReference{Name: "app", Key: key}
	}
	w.create(&corev1.Secret{ObjectMeta: metav1.ObjectMeta{Name: "app"}, StringData: map[string]string{"client": slack.ClientSecret}})
	w.create(&v1alpha1.SlackIntegration{ObjectMeta: metav1.ObjectMeta{Name: "app"}, Spec: v1alpha1.SlackIntegrationSpec{
		APIURL: v1alpha1.HTTPURL(site + sandbox.SlackAPIPath), DefaultChannel: channel, Bot: &v1alpha1.SlackBot{TokenSecretRef: ref("token")},
		OAuth: &v1alpha1.SlackOAuth{ClientID: slack.ClientID, ClientSecretRef: ref("client")},
	}})
	there := "/integrations/slack/" + w.namespace + "/app"
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
	p.absent(slack.BotToken+"-installed", slack.ClientSecret)
	p.seeHead("Healthy")

	p.openURL(dashboard + "/oauth/slack?code=1&state=" + state) // the same again: its nonce is gone
	p.see("You may not complete this installation", "another browser, or has ended already")
	p.look("slack-install-elsewhere")
	p.openURL(dashboard + "/oauth/slack?code=1&state=forged")
	p.see("The app was not installed")
}
