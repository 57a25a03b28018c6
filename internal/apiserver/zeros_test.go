// SPDX-License-Identifier: Apache-2.0

package apiserver_test

import (
	"encoding/json"
	"net/http"
	"testing"
	"time"

	"github.com/onsi/gomega"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/voiceai-dev/integrations-operator/api/v1alpha1"
	"github.com/voiceai-dev/integrations-operator/internal/apiserver"
)

// apply applies an object with server-side apply, as Flux does.
func (w *world) apply(kind, name string, spec map[string]any) *unstructured.Unstructured {
	w.t.Helper()
	o := &unstructured.Unstructured{Object: map[string]any{"spec": spec}}
	o.SetGroupVersionKind(v1alpha1.GroupVersion.WithKind(kind))
	o.SetNamespace(w.namespace)
	o.SetName(name)
	w.Expect(kube.Apply(w.t.Context(), client.ApplyConfigurationFromUnstructured(o),
		client.FieldOwner("kustomize-controller"))).To(gomega.Succeed())
	w.Eventually(func() error {
		return mgr.GetClient().Get(w.t.Context(), client.ObjectKeyFromObject(o), o.DeepCopy())
	}).Should(gomega.Succeed())
	return o
}

// fieldsOf returns the fields that the tool of apply manages.
func fieldsOf(w *world, o client.Object) string {
	w.t.Helper()
	for _, m := range o.GetManagedFields() {
		if m.Manager == "kustomize-controller" && m.Operation == metav1.ManagedFieldsOperationApply {
			raw, err := json.Marshal(m.FieldsV1)
			w.Expect(err).NotTo(gomega.HaveOccurred())
			return string(raw)
		}
	}
	return ""
}

// TestExplicitZeros writes to objects that were applied with values that are the same as none. They stay, and stay the
// tool's, so that it finds no drift.
func TestExplicitZeros(t *testing.T) {
	w := newWorld(t)
	c := w.admin()
	secret := map[string]any{"name": "own", "key": "token"}
	defect := w.apply(v1alpha1.KindDefect, "finding", map[string]any{
		"title": "Books the wrong day", "severity": "High", "description": "", "jira": map[string]any{},
	})
	slack := w.apply(v1alpha1.KindSlackIntegration, "slack", map[string]any{
		"suspend": false, "default": false, "defaultChannel": "#a", "bot": map[string]any{"tokenSecretRef": secret},
	})
	before := map[client.Object]string{defect: "", slack: ""}
	for o := range before {
		w.Expect(kube.Get(t.Context(), client.ObjectKeyFromObject(o), o)).To(gomega.Succeed())
		before[o] = fieldsOf(w, o)
		w.Expect(before[o]).NotTo(gomega.BeEmpty())
	}
	spec := func(o *unstructured.Unstructured) map[string]any { return o.Object["spec"].(map[string]any) }
	wanted := map[*unstructured.Unstructured]map[string]any{
		defect: spec(defect.DeepCopy()), slack: spec(slack.DeepCopy()),
	}
	wanted[defect]["state"] = "Resolved"

	w.Expect(c.ask("PATCH", "/api/v1/defects/finding", `{"state":"Resolved"}`).status).To(gomega.Equal(http.StatusOK))
	w.Expect(c.ask("POST", "/api/v1/defects/finding/jira", "").status).To(gomega.Equal(http.StatusAccepted))
	server, end := startServer(t, func(o *apiserver.Options) { o.TestTimeout = time.Millisecond })
	impatient := *c
	impatient.base = "http://" + server.Addr().String()
	w.Expect(impatient.ask("POST", "/api/v1/integrations/slack/test?name=slack", "").status).To(gomega.Equal(http.StatusAccepted))
	w.Expect(end()).To(gomega.Succeed())

	for _, o := range []*unstructured.Unstructured{defect, slack} {
		w.Expect(kube.Get(t.Context(), client.ObjectKeyFromObject(o), o)).To(gomega.Succeed())
		w.Expect(spec(o)).To(gomega.Equal(wanted[o]))
		w.Expect(fieldsOf(w, o)).To(gomega.Equal(before[o]))
	}
}

// TestPutKeepsExplicitZeros puts what has values that are the same as none, and that no tool applies.
func TestPutKeepsExplicitZeros(t *testing.T) {
	w := newWorld(t)
	c := w.admin()
	rule := &unstructured.Unstructured{Object: map[string]any{"spec": map[string]any{
		"suspend": false, "channel": "#a", "eventTypes": []any{"DefectCreated"}, "template": map[string]any{},
	}}}
	rule.SetGroupVersionKind(v1alpha1.GroupVersion.WithKind(v1alpha1.KindNotificationRule))
	rule.SetName("rule")
	w.create(rule)
	body := `{"spec":{"channel":"#b","eventTypes":["DefectCreated"],"template":{}}}`
	w.Expect(c.ask("PUT", "/api/v1/rules/rule", body).status).To(gomega.Equal(http.StatusOK))
	w.Expect(kube.Get(t.Context(), client.ObjectKeyFromObject(rule), rule)).To(gomega.Succeed())
	w.Expect(rule.Object["spec"]).To(gomega.Equal(map[string]any{
		"suspend": false, "channel": "#b", "eventTypes": []any{"DefectCreated"}, "template": map[string]any{},
	}))
}
