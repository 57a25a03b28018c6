// SPDX-License-Identifier: Apache-2.0

package chaos_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/voiceai-dev/integrations-operator/api/v1alpha1"
	"github.com/voiceai-dev/integrations-operator/hack/stage"
	"github.com/voiceai-dev/integrations-operator/internal/condition"
)

const (
	// memoryLimit is the limit of config/manager/manager.yaml.
	memoryLimit = 256 << 20
	// hostileEach is how many hostile integrations there are of each kind.
	hostileEach = 75
)

// TestHostileServers runs the operator in the memory of its container beside servers that send much and hold the
// connection. It survives, and the integrations of another namespace are Ready while the connections are held.
func TestHostileServers(t *testing.T) {
	w := newWorld(t)
	h := stage.NewHostile()
	t.Cleanup(h.Stop)
	hostileNamespace := w.namespace + "-hostile"
	w.create(&corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: hostileNamespace}})
	if err := h.CreateIntegrations(t.Context(), cluster, hostileNamespace, hostileEach); err != nil {
		t.Fatal(err)
	}
	limit, err := stage.NewMemoryLimit(w.namespace, memoryLimit)
	if err != nil {
		t.Fatal(err)
	}
	operator, err := limit.Operator(context.Background(), testbed, w.namespace, "--call-timeout=2s")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		operator.Kill()
		if err := limit.Remove(); err != nil {
			t.Error(err)
		}
	})
	w.poll("connections to be held", func() bool { return h.Holding() > 8 })
	w.addJira()
	w.addSlack(nil)
	heldBefore := h.Callers()
	for _, i := range []interface {
		client.Object
		condition.Object
	}{&v1alpha1.JiraIntegration{ObjectMeta: w.meta("jira")}, &v1alpha1.SlackIntegration{ObjectMeta: w.meta("slack")}} {
		w.poll(i.GetName()+" to be Ready", func() bool {
			if err := cluster.Get(t.Context(), client.ObjectKeyFromObject(i), i); err != nil {
				t.Fatal(err)
			}
			return condition.Is(i, v1alpha1.ConditionReady, metav1.ConditionTrue, "")
		})
	}
	if h.Holding() == 0 || h.Callers() == 2*hostileEach {
		t.Errorf("%d connections are held and %d integrations have called: the test does not show that the neighbour need not wait",
			h.Holding(), h.Callers())
	}
	t.Logf("%d hostile integrations had called before the neighbour's were created, %d when they were Ready", heldBefore, h.Callers())
	w.poll("every hostile integration to be probed", func() bool { return h.Callers() == 2*hostileEach })
	log, err := os.ReadFile(filepath.Join(testbed.Dir, w.namespace+".log"))
	if want := fmt.Sprintf(`"GOMEMLIMIT":%d`, memoryLimit*9/10); err != nil || !strings.Contains(string(log), want) {
		t.Errorf("the operator did not log %s (%v)", want, err)
	}
	if limit.Exceeded(operator) {
		t.Error("the operator used more memory than its container has")
	}
	t.Logf("peak %.0f MB, RSS %.0f MB, control group %q", limit.Peak(operator), operator.Usage().RSS, limit.Dir)
}

// poll waits until a condition is true. It fails if the operator ends.
func (w *world) poll(what string, isTrue func() bool) {
	w.t.Helper()
	if err := testbed.Poll(w.t.Context(), what, func() (bool, error) { return isTrue(), nil }); err != nil {
		w.t.Fatal(err)
	}
}
