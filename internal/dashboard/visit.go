package dashboard

import (
	"cmp"
	"errors"
	"net/http"
	"net/url"
	"path"
	"regexp"
	"slices"
	"strings"
)

// access is who somebody is and what they may do, as /api/v1/access answers.
type access struct {
	Caller     string              `json:"caller"`
	Namespace  string              `json:"namespace"`
	Everywhere bool                `json:"everywhere"`
	Namespaces []string            `json:"namespaces"`
	Rights     map[string][]string `json:"rights"`
}

// May says whether the caller may do something to a kind of resource, such as update and defects, in the namespace of the page.
func (a *access) May(verb, resource string) bool {
	return a != nil && slices.Contains(a.Rights[resource], verb)
}

// sees says whether the caller may see anything there.
func (a *access) sees() bool {
	for _, verbs := range a.Rights {
		if slices.Contains(verbs, "list") {
			return true
		}
	}
	return false
}

// home is the namespace of a ServiceAccount; empty for others.
func (a *access) home() string {
	account, ok := strings.CutPrefix(a.Caller, "system:serviceaccount:")
	if !ok {
		return ""
	}
	namespace, _, _ := strings.Cut(account, ":")
	return namespace
}

// access asks who the caller is and what they may do in a namespace: the default one when it is empty, all when it is *.
func (c *client) access(namespace string) (*access, error) {
	a := &access{}
	return a, c.get("/api/v1/access", query("namespace", namespace), a)
}

// client is one that asks for a request, as whoever a token stands for.
func (s *site) client(r *http.Request, token string) *client {
	return &client{api: s.api, ctx: r.Context(), remote: r.RemoteAddr, token: token}
}

// visit is one request for a page, by somebody who is signed in.
type visit struct {
	*client
	*access
	site *site
	w    http.ResponseWriter
	r    *http.Request
	// chosen is the namespace that the address names; empty when it names none.
	chosen string
	// namespace is what lists are about: a namespace, or * for all. On the page of one object it is the object's.
	namespace string
	// isForm says that the address is not that of a page, but of what a form of that page is sent to.
	isForm bool
}

// name is what the address says in place of {name}.
func (v *visit) name() string { return v.r.PathValue("name") }

// here are the parameters of a call of the API about the page's namespace, with further names and values; empty values are left out.
func (v *visit) here(pairs ...string) url.Values {
	return query(append([]string{"namespace", v.namespace}, pairs...)...)
}

// query are parameters by name and value, without the empty ones.
func query(pairs ...string) url.Values {
	q := url.Values{}
	for i := 0; i+1 < len(pairs); i += 2 {
		if pairs[i+1] != "" {
			q.Set(pairs[i], pairs[i+1])
		}
	}
	return q
}

// objectName is what Kubernetes names its objects like. Nothing else of an address gets into a path of the API.
var objectName = regexp.MustCompile(`^[a-z0-9]([-.a-z0-9]{0,251}[a-z0-9])?$`)

// handle adds a page, or what a form is sent to. Whoever is not signed in is sent to do that first. What the handler returns is shown as an error;
// a page whose pattern has {namespace} in it is about an object there.
func (s *site) handle(mux *http.ServeMux, pattern string, handler func(*visit) error) {
	mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
		for _, part := range []string{r.PathValue("namespace"), r.PathValue("name")} {
			if part != "" && !objectName.MatchString(part) {
				s.showProblem(w, r, nil, &Problem{Status: http.StatusNotFound, Detail: "There is no page at this address."})
				return
			}
		}
		t := token(r)
		if t == "" {
			toSignIn(w, r)
			return
		}
		v := s.visit(w, r, t)
		if err := v.enter(); err != nil {
			s.showProblem(w, r, v, err)
			return
		}
		if err := handler(v); err != nil {
			s.showProblem(w, r, v, err)
		}
	})
}

// handleForm adds what a form of an object's page is sent to: the page's address with an act after it. Whoever opens that is led to the page; it is
// where a browser is that shows what is wrong with the form.
func (s *site) handleForm(mux *http.ServeMux, page, act string, handler func(*visit) error) {
	s.handle(mux, "POST "+page+"/"+act, func(v *visit) error {
		v.isForm = true
		return handler(v)
	})
	s.handle(mux, "GET "+page+"/"+act, func(v *visit) error {
		v.isForm = true
		seeOther(v.w, v.Page())
		return nil
	})
}

// Page is the address of the page that is shown, without the note of a form that was taken.
func (v *visit) Page() string {
	q := v.r.URL.Query()
	q.Del("done")
	at := url.URL{Path: v.r.URL.Path, RawQuery: q.Encode()}
	if v.isForm {
		at.Path = path.Dir(at.Path)
	}
	return at.String()
}

func (s *site) visit(w http.ResponseWriter, r *http.Request, token string) *visit {
	return &visit{site: s, w: w, r: r, client: s.client(r, token), chosen: r.URL.Query().Get("namespace")}
}

// enter finds out who it is, and what the page is about.
func (v *visit) enter() error {
	object := v.r.PathValue("namespace")
	a, err := v.client.access(cmp.Or(object, v.chosen))
	if err != nil {
		return err
	}
	if own := a.home(); object == "" && v.chosen == "" && own != "" && own != a.Namespace && !a.sees() {
		if a, err = v.client.access(own); err != nil {
			return err
		}
	}
	v.access = a
	switch {
	case object != "":
		v.namespace = object
	case v.chosen == "" && a.Everywhere:
		v.namespace = "*"
	default:
		v.namespace = a.Namespace
	}
	return nil
}

// render answers with a page.
func (v *visit) render(status int, name string, page view) error {
	v.site.render(v.w, v.r, v, status, name, page)
	return nil
}

// goTo answers a form that was taken: the browser loads another page. done is the key of a sentence in notes that the page shows; none when empty.
func (v *visit) goTo(path, done string) error {
	seeOther(v.w, link(path, "namespace", v.chosen, "done", done))
	return nil
}

// readForm reads what was posted.
func (v *visit) readForm() (*form, error) { return readForm(v.w, v.r) }

// link is an address with parameters.
func link(path string, pairs ...string) string {
	q := query(pairs...)
	u := url.URL{Path: path, RawQuery: q.Encode()}
	return u.String()
}

// showProblem answers with what went wrong, in a page of its own. v is nil for who is not signed in.
func (s *site) showProblem(w http.ResponseWriter, r *http.Request, v *visit, err error) {
	var p *Problem
	if !errors.As(err, &p) {
		p = &Problem{Status: http.StatusInternalServerError, Detail: "Something is wrong in the operator. Its log says more."}
	}
	if p.Status == http.StatusUnauthorized {
		s.forget(w, r)
		toSignIn(w, r)
		return
	}
	page := problemPage{Status: p.Status, Detail: sentence(p.Detail), Again: r.Method == http.MethodGet, Address: r.URL.RequestURI()}
	titles := map[int]string{
		http.StatusForbidden: "You may not see this", http.StatusNotFound: "Not found", http.StatusTooManyRequests: "Too many requests",
		http.StatusServiceUnavailable: "Not available right now", http.StatusInternalServerError: "Something went wrong",
		http.StatusUnprocessableEntity: "That does not work",
	}
	title := cmp.Or(titles[p.Status], "That did not work")
	if p.Status == http.StatusForbidden && r.Method != http.MethodGet {
		title = "You may not do this"
	}
	if v != nil && v.access == nil {
		v = nil
	}
	s.render(w, r, v, p.Status, "problem", view{Title: title, Data: page})
}

// problemPage is what the page of that name shows.
type problemPage struct {
	Status  int
	Detail  string
	Again   bool
	Address string
}
