// SPDX-License-Identifier: Apache-2.0

package slack

import (
	"cmp"
	"io"
	"mime"
	"net/http"
	"net/url"
)

// hookStatus has the statuses of refusals other than 400 (docs.slack.dev, sending messages using incoming webhooks).
var hookStatus = map[string]int{
	"invalid_token": http.StatusForbidden, "no_team": http.StatusNotFound, "no_service": http.StatusNotFound,
	"no_active_hooks": http.StatusNotFound, "channel_not_found": http.StatusNotFound, "channel_is_archived": http.StatusGone,
}

// Webhooks serves the incoming webhooks under /services/.
func (w *Workspace) Webhooks() *http.ServeMux {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /services/{team}/{service}/{secret}", func(rw http.ResponseWriter, r *http.Request) {
		rw.Header().Set("Content-Type", "text/plain; charset=utf-8")
		refused := w.postByHook(r)
		if refused == nil {
			_, _ = io.WriteString(rw, "ok")
			return
		}
		w.countRefusal("webhook", refused.code)
		status := cmp.Or(hookStatus[refused.code], http.StatusBadRequest)
		if refused.retryAfter > 0 {
			refused.setRetryAfter(rw.Header())
			status = http.StatusTooManyRequests
		}
		rw.WriteHeader(status)
		_, _ = io.WriteString(rw, refused.code)
	})
	return mux
}

// postByHook posts a message to the channel of an incoming webhook.
func (w *Workspace) postByHook(r *http.Request) *refusal {
	a, readable := hookArguments(r)
	c := contentOf(a)
	c.metadata = nil // not supported by webhooks
	c.clientMsgID = ""
	invalid := c.check()

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
	case invalid != nil:
		return invalid
	}
	if wait := w.take(ch); wait > 0 {
		return &refusal{code: "rate_limited", retryAfter: wait}
	}
	w.store(ch, c, Message{ThreadTS: a["thread_ts"], Webhook: true})
	w.counts.WebhookPosts++
	return nil
}

// hookArguments reads the arguments from the JSON in the body or, as old clients send it, in the form field
// "payload".
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
