// SPDX-License-Identifier: Apache-2.0

package guard

import (
	"context"
	"encoding/base64"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"k8s.io/apiserver/pkg/authentication/user"
	testingclock "k8s.io/utils/clock/testing"

	"github.com/voiceai-dev/integrations-operator/internal/apiserver/limit"
	"github.com/voiceai-dev/integrations-operator/internal/apiserver/paths"
	"github.com/voiceai-dev/integrations-operator/internal/apiserver/watch"
	"github.com/voiceai-dev/integrations-operator/internal/identity"
)

// reviewer accepts the tokens whose signature is "good", and counts its reviews.
type reviewer struct {
	mu      sync.Mutex
	reviews int
}

func (r *reviewer) Authenticate(_ context.Context, token string) (identity.Caller, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.reviews++
	if !strings.HasSuffix(token, "."+encode("good")) {
		return identity.Caller{}, identity.ErrUnauthenticated
	}
	return identity.Caller{Info: &user.DefaultInfo{Name: "alice"}}, nil
}

func (r *reviewer) count() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.reviews
}

func encode(s string) string { return base64.RawURLEncoding.EncodeToString([]byte(s)) }

// token returns a JWT of a subject, with a signature.
func token(subject any, signature string) string {
	return encode(`{"alg":"ES256"}`) + "." + encode(fmt.Sprintf(`{"sub":"%v"}`, subject)) + "." + encode(signature)
}

// sender sends requests from an address.
type sender struct {
	handler http.Handler
	address string
}

// send returns the status of the answer to a request with a token.
func (s sender) send(ctx context.Context, token string) int {
	r := httptest.NewRequestWithContext(ctx, http.MethodGet, paths.Access, nil)
	r.RemoteAddr = s.address
	r.Header.Set("Authorization", "Bearer "+token)
	w := httptest.NewRecorder()
	s.handler.ServeHTTP(w, r)
	return w.Code
}

// newSender returns a sender to a guard whose one route answers 200.
func newSender(now *testingclock.FakeClock) (sender, *reviewer) {
	reviewer := &reviewer{}
	mux := http.NewServeMux()
	mux.HandleFunc(paths.Access, func(http.ResponseWriter, *http.Request) {})
	g := New(Options{Identity: reviewer, Clock: now, RequestsPerSecond: 1e6, Hub: watch.NewHub()})
	return sender{g.Handler(mux, func() http.Handler { return nil }), "192.0.2.1:1234"}, reviewer
}

// TestWrongTokensRefuseNoOther sends wrong tokens until no turn is left, and then good ones from the same address and
// from another.
func TestWrongTokensRefuseNoOther(t *testing.T) {
	now := testingclock.NewFakeClock(time.Now())
	stranger, reviewer := newSender(now)
	neighbour := sender{stranger.handler, "198.51.100.7:80"}
	if code := stranger.send(t.Context(), token("known", "good")); code != http.StatusOK {
		t.Fatalf("got %d", code)
	}
	for i := range 2*limit.TurnsPerSecond - 1 {
		if code := stranger.send(t.Context(), token(i, "wrong")); code != http.StatusUnauthorized {
			t.Fatalf("wrong token %d: got %d", i, code)
		}
	}
	budget := reviewer.count()
	if code := stranger.send(t.Context(), token("known", "good")); code != http.StatusOK {
		t.Errorf("a known token behind the same address: got %d", code)
	}
	answers := make(chan int)
	waiting := 0
	for _, s := range []sender{stranger, neighbour} { // with tokens that were not seen before
		go func() { answers <- s.send(t.Context(), token(s.address, "good")) }()
		waiting++
	}
	for range 100 {
		go func() { answers <- stranger.send(t.Context(), token("another", "wrong")) }()
		waiting++
	}
	codes := map[int]int{}
	for waiting > 0 {
		select {
		case code := <-answers:
			codes[code]++
			waiting--
		default:
			if now.HasWaiters() {
				now.Step(time.Second / limit.TurnsPerSecond)
			}
		}
	}
	if codes[http.StatusOK] != 2 || codes[http.StatusUnauthorized] != 100 {
		t.Errorf("got %v, want 2 times 200 and 100 times 401", codes)
	}
	if got := reviewer.count() - budget; got != 103 {
		t.Errorf("%d reviews, want one for each", got)
	}
}

// TestReviewsHaveABudget sends many more wrong tokens at once than there are turns, from several addresses.
func TestReviewsHaveABudget(t *testing.T) {
	now := testingclock.NewFakeClock(time.Now())
	s, reviewer := newSender(now)
	ctx, cancel := context.WithCancel(t.Context())
	var sent sync.WaitGroup
	answered := make(chan struct{}, 1000)
	for i := range 1000 {
		sent.Go(func() {
			from := sender{s.handler, fmt.Sprintf("192.0.2.%d:1234", i%10)}
			from.send(ctx, token(i, "wrong"))
			answered <- struct{}{}
		})
	}
	for range 2 * limit.TurnsPerSecond {
		<-answered
	}
	cancel() // the others wait for ever, as the clock stands
	sent.Wait()
	if got := reviewer.count(); got != 2*limit.TurnsPerSecond {
		t.Errorf("%d reviews, want %d", got, 2*limit.TurnsPerSecond)
	}
}

func TestMalformedTokensAreNotReviewed(t *testing.T) {
	s, reviewer := newSender(testingclock.NewFakeClock(time.Now()))
	for range 5 * limit.TurnsPerSecond {
		for _, malformed := range []string{"", "two words", "a,b", "=", "a=b", "\x1b[31m", "é", "e30.e30." + strings.Repeat("x", 1<<15)} {
			if code := s.send(t.Context(), malformed); code != http.StatusUnauthorized {
				t.Fatalf("%q: got %d", malformed, code)
			}
		}
	}
	if got := reviewer.count(); got != 0 {
		t.Errorf("%d reviews", got)
	}
	if code := s.send(t.Context(), token("x", "good")); code != http.StatusOK {
		t.Errorf("a good token afterwards: got %d", code)
	}
}
