package apiserver

import (
	"context"
	"errors"
	"mime"
	"net"
	"net/http"
	"path"
	"runtime/debug"
	"strings"
	"sync"

	ctrl "sigs.k8s.io/controller-runtime"

	"github.com/voiceai-dev/integrations-operator/internal/identity"
)

const (
	// maxInFlight requests are worked on at once, those that watch not counted.
	maxInFlight = 256
	// failuresPerSecond is how many wrong tokens one address may try; each costs a TokenReview.
	failuresPerSecond = 20
	// nothingElsewhere is the policy of answers that are not pages.
	nothingElsewhere = "default-src 'none'; frame-ancestors 'none'"
)

// guard lets through to the routes what is well-formed, from somebody known, and not too much.
func (s *Server) guard(mux *http.ServeMux) http.Handler {
	slots := make(chan struct{}, maxInFlight)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("Content-Security-Policy", nothingElsewhere)
		h.Set("Cache-Control", "no-store")
		defer recovered(w, r)

		if clean := path.Clean(r.URL.Path); clean != strings.TrimSuffix(r.URL.Path, "/") && r.URL.Path != "/" || !strings.HasPrefix(r.URL.Path, "/") {
			nothing(r).write(w) // the mux would redirect
			return
		}
		if strings.HasPrefix(r.URL.Path, "/api/") {
			known, problem := s.admit(r)
			if problem != nil {
				problem.write(w)
				return
			}
			r = known.WithContext(context.WithValue(known.Context(), positionKey{}, s.hub.position()))
			if r.URL.Path != watchPath {
				select {
				case slots <- struct{}{}:
					defer func() { <-slots }()
				default:
					later(http.StatusServiceUnavailable, 1, "too much is under way here; try again").write(w)
					return
				}
			}
		}
		if !strings.HasPrefix(r.URL.Path, "/api/") {
			r = r.WithContext(context.WithValue(r.Context(), pageKey{}, &pageCalls{}))
		}
		if _, pattern := mux.Handler(r); pattern == "" || pattern == "/" && strings.HasPrefix(r.URL.Path, "/api/") {
			s.unrouted(mux, w, r)
			return
		}
		mux.ServeHTTP(w, r)
	})
}

// admit finds out who asks, and whether it is too often. The request that comes back carries the caller.
func (s *Server) admit(r *http.Request) (*http.Request, *Problem) {
	address, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		address = r.RemoteAddr
	}
	if seconds, yes := s.failures.spent(address); yes {
		return nil, later(http.StatusTooManyRequests, seconds, "too many wrong tokens from your address; wait %d s", seconds)
	}
	caller, err := s.o.Identity.Caller(r.Context(), identity.BearerToken(r))
	switch {
	case errors.Is(err, identity.ErrUnauthenticated):
		s.failures.take(address)
		p := mistake(http.StatusUnauthorized, "send a bearer token that this cluster knows, such as one of kubectl create token")
		p.header = http.Header{"Www-Authenticate": {`Bearer realm="voiceai"`}}
		return nil, p
	case err != nil:
		ctrl.LoggerFrom(r.Context()).Error(err, "A caller could not be looked up")
		return nil, later(http.StatusServiceUnavailable, 5, "Kubernetes could not be asked who you are; try again")
	}
	if seconds, ok := s.takeOnce(r.Context(), caller.GetName()); !ok {
		return nil, later(http.StatusTooManyRequests, seconds, "you ask too often: more than %g requests a second; wait %d s", s.o.RequestsPerSecond, seconds)
	}
	if p := checkContent(r); p != nil {
		return nil, p
	}
	return r.WithContext(context.WithValue(r.Context(), callerKey{}, caller)), nil
}

type pageKey struct{}

// pageCalls are what a page asks the API, which is one request of the caller's and not several.
type pageCalls struct {
	once       sync.Once
	retryAfter int
	ok         bool
}

// takeOnce takes from a caller's bucket, once for a page.
func (s *Server) takeOnce(ctx context.Context, caller string) (retryAfter int, ok bool) {
	calls, of := ctx.Value(pageKey{}).(*pageCalls)
	if !of {
		return s.callers.take(caller)
	}
	calls.once.Do(func() { calls.retryAfter, calls.ok = s.callers.take(caller) })
	return calls.retryAfter, calls.ok
}

// checkContent refuses bodies in another form than the routes read. What is posted by a form of another site is never JSON.
func checkContent(r *http.Request) *Problem {
	if r.ContentLength == 0 || r.URL.Path == eventsPath {
		return nil
	}
	kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err == nil && (kind == "application/json" || kind == "application/merge-patch+json" && r.Method == http.MethodPatch) {
		return nil
	}
	return mistake(http.StatusUnsupportedMediaType, "send application/json, and say so in Content-Type")
}

// unrouted answers what no route is for.
func (s *Server) unrouted(mux *http.ServeMux, w http.ResponseWriter, r *http.Request) {
	probe := &statusOnly{header: http.Header{}}
	mux.ServeHTTP(probe, r)
	if probe.status == http.StatusMethodNotAllowed {
		p := mistake(http.StatusMethodNotAllowed, "%s does not take %s, but %s", r.URL.Path, r.Method, probe.header.Get("Allow"))
		p.header = http.Header{"Allow": probe.header["Allow"]}
		p.write(w)
		return
	}
	nothing(r).write(w)
}

func nothing(*http.Request) *Problem {
	return mistake(http.StatusNotFound, "there is nothing here: /docs says what there is")
}

// statusOnly keeps a status and headers, and drops the body.
type statusOnly struct {
	header http.Header
	status int
}

func (s *statusOnly) Header() http.Header         { return s.header }
func (s *statusOnly) WriteHeader(status int)      { s.status = status }
func (s *statusOnly) Write(p []byte) (int, error) { return len(p), nil }

// recovered answers a panic, which is a mistake of ours, without taking anybody else down.
func recovered(w http.ResponseWriter, r *http.Request) {
	cause := recover()
	if cause == nil {
		return
	}
	if cause == http.ErrAbortHandler { //nolint:errorlint // it is compared as net/http does
		panic(cause)
	}
	ctrl.LoggerFrom(r.Context()).Error(nil, "Panic", "Cause", cause, "Path", r.URL.Path, "Stack", string(debug.Stack()))
	mistake(http.StatusInternalServerError, "something is wrong in the operator; its log says more").write(w)
}
