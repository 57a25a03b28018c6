// SPDX-License-Identifier: Apache-2.0

package action

import (
	"encoding/json"
	"fmt"
	"slices"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// appliers are the tools that restore what they applied, and write without server-side apply. kubectl apply without
// it is not among them: its annotation shows what it would restore.
var appliers = []string{
	"argocd-controller", "argocd-application-controller", "kustomize-controller", "helm-controller", "helm",
}

// kubectlApply is the name of a manager that left only the annotation of kubectl apply.
const kubectlApply = "kubectl apply"

// Manager returns the name of the tool that applies a field of an object and would revert a change; empty when none
// does. path is the field, such as spec, state. o must have its managedFields, as read from the API server. They are
// examined before the annotation of kubectl apply, which Argo CD writes too and other tools leave in place.
func Manager(o client.Object, path ...string) string {
	for _, m := range o.GetManagedFields() {
		applies := m.Operation == metav1.ManagedFieldsOperationApply || slices.Contains(appliers, m.Manager)
		if !applies || m.Manager == string(FieldOwner) || m.Subresource != "" || m.FieldsV1 == nil {
			continue
		}
		if hasPath(m.FieldsV1.GetRawBytes(), "f:", path) {
			return m.Manager
		}
	}
	if last := o.GetAnnotations()[corev1.LastAppliedConfigAnnotation]; last != "" && hasPath([]byte(last), "", path) {
		return tracker(o)
	}
	return ""
}

// tracker returns the name of the tool that left the annotation of kubectl apply on an object: Argo CD and Flux mark
// what they apply with an annotation or labels of their own.
func tracker(o client.Object) string {
	if o.GetAnnotations()["argocd.argoproj.io/tracking-id"] != "" {
		return "argocd-controller"
	}
	if o.GetLabels()["kustomize.toolkit.fluxcd.io/name"] != "" {
		return "kustomize-controller"
	}
	return kubectlApply
}

// IsKubectl reports whether a manager is kubectl, which reverts a change only when a user applies the file again. Argo
// CD, Flux and Helm revert it by themselves.
func IsKubectl(manager string) bool { return manager == kubectlApply || manager == "kubectl" }

// CheckUnmanaged returns a *ConflictError when a tool applies a field of an object.
func CheckUnmanaged(o client.Object, path ...string) error {
	name := Manager(o, path...)
	remedy := "have " + name + " give it up"
	switch name {
	case "":
		return nil
	case kubectlApply:
		remedy = "remove its annotation " + corev1.LastAppliedConfigAnnotation
	}
	return &ConflictError{fmt.Sprintf("%s is managed by %s, which would revert this: change it there, or %s",
		o.GetName(), name, remedy)}
}

// hasPath reports whether a JSON object has a member at a path. Each name is prefixed: in managedFields with f:, in
// the annotation of kubectl apply with nothing.
func hasPath(object []byte, prefix string, path []string) bool {
	var members map[string]json.RawMessage
	if json.Unmarshal(object, &members) != nil {
		return false
	}
	next, ok := members[prefix+path[0]]
	if !ok || len(path) == 1 {
		return ok
	}
	return hasPath(next, prefix, path[1:])
}
