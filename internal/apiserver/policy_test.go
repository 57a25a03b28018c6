// SPDX-License-Identifier: Apache-2.0

package apiserver_test

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"testing"

	"github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"
)

// withPolicies is the label of namespaces in which config/policy is in force: clusters may lack it.
const withPolicies = "tests.voiceai.dev/policies"

// installPolicies creates the objects of config/policy, and binds the policies to the namespaces with the label.
func installPolicies() error {
	files, err := filepath.Glob(filepath.Join("..", "..", "config", "policy", "*integration_*.yaml"))
	if err != nil {
		return err
	}
	for _, file := range files {
		raw, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		o := &unstructured.Unstructured{}
		if err := yaml.UnmarshalStrict(raw, &o.Object); err != nil {
			return err
		}
		if o.GetKind() == "ValidatingAdmissionPolicyBinding" {
			if err := unstructured.SetNestedStringMap(o.Object, map[string]string{withPolicies: "true"},
				"spec", "matchResources", "namespaceSelector", "matchLabels"); err != nil {
				return err
			}
		}
		if err := kube.Create(context.Background(), o); err != nil {
			return err
		}
	}
	return nil
}

// newProtectedWorld returns a world in whose namespace the policies are in force.
func newProtectedWorld(t *testing.T) *world {
	t.Helper()
	w := newWorld(t)
	namespace := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: w.namespace}}
	patch := client.RawPatch(types.MergePatchType, []byte(`{"metadata":{"labels":{"`+withPolicies+`":"true"}}}`))
	w.Expect(kube.Patch(t.Context(), namespace, patch)).To(gomega.Succeed())
	without := w.callerWith("get slackintegrations", "create slackintegrations", "update slackintegrations",
		"get jiraintegrations", "create jiraintegrations", "update jiraintegrations", "create secrets", "update secrets")
	for _, c := range []struct{ kind, body string }{{"slack", slackBody}, {"jira", jiraBody}} {
		w.Eventually(func() int {
			return without.ask("PUT", "/api/v1/integrations/"+c.kind+"/config?name=refused", c.body).status
		}).Should(gomega.Equal(http.StatusForbidden))
	}
	return w
}

// mayGet lets the last caller get a Secret.
func (w *world) mayGet(secret string) {
	w.t.Helper()
	account := fmt.Sprintf("caller-%d", w.accounts)
	meta := metav1.ObjectMeta{Namespace: w.namespace, Name: account + "-reader"}
	w.Expect(kube.Create(w.t.Context(), &rbacv1.Role{ObjectMeta: meta, Rules: []rbacv1.PolicyRule{{
		APIGroups: []string{""}, Resources: []string{"secrets"}, ResourceNames: []string{secret}, Verbs: []string{"get"},
	}}})).To(gomega.Succeed())
	w.Expect(kube.Create(w.t.Context(), &rbacv1.RoleBinding{
		ObjectMeta: meta, RoleRef: rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "Role", Name: meta.Name},
		Subjects: []rbacv1.Subject{{Kind: rbacv1.ServiceAccountKind, Namespace: w.namespace, Name: account}},
	})).To(gomega.Succeed())
}

// TestPutsWithPolicies has callers create and update integrations where config/policy is in force. The API writes with
// their tokens, so the policy applies: a caller needs get on the Secret that the API writes for the integration.
func TestPutsWithPolicies(t *testing.T) {
	w := newProtectedWorld(t)
	for kind, bodies := range map[string]struct{ first, second, unchanged string }{
		"slack": {slackBody, `{"spec":{"defaultChannel":"#other"},"credentials":{"botToken":"xoxb-s3cr3t-2","signingSecret":"s3cr3t"}}`,
			`{"spec":{"defaultChannel":"#third"}}`},
		"jira": {jiraBody, `{"spec":{"apiURL":"https://other.example.com","projectKey":"VOICE"},` +
			`"credentials":{"username":"qa@example.com","apiToken":"s3cr3t-2"}}`,
			`{"spec":{"apiURL":"https://other.example.com","projectKey":"OTHER"}}`},
	} {
		at := "/api/v1/integrations/" + kind + "/config?name=" + kind
		rights := []string{"get " + kind + "integrations", "create " + kind + "integrations", "update " + kind + "integrations",
			"create secrets", "update secrets"}

		without := w.callerWith(rights...)
		a := without.ask("PUT", at, bodies.first)
		w.Expect(a.status).To(gomega.Equal(http.StatusForbidden), a.body)
		w.Expect(a.body).To(gomega.ContainSubstring(`names Secret \"` + kind + `-credentials\"`))
		w.Expect(a.body).To(gomega.ContainSubstring("bind a Role that allows get on this Secret"))
		secret := types.NamespacedName{Namespace: w.namespace, Name: kind + "-credentials"}
		w.Expect(apierrors.IsNotFound(kube.Get(t.Context(), secret, &corev1.Secret{}))).To(gomega.BeTrue(), "nothing is left behind")

		named := w.callerWith(rights...)
		w.mayGet(secret.Name)
		w.Eventually(func() int { return named.ask("PUT", at, bodies.first).status }).Should(gomega.Equal(http.StatusCreated))
		for _, body := range []string{bodies.second, bodies.unchanged} {
			a := named.ask("PUT", at, body)
			w.Expect(a.status).To(gomega.Equal(http.StatusOK), a.body)
		}
		data := w.secret(secret.Name).Data
		w.Expect(without.ask("PUT", at, bodies.second).status).To(gomega.Equal(http.StatusForbidden))
		w.Expect(w.secret(secret.Name).Data).To(gomega.Equal(data), "nothing is left behind")
		a = w.admin().ask("PUT", at, bodies.first)
		w.Expect(a.status).To(gomega.Equal(http.StatusOK), a.body)
	}
}
