// SPDX-License-Identifier: Apache-2.0

package defect

import (
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"

	"github.com/voiceai-dev/integrations-operator/api/v1alpha1"
	"github.com/voiceai-dev/integrations-operator/internal/condition"
	"github.com/voiceai-dev/integrations-operator/internal/index"
)

// TestDeliveryDoesNotDecideReady checks what a Defect says about its notifications, that it is Ready whatever becomes of
// them, and that it recovers when the one that failed is gone.
func TestDeliveryDoesNotDecideReady(t *testing.T) {
	sent := func(n *v1alpha1.Notification) {
		condition.True(n, v1alpha1.ConditionDelivered, v1alpha1.ReasonSent, "")
	}
	rejected := func(n *v1alpha1.Notification) {
		condition.False(n, v1alpha1.ConditionDelivered, v1alpha1.ReasonRejected, "no such channel")
		condition.NotReady(n, condition.Stalled, v1alpha1.ReasonRejected, "no such channel")
	}
	retrying := func(n *v1alpha1.Notification) {
		condition.False(n, v1alpha1.ConditionDelivered, v1alpha1.ReasonRetrying, "no answer")
		condition.NotReady(n, condition.Reconciling, v1alpha1.ReasonRetrying, "no answer")
	}
	const (
		oneFailed = "False/NotDelivered: 1 of 4 notifications were not delivered. Notification n1: no such channel"
		readyOf   = "True/Ready: Up to date"
	)
	for name, c := range map[string]struct {
		notifications []func(*v1alpha1.Notification)
		before        *metav1.Condition // Notified
		notified      string
		ready         string
	}{
		"none": {nil, nil, "True/NoRuleMatched: No rule of this namespace matched", readyOf},
		"delivered long ago, and removed": {nil, &metav1.Condition{Status: metav1.ConditionTrue, Reason: v1alpha1.ReasonNotified,
			Message: "2 notifications were delivered"}, "True/Notified: 2 notifications were delivered", readyOf},
		"all": {[]func(*v1alpha1.Notification){sent, sent}, nil, "True/Notified: 2 notifications were delivered", readyOf},
		"being delivered": {[]func(*v1alpha1.Notification){sent, retrying}, nil,
			"False/Delivering: 1 of 2 notifications were not delivered yet", readyOf},
		"just created": {[]func(*v1alpha1.Notification){sent, func(*v1alpha1.Notification) {}}, nil,
			"False/Delivering: 1 of 2 notifications were not delivered yet", "False/Delivering: 1 of 2 notifications were not delivered yet"},
		"one failed": {[]func(*v1alpha1.Notification){sent, rejected, retrying, sent}, nil, oneFailed,
			readyOf + ". 1 of 4 notifications were not delivered. Notification n1: no such channel"},
		"failed, then delivered": {[]func(*v1alpha1.Notification){sent, sent},
			&metav1.Condition{Status: metav1.ConditionFalse, Reason: v1alpha1.ReasonNotDelivered, Message: "1 of 2"},
			"True/Notified: 2 notifications were delivered", readyOf},
		"failed, then removed": {nil, &metav1.Condition{Status: metav1.ConditionFalse, Reason: v1alpha1.ReasonNotDelivered, Message: "1 of 1"},
			"Unknown/Removed: The notifications that were not delivered were removed", readyOf},
	} {
		t.Run(name, func(t *testing.T) {
			now := time.Now()
			d := &v1alpha1.Defect{ObjectMeta: metav1.ObjectMeta{Namespace: "n", Name: "d", UID: "u1", Generation: 1}}
			if c.before != nil {
				condition.Set(d, v1alpha1.ConditionNotified, c.before.Status, c.before.Reason, c.before.Message)
			}
			scheme := runtime.NewScheme()
			if err := v1alpha1.AddToScheme(scheme); err != nil {
				t.Fatal(err)
			}
			builder := fake.NewClientBuilder().WithScheme(scheme)
			for _, f := range index.Fields() {
				builder = builder.WithIndex(f.Object, f.Name, f.Values)
			}
			for i, set := range c.notifications {
				n := &v1alpha1.Notification{ObjectMeta: metav1.ObjectMeta{Namespace: "n", Name: "n" + string(rune('0'+i))}}
				n.Spec.Event = v1alpha1.NotificationEvent{Time: metav1.NewTime(now.Add(time.Duration(i) * time.Second)),
					Subject: &v1alpha1.EventSubject{Kind: v1alpha1.KindDefect, Namespace: "n", Name: "d", UID: "u1"}}
				set(n)
				builder = builder.WithObjects(n)
			}
			r := &Reconciler{Client: builder.Build()}
			s := &scope{before: d.DeepCopy(), defect: d, now: now}
			s.notify = r.summariseDelivery(t.Context(), s, nil)
			s.summarise()
			for conditionType, want := range map[string]string{v1alpha1.ConditionNotified: c.notified, v1alpha1.ConditionReady: c.ready} {
				got := condition.Get(d, conditionType)
				if have := string(got.Status) + "/" + got.Reason + ": " + got.Message; have != want {
					t.Errorf("%s is %s, want %s", conditionType, have, want)
				}
			}
		})
	}
}
