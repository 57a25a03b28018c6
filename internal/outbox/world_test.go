// SPDX-License-Identifier: Apache-2.0

package outbox_test

import (
	"context"
	"testing"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	testingclock "k8s.io/utils/clock/testing"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"
	"sigs.k8s.io/controller-runtime/pkg/metrics"

	"github.com/voiceai-dev/integrations-operator/api/v1alpha1"
	"github.com/voiceai-dev/integrations-operator/internal/event"
	"github.com/voiceai-dev/integrations-operator/internal/outbox"
)

const alert = v1alpha1.EventSystemAlertFiring

var now = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// world is a cluster with rules, in which Notifications are stored unless onCreate returns an error.
type world struct {
	client.Client
	clock    *testingclock.FakeClock
	onCreate func(client.Object) error
	// created is the creation time of new Notifications.
	created metav1.Time
	// onPatch is the error of each patch, and patches counts them.
	onPatch error
	patches int
	// lags hides Notifications from reads.
	lags bool
}

func newWorld(t *testing.T, rules ...*v1alpha1.NotificationRule) *world {
	t.Helper()
	scheme := runtime.NewScheme()
	if err := v1alpha1.AddToScheme(scheme); err != nil {
		t.Fatal(err)
	}
	w := &world{clock: testingclock.NewFakeClock(now)}
	b := fake.NewClientBuilder().WithScheme(scheme).WithReturnManagedFields().WithInterceptorFuncs(interceptor.Funcs{
		Create: func(ctx context.Context, c client.WithWatch, o client.Object, options ...client.CreateOption) error {
			if w.onCreate != nil {
				if err := w.onCreate(o); err != nil {
					return err
				}
			}
			o.SetCreationTimestamp(w.created)
			return c.Create(ctx, o, options...)
		},
		Patch: func(ctx context.Context, c client.WithWatch, o client.Object, p client.Patch, options ...client.PatchOption) error {
			w.patches++
			if w.onPatch != nil {
				return w.onPatch
			}
			return c.Patch(ctx, o, p, options...)
		},
		Get: func(ctx context.Context, c client.WithWatch, k client.ObjectKey, o client.Object, options ...client.GetOption) error {
			if _, ok := o.(*v1alpha1.Notification); ok && w.lags {
				return apierrors.NewNotFound(schema.GroupResource{Resource: "notifications"}, k.Name)
			}
			return c.Get(ctx, k, o, options...)
		},
	})
	for _, r := range rules {
		b.WithObjects(r)
	}
	w.Client = b.Build()
	return w
}

// outbox returns the outbox of a process that has just become the leader.
func (w *world) outbox() *outbox.Outbox {
	return &outbox.Outbox{
		Client: w, Live: w, Clock: w.clock, MaxEventAge: 24 * time.Hour, LeaderSince: func() time.Time { return now },
	}
}

// put creates a rule in the cluster, or replaces its spec.
func (w *world) put(t *testing.T, r *v1alpha1.NotificationRule) {
	t.Helper()
	if err := w.Create(t.Context(), r.DeepCopy()); err == nil {
		return
	}
	old := &v1alpha1.NotificationRule{}
	if err := w.Get(t.Context(), client.ObjectKeyFromObject(r), old); err != nil {
		t.Fatal(err)
	}
	changed := r.DeepCopy()
	changed.ResourceVersion = old.ResourceVersion
	if err := w.Update(t.Context(), changed); err != nil {
		t.Fatal(err)
	}
}

func (w *world) stored(t *testing.T) (out []v1alpha1.Notification) {
	t.Helper()
	list := &v1alpha1.NotificationList{}
	if err := w.List(t.Context(), list); err != nil {
		t.Fatal(err)
	}
	return list.Items
}

func ruleFor(name string, events ...v1alpha1.EventType) *v1alpha1.NotificationRule {
	return &v1alpha1.NotificationRule{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: "voice", Name: name, UID: types.UID("uid-of-" + name), Generation: 1,
			CreationTimestamp: metav1.NewTime(now.Add(-48 * time.Hour)),
		},
		Spec: v1alpha1.NotificationRuleSpec{EventTypes: events},
	}
}

func alertEvent(id string) *event.Event { return &event.Event{ID: id, Type: alert, Time: now} }

func runEvent(id string, at time.Time) *event.Event {
	return &event.Event{
		ID: id, Type: v1alpha1.EventTestRunCompleted, Time: at, Subject: &v1alpha1.EventSubject{Kind: event.KindJob, Name: "run"},
	}
}

// counter returns the value of a metric for an event type.
func counter(t *testing.T, name string, eventType v1alpha1.EventType) float64 {
	t.Helper()
	families, err := metrics.Registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		for _, m := range f.GetMetric() {
			if f.GetName() == name && m.GetLabel()[0].GetValue() == string(eventType) {
				return m.GetCounter().GetValue()
			}
		}
	}
	return 0
}
