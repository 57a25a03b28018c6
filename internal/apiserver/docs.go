package apiserver

import (
	"bytes"
	"compress/gzip"
	"embed"
	"fmt"
	"io"
	"mime"
	"net/http"
	"path"
	"reflect"
	"strings"

	swagger "github.com/swaggest/swgui/v5/static"
)

//go:embed docs
var docs embed.FS

// docsPolicy lets the documentation load what is served here, and nothing from elsewhere. Swagger UI draws its icons from data: URLs.
const docsPolicy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; " +
	"base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

// routeDocs serves the OpenAPI document, and pages to read it.
func (s *Server) routeDocs(mux *http.ServeMux) error {
	mux.HandleFunc("GET /openapi.json", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write(s.spec) // who has gone need not know
	})
	for _, file := range []string{"swagger-ui.css.gz", "swagger-ui-bundle.js.gz", "favicon-32x32.png"} {
		content, err := swagger.FS.ReadFile(file)
		if err != nil {
			return fmt.Errorf("reading the documentation's pages: %w", err)
		}
		mux.HandleFunc("GET /docs/"+strings.TrimSuffix(file, ".gz"), asset(file, content))
	}
	for _, name := range []string{"index.html", "start.js"} {
		content, err := docs.ReadFile("docs/" + name)
		if err != nil {
			return fmt.Errorf("reading the documentation's pages: %w", err)
		}
		at := []string{"GET /docs/" + name}
		if name == "index.html" {
			at = []string{"GET /docs", "GET /docs/{$}"}
		}
		for _, pattern := range at {
			mux.HandleFunc(pattern, asset(name, content))
		}
	}
	return nil
}

// asset serves a file. One that is packed is unpacked for those who cannot.
func asset(file string, content []byte) http.HandlerFunc {
	name, packed := strings.CutSuffix(file, ".gz")
	kind := mime.TypeByExtension(path.Ext(name))
	return func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Type", kind)
		h.Set("Content-Security-Policy", docsPolicy)
		h.Set("Cache-Control", "no-cache")
		switch {
		case !packed:
			_, _ = w.Write(content)
		case strings.Contains(r.Header.Get("Accept-Encoding"), "gzip"):
			h.Set("Content-Encoding", "gzip")
			h.Set("Vary", "Accept-Encoding")
			_, _ = w.Write(content)
		default:
			h.Set("Vary", "Accept-Encoding")
			if unpacked, err := gzip.NewReader(bytes.NewReader(content)); err == nil {
				_, _ = io.Copy(w, unpacked) //nolint:gosec // it is embedded here, and no bomb
			}
		}
	}
}

func typeOf[T any]() reflect.Type { return reflect.TypeFor[T]() }

// OpenAPI returns the OpenAPI document that the server serves.
func (s *Server) OpenAPI() []byte { return s.spec }
