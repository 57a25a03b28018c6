// SPDX-License-Identifier: Apache-2.0

package index

import (
	"slices"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/lru"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/voiceai-dev/integrations-operator/api/v1alpha1"
	"github.com/voiceai-dev/integrations-operator/internal/condition"
	"github.com/voiceai-dev/integrations-operator/internal/packed"
)

// strip removes what the operator never reads from an object, and shares repeated texts. Ten thousand Defects and
// Notifications repeat a few dozen texts, and decoded lists have spare capacity that is a fifth of their memory.
func strip(o client.Object) {
	switch o := o.(type) {
	case *v1alpha1.Defect:
		cut(o)
		stripDefect(o)
	case *v1alpha1.Notification:
		stripNotification(o)
	case *batchv1.Job:
		stripMeta(o)
		o.Spec.Template = corev1.PodTemplateSpec{} // it may have a megabyte
	case *batchv1.CronJob:
		stripMeta(o)
		o.Spec.JobTemplate = batchv1.JobTemplateSpec{} // it is read when a run is started
	default:
		stripMeta(o)
	}
}

// Objects at rest are packed.
var (
	packedDefects       = &packed.Kind[v1alpha1.Defect, *v1alpha1.Defect]{Clean: stripDefect}
	packedNotifications = &packed.Kind[v1alpha1.Notification, *v1alpha1.Notification]{Clean: stripNotification}
)

// PackForCache returns an object as the cache keeps it: without what the operator never reads, and packed if it is at
// rest.
func PackForCache(in any) (any, error) {
	o, ok := in.(client.Object)
	if !ok {
		return in, nil // a tombstone
	}
	strip(o)
	if !isAtRest(o) {
		return o, nil
	}
	switch o := o.(type) {
	case *v1alpha1.Defect:
		return packedDefects.Pack(o), nil
	case *v1alpha1.Notification:
		return packedNotifications.Pack(o), nil
	}
	return o, nil
}

// isAtRest reports whether nothing is to be done about a Defect or Notification.
func isAtRest(o client.Object) bool {
	switch o := o.(type) {
	case *v1alpha1.Defect:
		return condition.Is(o, v1alpha1.ConditionReady, metav1.ConditionTrue, "")
	case *v1alpha1.Notification:
		return condition.IsSettled(o)
	}
	return false
}

func stripDefect(o *v1alpha1.Defect) {
	stripMeta(o)
	intern(&o.Spec.Severity)
	intern(&o.Spec.Category)
	intern(&o.Spec.State)
	intern(&o.Spec.Suite)
	intern(&o.Spec.Run)
	intern(&o.Status.State)
	intern(&o.Status.WantedState)
	internConditions(&o.Status.Conditions)
	internOutcomes(&o.Spec.Outcomes)
	if h := o.Status.History; h != nil {
		internOutcomes(&h.Outcomes)
		intern(&h.Strip)
	}
	o.Status.Events = clip(o.Status.Events)
	o.Status.Messages = clip(o.Status.Messages)
	for i := range o.Status.Messages {
		m := &o.Status.Messages[i]
		intern(&m.Rule)
		intern(&m.Integration)
		intern(&m.Channel)
	}
	if j := o.Status.Jira; j != nil {
		intern(&j.Integration)
		intern(&j.Site)
		intern(&j.Status)
		intern(&j.StatusCategory)
		intern(&j.Resolution)
		intern(&j.Assignee)
	}
}

func stripNotification(o *v1alpha1.Notification) {
	stripMeta(o)
	intern(&o.Spec.Rule.Name)
	intern(&o.Spec.Rule.UID)
	intern(&o.Spec.Channel)
	e := &o.Spec.Event
	intern(&e.Type)
	intern(&e.Severity)
	internMap(&e.Labels)
	if s := e.Subject; s != nil {
		intern(&s.Kind)
		intern(&s.Namespace)
	}
	o.Spec.Members = clip(o.Spec.Members)
	slices.Sort(o.Spec.Members) // digestsOf needs the order, which a writer other than the operator may not keep
	internConditions(&o.Status.Conditions)
	intern(&o.Status.Digest)
	if m := o.Status.Message; m != nil {
		intern(&m.Integration)
		intern(&m.Channel)
		intern(&m.TS) // which the members of a digest share
		intern(&m.Permalink)
	}
}

func internMap[V ~string](m *map[string]V) {
	if *m == nil {
		return
	}
	out := make(map[string]V, len(*m))
	for k, v := range *m {
		intern(&k)
		intern(&v)
		out[k] = v
	}
	*m = out
}

func internConditions(conditions *[]metav1.Condition) {
	*conditions = clip(*conditions)
	for i := range *conditions {
		c := &(*conditions)[i]
		intern(&c.Type)
		intern(&c.Status)
		intern(&c.Reason)
		intern(&c.Message)
	}
}

// internOutcomes shares what the Defects of a suite have in common: they are about the same runs.
func internOutcomes(outcomes *[]v1alpha1.TestOutcome) {
	*outcomes = clip(*outcomes)
	for i := range *outcomes {
		o := &(*outcomes)[i]
		intern(&o.Run)
		intern(&o.Result)
		intern(&o.Commit)
		intern(&o.Version)
	}
}

// sharedTexts is how many texts are shared.
const sharedTexts = 4096

// texts holds the texts that were read last, each once.
var texts = lru.New(sharedTexts)

// intern replaces a text by the equal one that is shared, so that equal texts take memory once.
func intern[T ~string](text *T) {
	if known, ok := texts.Get(string(*text)); ok {
		*text = T(known.(string))
		return
	}
	texts.Add(string(*text), string(*text))
}

// clip returns a list without spare capacity.
func clip[T any](list []T) []T {
	if len(list) == cap(list) {
		return list
	}
	return append(make([]T, 0, len(list)), list...)
}
