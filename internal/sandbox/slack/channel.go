// SPDX-License-Identifier: Apache-2.0

package slack

import (
	"slices"
	"strings"
	"time"

	"github.com/voiceai-dev/integrations-operator/internal/sandbox/slack/timestamp"
)

// channel is a channel with its messages and the state of its rate limit.
type channel struct {
	Channel
	messages []*Message
	bytes    int
	tokens   float64
	filled   time.Time
}

// directPrefix begins the IDs of conversations with one person.
const directPrefix = "D"

// DirectChannel returns the ID of the conversation between the bot and a person.
func DirectChannel(user string) string { return directPrefix + user[1:] }

// direct returns the conversation between the bot and a person, which their first message begins. It needs the lock.
func (w *Workspace) direct(user string) *channel {
	id := DirectChannel(user)
	if w.channels[id] == nil {
		w.put(Channel{ID: id, Name: "direct-" + strings.ToLower(user), Member: true})
	}
	return w.channels[id]
}

// take counts a post against the channel's rate limit, or returns the time until one is allowed. It needs the lock.
func (w *Workspace) take(c *channel) time.Duration {
	rate := w.options.RatePerSecond
	if rate <= 0 {
		return 0
	}
	now := w.options.Clock()
	c.tokens = min(float64(w.options.Burst), c.tokens+max(0, now.Sub(c.filled).Seconds())*rate)
	c.filled = now
	if c.tokens < 1 {
		return time.Duration((1 - c.tokens) / rate * float64(time.Second))
	}
	c.tokens--
	return 0
}

// add stores a message. It needs the lock.
func (c *channel) add(m *Message) {
	c.messages = append(c.messages, m)
	c.bytes += m.size()
	c.trim()
}

// trim removes the oldest messages if the channel is full. It needs the lock.
func (c *channel) trim() {
	for len(c.messages) > maxMessages || c.bytes > maxChannelBytes {
		c.bytes -= c.messages[0].size()
		c.messages = c.messages[1:]
	}
}

// at returns the index of a message by its timestamp. It needs the lock.
func (c *channel) at(ts string) (int, bool) {
	return slices.BinarySearchFunc(c.messages, ts, func(m *Message, ts string) int { return timestamp.Compare(m.TS, ts) })
}
