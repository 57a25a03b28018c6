package slack

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/slack-go/slack"

	"github.com/voiceai-dev/integrations-operator/internal/chat"
	"github.com/voiceai-dev/integrations-operator/internal/fault"
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

const (
	// pageSize is the number of messages in a page, as Slack recommends.
	pageSize = 200
	// maxPages bounds how much Find reads.
	maxPages = 50
	// channelPageSize is the number of channels in a page, the most that Slack allows.
	channelPageSize = 1000
	// maxChannelPages bounds how many channels are read to look up one.
	maxChannelPages = 50
)

// place is what Find reads: a channel's history from oldest on, or a thread.
type place struct {
	channel, threadTS string
	oldest            time.Time
}

// page is a part of a channel's history or of a thread.
type page struct {
	messages []slack.Message
	// next is the cursor of the next page; empty at the end.
	next string
}

// Find calls conversations.history or conversations.replies.
func (b *bot) Find(ctx context.Context, channel, threadTS string, since time.Time) (map[string]chat.Posted, error) {
	channel, err := b.channelID(ctx, channel)
	if err != nil {
		return nil, err
	}
	read := b.history
	if threadTS != "" {
		read = b.replies
	}
	out := map[string]chat.Posted{}
	cursor := ""
	for range maxPages {
		p, err := read(ctx, place{channel, threadTS, since}, cursor)
		var api slack.SlackErrorResponse
		switch {
		case threadTS != "" && errors.As(err, &api) && slices.Contains(noThread, api.Err):
			return b.Find(ctx, channel, "", since) // Slack shows a reply in the channel when its parent is gone
		case err != nil:
			return nil, readFault(err, channel)
		}
		for _, m := range p.messages {
			if id, ok := m.Metadata.EventPayload["delivery_id"].(string); ok && m.Metadata.EventType == eventType {
				out[id] = b.posted(channel, m.Timestamp)
			}
		}
		if cursor = p.next; cursor == "" {
			return out, nil
		}
	}
	return nil, fault.New(fault.Unavailable, "Channel %s, or one thread in it, has more than %d messages since %s. They were not all read.",
		channel, maxPages*pageSize, since.UTC().Format(time.RFC3339))
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
	if f.Kind.Permanent() && f.Scope != fault.Connection || slices.Contains(noReading, f.Code) || slices.Contains(noMethod, f.Code) {
		return chat.ErrUnsupported
	}
	return f
}

// channelID returns the ID of a channel that is given by ID or by its name with #. It looks up a name once, by one
// call of conversations.list for every thousand channels of the workspace. It returns ErrUnsupported if the token may
// not list channels or does not see the channel.
func (b *bot) channelID(ctx context.Context, channel string) (string, error) {
	name, isName := strings.CutPrefix(channel, "#")
	if !isName {
		return channel, nil
	}
	if id, ok := b.channels.Load(name); ok {
		return id.(string), nil
	}
	for _, kind := range []string{"public_channel", "private_channel"} { // each needs a scope of its own
		id, err := b.lookUpChannel(ctx, kind, name)
		switch {
		case errors.Is(err, chat.ErrUnsupported):
			continue
		case err != nil:
			return "", err
		case id != "":
			b.channels.Store(name, id)
			return id, nil
		}
	}
	return "", chat.ErrUnsupported
}

// lookUpChannel returns the ID of the channel of a kind and name, or "" if it is not listed.
func (b *bot) lookUpChannel(ctx context.Context, kind, name string) (string, error) {
	params := &slack.GetConversationsParameters{Types: []string{kind}, Limit: channelPageSize}
	for range maxChannelPages {
		channels, next, err := b.api.GetConversationsContext(ctx, params)
		if err != nil {
			return "", readFault(err, "#"+name)
		}
		for i := range channels {
			if channels[i].Name == name {
				return channels[i].ID, nil
			}
		}
		if params.Cursor = next; next == "" {
			break
		}
	}
	return "", nil
}

// history reads a page of a channel's history.
func (b *bot) history(ctx context.Context, at place, cursor string) (page, error) {
	r, err := b.api.GetConversationHistoryContext(ctx, &slack.GetConversationHistoryParameters{
		ChannelID: at.channel, Oldest: strconv.FormatInt(at.oldest.Unix(), 10), Inclusive: true,
		IncludeAllMetadata: true, Limit: pageSize, Cursor: cursor,
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
func (b *bot) replies(ctx context.Context, at place, cursor string) (page, error) {
	messages, more, next, err := b.api.GetConversationRepliesContext(ctx, &slack.GetConversationRepliesParameters{
		ChannelID: at.channel, Timestamp: at.threadTS, IncludeAllMetadata: true, Limit: pageSize, Cursor: cursor,
	})
	switch {
	case err != nil:
		return page{}, err
	case len(messages) == 0 || more && next == "": // slack-go accepts {} as an empty thread
		return page{}, fault.New(fault.Unavailable, "Slack's answer to conversations.replies has no messages or no next cursor")
	}
	return page{messages, next}, nil
}
