// SPDX-License-Identifier: Apache-2.0

package dashboard

import (
	"bytes"
	"cmp"
	"html/template"
	"mime"
	"net/http"
	"path"
	"regexp"
	"slices"
	"time"

	project "github.com/voiceai-dev/integrations-operator"
	"github.com/voiceai-dev/integrations-operator/internal/dashboard/docs"
	"github.com/voiceai-dev/integrations-operator/internal/dashboard/session"
)

// openAPIPage shows the OpenAPI document.
const openAPIPage = "/openapi"

// routeDocs serves the documentation, to users who are not signed in too.
func (s *site) routeDocs(mux *http.ServeMux) {
	all, err := docs.New(project.Documentation, map[string]string{"docs/openapi.json": openAPIPage})
	if err != nil {
		panic(err) // the files are embedded
	}
	s.docs = map[string]bool{}
	for _, page := range all.Pages {
		s.docs[page.Address] = true
		mux.HandleFunc("GET "+page.Address, func(w http.ResponseWriter, r *http.Request) { s.showDoc(w, r, page) })
	}
	for _, file := range all.Files {
		mux.HandleFunc("GET "+file.Address, func(w http.ResponseWriter, r *http.Request) { serveFile(w, r, file) })
	}
	for from, to := range map[string]string{docs.Index + "/{$}": docs.Index, "/llms.txt": "/docs/llms.txt"} {
		mux.Handle("GET "+from, http.RedirectHandler(to, http.StatusFound))
	}
}

// showDoc shows a page of the documentation.
func (s *site) showDoc(w http.ResponseWriter, r *http.Request, page docs.Page) {
	s.render(w, r, s.visitOf(w, r), http.StatusOK, "docs", view{Title: page.Title, Section: "docs", Data: page})
}

// docsLink matches the beginning of a link to a path, which may be that of a page of the documentation.
var docsLink = regexp.MustCompile(`<a ([^>]*)href="(/[^"?#]*)`)

// keepNamespace adds the namespace that a user has chosen to the links of a page to the documentation. Its own pages link to
// each other in Markdown, and reasons of conditions link to it everywhere.
func (s *site) keepNamespace(html []byte, namespace string) []byte {
	if namespace == "" {
		return html
	}
	return docsLink.ReplaceAllFunc(html, func(link []byte) []byte {
		if path := docsLink.FindSubmatch(link)[2]; !s.docs[string(path)] {
			return link
		}
		return slices.Concat(link, []byte(template.HTMLEscapeString(address("", "namespace", namespace))))
	})
}

// serveFile answers with a file as it is in the project: the text of a page, for programs, or a picture.
func serveFile(w http.ResponseWriter, r *http.Request, file docs.File) {
	kind := mime.TypeByExtension(path.Ext(file.Address))
	switch path.Ext(file.Address) {
	case ".md":
		kind = "text/markdown; charset=utf-8"
	case ".svg": // a drawing has styles of its own
		w.Header().Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; sandbox")
	}
	w.Header().Set("Content-Type", cmp.Or(kind, "text/plain; charset=utf-8"))
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(file.Text))
}

// visitOf returns the visit of a user to a page that everyone may see; nil for a user who is not signed in.
func (s *site) visitOf(w http.ResponseWriter, r *http.Request) *visit {
	token := session.Token(r)
	if token == "" {
		return nil
	}
	v := s.newVisit(w, r, token)
	if v.readAccess() != nil {
		return nil
	}
	return v
}
