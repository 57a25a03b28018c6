// SPDX-License-Identifier: Apache-2.0

package jira

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"mime"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/voiceai-dev/integrations-operator/internal/sandbox/jira/catalog"
)

// problem is an error answer: Jira's ErrorCollection with a status.
type problem struct {
	status   int
	messages []string
	errors   map[string]string
}

// refuse returns a problem with a message.
func refuse(status int, format string, a ...any) *problem {
	return &problem{status: status, messages: []string{fmt.Sprintf(format, a...)}}
}

// write writes the answer.
func (p *problem) write(w http.ResponseWriter) {
	messages := p.messages
	if messages == nil {
		messages = []string{}
	}
	fields := p.errors
	if fields == nil {
		fields = map[string]string{}
	}
	writeJSON(w, p.status, object{"errorMessages": messages, "errors": fields})
}

// Error returns the problem as one line.
func (p *problem) Error() string {
	all := slices.Clone(p.messages)
	for _, field := range slices.Sorted(maps.Keys(p.errors)) {
		all = append(all, field+": "+p.errors[field])
	}
	return strings.Join(all, "; ")
}

// object is a JSON object.
type object = map[string]any

// request is a request with what every handler needs.
type request struct {
	*http.Request
	// base is the site's address as the client sees it.
	base string
	user catalog.User
	body []byte
}

// handler handles a request. It returns a status and the body, which may be nil, or a problem.
type handler func(r *request) (int, any, *problem)

// API serves the REST API under BasePath/rest/api/2/.
func (s *Site) API() *http.ServeMux {
	mux := http.NewServeMux()
	for pattern, h := range map[string]handler{
		"GET /serverInfo":        s.serverInfo,
		"GET /myself":            s.myself,
		"GET /priority":          s.priorities,
		"GET /project/{project}": s.project,
		"GET /issue/createmeta/{project}/issuetypes":        s.createTypes,
		"GET /issue/createmeta/{project}/issuetypes/{type}": s.createFields,
		"POST /issue":                     s.create,
		"GET /issue/{issue}":              s.get,
		"PUT /issue/{issue}":              s.edit,
		"GET /issue/{issue}/transitions":  s.transitions,
		"POST /issue/{issue}/transitions": s.transition,
		"GET /issue/{issue}/comment":      s.comments,
		"POST /issue/{issue}/comment":     s.comment,
		"GET /issue/{issue}/remotelink":   s.remoteLinks,
		"POST /issue/{issue}/remotelink":  s.remoteLink,
		"POST /issue/{issue}/attachments": s.attach,
		// A narrower pattern would conflict with that of createmeta.
		"GET /issue/{issue}/{part}/{key}":     s.property,
		"PUT /issue/{issue}/properties/{key}": s.putProperty,
		"GET /search":                         s.search,
		"POST /search":                        s.search,
		"GET /search/jql":                     s.searchJQL,
		"POST /search/jql":                    s.searchJQL,
	} {
		method, path, _ := strings.Cut(pattern, " ")
		route := method + " " + BasePath + "/rest/api/2" + path
		mux.HandleFunc(route, func(w http.ResponseWriter, r *http.Request) {
			if !s.limit(w, route) {
				s.serve(w, r, h)
			}
		})
	}
	mux.HandleFunc(BasePath+"/rest/", func(w http.ResponseWriter, r *http.Request) {
		s.serve(w, r, func(r *request) (int, any, *problem) { return 0, nil, errNoResource(r) })
	})
	return mux
}

// serve handles a request.
func (s *Site) serve(w http.ResponseWriter, r *http.Request, h handler) {
	req := &request{Request: r, base: "http://" + r.Host + BasePath}
	s.base.Store(&req.base)
	anonymous := r.Header.Get("Authorization") == "" && strings.HasSuffix(r.URL.Path, "/serverInfo")
	if !anonymous {
		var refused bool
		if req.user, refused = s.authorize(w, r); refused {
			return
		}
	}
	if r.Method == http.MethodPost || r.Method == http.MethodPut {
		want := "application/json"
		if strings.HasSuffix(r.URL.Path, "/attachments") {
			want = "multipart/form-data"
		}
		if kind, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type")); kind != want {
			w.WriteHeader(http.StatusUnsupportedMediaType)
			return
		}
		body, err := io.ReadAll(r.Body)
		if err != nil {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		req.body = body
	}
	status, answer, p := h(req)
	switch {
	case p != nil:
		p.write(w)
	case answer == nil:
		w.WriteHeader(status)
	default:
		writeJSON(w, status, answer)
	}
}

// authorize returns the user, or answers a request with invalid credentials.
func (s *Site) authorize(w http.ResponseWriter, r *http.Request) (catalog.User, bool) {
	name, token, basic := r.BasicAuth()
	if !basic {
		token, _ = strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	}
	s.mu.RLock()
	state := s.credentials[token]
	s.mu.RUnlock()
	isBot := name == BotUser || s.mode == DataCenter && name == catalog.Users[0].Name
	if basic && (!isBot || token == BearerToken) || !basic && token == BotToken {
		state = ""
	}
	switch state {
	case Valid:
		return catalog.Users[0], false
	case Forbidden:
		refuse(http.StatusForbidden, "You do not have permission to perform this operation.").write(w)
	default:
		s.unauthorized(w)
	}
	return catalog.User{}, true
}

// unauthorized answers 401. Neither kind of Jira sends JSON.
func (s *Site) unauthorized(w http.ResponseWriter) {
	w.Header().Set("X-Seraph-LoginReason", "AUTHENTICATED_FAILED")
	if s.mode == Cloud {
		w.Header().Set("Content-Type", "text/html;charset=UTF-8")
		w.WriteHeader(http.StatusUnauthorized)
		_, _ = io.WriteString(w, "Client must be authenticated to access this resource.")
		return
	}
	w.Header().Set("WWW-Authenticate", `OAuth realm="sandbox"`)
	w.Header().Set("Content-Type", "text/html;charset=UTF-8")
	w.WriteHeader(http.StatusUnauthorized)
	_, _ = io.WriteString(w, "<html><head><title>Unauthorized (401)</title></head><body><h1>Unauthorized (401)</h1></body></html>")
}

// decode decodes the body. Unknown members are refused.
func (r *request) decode(v any) *problem {
	d := json.NewDecoder(strings.NewReader(string(r.body)))
	d.DisallowUnknownFields()
	err := d.Decode(v)
	if err == nil {
		if _, more := d.Token(); more == io.EOF {
			return nil
		}
	} else if json.Valid(r.body) {
		return refuse(http.StatusBadRequest, "Invalid request payload. Refer to the REST API documentation and try again.")
	}
	return refuse(http.StatusBadRequest, "There was an error parsing JSON. Check that your request body is valid.")
}

// number returns a parameter of the query, at most most. It returns fallback if the parameter is absent or invalid.
func (r *request) number(name string, fallback, most int) int {
	n, err := strconv.Atoi(r.URL.Query().Get(name))
	if err != nil || n < 0 {
		return fallback
	}
	return min(n, most)
}

// list returns the values of a parameter of the query, which may be repeated or separated by commas.
func (r *request) list(name string) []string {
	var all []string
	for _, v := range r.URL.Query()[name] {
		for part := range strings.SplitSeq(v, ",") {
			if part = strings.TrimSpace(part); part != "" {
				all = append(all, part)
			}
		}
	}
	return all
}

// writeJSON writes an answer.
func writeJSON(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json;charset=UTF-8")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v) // fails only if the client is gone
}

var errNoIssue = refuse(http.StatusNotFound, "Issue does not exist or you do not have permission to see it.")

// errNoResource returns the problem for an unknown resource.
func errNoResource(r *request) *problem {
	return refuse(http.StatusNotFound, "null for uri: %s", r.URL.Path)
}
