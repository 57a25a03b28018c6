// Package slack posts to Slack, by incoming webhook or as a bot. It is the only package that knows slack-go.
package slack

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/slack-go/slack"

	"github.com/voiceai-dev/integrations-operator/internal/chat"
	"github.com/voiceai-dev/integrations-operator/internal/fault"
	"github.com/voiceai-dev/integrations-operator/internal/transport"
)

// defaultAPIURL is the base of the Web API; GovSlack has another (https://docs.slack.dev/govslack).
const defaultAPIURL = "https://slack.com/api/"

// eventType is the type of the metadata that a message carries (https://docs.slack.dev/messaging/message-metadata). Its payload is readable
// by other apps of the workspace.
const eventType = "voiceai_notification"

// Dialer makes clients.
type Dialer struct {
	// Fence is asked right before anything is sent, which is not when it returns an error; nil lets everything through.
	Fence func() error
}

// Dial is a client for a workspace. It does not call Slack. Its error is a fault.
func (d Dialer) Dial(c chat.Config) (chat.Poster, error) {
	if c.WebhookURL != "" {
		u, err := url.Parse(c.WebhookURL)
		if err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" {
			return nil, &fault.Fault{Kind: fault.Unauthorized, Scope: fault.Connection, Code: "SecretInvalid",
				Message: "the incoming webhook in the Secret is not a URL: it must look like https://hooks.slack.com/services/..."}
		}
		return &webhook{url: c.WebhookURL, client: transport.New(d.Fence)}, nil
	}
	base := c.APIURL
	if base == "" {
		base = defaultAPIURL
	}
	base = strings.TrimRight(base, "/") + "/"
	return &bot{api: slack.New(c.Token, slack.OptionAPIURL(base), slack.OptionHTTPClient(transport.New(d.Fence))), base: base}, nil
}

type bot struct {
	api  *slack.Client
	base string
	// site is the workspace's own address, from Probe.
	site atomic.Pointer[string]
	// channels are IDs by name, as far as somebody had to ask.
	channels sync.Map
}

// Probe asks auth.test.
func (b *bot) Probe(ctx context.Context) (chat.Workspace, error) {
	r, err := b.api.AuthTestContext(ctx)
	if err != nil {
		return chat.Workspace{}, classify(err, "", harmless)
	}
	if r.TeamID == "" && r.Team == "" && r.UserID == "" && r.BotID == "" {
		return chat.Workspace{}, fault.New(fault.Unavailable, "Slack answered auth.test without saying who the token is: is apiURL right?")
	}
	site := strings.TrimRight(r.URL, "/")
	b.site.Store(&site)
	var scopes []string
	for s := range strings.SplitSeq(r.Header.Get("X-OAuth-Scopes"), ",") {
		if s = strings.TrimSpace(s); s != "" {
			scopes = append(scopes, s)
		}
	}
	return chat.Workspace{
		Team: r.Team, TeamID: r.TeamID, BotUserID: r.UserID, Verified: true, Scopes: scopes,
		// Slack names the scopes in a header. Where that is missing, as behind a proxy that drops it, the first attempt tells.
		CanFind: len(scopes) == 0 || slices.Contains(scopes, "channels:history") || slices.Contains(scopes, "groups:history"),
	}, nil
}

// Post asks chat.postMessage.
func (b *bot) Post(ctx context.Context, m chat.Message) (chat.Posted, error) {
	ctx, sent := transport.Trace(ctx)
	options := append(content(m),
		slack.MsgOptionMetadata(slack.SlackMetadata{EventType: eventType, EventPayload: map[string]any{"delivery_id": m.DeliveryID}}),
		slack.MsgOptionDisableLinkUnfurl(), slack.MsgOptionDisableMediaUnfurl())
	if m.ThreadTS != "" {
		options = append(options, slack.MsgOptionTS(m.ThreadTS))
		if m.Broadcast {
			options = append(options, slack.MsgOptionBroadcast())
		}
	}
	// Slack drops a second message with the same client_msg_id at times. It is not documented, so that nothing relies on it.
	options = append(options, slack.UnsafeMsgOptionEndpoint(b.base+"chat.postMessage", func(v url.Values) {
		v.Set("client_msg_id", clientMessageID(m.DeliveryID))
	}))
	channel, ts, err := b.api.PostMessageContext(ctx, m.Channel, options...)
	if err != nil {
		return chat.Posted{}, classify(err, m.Channel, sent)
	}
	if ts == "" { // slack-go takes {} for a success
		return chat.Posted{}, fault.New(fault.Ambiguous, "Slack answered chat.postMessage without saying where the message is")
	}
	return b.posted(channel, ts), nil
}

// Update asks chat.update. Doing so twice does no harm, so that nothing is ambiguous.
func (b *bot) Update(ctx context.Context, at chat.Posted, m chat.Message) (chat.Posted, error) {
	channel, ts, _, err := b.api.UpdateMessageContext(ctx, at.Channel, at.TS, content(m)...)
	if err != nil {
		f := fault.From(classify(err, at.Channel, harmless))
		if slices.Contains(missing, f.Code) {
			return chat.Posted{}, chat.ErrUnsupported
		}
		return chat.Posted{}, f
	}
	if ts == "" {
		return chat.Posted{}, fault.New(fault.Unavailable, "Slack answered chat.update without saying where the message is")
	}
	return b.posted(channel, ts), nil
}

// harmless is sent for a call that can be repeated.
func harmless() bool { return false }

var (
	// missing are the answers where there is no such method, as behind a proxy that lets through only what posts.
	missing = []string{"404", "405", "unknown_method"}
	// unaskable are the errors about the token after which it may post all the same: reading takes scopes of its own
	// (https://docs.slack.dev/reference/methods/conversations.history#errors).
	unaskable = []string{"missing_scope", "no_permission"}
	// gone are the errors when there is no message with the timestamp of the thread.
	gone = []string{"thread_not_found", "message_not_found"}
)

const (
	// pageSize is how many messages are asked for at once, as Slack recommends.
	pageSize = 200
	// maxPages bounds how much Find reads.
	maxPages = 50
)

// page is a part of a channel's history or of a thread.
type page struct {
	messages []slack.Message
	// next is where it goes on; empty at the end.
	next string
}

// Find asks conversations.history or conversations.replies.
func (b *bot) Find(ctx context.Context, channel, threadTS string, since time.Time) (map[string]chat.Posted, error) {
	channel, err := b.channelID(ctx, channel)
	if err != nil {
		return nil, err
	}
	read := b.history
	if threadTS != "" {
		read = b.replies
	}
	out, cursor := map[string]chat.Posted{}, ""
	for range maxPages {
		p, err := read(ctx, channel, threadTS, strconv.FormatInt(since.Unix(), 10), cursor)
		var api slack.SlackErrorResponse
		switch {
		case threadTS != "" && errors.As(err, &api) && slices.Contains(gone, api.Err):
			return b.Find(ctx, channel, "", since) // Slack shows an answer in the channel when what it answers is not there any more
		case err != nil:
			return nil, unread(err, channel)
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
	return nil, fault.New(fault.Unavailable, "channel %s has had more than %d messages since %s, or in one thread: which of them are ours was not found out",
		channel, maxPages*pageSize, since.UTC().Format(time.RFC3339))
}

// unread is what it means that something could not be read: ErrUnsupported when that will not change by trying again, and the token is good.
func unread(err error, channel string) error {
	if err == nil {
		return nil
	}
	var f *fault.Fault
	if !errors.As(err, &f) {
		f = fault.From(classify(err, channel, harmless))
	}
	if f.Kind.Permanent() && f.Scope != fault.Connection || slices.Contains(unaskable, f.Code) || slices.Contains(missing, f.Code) {
		return chat.ErrUnsupported
	}
	return f
}

const (
	// channelPage is how many channels are asked for at once, the most that Slack gives; maxChannelPages bounds how many are read.
	channelPage, maxChannelPages = 1000, 50
)

// channelID is the ID of a channel, which may be named with #. Names are looked up once, by conversations.list, at one call for each thousand
// channels of the workspace; ErrUnsupported when the token may not, or does not see the channel.
func (b *bot) channelID(ctx context.Context, channel string) (string, error) {
	name, named := strings.CutPrefix(channel, "#")
	if !named {
		return channel, nil
	}
	if id, ok := b.channels.Load(name); ok {
		return id.(string), nil
	}
	for _, kind := range []string{"public_channel", "private_channel"} { // each takes a scope of its own
		cursor := ""
		for range maxChannelPages {
			page, next, err := b.api.GetConversationsContext(ctx, &slack.GetConversationsParameters{Types: []string{kind}, Limit: channelPage, Cursor: cursor})
			if err = unread(err, channel); errors.Is(err, chat.ErrUnsupported) {
				break
			} else if err != nil {
				return "", err
			}
			for i := range page {
				if page[i].Name == name {
					b.channels.Store(name, page[i].ID)
					return page[i].ID, nil
				}
			}
			if cursor = next; cursor == "" {
				break
			}
		}
	}
	return "", chat.ErrUnsupported
}

func (b *bot) history(ctx context.Context, channel, _, oldest, cursor string) (page, error) {
	r, err := b.api.GetConversationHistoryContext(ctx, &slack.GetConversationHistoryParameters{
		ChannelID: channel, Oldest: oldest, Inclusive: true, IncludeAllMetadata: true, Limit: pageSize, Cursor: cursor,
	})
	switch {
	case err != nil:
		return page{}, err
	case !r.Ok || r.HasMore && r.ResponseMetaData.NextCursor == "": // slack-go takes {} for an empty history
		return page{}, fault.New(fault.Unavailable, "Slack answered conversations.history without saying that it worked, or where it goes on")
	}
	return page{r.Messages, r.ResponseMetaData.NextCursor}, nil
}

// replies reads a thread from its beginning: the message at it is always among them, which tells an answer from none.
func (b *bot) replies(ctx context.Context, channel, threadTS, _, cursor string) (page, error) {
	messages, more, next, err := b.api.GetConversationRepliesContext(ctx, &slack.GetConversationRepliesParameters{
		ChannelID: channel, Timestamp: threadTS, IncludeAllMetadata: true, Limit: pageSize, Cursor: cursor,
	})
	switch {
	case err != nil:
		return page{}, err
	case len(messages) == 0 || more && next == "": // slack-go takes {} for an empty thread
		return page{}, fault.New(fault.Unavailable, "Slack answered conversations.replies without saying that it worked, or where it goes on")
	}
	return page{messages, next}, nil
}

func (b *bot) posted(channel, ts string) chat.Posted {
	p := chat.Posted{Channel: channel, TS: ts}
	if site := b.site.Load(); site != nil && *site != "" {
		p.Permalink = fmt.Sprintf("%s/archives/%s/p%s", *site, url.PathEscape(channel), strings.ReplaceAll(ts, ".", ""))
	}
	return p
}

// clientMessageID is a UUID that the delivery alone decides.
func clientMessageID(deliveryID string) string {
	sum := sha256.Sum256([]byte(deliveryID))
	sum[6], sum[8] = sum[6]&0x0f|0x50, sum[8]&0x3f|0x80
	h := hex.EncodeToString(sum[:16])
	return h[:8] + "-" + h[8:12] + "-" + h[12:16] + "-" + h[16:20] + "-" + h[20:]
}

// content is what a message shows. Its first block stands for itself, since mentions notify there, and the rest beside the coloured bar; with blocks
// at the top, the text is what notifications and screen readers say, and is not shown.
func content(m chat.Message) []slack.MsgOption {
	top, rest := parts(m)
	options := []slack.MsgOption{slack.MsgOptionText(m.Text, false), slack.MsgOptionBlocks(top...)}
	if rest == nil {
		return append(options, slack.MsgOptionAttachments())
	}
	return append(options, slack.MsgOptionAttachments(*rest))
}

// parts are the blocks at the top and the attachment with the rest, nil when there is none.
func parts(m chat.Message) (top []slack.Block, rest *slack.Attachment) {
	all := blocks(m.Blocks)
	if m.Color == "" || len(all) < 2 {
		return all, nil
	}
	return all[:1], &slack.Attachment{Color: m.Color, Fallback: m.Text, Blocks: slack.Blocks{BlockSet: all[1:]}}
}

func blocks(in []chat.Block) []slack.Block {
	text := func(s string) *slack.TextBlockObject {
		return &slack.TextBlockObject{Type: slack.MarkdownType, Text: s, Verbatim: true} // no links but those that are meant
	}
	var out []slack.Block
	for _, b := range in {
		switch {
		case b.Divider:
			out = append(out, slack.NewDividerBlock())
		case len(b.Context) > 0:
			var elements []slack.MixedElement
			for _, c := range b.Context {
				elements = append(elements, text(c))
			}
			out = append(out, slack.NewContextBlock("", elements...))
		case len(b.Fields) > 0:
			var fields []*slack.TextBlockObject
			for _, f := range b.Fields {
				fields = append(fields, text(f))
			}
			out = append(out, slack.NewSectionBlock(nil, fields, nil))
		default:
			out = append(out, slack.NewSectionBlock(text(b.Section), nil, nil))
		}
	}
	return out
}
