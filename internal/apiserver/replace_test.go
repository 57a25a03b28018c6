// SPDX-License-Identifier: Apache-2.0

package apiserver_test

import (
	"net/http"
	"testing"

	"github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/voiceai-dev/integrations-operator/api/v1alpha1"
)

// applied returns an object for a server-side apply.
func (w *world) applied(apiVersion, kind, name, member string, content map[string]any) *unstructured.Unstructured {
	return &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": apiVersion, "kind": kind,
		"metadata": map[string]any{"namespace": w.namespace, "name": name}, member: content,
	}}
}

// TestManagedIntegrations replaces the token of an integration that a tool applies, and changes the integration.
func TestManagedIntegrations(t *testing.T) {
	for manager, editStatus := range map[string]int{
		"argocd-controller":    http.StatusConflict,
		"kustomize-controller": http.StatusConflict,
		"kubectl":              http.StatusOK,
	} {
		t.Run(manager, func(t *testing.T) {
			w := newWorld(t)
			c := w.admin()
			apply := func(o *unstructured.Unstructured) {
				w.Expect(kube.Apply(t.Context(), client.ApplyConfigurationFromUnstructured(o),
					client.FieldOwner(manager))).To(gomega.Succeed())
			}
			apply(w.applied(v1alpha1.GroupVersion.String(), "SlackIntegration", "slack", "spec", map[string]any{
				"defaultChannel": "#x", "bot": map[string]any{"tokenSecretRef": map[string]any{"name": "own", "key": "token"}},
			}))
			own := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: w.namespace, Name: "own"},
				Data: map[string][]byte{"token": []byte("revoked"), "other": []byte("kept")}}
			w.Expect(kube.Create(t.Context(), own)).To(gomega.Succeed())
			replace := func(body string) answer {
				return c.ask("PUT", "/api/v1/integrations/slack/credentials", body)
			}

			a := replace(`{"credentials":{"botToken":"xoxb-new"}}`)
			w.Expect(a.status).To(gomega.Equal(http.StatusNoContent), a.body)
			w.Expect(kube.Get(t.Context(), client.ObjectKeyFromObject(own), own)).To(gomega.Succeed())
			w.Expect(own.Data).To(gomega.Equal(map[string][]byte{"token": []byte("xoxb-new"), "other": []byte("kept")}))
			a = replace(`{"credentials":{"webhookURL":"https://hooks.slack.com/services/x"}}`)
			w.Expect(a.status).To(gomega.Equal(http.StatusUnprocessableEntity), a.body)
			w.Expect(a.body).To(gomega.ContainSubstring("body.credentials.webhookURL"))

			a = c.ask("PUT", "/api/v1/integrations/slack/config",
				`{"spec":{"defaultChannel":"#y"},"editAnyway":true}`)
			w.Expect(a.status).To(gomega.Equal(editStatus), a.body)

			apply(w.applied("v1", "Secret", "own", "data", map[string]any{"token": "eG94Yi1uZXc="}))
			want := http.StatusNoContent
			if editStatus == http.StatusConflict {
				want = http.StatusConflict // the tool would put its own token back
			}
			a = replace(`{"credentials":{"botToken":"xoxb-newer"}}`)
			w.Expect(a.status).To(gomega.Equal(want), a.body)
		})
	}
}

// TestCredentialsOfAWrongForm enters what is not a token where a token belongs: nothing is stored.
func TestCredentialsOfAWrongForm(t *testing.T) {
	w := newFilledWorld(t)
	c := w.admin()
	for name, bad := range map[string]struct{ path, body, field, text string }{
		"a quoted token": {"slack/config?name=new", `{"spec":{"defaultChannel":"#x"},"credentials":{"botToken":"\"xoxb-s3cr3t\""}}`,
			"botToken", "The value is in quotes. Store it without them"},
		"a URL as a bot's token": {"slack/config?name=new",
			`{"spec":{"defaultChannel":"#x"},"credentials":{"botToken":"https://hooks.slack.com/services/s3cr3t"}}`,
			"botToken", "The value is a URL. A bot token begins with xoxb-"},
		"a token as a webhook": {"slack/config?name=new", `{"spec":{},"credentials":{"webhookURL":"xoxb-s3cr3t"}}`,
			"webhookURL", "The URL of an incoming webhook begins with https://"},
		"replaced by a token of Jira": {"slack/credentials?name=slack", `{"credentials":{"botToken":"ATATTs3cr3t"}}`,
			"botToken", "The value is an API token of Jira"},
		"a bot's token for Jira": {"jira/config?name=new",
			`{"spec":{"apiURL":"https://x.example.com","projectKey":"VOICE"},"credentials":{"username":"u","apiToken":"xoxb-s3cr3t"}}`,
			"apiToken", "The value is a token of Slack, not a token of Jira"},
	} {
		a := c.ask("PUT", "/api/v1/integrations/"+bad.path, bad.body)
		w.Expect(a.status).To(gomega.Equal(http.StatusUnprocessableEntity), name)
		w.Expect(a.body).To(gomega.And(gomega.ContainSubstring("body.credentials."+bad.field),
			gomega.ContainSubstring(bad.text), gomega.Not(gomega.ContainSubstring("s3cr3t"))), name)
	}
}
