// SPDX-License-Identifier: Apache-2.0

package slack

import (
	"maps"
	"slices"
	"strings"

	"github.com/voiceai-dev/integrations-operator/internal/sandbox/slack/timestamp"
)

// The number of messages in a page.
const (
	defaultPage = 100
	maxPage     = 999
)

// cursorPrefix is the prefix of cursors.
const cursorPrefix = "next_ts:"

// history implements conversations.history: a channel's messages without replies that were not broadcast, newest
// first.
func (w *Workspace) history(a args) (reply, *refusal) {
	w.mu.Lock()
	defer w.mu.Unlock()
	ch, refused := w.byID(a["channel"])
	if refused != nil {
		return nil, refused
	}
	before := a["latest"]
	inclusive := a.flag("inclusive")
	if cursor := a["cursor"]; cursor != "" {
		before = strings.TrimPrefix(cursor, cursorPrefix)
		inclusive = false
	}
	wanted := timestamp.Range{Oldest: a["oldest"], Latest: before, Inclusive: inclusive}
	page := newPage(a)
	for i := len(ch.messages) - 1; i >= 0; i-- {
		m := ch.messages[i]
		if m.ThreadTS != "" && !m.Broadcast {
			continue
		}
		if !wanted.Contains(m.TS) {
			continue
		}
		if !page.add(m) {
			break
		}
	}
	w.counts.Reads++
	return page.reply(), nil
}

// replies implements conversations.replies: a thread, with its parent first even if oldest and latest exclude it.
func (w *Workspace) replies(a args) (reply, *refusal) {
	w.mu.Lock()
	defer w.mu.Unlock()
	ch, refused := w.byID(a["channel"])
	if refused != nil {
		return nil, refused
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
		after = strings.TrimPrefix(cursor, cursorPrefix)
	}
	page := newPage(a)
	wanted := timestamp.Range{Oldest: after, Latest: a["latest"], Inclusive: a.flag("inclusive") && a["cursor"] == ""}
	for _, m := range ch.messages {
		first := m.TS == root && a["cursor"] == ""
		if !first && (m.ThreadTS != root || !wanted.Contains(m.TS)) {
			continue
		}
		if !page.add(m) {
			break
		}
	}
	w.counts.Reads++
	return page.reply(), nil
}

// page is a page of messages.
type page struct {
	limit    int
	metadata bool
	messages []map[string]any
	more     bool
}

// newPage returns an empty page with the limit that the arguments name.
func newPage(a args) *page {
	return &page{
		limit: a.number("limit", defaultPage, maxPage), metadata: a.flag("include_all_metadata"), messages: []map[string]any{},
	}
}

// add adds a message. It returns false if the page is full.
func (p *page) add(m *Message) bool {
	if len(p.messages) == p.limit {
		p.more = true
		return false
	}
	view := m.view()
	if !p.metadata {
		delete(view, "metadata")
	}
	p.messages = append(p.messages, view)
	return true
}

// reply returns the answer with the page.
func (p *page) reply() reply {
	r := reply{"messages": p.messages, "has_more": p.more}
	if p.more {
		last := p.messages[len(p.messages)-1]
		r["response_metadata"] = reply{"next_cursor": cursorPrefix + last["ts"].(string)}
	}
	return r
}

// info implements conversations.info.
func (w *Workspace) info(a args) (reply, *refusal) {
	w.mu.Lock()
	defer w.mu.Unlock()
	ch := w.channels[a["channel"]]
	if ch == nil {
		return nil, refuse("channel_not_found")
	}
	return reply{"channel": ch.view()}, nil
}

// list implements conversations.list, sorted by ID.
func (w *Workspace) list(a args) (reply, *refusal) {
	w.mu.Lock()
	defer w.mu.Unlock()
	limit := a.number("limit", 100, 1000)
	found := []reply{}
	next := ""
	for _, id := range slices.Sorted(maps.Keys(w.channels)) {
		if id <= a["cursor"] || strings.HasPrefix(id, directPrefix) { // these are listed only if they are asked for
			continue
		}
		if len(found) == limit {
			next = found[limit-1]["id"].(string)
			break
		}
		found = append(found, w.channels[id].view())
	}
	return reply{"channels": found, "response_metadata": reply{"next_cursor": next}}, nil
}

// view returns the channel as the Web API shows it.
func (c Channel) view() reply {
	return reply{"id": c.ID, "name": c.Name, "is_channel": true, "is_archived": c.Archived, "is_member": c.Member}
}
