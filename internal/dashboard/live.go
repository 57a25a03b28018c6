package dashboard

import "net/http"

// routeLive passes the API's stream of changes on: a browser's EventSource brings its cookie, and cannot send a bearer token.
func (s *site) routeLive(mux *http.ServeMux) {
	mux.HandleFunc("GET /live", func(w http.ResponseWriter, r *http.Request) {
		asked := r.Clone(r.Context())
		asked.URL.Path, asked.URL.RawPath = "/api/v1/watch", ""
		asked.Header.Del("Cookie")
		asked.Header.Del("Authorization")
		if t := token(r); t != "" {
			asked.Header.Set("Authorization", "Bearer "+t)
		}
		s.api.ServeHTTP(w, asked)
	})
}
