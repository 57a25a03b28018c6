// SPDX-License-Identifier: Apache-2.0

package notification

import (
	"context"
	"fmt"

	"k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/voiceai-dev/integrations-operator/api/v1alpha1"
	"github.com/voiceai-dev/integrations-operator/internal/condition"
	"github.com/voiceai-dev/integrations-operator/internal/controller/kit"
	"github.com/voiceai-dev/integrations-operator/internal/index"
)

// redirect sends a message elsewhere that was refused where it should go, because its rule names another place since.
// A digest goes where the rules of all its members say. The status records the new place before anything is sent
// there, so that a later lookup searches there. It returns nil when the message stays where it is.
func (r *Reconciler) redirect(ctx context.Context, s *scope, rule *v1alpha1.NotificationRule) *kit.Outcome {
	n := s.notification
	place := placeOf(rule)
	if !isUndeliverable(n) || equality.Semantic.DeepEqual(place, n.Place()) {
		return nil
	}
	agreed, err := r.doMembersGoTo(ctx, n, place)
	if err != nil {
		return kit.OutcomeOf(err)
	}
	if !agreed {
		return nil
	}
	r.forget(s.key())
	n.Status.Redirected = &place
	n.Status.RefusedBy = ""
	n.Status.NextAttemptTime = nil
	return &kit.Outcome{Reason: v1alpha1.ReasonPending, Message: "The rule names another place now, where the message is sent next"}
}

// placeOf returns where a rule sends its messages.
func placeOf(rule *v1alpha1.NotificationRule) v1alpha1.NotificationPlace {
	return v1alpha1.NotificationPlace{IntegrationRef: rule.Spec.IntegrationRef.DeepCopy(), Channel: rule.Spec.Channel}
}

// doMembersGoTo reports whether the rules of a digest's members all name a place. A member whose rule is gone stays
// where it is, and the digest with it. A message that is no digest has no members.
func (r *Reconciler) doMembersGoTo(ctx context.Context, d *v1alpha1.Notification, place v1alpha1.NotificationPlace) (bool, error) {
	members, err := r.unsentMembers(ctx, d)
	if err != nil {
		return false, err
	}
	for _, n := range members {
		rule := &v1alpha1.NotificationRule{}
		err := r.Client.Get(ctx, types.NamespacedName{Namespace: n.Namespace, Name: n.Spec.Rule.Name}, rule)
		if client.IgnoreNotFound(err) != nil {
			return false, fmt.Errorf("reading NotificationRule %s: %w", n.Spec.Rule.Name, err)
		}
		if string(rule.UID) != n.Spec.Rule.UID || !equality.Semantic.DeepEqual(placeOf(rule), place) {
			return false, nil
		}
	}
	return true, nil
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

// enqueueUndeliverable enqueues the Notifications of a rule whose spec changed that could not be delivered, and such
// digests, which may have members of the rule.
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
		if n := &list.Items[i]; (isDigest(n) || n.Spec.Rule.UID == string(o.GetUID())) && isUndeliverable(n) {
			out = append(out, reconcile.Request{NamespacedName: client.ObjectKeyFromObject(n)})
		}
	}
	return out
}
