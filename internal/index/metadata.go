// SPDX-License-Identifier: Apache-2.0

package index

import (
	"maps"
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/voiceai-dev/integrations-operator/api/v1alpha1"
)

const (
	// domain is that of the operator's labels and annotations.
	domain = "integrations.voiceai.dev"
	// maxLabels bounds the labels of others that the cache keeps of an object, the first ones by key. Events have no more.
	maxLabels = 60
	// maxAnnotation bounds the value of an annotation, in bytes. No valid one is longer.
	maxAnnotation = 8 << 10
)

// annotations are those that the operator reads.
var annotations = map[string]bool{
	v1alpha1.LastArrivedAtAnnotation:        true,
	v1alpha1.TicketRequestedAtAnnotation:    true,
	v1alpha1.TicketRequestedByAnnotation:    true,
	v1alpha1.ChangedByAnnotation:            true,
	v1alpha1.StateRequestedAtAnnotation:     true,
	v1alpha1.JiraChangedAtAnnotation:        true,
	v1alpha1.SlackChangedAtAnnotation:       true,
	v1alpha1.SlackGroupsChangedAtAnnotation: true,
	v1alpha1.ExpiresAnnotation:              true,
	v1alpha1.ResultsAnnotation:              true,
	v1alpha1.TestRequestedAtAnnotation:      true,
	v1alpha1.TestChannelAnnotation:          true,
}

// stripMeta drops the metadata that the operator never reads. Who may create an object may give it a megabyte of labels,
// annotations, finalizers and owners.
func stripMeta(o metav1.Object) {
	if !IsCut(o) {
		o.SetManagedFields(nil)
	}
	o.SetFinalizers(nil)
	if owners := o.GetOwnerReferences(); len(owners) > 0 {
		isOther := func(r metav1.OwnerReference) bool { return r.Controller == nil || !*r.Controller }
		owners = clip(slices.DeleteFunc(owners, isOther))
		for i := range owners {
			intern(&owners[i].APIVersion)
			intern(&owners[i].Kind)
		}
		o.SetOwnerReferences(owners)
	}
	o.SetAnnotations(stripAnnotations(o.GetAnnotations(), isSlackIntegration(o)))
	labels := o.GetLabels()
	if o.GetNamespace() != "" { // spec.allowedNamespaces selects Namespaces by any of their labels
		labels = stripLabels(labels)
	}
	internMap(&labels)
	o.SetLabels(labels)
	namespace := o.GetNamespace()
	intern(&namespace)
	o.SetNamespace(namespace)
}

func isSlackIntegration(o metav1.Object) bool {
	_, ok := o.(*v1alpha1.SlackIntegration)
	return ok
}

// stripAnnotations returns the annotations that the operator reads. Those that begin with a prefix of its own, which only a
// SlackIntegration has, are kept on request.
func stripAnnotations(all map[string]string, keepPrefixed bool) map[string]string {
	for name, value := range all {
		isPrefixed := strings.HasPrefix(name, v1alpha1.SlackChannelAnnotationPrefix) ||
			strings.HasPrefix(name, v1alpha1.SlackAnswerAnnotationPrefix)
		isRead := annotations[name] || keepPrefixed && isPrefixed
		switch {
		case !isRead:
			delete(all, name)
		case len(value) > maxAnnotation:
			all[name] = strings.ToValidUTF8(value[:maxAnnotation], "")
		}
	}
	return all
}

// stripLabels returns the labels of the operator, and the first ones of others by key.
func stripLabels(all map[string]string) map[string]string {
	if len(all) <= maxLabels {
		return all
	}
	out := make(map[string]string, maxLabels)
	others := 0
	for _, name := range slices.Sorted(maps.Keys(all)) {
		isOwn := strings.HasPrefix(name, domain+"/")
		if !isOwn && others == maxLabels {
			continue
		}
		out[name] = all[name]
		if !isOwn {
			others++
		}
	}
	return out
}
