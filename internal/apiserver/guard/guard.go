// SPDX-License-Identifier: Apache-2.0

// Package guard lets requests through to the REST API that are well-formed, from a known caller, and within its
// limits.
package guard

import (
	"context"
	"crypto/sha256"
	"errors"
	"mime"
	"net/http"
	"net/url"
	"path"
	"runtime/debug"
	"strings"

	"k8s.io/utils/clock"
	"k8s.io/utils/lru"
	ctrl "sigs.k8s.io/controller-runtime"

	"github.com/voiceai-dev/integrations-operator/internal/apiserver/caller"
	"github.com/voiceai-dev/integrations-operator/internal/apiserver/limit"
	"github.com/voiceai-dev/integrations-operator/internal/apiserver/paths"
	"github.com/voiceai-dev/integrations-operator/internal/apiserver/problem"
	"github.com/voiceai-dev/integrations-operator/internal/apiserver/watch"
	"github.com/voiceai-dev/integrations-operator/internal/identity"
	"github.com/voiceai-dev/integrations-operator/internal/listener"
)

// noContentPolicy is the content security policy of answers that are not pages.
const noContentPolicy = "default-src 'none'; frame-ancestors 'none'"

// Authenticator authenticates callers.
type Authenticator interface {
	Authenticate(ctx context.Context, token string) (identity.Caller, error)
}

// Options are the options of a Guard.
type Options struct {
	Identity Authenticator
	Clock    clock.Clock
	// RequestsPerSecond is the rate of each caller.
	RequestsPerSecond float64
	Hub               *watch.Hub
	// TokenCommand is the command that creates a token.
	TokenCommand string
}

// Guard checks requests. It is safe for use by several goroutines.
type Guard struct {
	identity     Authenticator
	tokenCommand string
	hub          *watch.Hub
	// callers are the rates of callers, and senders those of callers that send events.
	callers, senders *limit.Rates
	goodTokens       *lru.Cache // by hash
	// unknownTokens are the turns of addresses to have a token reviewed that is not among goodTokens.
	unknownTokens *limit.Turns
	inFlight      *limit.InFlight
	callerQueue   *limit.CallerQueue
}

// New returns a Guard.
func New(o Options) *Guard {
	inFlight := limit.NewInFlight()
	return &Guard{
		identity:      o.Identity,
		tokenCommand:  o.TokenCommand,
		hub:           o.Hub,
		callers:       limit.NewRates(o.Clock, o.RequestsPerSecond),
		senders:       limit.NewRates(o.Clock, SendersFactor*o.RequestsPerSecond),
		goodTokens:    lru.New(maxGoodTokens),
		unknownTokens: limit.NewTurns(o.Clock),
		inFlight:      inFlight,
		callerQueue:   limit.NewCallerQueue(inFlight),
	}
}

// Handler passes requests on to the routes of mux. Paths that are not the API's go to pages.
func (g *Guard) Handler(mux *http.ServeMux, pages func() http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("Content-Security-Policy", noContentPolicy)
		h.Set("Cache-Control", "no-store")
		defer recovered(w, r)

		if !isClean(r.URL.Path) {
			notFound().Write(w) // the mux would redirect
			return
		}
		isAPI := strings.HasPrefix(r.URL.Path, "/api/")
		if isAPI {
			admitted, release, refused := g.admit(r)
			if refused != nil {
				refused.Write(w)
				return
			}
			defer release()
			r = admitted.WithContext(watch.WithPosition(admitted.Context(), g.hub.Position()))
		} else {
			r = r.WithContext(context.WithValue(r.Context(), pageKey{}, &pageCalls{}))
		}
		_, pattern := mux.Handler(r)
		switch {
		case pattern == "" && !isAPI && pages() != nil && allowedMethods(mux, r) == "":
			pages().ServeHTTP(w, r)
		case pattern == "", r.Method == http.MethodHead && r.URL.Path == paths.Watch:
			unrouted(mux, w, r)
		default:
			mux.ServeHTTP(w, r)
		}
	})
}

func isClean(p string) bool {
	return strings.HasPrefix(p, "/") && (p == "/" || path.Clean(p) == strings.TrimSuffix(p, "/"))
}

// admit authenticates the caller of a request and checks its limits. The returned request carries the caller. release
// is to be called when the request was answered.
func (g *Guard) admit(r *http.Request) (admitted *http.Request, release func(), refused *problem.Problem) {
	who, refused := g.authenticate(r)
	if refused != nil {
		return nil, nil, refused
	}
	if seconds, ok := g.takeOnce(r, who.GetName()); !ok {
		return nil, nil, problem.Temporary(tooManyStatus(r), seconds,
			"you send more than %g requests a second; wait %d s", g.ratesFor(r).PerSecond(), seconds)
	}
	if _, err := url.ParseQuery(r.URL.RawQuery); err != nil { // the framework would leave out what it cannot parse
		return nil, nil, problem.Invalid("query", "the query is malformed: write each name and value percent-encoded")
	}
	if p := checkContentType(r); p != nil {
		return nil, nil, p
	}
	release = func() {}
	switch {
	case paths.BringsEvents(r):
		release, refused = g.callerQueue.Acquire(r.Context(), who.GetName())
	case r.URL.Path != paths.Watch:
		release, refused = g.inFlight.Acquire(who.GetName())
	}
	if refused != nil {
		return nil, nil, refused
	}
	ctx := caller.WithToken(caller.With(r.Context(), who), identity.BearerToken(r))
	return r.WithContext(problem.WithTokenCommand(ctx, g.tokenCommand)), release, nil
}

// authenticate returns the caller of a request. A token that was good before is reviewed at once. Others wait for their
// turn, because each costs a TokenReview: wrong ones delay new ones behind the same address, and refuse none.
func (g *Guard) authenticate(r *http.Request) (identity.Caller, *problem.Problem) {
	token := identity.BearerToken(r)
	if !identity.IsToken(token) {
		return identity.Caller{}, g.unauthenticated()
	}
	hash := sha256.Sum256([]byte(token))
	if _, good := g.goodTokens.Get(hash); !good {
		release, refused := g.unknownTokens.Wait(r.Context(), listener.AddressOf(r.RemoteAddr).String())
		if refused != nil {
			return identity.Caller{}, refused
		}
		defer release()
	}
	who, err := g.identity.Authenticate(r.Context(), token)
	switch {
	case errors.Is(err, identity.ErrUnauthenticated):
		g.goodTokens.Remove(hash)
		return identity.Caller{}, g.unauthenticated()
	case err != nil:
		ctrl.LoggerFrom(r.Context()).Error(err, "Authenticating a caller")
		return identity.Caller{}, problem.Temporary(http.StatusServiceUnavailable, 5,
			"Kubernetes did not answer who you are; try again")
	}
	g.goodTokens.Add(hash, nil)
	return who, nil
}

func (g *Guard) unauthenticated() *problem.Problem {
	return problem.New(http.StatusUnauthorized, "send a bearer token of this cluster, such as one of %s", g.tokenCommand).
		WithHeader("WWW-Authenticate", `Bearer realm="voiceai"`)
}

// checkContentType refuses bodies that the routes cannot read. A form of another site never sends JSON.
func checkContentType(r *http.Request) *problem.Problem {
	if r.ContentLength == 0 || r.URL.Path == paths.Events {
		return nil
	}
	kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	isJSON := kind == "application/json" || kind == "application/merge-patch+json" && r.Method == http.MethodPatch
	if err == nil && isJSON {
		return nil
	}
	return problem.New(http.StatusUnsupportedMediaType, "send JSON with Content-Type application/json")
}

// unrouted answers a request that has no route.
func unrouted(mux *http.ServeMux, w http.ResponseWriter, r *http.Request) {
	methods := http.MethodGet
	if r.URL.Path != paths.Watch {
		methods = allowedMethods(mux, r)
	}
	if methods == "" {
		notFound().Write(w)
		return
	}
	problem.New(http.StatusMethodNotAllowed, "%s does not allow %s: use %s", r.URL.Path, r.Method, methods).
		WithHeader("Allow", methods).Write(w)
}

// allowedMethods returns the methods that have routes at the path of a request without a route; empty when none has.
func allowedMethods(mux *http.ServeMux, r *http.Request) string {
	probe := headerOnly{http.Header{}}
	mux.ServeHTTP(probe, r)
	return probe.header.Get("Allow")
}

func notFound() *problem.Problem {
	return problem.New(http.StatusNotFound, "there is nothing here: see /openapi")
}

// headerOnly keeps the header of an answer and drops the rest.
type headerOnly struct{ header http.Header }

func (h headerOnly) Header() http.Header         { return h.header }
func (h headerOnly) WriteHeader(int)             {}
func (h headerOnly) Write(p []byte) (int, error) { return len(p), nil }

// recovered answers a panic, so that it ends one request only.
func recovered(w http.ResponseWriter, r *http.Request) {
	cause := recover()
	if cause == nil {
		return
	}
	if cause == http.ErrAbortHandler { //nolint:errorlint // it is compared as net/http does
		panic(cause)
	}
	ctrl.LoggerFrom(r.Context()).Error(nil, "Panic", "Cause", cause, "Path", r.URL.Path, "Stack", string(debug.Stack()))
	problem.New(http.StatusInternalServerError, "internal error: see the operator's log").Write(w)
}
