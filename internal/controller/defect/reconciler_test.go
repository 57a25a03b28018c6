// SPDX-License-Identifier: Apache-2.0

package defect

import (
	"context"
	"errors"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/utils/clock"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	"github.com/voiceai-dev/integrations-operator/api/v1alpha1"
	"github.com/voiceai-dev/integrations-operator/internal/connection"
	"github.com/voiceai-dev/integrations-operator/internal/controller/kit"
	"github.com/voiceai-dev/integrations-operator/internal/index"
	"github.com/voiceai-dev/integrations-operator/internal/leadership"
	"github.com/voiceai-dev/integrations-operator/internal/outbox"
)

// TestStateChangeWaitsForTheFormer checks that a change of state that could not be announced is not overwritten by
// the next one: both are announced.
func TestStateChangeWaitsForTheFormer(t *testing.T) {
	scheme := runtime.NewScheme()
	if err := v1alpha1.AddToScheme(scheme); err != nil {
		t.Fatal(err)
	}
	now := time.Now().Truncate(time.Second)
	d := &v1alpha1.Defect{
		ObjectMeta: metav1.ObjectMeta{
			Namespace:         "n",
			Name:              "d",
			UID:               "u1",
			Generation:        3,
			CreationTimestamp: metav1.NewTime(now.Add(-time.Hour)),
		},
	}
	d.Spec.Title, d.Spec.Severity, d.Spec.State = "x", v1alpha1.SeverityHigh, v1alpha1.StateResolved
	d.Spec.Jira = &v1alpha1.DefectJira{Create: v1alpha1.TicketNever}
	seen := d.CreationTimestamp
	d.Status = v1alpha1.DefectStatus{
		ObservedGeneration: 2,
		State:              v1alpha1.StateInProgress,
		WantedState:        v1alpha1.StateInProgress,
		Occurrences:        1,
		FirstSeenTime:      &seen,
		LastSeenTime:       &seen,
		StateChange:        &v1alpha1.StateChange{Number: 1, From: v1alpha1.StateOpen, Cause: v1alpha1.CauseSpec, Time: metav1.NewTime(now)},
		Events:             []v1alpha1.EventID{"u1.created"},
	}
	rule := &v1alpha1.NotificationRule{
		ObjectMeta: metav1.ObjectMeta{Namespace: "n", Name: "all", UID: "r1", CreationTimestamp: metav1.NewTime(now.Add(-2 * time.Hour))},
		Spec:       v1alpha1.NotificationRuleSpec{EventTypes: []v1alpha1.EventType{v1alpha1.EventDefectStateChanged}},
	}
	full := true
	builder := fake.NewClientBuilder().WithScheme(scheme).WithObjects(d, rule).WithStatusSubresource(d, rule)
	for _, f := range index.Fields() {
		builder = builder.WithIndex(f.Object, f.Name, f.Values)
	}
	c := builder.
		WithInterceptorFuncs(
			interceptor.Funcs{Create: func(ctx context.Context, c client.WithWatch, o client.Object, opts ...client.CreateOption) error {
				if _, ok := o.(*v1alpha1.Notification); ok && full {
					return errors.New("the store is full")
				}
				return c.Create(ctx, o, opts...)
			}},
		).Build()
	r := &Reconciler{
		Client:         c,
		Clock:          clock.RealClock{},
		PendingUpdates: &kit.PendingUpdates{}, KnownTickets: &kit.KnownTickets{},
		LeaderSince: func() leadership.Start { return leadership.Start{} },
		Jira:        connection.NewJiraPool(connection.Options{Clock: clock.RealClock{}}),
		Outbox: &outbox.Outbox{
			Client:      c,
			Live:        c,
			Clock:       clock.RealClock{},
			MaxEventAge: 24 * time.Hour,
			LeaderSince: func() time.Time { return now },
		},
	}
	key := client.ObjectKeyFromObject(d)
	reconcile := func() (int64, error) {
		_, err := r.Reconcile(t.Context(), ctrl.Request{NamespacedName: key})
		if getErr := c.Get(t.Context(), key, d); getErr != nil {
			t.Fatal(getErr)
		}
		return d.Status.StateChange.Number, err
	}
	if n, err := reconcile(); n != 1 || err == nil {
		t.Errorf("while nothing can be stored: change %d, %v", n, err)
	}
	full = false
	for range 2 {
		if n, err := reconcile(); n != 2 || err != nil {
			t.Errorf("afterwards: change %d, %v", n, err)
		}
	}
	announced := &v1alpha1.NotificationList{}
	if err := c.List(t.Context(), announced); err != nil || len(announced.Items) != 2 {
		t.Errorf("%d changes were announced, want both: %v", len(announced.Items), err)
	}
}
