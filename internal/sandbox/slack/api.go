package slack

import (
	"encoding/json"
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

// args are a call's arguments, however they came; a structured value is its JSON.
type args map[string]string

func (a args) raw(name string) json.RawMessage {
	if a[name] == "" {
		return nil
	}
	return json.RawMessage(a[name])
}

func (a args) flag(name string) bool { return a[name] == "1" || a[name] == "true" }

// number reads an argument, within bounds; fallback when it is absent or none.
func (a args) number(name string, fallback, most int) int {
	n, err := strconv.Atoi(a[name])
	if err != nil || n < 1 {
		return fallback
	}
	return min(n, most)
}

// refusal is an {"ok":false} answer.
type refusal struct {
	code             string
	needed, provided string
	messages         []string
	retryAfter       time.Duration
}

func refuse(code string) *refusal { return &refusal{code: code} }

type reply map[string]any

// method is one method of the Web API.
type method struct {
	scope string
	run   func(*Workspace, args) (reply, *refusal)
}

var methods = map[string]method{
	"auth.test":             {run: (*Workspace).authTest},
	"chat.postMessage":      {scope: "chat:write", run: (*Workspace).postMessage},
	"chat.update":           {scope: "chat:write", run: (*Workspace).update},
	"chat.getPermalink":     {run: (*Workspace).permalink},
	"conversations.history": {scope: "channels:history", run: (*Workspace).history},
	"conversations.replies": {scope: "channels:history", run: (*Workspace).replies},
	"conversations.info":    {scope: "channels:read", run: (*Workspace).info},
	"conversations.list":    {scope: "channels:read", run: (*Workspace).list},
}

// API serves the Web API under /api/.
func (w *Workspace) API() *http.ServeMux {
	mux := http.NewServeMux()
	for name, m := range methods {
		mux.HandleFunc("/api/"+name, func(rw http.ResponseWriter, r *http.Request) { w.serve(rw, r, name, m) })
	}
	mux.HandleFunc("/api/", func(rw http.ResponseWriter, r *http.Request) {
		writeJSON(rw, http.StatusOK, reply{"ok": false, "error": "unknown_method", "req_method": strings.TrimPrefix(r.URL.Path, "/api/")})
	})
	return mux
}

func (w *Workspace) serve(rw http.ResponseWriter, r *http.Request, name string, m method) {
	a, token, no := arguments(r)
	var answer reply
	if no == nil {
		var scopes []string
		if scopes, no = w.authorize(token, m.scope); scopes != nil {
			rw.Header().Set("X-OAuth-Scopes", strings.Join(scopes, ","))
			if m.scope != "" {
				rw.Header().Set("X-Accepted-OAuth-Scopes", m.scope)
			}
		}
	}
	if no == nil {
		if answer, no = m.run(w, a); no == nil {
			answer["ok"] = true
			if name == "auth.test" {
				answer["url"] = "http://" + r.Host + "/"
			}
			writeJSON(rw, http.StatusOK, answer)
			return
		}
	}
	w.refused(name, no.code)
	no.write(rw)
}

func (no *refusal) write(rw http.ResponseWriter) {
	answer := reply{"ok": false, "error": no.code}
	if no.needed != "" {
		answer["needed"], answer["provided"] = no.needed, no.provided
	}
	if no.messages != nil {
		answer["response_metadata"] = reply{"messages": no.messages}
	}
	status := http.StatusOK
	if no.retryAfter > 0 {
		rw.Header().Set("Retry-After", strconv.Itoa(int(math.Ceil(no.retryAfter.Seconds()))))
		status = http.StatusTooManyRequests
	}
	writeJSON(rw, status, answer)
}

// authorize needs no lock. The scopes are nil when the token is not good for anything.
func (w *Workspace) authorize(token, scope string) ([]string, *refusal) {
	if token == "" {
		return nil, refuse("not_authed")
	}
	w.mu.Lock()
	t, known := w.tokens[token]
	w.mu.Unlock()
	switch {
	case !known:
		return nil, refuse("invalid_auth")
	case t.State == Revoked:
		return nil, refuse("token_revoked")
	case t.State == Inactive:
		return nil, refuse("account_inactive")
	}
	granted := append([]string{}, t.Scopes...)
	if scope != "" && !slices.Contains(granted, scope) {
		return granted, &refusal{code: "missing_scope", needed: scope, provided: strings.Join(granted, ",")}
	}
	return granted, nil
}

// arguments reads the arguments and the token. As with the real Slack the token is in a form body or the Authorization header, never in
// a JSON body or the query.
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

func writeJSON(rw http.ResponseWriter, status int, v any) {
	rw.Header().Set("Content-Type", "application/json; charset=utf-8")
	rw.WriteHeader(status)
	_ = json.NewEncoder(rw).Encode(v) // an error here is a caller that left
}

func (w *Workspace) authTest(args) (reply, *refusal) {
	return reply{"team": TeamName, "team_id": TeamID, "user": BotName, "user_id": BotUser, "bot_id": BotID, "is_enterprise_install": false}, nil
}
