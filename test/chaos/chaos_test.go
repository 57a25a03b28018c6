// Package chaos_test runs the operator as a process between a real API server and the sandbox, and kills it, freezes
// it and drops its answers. What counts is what the other side received: one ticket for each Defect, none missing.
package chaos_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
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
	"github.com/voiceai-dev/integrations-operator/internal/condition"
	"github.com/voiceai-dev/integrations-operator/internal/sandbox"
	"github.com/voiceai-dev/integrations-operator/internal/sandbox/jira"
	"github.com/voiceai-dev/integrations-operator/internal/sandbox/slack"
)

// What the worlds of these tests have: a search that lags, and an operator that knows how much at most.
const (
	lag    = time.Second
	settle = 2 // seconds
	lease  = 3 * time.Second
)

var (
	config  *rest.Config
	cluster client.Client
	here    *stage.Stage
)

func TestMain(m *testing.M) { os.Exit(run(m)) }

func run(m *testing.M) int {
	if os.Getenv("KUBEBUILDER_ASSETS") == "" {
		fmt.Println("KUBEBUILDER_ASSETS is not set: run make controlplane, then set it to bin/k8s by its absolute path, or run make test")
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
	here = &stage.Stage{Dir: dir, Root: build.Dir, Bin: dir}
	defer func() {
		if err := here.Stop(); err != nil {
			fmt.Println(err)
		}
	}()
	if config, err = here.ControlPlane(); err != nil {
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

// world is a namespace with a Jira of its own, or with a Slack.
type world struct {
	t         *testing.T
	namespace string
	jira      *jira.Site
	slack     *slack.Workspace
	server    *httptest.Server
	// on is called at each moment of each call that creates a ticket or posts a message, and returns whether the
	// connection breaks there.
	on       atomic.Pointer[func(n int64, m moment) bool]
	calls    atomic.Int64
	defects  int
	replicas int
}

// moment of a call.
type moment string

const (
	arrived  moment = "arrived"  // and was not carried out
	done     moment = "done"     // and was not answered
	answered moment = "answered" // the operator may have read the answer, and written it down, or not
)

func newWorld(t *testing.T) *world {
	t.Helper()
	w := newBareWorld(t)
	w.addJira()
	return w
}

func (w *world) addJira() {
	w.t.Helper()
	w.create(
		&corev1.Secret{
			ObjectMeta: metav1.ObjectMeta{Namespace: w.namespace, Name: "jira"},
			StringData: map[string]string{"token": jira.BotToken},
		},
	)
	w.create(
		&v1alpha1.JiraIntegration{ObjectMeta: metav1.ObjectMeta{Namespace: w.namespace, Name: "jira"}, Spec: v1alpha1.JiraIntegrationSpec{
			Default:             true,
			APIURL:              v1alpha1.HTTPURL(w.server.URL + sandbox.JiraPath),
			ProjectKey:          jira.VoiceProject,
			SettleSeconds:       settle,
			PollIntervalSeconds: 86_400, // a poll is a search too, which is not what is counted here
			Basic: &v1alpha1.JiraBasicAuth{
				Username:       jira.BotUser,
				TokenSecretRef: v1alpha1.SecretKeyReference{Name: "jira", Key: "token"},
			},
			AutoCreate: &v1alpha1.JiraAutoCreate{Enabled: true},
		}},
	)
}

// newSlackWorld has no Jira, and a rule that tells of every Defect.
func newSlackWorld(t *testing.T, limit *v1alpha1.SlackRateLimit) *world {
	t.Helper()
	w := newBareWorld(t)
	w.addSlack(limit)
	return w
}

func (w *world) addSlack(limit *v1alpha1.SlackRateLimit) {
	w.t.Helper()
	w.create(
		&corev1.Secret{
			ObjectMeta: metav1.ObjectMeta{Namespace: w.namespace, Name: "slack"},
			StringData: map[string]string{"token": slack.BotToken},
		},
	)
	w.create(
		&v1alpha1.SlackIntegration{ObjectMeta: metav1.ObjectMeta{Namespace: w.namespace, Name: "slack"}, Spec: v1alpha1.SlackIntegrationSpec{
			Default: true, APIURL: v1alpha1.HTTPURL(w.server.URL + sandbox.SlackAPIPath), DefaultChannel: slack.AlertsChannel, RateLimit: limit,
			Bot: &v1alpha1.SlackBot{TokenSecretRef: v1alpha1.SecretKeyReference{Name: "slack", Key: "token"}},
		}},
	)
	w.create(&v1alpha1.NotificationRule{ObjectMeta: metav1.ObjectMeta{Namespace: w.namespace, Name: "all"},
		Spec: v1alpha1.NotificationRuleSpec{EventTypes: []v1alpha1.EventType{v1alpha1.EventDefectCreated}}})
}

func newBareWorld(t *testing.T) *world {
	t.Helper()
	box := sandbox.New(sandbox.Options{Latency: 20 * time.Millisecond})
	box.Jira().SetSearchLag(lag)
	w := &world{t: t, namespace: "chaos-" + strings.ToLower(strings.TrimPrefix(t.Name(), "Test")), jira: box.Jira(), slack: box.Slack()}
	w.server = httptest.NewServer(http.HandlerFunc(func(out http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodPost ||
			!strings.HasSuffix(r.URL.Path, "/rest/api/2/issue") && !strings.HasSuffix(r.URL.Path, "/chat.postMessage") {
			box.ServeHTTP(out, r)
			return
		}
		n := w.calls.Add(1)
		breaks := func(m moment) {
			if on := w.on.Load(); on != nil && (*on)(n, m) {
				panic(http.ErrAbortHandler)
			}
		}
		breaks(arrived)
		answer := httptest.NewRecorder()
		box.ServeHTTP(answer, r)
		breaks(done)
		out.Header().Set("Content-Type", answer.Header().Get("Content-Type"))
		out.WriteHeader(answer.Code)
		_, _ = out.Write(answer.Body.Bytes())
		_ = http.NewResponseController(out).Flush()
		breaks(answered)
	}))
	w.server.Config.ErrorLog = nil
	t.Cleanup(func() {
		w.server.CloseClientConnections()
		w.server.Close()
	})
	w.create(&corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: w.namespace}})
	return w
}

func (w *world) create(o client.Object) {
	w.t.Helper()
	if err := cluster.Create(w.t.Context(), o); err != nil {
		w.t.Fatal(err)
	}
}

// operator starts a replica.
func (w *world) operator(flags ...string) *stage.Process {
	w.t.Helper()
	w.replicas++
	p, err := here.Operator(context.Background(), fmt.Sprintf("%s-%d", w.namespace, w.replicas), nil, flags...)
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(p.Kill)
	return p
}

// find creates so many Defects.
func (w *world) find(n int) {
	w.t.Helper()
	for range n {
		w.defects++
		d := &v1alpha1.Defect{Spec: v1alpha1.DefectSpec{Title: fmt.Sprintf("Defect %d", w.defects), Severity: v1alpha1.SeverityHigh}}
		d.Namespace, d.Name = w.namespace, fmt.Sprintf("defect-%d", w.defects)
		w.create(d)
	}
}

// keys waits until so many Defects have a key, and returns them all.
func (w *world) keys(n int) map[string]string {
	w.t.Helper()
	var out map[string]string
	err := here.Poll(w.t.Context(), fmt.Sprintf("%d Defects to have a key", n), func() (bool, error) {
		list := &v1alpha1.DefectList{}
		if err := cluster.List(w.t.Context(), list, client.InNamespace(w.namespace)); err != nil {
			return false, err
		}
		out = map[string]string{}
		for _, d := range list.Items {
			if d.Status.Jira != nil && d.Status.Jira.Key != "" {
				out[d.Marker()] = d.Status.Jira.Key
			}
		}
		return len(out) >= n, nil
	})
	if err != nil {
		w.t.Fatalf("%v: %d have one, Jira has %d issues", err, len(out), len(w.jira.Issues()))
	}
	return out
}

// judge waits until every Defect has a key, and fails unless each has exactly one ticket, the one it says.
func (w *world) judge() {
	w.t.Helper()
	keys := w.keys(w.defects)
	byMarker := map[string][]string{}
	for _, i := range w.jira.Issues() {
		for _, l := range i.Labels {
			if strings.HasPrefix(l, "defect-") {
				byMarker[l] = append(byMarker[l], i.Key)
			}
		}
	}
	for marker, key := range keys {
		if got := byMarker[marker]; len(got) != 1 || got[0] != key {
			w.t.Errorf("%s says %s and has the tickets %v", marker, key, got)
		}
	}
	if n := len(w.jira.Issues()); n != w.defects {
		w.t.Errorf("%d tickets for %d Defects", n, w.defects)
	}
}

func TestAnswersThatAreLost(t *testing.T) {
	w := newWorld(t)
	lost := func(n int64, m moment) bool { return n%5 == 0 && m == done || n%7 == 0 && m == arrived }
	w.on.Store(&lost)
	w.operator()
	w.find(100)
	w.judge()
}

func TestKilledAtAnyMoment(t *testing.T) {
	w := newWorld(t)
	w.killAtAnyMoment()
	w.judge()
}

// killAtAnyMoment kills twenty operators, each in the middle of a call: at each moment of the first three, and at
// random ones of a burst.
func (w *world) killAtAnyMoment() {
	w.t.Helper()
	moments := []moment{arrived, done, answered}
	for _, when := range moments {
		for nth := range int64(3) {
			w.killAt(4, nth, when)
		}
	}
	seed := uint64(time.Now().UnixNano())
	w.t.Logf("random moments of seed %d", seed)
	for random := rand.New(rand.NewPCG(seed, 0)); w.replicas < 20; {
		w.killAt(10, random.Int64N(10), moments[random.IntN(len(moments))])
	}
	w.on.Store(nil)
	w.operator()
}

// killAt has so many Defects found, and kills an operator at a moment of its nth call.
func (w *world) killAt(defects int, nth int64, when moment) {
	t := w.t
	t.Helper()
	p := w.operator()
	w.find(defects)
	killed := make(chan struct{})
	first := w.calls.Load() + 1
	kill := func(n int64, m moment) bool {
		if n != first+nth || m != when {
			return false
		}
		p.Kill()
		close(killed)
		return true
	}
	w.on.Store(&kill)
	select {
	case <-killed:
	case err := <-here.Exited:
		t.Fatal(err)
	case <-time.After(stage.Timeout):
		t.Fatalf("call %d never %s", first+nth, when)
	}
}

func TestTheLeaderIsKilled(t *testing.T) {
	w := newWorld(t)
	flags := []string{"--leader-elect", "--leader-election-namespace=" + w.namespace, "--lease-duration=" + lease.String()}
	first := w.operator(flags...)
	w.find(20)
	w.keys(1)
	w.operator(flags...)
	w.find(40)
	first.Kill()
	w.find(20)
	w.judge()
}

func TestTheLeaderIsFrozenAndThawed(t *testing.T) {
	w := newWorld(t)
	flags := []string{"--leader-elect", "--leader-election-namespace=" + w.namespace, "--lease-duration=" + lease.String()}
	first := w.operator(flags...)
	w.find(20)
	w.keys(1)
	w.operator(flags...)
	begun := w.calls.Load()
	var once sync.Once
	frozen := make(chan struct{})
	freeze := func(n int64, m moment) bool { // when some have been made, and others are at every stage
		if n > begun+10 && m == arrived {
			once.Do(func() {
				defer close(frozen)
				if err := first.Signal(syscall.SIGSTOP); err != nil {
					t.Error(err)
				}
			})
		}
		return false
	}
	w.on.Store(&freeze)
	w.find(60)
	<-frozen
	w.keys(w.defects) // the other took over
	w.find(20)
	first.ExpectExit() // as it does when it finds that it leads no more
	signal(t, first, syscall.SIGCONT)
	w.find(20)
	w.judge()
}

func signal(t *testing.T, p *stage.Process, s syscall.Signal) {
	t.Helper()
	if err := p.Signal(s); err != nil {
		t.Fatal(err)
	}
}

// TestReadyMeansNoWaiting: a Defect that is created once the integration is Ready is surely nobody else's, though
// that may be within the second of the take-over.
func TestReadyMeansNoWaiting(t *testing.T) {
	w := newBareWorld(t)
	w.addJira()
	i := &v1alpha1.JiraIntegration{ObjectMeta: metav1.ObjectMeta{Namespace: w.namespace, Name: "jira"}}
	for range 3 {
		w.amend(i, func() { i.Spec.SettleSeconds = 600 }) // longer than anybody waits here
		p := w.operator()
		if err := here.Poll(t.Context(), "the integration to be checked", func() (bool, error) {
			err := cluster.Get(t.Context(), client.ObjectKeyFromObject(i), i)
			return i.Status.LastProbeTime != nil && condition.Is(i, v1alpha1.ConditionReady, metav1.ConditionTrue, ""), err
		}); err != nil {
			t.Fatal(err)
		}
		w.find(3)
		w.judge()
		p.Kill()
		before := i.DeepCopy()
		i.Status = v1alpha1.JiraIntegrationStatus{}
		if err := cluster.Status().Patch(t.Context(), i, client.MergeFrom(before)); err != nil {
			t.Fatal(err)
		}
	}
}

// amend changes an object's spec.
func (w *world) amend(o client.Object, change func()) {
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

// TestManyWaitAtTakeOver: what waits is looked up together.
func TestManyWaitAtTakeOver(t *testing.T) {
	w := newWorld(t)
	w.find(300)
	w.operator()
	w.judge()
	if n := w.jira.Counts().Searches; n > 5 {
		t.Errorf("%d searches for 300 Defects that wait together, want a handful", n)
	}
}
