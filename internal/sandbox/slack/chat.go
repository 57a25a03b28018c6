package slack

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// postMessage takes a channel's ID or name, as chat.postMessage does.
func (w *Workspace) postMessage(a args) (reply, *refusal) {
	c := contentOf(a)
	wrong := c.check()
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
	case wrong != nil:
		return nil, wrong
	}
	if wait := w.take(ch); wait > 0 {
		return nil, &refusal{code: "ratelimited", retryAfter: wait}
	}
	m := w.store(ch, c, Message{ThreadTS: a["thread_ts"], Broadcast: a.flag("reply_broadcast"), ClientMsgID: c.clientMsgID})
	w.counts.Posts++
	return reply{"channel": ch.ID, "ts": m.TS, "message": m.view(true)}, nil
}

// store adds a message to a channel. A reply to a reply joins its thread; one to a message that is gone stands alone, as with the real
// Slack. It needs the lock.
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
	m.Channel, m.TS = ch.ID, w.nextTS()
	c.put(&m)
	ch.add(&m)
	return &m
}

// byID finds a channel that the bot is in; the methods that use it take no names. It needs the lock.
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

// update edits a message of the bot. Parts that are not sent stay; an empty list takes the blocks away.
func (w *Workspace) update(a args) (reply, *refusal) {
	c := contentOf(a)
	wrong := c.check()
	w.mu.Lock()
	defer w.mu.Unlock()
	ch, no := w.byID(a["channel"])
	if no != nil {
		return nil, no
	}
	i, found := ch.at(a["ts"])
	switch {
	case !found:
		return nil, refuse("message_not_found")
	case ch.messages[i].Webhook:
		return nil, refuse("cant_update_message")
	case ch.Archived:
		return nil, refuse("is_archived")
	case wrong != nil:
		return nil, wrong
	}
	// The stored message is replaced, never changed: whoever holds the old one may be reading it.
	m := *ch.messages[i]
	ch.bytes -= m.size()
	m.Pings = append([]string{}, m.Pings...)
	c.put(&m)
	m.Edited = w.nextTS()
	m.Edits++
	ch.messages[i] = &m
	ch.bytes += m.size()
	ch.makeRoom()
	w.counts.Updates++
	return reply{"channel": ch.ID, "ts": m.TS, "text": m.Text, "message": m.view(true)}, nil
}

func (w *Workspace) permalink(a args) (reply, *refusal) {
	w.mu.Lock()
	defer w.mu.Unlock()
	ch, no := w.byID(a["channel"])
	if no != nil {
		return nil, no
	}
	i, found := ch.at(a["message_ts"])
	if !found {
		return nil, refuse("message_not_found")
	}
	link := fmt.Sprintf("https://voice-ai-sandbox.slack.com/archives/%s/p%s", ch.ID, strings.ReplaceAll(ch.messages[i].TS, ".", ""))
	return reply{"channel": ch.ID, "permalink": link}, nil
}

const (
	historyDefault = 100
	historyMost    = 999
)

// history lists a channel newest first, without the replies that stay in threads.
func (w *Workspace) history(a args) (reply, *refusal) {
	w.mu.Lock()
	defer w.mu.Unlock()
	ch, no := w.byID(a["channel"])
	if no != nil {
		return nil, no
	}
	before := a["latest"]
	inclusive := a.flag("inclusive")
	if cursor := a["cursor"]; cursor != "" {
		before, inclusive = strings.TrimPrefix(cursor, "next_ts:"), false
	}
	limit := a.number("limit", historyDefault, historyMost)
	page, more := []map[string]any{}, false
	for i := len(ch.messages) - 1; i >= 0; i-- {
		m := ch.messages[i]
		if m.ThreadTS != "" && !m.Broadcast {
			continue
		}
		if !within(m.TS, a["oldest"], before, inclusive) {
			continue
		}
		if len(page) == limit {
			more = true
			break
		}
		page = append(page, m.view(a.flag("include_all_metadata")))
	}
	w.counts.Reads++
	return pageReply(page, more), nil
}

// replies lists a thread, its parent first, whatever oldest and latest say.
func (w *Workspace) replies(a args) (reply, *refusal) {
	w.mu.Lock()
	defer w.mu.Unlock()
	ch, no := w.byID(a["channel"])
	if no != nil {
		return nil, no
	}
	i, found := ch.at(a["ts"])
	if !found {
		return nil, refuse("thread_not_found")
	}
	root := ch.messages[i].TS
	if parent := ch.messages[i].ThreadTS; parent != "" {
		root = parent
	}
	after := a["oldest"]
	if cursor := a["cursor"]; cursor != "" {
		after = strings.TrimPrefix(cursor, "next_ts:")
	}
	limit := a.number("limit", historyDefault, historyMost)
	page, more := []map[string]any{}, false
	for _, m := range ch.messages {
		first := m.TS == root && a["cursor"] == ""
		if !first && (m.ThreadTS != root || !within(m.TS, after, a["latest"], a.flag("inclusive") && a["cursor"] == "")) {
			continue
		}
		if len(page) == limit {
			more = true
			break
		}
		page = append(page, m.view(a.flag("include_all_metadata")))
	}
	w.counts.Reads++
	return pageReply(page, more), nil
}

func pageReply(page []map[string]any, more bool) reply {
	r := reply{"messages": page, "has_more": more}
	if more {
		r["response_metadata"] = reply{"next_cursor": "next_ts:" + page[len(page)-1]["ts"].(string)}
	}
	return r
}

// within says whether a timestamp lies between two others, which may be empty.
func within(ts, oldest, latest string, inclusive bool) bool {
	least := 1
	if inclusive {
		least = 0
	}
	return (oldest == "" || compareTS(ts, oldest) >= least) && (latest == "" || compareTS(latest, ts) >= least)
}

func (w *Workspace) info(a args) (reply, *refusal) {
	w.mu.Lock()
	defer w.mu.Unlock()
	ch := w.channels[a["channel"]]
	if ch == nil {
		return nil, refuse("channel_not_found")
	}
	return reply{"channel": reply{"id": ch.ID, "name": ch.Name, "is_channel": true, "is_archived": ch.Archived, "is_member": ch.Member}}, nil
}

// list pages through the channels, by ID.
func (w *Workspace) list(a args) (reply, *refusal) {
	w.mu.Lock()
	defer w.mu.Unlock()
	limit := a.number("limit", 100, 1000)
	found, next := []reply{}, ""
	for _, id := range slices.Sorted(maps.Keys(w.channels)) {
		if id <= a["cursor"] {
			continue
		}
		if len(found) == limit {
			next = found[limit-1]["id"].(string)
			break
		}
		ch := w.channels[id]
		found = append(found, reply{"id": ch.ID, "name": ch.Name, "is_channel": true, "is_archived": ch.Archived, "is_member": ch.Member})
	}
	return reply{"channels": found, "response_metadata": reply{"next_cursor": next}}, nil
}
