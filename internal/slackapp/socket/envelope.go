// SPDX-License-Identifier: Apache-2.0

package socket

import (
	"encoding/json"
	"errors"
	"fmt"
	"regexp"

	"github.com/voiceai-dev/integrations-operator/internal/slackapp/inbound"
)

// The types of messages, see https://docs.slack.dev/apis/events-api/using-socket-mode.
const (
	typeHello       = "hello"
	typeDisconnect  = "disconnect"
	typeEvent       = "events_api"
	typeCommand     = "slash_commands"
	typeInteraction = "interactive"
)

const (
	// maxReply bounds a reply, in bytes: Slack drops replies of 20 KiB and more without an error.
	maxReply = 20_000
	// replyMargin is what a reply has besides its payload, at most.
	replyMargin = 512
	// noReply bounds the payload of a reply that may have none.
	noReply = 1
)

// message is what Slack sends on a connection: an envelope, or something about the connection itself.
type message struct {
	Type string `json:"type"`
	// EnvelopeID identifies an envelope. A reply with it acknowledges the envelope.
	EnvelopeID string `json:"envelope_id"`
	// AcceptsPayload reports whether the reply may have a payload.
	AcceptsPayload bool            `json:"accepts_response_payload"`
	Payload        json.RawMessage `json:"payload"`
	// Reason is why Slack closes the connection.
	Reason string `json:"reason"`
}

// envelopeID matches the ID of an envelope in a message that is not JSON.
var envelopeID = regexp.MustCompile(`"envelope_id"\s*:\s*"([^"\\]{1,255})"`)

// decode decodes a message. With an error it returns what is known of the message, above all its ID.
func decode(raw []byte) (message, error) {
	m := message{}
	err := json.Unmarshal(raw, &m)
	var mismatch *json.UnmarshalTypeError
	if errors.As(err, &mismatch) { // a member of another type is left out
		return m, nil
	}
	if id := envelopeID.FindSubmatch(raw); err != nil && id != nil {
		m = message{EnvelopeID: string(id[1])}
	}
	return m, err
}

// request decodes the payload of an envelope.
func (m message) request() (inbound.Request, error) {
	switch m.Type {
	case typeEvent:
		return inbound.DecodeEvent(m.Payload)
	case typeCommand:
		return inbound.DecodeCommandJSON(m.Payload)
	case typeInteraction:
		return inbound.DecodeInteraction(m.Payload)
	}
	return inbound.Request{}, fmt.Errorf("there is no type %q", m.Type)
}

// maxBody returns how long the payload of the reply may be, in bytes.
func (m message) maxBody() int {
	if m.AcceptsPayload {
		return maxReply - replyMargin
	}
	return noReply
}

// reply returns the reply to an envelope.
func (m message) reply(payload json.RawMessage) ([]byte, error) {
	return json.Marshal(struct {
		ID      string          `json:"envelope_id"`
		Payload json.RawMessage `json:"payload,omitempty"`
	}{m.EnvelopeID, payload})
}
