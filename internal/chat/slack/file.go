// SPDX-License-Identifier: Apache-2.0

package slack

import (
	"context"
	"errors"
	"slices"

	"github.com/slack-go/slack"

	"github.com/voiceai-dev/integrations-operator/internal/chat"
	"github.com/voiceai-dev/integrations-operator/internal/fault"
	"github.com/voiceai-dev/integrations-operator/internal/transport"
)

// maxReplyPages bounds how many pages of a thread are searched for a file.
const maxReplyPages = 5

// Share searches the thread for the file, and posts it by three calls unless it is there. The file is visible after the last
// one (https://docs.slack.dev/messaging/working-with-files).
func (b *bot) Share(ctx context.Context, at chat.Posted, f chat.File) error {
	shared, err := b.isShared(ctx, at, f.Name)
	if shared || err != nil {
		return err
	}
	u, err := b.api.GetUploadURLExternalContext(ctx, slack.GetUploadURLExternalParameters{FileName: f.Name, FileSize: int(f.Bytes)})
	if err != nil {
		return fileFault(err, at.Channel, harmless)
	}
	if u.UploadURL == "" || u.FileID == "" {
		return fault.New(fault.Unavailable, "Slack's answer to files.getUploadURLExternal has no address. %s", checkURL)
	}
	if err := b.api.UploadToURL(ctx, slack.UploadToURLParameters{UploadURL: u.UploadURL, Reader: f.Content, Filename: f.Name}); err != nil {
		return fileFault(err, at.Channel, harmless)
	}
	ctx, sent := transport.Trace(ctx)
	if _, err := b.api.CompleteUploadExternalContext(ctx, slack.CompleteUploadExternalParameters{
		Files: []slack.FileSummary{{ID: u.FileID, Title: f.Title}}, Channel: at.Channel, ThreadTimestamp: at.TS,
	}); err != nil {
		return fileFault(err, at.Channel, sent)
	}
	return nil
}

// Share returns ErrUnsupported: an incoming webhook posts messages only.
func (w *webhook) Share(context.Context, chat.Posted, chat.File) error { return chat.ErrUnsupported }

// isShared reports whether a thread has a file of a name. It is false where replies cannot be read.
func (b *bot) isShared(ctx context.Context, at chat.Posted, name string) (bool, error) {
	ctx = transport.ForSearch(ctx)
	r := &read{place: place{at.Channel, at.TS}}
	for range maxReplyPages {
		p, err := b.replies(ctx, r)
		var api slack.SlackErrorResponse
		if errors.As(err, &api) && slices.Contains(noThread, api.Err) {
			return false, fault.New(fault.Invalid, "The message was deleted (%s)", api.Err)
		}
		if err != nil {
			if err = readFault(err, at.Channel); errors.Is(err, chat.ErrUnsupported) {
				return false, nil
			}
			return false, err
		}
		for i := range p.messages {
			if slices.ContainsFunc(p.messages[i].Files, func(f slack.File) bool { return f.Name == name }) {
				return true, nil
			}
		}
		if r.cursor = p.next; p.next == "" {
			return false, nil
		}
	}
	return false, fault.New(fault.Invalid, "The thread is too long to be searched")
}

// fileFault classifies a failure to post a file. A scope that the token lacks is none that messages need.
func fileFault(err error, channel string, sent func() bool) error {
	f := *fault.From(classify(err, channel, sent))
	if f.Code == "missing_scope" {
		f.Scope = fault.Item
	}
	if f.Kind == fault.Ambiguous {
		f.Kind = fault.Unavailable
		f.RetryAfter = max(f.RetryAfter, chat.FileSettles)
	}
	return &f
}
