package apiserver

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// attempts is how often a write is repeated when somebody else, such as the operator noting a status, was faster.
const attempts = 5

// Match is for a write of what the caller has read.
type Match struct {
	IfMatch string `header:"If-Match" maxLength:"256" doc:"The ETag that was read: 412 when it is not that any more."`
}

// NoneMatch is for a write of what is new.
type NoneMatch struct {
	IfNoneMatch string `header:"If-None-Match" enum:"*" doc:"Only create: 412 when it is there already."`
}

// specTag is the ETag of an object's spec. Unlike the resourceVersion it stays when only the status changes, which for an integration is all the
// time: what somebody edits is not out of date because a message was sent meanwhile.
func specTag(o client.Object) string {
	uid := string(o.GetUID())
	return fmt.Sprintf(`"%s-%d"`, uid[:min(8, len(uid))], o.GetGeneration())
}

// wholeTag is the ETag of an object with its status.
func wholeTag(o client.Object) string { return `"` + o.GetResourceVersion() + `"` }

// match checks the precondition of a write of something that is there.
func match(wanted, tag string) error {
	if wanted == "" || wanted == "*" {
		return nil
	}
	for _, w := range strings.Split(wanted, ",") {
		if strings.TrimSpace(w) == tag {
			return nil
		}
	}
	return mistake(http.StatusPreconditionFailed, "it was changed since you read it: read it again (its ETag is %s now) and repeat", tag)
}

// appliers are those who bring an object back to what they know, and so do their writes without server-side apply. kubectl apply without it is not
// among them: its annotation says whether it would undo anything.
var appliers = []string{"argocd-controller", "argocd-application-controller", "kustomize-controller", "helm-controller", "helm"}

// kubectlApply is what a manager is called that has left nothing but its annotation.
const kubectlApply = "kubectl apply"

// managerOf is who applies a field, and would bring it back or fight over it; empty when nobody does. path is the field, such as spec, state; o is as
// the API server has it, with its managedFields. They come before the annotation of kubectl apply, which Argo CD writes too and others leave there.
func managerOf(o client.Object, path ...string) string {
	for _, m := range o.GetManagedFields() {
		applied := m.Operation == metav1.ManagedFieldsOperationApply || slices.Contains(appliers, m.Manager)
		if !applied || m.Manager == string(manager) || m.Subresource != "" || m.FieldsV1 == nil || !owns(m.FieldsV1.GetRawBytes(), path) {
			continue
		}
		return m.Manager
	}
	if last := o.GetAnnotations()[corev1.LastAppliedConfigAnnotation]; last != "" && applied([]byte(last), path) {
		return kubectlApply
	}
	return ""
}

// ownedElsewhere refuses to change what somebody else applies.
func ownedElsewhere(o client.Object, path ...string) error {
	name := managerOf(o, path...)
	giveUp := "have " + name + " give it up"
	switch name {
	case "":
		return nil
	case kubectlApply:
		giveUp = "remove its annotation " + corev1.LastAppliedConfigAnnotation
	}
	return mistake(http.StatusConflict, "%s is managed by %s, which would undo this: change it there, or %s", o.GetName(), name, giveUp)
}

// applied says whether a configuration, as kubectl apply notes it, has something at a path.
func applied(configuration []byte, path []string) bool {
	var members map[string]json.RawMessage
	if json.Unmarshal(configuration, &members) != nil {
		return false
	}
	next, ok := members[path[0]]
	if !ok || len(path) == 1 {
		return ok
	}
	return applied(next, path[1:])
}

// owns says whether a set of fields, as managedFields have it, has a path in it.
func owns(fields []byte, path []string) bool {
	var set map[string]json.RawMessage
	if json.Unmarshal(fields, &set) != nil {
		return false
	}
	next, ok := set["f:"+path[0]]
	if !ok || len(path) == 1 {
		return ok
	}
	return owns(next, path[1:])
}
