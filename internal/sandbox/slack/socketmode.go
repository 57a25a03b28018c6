// SPDX-License-Identifier: Apache-2.0

package slack

import (
	"context"
	"encoding/json"
	"net/url"
	"strings"

	"github.com/voiceai-dev/integrations-operator/internal/sandbox/slack/sockets"
)

const (
	// SocketPath is the path of connections of Socket Mode.
	SocketPath = "/link/"
	// openConnection is the method that returns the URL of a connection, connectionsWrite the scope that it needs. Only
	// app-level tokens have it.
	openConnection   = "apps.connections.open"
	connectionsWrite = "connections:write"
	// eventAttempts is how often an event is sent that is not acknowledged. The real Slack repeats it three times.
	eventAttempts = 3
)

// isAppToken reports whether a token is an app-level one.
func isAppToken(token string) bool { return strings.HasPrefix(token, "xapp-") }

// Sockets returns the connections of Socket Mode.
func (w *Workspace) Sockets() *sockets.Server { return w.sockets }

// openConnection implements apps.connections.open, except for the host of the URL.
func (w *Workspace) openConnection(args) (reply, *refusal) {
	return reply{"url": url.Values{"ticket": {w.sockets.Ticket()}, "app_id": {AppID}}.Encode()}, nil
}

// callBySocket sends what an endpoint would get by a connection, and returns the payload of the reply.
func (w *Workspace) callBySocket(ctx context.Context, endpoint string, body []byte) ([]byte, error) {
	e := sockets.Envelope{Type: "events_api", Payload: body}
	attempts := eventAttempts
	if endpoint != "events" {
		form, err := url.ParseQuery(string(body))
		if err != nil {
			return nil, err
		}
		attempts = 1
		e = sockets.Envelope{Type: "interactive", Payload: []byte(form.Get("payload")), AcceptsPayload: true}
		if endpoint == "commands" {
			e.Type = "slash_commands"
			e.Payload = jsonOf(form)
		}
	}
	var answer json.RawMessage
	var err error
	for e.Attempt = range attempts {
		if answer, err = w.sendInTime(ctx, e); err == nil {
			break
		}
	}
	return answer, err
}

// sendInTime sends an envelope and waits as long as Slack does.
func (w *Workspace) sendInTime(ctx context.Context, e sockets.Envelope) (json.RawMessage, error) {
	ctx, cancel := context.WithTimeout(ctx, w.options.Patience)
	defer cancel()
	return w.sockets.Send(ctx, e)
}

// jsonOf returns a form as the JSON of an envelope.
func jsonOf(form url.Values) []byte {
	values := map[string]string{}
	for name := range form {
		values[name] = form.Get(name)
	}
	raw, _ := json.Marshal(values) // strings can be marshalled
	return raw
}
