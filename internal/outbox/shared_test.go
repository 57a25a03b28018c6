// SPDX-License-Identifier: Apache-2.0

package outbox_test

import (
	"context"
	"reflect"
	"testing"

	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	"github.com/voiceai-dev/integrations-operator/api/v1alpha1"
	"github.com/voiceai-dev/integrations-operator/internal/event"
)

// TestStoringLeavesTheRuleAlone makes sure that a Notification shares no memory with the rule, which is the cache's, or
// the event: the client decodes the API server's answer into the Notification while others read the rule.
func TestStoringLeavesTheRuleAlone(t *testing.T) {
	cached := ruleFor("a", v1alpha1.EventTestRunCompleted)
	cached.Spec.IntegrationRef = &v1alpha1.IntegrationReference{Namespace: "team", Name: "slack"}
	e := runEvent("e", now)
	e.Labels = map[string]string{v1alpha1.SuiteLabel: "smoke"}
	e.Data = map[string]any{"suite": "smoke"}
	wantRule := cached.DeepCopy()
	wantSubject := *e.Subject
	w := newWorld(t)
	box := w.outbox()
	box.Client = interceptor.NewClient(w.Client.(client.WithWatch), interceptor.Funcs{
		List: func(_ context.Context, _ client.WithWatch, l client.ObjectList, _ ...client.ListOption) error {
			l.(*v1alpha1.NotificationRuleList).Items = []v1alpha1.NotificationRule{*cached} // as the cache does without a copy
			return nil
		},
		Create: func(_ context.Context, _ client.WithWatch, o client.Object, _ ...client.CreateOption) error {
			n := o.(*v1alpha1.Notification)
			*n.Spec.IntegrationRef = v1alpha1.IntegrationReference{Name: "decoded"}
			*n.Spec.Event.Subject = v1alpha1.EventSubject{Kind: event.KindJob, Name: "decoded"}
			n.Spec.Event.Labels[v1alpha1.SuiteLabel] = "decoded"
			n.Labels[v1alpha1.SuiteLabel] = "decoded"
			copy(n.Spec.Event.Data.Raw, "decoded")
			return nil
		},
	})
	if created, _, err := box.Announce(t.Context(), "voice", e); len(created) != 1 || err != nil {
		t.Fatalf("created %v, %v", created, err)
	}
	if !reflect.DeepEqual(cached, wantRule) {
		t.Errorf("the rule is now %+v", cached.Spec)
	}
	if *e.Subject != wantSubject || e.Labels[v1alpha1.SuiteLabel] != "smoke" || e.Text("suite") != "smoke" {
		t.Errorf("the event is now %+v about %+v", e, e.Subject)
	}
}
