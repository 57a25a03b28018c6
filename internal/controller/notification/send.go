// SPDX-License-Identifier: Apache-2.0

package notification

import (
	"context"
	"errors"
	"fmt"

	"github.com/voiceai-dev/integrations-operator/api/v1alpha1"
	"github.com/voiceai-dev/integrations-operator/internal/chat"
	"github.com/voiceai-dev/integrations-operator/internal/connection"
	"github.com/voiceai-dev/integrations-operator/internal/controller/kit"
	"github.com/voiceai-dev/integrations-operator/internal/fault"
	"github.com/voiceai-dev/integrations-operator/internal/render"
	"github.com/voiceai-dev/integrations-operator/internal/rule"
	"github.com/voiceai-dev/integrations-operator/internal/slackapp/button"
	"github.com/voiceai-dev/integrations-operator/internal/tracing"
)

// maxEdits is how often the edit of a first message is tried before the reply to it is posted all the same.
const maxEdits = 3

// send submits the message to the lane of its channel.
func (r *Reconciler) send(ctx context.Context, s *scope) *kit.Outcome {
	since := r.intentOf(s.notification).Since()
	call, err := r.postCall(ctx, s)
	if err != nil {
		return kit.OutcomeOf(err)
	}
	if call == nil {
		r.mute(s, "Nothing is left to send: the members were delivered otherwise, or deleted")
		return nil
	}
	return r.callOutcome(s, r.lane(s).Submit(connection.Request[connection.SlackClient, chat.Posted]{
		Key: s.key(), UID: s.notification.UID, Operation: r.sendOperation(s), Endpoint: connection.ActionPost,
		Version: fmt.Sprint(s.integration.Generation),
		Doubt:   fmt.Sprint(since.Unix()),
		First:   isDigest(s.notification), Alone: s.continues, Origin: tracing.OriginOf(ctx), Call: call,
	}))
}

// postCall returns the call that posts the message, nil when there is nothing to post: a digest, a message of its
// own, or a reply in the thread of the first message about the same Defect.
func (r *Reconciler) postCall(ctx context.Context, s *scope) (slackCall, error) {
	o := render.Options{
		Channel:      s.channel,
		DeliveryID:   string(s.notification.UID),
		Transcripts:  s.integration.Spec.Transcripts,
		DashboardURL: r.DashboardURL,
	}
	if s.definition != nil {
		o.Mentions = rule.Mentions(&s.definition.Spec, &s.event)
	}
	if s.rule != nil {
		o.Template = s.rule.Template()
	}
	if r.ReceivesClicks != nil && r.ReceivesClicks(s.integration) {
		o.Button = button.Object{Integration: string(s.integration.UID), Rule: s.notification.Spec.Rule.Name}
	}
	if isDigest(s.notification) {
		members, mentions, err := r.membersEvents(ctx, s.notification)
		if err != nil {
			return nil, err
		}
		if len(members) == 0 && !r.lane(s).Has(s.key(), s.notification.UID) {
			return nil, nil
		}
		o.Mentions = mentions
		return r.postNew(s, render.Digest(members, o)), nil
	}
	fresh := r.postNew(s, render.Message(&s.event, o))
	if !isThreaded(s) {
		return fresh, nil
	}
	return r.postReply(s, o, fresh), nil
}

// postReply returns the call that edits the first message of the thread, so that it shows the present state, and
// replies to it, unless it goes on with what was announced for a former Defect. When there is no first message it posts one.
func (r *Reconciler) postReply(s *scope, o render.Options, first slackCall) slackCall {
	at := *s // the status is written while the call is under way
	attempts := s.notification.Status.Attempts
	return func(ctx context.Context, c connection.SlackClient) (chat.Posted, error) {
		head, ok := r.thread(ctx, &at) // it may have been posted while this call waited
		if !ok {
			return first(ctx, c)
		}
		now := r.presentEvent(ctx, &at)
		switch _, err := c.Update(ctx, head, render.Living(&now, o)); {
		case fault.Is(err, fault.NotFound): // the message or its channel is gone, or the workspace is another
			r.threads.Add(threadOf(&at), chat.Posted{})
			return first(ctx, c)
		case retriesEdit(err, attempts):
			return chat.Posted{}, withoutDoubt(err)
		}
		if at.continues {
			r.threads.Add(threadOf(&at), head)
			return head, nil
		}
		reply := render.Reply(&at.event, o)
		reply.Channel = head.Channel
		reply.ThreadTS = head.TS
		reply.Broadcast = at.event.Text("cause") == string(v1alpha1.CauseRegression)
		posted, err := c.Post(ctx, reply)
		posted.ThreadTS = head.TS
		r.record(&at).Add(connection.ActionPost, objectOf(at.notification), at.channel, err)
		return posted, err
	}
}

// retriesEdit reports whether a failed edit of the first message is retried before the reply is posted. After an edit
// that will not succeed the reply alone says what is new.
func retriesEdit(err error, attempts int32) bool {
	if err == nil || errors.Is(err, chat.ErrUnsupported) {
		return false
	}
	f := fault.From(err)
	return f.Kind == fault.RateLimited || f.Scope == fault.Connection || !f.Kind.Permanent() && attempts < maxEdits
}

// withoutDoubt returns a failure of what comes before the post as one that leaves no doubt: nothing was posted.
func withoutDoubt(err error) error {
	f := fault.From(err)
	if f.Kind != fault.Ambiguous {
		return err
	}
	g := *f
	g.Kind = fault.Unavailable
	return &g
}

// postNew returns the call that posts a message to its channel, and records the channel's ID.
func (r *Reconciler) postNew(s *scope, m chat.Message) slackCall {
	record := r.record(s)
	object := objectOf(s.notification)
	channel := s.channel
	threaded := isThreaded(s)
	thread := threadOf(s)
	return func(ctx context.Context, c connection.SlackClient) (chat.Posted, error) {
		posted, err := record.Post(ctx, c, m)
		record.Add(connection.ActionPost, object, channel, err)
		if err == nil && posted.TS != "" && threaded {
			r.threads.Add(thread, posted)
		}
		return posted, err
	}
}
