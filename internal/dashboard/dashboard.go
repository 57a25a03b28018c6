// SPDX-License-Identifier: Apache-2.0

// Package dashboard serves the web pages for people who do not use kubectl. It is a client of the REST API in the
// same process: every page is made of the API's answers to the user's own token, so users see and do exactly what the
// API allows them.
package dashboard

import (
	"cmp"
	"html/template"
	"net/http"
	"time"

	"github.com/voiceai-dev/integrations-operator/internal/dashboard/client"
	"github.com/voiceai-dev/integrations-operator/internal/dashboard/session"
	"github.com/voiceai-dev/integrations-operator/internal/dashboard/web"
)

// Options configure the dashboard.
type Options struct {
	// API serves /api/v1/…. Calls carry the context and the remote address of the request for the page.
	API http.Handler
	// TokenCommand is the command that creates a token, for the sign-in page.
	TokenCommand string
	// Now returns the current time; time.Now when nil.
	Now func() time.Time
}

// site serves the pages.
type site struct {
	api http.Handler
	now func() time.Time
	// tokenCommand is that of Options.
	tokenCommand string
	files        web.Files
	templates    map[string]*template.Template
	// docs has the addresses of the pages of the documentation.
	docs map[string]bool
}

// policy lets pages load and send nothing but to this server. Inline styles and scripts are not allowed.
const policy = "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self' data:; connect-src 'self'; " +
	"form-action 'self'; base-uri 'none'; frame-ancestors 'none'"

// New returns the handler of every address outside the API.
func New(o Options) http.Handler {
	s := &site{api: o.API, now: o.Now, tokenCommand: cmp.Or(o.TokenCommand, "kubectl create token NAME"), files: web.StaticFiles()}
	if s.now == nil {
		s.now = time.Now
	}
	s.templates = s.parseTemplates()
	mux := http.NewServeMux()
	for _, f := range s.files {
		mux.Handle("GET "+f.Address, f)
	}
	for _, route := range []func(*http.ServeMux){
		s.routeSignIn, s.routeLive, s.routeOverview, s.routeActivity, s.routeRuns, s.routeSuites, s.routeDefects,
		s.routeIntegrations, s.routeInstalls, s.routeRules, s.routeDocs,
	} {
		route(mux)
	}
	return withHeaders(s.rejectCrossOrigin(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if _, pattern := mux.Handler(r); pattern == "" {
			s.showNoPage(mux, w, r)
			return
		}
		mux.ServeHTTP(w, r)
	})))
}

// rejectCrossOrigin rejects requests that change something and were sent by a page of another site.
func (s *site) rejectCrossOrigin(next http.Handler) http.Handler {
	protection := http.NewCrossOriginProtection()
	protection.SetDenyHandler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.showProblem(w, r, nil, &client.Problem{
			Status: http.StatusForbidden,
			Detail: "The request was rejected because a page of another site sent it. Open the dashboard and try again there.",
		})
	}))
	return protection.Handler(next)
}

func withHeaders(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", policy)
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "same-origin")
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		h.Set("Cache-Control", "no-store")
		next.ServeHTTP(w, r)
	})
}

// routeLive forwards the API's stream of changes: a browser's EventSource sends its cookie, but cannot send a bearer
// token.
func (s *site) routeLive(mux *http.ServeMux) {
	mux.HandleFunc("GET /live", func(w http.ResponseWriter, r *http.Request) {
		watch := r.Clone(r.Context())
		watch.URL.Path = "/api/v1/watch"
		watch.URL.RawPath = ""
		watch.Header.Del("Cookie")
		watch.Header.Del("Authorization")
		if token := session.Token(r); token != "" {
			watch.Header.Set("Authorization", "Bearer "+token)
		}
		s.api.ServeHTTP(w, watch)
	})
}
