package controller

import (
	"slices"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/lru"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/voiceai-dev/integrations-operator/api/v1alpha1"
)

// Lean is what the cache keeps of an object: all but who owns which field. Ten thousand Defects and Notifications repeat a few dozen texts, and their
// lists are read with room for more, which is a fifth of the memory they take.
func Lean(in any) (any, error) {
	o, ok := in.(client.Object)
	if !ok {
		return in, nil // a tombstone
	}
	o.SetManagedFields(nil)
	switch o := o.(type) {
	case *v1alpha1.Defect:
		leanMeta(&o.ObjectMeta)
		once(&o.Spec.Severity)
		once(&o.Spec.Category)
		once(&o.Spec.State)
		once(&o.Spec.Suite)
		once(&o.Spec.Run)
		once(&o.Status.State)
		once(&o.Status.WantedState)
		leanConditions(&o.Status.Conditions)
		o.Status.Events = exactly(o.Status.Events)
		o.Status.Messages = exactly(o.Status.Messages)
		for i := range o.Status.Messages {
			m := &o.Status.Messages[i]
			once(&m.Rule)
			once(&m.Integration)
			once(&m.Channel)
		}
		if j := o.Status.Jira; j != nil {
			once(&j.Integration)
			once(&j.Status)
			once(&j.StatusCategory)
			once(&j.Resolution)
			once(&j.Assignee)
		}
	case *v1alpha1.Notification:
		leanMeta(&o.ObjectMeta)
		once(&o.Spec.Rule.Name)
		once(&o.Spec.Rule.UID)
		once(&o.Spec.Channel)
		e := &o.Spec.Event
		once(&e.Type)
		once(&e.Severity)
		leanMap(&e.Labels)
		if s := e.Subject; s != nil {
			once(&s.Kind)
			once(&s.Namespace)
		}
		o.Spec.Members = exactly(o.Spec.Members)
		slices.Sort(o.Spec.Members) // as they are written; whoever writes others must not lead digestsOf astray
		leanConditions(&o.Status.Conditions)
		once(&o.Status.Digest)
		if m := o.Status.Message; m != nil {
			once(&m.Integration)
			once(&m.Channel)
			once(&m.TS) // which the members of a digest share
			once(&m.Permalink)
		}
	}
	return in, nil
}

func leanMeta(m *metav1.ObjectMeta) {
	once(&m.Namespace)
	leanMap(&m.Labels)
	for i := range m.OwnerReferences {
		once(&m.OwnerReferences[i].APIVersion)
		once(&m.OwnerReferences[i].Kind)
	}
}

func leanMap[V ~string](m *map[string]V) {
	if *m == nil {
		return
	}
	out := make(map[string]V, len(*m))
	for k, v := range *m {
		once(&k)
		once(&v)
		out[k] = v
	}
	*m = out
}

func leanConditions(conditions *[]metav1.Condition) {
	*conditions = exactly(*conditions)
	for i := range *conditions {
		c := &(*conditions)[i]
		once(&c.Type)
		once(&c.Status)
		once(&c.Reason)
		once(&c.Message)
	}
}

// texts are those that were read last, each once.
var texts = lru.New(4096)

// once has a text be the same one in memory wherever it is.
func once[T ~string](text *T) {
	if known, ok := texts.Get(string(*text)); ok {
		*text = T(known.(string))
		return
	}
	texts.Add(string(*text), string(*text))
}

// exactly is a list without room for more.
func exactly[T any](list []T) []T {
	if len(list) == cap(list) {
		return list
	}
	return append(make([]T, 0, len(list)), list...)
}
