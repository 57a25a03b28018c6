// SPDX-License-Identifier: Apache-2.0

package slack

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/slack-go/slack"

	"github.com/voiceai-dev/integrations-operator/internal/chat"
	"github.com/voiceai-dev/integrations-operator/internal/fault"
	"github.com/voiceai-dev/integrations-operator/internal/transport"
)

var (
	// noMethod are the codes of a server without the method, such as a proxy that only lets posts through.
	noMethod = []string{"404", "405", "unknown_method"}
	// noReading are the errors about the token after which it may still post: reading needs scopes of its own
	// (https://docs.slack.dev/reference/methods/conversations.history#errors).
	noReading = []string{"missing_scope", "no_permission"}
	// noThread are the errors for a thread whose first message does not exist.
	noThread = []string{"thread_not_found", "message_not_found"}
)

// errNoChannel means that there is no channel of an ID, or that it is hidden from the token.
var errNoChannel = fmt.Errorf("no such channel: %w", chat.ErrUnsupported)

const (
	// invalidCursor is the error for the cursor of a page that Slack does not know any more.
	invalidCursor = "invalid_cursor"
	// pageSize is the number of messages in a page, as Slack recommends.
	pageSize = 200
	// maxMessages is the number of messages in a page from which on it is not Slack's: a page of a thread also has the
	// thread's first message.
	maxMessages = pageSize + 1
	// maxPages bounds how much one call of Find reads.
	maxPages = 50
	// channelPageSize is the number of channels in a page, the most that Slack allows.
	channelPageSize = 1000
	// maxChannelPages bounds how many channels are read to look up one.
	maxChannelPages = 50
)

// place is what Find reads: a channel's history, or a thread in it.
type place struct{ channel, threadTS string }

// page is a part of a channel's history or of a thread.
type page struct {
	messages []slack.Message
	// next is the cursor of the next page; empty at the end.
	next string
}

// Find calls conversations.history or conversations.replies.
func (b *bot) Find(ctx context.Context, channel, threadTS string, since time.Time) (map[string]chat.Posted, error) {
	ctx = transport.ForSearch(ctx)
	id, isRemembered, err := b.channelID(ctx, channel)
	if err != nil {
		return nil, err
	}
	found, err := b.find(ctx, place{id, threadTS}, since)
	if isRemembered && errors.Is(err, errNoChannel) { // the name may belong to another channel by now
		b.channels.Delete(channel)
		return b.Find(ctx, channel, threadTS, since)
	}
	return found, err
}

// find reads a place. It goes on where the last read of the place was interrupted, as by a rate limit: to begin again
// at the first page would never end where that limit allows fewer pages than there are.
func (b *bot) find(ctx context.Context, at place, since time.Time) (map[string]chat.Posted, error) {
	r, ok := b.reads.take(at)
	if !ok || since.Unix() < r.since {
		r = newRead(at, since)
	}
	for range maxPages {
		err := b.readPage(ctx, r)
		var api slack.SlackErrorResponse
		isRefused := errors.As(err, &api)
		switch {
		case at.threadTS != "" && isRefused && slices.Contains(noThread, api.Err):
			return b.find(ctx, place{channel: at.channel}, since) // Slack shows a reply in the channel when its parent is gone
		case isRefused && api.Err == invalidCursor && r.cursor != "":
			return b.find(ctx, at, since) // from the first page
		case err != nil:
			err = readFault(err, at.channel)
			if f := fault.From(err); f.Kind == fault.RateLimited || f.Kind == fault.Unavailable && !errors.Is(err, chat.ErrUnsupported) {
				b.interrupt(r)
			}
			return nil, err
		case r.done:
			return r.found, nil
		}
	}
	b.interrupt(r)
	return nil, fault.New(fault.Unavailable, "Channel %s, or one thread in it, has more than %d messages since %s. The rest is read next.",
		at.channel, maxPages*pageSize, since.UTC().Format(time.RFC3339))
}

// readFault classifies a failure to read. It returns ErrUnsupported if the token is valid and a retry would fail in
// the same way.
func readFault(err error, channel string) error {
	if err == nil {
		return nil
	}
	var f *fault.Fault
	if !errors.As(err, &f) {
		f = fault.From(classify(err, channel, harmless))
	}
	if f.Code == chat.CodeChannelNotFound {
		return errNoChannel
	}
	if f.Kind.Permanent() && f.Scope != fault.Connection || slices.Contains(noReading, f.Code) || slices.Contains(noMethod, f.Code) {
		return chat.ErrUnsupported
	}
	return f
}

// channelKinds are the kinds of channels that are listed to look up a name. Each needs a scope of its own.
var channelKinds = []string{"public_channel", "private_channel"}

// channelID returns the ID of a channel that is given by ID or by its name with #. It looks up a name once, by one
// call of conversations.list for every thousand channels of the workspace, and remembers it. It returns ErrUnsupported
// if the token may not list channels or does not see the channel.
func (b *bot) channelID(ctx context.Context, channel string) (id string, isRemembered bool, err error) {
	if !strings.HasPrefix(channel, "#") {
		return channel, false, nil
	}
	if id, ok := b.channels.Load(channel); ok {
		return id.(string), true, nil
	}
	id, err = b.lookUpChannel(ctx, channel)
	if err == nil {
		b.channels.Store(channel, id)
	}
	return id, false, err
}

// lookUpChannel implements channelID for a name that is not remembered. It goes on where the last lookup of the name
// was interrupted.
func (b *bot) lookUpChannel(ctx context.Context, channel string) (string, error) {
	at, _ := b.lists.take(channel)
	for at.kind < len(channelKinds) {
		id, err := b.listChannels(ctx, channel, &at)
		switch {
		case err != nil && !errors.Is(err, chat.ErrUnsupported):
			b.lists.keep(channel, at)
			return "", err
		case id != "":
			return id, nil
		}
		at = listing{kind: at.kind + 1} // a kind that may not be listed is skipped
	}
	return "", chat.ErrUnsupported
}

// listing is how far a channel was looked up.
type listing struct {
	// kind is the index of the kind that is listed, cursor that of the page to list next, pages how many were.
	kind   int
	cursor string
	pages  int
}

// listChannels returns the ID of a channel, or "" if it is not listed among those of one kind.
func (b *bot) listChannels(ctx context.Context, channel string, at *listing) (string, error) {
	params := &slack.GetConversationsParameters{Types: []string{channelKinds[at.kind]}, Limit: channelPageSize}
	for ; at.pages < maxChannelPages; at.pages++ {
		params.Cursor = at.cursor
		channels, next, err := b.api.GetConversationsContext(ctx, params)
		var api slack.SlackErrorResponse
		if at.cursor != "" && errors.As(err, &api) && api.Err == invalidCursor {
			at.cursor = "" // from the first page
			continue
		}
		if err != nil {
			return "", readFault(err, channel)
		}
		for i := range channels {
			if "#"+channels[i].Name == channel {
				return channels[i].ID, nil
			}
		}
		if at.cursor = next; next == "" {
			break
		}
	}
	return "", nil
}

// history reads a page of a channel's history.
func (b *bot) history(ctx context.Context, at *read) (page, error) {
	r, err := b.api.GetConversationHistoryContext(ctx, &slack.GetConversationHistoryParameters{
		ChannelID: at.channel, Oldest: at.oldest, Inclusive: true,
		IncludeAllMetadata: true, Limit: pageSize, Cursor: at.cursor,
	})
	switch {
	case err != nil:
		return page{}, err
	case !r.Ok || r.HasMore && r.ResponseMetaData.NextCursor == "": // slack-go accepts {} as an empty history
		return page{}, fault.New(fault.Unavailable, "Slack's answer to conversations.history has no ok or no next cursor")
	}
	return page{r.Messages, r.ResponseMetaData.NextCursor}, nil
}

// replies reads a page of a thread from its beginning. The result always includes the thread's first message, so
// that an empty page cannot be mistaken for an answer.
func (b *bot) replies(ctx context.Context, at *read) (page, error) {
	messages, more, next, err := b.api.GetConversationRepliesContext(ctx, &slack.GetConversationRepliesParameters{
		ChannelID: at.channel, Timestamp: at.threadTS, IncludeAllMetadata: true, Limit: pageSize, Cursor: at.cursor,
	})
	switch {
	case err != nil:
		return page{}, err
	case len(messages) == 0 || more && next == "": // slack-go accepts {} as an empty thread
		return page{}, fault.New(fault.Unavailable, "Slack's answer to conversations.replies has no messages or no next cursor")
	}
	return page{messages, next}, nil
}
