// SPDX-License-Identifier: Apache-2.0

package slack

import (
	"fmt"
	"slices"
	"strings"
)

// postMessage implements chat.postMessage. Like the real one, it accepts a channel's ID or name, or the ID of a person.
func (w *Workspace) postMessage(a args) (reply, *refusal) {
	c := contentOf(a)
	invalid := c.check()
	w.mu.Lock()
	defer w.mu.Unlock()
	ch := w.find(a["channel"])
	if slices.Contains(People(), a["channel"]) {
		ch = w.direct(a["channel"])
	}
	switch {
	case ch == nil:
		return nil, refuse("channel_not_found")
	case ch.Archived:
		return nil, refuse("is_archived")
	case !ch.Member:
		return nil, refuse("not_in_channel")
	case invalid != nil:
		return nil, invalid
	}
	if wait := w.take(ch); wait > 0 {
		return nil, &refusal{code: "ratelimited", retryAfter: wait}
	}
	m := w.store(ch, c, Message{ThreadTS: a["thread_ts"], Broadcast: a.flag("reply_broadcast"), ClientMsgID: c.clientMsgID})
	w.counts.Posts++
	return reply{"channel": ch.ID, "ts": m.TS, "message": m.view()}, nil
}

// store adds a message to a channel. As with the real Slack, a reply to a reply joins its thread, and a reply to a
// message that does not exist becomes an ordinary message. It needs the lock.
func (w *Workspace) store(ch *channel, c content, m Message) *Message {
	if m.ThreadTS != "" {
		i, found := ch.at(m.ThreadTS)
		switch {
		case !found:
			m.ThreadTS = ""
		case ch.messages[i].ThreadTS != "":
			m.ThreadTS = ch.messages[i].ThreadTS
		default:
			m.ThreadTS = ch.messages[i].TS
		}
	}
	m.Broadcast = m.Broadcast && m.ThreadTS != ""
	m.Channel = ch.ID
	m.TS = w.nextTS()
	c.put(&m)
	ch.add(&m)
	return &m
}

// byID returns a channel that the bot is in, for the methods that accept no names. It needs the lock.
func (w *Workspace) byID(id string) (*channel, *refusal) {
	ch := w.channels[id]
	if ch == nil {
		return nil, refuse("channel_not_found")
	}
	if !ch.Member {
		return nil, refuse("not_in_channel")
	}
	return ch, nil
}

// update implements chat.update. Absent parts stay as they are. An empty list removes the blocks.
func (w *Workspace) update(a args) (reply, *refusal) {
	c := contentOf(a)
	invalid := c.check()
	w.mu.Lock()
	defer w.mu.Unlock()
	ch, refused := w.byID(a["channel"])
	if refused != nil {
		return nil, refused
	}
	i, found := ch.at(a["ts"])
	switch {
	case !found:
		return nil, refuse("message_not_found")
	case ch.messages[i].Webhook:
		return nil, refuse("cant_update_message")
	case ch.Archived:
		return nil, refuse("is_archived")
	case invalid != nil:
		return nil, invalid
	}
	// The stored message is replaced, never changed, because callers may still read the old one.
	m := *ch.messages[i]
	ch.bytes -= m.size()
	m.Pings = append([]string{}, m.Pings...)
	c.put(&m)
	m.Edited = w.nextTS()
	m.Edits++
	ch.messages[i] = &m
	ch.bytes += m.size()
	ch.trim()
	w.counts.Updates++
	return reply{"channel": ch.ID, "ts": m.TS, "text": m.Text, "message": m.view()}, nil
}

// permalink implements chat.getPermalink, except for the workspace's address.
func (w *Workspace) permalink(a args) (reply, *refusal) {
	w.mu.Lock()
	defer w.mu.Unlock()
	ch, refused := w.byID(a["channel"])
	if refused != nil {
		return nil, refused
	}
	i, found := ch.at(a["message_ts"])
	if !found {
		return nil, refuse("message_not_found")
	}
	link := fmt.Sprintf("archives/%s/p%s", ch.ID, strings.ReplaceAll(ch.messages[i].TS, ".", ""))
	return reply{"channel": ch.ID, "permalink": link}, nil
}
