// SPDX-License-Identifier: Apache-2.0

// Package slack posts to Slack, by incoming webhook or as a bot. It is the only package that knows slack-go.
package slack

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/slack-go/slack"

	"github.com/voiceai-dev/integrations-operator/internal/chat"
	"github.com/voiceai-dev/integrations-operator/internal/fault"
	"github.com/voiceai-dev/integrations-operator/internal/transport"
)

// defaultAPIURL is the base of the Web API; GovSlack has another (https://docs.slack.dev/govslack).
const defaultAPIURL = "https://slack.com/api/"

// metadataType is the type of the metadata that a message carries (https://docs.slack.dev/messaging/message-metadata).
// Other apps of the workspace can read its payload.
const metadataType = "voiceai_notification"

// invalidWebhook is the message of a fault for an incoming webhook that is not a URL.
const invalidWebhook = "The incoming webhook in the Secret is not a URL. It must look like https://hooks.slack.com/services/..."

// Dialer makes clients.
type Dialer struct{ transport.Options }

// Dial returns a client for a workspace. It does not call Slack. Its error is a fault.
func (d Dialer) Dial(c chat.Config) (chat.Poster, error) {
	if c.WebhookURL != "" {
		u, err := url.Parse(c.WebhookURL)
		if err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" {
			return nil, &fault.Fault{Kind: fault.Unauthorized, Scope: fault.Connection, Code: "SecretInvalid",
				Message: invalidWebhook}
		}
		if err := d.Reach.CheckHost(u.Hostname()); err != nil {
			return nil, transport.RefusalOf(err)
		}
		account := transport.Account{Namespace: c.Namespace, Secrets: webhookSecrets(u)}
		return &webhook{url: c.WebhookURL, client: transport.New(d.Options, account)}, nil
	}
	base, err := d.base(c.APIURL)
	if err != nil {
		return nil, err
	}
	client := transport.New(d.Options, transport.Account{Namespace: c.Namespace, Secrets: []string{c.Token}})
	api := slack.New(c.Token, slack.OptionAPIURL(base.String()),
		slack.OptionHTTPClient(&bearer{client: client, base: base.String(), token: c.Token}))
	return &bot{api: api, base: base.String()}, nil
}

// base returns the base of the Web API, which ends in a slash. Its error is a fault.
func (d Dialer) base(apiURL string) (*url.URL, error) {
	base, err := url.Parse(strings.TrimRight(cmp.Or(apiURL, defaultAPIURL), "/") + "/")
	if err != nil {
		return nil, fault.New(fault.Invalid, "apiURL %q is not a URL", apiURL)
	}
	if err := d.Reach.CheckHost(base.Hostname()); err != nil {
		return nil, transport.RefusalOf(err)
	}
	return base, nil
}

// bearer sends the token in the header of calls of the Web API, as Slack advises. slack-go sends it in the form, from which
// not everything that stands for Slack reads it.
type bearer struct {
	client      *http.Client
	base, token string
}

// Do sends a request, with the token if it is to the Web API.
func (b *bearer) Do(r *http.Request) (*http.Response, error) {
	if strings.HasPrefix(r.URL.String(), b.base) {
		r.Header.Set("Authorization", "Bearer "+b.token)
	}
	return b.client.Do(r)
}

// bot posts with a bot token.
type bot struct {
	api  *slack.Client
	base string
	// site is the workspace's own address, from Probe.
	site atomic.Pointer[string]
	// channels has the IDs of the channels that were looked up or posted to, by their names with #.
	channels sync.Map
	// reads and lists are where reads of places and lookups of channels were interrupted.
	reads unfinished[place, *read]
	lists unfinished[string, listing]
}

// Probe calls auth.test.
func (b *bot) Probe(ctx context.Context) (chat.Workspace, error) {
	r, err := b.api.AuthTestContext(transport.ForProbe(ctx))
	if err != nil {
		return chat.Workspace{}, classify(err, "", harmless)
	}
	if r.TeamID == "" && r.Team == "" && r.UserID == "" && r.BotID == "" {
		return chat.Workspace{}, fault.New(fault.Unavailable, "Slack's answer to auth.test names no team or user. Check apiURL.")
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
		// Slack lists the scopes in a header. A proxy may drop it: then the first call of Find shows whether Find works.
		CanFind: len(scopes) == 0 || slices.Contains(scopes, "channels:history") || slices.Contains(scopes, "groups:history"),
	}, nil
}

// Post calls chat.postMessage.
func (b *bot) Post(ctx context.Context, m chat.Message) (chat.Posted, error) {
	ctx, sent := transport.Trace(ctx)
	options := append(content(m),
		slack.MsgOptionMetadata(slack.SlackMetadata{EventType: metadataType, EventPayload: map[string]any{"delivery_id": m.DeliveryID}}),
		slack.MsgOptionDisableLinkUnfurl(), slack.MsgOptionDisableMediaUnfurl())
	if m.ThreadTS != "" {
		options = append(options, slack.MsgOptionTS(m.ThreadTS))
		if m.Broadcast {
			options = append(options, slack.MsgOptionBroadcast())
		}
	}
	// Slack sometimes drops a second message with the same client_msg_id. That is not documented, and nothing relies on
	// it.
	options = append(options, slack.UnsafeMsgOptionEndpoint(b.base+"chat.postMessage", func(v url.Values) {
		v.Set("client_msg_id", clientMessageID(m.DeliveryID))
	}))
	channel, ts, err := b.api.PostMessageContext(ctx, m.Channel, options...)
	if err != nil {
		return chat.Posted{}, classify(err, m.Channel, sent)
	}
	if ts == "" { // slack-go accepts {} as a success
		return chat.Posted{}, fault.New(fault.Ambiguous, "Slack's answer to chat.postMessage has no timestamp")
	}
	if strings.HasPrefix(m.Channel, "#") && channel != "" {
		b.channels.Store(m.Channel, channel) // the name may have belonged to another channel before
	}
	return b.posted(channel, ts), nil
}

// Update calls chat.update. A second call does no harm, so no fault is Ambiguous.
func (b *bot) Update(ctx context.Context, at chat.Posted, m chat.Message) (chat.Posted, error) {
	channel, ts, _, err := b.api.UpdateMessageContext(ctx, at.Channel, at.TS, content(m)...)
	if err != nil {
		f := fault.From(classify(err, at.Channel, harmless))
		if slices.Contains(noMethod, f.Code) {
			return chat.Posted{}, chat.ErrUnsupported
		}
		return chat.Posted{}, f
	}
	if ts == "" {
		return chat.Posted{}, fault.New(fault.Unavailable, "Slack's answer to chat.update has no timestamp")
	}
	return b.posted(channel, ts), nil
}

// harmless reports, as the sent of a call that can be repeated, that the request had no effect.
func harmless() bool { return false }

// posted returns the place of a message, with a permalink once Probe has read the workspace's address.
func (b *bot) posted(channel, ts string) chat.Posted {
	p := chat.Posted{Channel: channel, TS: ts}
	if site := b.site.Load(); site != nil && *site != "" {
		p.Permalink = fmt.Sprintf("%s/archives/%s/p%s", *site, url.PathEscape(channel), strings.ReplaceAll(ts, ".", ""))
	}
	return p
}

// clientMessageID returns a UUID that depends on the delivery ID only.
func clientMessageID(deliveryID string) string {
	sum := sha256.Sum256([]byte(deliveryID))
	sum[6] = sum[6]&0x0f | 0x50
	sum[8] = sum[8]&0x3f | 0x80
	h := hex.EncodeToString(sum[:16])
	return h[:8] + "-" + h[8:12] + "-" + h[12:16] + "-" + h[16:20] + "-" + h[20:]
}
