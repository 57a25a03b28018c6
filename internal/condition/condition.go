// SPDX-License-Identifier: Apache-2.0

// Package condition sets the conditions of a resource and summarises them in Ready, so that kstatus, kubectl wait,
// Argo CD and Flux read them the same way for every kind.
package condition

import (
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/voiceai-dev/integrations-operator/api/v1alpha1"
	"github.com/voiceai-dev/integrations-operator/internal/text"
)

// maxMessage is the limit of a message in code points. The API server accepts 32,768, but a message is read in a
// terminal.
const maxMessage = 1024

// troubleshooting is the page that explains every reason, without the place of the reason.
const troubleshooting = "https://github.com/voiceai-dev/integrations-operator/blob/main/docs/troubleshooting.md#"

// Object is a resource with conditions.
type Object interface {
	metav1.Object
	GetConditions() *[]metav1.Condition
	SetObservedGeneration(int64)
}

// Set sets a condition. Its transition time moves only when its status does.
func Set(o Object, conditionType string, status metav1.ConditionStatus, reason, message string) {
	meta.SetStatusCondition(o.GetConditions(), metav1.Condition{
		Type:               conditionType,
		Status:             status,
		Reason:             reason,
		Message:            text.Truncate(message, maxMessage),
		ObservedGeneration: o.GetGeneration(),
	})
}

// True sets a condition to True.
func True(o Object, conditionType, reason, message string) {
	Set(o, conditionType, metav1.ConditionTrue, reason, message)
}

// False sets a condition to False.
func False(o Object, conditionType, reason, message string) {
	Set(o, conditionType, metav1.ConditionFalse, reason, message)
}

// Unknown sets a condition to Unknown.
func Unknown(o Object, conditionType, reason, message string) {
	Set(o, conditionType, metav1.ConditionUnknown, reason, message)
}

// Get returns a condition, or nil if it is not set.
func Get(o Object, conditionType string) *metav1.Condition {
	return meta.FindStatusCondition(*o.GetConditions(), conditionType)
}

// Is reports whether a condition has a status and, unless reason is empty, that reason.
func Is(o Object, conditionType string, status metav1.ConditionStatus, reason string) bool {
	c := Get(o, conditionType)
	return c != nil && c.Status == status && (reason == "" || c.Reason == reason)
}

// Progress is what happens next to an object that is not Ready.
type Progress int

const (
	// Reconciling: the operator is working on it, or retries by itself.
	Reconciling Progress = iota
	// Stalled: nothing happens until a user changes something.
	Stalled
	// Suspended: nothing is done, because spec.suspend is true on the object or on the integration it needs. That is
	// what was requested, so the object is Ready.
	Suspended
)

// Ready sets Ready to True: the object is as its spec requests.
func Ready(o Object, reason, message string) {
	summarise(o, metav1.ConditionTrue, "", reason, message)
}

// NotReady sets Ready to False, and Reconciling or Stalled to True. For Suspended it sets Ready to True.
func NotReady(o Object, progress Progress, reason, message string) {
	switch progress {
	case Suspended:
		summarise(o, metav1.ConditionTrue, "", reason, message)
	case Stalled:
		summarise(o, metav1.ConditionFalse, v1alpha1.ConditionStalled, reason, message)
	default:
		summarise(o, metav1.ConditionFalse, v1alpha1.ConditionReconciling, reason, message)
	}
}

// NotReadyFor sets Ready to False and Reconciling to True, or Stalled once the object has been Reconciling for as long
// as patience. It returns how long it is until then, 0 when it is Stalled. A change of the spec begins anew.
func NotReadyFor(o Object, patience time.Duration, now time.Time, reason, message string) time.Duration {
	if c := Get(o, v1alpha1.ConditionStalled); c != nil && c.ObservedGeneration == o.GetGeneration() && c.Reason == reason {
		NotReady(o, Stalled, reason, message)
		return 0
	}
	since := metav1.NewTime(now)
	if c := Get(o, v1alpha1.ConditionReconciling); c != nil && c.ObservedGeneration == o.GetGeneration() {
		since = c.LastTransitionTime
	}
	if left := since.Add(patience).Sub(now); left > 0 {
		NotReady(o, Reconciling, reason, message)
		Get(o, v1alpha1.ConditionReconciling).LastTransitionTime = since
		return left
	}
	NotReady(o, Stalled, reason, message)
	return 0
}

// summarise sets Ready, and of Reconciling and Stalled the one named next. A condition that keeps its status keeps
// its transition time, so that the same summary again changes nothing.
func summarise(o Object, ready metav1.ConditionStatus, next, reason, message string) {
	o.SetObservedGeneration(o.GetGeneration())
	Set(o, v1alpha1.ConditionReady, ready, reason, message)
	if next == v1alpha1.ConditionStalled {
		message = WithLink(reason, message)
	}
	for _, t := range []string{v1alpha1.ConditionReconciling, v1alpha1.ConditionStalled} {
		if t == next {
			True(o, t, reason, message)
		} else {
			meta.RemoveStatusCondition(o.GetConditions(), t)
		}
	}
}

// WithLink returns a message with a link to what troubleshooting says about its reason.
func WithLink(reason, message string) string {
	link := ". See " + troubleshooting + strings.ToLower(reason)
	return text.Truncate(strings.TrimSuffix(message, "."), maxMessage-len(link)) + link
}

// IsSettled reports whether nothing more is to be sent for a Notification: it was delivered or muted, or it expired.
func IsSettled(n *v1alpha1.Notification) bool {
	return Is(n, v1alpha1.ConditionDelivered, metav1.ConditionTrue, "") ||
		Is(n, v1alpha1.ConditionDelivered, metav1.ConditionFalse, v1alpha1.ReasonExpired)
}
