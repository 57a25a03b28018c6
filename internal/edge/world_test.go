package edge

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync"
	"testing"
	"time"

	"go.uber.org/zap/zapcore"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	clocktesting "k8s.io/utils/clock/testing"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"
	"sigs.k8s.io/controller-runtime/pkg/log/zap"
	"sigs.k8s.io/controller-runtime/pkg/metrics"

	"github.com/voiceai-dev/integrations-operator/api/v1alpha1"
)

const (
	hookSecret = "hook-secret-c2VjcmV0"
	hookPath   = "/api/v1/webhooks/jira/voice/jira"
)

var hookTime = time.Date(2026, 1, 1, 10, 0, 0, 123456789, time.UTC)

// buffer is a log that may be written to by several.
type buffer struct {
	mu sync.Mutex
	bytes.Buffer
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.Buffer.Write(p)
}

func (b *buffer) text() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.String()
}

// world is a handler between a Kubernetes API and those who call it.
type world struct {
	t       *testing.T
	kube    client.Client
	clock   *clocktesting.FakeClock
	log     *buffer
	jira    *Jira
	handler http.Handler

	// fail is what the calls of these names answer: "integration", "metadata", "live", "find" and "patch".
	fail map[string]error
	// live counts the Secrets read, patches what was written, found what was asked for.
	live    int
	patches []string
	found   []string
}

func newWorld(t *testing.T) *world {
	t.Helper()
	scheme := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{corev1.AddToScheme, v1alpha1.AddToScheme} {
		if err := add(scheme); err != nil {
			t.Fatal(err)
		}
	}
	w := &world{t: t, clock: clocktesting.NewFakeClock(hookTime), log: &buffer{}, fail: map[string]error{}}
	integration := &v1alpha1.JiraIntegration{ObjectMeta: metav1.ObjectMeta{Namespace: "voice", Name: "jira", UID: "i", Generation: 1},
		Spec: v1alpha1.JiraIntegrationSpec{WebhookSecretRef: &v1alpha1.SecretKeyReference{Name: "hook", Key: "secret"}}}
	integration.Status.AccountID = "557058:voice-ai"
	defect := &v1alpha1.Defect{ObjectMeta: metav1.ObjectMeta{Namespace: "voice", Name: "defect", UID: "d1", Annotations: map[string]string{"other": "kept"}}}
	defect.Status.Jira = &v1alpha1.DefectTicket{Integration: "voice/jira", ID: "10042", Key: "VOICE-42"}
	w.kube = fake.NewClientBuilder().WithScheme(scheme).WithObjects(integration, defect, &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Namespace: "voice", Name: "hook", UID: "s"}, Data: map[string][]byte{"secret": []byte(hookSecret), "lines": []byte("a\nb")},
	}).WithInterceptorFuncs(interceptor.Funcs{Get: w.get, Patch: w.patch}).Build()
	w.jira = NewJira(JiraOptions{Client: w.kube, Live: w.kube, Clock: w.clock, Find: w.find})
	w.handler = serve([]Route{w.jira.Route()})
	return w
}

// get tells the reads apart: only live ones are of whole Secrets.
func (w *world) get(ctx context.Context, c client.WithWatch, key client.ObjectKey, o client.Object, opts ...client.GetOption) error {
	read := ""
	switch o.(type) {
	case *v1alpha1.JiraIntegration:
		read = "integration"
	case *metav1.PartialObjectMetadata:
		read = "metadata"
	case *corev1.Secret:
		read = "live"
		w.live++
	}
	if err := w.fail[read]; err != nil {
		return err
	}
	return c.Get(ctx, key, o, opts...)
}

func (w *world) patch(ctx context.Context, c client.WithWatch, o client.Object, p client.Patch, opts ...client.PatchOption) error {
	if err := w.fail["patch"]; err != nil {
		return err
	}
	data, err := p.Data(o)
	if err != nil {
		return err
	}
	options := (&client.PatchOptions{}).ApplyOptions(opts)
	w.patches = append(w.patches, fmt.Sprintf("%T %s by %s as %s: %s", o, client.ObjectKeyFromObject(o), options.FieldManager, p.Type(), data))
	return c.Patch(ctx, o, p, opts...)
}

func (w *world) find(ctx context.Context, integration types.NamespacedName, id, key string, labels []string) ([]types.NamespacedName, error) {
	w.found = append(w.found, fmt.Sprintf("%s %s %s %d", integration, id, key, len(labels)))
	if err := w.fail["find"]; err != nil {
		return nil, err
	}
	list := &v1alpha1.DefectList{}
	if err := w.kube.List(ctx, list); err != nil {
		return nil, err
	}
	var out []types.NamespacedName
	for _, d := range list.Items {
		if j := d.Status.Jira; j.Integration == integration.String() && (j.ID == id || j.Key == key || slices.Contains(labels, d.Marker())) {
			out = append(out, client.ObjectKeyFromObject(&d))
		}
	}
	return out, nil
}

func sign(secret string, body []byte) string {
	h := hmac.New(sha256.New, []byte(secret))
	h.Write(body)
	return "sha256=" + hex.EncodeToString(h.Sum(nil))
}

// request is a webhook as Jira sends it.
func request(body []byte) *http.Request {
	r := httptest.NewRequest(http.MethodPost, hookPath, bytes.NewReader(body))
	r.Header.Set("Content-Type", "application/json; charset=UTF-8")
	r.Header.Set("X-Hub-Signature", sign(hookSecret, body))
	r.Header.Set("X-Atlassian-Webhook-Identifier", "0f6b2c9e-1")
	r.Header.Set("X-Atlassian-Webhook-Flow", "Primary")
	return r
}

// does sends a request and checks status and result.
func (w *world) does(r *http.Request, status int, want result) *httptest.ResponseRecorder {
	w.t.Helper()
	before := counted(w.t, jiraSource)
	logger := zap.New(zap.WriteTo(w.log), zap.Level(zapcore.Level(-9)))
	rec := httptest.NewRecorder()
	w.handler.ServeHTTP(rec, r.WithContext(ctrl.LoggerInto(r.Context(), logger)))
	after := counted(w.t, jiraSource)
	before[string(want)]++
	if rec.Code != status || !maps.Equal(before, after) {
		w.t.Errorf("status %d and counters %v, want %d and %v; the log says %s", rec.Code, after, status, before, w.log.text())
	}
	if again := rec.Header().Get("Retry-After"); (again != "") != (status == http.StatusServiceUnavailable) {
		w.t.Errorf("Retry-After %q with status %d", again, rec.Code)
	}
	return rec
}

// hinted checks how many hints were written.
func (w *world) hinted(n int) {
	w.t.Helper()
	if len(w.patches) != n {
		w.t.Errorf("hints written: %q, want %d", w.patches, n)
	}
}

// change changes the integration.
func (w *world) change(by func(*v1alpha1.JiraIntegration)) {
	w.t.Helper()
	i := &v1alpha1.JiraIntegration{}
	if err := w.kube.Get(w.t.Context(), types.NamespacedName{Namespace: "voice", Name: "jira"}, i); err != nil {
		w.t.Fatal(err)
	}
	by(i)
	i.Generation++
	if err := w.kube.Update(w.t.Context(), i); err != nil {
		w.t.Fatal(err)
	}
}

// rotate puts another secret in place.
func (w *world) rotate(to string) {
	w.t.Helper()
	s := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: "voice", Name: "hook", UID: "s"}, Data: map[string][]byte{"secret": []byte(to)}}
	if err := w.kube.Update(w.t.Context(), s); err != nil {
		w.t.Fatal(err)
	}
}

// counted are the counters of a source, by result, as they are scraped.
func counted(t *testing.T, source string) map[string]float64 {
	t.Helper()
	families, err := metrics.Registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]float64{}
	for _, f := range families {
		if f.GetName() != "voiceai_webhooks_total" {
			continue
		}
		for _, m := range f.GetMetric() {
			labels := map[string]string{}
			for _, l := range m.GetLabel() {
				labels[l.GetName()] = l.GetValue()
			}
			if labels["source"] == source {
				out[labels["result"]] = m.GetCounter().GetValue()
			}
		}
	}
	return out
}
