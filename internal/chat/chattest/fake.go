// SPDX-License-Identifier: Apache-2.0

// Package chattest has a fake Poster that records its calls and fails as the test scripts it.
package chattest

import (
	"context"
	"fmt"
	"io"
	"slices"
	"sync"
	"time"

	"github.com/voiceai-dev/integrations-operator/internal/chat"
	"github.com/voiceai-dev/integrations-operator/internal/fault"
)

// Fake is a workspace. The zero value accepts every call. It is safe for concurrent use.
type Fake struct {
	mu       sync.Mutex
	messages []chat.Message
	times    []time.Time
	calls    int
	probe    func(chat.Config) (chat.Workspace, error)
	post     func(chat.Message) error
	update   func(chat.Posted) error
	find     func(channel string) error
	updates  []Update
	finds    int
	files    []File
	share    func(chat.File) error
}

// File is a file in the thread of a message.
type File struct {
	At            chat.Posted
	Name, Content string
}

// Update is one accepted call of Update.
type Update struct {
	At      chat.Posted
	Message chat.Message
}

// Dial returns a client of the workspace.
func (f *Fake) Dial(c chat.Config) (chat.Poster, error) {
	return &client{f, c}, nil
}

// OnProbe scripts Probe; nil restores success.
func (f *Fake) OnProbe(script func(chat.Config) (chat.Workspace, error)) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.probe = script
}

// OnPost scripts Post; nil restores success. A message is kept when the script returns nil.
func (f *Fake) OnPost(script func(chat.Message) error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.post = script
}

// OnUpdate scripts Update; nil restores success.
func (f *Fake) OnUpdate(script func(chat.Posted) error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.update = script
}

// OnFind scripts Find; nil restores success.
func (f *Fake) OnFind(script func(channel string) error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.find = script
}

// OnShare scripts Share; nil restores success. It is called before the file is posted; KeepFile posts it all the same.
func (f *Fake) OnShare(script func(chat.File) error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.share = script
}

// KeepFile posts a file. Scripts use it to fail after the file was posted.
func (f *Fake) KeepFile(at chat.Posted, name, content string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.files = append(f.files, File{at, name, content})
}

// Files returns the files that were posted.
func (f *Fake) Files() []File {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.files)
}

// Keep keeps a message. Scripts use it to fail after the message was accepted.
func (f *Fake) Keep(m chat.Message) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.keep(m)
}

// keep implements Keep. The caller holds mu.
func (f *Fake) keep(m chat.Message) {
	f.messages = append(f.messages, m)
	f.times = append(f.times, time.Now())
}

// Messages returns the accepted messages.
func (f *Fake) Messages() []chat.Message {
	f.mu.Lock()
	defer f.mu.Unlock()
	return append([]chat.Message(nil), f.messages...)
}

// Updates returns the accepted updates in order.
func (f *Fake) Updates() []Update {
	f.mu.Lock()
	defer f.mu.Unlock()
	return append([]Update(nil), f.updates...)
}

// Finds counts the calls of Find.
func (f *Fake) Finds() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.finds
}

// Calls counts the calls of Post.
func (f *Fake) Calls() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.calls
}

type client struct {
	f      *Fake
	config chat.Config
}

func (c *client) Probe(context.Context) (chat.Workspace, error) {
	c.f.mu.Lock()
	script := c.f.probe
	c.f.mu.Unlock()
	if script != nil {
		return script(c.config)
	}
	bot := c.config.WebhookURL == ""
	return chat.Workspace{Team: "Test", TeamID: "T1", BotUserID: "U1", Verified: bot, CanFind: bot}, nil
}

func (c *client) Post(_ context.Context, m chat.Message) (chat.Posted, error) {
	c.f.mu.Lock()
	c.f.calls++
	script := c.f.post
	c.f.mu.Unlock()
	if script != nil {
		if err := script(m); err != nil {
			return chat.Posted{}, err
		}
	}
	c.f.mu.Lock()
	defer c.f.mu.Unlock()
	c.f.keep(m)
	return posted(len(c.f.messages)), nil
}

func posted(n int) chat.Posted {
	return chat.Posted{Channel: "C1", TS: fmt.Sprintf("1700000000.%06d", n)}
}

func (c *client) Update(_ context.Context, at chat.Posted, m chat.Message) (chat.Posted, error) {
	if c.config.WebhookURL != "" {
		return chat.Posted{}, chat.ErrUnsupported
	}
	c.f.mu.Lock()
	defer c.f.mu.Unlock()
	if c.f.update != nil {
		if err := c.f.update(at); err != nil {
			return chat.Posted{}, err
		}
	}
	for i := range c.f.messages {
		if posted(i+1).TS == at.TS {
			c.f.updates = append(c.f.updates, Update{At: at, Message: m})
			return at, nil
		}
	}
	return chat.Posted{}, fault.New(fault.NotFound, "the message no longer exists")
}

func (c *client) Find(_ context.Context, channel, threadTS string, since time.Time) (map[string]chat.Posted, error) {
	if c.config.WebhookURL != "" {
		return nil, chat.ErrUnsupported
	}
	c.f.mu.Lock()
	script := c.f.find
	c.f.mu.Unlock()
	if script != nil { // without the lock: the script may block
		if err := script(channel); err != nil {
			return nil, err
		}
	}
	c.f.mu.Lock()
	defer c.f.mu.Unlock()
	c.f.finds++
	out := map[string]chat.Posted{}
	for i, m := range c.f.messages {
		if c.f.times[i].Before(since) {
			continue
		}
		if m.ThreadTS == threadTS || threadTS == "" && m.Broadcast {
			out[m.DeliveryID] = posted(i + 1)
		}
	}
	return out, nil
}

func (c *client) Share(_ context.Context, at chat.Posted, f chat.File) error {
	if c.config.WebhookURL != "" {
		return chat.ErrUnsupported
	}
	if slices.ContainsFunc(c.f.Files(), func(o File) bool { return o.At == at && o.Name == f.Name }) {
		return nil
	}
	raw, err := io.ReadAll(f.Content)
	if err != nil || int64(len(raw)) != f.Bytes {
		return fault.New(fault.Unavailable, "reading the file: %d of %d bytes, %v", len(raw), f.Bytes, err)
	}
	c.f.mu.Lock()
	script := c.f.share
	c.f.mu.Unlock()
	if script != nil {
		if err := script(f); err != nil {
			return err
		}
	}
	c.f.KeepFile(at, f.Name, string(raw))
	return nil
}
