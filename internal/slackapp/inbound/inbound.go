// SPDX-License-Identifier: Apache-2.0

// Package inbound holds what Slack sends to its app: commands, interactions and events, as values of our own types, and
// decodes them from the bodies of requests and of Socket Mode. It trusts nothing but the form: who sent a body is
// verified by the transport that received it.
package inbound

// Kind is what Slack sends.
type Kind string

// The kinds of what Slack sends.
const (
	KindCommand     Kind = "command"
	KindInteraction Kind = "interaction"
	KindEvent       Kind = "event"
)

// Request is what Slack sent: exactly one of its pointers is set.
type Request struct {
	Origin
	Command     *Command
	Interaction *Interaction
	Event       *Event
}

// Origin is where a request comes from.
type Origin struct {
	// TeamID is the workspace, AppID the app. Either may be empty: Slack's probes of an endpoint name neither.
	TeamID string
	AppID  string
}

// Kind returns the kind of a request.
func (r Request) Kind() Kind {
	switch {
	case r.Command != nil:
		return KindCommand
	case r.Interaction != nil:
		return KindInteraction
	default:
		return KindEvent
	}
}

// ID identifies a request. It stays the same when Slack or a proxy repeats it. It is empty for a probe.
func (r Request) ID() string {
	switch {
	case r.Command != nil:
		return r.Command.TriggerID
	case r.Interaction != nil:
		return r.Interaction.ID()
	case r.Event != nil:
		return r.Event.ID
	}
	return ""
}

// User is the person who did something in Slack.
type User struct {
	ID string
	// TeamID is the person's own workspace, which differs from the request's in a shared channel.
	TeamID string
}

// Command is a slash command.
type Command struct {
	User
	ChannelID string
	// Name is the command with its slash, Text what follows it.
	Name string
	Text string
	// ResponseURL answers the command. It is a secret: everyone who has it can answer.
	ResponseURL string
	TriggerID   string
}

// The types of an Interaction.
const (
	BlockActions   = "block_actions"
	MessageAction  = "message_action"
	Shortcut       = "shortcut"
	ViewSubmission = "view_submission"
)

// Interaction is a click on a button, a shortcut or a form that was submitted.
type Interaction struct {
	User
	// Type is such as block_actions. Other types than those above need no answer.
	Type string
	// CallbackID is that of a shortcut or of a view.
	CallbackID  string
	TriggerID   string
	ResponseURL string
	TeamDomain  string
	// Message is the message with the button, or on which the shortcut was used.
	Message Message
	// Actions are the buttons that were clicked; Slack sends one.
	Actions []Action
	View    View
}

// ID returns what identifies an interaction: the time of the click or the trigger.
func (i *Interaction) ID() string {
	if len(i.Actions) > 0 && i.Actions[0].TS != "" {
		return i.Message.TS + "/" + i.Actions[0].ID + "/" + i.Actions[0].TS + "/" + i.User.ID
	}
	return i.TriggerID
}

// Message is a message in Slack.
type Message struct {
	ChannelID string
	TS        string
	ThreadTS  string
	Text      string
	// IsEphemeral is set for a message that one person sees, and which only a response URL changes.
	IsEphemeral bool
}

// Action is a click.
type Action struct {
	ID, Value string
	// TS is the time of the click.
	TS string
}

// View is a form.
type View struct {
	ID string
	// Metadata is what the app stored in the form when it opened it.
	Metadata string
	// Values are what the person entered or chose, by the ID of the block.
	Values map[string]string
}

// The types of an Event that are handled. See https://docs.slack.dev/reference/events.
const (
	URLVerification       = "url_verification"
	AppMention            = "app_mention"
	TokensRevoked         = "tokens_revoked"
	AppUninstalled        = "app_uninstalled"
	ChannelRename         = "channel_rename"
	ChannelArchive        = "channel_archive"
	ChannelUnarchive      = "channel_unarchive"
	ChannelDeleted        = "channel_deleted"
	GroupRename           = "group_rename"
	GroupArchive          = "group_archive"
	GroupUnarchive        = "group_unarchive"
	GroupDeleted          = "group_deleted"
	SubteamCreated        = "subteam_created"
	SubteamUpdated        = "subteam_updated"
	SubteamMembersChanged = "subteam_members_changed"
)

// Event is an event of the Events API.
type Event struct {
	User
	ID   string
	Type string
	// Challenge is the text to return to url_verification.
	Challenge string
	// ChannelID is the channel that the event is about, and ChannelName its new name after a rename.
	ChannelID   string
	ChannelName string
	// TS is the time of the message that an app_mention is, ThreadTS the thread that it is in.
	TS       string
	ThreadTS string
	Text     string
	// IsBot is set for what an app wrote.
	IsBot bool
}
