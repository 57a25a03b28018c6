package apiserver

import (
	"context"
	"crypto/sha256"
	"errors"
	"mime"
	"net"
	"net/http"
	"net/url"
	"path"
	"runtime/debug"
	"strings"
	"sync"

	ctrl "sigs.k8s.io/controller-runtime"

	"github.com/voiceai-dev/integrations-operator/internal/identity"
)

const (
	// maxInFlight requests are worked on at once, those that watch not counted, and maxInFlightPerCaller of one caller.
	maxInFlight, maxInFlightPerCaller = 256, 32
	// failuresPerSecond is how many wrong tokens one address may try; each costs a TokenReview.
	failuresPerSecond = 20
	// maxGoodTokens are remembered, to be let through from an address from which wrong ones come too.
	maxGoodTokens = 4096
	// nothingElsewhere is the policy of answers that are not pages.
	nothingElsewhere = "default-src 'none'; frame-ancestors 'none'"
)

// guard lets through to the routes what is well-formed, from somebody known, and not too much. What is none of the API's goes to pages.
func (s *Server) guard(mux *http.ServeMux, pages func() http.Handler) http.Handler {
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
		ours := strings.HasPrefix(r.URL.Path, "/api/")
		if ours {
			known, leave, problem := s.admit(r)
			if problem != nil {
				problem.write(w)
				return
			}
			defer leave()
			r = known.WithContext(context.WithValue(known.Context(), positionKey{}, s.hub.position()))
		} else {
			r = r.WithContext(context.WithValue(r.Context(), pageKey{}, &pageCalls{}))
		}
		_, pattern := mux.Handler(r)
		switch {
		case pattern == "" && !ours && pages() != nil && allowed(mux, r) == "":
			pages().ServeHTTP(w, r)
		case pattern == "", r.Method == http.MethodHead && r.URL.Path == watchPath:
			s.unrouted(mux, w, r)
		default:
			mux.ServeHTTP(w, r)
		}
	})
}

// admit finds out who asks, and whether it is too often or too much. The request that comes back carries the caller, who is to leave when it is
// answered.
func (s *Server) admit(r *http.Request) (known *http.Request, leave func(), problem *Problem) {
	token := identity.BearerToken(r)
	if token == "" {
		return nil, nil, unknown()
	}
	address, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		address = r.RemoteAddr
	}
	hash := sha256.Sum256([]byte(token))
	tooMuch := http.StatusTooManyRequests
	if inbound(r) { // those who send events drop what is answered so
		tooMuch = http.StatusServiceUnavailable
	}
	if seconds, yes := s.failures.spent(address); yes {
		if _, good := s.good.Get(hash); !good { // others may come from the same address: that of a proxy
			return nil, nil, later(tooMuch, seconds, "too many wrong tokens from your address; wait %d s", seconds)
		}
	}
	caller, err := s.o.Identity.Authenticate(r.Context(), token)
	switch {
	case errors.Is(err, identity.ErrUnauthenticated):
		s.good.Remove(hash)
		s.failures.take(address)
		return nil, nil, unknown()
	case err != nil:
		ctrl.LoggerFrom(r.Context()).Error(err, "A caller could not be looked up")
		return nil, nil, later(http.StatusServiceUnavailable, 5, "Kubernetes could not be asked who you are; try again")
	}
	s.good.Add(hash, nil)
	if seconds, ok := s.takeOnce(r, caller.GetName()); !ok {
		return nil, nil, later(tooMuch, seconds, "you ask too often: more than %g requests a second; wait %d s", float64(s.bucketsFor(r).rate), seconds)
	}
	if _, err := url.ParseQuery(r.URL.RawQuery); err != nil { // what cannot be read would be left out
		return nil, nil, wrong("query", "the query is malformed: %v", err)
	}
	if p := checkContent(r); p != nil {
		return nil, nil, p
	}
	leave = func() {}
	switch {
	case inbound(r):
		leave, problem = s.turns.enter(r.Context(), caller.GetName())
	case r.URL.Path != watchPath:
		leave, problem = s.under.enter(caller.GetName())
	}
	if problem != nil {
		return nil, nil, problem
	}
	return r.WithContext(context.WithValue(r.Context(), callerKey{}, caller)), leave, nil
}

func unknown() *Problem {
	p := mistake(http.StatusUnauthorized, "send a bearer token that this cluster knows, such as one of kubectl create token")
	p.header = http.Header{"Www-Authenticate": {`Bearer realm="voiceai"`}}
	return p
}

// underWay counts what is worked on, of all and of each caller.
type underWay struct {
	mu  sync.Mutex
	all int
	of  map[string]int
}

// enter counts one more until it leaves, unless there are too many.
func (u *underWay) enter(caller string) (leave func(), problem *Problem) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.of[caller] >= maxInFlightPerCaller {
		return nil, later(http.StatusTooManyRequests, 1, "%d of your requests are under way; wait for one to end", maxInFlightPerCaller)
	}
	if u.all >= maxInFlight {
		return nil, later(http.StatusServiceUnavailable, 1, "too much is under way here; try again")
	}
	u.all++
	u.of[caller]++
	return func() {
		u.mu.Lock()
		defer u.mu.Unlock()
		u.all--
		if u.of[caller]--; u.of[caller] == 0 {
			delete(u.of, caller)
		}
	}, nil
}

type pageKey struct{}

// pageCalls are what a page asks the API, which is one request of the caller's and not several.
type pageCalls struct {
	once       sync.Once
	retryAfter int
	ok         bool
}

// takeOnce takes from a caller's bucket, once for a page.
func (s *Server) takeOnce(r *http.Request, caller string) (retryAfter int, ok bool) {
	calls, of := r.Context().Value(pageKey{}).(*pageCalls)
	if !of {
		return s.bucketsFor(r).take(caller)
	}
	calls.once.Do(func() { calls.retryAfter, calls.ok = s.callers.take(caller) })
	return calls.retryAfter, calls.ok
}

// bucketsFor are those that a request is taken from: what sends events sends far more than people ask.
func (s *Server) bucketsFor(r *http.Request) *buckets {
	if inbound(r) {
		return s.senders
	}
	return s.callers
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
	methods := http.MethodGet
	if r.URL.Path != watchPath {
		methods = allowed(mux, r)
	}
	if methods == "" {
		nothing(r).write(w)
		return
	}
	p := mistake(http.StatusMethodNotAllowed, "%s does not take %s, but %s", r.URL.Path, r.Method, methods)
	p.header = http.Header{"Allow": {methods}}
	p.write(w)
}

// allowed are the methods that there are routes for at the address of a request that none is for; empty when there are none.
func allowed(mux *http.ServeMux, r *http.Request) string {
	probe := headerOnly{http.Header{}}
	mux.ServeHTTP(probe, r)
	return probe.header.Get("Allow")
}

func nothing(*http.Request) *Problem {
	return mistake(http.StatusNotFound, "there is nothing here: /docs says what there is")
}

// headerOnly keeps headers, and drops the rest.
type headerOnly struct{ header http.Header }

func (h headerOnly) Header() http.Header         { return h.header }
func (h headerOnly) WriteHeader(int)             {}
func (h headerOnly) Write(p []byte) (int, error) { return len(p), nil }

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
