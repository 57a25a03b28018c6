// SPDX-License-Identifier: Apache-2.0

package web

import (
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"
	"mime"
	"net/http"
	"path"
	"strconv"
)

//go:embed static
var static embed.FS

// Files are the style sheet, the scripts and the icon, by name.
type Files map[string]File

// File is a static file. Its address contains a hash of its content, so browsers may cache it forever.
type File struct {
	Address string

	contentType string
	content     []byte
}

// StaticFiles returns the embedded files.
func StaticFiles() Files {
	entries, err := static.ReadDir("static")
	if err != nil {
		panic(err) // the folder is embedded
	}
	out := Files{}
	for _, e := range entries {
		content, err := static.ReadFile("static/" + e.Name())
		if err != nil {
			panic(err)
		}
		sum := sha256.Sum256(content)
		out[e.Name()] = File{
			Address:     fmt.Sprintf("/static/%s/%s", hex.EncodeToString(sum[:6]), e.Name()),
			contentType: mime.TypeByExtension(path.Ext(e.Name())),
			content:     content,
		}
	}
	return out
}

// ServeHTTP answers with the file.
func (f File) ServeHTTP(w http.ResponseWriter, _ *http.Request) {
	h := w.Header()
	h.Set("Content-Type", f.contentType)
	h.Set("Cache-Control", "public, max-age=31536000, immutable")
	h.Set("Content-Length", strconv.Itoa(len(f.content)))
	_, _ = w.Write(f.content) // fails only when the browser has gone
}
