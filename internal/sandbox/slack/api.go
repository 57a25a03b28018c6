// SPDX-License-Identifier: Apache-2.0

package slack

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"math"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// args are the arguments of a call, from the query, a form or JSON. Structured values are JSON.
type args map[string]string

// raw returns an argument as JSON, or nil if it is absent.
func (a args) raw(name string) json.RawMessage {
	if a[name] == "" {
		return nil
	}
	return json.RawMessage(a[name])
}

// flag returns a boolean argument.
func (a args) flag(name string) bool { return a[name] == "1" || a[name] == "true" }

// number returns a number of at most most. It returns fallback if the argument is absent or invalid.
func (a args) number(name string, fallback, most int) int {
	n, err := strconv.Atoi(a[name])
	if err != nil || n < 1 {
		return fallback
	}
	return min(n, most)
}

// refusal is an answer with "ok":false.
type refusal struct {
	code             string
	needed, provided string
	messages         []string
	retryAfter       time.Duration
}

// refuse returns a refusal with an error code.
func refuse(code string) *refusal { return &refusal{code: code} }

// reply is an answer with "ok":true.
type reply map[string]any

// method is a method of the Web API and the scope that it requires.
type method struct {
	scope string
	run   func(*Workspace, args) (reply, *refusal)
}

// methods are the supported methods by name.
var methods = map[string]method{
	"auth.test":                    {run: (*Workspace).authTest},
	"chat.postMessage":             {scope: "chat:write", run: (*Workspace).postMessage},
	"chat.update":                  {scope: "chat:write", run: (*Workspace).update},
	"chat.postEphemeral":           {scope: "chat:write", run: (*Workspace).postEphemeral},
	"views.open":                   {run: (*Workspace).openView},
	"views.update":                 {run: (*Workspace).updateView},
	"usergroups.list":              {scope: "usergroups:read", run: (*Workspace).listGroups},
	"chat.getPermalink":            {run: (*Workspace).permalink},
	"conversations.history":        {scope: "channels:history", run: (*Workspace).history},
	"conversations.replies":        {scope: "channels:history", run: (*Workspace).replies},
	"conversations.info":           {scope: "channels:read", run: (*Workspace).info},
	"conversations.list":           {scope: "channels:read", run: (*Workspace).list},
	"files.getUploadURLExternal":   {scope: filesWrite, run: (*Workspace).uploadURL},
	"files.completeUploadExternal": {scope: filesWrite, run: (*Workspace).completeUpload},
	openConnection:                 {scope: connectionsWrite, run: (*Workspace).openConnection},
}

// API serves the Web API under /api/.
func (w *Workspace) API() *http.ServeMux {
	mux := http.NewServeMux()
	for name, m := range methods {
		mux.HandleFunc("/api/"+name, func(rw http.ResponseWriter, r *http.Request) { w.serve(rw, r, name, m) })
	}
	mux.HandleFunc("POST "+uploadPath+"{id}", w.upload)
	mux.HandleFunc("/api/oauth.v2.access", w.exchange) // which needs no token
	mux.HandleFunc("/api/auth.revoke", w.revoke)
	mux.HandleFunc("/api/", func(rw http.ResponseWriter, r *http.Request) {
		writeJSON(rw, http.StatusOK, reply{"ok": false, "error": "unknown_method", "req_method": strings.TrimPrefix(r.URL.Path, "/api/")})
	})
	return mux
}

// serve handles a call of a method.
func (w *Workspace) serve(rw http.ResponseWriter, r *http.Request, name string, m method) {
	answer, refused := w.run(rw, r, m)
	if refused != nil {
		w.countRefusal(name, refused.code)
		refused.write(rw)
		return
	}
	answer["ok"] = true
	address := "http://" + r.Host + "/"
	switch name {
	case "auth.test":
		answer["url"] = address
	case openConnection:
		answer["url"] = fmt.Sprint("ws://", r.Host, SocketPath, "?", answer["url"])
	case "files.getUploadURLExternal":
		answer["upload_url"] = fmt.Sprint("http://", r.Host, uploadPath, answer["file_id"])
	case "chat.getPermalink":
		answer["permalink"] = fmt.Sprint(address, answer["permalink"])
	}
	writeJSON(rw, http.StatusOK, answer)
}

// run authorizes a call and runs its method. It writes the headers about scopes.
func (w *Workspace) run(rw http.ResponseWriter, r *http.Request, m method) (reply, *refusal) {
	a, token, refused := arguments(r)
	if refused != nil {
		return nil, refused
	}
	scopes, refused := w.authorize(token, m.scope)
	if scopes != nil {
		rw.Header().Set("X-OAuth-Scopes", strings.Join(scopes, ","))
		if m.scope != "" {
			rw.Header().Set("X-Accepted-OAuth-Scopes", m.scope)
		}
	}
	if refused != nil {
		return nil, refused
	}
	return m.run(w, a)
}

// write writes the answer.
func (f *refusal) write(rw http.ResponseWriter) {
	answer := reply{"ok": false, "error": f.code}
	if f.needed != "" {
		answer["needed"] = f.needed
		answer["provided"] = f.provided
	}
	if f.messages != nil {
		answer["response_metadata"] = reply{"messages": f.messages}
	}
	status := http.StatusOK
	if f.retryAfter > 0 {
		f.setRetryAfter(rw.Header())
		status = http.StatusTooManyRequests
	}
	writeJSON(rw, status, answer)
}

// setRetryAfter sets the header Retry-After in whole seconds.
func (f *refusal) setRetryAfter(h http.Header) {
	h.Set("Retry-After", strconv.Itoa(int(math.Ceil(f.retryAfter.Seconds()))))
}

// authorize returns the scopes of a token, and refuses a call whose scope it lacks. The scopes of an invalid token
// are nil.
func (w *Workspace) authorize(token, scope string) ([]string, *refusal) {
	if token == "" {
		return nil, refuse("not_authed")
	}
	w.mu.Lock()
	t, ok := w.tokens[token]
	w.mu.Unlock()
	switch {
	case !ok:
		return nil, refuse("invalid_auth")
	case isAppToken(token) != (scope == connectionsWrite):
		return nil, refuse("not_allowed_token_type")
	case t.State == Revoked:
		return nil, refuse("token_revoked")
	case t.State == Inactive:
		return nil, refuse("account_inactive")
	case !t.Expires.IsZero() && !w.options.Clock().Before(t.Expires):
		return nil, refuse("token_expired")
	}
	granted := append([]string{}, t.Scopes...)
	if scope != "" && !slices.Contains(granted, scope) {
		return granted, &refusal{code: "missing_scope", needed: scope, provided: strings.Join(granted, ",")}
	}
	return granted, nil
}

// arguments reads the arguments and the token. As with the real Slack, the token is in the form or the Authorization
// header, never in JSON or the query.
func arguments(r *http.Request) (args, string, *refusal) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, "", refuse("request_timeout")
	}
	token := strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")
	a := args{}
	for k, v := range r.URL.Query() {
		if k != "token" {
			a[k] = v[0]
		}
	}
	kind, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type"))
	switch {
	case len(body) == 0:
	case kind == "application/json":
		fields, ok := jsonArguments(body)
		if !ok {
			return nil, "", refuse("invalid_json")
		}
		maps.Copy(a, fields)
	case kind == "application/x-www-form-urlencoded":
		form, err := url.ParseQuery(string(body))
		if err != nil {
			return nil, "", refuse("invalid_form_data")
		}
		for k, v := range form {
			a[k] = v[0]
		}
		if a["token"] != "" {
			token = a["token"]
			delete(a, "token")
		}
	default:
		return nil, "", refuse("invalid_post_type")
	}
	return a, token, nil
}

// jsonArguments reads the arguments from a JSON object.
func jsonArguments(body []byte) (args, bool) {
	var fields map[string]json.RawMessage
	if json.Unmarshal(body, &fields) != nil || fields == nil {
		return nil, false
	}
	a := args{}
	for k, raw := range fields {
		var text string
		switch {
		case string(raw) == "null":
		case json.Unmarshal(raw, &text) == nil:
			a[k] = text
		default:
			a[k] = string(raw)
		}
	}
	return a, true
}

// writeJSON writes an answer.
func writeJSON(rw http.ResponseWriter, status int, v any) {
	rw.Header().Set("Content-Type", "application/json; charset=utf-8")
	rw.WriteHeader(status)
	_ = json.NewEncoder(rw).Encode(v) // fails only if the client is gone
}

// authTest implements auth.test, except for the URL.
func (w *Workspace) authTest(args) (reply, *refusal) {
	return reply{
		"team": TeamName, "team_id": TeamID, "user": BotName, "user_id": BotUser, "bot_id": BotID, "is_enterprise_install": false,
	}, nil
}
