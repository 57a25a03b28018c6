// SPDX-License-Identifier: Apache-2.0

package dashboard

import (
	"cmp"
	"net/http"
	"net/url"
	"path"
	"regexp"

	"github.com/voiceai-dev/integrations-operator/internal/dashboard/client"
	"github.com/voiceai-dev/integrations-operator/internal/dashboard/form"
	"github.com/voiceai-dev/integrations-operator/internal/dashboard/session"
)

// visit is a request for a page by a user who is signed in.
type visit struct {
	*client.Access
	site *site
	api  *client.Client
	w    http.ResponseWriter
	r    *http.Request
	// chosen is the namespace parameter of the address; empty when it has none.
	chosen string
	// namespace is that of the page's object or, on a page without one, that of its lists: a namespace, or * for all.
	namespace string
	// isForm is set for an address that a form of the page is sent to. It is not the page's own address.
	isForm bool
}

func (s *site) newVisit(w http.ResponseWriter, r *http.Request, token string) *visit {
	return &visit{site: s, api: client.New(s.api, r, token), w: w, r: r, chosen: r.URL.Query().Get("namespace")}
}

// objectName matches the names of Kubernetes objects. No other text of an address becomes part of the API's paths.
var objectName = regexp.MustCompile(`^[a-z0-9]([-.a-z0-9]{0,251}[a-z0-9])?$`)

// handle adds a page, or an address that a form is sent to. A page whose pattern contains {namespace} is about an
// object. Users who are not signed in are sent to sign in first. An error of the handler is shown as a page.
func (s *site) handle(mux *http.ServeMux, pattern string, handler func(*visit) error) {
	mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
		for _, part := range []string{r.PathValue("namespace"), r.PathValue("name")} {
			if part != "" && !objectName.MatchString(part) {
				s.showProblem(w, r, nil, errNoPage)
				return
			}
		}
		token := session.Token(r)
		if token == "" {
			redirectToSignIn(w, r)
			return
		}
		v := s.newVisit(w, r, token)
		if err := v.readAccess(); err != nil {
			s.showProblem(w, r, v, err)
			return
		}
		if err := handler(v); err != nil {
			s.showProblem(w, r, v, err)
		}
	})
}

// handleForm adds the address that a form of an object's page is sent to: the page's address followed by an action. A
// browser that shows the form with errors is at that address. When it is opened, it redirects to the page.
func (s *site) handleForm(mux *http.ServeMux, page, action string, handler func(*visit) error) {
	s.handle(mux, "POST "+page+"/"+action, func(v *visit) error {
		v.isForm = true
		return handler(v)
	})
	s.handle(mux, "GET "+page+"/"+action, func(v *visit) error {
		v.isForm = true
		redirect(v.w, v.Page())
		return nil
	})
}

// readAccess reads the user's identity and rights, and decides which namespace the page is about.
func (v *visit) readAccess() error {
	object := v.r.PathValue("namespace")
	access, err := v.api.Access(cmp.Or(object, v.chosen))
	if err != nil {
		return err
	}
	// A ServiceAccount that can see nothing in the default namespace begins in its own.
	own := access.AccountNamespace()
	if object == "" && v.chosen == "" && own != "" && own != access.Namespace && !access.ListsAnything() {
		if access, err = v.api.Access(own); err != nil {
			return err
		}
	}
	v.Access = access
	switch {
	case object != "":
		v.namespace = object
	case v.chosen == "" && access.Everywhere:
		v.namespace = "*"
	default:
		v.namespace = access.Namespace
	}
	return nil
}

// key returns the key of the object that the page is about.
func (v *visit) key() client.Key {
	return client.Key{Namespace: v.namespace, Name: v.r.PathValue("name")}
}

// parameter returns a parameter of the page's address.
func (v *visit) parameter(name string) string { return v.r.URL.Query().Get(name) }

// Page returns the page's address, without the note that a form has left in it.
func (v *visit) Page() string {
	q := v.r.URL.Query()
	q.Del("done")
	at := url.URL{Path: v.r.URL.Path, RawQuery: q.Encode()}
	if v.isForm {
		at.Path = path.Dir(at.Path)
	}
	return at.String()
}

// render answers with a page.
func (v *visit) render(status int, name string, page view) error {
	v.site.render(v.w, v.r, v, status, name, page)
	return nil
}

// redirectWithNote answers a form that succeeded: the browser loads a page, which shows the note of that key.
func (v *visit) redirectWithNote(path, note string) error {
	redirect(v.w, address(path, "namespace", v.chosen, "done", note))
	return nil
}

// readForm reads the posted form.
func (v *visit) readForm() (*form.Form, error) { return form.Read(v.w, v.r) }

// address returns a path with parameters, by name and value. Empty values are left out.
func address(path string, pairs ...string) string {
	u := url.URL{Path: path, RawQuery: client.Query(pairs...).Encode()}
	return u.String()
}
