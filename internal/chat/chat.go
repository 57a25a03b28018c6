// Package chat is the port to chat: what the operator wants posted, without a word of how Slack takes it.
package chat

import (
	"context"
	"errors"
	"time"
)

// Poster posts messages to one workspace. Its errors are faults (package fault) and never hold a credential.
type Poster interface {
	// Probe checks the credentials without posting. An incoming webhook cannot be checked: its Workspace says so.
	Probe(ctx context.Context) (Workspace, error)
	// Post posts a message. An Ambiguous fault means that it may have been posted.
	Post(ctx context.Context, m Message) (Posted, error)
	// Update replaces a message posted before. ErrUnsupported for an incoming webhook, and where there is no such method.
	Update(ctx context.Context, at Posted, m Message) (Posted, error)
	// Find returns the messages that were posted at or after since to a channel, or as replies to the message threadTS when it is not empty, by
	// delivery ID; perhaps earlier ones too. Where that message is gone, it is those of the channel. It costs one call for each two hundred
	// messages of anybody, and for a channel by name the first time those that find its ID. ErrUnsupported where they cannot be read.
	Find(ctx context.Context, channel, threadTS string, since time.Time) (map[string]Posted, error)
}

// ErrUnsupported says that this way of posting cannot do that.
var ErrUnsupported = errors.New("not supported by this way of posting")

// Config says how to reach a workspace: WebhookURL, or Token with an optional APIURL.
type Config struct {
	// WebhookURL is an incoming webhook. It is a secret.
	WebhookURL string
	// Token is a bot token. It is a secret.
	Token string
	// APIURL is the base of the Web API; Slack's own when empty.
	APIURL string
}

// Workspace is what the credentials stand for.
type Workspace struct {
	Team, TeamID, BotUserID string
	// Verified is false when the credentials could not be checked without posting.
	Verified bool
	// Scopes are the token's, when the other side tells.
	Scopes []string
	// CanFind says whether Find works, so that a broken connection does not lead to a second message.
	CanFind bool
}

// Posted says where a message is. A message posted by incoming webhook has no place that is known.
type Posted struct {
	// Channel is the channel's ID.
	Channel string
	// TS identifies the message in its channel.
	TS string
	// Permalink opens it; empty when unknown.
	Permalink string
}

// Message is what to post. Its texts are mrkdwn that is escaped already; Slack's limits (blocks, lengths) are kept by whoever makes it.
type Message struct {
	// DeliveryID says which delivery this is. It travels with the message, so that it can be found again.
	DeliveryID string
	// Channel is a channel's ID or its name with #; ignored for an incoming webhook.
	Channel string
	// ThreadTS makes it a reply to the message with that TS.
	ThreadTS string
	// Broadcast shows a reply in the channel too.
	Broadcast bool
	// Text is what notifications and screen readers say. Never empty.
	Text string
	// Color is the bar at its side, as #rrggbb; none when empty.
	Color string
	// Blocks are what is shown.
	Blocks []Block
}

// Block is one part of a message; exactly one of its fields is set.
type Block struct {
	// Section is a paragraph, at most 3000 characters.
	Section string
	// Fields are short facts in two columns, at most 10 of 2000 characters.
	Fields []string
	// Context is small print, at most 10 elements.
	Context []string
	// Divider is a line.
	Divider bool
}
