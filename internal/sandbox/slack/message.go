// SPDX-License-Identifier: Apache-2.0

package slack

import (
	"encoding/json"
	"strings"
	"unicode/utf8"

	"github.com/voiceai-dev/integrations-operator/internal/sandbox/slack/blocks"
	"github.com/voiceai-dev/integrations-operator/internal/sandbox/slack/display"
	"github.com/voiceai-dev/integrations-operator/internal/sandbox/slack/mentions"
)

// Message is a stored message.
type Message struct {
	Channel string `json:"channel"`
	// TS identifies the message in its channel. It consists of seconds and microseconds.
	TS string `json:"ts"`
	// ThreadTS is the TS of the thread's first message. It is empty for messages that are not replies.
	ThreadTS string `json:"threadTS,omitempty"`
	// Broadcast shows a reply in the channel too.
	Broadcast bool `json:"broadcast,omitempty"`
	// Webhook reports that the message was posted by incoming webhook and cannot be edited.
	Webhook     bool            `json:"webhook,omitempty"`
	Text        string          `json:"text"`
	Blocks      json.RawMessage `json:"blocks,omitempty"`
	Attachments json.RawMessage `json:"attachments,omitempty"`
	Metadata    json.RawMessage `json:"metadata,omitempty"`
	Files       []File          `json:"files,omitempty"`
	ClientMsgID string          `json:"clientMsgID,omitempty"`
	// Edited is the TS of the last edit.
	Edited string `json:"edited,omitempty"`
	// Edits is the number of edits.
	Edits int `json:"edits,omitempty"`
	// Pings are the mentions in this and all former versions that would notify people, such as <!channel> and <@U0BOT>,
	// in order.
	Pings []string `json:"pings,omitempty"`
}

// size returns the approximate size of the message in memory.
func (m *Message) size() int {
	return len(m.Text) + len(m.Blocks) + len(m.Attachments) + len(m.Metadata) + 512
}

// Limits of a message, from docs.slack.dev. Characters are Unicode code points.
const (
	maxText        = 40_000
	maxAttachments = 100
	maxMetadata    = 16 << 10
)

// maxPings is the maximum number of recorded pings of a message.
const maxPings = 1000

// content is the content of a message in a call. Absent parts are nil.
type content struct {
	text        *string
	blocks      json.RawMessage
	attachments json.RawMessage
	metadata    json.RawMessage
	linkNames   bool
	clientMsgID string
}

// contentOf returns the content in a call's arguments.
func contentOf(a args) content {
	c := content{
		blocks:      a.raw("blocks"),
		attachments: a.raw("attachments"),
		metadata:    a.raw("metadata"),
		linkNames:   a.flag("link_names") || a["parse"] == "full",
		clientMsgID: a["client_msg_id"],
	}
	if text, ok := a["text"]; ok {
		c.text = &text
	}
	return c
}

// check returns the refusal of invalid content, or nil.
func (c content) check() *refusal {
	var list, attachments []any
	if c.blocks != nil && json.Unmarshal(c.blocks, &list) != nil {
		return refuse("invalid_blocks_format")
	}
	if c.attachments != nil && json.Unmarshal(c.attachments, &attachments) != nil {
		return refuse("invalid_attachments")
	}
	if (c.text == nil || *c.text == "") && len(list) == 0 && len(attachments) == 0 {
		return refuse("no_text")
	}
	if c.text != nil && utf8.RuneCountInString(*c.text) > maxText {
		return refuse("msg_too_long")
	}
	if len(attachments) > maxAttachments {
		return refuse("too_many_attachments")
	}
	if len(c.clientMsgID) > 255 {
		return refuse("invalid_arguments")
	}
	if r := blocks.Check(list, attachments); r != nil {
		return &refusal{code: r.Code, messages: r.Problems}
	}
	return checkMetadata(c.metadata)
}

// checkMetadata returns the refusal of invalid metadata, or nil.
func checkMetadata(raw json.RawMessage) *refusal {
	if raw == nil {
		return nil
	}
	if len(raw) > maxMetadata {
		return refuse("metadata_too_large")
	}
	var m struct {
		Type    *string        `json:"event_type"`
		Payload map[string]any `json:"event_payload"`
	}
	if json.Unmarshal(raw, &m) != nil {
		return refuse("invalid_metadata_format")
	}
	if m.Type == nil && m.Payload == nil { // an empty object removes the metadata
		return nil
	}
	if m.Type == nil || *m.Type == "" || m.Payload == nil {
		return refuse("invalid_metadata_schema")
	}
	return nil
}

// put writes the content into a message. Absent parts stay as they are.
func (c content) put(m *Message) {
	if c.text != nil {
		m.Text = *c.text
	}
	if c.blocks != nil {
		m.Blocks = nonEmpty(c.blocks)
	}
	if c.attachments != nil {
		m.Attachments = nonEmpty(c.attachments)
	}
	if c.metadata != nil {
		m.Metadata = nonEmpty(c.metadata)
	}
	m.Pings = append(m.Pings, mentions.Finder{LinkNames: c.linkNames}.Find(m.Text, m.Blocks, m.Attachments)...)
	m.Pings = m.Pings[:min(len(m.Pings), maxPings)]
}

// nonEmpty returns JSON, or nil if it is empty.
func nonEmpty(raw json.RawMessage) json.RawMessage {
	switch strings.Join(strings.Fields(string(raw)), "") {
	case "[]", "{}", "null":
		return nil
	}
	return raw
}

// view returns the message as the Web API shows it, with metadata.
func (m *Message) view() map[string]any {
	v := map[string]any{"type": "message", "ts": m.TS, "text": m.Text, "team": TeamID, "bot_id": BotID, "user": BotUser}
	if m.Webhook {
		v["subtype"] = "bot_message"
		v["bot_id"] = "B0SANDBOX"
		delete(v, "user")
	}
	if m.ThreadTS != "" {
		v["thread_ts"] = m.ThreadTS
		v["parent_user_id"] = BotUser
		if m.Broadcast {
			v["subtype"] = "thread_broadcast"
		}
	}
	if m.Blocks != nil {
		v["blocks"] = m.Blocks
	}
	if m.Attachments != nil {
		v["attachments"] = m.Attachments
	}
	if m.ClientMsgID != "" {
		v["client_msg_id"] = m.ClientMsgID
	}
	if m.Edited != "" {
		v["edited"] = map[string]any{"user": BotUser, "ts": m.Edited}
	}
	if m.Metadata != nil {
		v["metadata"] = m.Metadata
	}
	if m.Files != nil {
		v["files"] = m.Files
		v["subtype"] = "file_share"
	}
	return v
}

// View returns the message for display.
func (m *Message) View() display.View { return display.Of(m.Text, m.Blocks, m.Attachments) }
