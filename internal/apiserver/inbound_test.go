package apiserver

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	testingclock "k8s.io/utils/clock/testing"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	"github.com/voiceai-dev/integrations-operator/api/v1alpha1"
	"github.com/voiceai-dev/integrations-operator/internal/apiserver/guard"
	"github.com/voiceai-dev/integrations-operator/internal/apiserver/paths"
	"github.com/voiceai-dev/integrations-operator/internal/outbox"
)

// noon is the time of these tests.
var noon = time.Date(2026, 3, 4, 12, 30, 0, 0, time.UTC)

// receiving returns a Server that stores Notifications in a cluster with one rule, unless onCreate returns an error.
func receiving(t *testing.T, onCreate func(*v1alpha1.Notification) error) (*Server, client.Client) {
	t.Helper()
	scheme := runtime.NewScheme()
	if err := v1alpha1.AddToScheme(scheme); err != nil {
		t.Fatal(err)
	}
	now := testingclock.NewFakeClock(noon)
	r := &v1alpha1.NotificationRule{Spec: v1alpha1.NotificationRuleSpec{EventTypes: []v1alpha1.EventType{v1alpha1.EventSystemAlertFiring}}}
	r.Namespace = "default"
	r.Name = "alerts"
	r.UID = "r"
	r.CreationTimestamp = metav1.NewTime(noon.Add(-time.Hour))
	c := fake.NewClientBuilder().WithScheme(scheme).WithObjects(r).WithInterceptorFuncs(interceptor.Funcs{
		Create: func(ctx context.Context, c client.WithWatch, o client.Object, options ...client.CreateOption) error {
			if n, ok := o.(*v1alpha1.Notification); ok && onCreate != nil {
				if err := onCreate(n); err != nil {
					return err
				}
			}
			return c.Create(ctx, o, options...)
		},
	}).Build()
	s, err := New(Options{Identity: gate{}, Clock: now, RequestsPerSecond: 1, Namespace: "default", Live: empty{},
		Outbox: &outbox.Outbox{Client: c, Clock: now, MaxEventAge: time.Hour}})
	if err != nil {
		t.Fatal(err)
	}
	return s, c
}

func post(s *Server, path, contentType, body string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(http.MethodPost, path, strings.NewReader(body))
	r.Header.Set("Authorization", "Bearer token")
	r.Header.Set("Content-Type", contentType)
	w := httptest.NewRecorder()
	s.handler.ServeHTTP(w, r)
	return w
}

func alertEvent(id string) string {
	return fmt.Sprintf(`{"specversion":"1.0","id":%q,"source":"tests","type":"dev.voiceai.system.alert.firing","data":{"title":%q}}`, id, id)
}

// TestARefusedEventHidesNoOther covers an API server that refuses one of three events, or does not answer. In the
// second case the sender sends all three again.
func TestARefusedEventHidesNoOther(t *testing.T) {
	for name, c := range map[string]struct {
		refusal    error
		want, kept int
	}{
		"refused": {apierrors.NewForbidden(schema.GroupResource{Resource: "notifications"}, "n",
			errors.New("exceeded quota")), http.StatusForbidden, 2},
		"no answer": {errors.New("connection refused"), http.StatusServiceUnavailable, 0},
		"accepted":  {nil, http.StatusOK, 3},
	} {
		s, kept := receiving(t, func(n *v1alpha1.Notification) error {
			if strings.Contains(string(n.Spec.Event.Data.Raw), `"one"`) {
				return c.refusal
			}
			return nil
		})
		w := post(s, paths.Events, "application/cloudevents-batch+json",
			"["+alertEvent("one")+","+alertEvent("two")+","+alertEvent("three")+"]")
		list := &v1alpha1.NotificationList{}
		if err := kept.List(t.Context(), list); err != nil {
			t.Fatal(err)
		}
		if w.Code != c.want || len(list.Items) != c.kept {
			t.Errorf("%s: got %d with %d stored, want %d with %d: %s", name, w.Code, len(list.Items), c.want, c.kept, w.Body)
		}
	}
}

// TestSendersHaveAHigherRate covers a client that sends each event by itself. Such clients drop events that are answered
// with 4xx.
func TestSendersHaveAHigherRate(t *testing.T) {
	s, kept := receiving(t, nil) // one request a second, with bursts of two
	for i := range 2 * guard.SendersFactor {
		if w := post(s, paths.Events, "application/cloudevents+json", alertEvent(fmt.Sprint(i))); w.Code != http.StatusOK {
			t.Fatalf("event %d: got %d: %s", i, w.Code, w.Body)
		}
	}
	list := &v1alpha1.NotificationList{}
	if err := kept.List(t.Context(), list); err != nil || len(list.Items) != 2*guard.SendersFactor {
		t.Errorf("%d are stored, %v, want %d", len(list.Items), err, 2*guard.SendersFactor)
	}
	for _, path := range []string{paths.Events, paths.Alertmanager} {
		if w := post(s, path, "application/json", "{}"); w.Code != http.StatusServiceUnavailable || w.Header().Get("Retry-After") != "1" {
			t.Errorf("one too many to %s: got %d, Retry-After %q, want 503 and 1", path, w.Code, w.Header().Get("Retry-After"))
		}
	}
	if w := ask(s, "/api/v1/access"); w.Code != http.StatusOK {
		t.Errorf("got %d, want 200: events do not count against other requests", w.Code)
	}

	wrong := httptest.NewRequest(http.MethodPost, paths.Alertmanager, nil)
	wrong.Header.Set("Authorization", "Bearer wrong")
	for range 2 * guard.FailuresPerSecond {
		s.handler.ServeHTTP(httptest.NewRecorder(), wrong)
	}
	w := httptest.NewRecorder()
	if s.handler.ServeHTTP(w, wrong); w.Code != http.StatusServiceUnavailable {
		t.Errorf("too many wrong tokens: got %d, want 503", w.Code)
	}
}

// TestAlertThatHasFiredForLong posts an alert that began before the maximum age and before the rule, as Alertmanager
// does when a silence ends.
func TestAlertThatHasFiredForLong(t *testing.T) {
	s, kept := receiving(t, nil) // the maximum age and the rule's are an hour
	for _, ago := range []time.Duration{59 * time.Minute, 26 * time.Hour, 90 * 24 * time.Hour} {
		body := fmt.Sprintf(`{"version":"4","alerts":[{"status":"firing","fingerprint":%q,"labels":{"alertname":"Silenced"},"startsAt":%q}]}`,
			ago, noon.Add(-ago).Format(time.RFC3339))
		w := post(s, paths.Alertmanager, "application/json", body)
		if w.Code != http.StatusOK || !strings.Contains(w.Body.String(), `"notifications":1`) {
			t.Errorf("firing for %s: got %d: %s", ago, w.Code, w.Body)
		}
		if w := post(s, paths.Alertmanager, "application/json", body); !strings.Contains(w.Body.String(), `"notifications":0`) {
			t.Errorf("firing for %s, sent again: got %d: %s", ago, w.Code, w.Body)
		}
	}
	list := &v1alpha1.NotificationList{}
	if err := kept.List(t.Context(), list); err != nil || len(list.Items) != 3 {
		t.Errorf("%d are stored, %v, want 3", len(list.Items), err)
	}
}
