// SPDX-License-Identifier: Apache-2.0

package apiserver_test

import (
	"context"
	"maps"
	"net/http"
	"slices"
	"testing"

	"github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/voiceai-dev/integrations-operator/api/v1alpha1"
	"github.com/voiceai-dev/integrations-operator/internal/apiserver"
)

type configured struct {
	Spec        v1alpha1.SlackIntegrationSpec `json:"spec"`
	Credentials map[string]struct {
		Set         bool   `json:"set"`
		Secret, Key string `json:",omitempty"`
	} `json:"credentials"`
}

func (w *world) secret(name string) *corev1.Secret {
	w.t.Helper()
	s := &corev1.Secret{}
	w.Expect(kube.Get(w.t.Context(), types.NamespacedName{Namespace: w.namespace, Name: name}, s)).To(gomega.Succeed())
	return s
}

func TestCredentialsAreStoredAndNeverShown(t *testing.T) {
	w := newWorld(t)
	c := w.callerWith("get slackintegrations", "create slackintegrations", "update slackintegrations", "create secrets", "update secrets")
	var first, second, third, fourth configured

	a := c.ask("PUT", "/api/v1/integrations/slack/config", slackBody).into(w, &first)
	w.Expect(a.status).To(gomega.Equal(http.StatusCreated))
	w.Expect(first.Spec.Bot.TokenSecretRef.Name).To(gomega.Equal("slack-credentials"))
	w.Expect(first.Credentials["botToken"].Set).To(gomega.BeTrue())
	w.Expect(first.Credentials["signingSecret"].Set).To(gomega.BeFalse())
	s := w.secret("slack-credentials")
	w.Expect(s.Data).To(gomega.HaveLen(1))
	w.Expect(string(s.Data[first.Spec.Bot.TokenSecretRef.Key])).To(gomega.Equal("xoxb-s3cr3t"))
	w.Expect(s.OwnerReferences).To(gomega.HaveLen(1))
	w.Expect(s.OwnerReferences[0].Kind).To(gomega.Equal("SlackIntegration"))

	// A new token is used under a new key, together with the rest; the old key is removed.
	a = c.ask("PUT", "/api/v1/integrations/slack/config",
		`{"spec":{"defaultChannel":"#other"},"credentials":{"botToken":"xoxb-s3cr3t-2","signingSecret":"s3cr3t"}}`,
		"If-Match", a.header.Get("ETag")).into(w, &second)
	w.Expect(a.status).To(gomega.Equal(http.StatusOK))
	w.Expect(second.Spec.Bot.TokenSecretRef.Key).NotTo(gomega.Equal(first.Spec.Bot.TokenSecretRef.Key))
	w.Expect(string(second.Spec.DefaultChannel)).To(gomega.Equal("#other"))
	s = w.secret("slack-credentials")
	w.Expect(s.Data).To(gomega.HaveLen(2))
	w.Expect(string(s.Data[second.Spec.Bot.TokenSecretRef.Key])).To(gomega.Equal("xoxb-s3cr3t-2"))

	// What is left out stays.
	a = c.ask("PUT", "/api/v1/integrations/slack/config", `{"spec":{"defaultChannel":"#third"}}`).into(w, &third)
	w.Expect(a.status).To(gomega.Equal(http.StatusOK))
	w.Expect(third.Spec.Bot).To(gomega.Equal(second.Spec.Bot))
	w.Expect(third.Spec.SigningSecretRef).To(gomega.Equal(second.Spec.SigningSecretRef))
	w.Expect(w.secret("slack-credentials").Data).To(gomega.Equal(s.Data))

	// The same twice is the same.
	again := c.ask("PUT", "/api/v1/integrations/slack/config",
		`{"spec":{"defaultChannel":"#third"},"credentials":{"botToken":"xoxb-s3cr3t-2","signingSecret":"s3cr3t"}}`)
	w.Expect(again.status).To(gomega.Equal(http.StatusOK))
	w.Expect(again.body).To(gomega.MatchJSON(a.body))
	w.Expect(again.header.Get("ETag")).To(gomega.Equal(a.header.Get("ETag")))
	w.Expect(w.secret("slack-credentials").ResourceVersion).To(gomega.Equal(s.ResourceVersion))

	// From a bot to a webhook.
	a = c.ask("PUT", "/api/v1/integrations/slack/config",
		`{"spec":{},"credentials":{"webhookURL":"https://hooks.example.com/s3cr3t"}}`).into(w, &fourth)
	w.Expect(a.status).To(gomega.Equal(http.StatusOK), a.body)
	w.Expect(fourth.Credentials).NotTo(gomega.HaveKey("botToken"))
	w.Expect(fourth.Credentials["webhookURL"].Set).To(gomega.BeTrue())
	w.Expect(w.secret("slack-credentials").Data).To(gomega.HaveLen(2))

	got := c.ask("GET", "/api/v1/integrations/slack/config", "")
	w.Expect(got.header.Get("ETag")).To(gomega.Equal(a.header.Get("ETag")))
	w.Expect(got.body).To(gomega.MatchJSON(a.body))
}

// TestCredentialsAreNotSentElsewhere checks that a caller that may configure integrations, and may not read Secrets,
// cannot redirect credentials to another address.
func TestCredentialsAreNotSentElsewhere(t *testing.T) {
	const at, elsewhere = "/api/v1/integrations/jira/config", `{"spec":{"apiURL":"https://elsewhere.example.com","projectKey":"VOICE"}}`
	rights := []string{"get jiraintegrations", "create jiraintegrations", "update jiraintegrations", "create secrets", "update secrets"}
	w := newWorld(t)
	c, reader := w.callerWith(rights...), w.callerWith(append(rights, "get secrets")...)
	w.Expect(c.ask("PUT", at, jiraBody).status).To(gomega.Equal(http.StatusCreated))
	other := &corev1.Secret{StringData: map[string]string{"token": "other"}}
	other.Namespace = w.namespace
	other.Name = "other"
	w.Expect(kube.Create(t.Context(), other)).To(gomega.Succeed())

	basic := func(url string) string {
		return `{"spec":{"apiURL":"` + url + `","projectKey":"VOICE","basic":{"username":"x","tokenSecretRef":{"name":"other","key":"token"}}}}`
	}
	for name, body := range map[string]string{
		"kept":                 elsewhere,
		"another Secret":       basic("https://example.atlassian.net"),
		"another, a new place": basic("https://elsewhere.example.com"),
		"one kept, one is given": `{"spec":{"apiURL":"https://elsewhere.example.com","projectKey":"VOICE"},` +
			`"credentials":{"webhookSecret":"s3cr3t"}}`,
	} {
		a := c.ask("PUT", at, body)
		w.Expect(a.status).To(gomega.Equal(http.StatusForbidden), "%s: %s", name, a.body)
		w.Expect(a.body).To(gomega.ContainSubstring("apiToken would be read from Secret"))
	}
	w.Expect(c.ask("PUT", at+"?name=new", basic("https://elsewhere.example.com")).status).To(gomega.Equal(http.StatusForbidden))
	w.Expect(w.secret("jira-credentials").Data).To(gomega.HaveLen(1))
	w.Expect(c.ask("PUT", at,
		`{"spec":{"apiURL":"https://example.atlassian.net","projectKey":"OTHER"}}`).status).To(gomega.Equal(http.StatusOK))
	w.Expect(reader.ask("PUT", at, elsewhere).status).To(gomega.Equal(http.StatusOK))
	w.Expect(c.ask("PUT", at, jiraBody).status).To(gomega.Equal(http.StatusOK), "the token is given anew")
}

// TestUsernameIsNoSecret checks that a caller that may not write Secrets can change an integration and its user name.
func TestUsernameIsNoSecret(t *testing.T) {
	w := newFilledWorld(t)
	c := w.callerWith("update jiraintegrations")
	const at = "/api/v1/integrations/jira/config"
	named := func(credentials string) answer {
		return c.ask("PUT", at, `{"spec":{"apiURL":"https://example.atlassian.net","projectKey":"OTHER"},"credentials":`+credentials+`}`)
	}
	a := named(`{"username":"another@example.com"}`)
	w.Expect(a.status).To(gomega.Equal(http.StatusOK), a.body)
	w.Expect(a.body).To(gomega.ContainSubstring("another@example.com"))
	a = named(`{"username":"another@example.com","apiToken":"s3cr3t"}`)
	w.Expect(a.status).To(gomega.Equal(http.StatusForbidden), a.body)
	w.Expect(a.body).To(gomega.ContainSubstring("secrets"))
}

func TestRefusedChangeLeavesNothingBehind(t *testing.T) {
	w := newFilledWorld(t)
	c := w.admin()
	a := c.ask("PUT", "/api/v1/integrations/slack/config", slackBody)
	w.Expect(a.status).To(gomega.Equal(http.StatusOK))
	before := w.secret("slack-credentials")
	a = c.ask("PUT", "/api/v1/integrations/slack/config", `{"spec":{"defaultChannel":"No Channel"},"credentials":{"botToken":"s3cr3t"}}`)
	w.Expect(a.status).To(gomega.Equal(http.StatusUnprocessableEntity))
	w.Expect(a.body).To(gomega.ContainSubstring("body.spec.defaultChannel"))
	w.Expect(w.secret("slack-credentials").Data).To(gomega.Equal(before.Data))
}

func TestForeignSecretIsLeftAlone(t *testing.T) {
	w := newFilledWorld(t)
	theirs := &corev1.Secret{StringData: map[string]string{"token": "theirs"}}
	theirs.Namespace = w.namespace
	theirs.Name = "slack-credentials"
	w.Expect(kube.Create(t.Context(), theirs)).To(gomega.Succeed())
	a := w.admin().ask("PUT", "/api/v1/integrations/slack/config", slackBody)
	w.Expect(a.status).To(gomega.Equal(http.StatusConflict))
	w.Expect(a.body).To(gomega.ContainSubstring("was not created by this API"))
	w.Expect(w.secret("slack-credentials").Data).To(gomega.HaveLen(1))
}

// updating calls before each update.
type updating struct {
	client.Client
	before func(client.Object)
}

func (u updating) Update(ctx context.Context, o client.Object, options ...client.UpdateOption) error {
	u.before(o)
	return u.Client.Update(ctx, o, options...)
}

// TestSecretOutlivesAnEarlierIntegration deletes an integration and creates it again before the garbage collector has
// deleted its Secret. That happens during the second request.
func TestSecretOutlivesAnEarlierIntegration(t *testing.T) {
	w := newWorld(t)
	collected := false
	s, end := startServer(t, func(o *apiserver.Options) {
		o.Client = updating{o.Client, func(o client.Object) {
			if secret, ok := o.(*corev1.Secret); ok && !collected {
				collected = true
				w.Expect(secret.OwnerReferences).To(gomega.BeEmpty())
				w.Expect(kube.Delete(t.Context(), secret.DeepCopy())).To(gomega.Succeed())
			}
		}}
	})
	c := w.admin()
	w.Expect(c.ask("PUT", "/api/v1/integrations/slack/config", slackBody).status).To(gomega.Equal(http.StatusCreated))
	w.Expect(c.ask("DELETE", "/api/v1/integrations/slack/config", "").status).To(gomega.Equal(http.StatusNoContent))
	w.Expect(w.secret("slack-credentials").OwnerReferences).To(gomega.HaveLen(1), "there is no garbage collector here")
	c.base = "http://" + s.Addr().String()
	var made configured
	a := c.ask("PUT", "/api/v1/integrations/slack/config", slackBody).into(w, &made)
	w.Expect(a.status).To(gomega.Equal(http.StatusCreated), a.body)
	w.Expect(collected).To(gomega.BeTrue())
	o := w.slack()
	o.Namespace = w.namespace
	w.Expect(kube.Get(t.Context(), client.ObjectKeyFromObject(o), o)).To(gomega.Succeed())
	secret := w.secret("slack-credentials")
	w.Expect(secret.Data).To(gomega.HaveKey(made.Spec.Bot.TokenSecretRef.Key))
	w.Expect(secret.OwnerReferences).To(gomega.HaveLen(1))
	w.Expect(secret.OwnerReferences[0].UID).To(gomega.Equal(o.UID))
	w.Expect(end()).To(gomega.Succeed())
}

// TestCredentialsAreDeletedWithTheirIntegration deletes one of a Slack and a Jira integration that have the same name
// and therefore share a Secret.
func TestCredentialsAreDeletedWithTheirIntegration(t *testing.T) {
	w := newWorld(t)
	c := w.admin()
	w.Expect(c.ask("PUT", "/api/v1/integrations/slack/config?name=team", slackBody).status).To(gomega.Equal(http.StatusCreated))
	w.Expect(c.ask("PUT", "/api/v1/integrations/jira/config?name=team", jiraBody).status).To(gomega.Equal(http.StatusCreated))
	w.Expect(w.secret("team-credentials").Data).To(gomega.HaveLen(2))
	w.Expect(c.ask("DELETE", "/api/v1/integrations/slack/config?name=team", "").status).To(gomega.Equal(http.StatusNoContent))
	w.Expect(slices.Collect(maps.Keys(w.secret("team-credentials").Data))).To(gomega.ConsistOf(gomega.HavePrefix("jira-api-token-")))
}

func TestETagIgnoresStatus(t *testing.T) {
	w := newFilledWorld(t)
	c := w.admin()
	a := c.ask("GET", "/api/v1/integrations/slack/config", "")
	o := w.slack()
	o.Namespace = w.namespace
	w.Expect(kube.Get(t.Context(), client.ObjectKeyFromObject(o), o)).To(gomega.Succeed())
	o.Status.SentTotal = 7
	w.Expect(kube.Status().Update(t.Context(), o)).To(gomega.Succeed())
	w.Expect(c.ask("PUT", "/api/v1/integrations/slack/config", slackBody, "If-Match",
		a.header.Get("ETag")).status).To(gomega.Equal(http.StatusOK))
	w.Expect(c.ask("PUT", "/api/v1/integrations/slack/config", slackBody, "If-Match",
		a.header.Get("ETag")).status).To(gomega.Equal(http.StatusPreconditionFailed))
}

func TestManagedObjectsAreNotChanged(t *testing.T) {
	for _, manager := range []string{"argocd-controller", "kustomize-controller", "kubectl"} {
		t.Run(manager, func(t *testing.T) {
			w := newWorld(t)
			c := w.admin()
			apply := func(kind, name string, spec map[string]any) {
				o := &unstructured.Unstructured{Object: map[string]any{
					"apiVersion": v1alpha1.GroupVersion.String(), "kind": kind,
					"metadata": map[string]any{"namespace": w.namespace, "name": name}, "spec": spec,
				}}
				w.Expect(kube.Apply(t.Context(), client.ApplyConfigurationFromUnstructured(o),
					client.FieldOwner(manager))).To(gomega.Succeed())
			}
			apply("NotificationRule", "alerts", map[string]any{"eventTypes": []any{"SystemAlertFiring"}})
			apply("SlackIntegration", "slack", map[string]any{"defaultChannel": "#x",
				"bot": map[string]any{"tokenSecretRef": map[string]any{"name": "own", "key": "token"}}})
			apply("Defect", "placed", map[string]any{"title": "x", "severity": "Low", "state": "Open"})
			apply("Defect", "free", map[string]any{"title": "x", "severity": "Low"})
			for _, r := range [][3]string{
				{"PUT", "/api/v1/rules/alerts", ruleBody},
				{"DELETE", "/api/v1/rules/alerts", ""},
				{"PUT", "/api/v1/integrations/slack/config", slackBody},
				{"DELETE", "/api/v1/integrations/slack/config", ""},
				{"PATCH", "/api/v1/defects/placed", `{"state":"Resolved"}`},
			} {
				a := c.ask(r[0], r[1], r[2])
				w.Expect(a.status).To(gomega.Equal(http.StatusConflict), a.body)
				w.Expect(a.body).To(gomega.ContainSubstring("managed by " + manager))
			}
			w.Expect(c.ask("GET", "/api/v1/integrations/slack/config", "").body).To(gomega.ContainSubstring(`"managedBy":"` + manager + `"`))
			noted := w.rule()
			noted.Name = "noted"
			noted.Annotations = map[string]string{corev1.LastAppliedConfigAnnotation: `{"metadata":{},"spec":{"eventTypes":[]}}`}
			w.create(noted)
			a := c.ask("DELETE", "/api/v1/rules/noted", "")
			w.Expect(a.status).To(gomega.Equal(http.StatusConflict), a.body)
			w.Expect(a.body).To(gomega.ContainSubstring("managed by kubectl apply"))
			w.Expect(c.ask("PATCH", "/api/v1/defects/free",
				`{"state":"Resolved"}`).status).To(gomega.Equal(http.StatusOK), "no tool applies its state")
			secrets := &corev1.SecretList{}
			w.Expect(kube.List(t.Context(), secrets, client.InNamespace(w.namespace))).To(gomega.Succeed())
			w.Expect(secrets.Items).To(gomega.BeEmpty())
		})
	}
}
