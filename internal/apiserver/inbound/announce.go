// SPDX-License-Identifier: Apache-2.0

package inbound

import (
	"context"
	"net/http"
	"sync"

	ctrl "sigs.k8s.io/controller-runtime"

	"github.com/voiceai-dev/integrations-operator/internal/apiserver/caller"
	"github.com/voiceai-dev/integrations-operator/internal/apiserver/problem"
	"github.com/voiceai-dev/integrations-operator/internal/event"
	"github.com/voiceai-dev/integrations-operator/internal/outbox"
)

// MaxAnnouncing bounds the events of one request that are announced at once.
const MaxAnnouncing = 32

// announcing is the announcement of the events of one request to the rules of a namespace.
type announcing struct {
	outbox    Outbox
	namespace string

	mu      sync.Mutex
	next    int
	created int
	// failure is the first error that concerns the other events too: no further ones are announced.
	failure error
	// forbidden is how many events a quota or a policy refused, and reason the first refusal.
	forbidden int
	reason    error
	// rejections are the problems of the events that the API server refused for their content.
	rejections []error
}

// announceAll announces the events of a batch side by side, and returns how many Notifications were created. An event
// that the API server refuses for its content counts as malformed.
func (r Routes) announceAll(ctx context.Context, namespace string, batch *event.Batch) (created int, err error) {
	a := &announcing{outbox: r.Outbox, namespace: namespace}
	events := distinct(batch.Events)
	var workers sync.WaitGroup
	for range min(MaxAnnouncing, len(events)) {
		workers.Go(func() {
			for e := a.take(events); e != nil; e = a.take(events) {
				a.announce(ctx, e)
			}
		})
	}
	workers.Wait()
	if a.created > 0 { // also when others failed
		ctrl.LoggerFrom(ctx).Info("Stored Notifications for a caller", "caller", caller.Of(ctx).GetName(),
			"namespace", namespace, "events", len(events), "notifications", a.created)
	}
	switch {
	case a.failure != nil:
		return 0, a.failure
	case a.forbidden > 0:
		ctrl.LoggerFrom(ctx).Error(a.reason, "A quota or a policy refuses Notifications", "Namespace", namespace, "Events", a.forbidden)
		return 0, problem.Temporary(http.StatusServiceUnavailable, 30,
			"the cluster refused the Notifications of %d of %d events: %v; the others are stored. "+
				"Change the quota or policy, and send all events again", a.forbidden, len(events), a.reason)
	case len(a.rejections) > 0 && len(a.rejections) == len(events):
		return 0, a.rejections[0]
	}
	for _, rejection := range a.rejections {
		batch.Refuse(rejection.Error())
	}
	return a.created, nil
}

// distinct returns the events of a list, each once.
func distinct(events []event.Event) []*event.Event {
	known := make(map[string]bool, len(events))
	out := make([]*event.Event, 0, len(events))
	for i := range events {
		if e := &events[i]; !known[e.ID] {
			known[e.ID] = true
			out = append(out, e)
		}
	}
	return out
}

// take returns the next event; nil when there is none, or the others would fail too.
func (a *announcing) take(events []*event.Event) *event.Event {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.failure != nil || a.next == len(events) {
		return nil
	}
	a.next++
	return events[a.next-1]
}

// announce announces one event and records the result.
func (a *announcing) announce(ctx context.Context, e *event.Event) {
	created, evalErrs, err := a.outbox.Announce(ctx, a.namespace, e)
	if evalErrs != nil { // the caller can do nothing about a rule
		ctrl.LoggerFrom(ctx).Error(evalErrs, "Evaluating rules", "Event", e.ID, "Namespace", a.namespace)
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.created += len(created)
	switch {
	case err == nil:
	case outbox.IsForbidden(err):
		a.forbidden++
		if a.reason == nil {
			a.reason = err
		}
	case outbox.IsRejected(err):
		a.rejections = append(a.rejections, problem.From(ctx, err, "storing the Notifications of event "+e.ID))
	case a.failure == nil:
		a.failure = problem.From(ctx, err, "storing the Notifications of event "+e.ID)
	}
}
