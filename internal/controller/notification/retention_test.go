// SPDX-License-Identifier: Apache-2.0

package notification

import (
	"testing"
	"testing/synctest"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	ctrl "sigs.k8s.io/controller-runtime"

	"github.com/voiceai-dev/integrations-operator/api/v1alpha1"
	"github.com/voiceai-dev/integrations-operator/internal/condition"
)

// TestRetention makes sure that a Notification is removed some time after it was created, or its event last arrived.
func TestRetention(t *testing.T) {
	const retention = 48 * time.Hour
	for name, c := range map[string]struct {
		// arrivedAfter is when the event arrived again.
		arrivedAfter time.Duration
		settled      bool
		want         time.Duration
	}{
		"delivered":                       {0, true, retention},
		"not delivered":                   {0, false, retention},
		"delivered, and arrived again":    {30 * time.Hour, true, 78 * time.Hour},
		"not delivered and arrived again": {30 * time.Hour, false, 78 * time.Hour},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				d := newDelivering(t, v1alpha1.SlackIntegrationSpec{Webhook: &v1alpha1.SlackWebhook{}})
				n := &v1alpha1.Notification{}
				if err := d.client.Get(t.Context(), theNotification, n); err != nil {
					t.Fatal(err)
				}
				created := n.CreationTimestamp.Time
				if c.arrivedAfter > 0 {
					metav1.SetMetaDataAnnotation(&n.ObjectMeta, v1alpha1.LastArrivedAtAnnotation,
						created.Add(c.arrivedAfter).Format(time.RFC3339))
				}
				if err := d.client.Update(t.Context(), n); err != nil {
					t.Fatal(err)
				}
				if c.settled {
					condition.True(n, v1alpha1.ConditionDelivered, v1alpha1.ReasonSent, "Slack accepted the message")
					condition.Ready(n, v1alpha1.ReasonDelivered, "Slack accepted the message")
					if err := d.client.Status().Update(t.Context(), n); err != nil {
						t.Fatal(err)
					}
				}
				for { // reconcile whenever it asks for it
					result, err := d.Reconcile(t.Context(), ctrl.Request{NamespacedName: theNotification})
					if err != nil {
						t.Fatal(err)
					}
					if apierrors.IsNotFound(d.client.Get(t.Context(), theNotification, n)) {
						break
					}
					if result.RequeueAfter <= 0 {
						t.Fatalf("after %s it is never reconciled again: %+v", time.Since(created), n.Status)
					}
					time.Sleep(result.RequeueAfter)
				}
				if got := time.Since(created); got < c.want || got > c.want+time.Second {
					t.Errorf("removed after %s, want %s", got, c.want)
				}
			})
		})
	}
}
