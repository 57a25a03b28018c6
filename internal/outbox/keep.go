// SPDX-License-Identifier: Apache-2.0

package outbox

import (
	"context"
	"fmt"
	"slices"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/voiceai-dev/integrations-operator/api/v1alpha1"
	"github.com/voiceai-dev/integrations-operator/internal/event"
)

// KeptSince returns the time from which the retention of a Notification counts: its creation, or when its event last
// arrived from outside.
func KeptSince(n *v1alpha1.Notification) time.Time {
	created := n.CreationTimestamp.Time
	arrived, err := time.Parse(time.RFC3339, n.Annotations[v1alpha1.LastArrivedAtAnnotation])
	if err == nil && arrived.After(created) {
		return arrived
	}
	return created
}

// keepStored keeps the Notification of a rule and an event from outside, if the cache shows one.
func (o *Outbox) keepStored(ctx context.Context, r *v1alpha1.NotificationRule, e *event.Event) error {
	if !e.FromOutside || !slices.Contains(r.Spec.EventTypes, e.Type) {
		return nil
	}
	n := &v1alpha1.Notification{}
	err := o.Client.Get(ctx, types.NamespacedName{Namespace: r.Namespace, Name: NotificationName(r, e.ID)}, n)
	if err != nil { // no rule matched, or a user cancelled it
		return client.IgnoreNotFound(err)
	}
	return o.keep(ctx, n, e)
}

// keep records that the event of a Notification arrived again, so that the Notification is not removed while its
// sender repeats the event. It costs a call only after half the maximum event age.
func (o *Outbox) keep(ctx context.Context, n *v1alpha1.Notification, e *event.Event) error {
	now := o.Clock.Now()
	if !e.FromOutside || now.Sub(KeptSince(n)) < o.MaxEventAge/2 {
		return nil
	}
	before := n.DeepCopy()
	metav1.SetMetaDataAnnotation(&n.ObjectMeta, v1alpha1.LastArrivedAtAnnotation, now.UTC().Format(time.RFC3339))
	if err := o.Client.Patch(ctx, n, client.MergeFrom(before)); client.IgnoreNotFound(err) != nil {
		return fmt.Errorf("keeping Notification %s/%s: %w", n.Namespace, n.Name, err)
	}
	return nil
}
