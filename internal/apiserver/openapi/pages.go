// SPDX-License-Identifier: Apache-2.0

package openapi

import (
	"bytes"
	"compress/gzip"
	"embed"
	"fmt"
	"io"
	"mime"
	"net/http"
	"path"
	"strings"

	swagger "github.com/swaggest/swgui/v5/static"
)

//go:embed docs
var docs embed.FS

// contentPolicy lets the pages load what is served here, and nothing from elsewhere. Swagger UI draws its icons from
// data: URLs.
const contentPolicy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; " +
	"base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

// Route adds the document, and pages to read it.
func Route(mux *http.ServeMux, document []byte) error {
	mux.HandleFunc("GET /openapi.json", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write(document) // the client has gone
	})
	for _, file := range []string{"swagger-ui.css.gz", "swagger-ui-bundle.js.gz", "favicon-32x32.png"} {
		content, err := swagger.FS.ReadFile(file)
		if err != nil {
			return fmt.Errorf("reading the documentation's pages: %w", err)
		}
		mux.HandleFunc("GET /openapi/"+strings.TrimSuffix(file, ".gz"), asset(file, content))
	}
	for _, name := range []string{"index.html", "start.js"} {
		content, err := docs.ReadFile("docs/" + name)
		if err != nil {
			return fmt.Errorf("reading the documentation's pages: %w", err)
		}
		patterns := []string{"GET /openapi/" + name}
		if name == "index.html" {
			patterns = []string{"GET /openapi", "GET /openapi/{$}"}
		}
		for _, pattern := range patterns {
			mux.HandleFunc(pattern, asset(name, content))
		}
	}
	return nil
}

// asset serves a file. A compressed one is decompressed for clients that do not accept it.
func asset(file string, content []byte) http.HandlerFunc {
	name, compressed := strings.CutSuffix(file, ".gz")
	kind := mime.TypeByExtension(path.Ext(name))
	return func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Type", kind)
		h.Set("Content-Security-Policy", contentPolicy)
		h.Set("Cache-Control", "no-cache")
		switch {
		case !compressed:
			_, _ = w.Write(content)
		case strings.Contains(r.Header.Get("Accept-Encoding"), "gzip"):
			h.Set("Content-Encoding", "gzip")
			h.Set("Vary", "Accept-Encoding")
			_, _ = w.Write(content)
		default:
			h.Set("Vary", "Accept-Encoding")
			if plain, err := gzip.NewReader(bytes.NewReader(content)); err == nil {
				_, _ = io.Copy(w, plain) //nolint:gosec // it is embedded, and no decompression bomb
			}
		}
	}
}
