// SPDX-License-Identifier: Apache-2.0

//go:build browser

package browser_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/client-go/util/retry"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/voiceai-dev/integrations-operator/api/v1alpha1"
	"github.com/voiceai-dev/integrations-operator/internal/condition"
	"github.com/voiceai-dev/integrations-operator/internal/sandbox"
	"github.com/voiceai-dev/integrations-operator/internal/sandbox/slack"
	"github.com/voiceai-dev/integrations-operator/internal/sandbox/slack/consent"
)

// app creates an integration whose app can be installed, and returns the path of its page and the site of Slack.
func (w *world) app() (path, site string) {
	w.t.Helper()
	site = strings.Replace(w.server.URL, "127.0.0.1", "localhost", 1) // another port of the same host would be the same site
	ref := func(key string) v1alpha1.SecretKeyReference {
		return v1alpha1.SecretKeyReference{Name: "app", Key: key}
	}
	w.create(&corev1.Secret{ObjectMeta: w.meta("app"), StringData: map[string]string{"client": consent.ClientSecret}})
	w.create(&v1alpha1.SlackIntegration{ObjectMeta: w.meta("app"), Spec: v1alpha1.SlackIntegrationSpec{
		APIURL: v1alpha1.HTTPURL(site + sandbox.SlackAPIPath), DefaultChannel: channel, Bot: &v1alpha1.SlackBot{TokenSecretRef: ref("token")},
		OAuth: &v1alpha1.SlackOAuth{ClientID: consent.ClientID, ClientSecretRef: ref("client")},
	}})
	return "/integrations/slack/" + w.namespace + "/app", site
}

// install installs the app from its page, and returns the tab.
func (w *world) install(there, site string) *tab {
	w.t.Helper()
	p := newTab(w.t, dashboard, site)
	p.w = w
	p.allow(http.StatusUnprocessableEntity)
	p.signIn(w.admin)
	p.open(there)
	p.follow("link", "Install in Slack")
	p.click("link", "Allow")
	p.see("The app was installed")
	return p
}

// changeSecret changes the Secret of the app, also if the operator writes to it meanwhile.
func (w *world) changeSecret(change func(*corev1.Secret)) {
	w.t.Helper()
	w.must(retry.RetryOnConflict(retry.DefaultBackoff, func() error {
		secret := &corev1.Secret{}
		if err := kube.Get(w.t.Context(), client.ObjectKey{Namespace: w.namespace, Name: "app"}, secret); err != nil {
			return err
		}
		change(secret)
		return kube.Update(w.t.Context(), secret)
	}))
}

// TestTokenRotation installs an app with token rotation: its page says which right is missing, the token is refreshed once that
// is granted, and revoked at the end.
func TestTokenRotation(t *testing.T) {
	w := newWorld(t)
	there, site := w.app()
	w.must(w.box.Slack().SetRotation(slack.Rotation{Rotates: true}))
	p := w.install(there, site)
	p.see("Install again")
	p.see("grant it with kubectl -n " + w.namespace + " create role voiceai-refresh-app")
	p.look("slack-rotation-forbidden")

	w.grantRefresh()
	w.changeSecret(func(s *corev1.Secret) { s.Labels = map[string]string{"seen": "1"} }) // the operator looks again at once
	p.see("is refreshed at")
	p.seeHead("Healthy")
	before := w.token()
	w.changeSecret(func(s *corev1.Secret) {
		s.Data["token.expires"] = []byte(time.Now().Add(time.Hour).UTC().Format(time.RFC3339))
	})
	w.until("a new token", func() (bool, error) { return w.token() != before, nil })
	p.seeHead("Healthy")
	p.absent(before, w.token(), consent.ClientSecret)
	p.look("slack-rotation")

	p.click("DisclosureTriangle", "Revoke the token")
	p.fill("Type app to revoke its token", "ap")
	p.follow("button", "Revoke")
	p.see("Not revoked. Type the integration's name to confirm.")
	p.fill("Type app to revoke its token", "app")
	p.look("slack-revoke")
	p.follow("button", "Revoke")
	p.see("The token was revoked, and removed from its Secret.", "Install in Slack")
	w.changeSecret(func(s *corev1.Secret) {
		if len(s.Data) != 1 {
			t.Errorf("the Secret has %d values, want the client secret alone", len(s.Data))
		}
	})
}

// TestDisconnectRevokes removes an integration while Slack does not answer.
func TestDisconnectRevokes(t *testing.T) {
	w := newWorld(t)
	there, site := w.app()
	p := w.install(there, site)
	w.control(http.MethodPost, "/_sandbox/faults", sandbox.Fault{Service: sandbox.Slack, Route: "auth.revoke", Status: 503, Times: 1})
	p.seeHead("Healthy")
	p.fill("Type app to confirm", "app")
	p.follow("button", "Disconnect")
	p.see("The token was not revoked, and is still in Secret app", "Nothing was removed", "Keep the token")
	p.look("slack-disconnect-refused")
	p.fill("Type app to confirm", "app")
	p.follow("button", "Disconnect")
	p.see("Removed.")
	w.changeSecret(func(s *corev1.Secret) {
		if len(s.Data) != 1 {
			t.Errorf("the Secret has %d values, want the client secret alone", len(s.Data))
		}
	})
	if tokens := w.box.Slack().InstalledTokens(); len(tokens) != 1 || tokens[0].State != slack.Revoked {
		t.Errorf("got %+v", tokens)
	}
}

// token returns the token of the app.
func (w *world) token() string {
	w.t.Helper()
	secret := &corev1.Secret{}
	w.must(kube.Get(w.t.Context(), client.ObjectKey{Namespace: w.namespace, Name: "app"}, secret))
	return string(secret.Data["token"])
}

// grantRefresh grants what the condition of the app says, as its two commands do.
func (w *world) grantRefresh() {
	w.t.Helper()
	i := &v1alpha1.SlackIntegration{}
	w.must(kube.Get(w.t.Context(), client.ObjectKey{Namespace: w.namespace, Name: "app"}, i))
	_, account, _ := strings.Cut(condition.Get(i, v1alpha1.ConditionRefreshing).Message, "--serviceaccount=")
	account, _, _ = strings.Cut(account, " ")
	namespace, name, _ := strings.Cut(account, ":")
	meta := w.meta("voiceai-refresh-app")
	w.create(&rbacv1.Role{ObjectMeta: meta, Rules: []rbacv1.PolicyRule{
		{APIGroups: []string{""}, Resources: []string{"secrets"}, ResourceNames: []string{"app"}, Verbs: []string{"update"}},
	}})
	w.create(&rbacv1.RoleBinding{
		ObjectMeta: meta, RoleRef: rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "Role", Name: meta.Name},
		Subjects: []rbacv1.Subject{{Kind: rbacv1.ServiceAccountKind, Namespace: namespace, Name: name}},
	})
}
