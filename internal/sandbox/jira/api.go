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
)

// problem is an answer that is not a success: Jira's ErrorCollection with a status.
type problem struct {
	status   int
	messages []string
	errors   map[string]string
}

func refuse(status int, format string, a ...any) *problem {
	return &problem{status: status, messages: []string{fmt.Sprintf(format, a...)}}
}

func (p *problem) write(w http.ResponseWriter) {
	messages, fields := p.messages, p.errors
	if messages == nil {
		messages = []string{}
	}
	if fields == nil {
		fields = map[string]string{}
	}
	writeJSON(w, p.status, object{"errorMessages": messages, "errors": fields})
}

// Error is the refusal as one line.
func (p *problem) Error() string {
	all := slices.Clone(p.messages)
	for _, field := range slices.Sorted(maps.Keys(p.errors)) {
		all = append(all, field+": "+p.errors[field])
	}
	return strings.Join(all, "; ")
}

type object map[string]any

// request is a call with what every handler needs.
type request struct {
	*http.Request
	// base is the site's address as the caller sees it.
	base string
	user user
	body []byte
}

// handler answers with a status and a value; no value is an answer without a body.
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
		// The pattern is so wide because a narrower one would clash with that of createmeta.
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
			if !s.tooMany(w, route) {
				s.serve(w, r, h)
			}
		})
	}
	mux.HandleFunc(BasePath+"/rest/", func(w http.ResponseWriter, r *http.Request) {
		s.serve(w, r, func(r *request) (int, any, *problem) { return 0, nil, errNoResource(r) })
	})
	return mux
}

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
		if kind, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type")); kind != "application/json" {
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

// authorize answers for credentials that are no good.
func (s *Site) authorize(w http.ResponseWriter, r *http.Request) (user, bool) {
	name, token, basic := r.BasicAuth()
	if !basic {
		token, _ = strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	}
	s.mu.RLock()
	state := s.credentials[token]
	s.mu.RUnlock()
	knownName := name == BotUser || s.mode == DataCenter && name == users[0].Name
	if basic && (!knownName || token == BearerToken) || !basic && token == BotToken {
		state = ""
	}
	switch state {
	case Valid:
		return users[0], false
	case Forbidden:
		refuse(http.StatusForbidden, "You do not have permission to perform this operation.").write(w)
	default:
		s.unauthorized(w)
	}
	return user{}, true
}

// unauthorized is no JSON with either kind of Jira.
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

// decode reads the body, in which only the members of the target may be.
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

// number reads a parameter of the query, within bounds.
func (r *request) number(name string, fallback, most int) int {
	n, err := strconv.Atoi(r.URL.Query().Get(name))
	if err != nil || n < 0 {
		return fallback
	}
	return min(n, most)
}

// list reads a parameter of the query that may be repeated and hold several values with commas.
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

func writeJSON(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json;charset=UTF-8")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v) // an error here is a caller that left
}

var errNoIssue = refuse(http.StatusNotFound, "Issue does not exist or you do not have permission to see it.")

func errNoResource(r *request) *problem {
	return refuse(http.StatusNotFound, "null for uri: %s", r.URL.Path)
}
