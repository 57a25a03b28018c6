// SPDX-License-Identifier: Apache-2.0

// Package chaos_test runs the operator as a process between a real API server and the sandbox. The tests kill and
// freeze it and drop the answers to its calls, then check what the sandbox received: one ticket for each Defect, and
// none missing.
package chaos_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/voiceai-dev/integrations-operator/api/v1alpha1"
	"github.com/voiceai-dev/integrations-operator/hack/stage"
	"github.com/voiceai-dev/integrations-operator/internal/sandbox"
	"github.com/voiceai-dev/integrations-operator/internal/sandbox/jira"
	"github.com/voiceai-dev/integrations-operator/internal/sandbox/slack"
)

const (
	// searchLag is how long Jira's search lags behind.
	searchLag = time.Second
	// settleSeconds is the integration's settle time, which is longer than searchLag.
	settleSeconds = 2
	leaseDuration = 3 * time.Second
)

var (
	config  *rest.Config
	cluster client.Client
	testbed *stage.Stage
)

func TestMain(m *testing.M) { os.Exit(run(m)) }

func run(m *testing.M) int {
	if os.Getenv("KUBEBUILDER_ASSETS") == "" {
		fmt.Println("KUBEBUILDER_ASSETS is not set. " +
			"Run make test, or run make controlplane and set it to the absolute path of bin/k8s.")
		return 1
	}
	dir, err := os.MkdirTemp("", "chaos")
	if err != nil {
		panic(err)
	}
	defer func() { _ = os.RemoveAll(dir) }()
	build := exec.Command("go", "build", "-o", dir, "./cmd/operator")
	build.Dir = filepath.Join("..", "..")
	if out, err := build.CombinedOutput(); err != nil {
		panic(fmt.Sprintf("building the operator: %v: %s", err, out))
	}
	testbed = &stage.Stage{Dir: dir, Root: build.Dir, Bin: dir}
	defer func() {
		if err := testbed.Stop(); err != nil {
			fmt.Println(err)
		}
	}()
	if config, err = testbed.ControlPlane(); err != nil {
		panic(err)
	}
	scheme := runtime.NewScheme()
	if err := clientgoscheme.AddToScheme(scheme); err != nil {
		panic(err)
	}
	if err := v1alpha1.AddToScheme(scheme); err != nil {
		panic(err)
	}
	if cluster, err = client.New(config, client.Options{Scheme: scheme}); err != nil {
		panic(err)
	}
	return m.Run()
}

// A world is a namespace with a Jira and a Slack of its own.
type world struct {
	t         *testing.T
	namespace string
	jira      *jira.Site
	slack     *slack.Workspace
	server    *httptest.Server
	// onCall is called at each moment of each call that creates a ticket or posts a message. It reports whether the
	// connection breaks at that moment.
	onCall atomic.Pointer[func(n int64, m moment) bool]
	// calls is the number of such calls.
	calls atomic.Int64
	// onAnswer is called when a person is answered by response URL. The connection breaks then.
	onAnswer atomic.Pointer[func()]
	defects  int
	replicas int
}

// A moment is a stage of a call.
type moment string

const (
	// arrived means that the call has arrived and has not been carried out.
	arrived moment = "arrived"
	// done means that the call has been carried out and not been answered.
	done moment = "done"
	// answered means that the answer has been sent. The operator may have read and recorded it, or not.
	answered moment = "answered"
)

// newWorld returns a world without integrations.
func newWorld(t *testing.T) *world {
	t.Helper()
	box := sandbox.New(sandbox.Options{Latency: 20 * time.Millisecond})
	box.Jira().SetSearchLag(searchLag)
	w := &world{
		t:         t,
		namespace: "chaos-" + strings.ToLower(strings.TrimPrefix(t.Name(), "Test")),
		jira:      box.Jira(),
		slack:     box.Slack(),
	}
	w.server = httptest.NewServer(w.breakConnections(box))
	w.server.Config.ErrorLog = nil
	t.Cleanup(func() {
		w.server.CloseClientConnections()
		w.server.Close()
	})
	w.create(&corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: w.namespace}})
	return w
}

// breakConnections wraps the sandbox to break connections where onCall asks for it.
func (w *world) breakConnections(box http.Handler) http.Handler {
	return http.HandlerFunc(func(out http.ResponseWriter, r *http.Request) {
		isTicket := strings.HasSuffix(r.URL.Path, "/rest/api/2/issue")
		isMessage := strings.HasSuffix(r.URL.Path, "/chat.postMessage")
		if onAnswer := w.onAnswer.Load(); onAnswer != nil && strings.HasPrefix(r.URL.Path, slack.ResponsePath) {
			(*onAnswer)()
			panic(http.ErrAbortHandler)
		}
		if r.Method != http.MethodPost || !isTicket && !isMessage {
			box.ServeHTTP(out, r)
			return
		}
		n := w.calls.Add(1)
		maybeBreak := func(m moment) {
			if onCall := w.onCall.Load(); onCall != nil && (*onCall)(n, m) {
				panic(http.ErrAbortHandler)
			}
		}
		maybeBreak(arrived)
		answer := httptest.NewRecorder()
		box.ServeHTTP(answer, r)
		maybeBreak(done)
		out.Header().Set("Content-Type", answer.Header().Get("Content-Type"))
		out.WriteHeader(answer.Code)
		_, _ = out.Write(answer.Body.Bytes())
		_ = http.NewResponseController(out).Flush()
		maybeBreak(answered)
	})
}

// newJiraWorld returns a world with a JiraIntegration that creates a ticket for every Defect.
func newJiraWorld(t *testing.T) *world {
	t.Helper()
	w := newWorld(t)
	w.addJira()
	return w
}

func (w *world) addJira() {
	w.t.Helper()
	w.createSecret("jira", jira.BotToken)
	w.create(&v1alpha1.JiraIntegration{
		ObjectMeta: w.meta("jira"),
		Spec: v1alpha1.JiraIntegrationSpec{
			Default:             true,
			APIURL:              v1alpha1.HTTPURL(w.server.URL + sandbox.JiraPath),
			ProjectKey:          jira.VoiceProject,
			SettleSeconds:       settleSeconds,
			PollIntervalSeconds: 86_400, // a poll is a search too, and would be counted
			Basic: &v1alpha1.JiraBasicAuth{
				Username:       jira.BotUser,
				TokenSecretRef: v1alpha1.SecretKeyReference{Name: "jira", Key: "token"},
			},
			AutoCreate: &v1alpha1.JiraAutoCreate{Enabled: true},
		},
	})
}

// newSlackWorld returns a world with a SlackIntegration and a rule that matches every new Defect.
func newSlackWorld(t *testing.T, limit *v1alpha1.SlackRateLimit) *world {
	t.Helper()
	w := newWorld(t)
	w.addSlack(limit)
	return w
}

func (w *world) addSlack(limit *v1alpha1.SlackRateLimit) {
	w.t.Helper()
	w.createSecret("slack", slack.BotToken)
	w.create(&v1alpha1.SlackIntegration{
		ObjectMeta: w.meta("slack"),
		Spec: v1alpha1.SlackIntegrationSpec{
			Default:        true,
			APIURL:         v1alpha1.HTTPURL(w.server.URL + sandbox.SlackAPIPath),
			DefaultChannel: slack.AlertsChannel,
			RateLimit:      limit,
			Bot:            &v1alpha1.SlackBot{TokenSecretRef: v1alpha1.SecretKeyReference{Name: "slack", Key: "token"}},
		},
	})
	w.create(&v1alpha1.NotificationRule{
		ObjectMeta: w.meta("all"),
		Spec:       v1alpha1.NotificationRuleSpec{EventTypes: []v1alpha1.EventType{v1alpha1.EventDefectCreated}},
	})
}

func (w *world) meta(name string) metav1.ObjectMeta {
	return metav1.ObjectMeta{Namespace: w.namespace, Name: name}
}

func (w *world) createSecret(name, token string) {
	w.t.Helper()
	w.create(&corev1.Secret{ObjectMeta: w.meta(name), StringData: map[string]string{"token": token}})
}

func (w *world) create(o client.Object) {
	w.t.Helper()
	if err := cluster.Create(w.t.Context(), o); err != nil {
		w.t.Fatal(err)
	}
}

// patch changes an object.
func (w *world) patch(o client.Object, change func()) {
	w.t.Helper()
	if err := cluster.Get(w.t.Context(), client.ObjectKeyFromObject(o), o); err != nil {
		w.t.Fatal(err)
	}
	before := o.DeepCopyObject().(client.Object)
	change()
	if err := cluster.Patch(w.t.Context(), o, client.MergeFrom(before)); err != nil {
		w.t.Fatal(err)
	}
}

// createDefects creates n Defects.
func (w *world) createDefects(n int) {
	w.t.Helper()
	for range n {
		w.defects++
		w.create(&v1alpha1.Defect{
			ObjectMeta: w.meta(fmt.Sprintf("defect-%d", w.defects)),
			Spec: v1alpha1.DefectSpec{
				Title:    fmt.Sprintf("Defect %d", w.defects),
				Severity: v1alpha1.SeverityHigh,
			},
		})
	}
}

// startOperator starts a replica of the operator.
func (w *world) startOperator(flags ...string) *stage.Process {
	w.t.Helper()
	w.replicas++
	name := fmt.Sprintf("%s-%d", w.namespace, w.replicas)
	p, err := testbed.Operator(context.Background(), name, nil, append([]string{"--call-timeout=2s"}, flags...)...)
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(p.Kill)
	return p
}

// startReplica starts a replica that takes part in leader election.
func (w *world) startReplica() *stage.Process {
	w.t.Helper()
	return w.startOperator(
		"--leader-elect",
		"--leader-election-namespace="+w.namespace,
		"--lease-duration="+leaseDuration.String(),
	)
}

// signal sends a signal to a replica.
func (w *world) signal(p *stage.Process, s syscall.Signal) {
	w.t.Helper()
	if err := p.Signal(s); err != nil {
		w.t.Fatal(err)
	}
}
