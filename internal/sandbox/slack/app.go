// SPDX-License-Identifier: Apache-2.0

package slack

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/voiceai-dev/integrations-operator/internal/sandbox/slack/appcall"
)

// The app of a new workspace, and its people besides the bot.
const (
	AppID         = "A0SANDBOX"
	SigningSecret = "sandbox-signing-secret"
	Command       = "/voiceai"
	// verificationToken is what Slack sent before there were signatures, and still does.
	verificationToken = "sandbox-verification-token"
	// FileDefect is the callback ID of the app's shortcut.
	FileDefect = "voiceai_file_defect"

	Ann = "U0ANN"
	Ben = "U0BEN"
	// OnCall is a user group, in which Ann is.
	OnCall = "S0ONCALL"
)

const (
	// patience is how long the real Slack waits for the answer of an app, and for it to open a form.
	patience = 3 * time.Second
	// maxPrivate bounds the messages that single people see.
	maxPrivate = 500
)

// App is what receives commands, clicks, forms and events.
type App struct {
	// URL is the address of the app's endpoints, without /commands, /interactions and /events. Empty means none.
	URL           string `json:"url"`
	SigningSecret string `json:"signingSecret"`
	// SocketMode sends to the app's connections instead of its URL.
	SocketMode bool `json:"socketMode"`
	// RefreshMillis is after how many milliseconds a connection is replaced; 0 for never.
	RefreshMillis int `json:"refreshMillis"`
}

// Person is someone who uses the app, in a channel.
type Person struct {
	User    string `json:"user"`
	Channel string `json:"channel"`
	// Base is the sandbox's address, to which response URLs lead.
	Base string `json:"-"`
}

// Private is a message that one person sees: an answer of the app, or that the app failed.
type Private struct {
	Message
	User string `json:"user"`
}

// People returns the IDs of the people who use the app.
func People() []string { return []string{Ann, Ben} }

// SetApp sets the app. Without a signing secret it has that of a new workspace.
func (w *Workspace) SetApp(a App) error {
	if a.URL != "" {
		if u, err := url.Parse(a.URL); err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
			return fmt.Errorf("url %q: must be an http or https URL", a.URL)
		}
	}
	if a.SigningSecret == "" {
		a.SigningSecret = SigningSecret
	}
	if a.RefreshMillis < 0 {
		return fmt.Errorf("refreshMillis %d: must not be negative", a.RefreshMillis)
	}
	w.mu.Lock()
	w.app = a
	w.mu.Unlock()
	w.sockets.Configure(a.SocketMode, time.Duration(a.RefreshMillis)*time.Millisecond)
	return nil
}

// App returns the app.
func (w *Workspace) App() App {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.app
}

// Privates returns the messages in a channel that single people see, oldest first.
func (w *Workspace) Privates(name string) []Private {
	w.mu.Lock()
	defer w.mu.Unlock()
	list := []Private{}
	for _, p := range w.private {
		if c := w.find(name); c != nil && p.Channel == c.ID {
			list = append(list, *p)
		}
	}
	return list
}

// Run types a slash command.
func (w *Workspace) Run(ctx context.Context, p Person, text string) error {
	form := url.Values{
		"token": {verificationToken}, "channel_name": {w.channelName(p.Channel)}, "user_name": {strings.ToLower(p.User)},
		"team_id": {TeamID}, "team_domain": {"sandbox"}, "channel_id": {p.Channel}, "user_id": {p.User}, "command": {Command}, "text": {text},
		"api_app_id": {AppID}, "is_enterprise_install": {"false"},
		"response_url": {w.newResponseURL(p, "")}, "trigger_id": {w.newTrigger(p)},
	}
	answer, err := w.call(ctx, "commands", "application/x-www-form-urlencoded", []byte(form.Encode()))
	if err == nil && len(answer) > 0 {
		err = w.respond(p, "", answer)
	}
	return w.failed(p, err)
}

// Click presses a button of a message, which may be private. The button is found by its action ID.
func (w *Workspace) Click(ctx context.Context, p Person, ts, action string) error {
	m, private, found := w.message(p, ts)
	if !found {
		return fmt.Errorf("channel %s has no message %s", p.Channel, ts)
	}
	b, found := m.View().FindButton(action)
	if !found {
		return fmt.Errorf("message %s has no button %s", ts, action)
	}
	in := w.interaction(p, "block_actions")
	in["container"] = map[string]any{"type": "message", "message_ts": ts, "channel_id": p.Channel, "is_ephemeral": private,
		"thread_ts": m.ThreadTS}
	in["response_url"] = w.newResponseURL(p, ts)
	if !private { // of one that the person alone sees, Slack sends the place only
		in["message"] = messageOf(m)
	}
	in["state"] = map[string]any{"values": map[string]any{}}
	in["actions"] = []any{map[string]any{
		"type": "button", "action_id": b.ActionID, "block_id": b.BlockID, "value": b.Value, "action_ts": w.now(),
		"text": map[string]any{"type": "plain_text", "text": b.Label, "emoji": true},
	}}
	_, err := w.interact(ctx, in)
	return w.failed(p, err)
}

// Use uses the app's shortcut on a message.
func (w *Workspace) Use(ctx context.Context, p Person, ts string) error {
	m, _, found := w.message(p, ts)
	if !found {
		return fmt.Errorf("channel %s has no message %s", p.Channel, ts)
	}
	in := w.interaction(p, "message_action")
	in["callback_id"] = FileDefect
	in["response_url"] = w.newResponseURL(p, "")
	in["action_ts"] = w.now()
	in["message_ts"] = ts
	in["message"] = messageOf(m)
	_, err := w.interact(ctx, in)
	return w.failed(p, err)
}

// Send sends an event, such as {"type":"app_uninstalled"}.
func (w *Workspace) Send(ctx context.Context, event map[string]any) error {
	raw, err := json.Marshal(map[string]any{
		"token": verificationToken, "type": "event_callback", "team_id": TeamID, "api_app_id": AppID, "event_id": "Ev" + rand.Text(),
		"event_time": time.Now().Unix(), "event": event, "is_ext_shared_channel": false,
		"authorizations": []any{map[string]any{
			"enterprise_id": nil, "team_id": TeamID, "user_id": BotUser, "is_bot": true, "is_enterprise_install": false,
		}},
	})
	if err != nil {
		return err
	}
	_, err = w.call(ctx, "events", "application/json", raw)
	return err
}

// interaction returns what all interactions have in common.
func (w *Workspace) interaction(p Person, kind string) map[string]any {
	name := strings.ToLower(p.User)
	return map[string]any{
		"type": kind, "api_app_id": AppID, "token": verificationToken, "trigger_id": w.newTrigger(p),
		"team": map[string]any{"id": TeamID, "domain": "sandbox"}, "enterprise": nil, "is_enterprise_install": false,
		"user":    map[string]any{"id": p.User, "username": name, "name": name, "team_id": TeamID},
		"channel": map[string]any{"id": p.Channel, "name": w.channelName(p.Channel)},
	}
}

// channelName returns the name of a channel.
func (w *Workspace) channelName(id string) string {
	c, _ := w.Channel(id)
	return c.Name
}

// messageOf returns a message as interactions have it.
func messageOf(m Message) map[string]any {
	return map[string]any{
		"type": "message", "ts": m.TS, "text": m.Text, "user": BotUser, "bot_id": BotID, "app_id": AppID, "team": TeamID,
	}
}

// interact sends an interaction.
func (w *Workspace) interact(ctx context.Context, in map[string]any) ([]byte, error) {
	raw, err := json.Marshal(in)
	if err != nil {
		return nil, err
	}
	form := url.Values{"payload": {string(raw)}}.Encode()
	return w.call(ctx, "interactions", "application/x-www-form-urlencoded", []byte(form))
}

// errNoApp is the error of a workspace whose app has no URL.
var errNoApp = errors.New("the app has no URL: set it by PUT /_sandbox/slack/app")

// call sends a signed request to the app, and returns the body of the answer. As the real Slack does, it waits three
// seconds and takes any status but 200 for a failure.
func (w *Workspace) call(ctx context.Context, endpoint, kind string, body []byte) ([]byte, error) {
	w.mu.Lock()
	app := w.app
	w.mu.Unlock()
	if app.SocketMode {
		return w.callBySocket(ctx, endpoint, body)
	}
	if app.URL == "" {
		return nil, errNoApp
	}
	ctx, cancel := context.WithTimeout(ctx, w.options.Patience)
	defer cancel()
	return appcall.Target{URL: app.URL, SigningSecret: app.SigningSecret}.Post(ctx, endpoint, kind, body)
}

// failed shows the person that the app failed, and returns the error.
func (w *Workspace) failed(p Person, err error) error {
	if err == nil {
		return nil
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.addPrivate(p.User, Message{Channel: p.Channel, TS: w.nextTS(), Text: ":warning: " + err.Error()})
	return err
}

// addPrivate adds a message that one person sees. It needs the lock.
func (w *Workspace) addPrivate(user string, m Message) {
	w.private = append(w.private, &Private{Message: m, User: user})
	if len(w.private) > maxPrivate {
		w.private = w.private[1:]
	}
}

// message returns a message that a person sees, and whether no one else does.
func (w *Workspace) message(p Person, ts string) (m Message, private, found bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, x := range w.private {
		if x.User == p.User && x.Channel == p.Channel && x.TS == ts {
			return x.Message, true, true
		}
	}
	ch := w.channels[p.Channel]
	if ch == nil {
		return Message{}, false, false
	}
	i, ok := ch.at(ts)
	if !ok {
		return Message{}, false, false
	}
	return *ch.messages[i], false, true
}

// now returns the time as a timestamp.
func (w *Workspace) now() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.nextTS()
}
