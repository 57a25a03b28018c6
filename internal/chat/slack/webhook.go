package slack

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/slack-go/slack"

	"github.com/voiceai-dev/integrations-operator/internal/chat"
	"github.com/voiceai-dev/integrations-operator/internal/fault"
	"github.com/voiceai-dev/integrations-operator/internal/transport"
)

// webhook posts by incoming webhook. slack-go's own functions for it drop Slack's answer and put the URL, which is a secret, into their errors.
type webhook struct {
	url    string
	client *http.Client
}

// Probe cannot check a webhook: every request to it posts.
func (w *webhook) Probe(context.Context) (chat.Workspace, error) { return chat.Workspace{}, nil }

// Update is not possible: Slack does not say where a webhook's message is.
func (w *webhook) Update(context.Context, chat.Posted, chat.Message) (chat.Posted, error) {
	return chat.Posted{}, chat.ErrUnsupported
}

// Find is not possible either.
func (w *webhook) Find(context.Context, string, string, time.Time) (map[string]chat.Posted, error) {
	return nil, chat.ErrUnsupported
}

// webhookBody is what an incoming webhook takes (https://docs.slack.dev/messaging/sending-messages-using-incoming-webhooks).
type webhookBody struct {
	Text        string             `json:"text"`
	Blocks      []slack.Block      `json:"blocks,omitempty"`
	Attachments []slack.Attachment `json:"attachments,omitempty"`
	UnfurlLinks bool               `json:"unfurl_links"`
	UnfurlMedia bool               `json:"unfurl_media"`
}

// maxAnswer is how much of an answer is read; Slack's are a word.
const maxAnswer = 1 << 10

// Post posts to the webhook's channel.
func (w *webhook) Post(ctx context.Context, m chat.Message) (chat.Posted, error) {
	body := webhookBody{Text: m.Text}
	top, rest := parts(m)
	if body.Blocks = top; rest != nil {
		body.Attachments = []slack.Attachment{*rest}
	}
	raw, err := json.Marshal(body)
	if err != nil {
		return chat.Posted{}, fault.New(fault.Invalid, "encoding the message: %v", err)
	}
	ctx, sent := transport.Trace(ctx)
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, w.url, bytes.NewReader(raw))
	if err != nil {
		return chat.Posted{}, fault.New(fault.Unauthorized, "the incoming webhook in the Secret is not a URL")
	}
	req.Header.Set("Content-Type", "application/json; charset=utf-8")
	res, err := w.client.Do(req)
	if err != nil {
		return chat.Posted{}, unanswered(err, sent)
	}
	defer func() { _ = res.Body.Close() }()
	answer, err := io.ReadAll(io.LimitReader(res.Body, maxAnswer))
	if err != nil {
		return chat.Posted{}, unanswered(err, sent)
	}
	return chat.Posted{}, refused(res, strings.TrimSpace(string(answer)))
}

// refused classifies a webhook's answer by its word, or by its status when it has none that is known; nil when it was accepted.
func refused(res *http.Response, word string) error {
	if res.StatusCode == http.StatusOK && word == "ok" {
		return nil
	}
	if f := byCode(word, "the webhook's channel"); f != nil {
		if f.Kind == fault.RateLimited {
			f.RetryAfter = max(f.RetryAfter, fault.RetryAfter(res.Header, time.Now()))
		}
		return f
	}
	f := &fault.Fault{Code: fmt.Sprint(res.StatusCode)}
	switch s := res.StatusCode; {
	case s == http.StatusTooManyRequests:
		f.Kind, f.Scope, f.RetryAfter = fault.RateLimited, fault.Endpoint, fault.RetryAfter(res.Header, time.Now())
		f.Message = "Slack asks to wait before the next message"
	case s >= 500 || s == http.StatusRequestTimeout:
		f.Kind, f.RetryAfter = fault.Ambiguous, fault.RetryAfter(res.Header, time.Now())
		f.Message = fmt.Sprintf("Slack answered the webhook with status %d", s)
	case s == http.StatusOK:
		f.Kind, f.Message = fault.Ambiguous, "Slack did not answer the webhook with ok: is it Slack's, or is a proxy in between?"
	case s == http.StatusNotFound || s == http.StatusGone || s == http.StatusForbidden || s == http.StatusUnauthorized:
		f.Kind, f.Scope = fault.Unauthorized, fault.Connection
		f.Message = fmt.Sprintf("Slack does not take the incoming webhook (status %d): make a new one and put its URL into the Secret", s)
	default:
		f.Kind, f.Message = fault.Invalid, fmt.Sprintf("Slack refused the message by webhook with status %d", s)
	}
	return f
}
