// SPDX-License-Identifier: Apache-2.0

package slack

import (
	"crypto/rand"
	"errors"
	"io"
	"net/http"
	"time"

	"github.com/voiceai-dev/integrations-operator/internal/sandbox/slack/appcall"
)

const (
	// responseUses and responseFor are how often and how long a response URL works.
	responseUses = 5
	responseFor  = 30 * time.Minute
	// ResponsePath begins the paths of response URLs.
	ResponsePath = "/response/"
)

// responseURL is a URL by which an app answers what a person did.
type responseURL struct {
	person Person
	// original is the timestamp of the message with the button that was clicked; empty for a command.
	original string
	uses     int
	expires  time.Time
}

// newResponseURL returns a response URL.
func (w *Workspace) newResponseURL(p Person, original string) string {
	w.mu.Lock()
	defer w.mu.Unlock()
	id := rand.Text()
	if len(w.responseURLs) >= maxMessages {
		w.responseURLs = map[string]*responseURL{}
	}
	w.responseURLs[id] = &responseURL{person: p, original: original, expires: w.options.Clock().Add(responseFor)}
	return p.Base + ResponsePath + id
}

// Responses serves the response URLs.
func (w *Workspace) Responses() *http.ServeMux {
	mux := http.NewServeMux()
	mux.HandleFunc("POST "+ResponsePath+"{id}", func(rw http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(http.MaxBytesReader(rw, r.Body, appcall.MaxAnswer))
		if err != nil {
			http.Error(rw, "invalid_payload", http.StatusBadRequest)
			return
		}
		refused := w.useResponseURL(r.PathValue("id"), body)
		if refused != nil {
			w.countRefusal("response_url", refused.code)
			status := http.StatusOK // as for used_url
			if refused.code == "expired_url" {
				status = http.StatusNotFound
			}
			writeJSON(rw, status, reply{"ok": false, "error": refused.code, "response_metadata": reply{"messages": refused.messages}})
			return
		}
		_, _ = io.WriteString(rw, "ok")
	})
	return mux
}

// useResponseURL shows an answer that came by a response URL.
func (w *Workspace) useResponseURL(id string, body []byte) *refusal {
	w.mu.Lock()
	u := w.responseURLs[id]
	var refused *refusal
	switch {
	case u == nil || w.options.Clock().After(u.expires):
		refused = refuse("expired_url")
	case u.uses >= responseUses:
		refused = refuse("used_url")
	default:
		u.uses++
	}
	w.mu.Unlock()
	if refused != nil {
		return refused
	}
	if err := w.respond(u.person, u.original, body); err != nil {
		var invalid *answerError
		if errors.As(err, &invalid) {
			return invalid.refusal
		}
		return refuse("invalid_payload")
	}
	return nil
}

// answerError is the error of an answer that Slack refuses.
type answerError struct{ *refusal }

func (e *answerError) Error() string { return "the app's answer is refused: " + e.code }

// respond shows an answer of the app: to the person alone, in the channel or in place of a message.
func (w *Workspace) respond(p Person, original string, body []byte) error {
	a, ok := jsonArguments(body)
	if !ok {
		return &answerError{refuse("invalid_payload")}
	}
	c := contentOf(a)
	if invalid := c.check(); invalid != nil {
		return &answerError{invalid}
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if a.flag("replace_original") && original != "" {
		for _, x := range w.private {
			if x.TS == original && x.User == p.User {
				m := x.Message
				m.Blocks = nil
				m.Attachments = nil
				c.put(&m)
				x.Message = m
				return nil
			}
		}
	}
	ch := w.channels[p.Channel]
	if a["response_type"] == "in_channel" && ch != nil {
		w.store(ch, c, Message{})
		return nil
	}
	m := Message{Channel: p.Channel, TS: w.nextTS()}
	c.put(&m)
	w.addPrivate(p.User, m)
	return nil
}

// postEphemeral implements chat.postEphemeral.
func (w *Workspace) postEphemeral(a args) (reply, *refusal) {
	c := contentOf(a)
	invalid := c.check()
	w.mu.Lock()
	defer w.mu.Unlock()
	ch := w.find(a["channel"])
	switch {
	case ch == nil:
		return nil, refuse("channel_not_found")
	case ch.Archived:
		return nil, refuse("is_archived")
	case !ch.Member:
		return nil, refuse("not_in_channel")
	case a["user"] == "":
		return nil, refuse("user_not_in_channel")
	case invalid != nil:
		return nil, invalid
	}
	m := Message{Channel: ch.ID, TS: w.nextTS(), ThreadTS: a["thread_ts"]}
	c.put(&m)
	w.addPrivate(a["user"], m)
	return reply{"message_ts": m.TS}, nil
}
