// SPDX-License-Identifier: Apache-2.0

// Package edge is the listener that may face the internet. It serves only signed requests: each Route names a source,
// such as Jira's webhooks, with a Verifier that checks the signature and a Handler that acts on the verified request.
//
// The package does what is the same for every source: it limits how long bodies are, how slowly they may arrive and how
// much memory they occupy together, and how many verified requests of a route are handled at the same time. It answers a
// repeated delivery without handling it again, and answers and counts the rest. A request that is not signed takes no
// place from one that is: see intake.
//
// Every source has a package below this one, such as edge/jirahook, which exports a function that returns its Route.
// A source imports edge for the types it implements. This package imports none of its sources and the sources do not
// import each other: only cmd/operator knows which ones there are.
package edge

import (
	"net/http"
	"path"
	"time"

	"github.com/voiceai-dev/integrations-operator/internal/listener"
)

// Route is an endpoint for the signed requests of one source.
type Route struct {
	// Method and Path are as in the patterns of http.ServeMux. The path may have the wildcards {namespace} and {name},
	// which name an integration.
	Method, Path string
	// Kind is the kind of that integration, for the log.
	Kind string
	// Source is the label under which the requests are counted.
	Source string
	// Limits bound what clients can occupy.
	Limits Limits
	// Verifier checks who sent a request.
	Verifier Verifier
	// Handler acts on a verified request. It may rely on the type of integration that Verifier returns.
	Handler Handler
}

// Limits bound what the clients of one route can occupy. All of them are required.
type Limits struct {
	// BodyBytes is the size of the longest body. All routes together have a budget for the bodies in memory.
	BodyBytes int64
	// InProgress is how many verified requests are handled at the same time. Further ones are answered 503.
	InProgress int
	// HandlingTime is how long verifying and handling a request may take once its body has been read.
	HandlingTime time.Duration
}

func (l Limits) complete() bool { return l.BodyBytes > 0 && l.InProgress > 0 && l.HandlingTime > 0 }

// New returns a listener for routes on an address such as :8082. It panics if a route has no limits.
func New(address string, routes ...Route) *listener.Listener {
	return listener.New("edge", address, newHandler(routes, newIntake()))
}

// newHandler returns a handler that serves the routes and nothing else.
func newHandler(routes []Route, in *intake) http.Handler {
	mux := http.NewServeMux()
	for _, r := range routes {
		mux.Handle(r.Method+" "+r.Path, newReceiver(r, in))
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if path.Clean(r.URL.Path) != r.URL.Path { // the mux would redirect
			writeStatus(w, http.StatusNotFound)
			return
		}
		mux.ServeHTTP(w, r)
	})
}

// writeStatus answers with a status and reveals nothing more.
func writeStatus(w http.ResponseWriter, status int) {
	if status == http.StatusOK {
		w.WriteHeader(status)
		return
	}
	http.Error(w, http.StatusText(status), status)
}
