// SPDX-License-Identifier: Apache-2.0

package kit

import (
	"context"
	"sync"

	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller/priorityqueue"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
	"sigs.k8s.io/controller-runtime/pkg/source"
)

// Enqueuer enqueues objects of one kind when something outside Kubernetes changed. It never blocks; the zero value is
// ready for use.
type Enqueuer struct {
	// Priority is the priority of the objects enqueued, where the controller's queue has priorities; 0 is that of new
	// objects.
	Priority int

	mu    sync.Mutex
	queue requestQueue
}

// Source connects the Enqueuer to the queue of a controller.
func (e *Enqueuer) Source() source.Source {
	return source.Func(func(_ context.Context, q requestQueue) error {
		e.mu.Lock()
		defer e.mu.Unlock()
		e.queue = q
		return nil
	})
}

// Enqueue enqueues an object. It does nothing before the controller runs: when it starts, it reconciles everything.
func (e *Enqueuer) Enqueue(name types.NamespacedName) { e.add(name, e.Priority) }

// EnqueueFirst enqueues an object with the priority of new ones, however many others were enqueued before.
func (e *Enqueuer) EnqueueFirst(name types.NamespacedName) { e.add(name, 0) }

func (e *Enqueuer) add(name types.NamespacedName, priority int) {
	e.mu.Lock()
	defer e.mu.Unlock()
	switch q := e.queue.(type) {
	case nil:
	case priorityqueue.PriorityQueue[reconcile.Request]:
		q.AddWithOpts(priorityqueue.AddOpts{Priority: &priority}, reconcile.Request{NamespacedName: name})
	default:
		q.Add(reconcile.Request{NamespacedName: name})
	}
}

// Requests returns a request for each object.
func Requests[O client.Object](objects []O) []reconcile.Request {
	var out []reconcile.Request
	for _, o := range objects {
		out = append(out, reconcile.Request{NamespacedName: client.ObjectKeyFromObject(o)})
	}
	return out
}

// Pointers returns the items of a list as objects.
func Pointers[T any, P interface {
	*T
	client.Object
}](items []T) []client.Object {
	out := make([]client.Object, len(items))
	for i := range items {
		out[i] = P(&items[i])
	}
	return out
}
