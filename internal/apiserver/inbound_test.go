// SPDX-License-Identifier: Apache-2.0

package apiserver

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"testing/iotest"
	"time"

	"github.com/go-logr/logr/funcr"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/validation/field"
	testingclock "k8s.io/utils/clock/testing"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	"github.com/voiceai-dev/integrations-operator/api/v1alpha1"
	"github.com/voiceai-dev/integrations-operator/internal/apiserver/guard"
	"github.com/voiceai-dev/integrations-operator/internal/apiserver/inbound"
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
	r.Header.Set("Authorization", "Bearer "+jwt("token"))
	r.Header.Set("Content-Type", contentType)
	w := httptest.NewRecorder()
	s.handler.ServeHTTP(w, r)
	return w
}

func alertEvent(id string) string {
	return fmt.Sprintf(`{"specversion":"1.0","id":%q,"source":"tests","type":"dev.voiceai.system.alert.firing","data":{"title":%q}}`, id, id)
}

// TestARefusedEventHidesNoOther has the API server refuse one of three events, or not answer. What may be stored later
// is answered 503: senders drop what is answered 4xx.
func TestARefusedEventHidesNoOther(t *testing.T) {
	resource := schema.GroupResource{Resource: "notifications"}
	invalid := apierrors.NewInvalid(schema.GroupKind{Kind: "Notification"}, "n",
		field.ErrorList{field.Invalid(field.NewPath("spec"), "x", "is wrong")})
	policy := apierrors.NewInvalid(schema.GroupKind{Kind: "Notification"}, "n", nil)
	policy.ErrStatus.Details.Causes = []metav1.StatusCause{{Message: "ValidatingAdmissionPolicy 'p' denied request"}}
	for name, c := range map[string]struct {
		refusal error
		want    int
		says    string
	}{
		"a quota":   {apierrors.NewForbidden(resource, "n", errors.New("exceeded quota")), http.StatusServiceUnavailable, "1 of 3 events"},
		"a policy":  {policy, http.StatusServiceUnavailable, "policy"},
		"no answer": {errors.New("connection refused"), http.StatusServiceUnavailable, "did not answer"},
		"invalid":   {invalid, http.StatusOK, `"notifications":2,"malformed":1,"problems":["storing the Notifications of event`},
		"accepted":  {nil, http.StatusOK, `{"events":3,"notifications":3}`},
	} {
		refusal := c.refusal
		s, kept := receiving(t, func(n *v1alpha1.Notification) error {
			if strings.Contains(string(n.Spec.Event.Data.Raw), `"one"`) {
				return refusal
			}
			return nil
		})
		batch := "[" + alertEvent("one") + "," + alertEvent("two") + "," + alertEvent("three") + "]"
		w := post(s, paths.Events, "application/cloudevents-batch+json", batch)
		if w.Code != c.want || !strings.Contains(w.Body.String(), c.says) || (w.Header().Get("Retry-After") != "") != (c.want != http.StatusOK) {
			t.Errorf("%s: got %d, %q, %s, want %d, %s", name, w.Code, w.Header().Get("Retry-After"), w.Body, c.want, c.says)
		}
		stored := func() int {
			list := &v1alpha1.NotificationList{}
			if err := kept.List(t.Context(), list); err != nil {
				t.Fatal(err)
			}
			return len(list.Items)
		}
		if n := stored(); n < 2 && name != "no answer" {
			t.Errorf("%s: %d are stored, want the others", name, n)
		}
		refusal = nil
		if w := post(s, paths.Events, "application/cloudevents-batch+json", batch); w.Code != http.StatusOK || stored() != 3 {
			t.Errorf("%s: sent again: got %d, %d are stored: %s", name, w.Code, stored(), w.Body)
		}
	}
	s, _ := receiving(t, func(*v1alpha1.Notification) error { return invalid })
	w := post(s, paths.Events, "application/cloudevents+json", alertEvent("one"))
	if w.Code != http.StatusUnprocessableEntity {
		t.Errorf("the only one is invalid: got %d: %s", w.Code, w.Body)
	}
}

// manyAlerts returns a body of n alerts with so many bytes of description.
func manyAlerts(n, size int) string {
	all := make([]string, n)
	for i := range all {
		all[i] = fmt.Sprintf(`{"status":"firing","fingerprint":"%d","labels":{"alertname":"Storm"},"annotations":{"description":%q}}`,
			i, strings.Repeat("x", size))
	}
	return `{"alerts":[` + strings.Join(all, ",") + `],"version":"4","groupKey":"{}:{}"}`
}

// TestWhatDoesNotFitIsAnswered makes sure that of a body that is too large as many alerts are taken as fit, and that
// the answer and the log have the number of the others.
func TestWhatDoesNotFitIsAnswered(t *testing.T) {
	malformed := strings.Replace(manyAlerts(3, 0), `"status":"firing"`, `"status":"maybe"`, 1)
	for name, c := range map[string]struct{ body, want, logged string }{
		"1,000 alerts": {manyAlerts(1000, 0), `{"events":1000,"notifications":1000}`, ""},
		"1,001 alerts": {manyAlerts(1001, 0), `{"events":1000,"notifications":1000,"omitted":1}`, `"Omitted"=1 "Malformed"=0`},
		"4 MiB":        {manyAlerts(50, 100_000), `{"events":41,"notifications":41,"omitted":9}`, `"Omitted"=9 "Malformed"=0`},
		"one of three": {malformed, `{"events":2,"notifications":2,"malformed":1,` +
			`"problems":["alerts[0]: status must be firing or resolved"]}`, `"Omitted"=0 "Malformed"=1 "Problems"=["alerts[0]`},
		"again":  {manyAlerts(3, 0) + "\n", `{"events":3,"notifications":3}`, ""},
		"a twin": {strings.ReplaceAll(manyAlerts(2, 0), `"1"`, `"0"`), `{"events":2,"notifications":1}`, ""},
	} {
		s, _ := receiving(t, nil)
		var log strings.Builder
		r := httptest.NewRequest(http.MethodPost, paths.Alertmanager, strings.NewReader(c.body))
		r.Header.Set("Authorization", "Bearer "+jwt("token"))
		r.Header.Set("Content-Type", "application/json")
		r = r.WithContext(ctrl.LoggerInto(r.Context(), funcr.New(func(_, args string) {
			if !strings.Contains(args, "Stored Notifications") {
				log.WriteString(args)
			}
		}, funcr.Options{})))
		w := httptest.NewRecorder()
		s.handler.ServeHTTP(w, r)
		if got := strings.TrimSpace(w.Body.String()); w.Code != http.StatusOK || got != c.want {
			t.Errorf("%s: got %d, %s, want %s", name, w.Code, got, c.want)
		}
		if !strings.Contains(log.String(), c.logged) || c.logged == "" && log.Len() > 0 {
			t.Errorf("%s: logged %q, want %q", name, log.String(), c.logged)
		}
	}
}

// TestBodiesOfWhichNothingIsTaken makes sure that only what stays wrong is answered with 4xx.
func TestBodiesOfWhichNothingIsTaken(t *testing.T) {
	for name, c := range map[string]struct {
		body io.Reader
		want int
	}{
		"too large":       {strings.NewReader(manyAlerts(400, 100_000)), http.StatusRequestEntityTooLarge},
		"malformed":       {strings.NewReader(`{"version":"4"`), http.StatusUnprocessableEntity},
		"only malformed":  {strings.NewReader(`{"version":"4","alerts":[{}]}`), http.StatusUnprocessableEntity},
		"does not arrive": {io.MultiReader(strings.NewReader(`{"version":`), iotest.ErrReader(errors.New("timeout"))), http.StatusServiceUnavailable},
	} {
		s, _ := receiving(t, nil)
		r := httptest.NewRequest(http.MethodPost, paths.Alertmanager, c.body)
		r.Header.Set("Authorization", "Bearer "+jwt("token"))
		r.Header.Set("Content-Type", "application/json")
		w := httptest.NewRecorder()
		if s.handler.ServeHTTP(w, r); w.Code != c.want {
			t.Errorf("%s: got %d, want %d: %s", name, w.Code, c.want, w.Body)
		}
	}
}

// TestEventsAreStoredSideBySide makes sure that many events of one request are stored at once, in bounds.
func TestEventsAreStoredSideBySide(t *testing.T) {
	var underWay, most atomic.Int32
	full := make(chan struct{})
	s, kept := receiving(t, func(*v1alpha1.Notification) error {
		n := underWay.Add(1)
		defer underWay.Add(-1)
		for seen := most.Load(); n > seen && !most.CompareAndSwap(seen, n); seen = most.Load() {
		}
		if n == inbound.MaxAnnouncing {
			close(full) // the first ones wait for so many
		}
		<-full
		return nil
	})
	if w := post(s, paths.Alertmanager, "application/json", manyAlerts(inbound.MaxAnnouncing, 0)); w.Code != http.StatusOK {
		t.Fatalf("got %d: %s", w.Code, w.Body)
	}
	full = make(chan struct{})
	close(full)
	if w := post(s, paths.Alertmanager, "application/json", strings.Replace(manyAlerts(500, 0), "{}:{}", "g", 1)); w.Code != http.StatusOK {
		t.Fatalf("got %d: %s", w.Code, w.Body)
	}
	list := &v1alpha1.NotificationList{}
	err := kept.List(t.Context(), list)
	if err != nil || len(list.Items) != inbound.MaxAnnouncing+500 || most.Load() != inbound.MaxAnnouncing {
		t.Errorf("%d are stored, %v, at most %d at once", len(list.Items), err, most.Load())
	}
}

// TestAPIServerThatDoesNotAnswer makes sure that the rest of a body is not tried.
func TestAPIServerThatDoesNotAnswer(t *testing.T) {
	var tries atomic.Int32
	s, _ := receiving(t, func(*v1alpha1.Notification) error {
		tries.Add(1)
		return errors.New("connection refused")
	})
	w := post(s, paths.Alertmanager, "application/json", manyAlerts(1000, 0))
	if w.Code != http.StatusServiceUnavailable || tries.Load() > inbound.MaxAnnouncing {
		t.Errorf("got %d after %d tries: %s", w.Code, tries.Load(), w.Body)
	}
}

// TestBinaryCloudEvents posts events in binary mode without a content type, or without data.
func TestBinaryCloudEvents(t *testing.T) {
	for name, c := range map[string]struct{ contentType, body string }{
		"neither":             {"", ""},
		"no content type":     {"", `{"title":"hum"}`},
		"no data":             {"application/json", ""},
		"no data, of no JSON": {"text/plain", ""},
		"both":                {"application/json", `{"title":"hum"}`},
	} {
		s, _ := receiving(t, nil)
		r := httptest.NewRequest(http.MethodPost, paths.Events, strings.NewReader(c.body))
		for name, value := range map[string]string{
			"Authorization": "Bearer " + jwt("token"), "Ce-Specversion": "1.0", "Ce-Source": "/x", "Ce-Type": "dev.voiceai.system.alert.firing", "Ce-Id": "1",
		} {
			r.Header.Set(name, value)
		}
		if c.contentType != "" {
			r.Header.Set("Content-Type", c.contentType)
		}
		w := httptest.NewRecorder()
		s.handler.ServeHTTP(w, r)
		if w.Code != http.StatusOK || !strings.Contains(w.Body.String(), `"notifications":1`) {
			t.Errorf("%s: got %d: %s", name, w.Code, w.Body)
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
}

// TestStoredNotificationsNameTheirCaller checks that one line of the log names who sent the events of a request, also
// when some of them were refused, and none when all were known.
func TestStoredNotificationsNameTheirCaller(t *testing.T) {
	s, _ := receiving(t, func(n *v1alpha1.Notification) error {
		if strings.Contains(string(n.Spec.Event.Data.Raw), `"refused"`) {
			return apierrors.NewForbidden(schema.GroupResource{Resource: "notifications"}, "n", errors.New("exceeded quota"))
		}
		return nil
	})
	for _, c := range []struct {
		events []string
		want   string
	}{
		{[]string{"one", "two"}, `"caller"="alice" "namespace"="default" "events"=2 "notifications"=2`},
		{[]string{"one", "two"}, ""},
		{[]string{"three", "refused"}, `"caller"="alice" "namespace"="default" "events"=2 "notifications"=1`},
	} {
		var lines []string
		log := funcr.New(func(_, args string) {
			if strings.Contains(args, `"Stored Notifications for a caller"`) {
				lines = append(lines, args)
			}
		}, funcr.Options{})
		var bodies []string
		for _, id := range c.events {
			bodies = append(bodies, alertEvent(id))
		}
		r := httptest.NewRequestWithContext(ctrl.LoggerInto(t.Context(), log), http.MethodPost, paths.Events,
			strings.NewReader("["+strings.Join(bodies, ",")+"]"))
		r.Header.Set("Authorization", "Bearer "+jwt("token"))
		r.Header.Set("Content-Type", "application/cloudevents-batch+json")
		s.handler.ServeHTTP(httptest.NewRecorder(), r)
		if got := strings.Join(lines, "\n"); !strings.HasSuffix(got, c.want) || len(lines) != min(1, len(c.want)) {
			t.Errorf("%v: logged %q, want one line with %s", c.events, got, c.want)
		}
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
