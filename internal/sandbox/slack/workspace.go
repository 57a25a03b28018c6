// SPDX-License-Identifier: Apache-2.0

// Package slack is the sandbox's Slack: one workspace with the Web API and incoming webhooks, as strict as the real
// one. Limits and error codes follow docs.slack.dev (chat.postMessage, block kit reference, incoming webhooks).
package slack

import (
	"cmp"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/voiceai-dev/integrations-operator/internal/sandbox/slack/sockets"
	"github.com/voiceai-dev/integrations-operator/internal/sandbox/slack/timestamp"
)

// The content of a new workspace.
const (
	TeamID   = "T0SANDBOX"
	TeamName = "Voice AI Sandbox"
	BotUser  = "U0BOT"
	BotName  = "voice-ai"
	BotID    = "B0BOT"
	BotToken = "xoxb-sandbox"
	// AppToken is the app-level token, for Socket Mode.
	AppToken = "xapp-1-A0SANDBOX-1-sandbox"

	// The bot is a member of AlertsChannel, DevChannel, GeneralChannel and OldChannel, which is archived, but not of
	// SecretChannel.
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

// Options are the options of a workspace.
type Options struct {
	// Clock returns the time. nil means time.Now.
	Clock func() time.Time
	// RatePerSecond limits the posts to each channel. The real Slack's limit is 1. 0 means no limit.
	RatePerSecond float64
	// Burst is the number of posts that may exceed the limit at once. 0 means 1.
	Burst int
	// Patience is how long Slack waits for the answer of an app, and for how long after what a person did a form can be
	// opened; a third of it is how long a connection stays that is replaced. 0 means three seconds, as the real Slack.
	// Longer is for tests, on machines that stand still for a while.
	Patience time.Duration
}

// State is the state of a credential.
type State string

// The states of a credential. A revoked token answers token_revoked, an inactive one account_inactive.
const (
	Valid    State = "valid"
	Revoked  State = "revoked"
	Inactive State = "inactive"
)

// Token is a token's state and scopes.
type Token struct {
	State  State
	Scopes []string
	// Expires is when a token ends that rotates; zero for others.
	Expires time.Time
}

// Channel is a conversation of the workspace.
type Channel struct {
	ID       string `json:"id"`
	Name     string `json:"name"`
	Archived bool   `json:"archived"`
	// Member reports whether the bot is in the channel.
	Member bool `json:"member"`
}

// Counts are the numbers of accepted calls, and of refused ones by method and error code.
type Counts struct {
	Posts        int            `json:"posts"`
	Updates      int            `json:"updates"`
	WebhookPosts int            `json:"webhookPosts"`
	Reads        int            `json:"reads"`
	Refused      map[string]int `json:"refused"`
}

// hook is an incoming webhook.
type hook struct {
	channel string
	secret  string
	state   State
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

	app App
	// private are the messages that single people see.
	private      []*Private
	responseURLs map[string]*responseURL
	triggers     map[string]trigger
	// forms has the form that each person sees.
	forms  map[string]*Form
	groups []UserGroup
	// uploads are the files that are not posted yet, lastFile the number of the last one.
	uploads  map[string]*File
	lastFile int
	// sockets are the app's connections of Socket Mode.
	sockets *sockets.Server
	// grants are the consents to install the app, by code, lastGrant counts them.
	grants    map[string]*grant
	lastGrant int
	// installs counts the installations, refreshTokens are those of apps whose tokens rotate.
	installs      int
	refreshTokens map[string]*refreshToken
	rotation      Rotation
}

// New returns a workspace with the channels and credentials of the constants above.
func New(o Options) *Workspace {
	if o.Clock == nil {
		o.Clock = time.Now
	}
	o.Burst = max(o.Burst, 1)
	o.Patience = cmp.Or(o.Patience, patience)
	w := &Workspace{options: o, sockets: sockets.New(o.Patience / 3)}
	w.Reset()
	return w
}

// DefaultScopes returns the scopes of BotToken.
func DefaultScopes() []string {
	return []string{"chat:write", "channels:read", "channels:history", "groups:history", "commands", "users:read", "usergroups:read",
		filesWrite}
}

// Reset restores the content of a new workspace.
func (w *Workspace) Reset() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.channels = map[string]*channel{}
	w.order = nil
	w.uploads = map[string]*File{}
	w.counts = Counts{Refused: map[string]int{}}
	w.private = nil
	w.responseURLs = map[string]*responseURL{}
	w.triggers = map[string]trigger{}
	w.forms = map[string]*Form{}
	w.grants = map[string]*grant{}
	w.refreshTokens = map[string]*refreshToken{}
	w.rotation = Rotation{}
	w.groups = []UserGroup{{ID: OnCall, Name: "on-call", Users: []string{Ann}}}
	w.tokens = map[string]Token{
		BotToken: {State: Valid, Scopes: DefaultScopes()}, AppToken: {State: Valid, Scopes: []string{connectionsWrite}},
	}
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

// PutChannel adds or updates a channel. Its ID and name must not be empty.
func (w *Workspace) PutChannel(c Channel) error {
	if c.ID == "" || len(c.ID) > 80 || c.Name == "" || len(c.Name) > 80 {
		return fmt.Errorf("channel %q: id and name must have 1 to 80 characters", c.ID)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.channels[c.ID] == nil && len(w.order) >= maxChannels {
		return fmt.Errorf("channel %q: a workspace has at most %d channels", c.ID, maxChannels)
	}
	if other := w.find(c.Name); other != nil && other.ID != c.ID {
		return fmt.Errorf("channel %q: the name %q is in use", c.ID, c.Name)
	}
	w.put(c)
	return nil
}

// put adds or updates a channel. It needs the lock.
func (w *Workspace) put(c Channel) {
	if old := w.channels[c.ID]; old != nil {
		old.Channel = c
		return
	}
	w.channels[c.ID] = &channel{Channel: c, tokens: float64(w.options.Burst), filled: w.options.Clock()}
	w.order = append(w.order, c.ID)
}

// PutToken adds or updates a bot token or an app-level one. Without scopes, it has the default ones.
func (w *Workspace) PutToken(token string, t Token) error {
	if token == "" || len(token) > 255 {
		return fmt.Errorf("token must have 1 to 255 characters")
	}
	switch t.State {
	case Valid, Revoked, Inactive:
	default:
		return fmt.Errorf("state %q: must be valid, revoked or inactive", t.State)
	}
	switch {
	case t.Scopes != nil:
	case isAppToken(token):
		t.Scopes = []string{connectionsWrite}
	default:
		t.Scopes = DefaultScopes()
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if _, ok := w.tokens[token]; !ok && len(w.tokens) >= maxCredentials {
		return fmt.Errorf("a workspace has at most %d tokens", maxCredentials)
	}
	w.tokens[token] = t
	return nil
}

// SetWebhook sets the state of the incoming webhook with a path such as WebhookPath. A revoked one answers
// no_service, an inactive one no_active_hooks.
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

// Channels returns the channels in the order of their creation.
func (w *Workspace) Channels() []Channel {
	w.mu.Lock()
	defer w.mu.Unlock()
	list := make([]Channel, 0, len(w.order))
	for _, id := range w.order {
		list = append(list, w.channels[id].Channel)
	}
	return list
}

// Channel returns a channel by ID or by name, with or without #.
func (w *Workspace) Channel(name string) (Channel, bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if c := w.find(name); c != nil {
		return c.Channel, true
	}
	return Channel{}, false
}

// Messages returns the messages and replies in a channel, given by ID or name, oldest first.
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

// Counts returns the counts so far.
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

// countRefusal counts a refused call.
func (w *Workspace) countRefusal(method, code string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.counts.Refused[method+" "+code]++
}

// find returns a channel by ID or name, or nil. It needs the lock.
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

// nextTS returns a unique timestamp in microseconds, which increases even if the clock does not. It needs the lock.
func (w *Workspace) nextTS() string {
	w.lastTS = max(w.lastTS+1, w.options.Clock().UnixMicro())
	return timestamp.Format(w.lastTS)
}
