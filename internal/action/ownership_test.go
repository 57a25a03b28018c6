// SPDX-License-Identifier: Apache-2.0

package action_test

import (
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/voiceai-dev/integrations-operator/api/v1alpha1"
	"github.com/voiceai-dev/integrations-operator/internal/action"
)

func TestCheckUnmanaged(t *testing.T) {
	fields := metav1.NewFieldsV1(`{"f:spec":{"f:title":{},"f:state":{}}}`)
	spec := []string{"spec"}
	state := []string{"spec", "state"}
	severity := []string{"spec", "severity"}
	for name, c := range map[string]struct {
		entry   metav1.ManagedFieldsEntry
		path    []string
		managed bool
	}{
		"Argo CD": {metav1.ManagedFieldsEntry{Manager: "argocd-controller", Operation: "Apply",
			FieldsV1: fields}, spec, true},
		"Argo CD without server-side": {metav1.ManagedFieldsEntry{Manager: "argocd-controller", Operation: "Update",
			FieldsV1: fields}, spec, true},
		"Flux": {metav1.ManagedFieldsEntry{Manager: "kustomize-controller", Operation: "Apply",
			FieldsV1: fields}, spec, true},
		"the field itself": {metav1.ManagedFieldsEntry{Manager: "kubectl", Operation: "Apply", FieldsV1: fields}, state, true},
		"another field": {metav1.ManagedFieldsEntry{Manager: "kubectl", Operation: "Apply",
			FieldsV1: fields}, severity, false},
		"kubectl apply, given up": {metav1.ManagedFieldsEntry{Manager: "kubectl-client-side-apply",
			Operation: "Update", FieldsV1: fields}, spec, false},
		"kubectl edit, once": {metav1.ManagedFieldsEntry{Manager: "kubectl-edit", Operation: "Update",
			FieldsV1: fields}, spec, false},
		"this API": {metav1.ManagedFieldsEntry{Manager: "voiceai-api", Operation: "Apply",
			FieldsV1: fields}, spec, false},
		"only the status": {metav1.ManagedFieldsEntry{Manager: "kubectl", Operation: "Apply",
			Subresource: "status", FieldsV1: fields}, spec, false},
		"malformed fields": {metav1.ManagedFieldsEntry{Manager: "kubectl", Operation: "Apply",
			FieldsV1: metav1.NewFieldsV1(`{`)}, spec, false},
		"no fields": {metav1.ManagedFieldsEntry{Manager: "kubectl", Operation: "Apply"}, spec, false},
		"only labels": {metav1.ManagedFieldsEntry{Manager: "kubectl", Operation: "Apply",
			FieldsV1: metav1.NewFieldsV1(`{"f:metadata":{}}`)}, spec, false},
	} {
		t.Run(name, func(t *testing.T) {
			o := &v1alpha1.Defect{ObjectMeta: metav1.ObjectMeta{Name: "d", ManagedFields: []metav1.ManagedFieldsEntry{c.entry}}}
			if err := action.CheckUnmanaged(o, c.path...); (err != nil) != c.managed {
				t.Errorf("got %v, want managed: %v", err, c.managed)
			}
		})
	}
}

// TestManagerBesideAnnotation covers an object with the annotation of kubectl apply and another manager.
func TestManagerBesideAnnotation(t *testing.T) {
	fields := metav1.NewFieldsV1(`{"f:spec":{"f:title":{}}}`)
	for _, c := range []struct {
		manager   string
		operation metav1.ManagedFieldsOperationType
		want      string
	}{
		{"argocd-controller", metav1.ManagedFieldsOperationUpdate, "argocd-controller"},
		{"kustomize-controller", metav1.ManagedFieldsOperationApply, "kustomize-controller"},
		{"kubectl-client-side-apply", metav1.ManagedFieldsOperationUpdate, "kubectl apply"},
	} {
		o := &v1alpha1.Defect{ObjectMeta: metav1.ObjectMeta{
			Name: "d", Annotations: map[string]string{corev1.LastAppliedConfigAnnotation: `{"spec":{"title":"x"}}`},
			ManagedFields: []metav1.ManagedFieldsEntry{{Manager: c.manager, Operation: c.operation, FieldsV1: fields}},
		}}
		if got := action.Manager(o, "spec"); got != c.want {
			t.Errorf("%s: got %q, want %q", c.manager, got, c.want)
		}
		if err := action.CheckUnmanaged(o, "spec"); err == nil || !strings.Contains(err.Error(), "managed by "+c.want+", ") {
			t.Errorf("%s: got %v, want %s named", c.manager, err, c.want)
		}
	}
}

// TestTrackedByGitOps covers objects on which Argo CD or Flux left the annotation of kubectl apply and its own mark.
func TestTrackedByGitOps(t *testing.T) {
	for want, o := range map[string]metav1.ObjectMeta{
		"kubectl apply":        {},
		"argocd-controller":    {Annotations: map[string]string{"argocd.argoproj.io/tracking-id": "app:x/y"}},
		"kustomize-controller": {Labels: map[string]string{"kustomize.toolkit.fluxcd.io/name": "app"}},
	} {
		metav1.SetMetaDataAnnotation(&o, corev1.LastAppliedConfigAnnotation, `{"spec":{"title":"x"}}`)
		got := action.Manager(&v1alpha1.Defect{ObjectMeta: o}, "spec")
		if got != want || action.IsKubectl(got) != (want == "kubectl apply") {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}
