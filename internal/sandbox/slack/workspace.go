// Package slack is the sandbox's Slack: one workspace with the Web API and incoming webhooks, as strict as the real one.
// Limits and error codes follow docs.slack.dev (chat.postMessage, block kit reference, incoming webhooks).
package slack

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"
)

// What exists in a fresh workspace.
const (
	TeamID   = "T0SANDBOX"
	TeamName = "Voice AI Sandbox"
	BotUser  = "U0BOT"
	BotName  = "voice-ai"
	BotID    = "B0BOT"
	BotToken = "xoxb-sandbox"

	// AlertsChannel, DevChannel and GeneralChannel have the bot as a member; SecretChannel has not; OldChannel is archived.
	AlertsChannel  = "C0ALERTS"
	DevChannel     = "C0DEV"
	GeneralChannel = "C0GENERAL"
	SecretChannel  = "C0SECRET"
	OldChannel     = "C0OLD"

	// WebhookPath posts to AlertsChannel, DevWebhookPath to DevChannel.
	WebhookPath    = "/services/T0SANDBOX/B0SANDBOX/sandbox"
	DevWebhookPath = "/services/T0SANDBOX/B1SANDBOX/sandbox"
)

const (
	maxMessages     = 20_000
	maxChannels     = 200
	maxCredentials  = 200
	maxChannelBytes = 64 << 20
)

// Options of a workspace.
type Options struct {
	// Clock tells the time; time.Now when nil.
	Clock func() time.Time
	// RatePerSecond limits posts to each channel, as the real Slack does with 1; 0 is no limit.
	RatePerSecond float64
	// Burst is how many posts may come at once under a limit; 1 when 0.
	Burst int
}

// State of a credential.
type State string

// The states of a credential. A revoked token answers token_revoked, an inactive one account_inactive.
const (
	Valid    State = "valid"
	Revoked  State = "revoked"
	Inactive State = "inactive"
)

// Token is what a bot token may do.
type Token struct {
	State  State
	Scopes []string
}

// Channel is a conversation of the workspace.
type Channel struct {
	ID       string `json:"id"`
	Name     string `json:"name"`
	Archived bool   `json:"archived"`
	// Member says whether the bot is in it.
	Member bool `json:"member"`
}

// Counts are what was accepted and, by method and error code, what was refused.
type Counts struct {
	Posts        int            `json:"posts"`
	Updates      int            `json:"updates"`
	WebhookPosts int            `json:"webhookPosts"`
	Reads        int            `json:"reads"`
	Refused      map[string]int `json:"refused"`
}

type hook struct {
	channel string
	secret  string
	state   State
}

type channel struct {
	Channel
	messages []*Message
	bytes    int
	tokens   float64
	filled   time.Time
}

// Workspace is a Slack workspace. It is safe for concurrent use.
type Workspace struct {
	options Options

	mu       sync.Mutex
	channels map[string]*channel
	order    []string
	tokens   map[string]Token
	hooks    map[string]*hook
	lastTS   int64
	counts   Counts
}

// New makes a workspace with the channels and credentials of the constants above.
func New(o Options) *Workspace {
	if o.Clock == nil {
		o.Clock = time.Now
	}
	o.Burst = max(o.Burst, 1)
	w := &Workspace{options: o}
	w.Reset()
	return w
}

// DefaultScopes are those of BotToken.
func DefaultScopes() []string {
	return []string{"chat:write", "channels:read", "channels:history", "groups:history", "commands", "users:read"}
}

// Reset forgets everything that happened.
func (w *Workspace) Reset() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.channels, w.order = map[string]*channel{}, nil
	w.counts = Counts{Refused: map[string]int{}}
	w.tokens = map[string]Token{BotToken: {State: Valid, Scopes: DefaultScopes()}}
	w.hooks = map[string]*hook{
		TeamID + "/B0SANDBOX": {channel: AlertsChannel, secret: "sandbox", state: Valid},
		TeamID + "/B1SANDBOX": {channel: DevChannel, secret: "sandbox", state: Valid},
	}
	for _, c := range []Channel{
		{ID: AlertsChannel, Name: "voice-ai-alerts", Member: true},
		{ID: DevChannel, Name: "voice-ai-dev", Member: true},
		{ID: GeneralChannel, Name: "general", Member: true},
		{ID: SecretChannel, Name: "secret-room"},
		{ID: OldChannel, Name: "old-stuff", Member: true, Archived: true},
	} {
		w.put(c)
	}
}

// PutChannel adds a channel or changes one. Its ID and name may not be empty.
func (w *Workspace) PutChannel(c Channel) error {
	if c.ID == "" || len(c.ID) > 80 || c.Name == "" || len(c.Name) > 80 {
		return fmt.Errorf("channel %q: id and name must have 1 to 80 characters", c.ID)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.channels[c.ID] == nil && len(w.order) >= maxChannels {
		return fmt.Errorf("channel %q: the workspace holds %d channels at most", c.ID, maxChannels)
	}
	if other := w.find(c.Name); other != nil && other.ID != c.ID {
		return fmt.Errorf("channel %q: the name %q is taken", c.ID, c.Name)
	}
	w.put(c)
	return nil
}

func (w *Workspace) put(c Channel) {
	if old := w.channels[c.ID]; old != nil {
		old.Channel = c
		return
	}
	w.channels[c.ID] = &channel{Channel: c, tokens: float64(w.options.Burst), filled: w.options.Clock()}
	w.order = append(w.order, c.ID)
}

// PutToken adds a bot token or changes what one may do. Without scopes it has the default ones.
func (w *Workspace) PutToken(token string, t Token) error {
	if token == "" || len(token) > 255 {
		return fmt.Errorf("token must have 1 to 255 characters")
	}
	switch t.State {
	case Valid, Revoked, Inactive:
	default:
		return fmt.Errorf("state %q: must be valid, revoked or inactive", t.State)
	}
	if t.Scopes == nil {
		t.Scopes = DefaultScopes()
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if _, known := w.tokens[token]; !known && len(w.tokens) >= maxCredentials {
		return fmt.Errorf("the workspace holds %d tokens at most", maxCredentials)
	}
	w.tokens[token] = t
	return nil
}

// SetWebhook changes the state of the incoming webhook with that path (WebhookPath, for one): revoked answers no_service, inactive
// no_active_hooks.
func (w *Workspace) SetWebhook(path string, s State) error {
	switch s {
	case Valid, Revoked, Inactive:
	default:
		return fmt.Errorf("state %q: must be valid, revoked or inactive", s)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	for id, h := range w.hooks {
		if path == "/services/"+id+"/"+h.secret {
			h.state = s
			return nil
		}
	}
	return fmt.Errorf("no incoming webhook has the path %q", path)
}

// Channels lists the channels in the order they were made.
func (w *Workspace) Channels() []Channel {
	w.mu.Lock()
	defer w.mu.Unlock()
	list := make([]Channel, 0, len(w.order))
	for _, id := range w.order {
		list = append(list, w.channels[id].Channel)
	}
	return list
}

// Channel looks a channel up by ID or by name, with or without #.
func (w *Workspace) Channel(name string) (Channel, bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if c := w.find(name); c != nil {
		return c.Channel, true
	}
	return Channel{}, false
}

// Messages are those of a channel (ID or name), thread replies among them, oldest first.
func (w *Workspace) Messages(name string) []Message {
	w.mu.Lock()
	defer w.mu.Unlock()
	c := w.find(name)
	if c == nil {
		return nil
	}
	list := make([]Message, 0, len(c.messages))
	for _, m := range c.messages {
		list = append(list, *m)
	}
	return list
}

// Counts tells what was accepted and refused so far.
func (w *Workspace) Counts() Counts {
	w.mu.Lock()
	defer w.mu.Unlock()
	c := w.counts
	c.Refused = make(map[string]int, len(w.counts.Refused))
	for k, v := range w.counts.Refused {
		c.Refused[k] = v
	}
	return c
}

func (w *Workspace) refused(method, code string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.counts.Refused[method+" "+code]++
}

// find needs the lock.
func (w *Workspace) find(name string) *channel {
	if c := w.channels[name]; c != nil {
		return c
	}
	name = strings.TrimPrefix(name, "#")
	for _, c := range w.channels {
		if c.Name == name {
			return c
		}
	}
	return nil
}

// nextTS makes a timestamp that no other message has: microseconds, strictly increasing even when the clock is not. It needs the lock.
func (w *Workspace) nextTS() string {
	w.lastTS = max(w.lastTS+1, w.options.Clock().UnixMicro())
	return formatTS(w.lastTS)
}

func formatTS(micros int64) string {
	return fmt.Sprintf("%d.%06d", micros/1_000_000, micros%1_000_000)
}

// take uses up one post of the channel's rate, or says how long to wait for it. It needs the lock.
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
	c.makeRoom()
}

// makeRoom lets the oldest messages go when the channel is full. It needs the lock.
func (c *channel) makeRoom() {
	for len(c.messages) > maxMessages || c.bytes > maxChannelBytes {
		c.bytes -= c.messages[0].size()
		c.messages = c.messages[1:]
	}
}

// at finds a message by its timestamp. It needs the lock.
func (c *channel) at(ts string) (int, bool) {
	return slices.BinarySearchFunc(c.messages, ts, func(m *Message, ts string) int { return compareTS(m.TS, ts) })
}
