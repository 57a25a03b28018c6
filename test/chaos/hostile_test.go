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
	t.Cleanup(func() {
		if err := limit.Remove(); err != nil {
			t.Error(err)
		}
	})
	operator := w.startWithin(limit, "--call-timeout=10m")
	w.poll("connections to be held", func() bool { return h.Holding() > 8 })
	w.addJira()
	w.addSlack(nil)
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
	if h.Holding() <= 8 || h.Callers() == 2*hostileEach {
		t.Errorf("%d connections are held and %d integrations have called: the test does not show that the neighbour need not wait",
			h.Holding(), h.Callers())
	}
	w.checkMemory(limit, operator)
	operator.Kill()
	operator = w.startWithin(limit, "--call-timeout=2s")
	w.poll("every hostile integration to be probed", func() bool { return h.Callers() == 2*hostileEach })
	w.checkMemory(limit, operator)
}

// startWithin starts an operator within a memory limit.
func (w *world) startWithin(limit *stage.MemoryLimit, flags ...string) *stage.Process {
	w.t.Helper()
	w.replicas++
	p, err := limit.Operator(context.Background(), testbed, fmt.Sprintf("%s-%d", w.namespace, w.replicas), flags...)
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(p.Kill)
	return p
}

// checkMemory checks that an operator knows its limit and has kept to it.
func (w *world) checkMemory(limit *stage.MemoryLimit, operator *stage.Process) {
	w.t.Helper()
	log, err := os.ReadFile(filepath.Join(testbed.Dir, operator.Name+".log"))
	if want := fmt.Sprintf(`"GOMEMLIMIT":%d`, memoryLimit*9/10); err != nil || !strings.Contains(string(log), want) {
		w.t.Errorf("the operator did not log %s (%v)", want, err)
	}
	if limit.Exceeded(operator) {
		w.t.Error("the operator used more memory than its container has")
	}
	w.t.Logf("peak %.0f MB, RSS %.0f MB, control group %q", limit.Peak(operator), operator.Usage().RSS, limit.Dir)
}

// poll waits until a condition is true. It fails if the operator ends.
func (w *world) poll(what string, isTrue func() bool) {
	w.t.Helper()
	if err := testbed.Poll(w.t.Context(), what, func() (bool, error) { return isTrue(), nil }); err != nil {
		w.t.Fatal(err)
	}
}
