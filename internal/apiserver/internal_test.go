// SPDX-License-Identifier: Apache-2.0

package apiserver

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apiserver/pkg/authentication/user"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/voiceai-dev/integrations-operator/api/v1alpha1"
	"github.com/voiceai-dev/integrations-operator/internal/apiserver/limit"
	"github.com/voiceai-dev/integrations-operator/internal/apiserver/overview"
	"github.com/voiceai-dev/integrations-operator/internal/apiserver/view"
	"github.com/voiceai-dev/integrations-operator/internal/apiserver/view/viewtest"
	"github.com/voiceai-dev/integrations-operator/internal/condition"
	"github.com/voiceai-dev/integrations-operator/internal/identity"
)

// gate is an Identity with one answer for every token but "wrong".
type gate struct {
	// unknown is the error of authentication, unasked that of authorization.
	unknown error
	unasked error
}

func (g gate) Authenticate(_ context.Context, token string) (identity.Caller, error) {
	if token == jwt("wrong") {
		return identity.Caller{}, identity.ErrUnauthenticated
	}
	return identity.Caller{Info: &user.DefaultInfo{Name: "alice"}}, g.unknown
}

func (g gate) Allowed(context.Context, identity.Caller, identity.Access) (bool, error) {
	return true, g.unasked
}

// jwt returns a token that has the form of those of Kubernetes.
func jwt(subject string) string {
	encode := base64.RawURLEncoding.EncodeToString
	return encode([]byte(`{"alg":"ES256"}`)) + "." + encode([]byte(`{"sub":"`+subject+`"}`)) + "." + encode([]byte("signature"))
}

// empty is a cluster without objects.
type empty struct{ client.Reader }

func (empty) List(context.Context, client.ObjectList, ...client.ListOption) error { return nil }

func newServer(t testing.TB, g gate) *Server {
	t.Helper()
	s, err := New(Options{Identity: g, Clock: clock.RealClock{}, RequestsPerSecond: 1e6, Live: empty{}})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func ask(s *Server, path string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(http.MethodGet, path, nil)
	r.Header.Set("Authorization", "Bearer "+jwt("token"))
	w := httptest.NewRecorder()
	s.handler.ServeHTTP(w, r)
	return w
}

func TestKubernetesDoesNotAnswer(t *testing.T) {
	for name, g := range map[string]gate{"authentication": {unknown: errors.New("down")}, "authorization": {unasked: errors.New("down")}} {
		t.Run(name, func(t *testing.T) {
			w := ask(newServer(t, g), "/api/v1/defects")
			if w.Code != http.StatusServiceUnavailable || w.Header().Get("Retry-After") == "" || strings.Contains(w.Body.String(), "down") {
				t.Errorf("got %d %s, want 503 with Retry-After and no details", w.Code, w.Body)
			}
		})
	}
}

// TestSlowCallersAreBounded covers a caller that sends as many bodies as are allowed at a time, and ends none.
func TestSlowCallersAreBounded(t *testing.T) {
	s := newServer(t, gate{})
	var sent sync.WaitGroup
	body, end := io.Pipe()
	begun := make(chan struct{}, limit.MaxInFlightPerCaller)
	for range limit.MaxInFlightPerCaller {
		sent.Go(func() {
			r := httptest.NewRequest(http.MethodPost, "/api/v1/defects", begins{body, begun})
			r.Header.Set("Content-Type", "application/json")
			r.Header.Set("Authorization", "Bearer "+jwt("token"))
			s.handler.ServeHTTP(httptest.NewRecorder(), r)
		})
	}
	for range limit.MaxInFlightPerCaller {
		<-begun
	}
	if w := ask(s, "/api/v1/access"); w.Code != http.StatusTooManyRequests || w.Header().Get("Retry-After") != "1" {
		t.Errorf("got %d, Retry-After %q, want 429 and 1", w.Code, w.Header().Get("Retry-After"))
	}
	_ = end.Close()
	sent.Wait()
	if w := ask(s, "/api/v1/access"); w.Code != http.StatusOK {
		t.Errorf("got %d after they ended, want 200", w.Code)
	}
}

// begins is a body that signals when it is first read.
type begins struct {
	io.Reader
	begun chan<- struct{}
}

func (b begins) Read(p []byte) (int, error) {
	select {
	case b.begun <- struct{}{}:
	default:
	}
	return b.Reader.Read(p)
}

func TestAPanicEndsOneRequest(t *testing.T) {
	s := newServer(t, gate{}) // without a client
	r := httptest.NewRequest(http.MethodPost, "/api/v1/defects", strings.NewReader(`{"title":"x","severity":"Low"}`))
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Authorization", "Bearer "+jwt("token"))
	w := httptest.NewRecorder()
	s.handler.ServeHTTP(w, r)
	if w.Code != http.StatusInternalServerError || !strings.Contains(w.Body.String(), "operator's log") {
		t.Errorf("got %d %s, want 500", w.Code, w.Body)
	}
}

// full returns a server with ten thousand Defects and as many Notifications.
func full(b *testing.B) *Server {
	b.Helper()
	cluster := viewtest.NewCluster()
	s := newServer(b, gate{})
	s.view = view.New(cluster, cluster, "")
	s.overview = overview.New(s.view)
	now := time.Now().Truncate(time.Second)
	severities := []v1alpha1.Severity{v1alpha1.SeverityCritical, v1alpha1.SeverityHigh, v1alpha1.SeverityMedium, v1alpha1.SeverityLow}
	for i := range 10_000 {
		meta := metav1.ObjectMeta{Namespace: "default", Name: fmt.Sprintf("d-%05d", i),
			CreationTimestamp: metav1.NewTime(now.Add(-time.Duration(i) * time.Second)), ResourceVersion: fmt.Sprint(i)}
		d := &v1alpha1.Defect{ObjectMeta: meta, Spec: v1alpha1.DefectSpec{
			Title: "Books the wrong day, " + meta.Name, Severity: severities[i%4], Description: strings.Repeat("x",
				500), Suite: "booking", TestCase: "by weekday"}}
		cluster.Put(d)
		s.view.Defects.Put(d)
		n := &v1alpha1.Notification{ObjectMeta: meta, Spec: v1alpha1.NotificationSpec{
			Rule: v1alpha1.RuleReference{Name: "r"}, Event: v1alpha1.NotificationEvent{
				ID: v1alpha1.EventID(meta.Name), Subject: &v1alpha1.EventSubject{Kind: "Defect", Namespace: "default", Name: meta.Name},
			}}}
		condition.True(n, v1alpha1.ConditionDelivered, v1alpha1.ReasonSent, "Sent")
		cluster.Put(n)
		s.view.Notifications.Put(n)
	}
	return s
}

func BenchmarkLists(b *testing.B) {
	s := full(b)
	for _, path := range []string{
		"/api/v1/defects", "/api/v1/defects?sort=severity&limit=200", "/api/v1/defects?q=d-09999",
		"/api/v1/integrations/logs", "/api/v1/integrations/logs?q=d-09999",
		"/api/v1/integrations/health", "/api/v1/summary",
	} {
		b.Run(path, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if w := ask(s, path); w.Code != http.StatusOK || !json.Valid(w.Body.Bytes()) {
					b.Fatal(w.Code, w.Body)
				}
			}
		})
	}
	b.Run("after a change", func(b *testing.B) {
		b.ReportAllocs()
		d, err := s.view.Defect(b.Context(), s.view.Defects.Newest()[5000].Key())
		if err != nil {
			b.Fatal(err)
		}
		for at := 0; b.Loop(); at++ {
			d = d.DeepCopy()
			d.ResourceVersion = fmt.Sprint("again", at)
			s.view.Defects.Put(d)
			ask(s, "/api/v1/defects")
		}
	})
}

// BenchmarkSummary reads the summary of ten thousand Defects and as many Notifications, unchanged and with a change
// before each.
func BenchmarkSummary(b *testing.B) {
	for name, change := range map[string]bool{"unchanged": false, "after a change": true} {
		b.Run(name, func(b *testing.B) {
			s := full(b)
			s.view.Slack.Put(&v1alpha1.SlackIntegration{
				ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "slack"}, Spec: v1alpha1.SlackIntegrationSpec{Default: true},
			})
			n, err := s.view.Notification(b.Context(), s.view.Notifications.Newest()[5000].Key())
			if err != nil {
				b.Fatal(err)
			}
			b.ReportAllocs()
			for at := 0; b.Loop(); at++ {
				if change {
					n = n.DeepCopy()
					n.ResourceVersion = fmt.Sprint("again", at)
					s.view.Notifications.Put(n)
				}
				if w := ask(s, "/api/v1/summary"); w.Code != http.StatusOK {
					b.Fatal(w.Code, w.Body)
				}
			}
		})
	}
}
