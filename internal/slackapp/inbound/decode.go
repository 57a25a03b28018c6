// SPDX-License-Identifier: Apache-2.0

package inbound

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
)

const (
	// maxID bounds an ID, a type, a name or a timestamp, in bytes.
	maxID = 255
	// maxText bounds a text, in bytes. Slack's longest message has 40,000 characters.
	maxText = 64 << 10
	// maxValues bounds how many values of a form are used.
	maxValues = 100
)

// errNoSource is the error of a body that does not say what it is.
var errNoSource = errors.New("the body is not what Slack sends")

// DecodeCommand decodes the form of a slash command.
func DecodeCommand(form url.Values) (Request, error) {
	get := func(name string) string { return bound(form.Get(name), maxText) }
	return command(get)
}

// DecodeCommandJSON decodes a slash command as Socket Mode sends it.
func DecodeCommandJSON(raw []byte) (Request, error) {
	var all map[string]any
	if err := json.Unmarshal(raw, &all); err != nil {
		return Request{}, fmt.Errorf("decoding a slash command: %w", err)
	}
	return command(func(name string) string {
		value, _ := all[name].(string)
		return bound(value, maxText)
	})
}

func command(get func(string) string) (Request, error) {
	short := func(name string) string { return bound(get(name), maxID) }
	team := cmp.Or(short("team_id"), short("enterprise_id"))
	c := &Command{
		User:      User{ID: short("user_id"), TeamID: team},
		ChannelID: short("channel_id"), Name: short("command"), Text: get("text"),
		ResponseURL: get("response_url"), TriggerID: short("trigger_id"),
	}
	if c.ID == "" || c.Name == "" || team == "" {
		return Request{}, errNoSource
	}
	return Request{Origin: Origin{TeamID: team, AppID: short("api_app_id")}, Command: c}, nil
}

// interaction is the JSON of an interaction, https://docs.slack.dev/reference/interaction-payloads.
type interaction struct {
	Type        string `json:"type"`
	CallbackID  string `json:"callback_id"`
	TriggerID   string `json:"trigger_id"`
	ResponseURL string `json:"response_url"`
	AppID       string `json:"api_app_id"`
	Team        struct {
		ID     string `json:"id"`
		Domain string `json:"domain"`
	} `json:"team"`
	Enterprise struct {
		ID string `json:"id"`
	} `json:"enterprise"`
	User struct {
		ID     string `json:"id"`
		TeamID string `json:"team_id"`
	} `json:"user"`
	Channel struct {
		ID string `json:"id"`
	} `json:"channel"`
	Container struct {
		MessageTS   string `json:"message_ts"`
		ChannelID   string `json:"channel_id"`
		ThreadTS    string `json:"thread_ts"`
		IsEphemeral bool   `json:"is_ephemeral"`
	} `json:"container"`
	Message struct {
		TS       string `json:"ts"`
		ThreadTS string `json:"thread_ts"`
		Text     string `json:"text"`
	} `json:"message"`
	Actions []struct {
		ID    string `json:"action_id"`
		Value string `json:"value"`
		TS    string `json:"action_ts"`
	} `json:"actions"`
	View struct {
		ID         string `json:"id"`
		CallbackID string `json:"callback_id"`
		Metadata   string `json:"private_metadata"`
		State      struct {
			Values map[string]map[string]field `json:"values"`
		} `json:"state"`
	} `json:"view"`
}

// field is what a person entered in an input of a form.
type field struct {
	Value    string `json:"value"`
	Selected struct {
		Value string `json:"value"`
	} `json:"selected_option"`
}

// DecodeInteraction decodes the payload of an interaction.
func DecodeInteraction(raw []byte) (Request, error) {
	var in interaction
	if err := unmarshal(raw, &in); err != nil {
		return Request{}, fmt.Errorf("decoding an interaction: %w", err)
	}
	team := bound(cmp.Or(in.Team.ID, in.Enterprise.ID), maxID)
	out := &Interaction{
		User:       User{ID: bound(in.User.ID, maxID), TeamID: bound(cmp.Or(in.User.TeamID, team), maxID)},
		Type:       bound(in.Type, maxID),
		CallbackID: bound(cmp.Or(in.CallbackID, in.View.CallbackID), maxID), TriggerID: bound(in.TriggerID, maxID),
		ResponseURL: bound(in.ResponseURL, maxText), TeamDomain: bound(in.Team.Domain, maxID),
		Message: Message{
			ChannelID: bound(cmp.Or(in.Container.ChannelID, in.Channel.ID), maxID),
			TS:        bound(cmp.Or(in.Container.MessageTS, in.Message.TS), maxID),
			ThreadTS:  bound(cmp.Or(in.Container.ThreadTS, in.Message.ThreadTS), maxID),
			Text:      bound(in.Message.Text, maxText), IsEphemeral: in.Container.IsEphemeral,
		},
		View: View{ID: bound(in.View.ID, maxID), Metadata: bound(in.View.Metadata, maxText), Values: values(in.View.State.Values)},
	}
	for _, a := range in.Actions[:min(len(in.Actions), maxValues)] {
		out.Actions = append(out.Actions, Action{ID: bound(a.ID, maxID), Value: bound(a.Value, maxText), TS: bound(a.TS, maxID)})
	}
	if out.Type == "" || out.User.ID == "" || team == "" {
		return Request{}, errNoSource
	}
	return Request{Origin: Origin{TeamID: team, AppID: bound(in.AppID, maxID)}, Interaction: out}, nil
}

// values returns what was entered in a form, by the ID of the block. A block has one input.
func values(state map[string]map[string]field) map[string]string {
	out := map[string]string{}
	for block, inputs := range state {
		for _, f := range inputs {
			if len(out) < maxValues && len(block) <= maxID {
				out[block] = bound(cmp.Or(f.Value, f.Selected.Value), maxText)
			}
		}
	}
	return out
}

// callback is the JSON of an event and of what surrounds it, https://docs.slack.dev/apis/events-api.
type callback struct {
	Type         string `json:"type"`
	TeamID       string `json:"team_id"`
	EnterpriseID string `json:"enterprise_id"`
	AppID        string `json:"api_app_id"`
	EventID      string `json:"event_id"`
	Challenge    string `json:"challenge"`
	// Authorizations are installations that see the event; Slack sends one.
	Authorizations []struct {
		TeamID string `json:"team_id"`
	} `json:"authorizations"`
	Event struct {
		Type     string `json:"type"`
		User     any    `json:"user"`
		UserTeam string `json:"user_team"`
		Team     string `json:"team"`
		BotID    string `json:"bot_id"`
		Text     string `json:"text"`
		TS       string `json:"ts"`
		ThreadTS string `json:"thread_ts"`
		// Channel is an ID in most events, and an object in channel_rename.
		Channel any `json:"channel"`
	} `json:"event"`
}

// eventCallback is the outer type of an event.
const eventCallback = "event_callback"

// DecodeEvent decodes an event, or the url_verification with which Slack checks an endpoint.
func DecodeEvent(raw []byte) (Request, error) {
	var in callback
	if err := unmarshal(raw, &in); err != nil {
		return Request{}, fmt.Errorf("decoding an event: %w", err)
	}
	source := bound(cmp.Or(in.TeamID, in.EnterpriseID), maxID)
	team := source
	if len(in.Authorizations) > 0 && in.Authorizations[0].TeamID != "" {
		team = bound(in.Authorizations[0].TeamID, maxID) // in a shared channel, an event may come from another workspace
	}
	out := &Event{
		ID: bound(in.EventID, maxID), Type: bound(in.Type, maxID), Challenge: bound(in.Challenge, maxID),
		User:      User{ID: idOf(in.Event.User), TeamID: bound(cmp.Or(in.Event.UserTeam, in.Event.Team, source), maxID)},
		ChannelID: idOf(in.Event.Channel),
		Text:      bound(in.Event.Text, maxText), TS: bound(in.Event.TS, maxID), ThreadTS: bound(in.Event.ThreadTS, maxID),
		IsBot: in.Event.BotID != "",
	}
	if out.Type == eventCallback {
		out.Type = bound(in.Event.Type, maxID)
	}
	if out.Type == "" || out.Type != URLVerification && team == "" {
		return Request{}, errNoSource
	}
	if renamed, ok := in.Event.Channel.(map[string]any); ok {
		name, _ := renamed["name"].(string)
		out.ChannelName = bound(name, maxID)
	}
	return Request{Origin: Origin{TeamID: team, AppID: bound(in.AppID, maxID)}, Event: out}, nil
}

// idOf returns the ID that a member of an event is or has.
func idOf(v any) string {
	if object, ok := v.(map[string]any); ok {
		v = object["id"]
	}
	id, _ := v.(string)
	return bound(id, maxID)
}

// unmarshal decodes JSON. It leaves out values of an unexpected type: Slack adds members and changes their types.
func unmarshal(raw []byte, into any) error {
	var mismatch *json.UnmarshalTypeError
	if err := json.Unmarshal(raw, into); err != nil && !errors.As(err, &mismatch) {
		return err
	}
	return nil
}

// bound returns a text, or nothing for one that is longer than what Slack sends.
func bound(s string, limit int) string {
	if len(s) > limit {
		return ""
	}
	return s
}
