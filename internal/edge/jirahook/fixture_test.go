// SPDX-License-Identifier: Apache-2.0

package jirahook

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
	"github.com/voiceai-dev/integrations-operator/internal/edge"
)

const (
	hookSecret = "hook-secret-c2VjcmV0"
	hookPath   = "/api/v1/webhooks/jira/voice/jira"
)

// The results under which requests are counted. Those of edge itself are not exported.
const (
	accepted edge.Result = edge.Accepted
	ignored  edge.Result = edge.Ignored
	repeated edge.Result = "repeated"
	refused  edge.Result = "refused"
	failed   edge.Result = "failed"
)

var hookTime = time.Date(2026, 1, 1, 10, 0, 0, 123456789, time.UTC)

// logBuffer is a log for concurrent writers.
type logBuffer struct {
	mu sync.Mutex
	bytes.Buffer
}

func (b *logBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.Buffer.Write(p)
}

func (b *logBuffer) text() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.String()
}

// fixture is the edge with Jira's route, on a fake Kubernetes API with one integration, its Secret and one Defect.
type fixture struct {
	t       *testing.T
	kube    client.Client
	clock   *clocktesting.FakeClock
	log     *logBuffer
	route   edge.Route
	handler http.Handler

	// fail holds the errors of the calls "integration", "metadata", "live", "find" and "patch".
	fail map[string]error
	// liveReads counts the reads of whole Secrets.
	liveReads int
	// patches are the changes written, in words.
	patches []string
	// searches are the calls of FindDefects, in words.
	searches []string
	// found replaces the result of FindDefects, if not nil.
	found []types.NamespacedName
}

func newFixture(t *testing.T) *fixture {
	t.Helper()
	scheme := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{corev1.AddToScheme, v1alpha1.AddToScheme} {
		if err := add(scheme); err != nil {
			t.Fatal(err)
		}
	}
	f := &fixture{t: t, clock: clocktesting.NewFakeClock(hookTime), log: &logBuffer{}, fail: map[string]error{}}
	integration := &v1alpha1.JiraIntegration{}
	integration.ObjectMeta = metav1.ObjectMeta{Namespace: "voice", Name: "jira", UID: "i", Generation: 1}
	integration.Spec.WebhookSecretRef = &v1alpha1.SecretKeyReference{Name: "hook", Key: "secret"}
	integration.Status.AccountID = "557058:voice-ai"
	defect := &v1alpha1.Defect{ObjectMeta: metav1.ObjectMeta{Namespace: "voice", Name: "defect", UID: "d1"}}
	defect.Annotations = map[string]string{"other": "kept"}
	defect.Status.Jira = &v1alpha1.DefectTicket{Integration: "voice/jira", ID: "10042", Key: "VOICE-42"}
	secret := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: "voice", Name: "hook", UID: "s"}}
	secret.Data = map[string][]byte{"secret": []byte(hookSecret), "lines": []byte("a\nb")}
	f.kube = fake.NewClientBuilder().WithScheme(scheme).WithObjects(integration, defect, secret).
		WithInterceptorFuncs(interceptor.Funcs{Get: f.get, Patch: f.patch}).Build()
	f.route = Route(Options{Client: f.kube, Live: f.kube, Clock: f.clock, FindDefects: f.find})
	f.handler = edge.New("", f.route).Handler
	return f
}

// get fails if it should. Only live reads are of whole Secrets.
func (f *fixture) get(
	ctx context.Context, c client.WithWatch, key client.ObjectKey, o client.Object, opts ...client.GetOption,
) error {
	call := ""
	switch o.(type) {
	case *v1alpha1.JiraIntegration:
		call = "integration"
	case *metav1.PartialObjectMetadata:
		call = "metadata"
	case *corev1.Secret:
		call = "live"
		f.liveReads++
	}
	if err := f.fail[call]; err != nil {
		return err
	}
	return c.Get(ctx, key, o, opts...)
}

func (f *fixture) patch(
	ctx context.Context, c client.WithWatch, o client.Object, p client.Patch, opts ...client.PatchOption,
) error {
	if err := f.fail["patch"]; err != nil {
		return err
	}
	data, err := p.Data(o)
	if err != nil {
		return err
	}
	owner := (&client.PatchOptions{}).ApplyOptions(opts).FieldManager
	name := client.ObjectKeyFromObject(o)
	f.patches = append(f.patches, fmt.Sprintf("%T %s by %s as %s: %s", o, name, owner, p.Type(), data))
	return c.Patch(ctx, o, p, opts...)
}

func (f *fixture) find(
	ctx context.Context, integration types.NamespacedName, id, key string, labels []string,
) ([]types.NamespacedName, error) {
	f.searches = append(f.searches, fmt.Sprintf("%s %s %s %d", integration, id, key, len(labels)))
	if err := f.fail["find"]; err != nil {
		return nil, err
	}
	if f.found != nil {
		return f.found, nil
	}
	list := &v1alpha1.DefectList{}
	if err := f.kube.List(ctx, list); err != nil {
		return nil, err
	}
	var out []types.NamespacedName
	for _, d := range list.Items {
		j := d.Status.Jira
		if j.Integration == integration.String() && (j.ID == id || j.Key == key || slices.Contains(labels, d.Marker())) {
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

// newRequest returns a signed webhook with the headers that Jira sends.
func newRequest(body []byte) *http.Request {
	r := httptest.NewRequest(http.MethodPost, hookPath, bytes.NewReader(body))
	r.Header.Set("Content-Type", "application/json; charset=UTF-8")
	r.Header.Set("X-Hub-Signature", sign(hookSecret, body))
	r.Header.Set("X-Atlassian-Webhook-Identifier", "0f6b2c9e-1")
	r.Header.Set("X-Atlassian-Webhook-Flow", "Primary")
	return r
}

// send sends a request and checks the status and the result of the answer.
func (f *fixture) send(r *http.Request, status int, want edge.Result) *httptest.ResponseRecorder {
	f.t.Helper()
	before := countResults(f.t)
	logger := zap.New(zap.WriteTo(f.log), zap.Level(zapcore.Level(-9)))
	rec := httptest.NewRecorder()
	f.handler.ServeHTTP(rec, r.WithContext(ctrl.LoggerInto(r.Context(), logger)))
	after := countResults(f.t)
	before[string(want)]++
	if rec.Code != status || !maps.Equal(before, after) {
		f.t.Errorf("status %d and counters %v, want %d and %v; log: %s", rec.Code, after, status, before, f.log.text())
	}
	if again := rec.Header().Get("Retry-After"); (again != "") != (status == http.StatusServiceUnavailable) {
		f.t.Errorf("Retry-After %q with status %d", again, rec.Code)
	}
	return rec
}

// wantHints checks how many hints were recorded.
func (f *fixture) wantHints(n int) {
	f.t.Helper()
	if len(f.patches) != n {
		f.t.Errorf("hints recorded: %q, want %d", f.patches, n)
	}
}

// update changes the integration and its generation.
func (f *fixture) update(change func(*v1alpha1.JiraIntegration)) {
	f.t.Helper()
	f.updateSilently(func(i *v1alpha1.JiraIntegration) {
		change(i)
		i.Generation++
	})
}

// updateSilently changes the integration and leaves its generation.
func (f *fixture) updateSilently(change func(*v1alpha1.JiraIntegration)) {
	f.t.Helper()
	i := &v1alpha1.JiraIntegration{}
	if err := f.kube.Get(f.t.Context(), types.NamespacedName{Namespace: "voice", Name: "jira"}, i); err != nil {
		f.t.Fatal(err)
	}
	change(i)
	if err := f.kube.Update(f.t.Context(), i); err != nil {
		f.t.Fatal(err)
	}
}

// rotate replaces the secret.
func (f *fixture) rotate(secret string) {
	f.t.Helper()
	s := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: "voice", Name: "hook", UID: "s"}}
	s.Data = map[string][]byte{"secret": []byte(secret)}
	if err := f.kube.Update(f.t.Context(), s); err != nil {
		f.t.Fatal(err)
	}
}

// countResults returns the counters of Jira's webhooks by result, as Prometheus scrapes them.
func countResults(t *testing.T) map[string]float64 {
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
