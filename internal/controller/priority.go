package controller

import (
	"context"
	"time"

	"k8s.io/client-go/util/workqueue"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/controller/priorityqueue"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
)

// BehindNew is the priority of writing down what was done. It comes after doing what is new: when much happens at once people hear of it first,
// and statuses follow. What is at rest when the operator starts comes after both (handler.LowPriority).
const BehindNew = -10

// requeueBehindNew has an object reconciled after a while, and after what is new then. Who adds it to the queue meanwhile may raise it: an object that waits
// with a priority never loses it.
func requeueBehindNew(after time.Duration) ctrl.Result {
	return ctrl.Result{RequeueAfter: after, Priority: new(BehindNew)}
}

// behindNew is a handler whose requests come after what is new.
func behindNew(h handler.EventHandler) handler.EventHandler { return following{h} }

type following struct{ handler.EventHandler }

type requestQueue = workqueue.TypedRateLimitingInterface[reconcile.Request]

func (f following) Create(ctx context.Context, e event.CreateEvent, q requestQueue) {
	f.EventHandler.Create(ctx, e, behind(q))
}

func (f following) Update(ctx context.Context, e event.UpdateEvent, q requestQueue) {
	f.EventHandler.Update(ctx, e, behind(q))
}

func (f following) Delete(ctx context.Context, e event.DeleteEvent, q requestQueue) {
	f.EventHandler.Delete(ctx, e, behind(q))
}

func (f following) Generic(ctx context.Context, e event.GenericEvent, q requestQueue) {
	f.EventHandler.Generic(ctx, e, behind(q))
}

// behind is a queue at whose end requests are put that come without a priority.
func behind(q requestQueue) requestQueue {
	if p, ok := q.(priorityqueue.PriorityQueue[reconcile.Request]); ok {
		return lowered{p}
	}
	return q
}

type lowered struct {
	priorityqueue.PriorityQueue[reconcile.Request]
}

func (l lowered) Add(r reconcile.Request) { l.AddWithOpts(priorityqueue.AddOpts{}, r) }

func (l lowered) AddWithOpts(o priorityqueue.AddOpts, requests ...reconcile.Request) {
	if o.Priority == nil {
		o.Priority = new(BehindNew)
	}
	l.PriorityQueue.AddWithOpts(o, requests...)
}
