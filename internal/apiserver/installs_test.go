// SPDX-License-Identifier: Apache-2.0

package apiserver_test

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/voiceai-dev/integrations-operator/api/v1alpha1"
	"github.com/voiceai-dev/integrations-operator/internal/chat"
	"github.com/voiceai-dev/integrations-operator/internal/fault"
)

const (
	redirectURL = "https://dashboard.example.com/oauth/slack"
	// completeInstallPath is a path whose requests name their object in the body.
	completeInstallPath = "/api/v1/integrations/slack/oauth/complete"
)

// exchange stands for Slack: the code good gives a token, rotating and rotating-2 one that ends, and any other is refused with that code.
func exchange(_ context.Context, g chat.Grant) (chat.Installation, error) {
	if g.ClientSecret != "client-secret" || g.ClientID != "1.2" || g.RedirectURL != redirectURL {
		return chat.Installation{}, fmt.Errorf("got %+v", g)
	}
	if g.Code == "good" {
		return chat.Installation{Token: "xoxb-good", Team: "Acme"}, nil
	}
	if number, ok := strings.CutPrefix(g.Code, "rotating"); ok {
		number = cmp.Or(number, "-1")
		return chat.Installation{
			Token: "xoxe.xoxb" + number, Team: "Acme", RefreshToken: "xoxe" + number, ExpiresIn: 12 * time.Hour,
		}, nil
	}
	return chat.Installation{}, &fault.Fault{Kind: fault.Invalid, Code: g.Code, Message: "Slack refused the request"}
}

// revoking are what revoke does with tokens of integrations in a namespace.
var revoking sync.Map

// revoke stands for Slack.
func revoke(_ context.Context, r chat.Revocation) error {
	do, ok := revoking.Load(r.Namespace)
	if !ok {
		return fmt.Errorf("got %+v", r)
	}
	return do.(func(token string) error)(r.Token)
}

// installable creates an integration whose app can be installed.
func (w *world) installable() {
	w.t.Helper()
	secret := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: w.namespace, Name: "own"},
		Data: map[string][]byte{"client": []byte("client-secret"), "other": []byte("kept")}}
	w.Expect(kube.Create(w.t.Context(), secret)).To(gomega.Succeed())
	ref := func(key string) v1alpha1.SecretKeyReference {
		return v1alpha1.SecretKeyReference{Name: "own", Key: key}
	}
	w.Expect(kube.Create(w.t.Context(), &v1alpha1.SlackIntegration{
		ObjectMeta: metav1.ObjectMeta{Namespace: w.namespace, Name: "slack"},
		Spec: v1alpha1.SlackIntegrationSpec{
			DefaultChannel: "#x", Bot: &v1alpha1.SlackBot{TokenSecretRef: ref("token")},
			OAuth: &v1alpha1.SlackOAuth{ClientID: "1.2", ClientSecretRef: ref("client")},
		},
	})).To(gomega.Succeed())
}

// started is an installation that was begun.
type started struct{ URL, Nonce string }

func (s started) state(w *world) string {
	u, err := url.Parse(s.URL)
	w.Expect(err).NotTo(gomega.HaveOccurred())
	return u.Query().Get("state")
}

func (w *world) start(c *caller) (started, answer) {
	a := c.ask("GET", "/api/v1/integrations/slack/oauth/start?redirectURL="+url.QueryEscape(redirectURL), "")
	var out started
	if a.status == http.StatusOK {
		w.Expect(json.Unmarshal([]byte(a.body), &out)).To(gomega.Succeed())
	}
	return out, a
}

func complete(c *caller, state, code, nonce string) answer {
	return c.ask("POST", completeInstallPath, fmt.Sprintf(`{"state":%q,"code":%q,"nonce":%q}`, state, code, nonce))
}

// TestInstall installs an app: the token goes to where the integration names it, and nowhere else.
func TestInstall(t *testing.T) {
	w := newWorld(t)
	w.installable()
	admin := w.admin()
	begun, a := w.start(admin)
	w.Expect(a.status).To(gomega.Equal(http.StatusOK), a.body)
	w.Expect(begun.URL).To(gomega.HavePrefix("https://slack.com/oauth/v2/authorize?client_id=1.2&"))
	w.Expect(begun.URL).NotTo(gomega.Or(gomega.ContainSubstring("client-secret"), gomega.ContainSubstring(begun.Nonce)))

	for name, c := range map[string]struct {
		state, code, nonce, problem string
		status                      int
	}{
		"another browser": {begun.state(w), "good", "another", "another browser", http.StatusForbidden},
		"no nonce":        {begun.state(w), "good", "", "another browser", http.StatusForbidden},
		"a forged state":  {"x" + begun.state(w), "good", begun.Nonce, "not what", http.StatusUnprocessableEntity},
		"no state":        {"nothing", "good", begun.Nonce, "not what", http.StatusUnprocessableEntity},
		"a used code":     {begun.state(w), "code_already_used", begun.Nonce, "used already", http.StatusGone},
		"a wrong secret":  {begun.state(w), "bad_client_secret", begun.Nonce, "client secret", http.StatusConflict},
		"an unknown page": {begun.state(w), "bad_redirect_uri", begun.Nonce, "redirect URL", http.StatusConflict},
		"Slack is away":   {begun.state(w), "503", begun.Nonce, "Slack refused", http.StatusBadGateway},
	} {
		a := complete(admin, c.state, c.code, c.nonce)
		w.Expect(a.status).To(gomega.Equal(c.status), name+": "+a.body)
		w.Expect(a.body).To(gomega.ContainSubstring(c.problem), name)
	}
	secret := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: w.namespace, Name: "own"}}
	w.Expect(kube.Get(t.Context(), client.ObjectKeyFromObject(secret), secret)).To(gomega.Succeed())
	w.Expect(secret.Data).NotTo(gomega.HaveKey("token"))

	for _, c := range []*caller{w.callerWith(), w.callerWith("get slackintegrations")} {
		a := complete(c, begun.state(w), "good", begun.Nonce)
		w.Expect(a.status).To(gomega.Equal(http.StatusForbidden), a.body)
		w.Expect(a.body).To(gomega.ContainSubstring("update"))
	}
	installed := func(code string) map[string]string {
		a := complete(admin, begun.state(w), code, begun.Nonce)
		w.Expect(a.status).To(gomega.Equal(http.StatusOK), a.body)
		w.Expect(a.body).To(gomega.And(gomega.ContainSubstring(`"team":"Acme"`), gomega.Not(gomega.ContainSubstring("xox"))))
		w.Expect(kube.Get(t.Context(), client.ObjectKeyFromObject(secret), secret)).To(gomega.Succeed())
		out := map[string]string{}
		for key, value := range secret.Data {
			out[key] = string(value)
		}
		return out
	}
	w.Expect(installed("good")).To(gomega.Equal(map[string]string{"client": "client-secret", "other": "kept", "token": "xoxb-good"}))
	got := installed("rotating")
	expires, err := time.Parse(time.RFC3339, got["token.expires"])
	w.Expect(err).NotTo(gomega.HaveOccurred())
	w.Expect(expires).To(gomega.BeTemporally("~", time.Now().Add(12*time.Hour), time.Minute))
	delete(got, "token.expires")
	w.Expect(got).To(gomega.Equal(map[string]string{
		"client": "client-secret", "other": "kept", "token": "xoxe.xoxb-1", "token.refresh-token": "xoxe-1",
	}))
	var revoked []string
	revoking.Store(w.namespace, func(token string) error {
		w.Expect(kube.Get(t.Context(), client.ObjectKeyFromObject(secret), secret)).To(gomega.Succeed())
		w.Expect(string(secret.Data["token"])).To(gomega.Equal("xoxb-good"), "a token is revoked before the next one is stored")
		revoked = append(revoked, token)
		return nil
	})
	w.Expect(installed("good")).To(gomega.HaveLen(3), "what belongs to the token before is removed")
	w.Expect(revoked).To(gomega.Equal([]string{"xoxe-1", "xoxe.xoxb-1"}))
	w.Expect(installed("good")).To(gomega.HaveLen(3))
	w.Expect(revoked).To(gomega.HaveLen(2), "a token that does not rotate is the same again")
}

// TestInstallAgain revokes the pair that an installation replaces, once the new one is stored, also if Slack is away meanwhile.
func TestInstallAgain(t *testing.T) {
	w := newWorld(t)
	w.installable()
	admin := w.admin()
	begun, _ := w.start(admin)
	data := func() map[string]string {
		secret := &corev1.Secret{}
		w.Expect(kube.Get(t.Context(), client.ObjectKey{Namespace: w.namespace, Name: "own"}, secret)).To(gomega.Succeed())
		out := map[string]string{}
		for key, value := range secret.Data {
			out[key] = string(value)
		}
		return out
	}
	install := func(code, token string) {
		w.Expect(complete(admin, begun.state(w), code, begun.Nonce).status).To(gomega.Equal(http.StatusOK))
		w.Expect(data()).To(gomega.HaveKeyWithValue("token", token))
	}
	var revoked []string
	var fails error
	revoking.Store(w.namespace, func(token string) error {
		if fails == nil {
			revoked = append(revoked, token)
		}
		return fails
	})
	install("rotating", "xoxe.xoxb-1")
	w.Expect(revoked).To(gomega.BeEmpty())
	install("rotating-2", "xoxe.xoxb-2")
	w.Expect(revoked).To(gomega.Equal([]string{"xoxe-1", "xoxe.xoxb-1"}))
	w.Expect(data()).NotTo(gomega.HaveKey("token.replaced"))

	fails = fault.New(fault.Unavailable, "Slack could not be reached")
	install("rotating-3", "xoxe.xoxb-3")
	w.Expect(data()).To(gomega.HaveKeyWithValue("token.replaced", "xoxe-2\nxoxe.xoxb-2"))
	install("rotating-4", "xoxe.xoxb-4")
	w.Expect(data()).To(gomega.HaveKeyWithValue("token.replaced", "xoxe-2\nxoxe.xoxb-2\nxoxe-3\nxoxe.xoxb-3"))
	fails = nil
	revoked = nil
	install("rotating-4", "xoxe.xoxb-4")
	w.Expect(revoked).To(gomega.Equal([]string{"xoxe-2", "xoxe.xoxb-2", "xoxe-3", "xoxe.xoxb-3"}), "and not the pair in use")
	w.Expect(data()).NotTo(gomega.HaveKey("token.replaced"))

	fails = fault.New(fault.Unavailable, "Slack could not be reached")
	install("rotating-5", "xoxe.xoxb-5")
	fails = nil
	revoked = nil
	w.Expect(admin.ask("POST", "/api/v1/integrations/slack/oauth/revoke", "").status).To(gomega.Equal(http.StatusNoContent))
	w.Expect(revoked).To(gomega.Equal([]string{"xoxe-4", "xoxe.xoxb-4", "xoxe-5", "xoxe.xoxb-5"}))
	w.Expect(data()).To(gomega.Equal(map[string]string{"client": "client-secret", "other": "kept"}))
}

// TestRevoke revokes tokens, and removes what was revoked.
func TestRevoke(t *testing.T) {
	const path = "/api/v1/integrations/slack/oauth/revoke"
	w := newWorld(t)
	w.installable()
	admin := w.admin()
	begun, _ := w.start(admin)
	secret := &corev1.Secret{}
	keys := func() []string {
		w.Expect(kube.Get(t.Context(), client.ObjectKey{Namespace: w.namespace, Name: "own"}, secret)).To(gomega.Succeed())
		return slices.Sorted(maps.Keys(secret.Data))
	}
	install := func(code string) {
		w.Expect(complete(admin, begun.state(w), code, begun.Nonce).status).To(gomega.Equal(http.StatusOK))
	}
	var revoked []string
	var fails error
	answer := func(token string) error {
		if fails == nil {
			revoked = append(revoked, token)
		}
		return fails
	}
	revoking.Store(w.namespace, answer)

	w.Expect(admin.ask("POST", path, "").status).To(gomega.Equal(http.StatusNoContent), "there is no token")
	w.Expect(revoked).To(gomega.BeEmpty())

	install("rotating")
	fails = fault.New(fault.Unavailable, "Slack could not be reached")
	a := admin.ask("POST", path, "")
	w.Expect(a.status).To(gomega.Equal(http.StatusBadGateway))
	w.Expect(a.body).To(gomega.ContainSubstring("still in Secret own: Slack could not be reached"))
	w.Expect(a.body).NotTo(gomega.ContainSubstring("xox"))
	w.Expect(keys()).To(gomega.HaveLen(5), "nothing is removed before it is revoked")

	fails = nil
	for _, c := range []*caller{w.callerWith(), w.callerWith("get slackintegrations"), w.callerWith("update slackintegrations")} {
		a := c.ask("POST", path, "")
		w.Expect(a.status).To(gomega.Equal(http.StatusForbidden), a.body)
	}
	w.Expect(revoked).To(gomega.BeEmpty())

	w.Expect(admin.ask("POST", path, "").status).To(gomega.Equal(http.StatusNoContent))
	w.Expect(revoked).To(gomega.Equal([]string{"xoxe-1", "xoxe.xoxb-1"}))
	w.Expect(keys()).To(gomega.Equal([]string{"client", "other"}))

	install("rotating") // and the operator refreshes the token while it is revoked
	revoked = nil
	revoking.Store(w.namespace, func(token string) error {
		if token == "xoxe.xoxb-1" {
			keys()
			secret.Data["token"] = []byte("xoxe.xoxb-2")
			secret.Data["token.refresh-token"] = []byte("xoxe-2")
			w.Expect(kube.Update(t.Context(), secret)).To(gomega.Succeed())
		}
		return answer(token)
	})
	w.Expect(admin.ask("POST", path, "").status).To(gomega.Equal(http.StatusNoContent))
	w.Expect(revoked).To(gomega.Equal([]string{"xoxe-1", "xoxe.xoxb-1", "xoxe-2", "xoxe.xoxb-2"}))
	w.Expect(keys()).To(gomega.Equal([]string{"client", "other"}))

	install("good")
	revoked = nil
	other := &v1alpha1.SlackIntegration{
		ObjectMeta: metav1.ObjectMeta{Namespace: w.namespace, Name: "other"}, Spec: v1alpha1.SlackIntegrationSpec{
			DefaultChannel: "#x", Bot: &v1alpha1.SlackBot{TokenSecretRef: v1alpha1.SecretKeyReference{Name: "own", Key: "token"}},
		},
	}
	w.Expect(kube.Create(t.Context(), other)).To(gomega.Succeed())
	a = admin.ask("POST", path, "")
	w.Expect(a.status).To(gomega.Equal(http.StatusConflict))
	w.Expect(a.body).To(gomega.ContainSubstring("/other uses it, too"))
	a = admin.ask("POST", path+"?name=other", "")
	w.Expect(a.status).To(gomega.Equal(http.StatusConflict))
	w.Expect(a.body).To(gomega.ContainSubstring("was not installed from here"))
	w.Expect(kube.Delete(t.Context(), other)).To(gomega.Succeed())

	keys()
	secret.Labels = map[string]string{"kustomize.toolkit.fluxcd.io/name": "x"}
	secret.Annotations = map[string]string{corev1.LastAppliedConfigAnnotation: `{"data":{"token":"x"}}`}
	w.Expect(kube.Update(t.Context(), secret)).To(gomega.Succeed())
	a = admin.ask("POST", path, "")
	w.Expect(a.status).To(gomega.Equal(http.StatusConflict), a.body)
	w.Expect(a.body).To(gomega.ContainSubstring("managed by kustomize-controller"))
	w.Expect(revoked).To(gomega.BeEmpty(), "what cannot be removed is not revoked")
}
