package chaos_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
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

// hostile is a server that sends a part of an answer to every call, or much more than a client wants, and then holds the
// connection.
type hostile struct {
	*httptest.Server
	// holding is how many connections are held at the moment.
	holding atomic.Int64

	mu sync.Mutex
	// called has the integrations that called.
	called map[string]bool
}

func newHostile(t *testing.T) *hostile {
	t.Helper()
	h := &hostile{called: map[string]bool{}}
	h.Server = httptest.NewServer(h)
	h.Config.ErrorLog = nil
	t.Cleanup(func() {
		h.CloseClientConnections()
		h.Close()
	})
	return h
}

// ServeHTTP sends 8 MiB, or to every other integration nearly as much as a probe reads.
func (h *hostile) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	name := strings.Split(r.URL.Path, "/")[1]
	h.mu.Lock()
	h.called[name] = true
	blocks := 8 << 20 / 1024
	if len(h.called)%2 == 0 {
		blocks = 250
	}
	h.mu.Unlock()
	h.holding.Add(1)
	defer h.holding.Add(-1)
	block := []byte(strings.Repeat(" ", 1024))
	for range blocks {
		if _, err := w.Write(block); err != nil {
			return
		}
	}
	_ = http.NewResponseController(w).Flush()
	<-r.Context().Done()
}

// callers returns how many integrations have called.
func (h *hostile) callers() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return len(h.called)
}

// addIntegrations creates the hostile integrations in a namespace.
func (h *hostile) addIntegrations(w *world, namespace string) {
	w.t.Helper()
	w.create(&corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: namespace}})
	w.create(&corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "token"}, StringData: map[string]string{"token": "xoxb-hostile"},
	})
	token := v1alpha1.SecretKeyReference{Name: "token", Key: "token"}
	for n := range hostileEach {
		name := fmt.Sprintf("hostile-%d", n)
		meta := metav1.ObjectMeta{Namespace: namespace, Name: name}
		w.create(&v1alpha1.JiraIntegration{ObjectMeta: meta, Spec: v1alpha1.JiraIntegrationSpec{
			APIURL: v1alpha1.HTTPURL(h.URL + "/jira-" + name), ProjectKey: "HOSTILE", Bearer: &v1alpha1.JiraBearerAuth{TokenSecretRef: token},
		}})
		w.create(&v1alpha1.SlackIntegration{ObjectMeta: meta, Spec: v1alpha1.SlackIntegrationSpec{
			APIURL: v1alpha1.HTTPURL(h.URL + "/slack-" + name + "/api"), DefaultChannel: "#x", Bot: &v1alpha1.SlackBot{TokenSecretRef: token},
		}})
	}
}

// TestHostileServers runs the operator in the memory of its container beside servers that send much and hold the
// connection. It survives, and the integrations of another namespace are Ready while the connections are held.
func TestHostileServers(t *testing.T) {
	w := newWorld(t)
	h := newHostile(t)
	h.addIntegrations(w, w.namespace+"-neighbour")
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
	w.poll("connections to be held", func() bool { return h.holding.Load() > 8 })
	w.addJira()
	w.addSlack(nil)
	heldBefore := h.callers()
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
	if h.holding.Load() == 0 || h.callers() == 2*hostileEach {
		t.Errorf("%d connections are held and %d integrations have called: the test does not show that the neighbour need not wait",
			h.holding.Load(), h.callers())
	}
	t.Logf("%d hostile integrations had called before the neighbour's were created, %d when they were Ready", heldBefore, h.callers())
	w.poll("every hostile integration to be probed", func() bool { return h.callers() == 2*hostileEach })
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
