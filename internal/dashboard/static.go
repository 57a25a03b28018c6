package dashboard

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

// file is one that is served as it is. Its address has its content's hash in it, so that browsers may keep it for good.
type file struct {
	address, kind string
	content       []byte
}

func staticFiles() map[string]file {
	entries, err := static.ReadDir("static")
	if err != nil {
		panic(err) // it is embedded here
	}
	out := map[string]file{}
	for _, e := range entries {
		content, err := static.ReadFile("static/" + e.Name())
		if err != nil {
			panic(err)
		}
		sum := sha256.Sum256(content)
		out[e.Name()] = file{
			address: fmt.Sprintf("/static/%s/%s", hex.EncodeToString(sum[:6]), e.Name()), kind: mime.TypeByExtension(path.Ext(e.Name())), content: content,
		}
	}
	return out
}

func (s *site) routeStatic(mux *http.ServeMux) {
	for _, f := range s.files {
		mux.HandleFunc("GET "+f.address, func(w http.ResponseWriter, _ *http.Request) {
			h := w.Header()
			h.Set("Content-Type", f.kind)
			h.Set("Cache-Control", "public, max-age=31536000, immutable")
			h.Set("Content-Length", strconv.Itoa(len(f.content)))
			_, _ = w.Write(f.content) // who has gone need not know
		})
	}
}
