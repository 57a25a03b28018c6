// SPDX-License-Identifier: Apache-2.0

package apiserver_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/voiceai-dev/integrations-operator/api/v1alpha1"
	"github.com/voiceai-dev/integrations-operator/internal/apiserver"
)

// defaults returns the names of the default integrations of both kinds, as kind/name.
func (w *world) defaults() []string {
	w.t.Helper()
	out := []string{}
	slack := &v1alpha1.SlackIntegrationList{}
	w.Expect(kube.List(w.t.Context(), slack, client.InNamespace(w.namespace))).To(gomega.Succeed())
	for _, i := range slack.Items {
		if i.Spec.Default {
			out = append(out, "slack/"+i.Name)
		}
	}
	jira := &v1alpha1.JiraIntegrationList{}
	w.Expect(kube.List(w.t.Context(), jira, client.InNamespace(w.namespace))).To(gomega.Succeed())
	for _, i := range jira.Items {
		if i.Spec.Default {
			out = append(out, "jira/"+i.Name)
		}
	}
	return out
}

// asDefault returns a request's body for a default integration, and for one that replaces the default.
func asDefault(product string) (body, replacing string) {
	body = slackBody
	if product == "jira" {
		body = strings.Replace(jiraBody, `"spec":{`, `"spec":{"default":true,`, 1)
	}
	return body, strings.TrimSuffix(body, "}") + `,"replaceDefault":true}`
}

// TestNeverTwoDefaults connects more than one Slack and more than one Jira as the default of a namespace.
func TestNeverTwoDefaults(t *testing.T) {
	for _, product := range []string{"slack", "jira"} {
		t.Run(product, func(t *testing.T) {
			w := newWorld(t)
			c := w.admin()
			at := "/api/v1/integrations/" + product + "/config?name="
			body, replacing := asDefault(product)
			put := func(name, body string, status int, part string) {
				t.Helper()
				a := c.ask("PUT", at+name, body)
				w.Expect(a.status).To(gomega.Equal(status), a.body)
				w.Expect(a.body).To(gomega.ContainSubstring(part))
			}
			put("first", body, http.StatusCreated, `"default":true`)
			put("first", body, http.StatusOK, `"default":true`)
			put("second", body, http.StatusConflict, "body.spec.default")
			put("second", body, http.StatusConflict, "is first")
			put("second", body, http.StatusConflict, "replaceDefault")
			w.Expect(w.defaults()).To(gomega.Equal([]string{product + "/first"}))
			err := kube.Get(t.Context(), client.ObjectKey{Namespace: w.namespace, Name: "second-credentials"}, &corev1.Secret{})
			w.Expect(client.IgnoreNotFound(err)).To(gomega.Succeed())
			w.Expect(err).To(gomega.HaveOccurred(), "a refused change leaves no credentials behind")

			put("second", strings.Replace(body, `"default":true`, `"default":false`, 1), http.StatusCreated, "")
			put("second", body, http.StatusConflict, "is first")
			put("second", strings.Replace(replacing, `"spec":{`, `"spec":{"allowedNamespaces":{"from":"Nowhere"},`, 1),
				http.StatusUnprocessableEntity, "allowedNamespaces")
			w.Expect(w.defaults()).To(gomega.Equal([]string{product + "/first"}))
			put("second", replacing, http.StatusOK, `"default":true`)
			w.Expect(w.defaults()).To(gomega.Equal([]string{product + "/second"}))
			put("third", replacing, http.StatusCreated, `"default":true`)
			w.Expect(w.defaults()).To(gomega.Equal([]string{product + "/third"}))
			put("third", replacing, http.StatusOK, `"default":true`)
			put("third", strings.Replace(replacing, `"default":true`, `"default":false`, 1), http.StatusOK, "")
			w.Expect(w.defaults()).To(gomega.BeEmpty())
		})
	}
}

// TestDefaultIsReplacedWithinRights checks that replacing the default is a change of the one that is replaced.
func TestDefaultIsReplacedWithinRights(t *testing.T) {
	w := newWorld(t)
	_, replacing := asDefault("slack")
	w.create(w.slack())
	creator := w.callerWith("create slackintegrations", "create secrets", "update secrets")
	a := creator.ask("PUT", "/api/v1/integrations/slack/config?name=second", slackBody)
	w.Expect(a.status).To(gomega.Equal(http.StatusConflict), a.body)
	w.Expect(a.body).To(gomega.ContainSubstring("is another one"), "the caller may not list them")
	a = creator.ask("PUT", "/api/v1/integrations/slack/config?name=second", replacing)
	w.Expect(a.status).To(gomega.Equal(http.StatusForbidden), a.body)
	w.Expect(w.defaults()).To(gomega.Equal([]string{"slack/slack"}))
}

// TestManagedDefaultIsNotReplaced checks that an integration in Git stays the default: Git would make it that again.
func TestManagedDefaultIsNotReplaced(t *testing.T) {
	w := newWorld(t)
	_, replacing := asDefault("slack")
	o := &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": v1alpha1.GroupVersion.String(), "kind": "SlackIntegration",
		"metadata": map[string]any{"namespace": w.namespace, "name": "in-git"},
		"spec": map[string]any{"default": true, "defaultChannel": "#x",
			"bot": map[string]any{"tokenSecretRef": map[string]any{"name": "own", "key": "token"}}},
	}}
	applied := client.ApplyConfigurationFromUnstructured(o)
	w.Expect(kube.Apply(t.Context(), applied, client.FieldOwner("argocd-controller"))).To(gomega.Succeed())
	a := w.admin().ask("PUT", "/api/v1/integrations/slack/config?name=second", replacing)
	w.Expect(a.status).To(gomega.Equal(http.StatusConflict), a.body)
	w.Expect(a.body).To(gomega.ContainSubstring("managed by argocd-controller"))
	w.Expect(w.defaults()).To(gomega.Equal([]string{"slack/in-git"}))
}

// creating calls during for each SlackIntegration that is created, and returns its error if there is one.
type creating struct {
	client.Client
	during func() error
}

func (c creating) Create(ctx context.Context, o client.Object, options ...client.CreateOption) error {
	isDryRun := false
	for _, option := range options {
		isDryRun = isDryRun || option == client.DryRunAll
	}
	if _, ok := o.(*v1alpha1.SlackIntegration); ok && !isDryRun {
		if err := c.during(); err != nil {
			return err
		}
	}
	return c.Client.Create(ctx, o, options...)
}

// TestDefaultIsRestored checks that an integration stays the default when the one in its place could not be stored.
func TestDefaultIsRestored(t *testing.T) {
	w := newWorld(t)
	w.create(w.slack())
	_, replacing := asDefault("slack")
	var during []string
	s, end := startServer(t, func(o *apiserver.Options) {
		o.Client = creating{o.Client, func() error { during = w.defaults(); return errors.New("down") }}
	})
	c := w.admin()
	c.base = "http://" + s.Addr().String()
	a := c.ask("PUT", "/api/v1/integrations/slack/config?name=second", replacing)
	w.Expect(a.status).To(gomega.Equal(http.StatusServiceUnavailable), a.body)
	w.Expect(during).To(gomega.BeEmpty(), "the former default goes first")
	w.Expect(w.defaults()).To(gomega.Equal([]string{"slack/slack"}))
	w.Expect(end()).To(gomega.Succeed())
}

// TestDefaultsAtTheSameMoment has another replica store a default while this one does.
func TestDefaultsAtTheSameMoment(t *testing.T) {
	w := newWorld(t)
	s, end := startServer(t, func(o *apiserver.Options) {
		o.Client = creating{o.Client, func() error {
			other := w.slack()
			other.Namespace = w.namespace
			return kube.Create(t.Context(), other)
		}}
	})
	c := w.admin()
	c.base = "http://" + s.Addr().String()
	a := c.ask("PUT", "/api/v1/integrations/slack/config?name=second", slackBody)
	w.Expect(a.status).To(gomega.Equal(http.StatusConflict), a.body)
	w.Expect(a.body).To(gomega.ContainSubstring("at the same moment"))
	w.Expect(w.defaults()).To(gomega.Equal([]string{"slack/slack"}))
	w.Expect(w.secret("second-credentials").Data).To(gomega.HaveLen(1), "it was stored, and needs its token")
	w.Expect(end()).To(gomega.Succeed())

	w = newWorld(t)
	c = w.admin()
	answers := make([]int, 6)
	var requests sync.WaitGroup
	for i := range answers {
		requests.Go(func() {
			answers[i] = c.ask("PUT", fmt.Sprintf("/api/v1/integrations/slack/config?name=s%d", i), slackBody).status
		})
	}
	requests.Wait()
	w.Expect(w.defaults()).To(gomega.HaveLen(1))
	w.Expect(answers).To(gomega.ContainElement(http.StatusCreated))
}
