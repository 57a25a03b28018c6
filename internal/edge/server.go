// Package edge is the listener that may face the internet. It serves nothing that is not signature-checked, and what it is told is only a hint.
//
// Jira's webhook is such a guest: a body whose signature is right says which issue may have changed, and nothing else of it is used. The hint
// is noted on the Defect, as the annotation integrations.voiceai.dev/jira-changed-at, and that is all that happens here. Every replica listens,
// and whichever of them is asked, the leader sees the annotation and reads the issue again: so the hint reaches it wherever it runs, and is
// still there after a restart.
package edge

import (
	"net/http"
	"path"

	"github.com/voiceai-dev/integrations-operator/internal/listener"
)

const (
	// maxInFlight requests are served at once. With the bound on a body this bounds the memory that strangers can take.
	maxInFlight = 64
	// busyRetryAfter, in seconds, is when to come back to a server that has too much to do.
	busyRetryAfter = "5"
)

// Route is something the edge serves. Its handler checks the signature of what it gets, and bounds how much it reads.
type Route struct {
	// Method and Path are as in the patterns of http.ServeMux.
	Method, Path string
	// Source is what its requests are counted under.
	Source string
	// Handler may run for 15 seconds, reading the body included.
	Handler http.Handler
}

// New is a listener for some routes on an address such as :8082. It listens when it is started.
func New(address string, routes ...Route) *listener.Listener {
	return listener.New("edge", address, serve(routes))
}

// serve routes requests, of which a limited number is under way at once.
func serve(routes []Route) http.Handler {
	slots := make(chan struct{}, maxInFlight)
	mux := http.NewServeMux()
	for _, r := range routes {
		mux.HandleFunc(r.Method+" "+r.Path, func(w http.ResponseWriter, req *http.Request) {
			select {
			case slots <- struct{}{}:
				defer func() { <-slots }()
				r.Handler.ServeHTTP(w, req)
			default:
				count(r.Source, failed)
				w.Header().Set("Retry-After", busyRetryAfter)
				answer(w, http.StatusServiceUnavailable)
			}
		})
	}
	return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		if path.Clean(req.URL.Path) != req.URL.Path { // the mux would redirect
			answer(w, http.StatusNotFound)
			return
		}
		mux.ServeHTTP(w, req)
	})
}

// answer says no more than the status.
func answer(w http.ResponseWriter, status int) {
	if status == http.StatusOK {
		w.WriteHeader(status)
		return
	}
	http.Error(w, http.StatusText(status), status)
}
