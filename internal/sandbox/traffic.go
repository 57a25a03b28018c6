// SPDX-License-Identifier: Apache-2.0

package sandbox

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"time"
)

// maxBody is the maximum size of a request's body in bytes, maxFile that of one with a file.
const (
	maxBody = 1 << 20
	maxFile = 11 << 20
)

// limitOf returns the maximum size of a request's body in bytes.
func limitOf(r *http.Request) int64 {
	if strings.HasPrefix(r.Header.Get("Content-Type"), "multipart/form-data") {
		return maxFile
	}
	return maxBody
}

// Request is a kind of request.
type Request struct {
	Service Service `json:"service"`
	// Route is the method and the pattern, such as "POST /jira/rest/api/2/issue", or "other".
	Route  string `json:"route"`
	Status int    `json:"status"`
}

// traffic adds latency and faults to the calls to Slack and Jira, and counts them. It holds no lock while it waits.
type traffic struct {
	latency time.Duration
	faults  *Faults

	mu     sync.Mutex
	counts map[Request]int
}

// requests returns the counts.
func (t *traffic) requests() map[Request]int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return maps.Clone(t.counts)
}

// reset clears the counts.
func (t *traffic) reset() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.counts = map[Request]int{}
}

// count counts a request.
func (t *traffic) count(service Service, route string, status int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.counts[Request{service, route, status}]++
}

// wrap returns a handler for a service.
func (t *traffic) wrap(service Service, mux *http.ServeMux) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		route := routeOf(mux, r)
		body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, limitOf(r)))
		if tooLarge := (*http.MaxBytesError)(nil); errors.As(err, &tooLarge) {
			t.count(service, route, http.StatusRequestEntityTooLarge)
			http.Error(w, "request entity too large", http.StatusRequestEntityTooLarge)
			return
		} else if err != nil { // the client is gone
			t.drop(service, route)
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
		if !wait(r.Context(), t.latency, nil) {
			t.drop(service, route)
		}
		if fault, end, found := t.faults.take(service, r); found {
			pause := func() bool { return wait(r.Context(), time.Duration(fault.DelayMS)*time.Millisecond, end) }
			t.fail(w, r, mux, fault, route, pause)
			return
		}
		recorder := &statusRecorder{ResponseWriter: w}
		mux.ServeHTTP(recorder, r)
		t.count(service, route, cmp.Or(recorder.status, http.StatusOK))
	})
}

// fail lets a fault happen to a request. pause waits for the fault's delay, and reports whether the client waits, too.
func (t *traffic) fail(w http.ResponseWriter, r *http.Request, mux *http.ServeMux, f Fault, route string, pause func() bool) {
	answered := f.Status != 0 || f.Body != ""
	accepted := f.Drop == DropAfter || f.Drop == "" && (f.Accept || !answered)
	early := f.Drop == DropBefore || f.Drop == "" && !f.Accept
	if early && !pause() {
		t.drop(f.Service, route)
	}
	given := httptest.NewRecorder()
	if accepted {
		mux.ServeHTTP(given, r)
	}
	if !early && !pause() || f.Drop != "" {
		t.drop(f.Service, route)
	}
	if answered {
		given = httptest.NewRecorder()
		given.Header().Set("Content-Type", cmp.Or(f.ContentType, contentType(f.Service)))
		given.Code = cmp.Or(f.Status, http.StatusOK)
		given.Body.WriteString(f.Body)
	}
	for name, value := range f.Headers {
		given.Header().Set(name, value)
	}
	maps.Copy(w.Header(), given.Header())
	w.WriteHeader(given.Code)
	_, _ = w.Write(given.Body.Bytes()) // fails only if the client is gone
	t.count(f.Service, route, given.Code)
}

// drop closes the connection without an answer. It does not return.
func (t *traffic) drop(service Service, route string) {
	t.count(service, route, 0)
	panic(http.ErrAbortHandler)
}

// contentType returns the content type of a service's answers.
func contentType(s Service) string {
	if s == Webhook {
		return "text/plain; charset=utf-8"
	}
	return "application/json;charset=UTF-8"
}

// routeOf returns the route of a request by its pattern, which bounds the number of routes.
func routeOf(mux *http.ServeMux, r *http.Request) string {
	_, pattern := mux.Handler(r)
	switch {
	case pattern == "" || strings.HasSuffix(pattern, "/"):
		return "other"
	case pattern[0] == '/':
		return "POST " + pattern // Slack's methods also accept GET
	}
	return pattern
}

// wait waits for d, or until end is closed. It returns false if the client disconnects or the server stops before.
func wait(ctx context.Context, d time.Duration, end <-chan struct{}) bool {
	if d <= 0 {
		return true
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-end:
		return true
	case <-ctx.Done():
		return false
	}
}

// statusRecorder records the status of an answer.
type statusRecorder struct {
	http.ResponseWriter
	status int
}

// WriteHeader records the status.
func (w *statusRecorder) WriteHeader(status int) {
	w.status = status
	w.ResponseWriter.WriteHeader(status)
}
