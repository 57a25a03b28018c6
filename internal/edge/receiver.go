// SPDX-License-Identifier: Apache-2.0

package edge

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"

	"github.com/go-logr/logr"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/lru"
	ctrl "sigs.k8s.io/controller-runtime"
)

const (
	// maxDelivered bounds how many deliveries a route remembers, so that they are not handled twice.
	maxDelivered = 4096
	// maxNamespace bounds the name of a namespace in Kubernetes.
	maxNamespace = 63
	// maxName bounds the name of a custom resource in Kubernetes.
	maxName = 253

	// busyRetryAfter, in seconds, is when a client may return for which there was no room.
	busyRetryAfter = "5"
	// failedRetryAfter, in seconds, is when a client may repeat a request that failed.
	failedRetryAfter = "30"
)

// receiver serves one route.
type receiver struct {
	route Route
	// intake reads the bodies of all routes.
	intake *intake
	// slots holds a value for each verified request that is being handled.
	slots chan struct{}
	// delivered holds the deliveryKey of each delivery that was handled.
	delivered *lru.Cache
}

// deliveryKey identifies a delivery among all of a route.
type deliveryKey struct {
	integration types.UID
	id          string
}

// outcome is the answer to a request and the result under which it is counted.
type outcome struct {
	status int
	result Result
	body   json.RawMessage
	// retryAfter, in seconds, is when the client may repeat the request; empty if it need not.
	retryAfter string
}

var (
	// failedNow is the outcome of a request that could not be handled, and that its client should repeat.
	failedNow = outcome{status: http.StatusServiceUnavailable, result: failed, retryAfter: failedRetryAfter}
	// busyNow is the outcome of a request for which there is no room.
	busyNow = outcome{status: http.StatusServiceUnavailable, result: failed, retryAfter: busyRetryAfter}
)

func newReceiver(r Route, in *intake) *receiver {
	if !r.Limits.complete() {
		panic(fmt.Sprintf("edge: the route %s %s has no limits", r.Method, r.Path))
	}
	initialize(r.Source)
	slots := make(chan struct{}, r.Limits.InProgress)
	return &receiver{route: r, intake: in, slots: slots, delivered: lru.New(maxDelivered)}
}

// ServeHTTP answers 200 when a request was handled, now or before, or needs no handling; 401, always in the same way,
// to a client that has not signed it; 413, 408 or 400 to a body that is too long, too slow or malformed; and 503 when
// the client should repeat it.
func (rc *receiver) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	out := rc.receive(w, r)
	record(rc.route.Source, out.result)
	if out.status == http.StatusUnauthorized { // in any case, as these are answered alike
		w.Header().Set("Connection", "close")
	}
	if out.retryAfter != "" {
		w.Header().Set("Retry-After", out.retryAfter)
	}
	if out.body != nil {
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write(out.body) // a client that is gone learns nothing
		return
	}
	writeStatus(w, out.status)
}

// receive reads, verifies and handles a request.
func (rc *receiver) receive(w http.ResponseWriter, r *http.Request) outcome {
	log := ctrl.LoggerFrom(r.Context())
	request := Request{Header: r.Header}
	if namespace, name := r.PathValue("namespace"), r.PathValue("name"); len(namespace) <= maxNamespace && len(name) <= maxName {
		request.Integration = types.NamespacedName{Namespace: namespace, Name: name}
		log = log.WithValues(rc.route.Kind, request.Integration)
	}
	if r.ContentLength > rc.route.Limits.BodyBytes {
		return refuse(log, http.StatusRequestEntityTooLarge, errTooLong.Error())
	}
	if err := rc.route.Verifier.CheckHeader(r.Header); err != nil {
		return refuse(log, http.StatusUnauthorized, err.Error())
	}
	body, arrived, err := rc.intake.readBody(w, r, int(rc.route.Limits.BodyBytes))
	if err != nil {
		return refuseBody(log, err)
	}
	defer rc.intake.release(arrived)
	request.Body = body

	ctx, cancel := context.WithTimeout(ctrl.LoggerInto(r.Context(), log), rc.route.Limits.HandlingTime)
	defer cancel()
	from, err := rc.route.Verifier.Verify(ctx, request)
	var refusal *Refusal
	switch {
	case errors.As(err, &refusal):
		return refuse(log, http.StatusUnauthorized, refusal.Reason)
	case err != nil: // any client can cause this line, so it is not an error in the log
		log.V(1).Info("Webhook could not be verified", "Reason", err.Error())
		return failedNow
	}
	return rc.handle(ctx, from, request.Body)
}

// handle passes a verified request to the route's Handler, unless that has handled it before.
func (rc *receiver) handle(ctx context.Context, from Origin, body []byte) outcome {
	log := ctrl.LoggerFrom(ctx)
	key := deliveryKey{integration: from.Integration.GetUID(), id: from.DeliveryID}
	if _, ok := rc.delivered.Get(key); ok && key.id != "" {
		return outcome{status: http.StatusOK, result: repeated}
	}
	select {
	case rc.slots <- struct{}{}: // only signed requests get here, so that strangers cannot take the slots
		defer func() { <-rc.slots }()
	default:
		return busyNow
	}
	response, err := rc.route.Handler.Handle(ctx, from, body)
	var refusal *Refusal
	switch {
	case errors.As(err, &refusal):
		return refuse(log, http.StatusBadRequest, refusal.Reason)
	case err != nil:
		log.Error(err, "Webhook could not be handled; its sender repeats it")
		return failedNow
	}
	if key.id != "" {
		rc.delivered.Add(key, struct{}{}) // only now: a delivery that failed is handled when it is repeated
	}
	return outcome{status: http.StatusOK, result: response.Result, body: response.Body}
}

func refuse(log logr.Logger, status int, reason string) outcome {
	log.V(1).Info("Webhook refused", "Status", status, "Reason", reason)
	return outcome{status: status, result: refused}
}

// refuseBody returns the outcome of a request whose body did not arrive.
func refuseBody(log logr.Logger, err error) outcome {
	switch {
	case errors.Is(err, errEvicted), errors.Is(err, errNoRoom):
		log.V(1).Info("Webhook put off", "Reason", err.Error())
		return busyNow
	case errors.Is(err, errTooSlow):
		return refuse(log, http.StatusRequestTimeout, err.Error())
	case errors.Is(err, errTooLong):
		return refuse(log, http.StatusRequestEntityTooLarge, err.Error())
	}
	return refuse(log, http.StatusBadRequest, "the body did not arrive in full")
}
