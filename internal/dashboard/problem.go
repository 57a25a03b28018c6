// SPDX-License-Identifier: Apache-2.0

package dashboard

import (
	"cmp"
	"errors"
	"net/http"
	"strings"

	"github.com/voiceai-dev/integrations-operator/internal/dashboard/client"
	"github.com/voiceai-dev/integrations-operator/internal/dashboard/session"
	"github.com/voiceai-dev/integrations-operator/internal/dashboard/web"
)

// problemPage is the data of the page that shows an error.
type problemPage struct {
	Status  int
	Detail  string
	Again   bool
	Address string
	// List leads to the list of an object that there is not; nil on other pages.
	List *navigationEntry
}

var problemTitles = map[int]string{
	http.StatusForbidden:           "You may not see this",
	http.StatusNotFound:            "Not found",
	http.StatusTooManyRequests:     "Too many requests",
	http.StatusServiceUnavailable:  "Not available right now",
	http.StatusInternalServerError: "Something went wrong",
	http.StatusUnprocessableEntity: "Invalid request",
}

// errNoPage answers an address without a page.
var errNoPage = &client.Problem{Status: http.StatusNotFound, Detail: "There is no page at this address."}

// showProblem answers with a page about an error. v is nil for a user who is not signed in. A user whose token is no
// longer valid is sent to sign in.
func (s *site) showProblem(w http.ResponseWriter, r *http.Request, v *visit, err error) {
	var p *client.Problem
	if !errors.As(err, &p) {
		p = &client.Problem{Status: http.StatusInternalServerError, Detail: "Internal error. See the operator's log."}
	}
	if p.Status == http.StatusUnauthorized {
		session.End(w, r)
		redirectToSignIn(w, r, "ended", "yes")
		return
	}
	title := cmp.Or(problemTitles[p.Status], "The request failed")
	if p.Status == http.StatusForbidden && r.Method != http.MethodGet {
		title = "You may not do this"
	}
	if v != nil && v.Access == nil {
		v = nil
	}
	data := problemPage{
		Status: p.Status, Detail: web.Sentence(p.Detail), Again: r.Method == http.MethodGet, Address: r.URL.RequestURI(),
	}
	if v != nil && p.Status == http.StatusNotFound {
		data.List = listOf(r.URL.Path)
	}
	s.render(w, r, v, p.Status, "problem", view{Title: title, Data: data})
}

// listOf returns the entry of the navigation that lists the objects of an address; nil if it is none of an object.
func listOf(path string) *navigationEntry {
	section, object, _ := strings.Cut(strings.TrimPrefix(path, "/"), "/")
	for _, e := range (view{}).Navigation() {
		if object != "" && e.Section == section {
			return &e
		}
	}
	return nil
}

// showNoPage answers an address without a page, and a method that the page at the address does not support.
func (s *site) showNoPage(mux *http.ServeMux, w http.ResponseWriter, r *http.Request) {
	v := s.visitOf(w, r)
	p := errNoPage
	probe := &statusRecorder{header: http.Header{}}
	if mux.ServeHTTP(probe, r); probe.status == http.StatusMethodNotAllowed {
		methods := probe.header.Get("Allow")
		w.Header().Set("Allow", methods)
		p = &client.Problem{
			Status: probe.status, Detail: "This address does not support " + r.Method + ". It supports " + methods + ".",
		}
	}
	s.showProblem(w, r, v, p)
}

// statusRecorder keeps the status and the header of an answer, and drops its body.
type statusRecorder struct {
	header http.Header
	status int
}

func (r *statusRecorder) Header() http.Header { return r.header }

func (r *statusRecorder) WriteHeader(status int) { r.status = cmp.Or(r.status, status) }

func (r *statusRecorder) Write(p []byte) (int, error) {
	r.WriteHeader(http.StatusOK)
	return len(p), nil
}
