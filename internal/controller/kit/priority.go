// SPDX-License-Identifier: Apache-2.0

package kit

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

// BehindNew is the priority of reconciles that only record what was done. New objects come first: when much happens
// at once, people are notified first and statuses follow. What is idle when the operator starts comes last
// (handler.LowPriority).
const BehindNew = -10

// RequeueBehindNew returns a result that requeues after a while, behind what is new then. An enqueue before that may
// raise its priority: the queue never lowers it.
func RequeueBehindNew(after time.Duration) ctrl.Result {
	return ctrl.Result{RequeueAfter: after, Priority: new(BehindNew)}
}

// HandleBehindNew returns a handler whose requests come behind what is new.
func HandleBehindNew(h handler.EventHandler) handler.EventHandler { return behindNew{h} }

type behindNew struct{ handler.EventHandler }

type requestQueue = workqueue.TypedRateLimitingInterface[reconcile.Request]

func (h behindNew) Create(ctx context.Context, e event.CreateEvent, q requestQueue) {
	h.EventHandler.Create(ctx, e, lowered(q))
}

func (h behindNew) Update(ctx context.Context, e event.UpdateEvent, q requestQueue) {
	h.EventHandler.Update(ctx, e, lowered(q))
}

func (h behindNew) Delete(ctx context.Context, e event.DeleteEvent, q requestQueue) {
	h.EventHandler.Delete(ctx, e, lowered(q))
}

func (h behindNew) Generic(ctx context.Context, e event.GenericEvent, q requestQueue) {
	h.EventHandler.Generic(ctx, e, lowered(q))
}

// lowered returns a queue that adds requests without a priority behind what is new.
func lowered(q requestQueue) requestQueue {
	if p, ok := q.(priorityqueue.PriorityQueue[reconcile.Request]); ok {
		return loweredQueue{p}
	}
	return q
}

type loweredQueue struct {
	priorityqueue.PriorityQueue[reconcile.Request]
}

func (q loweredQueue) Add(r reconcile.Request) { q.AddWithOpts(priorityqueue.AddOpts{}, r) }

func (q loweredQueue) AddWithOpts(o priorityqueue.AddOpts, requests ...reconcile.Request) {
	if o.Priority == nil {
		o.Priority = new(BehindNew)
	}
	q.PriorityQueue.AddWithOpts(o, requests...)
}
