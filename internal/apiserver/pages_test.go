// SPDX-License-Identifier: Apache-2.0

package apiserver

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	testingclock "k8s.io/utils/clock/testing"
)

// TestAPageCountsOnce covers a page that sends three requests to the API for a caller whose rate allows one.
func TestAPageCountsOnce(t *testing.T) {
	var inner []int
	s, err := New(Options{Identity: gate{}, Clock: testingclock.NewFakeClock(time.Now()), RequestsPerSecond: 0.5,
		Pages: func(api http.Handler) http.Handler {
			return http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
				for range 3 {
					w := httptest.NewRecorder()
					inside := httptest.NewRequestWithContext(r.Context(), http.MethodGet, "/api/v1/access", nil)
					inside.Header.Set("Authorization", "Bearer "+jwt("token"))
					api.ServeHTTP(w, inside)
					inner = append(inner, w.Code)
				}
			})
		}})
	if err != nil {
		t.Fatal(err)
	}
	ask(s, "/")
	ask(s, "/")
	want := []int{200, 200, 200, 429, 429, 429} // the second page is over the rate
	for i, code := range inner {
		if code != want[i] {
			t.Fatalf("got %v, want %v", inner, want)
		}
	}
	if w := ask(s, "/api/v1/access"); w.Code != http.StatusTooManyRequests {
		t.Errorf("got %d outside of a page, want 429", w.Code)
	}
}

// TestUnroutedPaths requests paths without a route, beside pages that serve all other paths.
func TestUnroutedPaths(t *testing.T) {
	s, err := New(Options{Identity: gate{}, Clock: testingclock.NewFakeClock(time.Now()), Pages: func(http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusTeapot) })
	}})
	if err != nil {
		t.Fatal(err)
	}
	for request, want := range map[string]struct {
		status int
		allow  string
	}{
		"GET /anywhere":            {status: http.StatusTeapot},
		"GET /api/v1/nothing":      {status: http.StatusNotFound},
		"DELETE /api/v1/defects":   {http.StatusMethodNotAllowed, "GET, HEAD, POST"},
		"HEAD /api/v1/watch":       {http.StatusMethodNotAllowed, "GET"},
		"POST /api/v1/suites":      {http.StatusMethodNotAllowed, "GET, HEAD"},
		"POST /openapi.json":       {http.StatusMethodNotAllowed, "GET, HEAD"},
		"DELETE /openapi":          {http.StatusMethodNotAllowed, "GET, HEAD"},
		"GET /openapi/":            {status: http.StatusOK},
		"GET /api/v1//defects":     {status: http.StatusNotFound},
		"GET /api/v1/x/../defects": {status: http.StatusNotFound},
	} {
		method, path, _ := strings.Cut(request, " ")
		r := httptest.NewRequest(method, path, nil)
		r.Header.Set("Authorization", "Bearer "+jwt("token"))
		w := httptest.NewRecorder()
		s.handler.ServeHTTP(w, r)
		if w.Code != want.status || w.Header().Get("Allow") != want.allow {
			t.Errorf("%s: got %d, Allow %q, want %d, %q", request, w.Code, w.Header().Get("Allow"), want.status, want.allow)
		}
	}
}
