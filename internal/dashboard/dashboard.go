// Package dashboard is the web pages for people who do not use kubectl. It is a client of the REST API in the same process: every page is made of
// the API's answers to the caller's own token, so that whoever looks sees and does what the API lets them, and nothing else.
package dashboard

import (
	"html/template"
	"net/http"
	"time"
)

// Options are what the pages need.
type Options struct {
	// API answers /api/v1/…. What a page asks it carries the context and the address of the request for that page.
	API http.Handler
	// Now is the time; time.Now when nil.
	Now func() time.Time
}

// site is the pages.
type site struct {
	api   http.Handler
	now   func() time.Time
	views map[string]*template.Template
	files map[string]file
}

// policy lets pages load what is served here, and nothing from elsewhere; styles and scripts come from files.
const policy = "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self' data:; connect-src 'self'; " +
	"form-action 'self'; base-uri 'none'; frame-ancestors 'none'"

// New is the handler of everything that is not the API.
func New(o Options) http.Handler {
	s := &site{api: o.API, now: o.Now, files: staticFiles()}
	if s.now == nil {
		s.now = time.Now
	}
	s.views = s.parseViews()
	mux := http.NewServeMux()
	for _, add := range []func(*http.ServeMux){
		s.routeStatic, s.routeSession, s.routeLive, s.routeOverview, s.routeActivity, s.routeDefects, s.routeIntegrations, s.routeRules,
	} {
		add(mux)
	}
	crossOrigin := http.NewCrossOriginProtection()
	crossOrigin.SetDenyHandler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.showProblem(w, r, nil, &Problem{Status: http.StatusForbidden, Detail: "This was sent by a page of another site, and nothing was done. Open the dashboard and do it there."})
	}))
	guarded := crossOrigin.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if _, pattern := mux.Handler(r); pattern == "" {
			s.showNothing(mux, w, r)
			return
		}
		mux.ServeHTTP(w, r)
	}))
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", policy)
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "same-origin")
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		h.Set("Cache-Control", "no-store")
		guarded.ServeHTTP(w, r)
	})
}

// showNothing answers where there is no page, or none for such a request.
func (s *site) showNothing(mux *http.ServeMux, w http.ResponseWriter, r *http.Request) {
	var v *visit
	if t := token(r); t != "" {
		if v = s.visit(w, r, t); v.enter() != nil {
			v = nil
		}
	}
	p := &Problem{Status: http.StatusNotFound, Detail: "There is no page at this address."}
	probe := &recorder{header: http.Header{}}
	if mux.ServeHTTP(probe, r); probe.status == http.StatusMethodNotAllowed {
		methods := probe.header.Get("Allow")
		w.Header().Set("Allow", methods)
		p = &Problem{Status: probe.status, Detail: "This address does not take " + r.Method + ", but " + methods + "."}
	}
	s.showProblem(w, r, v, p)
}
