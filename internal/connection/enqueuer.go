package connection

import (
	"context"
	"sync"

	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/util/workqueue"
	"sigs.k8s.io/controller-runtime/pkg/controller/priorityqueue"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
	"sigs.k8s.io/controller-runtime/pkg/source"
)

// Enqueuer has objects of one kind reconciled when something outside Kubernetes is new. It never blocks.
type Enqueuer struct {
	// Priority is that of the objects woken, where the controller's queue knows priorities; 0 is that of news.
	Priority int

	mu    sync.Mutex
	queue workqueue.TypedRateLimitingInterface[reconcile.Request]
}

// Source makes a controller the one whose objects are woken.
func (w *Enqueuer) Source() source.Source {
	return source.Func(func(_ context.Context, q workqueue.TypedRateLimitingInterface[reconcile.Request]) error {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.queue = q
		return nil
	})
}

// Enqueue has an object reconciled. Before the controller runs it does nothing: then everything is reconciled anyway.
func (w *Enqueuer) Enqueue(name types.NamespacedName) { w.add(name, w.Priority) }

// EnqueueFirst has an object reconciled as if it were news, however many others were woken before.
func (w *Enqueuer) EnqueueFirst(name types.NamespacedName) { w.add(name, 0) }

func (w *Enqueuer) add(name types.NamespacedName, priority int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	switch q := w.queue.(type) {
	case nil:
	case priorityqueue.PriorityQueue[reconcile.Request]:
		q.AddWithOpts(priorityqueue.AddOpts{Priority: &priority}, reconcile.Request{NamespacedName: name})
	default:
		q.Add(reconcile.Request{NamespacedName: name})
	}
}
