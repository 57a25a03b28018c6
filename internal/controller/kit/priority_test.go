// SPDX-License-Identifier: Apache-2.0

package kit

import (
	"context"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller/priorityqueue"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/voiceai-dev/integrations-operator/api/v1alpha1"
)

// TestNewObjectsComeFirst checks that new objects are reconciled before statuses are written, in whichever order they
// were enqueued.
func TestNewObjectsComeFirst(t *testing.T) {
	q := priorityqueue.New[reconcile.Request]("test")
	t.Cleanup(q.ShutDown)
	about := func(_ context.Context, o client.Object) []reconcile.Request {
		return []reconcile.Request{{NamespacedName: client.ObjectKeyFromObject(o)}}
	}
	named := func(name, version string) *v1alpha1.Notification {
		return &v1alpha1.Notification{ObjectMeta: metav1.ObjectMeta{Name: name, ResourceVersion: version}}
	}
	h := HandleBehindNew(handler.EnqueueRequestsFromMapFunc(about))
	enqueuer := Enqueuer{Priority: BehindNew}
	if err := enqueuer.Source().Start(t.Context(), q); err != nil {
		t.Fatal(err)
	}

	h.Create(t.Context(), event.CreateEvent{Object: named("stored", "1")}, q)
	h.Update(t.Context(), event.UpdateEvent{ObjectOld: named("sent", "1"), ObjectNew: named("sent", "2")}, q)
	enqueuer.Enqueue(types.NamespacedName{Name: "answered"})
	(&handler.EnqueueRequestForObject{}).Create(t.Context(), event.CreateEvent{Object: named("new", "1")}, q)
	q.AddWithOpts(
		priorityqueue.AddOpts{Priority: RequeueBehindNew(time.Hour).Priority, After: time.Hour},
		reconcile.Request{NamespacedName: types.NamespacedName{Name: "rests"}},
	)
	enqueuer.Enqueue(types.NamespacedName{Name: "rests"})
	enqueuer.Enqueue(types.NamespacedName{Name: "waits"})
	enqueuer.EnqueueFirst(types.NamespacedName{Name: "waits"})

	for i, want := range []struct {
		name     string
		priority int
	}{{"new", 0}, {"waits", 0}, {"stored", BehindNew}, {"sent", BehindNew}, {"answered", BehindNew}, {"rests", BehindNew}} {
		got, priority, _ := q.GetWithPriority()
		if got.Name != want.name || priority != want.priority {
			t.Errorf("%d: got %s with %d, want %s with %d", i, got.Name, priority, want.name, want.priority)
		}
		q.Done(got)
	}
}
