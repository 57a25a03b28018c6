package notification

import (
	"context"

	"k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/voiceai-dev/integrations-operator/api/v1alpha1"
	"github.com/voiceai-dev/integrations-operator/internal/condition"
	"github.com/voiceai-dev/integrations-operator/internal/controller/kit"
	"github.com/voiceai-dev/integrations-operator/internal/index"
)

// redirect sends a message elsewhere that was refused where it should go, because its rule names another place since.
// The status records the new place before anything is sent there, so that a later lookup searches there. It returns
// nil when the message stays where it is.
func (r *Reconciler) redirect(s *scope, rule *v1alpha1.NotificationRule) *kit.Outcome {
	n := s.notification
	place := v1alpha1.NotificationPlace{IntegrationRef: rule.Spec.IntegrationRef.DeepCopy(), Channel: rule.Spec.Channel}
	// A digest has members of several rules.
	if isDigest(n) || !isUndeliverable(n) || equality.Semantic.DeepEqual(place, n.Place()) {
		return nil
	}
	r.forget(s.key())
	n.Status.Redirected = &place
	n.Status.RefusedBy = ""
	n.Status.NextAttemptTime = nil
	return &kit.Outcome{Reason: v1alpha1.ReasonPending, Message: "The rule names another place now, where the message is sent next"}
}

// isUndeliverable reports whether the message was certainly not posted, and cannot be posted where it should go.
func isUndeliverable(n *v1alpha1.Notification) bool {
	c := condition.Get(n, v1alpha1.ConditionDelivered)
	if c == nil || c.Status != metav1.ConditionFalse || n.Status.UncertainSince != nil {
		return false
	}
	switch c.Reason {
	case v1alpha1.ReasonRejected, v1alpha1.ReasonIntegrationNotFound, v1alpha1.ReasonIntegrationNotAllowed,
		v1alpha1.ReasonIntegrationAmbiguous, v1alpha1.ReasonInvalidChannel:
		return true
	}
	return false
}

// enqueueUndeliverable enqueues the Notifications of a rule whose spec changed that could not be delivered.
func (r *Reconciler) enqueueUndeliverable(ctx context.Context, o client.Object) []reconcile.Request {
	list := &v1alpha1.NotificationList{}
	if err := r.Client.List(
		ctx, list, client.InNamespace(o.GetNamespace()), client.MatchingFields{index.NotificationByUndelivered: "true"},
	); err != nil {
		ctrl.LoggerFrom(ctx).Error(err, "Listing the undelivered Notifications", "NotificationRule", client.ObjectKeyFromObject(o))
		return nil
	}
	var out []reconcile.Request
	for i := range list.Items {
		if n := &list.Items[i]; n.Spec.Rule.UID == string(o.GetUID()) && isUndeliverable(n) {
			out = append(out, reconcile.Request{NamespacedName: client.ObjectKeyFromObject(n)})
		}
	}
	return out
}
