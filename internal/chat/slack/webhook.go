// SPDX-License-Identifier: Apache-2.0

package slack

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"
	"time"

	"github.com/slack-go/slack"

	"github.com/voiceai-dev/integrations-operator/internal/chat"
	"github.com/voiceai-dev/integrations-operator/internal/fault"
	"github.com/voiceai-dev/integrations-operator/internal/transport"
)

// webhook posts by incoming webhook. It does not use slack-go's functions, which drop Slack's answer and put the URL,
// a secret, into their errors.
type webhook struct {
	url    string
	client *http.Client
	// notSlack counts the answers in a row that neither accept nor refuse a message.
	notSlack atomic.Int32
}

// webhookSecrets returns the parts of a webhook's URL that are secret.
func webhookSecrets(u *url.URL) []string {
	secrets := []string{u.String(), u.RequestURI(), strings.TrimPrefix(u.EscapedPath(), "/services/")}
	const minRandom = 16 // shorter parts are words
	for part := range strings.FieldsFuncSeq(u.RequestURI(), func(r rune) bool { return strings.ContainsRune("/?&=", r) }) {
		if len(part) >= minRandom {
			secrets = append(secrets, part)
		}
	}
	return secrets
}

// Probe returns an empty Workspace: every request to a webhook posts, so it cannot be checked.
func (w *webhook) Probe(context.Context) (chat.Workspace, error) { return chat.Workspace{}, nil }

// Update returns ErrUnsupported: Slack does not return the place of a webhook's message.
func (w *webhook) Update(context.Context, chat.Posted, chat.Message) (chat.Posted, error) {
	return chat.Posted{}, chat.ErrUnsupported
}

// Find returns ErrUnsupported, for the same reason.
func (w *webhook) Find(context.Context, string, string, time.Time) (map[string]chat.Posted, error) {
	return nil, chat.ErrUnsupported
}

// webhookBody is the body of a request to an incoming webhook
// (https://docs.slack.dev/messaging/sending-messages-using-incoming-webhooks).
type webhookBody struct {
	Text        string             `json:"text"`
	Blocks      []slack.Block      `json:"blocks,omitempty"`
	Attachments []slack.Attachment `json:"attachments,omitempty"`
	UnfurlLinks bool               `json:"unfurl_links"`
	UnfurlMedia bool               `json:"unfurl_media"`
}

// Post posts to the webhook's channel.
func (w *webhook) Post(ctx context.Context, m chat.Message) (chat.Posted, error) {
	body := webhookBody{Text: m.Text}
	top, rest := parts(m)
	if body.Blocks = top; rest != nil {
		body.Attachments = []slack.Attachment{*rest}
	}
	raw, err := json.Marshal(body)
	if err != nil {
		return chat.Posted{}, fault.New(fault.Invalid, "The message cannot be encoded: %v", err)
	}
	return chat.Posted{}, w.send(ctx, raw)
}

// send sends the JSON of a message.
func (w *webhook) send(ctx context.Context, raw []byte) error {
	ctx, sent := transport.Trace(ctx)
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, w.url, bytes.NewReader(raw))
	if err != nil {
		return fault.New(fault.Unauthorized, invalidWebhook)
	}
	req.Header.Set("Content-Type", "application/json; charset=utf-8")
	res, err := w.client.Do(req)
	if err != nil {
		return unanswered(err, sent)
	}
	defer func() { _ = res.Body.Close() }()
	answer, err := io.ReadAll(io.LimitReader(res.Body, maxAnswer))
	if err != nil {
		return unanswered(err, sent)
	}
	return w.judge(res, readAnswer(answer))
}
