// SPDX-License-Identifier: Apache-2.0

package edge

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/manager"
	"sigs.k8s.io/controller-runtime/pkg/metrics"

	"github.com/voiceai-dev/integrations-operator/api/v1alpha1"
	"github.com/voiceai-dev/integrations-operator/internal/listener"
)

var _ interface {
	manager.Runnable
	manager.LeaderElectionRunnable
} = &listener.Listener{}

const (
	keyHeader = "X-Key"
	idHeader  = "X-Delivery"
)

// keyVerifier accepts the requests whose header contains the key "good".
type keyVerifier struct {
	// err is the error of Verify, if any.
	err error
}

func (v *keyVerifier) CheckHeader(header http.Header) error {
	if header.Get(keyHeader) == "" {
		return &Refusal{Reason: "no key"}
	}
	return nil
}

func (v *keyVerifier) Verify(_ context.Context, request Request) (Origin, error) {
	if v.err != nil {
		return Origin{}, v.err
	}
	if request.Header.Get(keyHeader) != "good" {
		return Origin{}, &Refusal{Reason: "wrong key"}
	}
	integration := &v1alpha1.SlackIntegration{}
	integration.UID = types.UID(request.Integration.String())
	return Origin{Integration: integration, DeliveryID: request.Header.Get(idHeader)}, nil
}

// recorder answers with a response or an error, and records the bodies it handled.
type recorder struct {
	response Response
	err      error
	handled  []string
}

func (h *recorder) Handle(_ context.Context, from Origin, body []byte) (Response, error) {
	h.handled = append(h.handled, fmt.Sprintf("%s: %s", from.Integration.GetUID(), body))
	return h.response, h.err
}

// waiter handles requests until it is released.
type waiter struct {
	entered chan struct{}
	release chan struct{}
}

func (h *waiter) Handle(context.Context, Origin, []byte) (Response, error) {
	h.entered <- struct{}{}
	<-h.release
	return Response{Result: Accepted}, nil
}

func newRoute(source string, v Verifier, h Handler) Route {
	return Route{
		Method:   http.MethodPost,
		Path:     "/" + source + "/{namespace}/{name}",
		Kind:     v1alpha1.KindSlackIntegration,
		Source:   source,
		Limits:   Limits{BodyBytes: 16, InProgress: 4, HandlingTime: time.Minute},
		Verifier: v,
		Handler:  h,
	}
}

func newRequest(path, key, id, body string) *http.Request {
	r := httptest.NewRequest(http.MethodPost, path, strings.NewReader(body))
	r.Header.Set(keyHeader, key)
	r.Header.Set(idHeader, id)
	return r
}

// countResults returns the counter of a source's result, as Prometheus scrapes it.
func countResults(t *testing.T, source string, want Result) float64 {
	t.Helper()
	families, err := metrics.Registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		if f.GetName() != "voiceai_webhooks_total" {
			continue
		}
		for _, m := range f.GetMetric() {
			labels := map[string]string{}
			for _, l := range m.GetLabel() {
				labels[l.GetName()] = l.GetValue()
			}
			if labels["source"] == source && labels["result"] == string(want) {
				return m.GetCounter().GetValue()
			}
		}
	}
	t.Fatalf("%s is not counted for %s", want, source)
	return 0
}

// send returns the answer to a request and checks that one more is counted under the result.
func send(t *testing.T, handler http.Handler, r *http.Request, source string, want Result) *httptest.ResponseRecorder {
	t.Helper()
	before := countResults(t, source, want)
	rec := httptest.NewRecorder()
	handler.ServeHTTP(rec, r)
	if n := countResults(t, source, want) - before; n != 1 {
		t.Errorf("%v more were counted as %s, want 1; the status is %d", n, want, rec.Code)
	}
	return rec
}

func TestCallsTheHandlerOnlyForVerifiedRequests(t *testing.T) {
	refusal := fmt.Errorf("verifying: %w", &Refusal{Reason: "suspended"})
	for name, test := range map[string]struct {
		key, body string
		verifyErr error
		status    int
		want      Result
	}{
		"no key":            {"", "hello", nil, http.StatusUnauthorized, refused},
		"wrong key":         {"bad", "hello", nil, http.StatusUnauthorized, refused},
		"wrapped refusal":   {"good", "hello", refusal, http.StatusUnauthorized, refused},
		"cannot verify now": {"good", "hello", errors.New("down"), http.StatusServiceUnavailable, failed},
		"body too long":     {"good", strings.Repeat("x", 17), nil, http.StatusRequestEntityTooLarge, refused},
		"verified":          {"good", "hello", nil, http.StatusOK, Accepted},
		"longest body":      {"good", strings.Repeat("x", 16), nil, http.StatusOK, Accepted},
		"empty body":        {"good", "", nil, http.StatusOK, Accepted},
	} {
		t.Run(name, func(t *testing.T) {
			h := &recorder{response: Response{Result: Accepted}}
			handler := newHandler([]Route{newRoute("verified", &keyVerifier{err: test.verifyErr}, h)}, newIntake())
			rec := send(t, handler, newRequest("/verified/a/b", test.key, "1", test.body), "verified", test.want)
			if rec.Code != test.status {
				t.Errorf("answered %d, want %d", rec.Code, test.status)
			}
			var want []string
			if test.want == Accepted {
				want = []string{"a/b: " + test.body}
			}
			if fmt.Sprint(h.handled) != fmt.Sprint(want) {
				t.Errorf("handled %q, want %q", h.handled, want)
			}
		})
	}
}

func TestAnswersWhatTheHandlerReturns(t *testing.T) {
	for name, test := range map[string]struct {
		response Response
		err      error
		status   int
		body     string
		want     Result
	}{
		"accepted":    {Response{Result: Accepted}, nil, http.StatusOK, "", Accepted},
		"ignored":     {Response{Result: Ignored}, nil, http.StatusOK, "", Ignored},
		"with a body": {Response{Result: Accepted, Body: []byte(`{"a":1}`)}, nil, http.StatusOK, `{"a":1}`, Accepted},
		"malformed":   {Response{}, &Refusal{Reason: "detail"}, http.StatusBadRequest, "Bad Request\n", refused},
		"failed":      {Response{}, errors.New("detail"), http.StatusServiceUnavailable, "Service Unavailable\n", failed},
	} {
		t.Run(name, func(t *testing.T) {
			h := &recorder{response: test.response, err: test.err}
			handler := newHandler([]Route{newRoute("answered", &keyVerifier{}, h)}, newIntake())
			rec := send(t, handler, newRequest("/answered/a/b", "good", "1", ""), "answered", test.want)
			if rec.Code != test.status || rec.Body.String() != test.body {
				t.Errorf("answered %d %q, want %d %q", rec.Code, rec.Body, test.status, test.body)
			}
			if isJSON := rec.Header().Get("Content-Type") == "application/json"; isJSON != (test.response.Body != nil) {
				t.Errorf("the header is %v", rec.Header())
			}
			retryAfter := ""
			if test.want == failed {
				retryAfter = failedRetryAfter
			}
			if got := rec.Header().Get("Retry-After"); got != retryAfter {
				t.Errorf("Retry-After is %q, want %q", got, retryAfter)
			}
		})
	}
}

func TestHandlesADeliveryOnce(t *testing.T) {
	h := &recorder{err: errors.New("down")}
	first := newRoute("first", &keyVerifier{}, h)
	second := newRoute("second", &keyVerifier{}, h)
	handler := newHandler([]Route{first, second}, newIntake())
	wantHandled := func(n int) {
		t.Helper()
		if len(h.handled) != n {
			t.Errorf("handled %q, want %d", h.handled, n)
		}
	}
	send(t, handler, newRequest("/first/a/b", "good", "1", "x"), "first", failed)
	h.err = &Refusal{}
	send(t, handler, newRequest("/first/a/b", "good", "1", "x"), "first", refused)
	h.err = nil
	h.response = Response{Result: Accepted, Body: []byte(`{}`)}
	send(t, handler, newRequest("/first/a/b", "good", "1", "x"), "first", Accepted)
	wantHandled(3) // a delivery that failed is handled again

	for range 2 {
		rec := send(t, handler, newRequest("/first/a/b", "good", "1", "x"), "first", repeated)
		if rec.Code != http.StatusOK || rec.Body.Len() > 0 {
			t.Errorf("a repetition was answered %d %q", rec.Code, rec.Body)
		}
	}
	send(t, handler, newRequest("/first/a/b", "bad", "1", "x"), "first", refused) // it is verified nevertheless
	wantHandled(3)

	send(t, handler, newRequest("/first/a/b", "good", "2", "x"), "first", Accepted)
	send(t, handler, newRequest("/first/a/c", "good", "1", "x"), "first", Accepted)
	send(t, handler, newRequest("/second/a/b", "good", "1", "x"), "second", Accepted)
	wantHandled(6)
}

func TestRemembersALimitedNumberOfDeliveries(t *testing.T) {
	rc := newReceiver(newRoute("remembered", &keyVerifier{}, &recorder{response: Response{Result: Accepted}}), newIntake())
	for i := range maxDelivered + 10 {
		rc.ServeHTTP(httptest.NewRecorder(), newRequest("/", "good", fmt.Sprint(i), ""))
	}
	if n := rc.delivered.Len(); n != maxDelivered {
		t.Errorf("%d deliveries are remembered, want %d", n, maxDelivered)
	}
}

// post sends a request to a server. It returns the status of the answer and its Retry-After; 0 and an error if there
// is none.
func post(server *httptest.Server, path, id string) (status int, retryAfter string) {
	r, err := http.NewRequest(http.MethodPost, server.URL+path, nil)
	if err != nil {
		return 0, err.Error()
	}
	r.Header.Set(keyHeader, "good")
	r.Header.Set(idHeader, id)
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		return 0, err.Error()
	}
	defer res.Body.Close()
	_, _ = io.Copy(io.Discard, res.Body)
	return res.StatusCode, res.Header.Get("Retry-After")
}

// A route whose slots are all taken turns clients away, and another one still answers.
func TestARouteCannotStarveAnother(t *testing.T) {
	slow := &waiter{entered: make(chan struct{}), release: make(chan struct{})}
	busy := newRoute("busy", &keyVerifier{}, slow)
	other := newRoute("other", &keyVerifier{}, &recorder{response: Response{Result: Accepted}})
	server := httptest.NewServer(newHandler([]Route{busy, other}, newIntake()))
	defer server.Close()

	served := make(chan int, busy.Limits.InProgress)
	for i := range busy.Limits.InProgress {
		go func() {
			status, _ := post(server, "/busy/a/b", fmt.Sprint(i))
			served <- status
		}()
	}
	for range busy.Limits.InProgress {
		<-slow.entered
	}
	before := countResults(t, "busy", failed)
	status, retryAfter := post(server, "/busy/a/b", "one more")
	if status != http.StatusServiceUnavailable || retryAfter != busyRetryAfter {
		t.Errorf("one more was answered %d with Retry-After %q", status, retryAfter)
	}
	if n := countResults(t, "busy", failed) - before; n != 1 {
		t.Errorf("%v were counted as failed, want 1", n)
	}
	for i := range 3 * other.Limits.InProgress {
		if status, text := post(server, "/other/a/b", fmt.Sprint(i)); status != http.StatusOK {
			t.Errorf("the other route answered %d %s, want 200", status, text)
		}
	}

	close(slow.release)
	for range busy.Limits.InProgress {
		if status := <-served; status != http.StatusOK {
			t.Errorf("a request in progress was answered %d, want 200", status)
		}
	}
	go func() { <-slow.entered }()
	if status, _ := post(server, "/busy/a/b", "after"); status != http.StatusOK {
		t.Errorf("a request after that was answered %d, want 200", status)
	}
}

// The time for handling a request is bounded.
func TestHandlingEnds(t *testing.T) {
	route := newRoute("bounded", &keyVerifier{}, handlerFunc(func(ctx context.Context) error {
		<-ctx.Done()
		return ctx.Err()
	}))
	route.Limits.HandlingTime = time.Millisecond
	send(t, newHandler([]Route{route}, newIntake()), newRequest("/bounded/a/b", "good", "1", ""), "bounded", failed)
}

type handlerFunc func(context.Context) error

func (h handlerFunc) Handle(ctx context.Context, _ Origin, _ []byte) (Response, error) {
	return Response{Result: Accepted}, h(ctx)
}

func TestPanicsWithoutLimits(t *testing.T) {
	for name, limits := range map[string]Limits{
		"body":         {InProgress: 1, HandlingTime: 1},
		"in progress":  {BodyBytes: 1, HandlingTime: 1},
		"handling":     {BodyBytes: 1, InProgress: 1},
		"all of these": {},
	} {
		t.Run(name, func(t *testing.T) {
			defer func() {
				if recover() == nil {
					t.Error("a route without a limit was accepted")
				}
			}()
			route := newRoute("unlimited", &keyVerifier{}, &recorder{})
			route.Limits = limits
			New("", route)
		})
	}
}
