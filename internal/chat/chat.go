// SPDX-License-Identifier: Apache-2.0

// Package chat is the port to chat: it describes the messages that the operator posts, independently of Slack's API.
package chat

import (
	"context"
	"errors"
	"io"
	"time"
)

// Poster posts messages to one workspace. Its errors are faults (package fault) and never contain a credential.
type Poster interface {
	// Probe checks the credentials without posting. An incoming webhook cannot be checked: its Workspace is not
	// Verified.
	Probe(ctx context.Context) (Workspace, error)
	// Post posts a message. After an Ambiguous fault the message may have been posted.
	Post(ctx context.Context, m Message) (Posted, error)
	// Update replaces a message. It returns ErrUnsupported for an incoming webhook, and where the server has no such
	// method.
	Update(ctx context.Context, at Posted, m Message) (Posted, error)
	// Find returns, by delivery ID, the messages that were posted to a channel at or after since. With a threadTS it
	// returns the replies to that message instead, or the channel's messages if that message is gone. The result may
	// include earlier messages.
	//
	// It makes one call for every two hundred messages of any author. The first time that a channel is given by name,
	// it also makes the calls that look up the channel's ID. After a rate limit or a lost connection, the next call for
	// the same place goes on where the last one was interrupted. It returns ErrUnsupported where messages cannot be read.
	Find(ctx context.Context, channel, threadTS string, since time.Time) (map[string]Posted, error)
	// Share posts a file to the thread of a message, unless the thread has one with the same name. What becomes of a call
	// without an answer shows after FileSettles, so the RetryAfter of its fault is that long. It returns ErrUnsupported for an
	// incoming webhook. Where replies cannot be read, a file may be posted twice after a call without an answer.
	Share(ctx context.Context, at Posted, f File) error
}

// FileSettles is how long after a lost connection Slack may still post a file.
const FileSettles = time.Minute

// File is a file to post.
type File struct {
	// Name identifies the file in its thread. Title is shown.
	Name, Title string
	// Bytes is the size of Content.
	Bytes int64
	// Content is read at most once.
	Content io.Reader
}

// ErrUnsupported means that this kind of connection does not support the call.
var ErrUnsupported = errors.New("not supported by this kind of connection")

// CodeChannelNotFound is the code of a fault if there is no channel of a name or ID, or the token does not see it.
const CodeChannelNotFound = "channel_not_found"

// Config describes how to reach a workspace: by WebhookURL, or by Token with an optional APIURL.
type Config struct {
	// WebhookURL is the URL of an incoming webhook. It is a secret.
	WebhookURL string
	// Token is a bot token. It is a secret.
	Token string
	// APIURL is the base of the Web API. Empty means Slack's own.
	APIURL string
	// Namespace is the namespace on whose behalf the calls are made.
	Namespace string
}

// Workspace is the workspace that the credentials belong to.
type Workspace struct {
	Team, TeamID, BotUserID string
	// Verified is false when the credentials could not be checked without posting.
	Verified bool
	// Scopes are the token's, if the server lists them.
	Scopes []string
	// CanFind reports whether Find works, so that a lost connection does not lead to a second message.
	CanFind bool
}

// Posted is the place of a message. The place of a message posted by incoming webhook is unknown.
type Posted struct {
	// Channel is the channel's ID.
	Channel string
	// TS identifies the message in its channel.
	TS string
	// Permalink is the URL that opens the message. It is empty when unknown.
	Permalink string
	// ThreadTS is the TS of the message to whose thread this one was posted. It is empty for one in the channel itself.
	ThreadTS string
}

// Message is a message to post. Its texts are escaped mrkdwn. The caller keeps to Slack's limits (blocks, lengths).
type Message struct {
	// DeliveryID identifies the delivery. It travels with the message, so that Find recognises the message.
	DeliveryID string
	// Channel is a channel's ID, or its name with #. An incoming webhook ignores it.
	Channel string
	// ThreadTS makes the message a reply to the message with that TS.
	ThreadTS string
	// Broadcast shows a reply in the channel too.
	Broadcast bool
	// Text is shown in notifications and read by screen readers. It is never empty.
	Text string
	// Color is the colour of the bar beside the message, as #rrggbb. Empty means no bar.
	Color string
	// Blocks are the visible content.
	Blocks []Block
}

// Block is one part of a message. Exactly one of its fields is set, and ID with Buttons.
type Block struct {
	// Section is a paragraph of at most 3000 characters.
	Section string
	// Fields are short facts in two columns: at most 10, of at most 2000 characters each.
	Fields []string
	// Context is small print of at most 10 elements.
	Context []string
	// Divider is a horizontal line.
	Divider bool
	// Buttons are at most 25 buttons in a row. ID distinguishes the block from the message's other ones with buttons.
	Buttons []Button
	ID      string
}
