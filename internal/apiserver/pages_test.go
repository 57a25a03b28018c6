package apiserver

import (
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	testingclock "k8s.io/utils/clock/testing"
)

// TestAPageCountsOnce has a page ask the API three times, by a caller who may ask once.
func TestAPageCountsOnce(t *testing.T) {
	var inner []int
	s, err := New(Options{Identity: gate{}, Clock: testingclock.NewFakeClock(time.Now()), RequestsPerSecond: 0.5, Pages: func(api http.Handler) http.Handler {
		return http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			for range 3 {
				w := httptest.NewRecorder()
				asked := httptest.NewRequestWithContext(r.Context(), http.MethodGet, "/api/v1/access", nil)
				api.ServeHTTP(w, asked)
				inner = append(inner, w.Code)
			}
		})
	}})
	if err != nil {
		t.Fatal(err)
	}
	ask(s, "/")
	ask(s, "/")
	want := []int{200, 200, 200, 429, 429, 429} // the second page is one too many
	for i, code := range inner {
		if code != want[i] {
			t.Fatalf("got %v, want %v", inner, want)
		}
	}
	if w := ask(s, "/api/v1/access"); w.Code != http.StatusTooManyRequests {
		t.Errorf("got %d outside of a page, want 429", w.Code)
	}
}
