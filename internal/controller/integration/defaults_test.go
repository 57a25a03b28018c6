package integration

import (
	"strings"
	"testing"
	"testing/synctest"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/voiceai-dev/integrations-operator/api/v1alpha1"
	"github.com/voiceai-dev/integrations-operator/internal/condition"
)

// TestSecondDefault checks that two default integrations of a namespace say so, and one that is left does not.
func TestSecondDefault(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t)
		warns := func() bool {
			t.Helper()
			i := c.reconcileSlack()
			return condition.Is(i, v1alpha1.ConditionHealthy, metav1.ConditionTrue, v1alpha1.ReasonDegraded) &&
				strings.Contains(condition.Get(i, v1alpha1.ConditionReady).Message, "the default too: other.")
		}
		other := slackIntegration("other")
		if warns() {
			t.Error("the only default integration warns")
		}
		if err := c.client.Create(t.Context(), other); err != nil {
			t.Fatal(err)
		}
		enqueue := enqueueDefaults(c.client, slackIntegrations)
		if got := enqueue(t.Context(), other); len(got) != 1 || got[0].NamespacedName != slackName {
			t.Errorf("another default integration enqueues %v, want slack", got)
		}
		for range 2 {
			if !warns() {
				t.Error("with another default integration: no warning")
			}
		}
		c.change(other, func() { other.Spec.Default = false })
		if warns() {
			t.Error("the other one is the default no more: still a warning")
		}
	})
}
