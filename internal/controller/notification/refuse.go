// SPDX-License-Identifier: Apache-2.0

package notification

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/predicate"

	"github.com/voiceai-dev/integrations-operator/api/v1alpha1"
	"github.com/voiceai-dev/integrations-operator/internal/condition"
	"github.com/voiceai-dev/integrations-operator/internal/connection"
	"github.com/voiceai-dev/integrations-operator/internal/controller/kit"
	"github.com/voiceai-dev/integrations-operator/internal/fault"
)

// refuse gives a message up whose attempts are used up: each may have had an effect, so that another one does harm. It
// returns nil while the failure allows more attempts. The status keeps with what the message was refused, so that a
// restart does not send it again.
func (r *Reconciler) refuse(s *scope, err error) *kit.Outcome {
	f := fault.From(err)
	status := &s.notification.Status
	if f.MaxAttempts == 0 || int(status.Attempts) < f.MaxAttempts {
		return nil
	}
	status.NextAttemptTime = nil
	status.RefusedBy = r.version(s)
	return &kit.Outcome{Progress: condition.Stalled, Reason: v1alpha1.ReasonRejected, Message: f.Error()}
}

// isRefused reports whether the message was given up, and neither the integration nor its Secret changed since. When
// one of them does, the integration enqueues the message once the credentials are accepted.
func (r *Reconciler) isRefused(s *scope) bool {
	by := s.notification.Status.RefusedBy
	now := r.version(s)
	return by != "" && (now == "" || now == by)
}

// sendOperation returns the operation of the call that sends the message. It is another one for a message that was
// given up: an answer from before does not count.
func (r *Reconciler) sendOperation(s *scope) connection.Operation {
	if s.notification.Status.RefusedBy == "" {
		return connection.Operation{Name: "send"}
	}
	return connection.Operation{Name: "send/" + r.version(s)}
}

// refuseAnswered gives the message up if the answer to its last call was such, unless that ended in doubt, which is
// recorded first.
func (r *Reconciler) refuseAnswered(s *scope) *kit.Outcome {
	lane := r.lane(s)
	a, ok := lane.Peek(s.key(), s.notification.UID)
	if !ok || a.Err == nil || fault.Is(a.Err, fault.Ambiguous) || lane.Operation(s.key(), s.notification.UID) != r.sendOperation(s) {
		return nil
	}
	s.countAttempts(a)
	return r.refuse(s, a.Err)
}

// version returns what the integration's client was made from; empty before there is one.
func (r *Reconciler) version(s *scope) string {
	return r.Slack.Get(client.ObjectKeyFromObject(s.integration)).Version()
}

// authenticated lets an update pass by which an integration's credentials become accepted.
func authenticated() predicate.Predicate {
	is := func(o client.Object) bool {
		return condition.Is(o.(*v1alpha1.SlackIntegration), v1alpha1.ConditionAuthenticated, metav1.ConditionTrue, "")
	}
	return predicate.Funcs{
		CreateFunc:  func(event.CreateEvent) bool { return false },
		UpdateFunc:  func(e event.UpdateEvent) bool { return !is(e.ObjectOld) && is(e.ObjectNew) },
		DeleteFunc:  func(event.DeleteEvent) bool { return false },
		GenericFunc: func(event.GenericEvent) bool { return false },
	}
}
