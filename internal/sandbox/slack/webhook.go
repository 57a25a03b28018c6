package slack

import (
	"io"
	"math"
	"mime"
	"net/http"
	"net/url"
	"strconv"
)

// hookStatus are the statuses of the refusals that are not 400 (docs.slack.dev, sending messages using incoming webhooks).
var hookStatus = map[string]int{
	"invalid_token": http.StatusForbidden, "no_team": http.StatusNotFound, "no_service": http.StatusNotFound,
	"no_active_hooks": http.StatusNotFound, "channel_not_found": http.StatusNotFound, "channel_is_archived": http.StatusGone,
}

// Webhooks serves the incoming webhooks under /services/.
func (w *Workspace) Webhooks() *http.ServeMux {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /services/{team}/{service}/{secret}", func(rw http.ResponseWriter, r *http.Request) {
		rw.Header().Set("Content-Type", "text/plain; charset=utf-8")
		no := w.hook(r)
		if no == nil {
			_, _ = io.WriteString(rw, "ok")
			return
		}
		w.refused("webhook", no.code)
		status := http.StatusBadRequest
		if s, other := hookStatus[no.code]; other {
			status = s
		}
		if no.retryAfter > 0 {
			rw.Header().Set("Retry-After", strconv.Itoa(int(math.Ceil(no.retryAfter.Seconds()))))
			status = http.StatusTooManyRequests
		}
		rw.WriteHeader(status)
		_, _ = io.WriteString(rw, no.code)
	})
	return mux
}

func (w *Workspace) hook(r *http.Request) *refusal {
	a, readable := hookArguments(r)
	c := contentOf(a)
	c.metadata, c.clientMsgID = nil, "" // a webhook has neither
	wrong := c.check()

	w.mu.Lock()
	defer w.mu.Unlock()
	h := w.hooks[r.PathValue("team")+"/"+r.PathValue("service")]
	switch {
	case r.PathValue("team") != TeamID:
		return refuse("no_team")
	case h == nil || h.state == Revoked:
		return refuse("no_service")
	case h.secret != r.PathValue("secret"):
		return refuse("invalid_token")
	case h.state == Inactive:
		return refuse("no_active_hooks")
	}
	ch := w.channels[h.channel]
	switch {
	case ch == nil:
		return refuse("channel_not_found")
	case ch.Archived:
		return refuse("channel_is_archived")
	case !readable:
		return refuse("invalid_payload")
	case wrong != nil:
		return wrong
	}
	if wait := w.take(ch); wait > 0 {
		return &refusal{code: "rate_limited", retryAfter: wait}
	}
	w.store(ch, c, Message{ThreadTS: a["thread_ts"], Webhook: true})
	w.counts.WebhookPosts++
	return nil
}

// hookArguments reads the JSON, which is the body or, from old senders, the form field "payload".
func hookArguments(r *http.Request) (args, bool) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, false
	}
	if kind, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type")); kind == "application/x-www-form-urlencoded" {
		form, err := url.ParseQuery(string(body))
		if err != nil {
			return nil, false
		}
		body = []byte(form.Get("payload"))
	}
	return jsonArguments(body)
}
