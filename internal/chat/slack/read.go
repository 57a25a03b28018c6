// SPDX-License-Identifier: Apache-2.0

package slack

import (
	"context"
	"strconv"
	"sync"
	"time"

	"github.com/voiceai-dev/integrations-operator/internal/chat"
	"github.com/voiceai-dev/integrations-operator/internal/fault"
)

// read is a read of a place, of many pages.
type read struct {
	place
	// since is the Unix time that the read goes back to.
	since int64
	found map[string]chat.Posted
	// oldest is the timestamp that the present pass goes back to, cursor the page that it reads next.
	oldest, cursor string
	// newest is the timestamp of the newest message of the pass, which its first page has.
	newest string
	// wasInterrupted reports whether the pass began in an earlier call. Then messages may have been posted since.
	wasInterrupted bool
	done           bool
}

func newRead(at place, since time.Time) *read {
	return &read{
		place: at, since: since.Unix(), oldest: strconv.FormatInt(since.Unix(), 10), found: map[string]chat.Posted{},
	}
}

// readPage reads the next page. A history begins with the newest messages: once it was read with interruptions,
// another pass reads what was posted meanwhile. A thread ends with them.
func (b *bot) readPage(ctx context.Context, r *read) error {
	load := b.history
	if r.threadTS != "" {
		load = b.replies
	}
	p, err := load(ctx, r)
	if err != nil {
		return err
	}
	if len(p.messages) > maxMessages {
		return fault.New(fault.Unavailable, "Slack returned %d messages in a page of at most %d. %s", len(p.messages), pageSize, checkURL)
	}
	for _, m := range p.messages {
		if r.newest == "" {
			r.newest = m.Timestamp
		}
		if id, ok := m.Metadata.EventPayload["delivery_id"].(string); ok && m.Metadata.EventType == metadataType {
			r.found[id] = b.posted(r.channel, m.Timestamp)
		}
	}
	r.cursor = p.next
	switch {
	case p.next != "":
	case r.wasInterrupted && r.threadTS == "":
		r.wasInterrupted = false
		r.oldest = r.newest
		r.newest = ""
	default:
		r.done = true
	}
	return nil
}

// interrupt keeps a read, for a later call to go on with.
func (b *bot) interrupt(r *read) {
	r.wasInterrupted = r.wasInterrupted || r.cursor != ""
	b.reads.keep(r.place, r)
}

// maxUnfinished bounds how many interrupted reads are kept.
const maxUnfinished = 100

// unfinished keeps reads that were interrupted, by what they read. The zero value is ready for use.
type unfinished[K comparable, V any] struct {
	mu    sync.Mutex
	byKey map[K]V
}

// take removes and returns a read, and whether there is one.
func (u *unfinished[K, V]) take(key K) (V, bool) {
	u.mu.Lock()
	defer u.mu.Unlock()
	v, ok := u.byKey[key]
	delete(u.byKey, key)
	return v, ok
}

// keep keeps a read. If there are too many, another one begins again at its first page.
func (u *unfinished[K, V]) keep(key K, v V) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.byKey == nil {
		u.byKey = map[K]V{}
	}
	for other := range u.byKey {
		if len(u.byKey) < maxUnfinished {
			break
		}
		delete(u.byKey, other)
	}
	u.byKey[key] = v
}
