// SPDX-License-Identifier: Apache-2.0

package notification

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/voiceai-dev/integrations-operator/api/v1alpha1"
	"github.com/voiceai-dev/integrations-operator/internal/chat"
	"github.com/voiceai-dev/integrations-operator/internal/condition"
	"github.com/voiceai-dev/integrations-operator/internal/connection"
	"github.com/voiceai-dev/integrations-operator/internal/controller/kit"
	"github.com/voiceai-dev/integrations-operator/internal/fault"
	"github.com/voiceai-dev/integrations-operator/internal/once"
	"github.com/voiceai-dev/integrations-operator/internal/tracing"
)

// lookupLane is the lane of lookups, which are made before a message is sent that may have been posted already.
const lookupLane = "look"

// slackCall is a call to Slack for one message.
type slackCall = connection.Call[connection.SlackClient, chat.Posted]

// lookUp looks a message up that may have been posted already. certain reports that it was not, or that the channel
// cannot be searched: then the message is to be sent. Otherwise the outcome is that of the lookup; nil when the
// message was found.
func (r *Reconciler) lookUp(ctx context.Context, s *scope) (o *kit.Outcome, certain bool) {
	n := s.notification
	if a, ok := r.lane(s).Peek(s.key(), n.UID); ok && fault.Is(a.Err, fault.Ambiguous) {
		if o := r.recordDoubt(s, a); o != nil {
			return o, false
		}
	}
	if at := n.Status.NextAttemptTime; n.Status.UncertainSince != nil && at != nil && s.now.Before(at.Time) {
		s.next = kit.Until(at.Time, s.now)
		return kit.Waiting(), false
	}
	since := r.intentOf(n).Since()
	if since.IsZero() {
		return nil, true
	}
	thread, _ := r.thread(ctx, s)
	channel := r.channelID(s, thread)
	if channel == "" {
		return nil, true // the integration's status says that delivery is at least once
	}
	if due := since.Add(once.CallEnd(r.CallTimeout)); s.now.Before(due) { // a former leader's post may still be on its way
		s.next = kit.Sooner(s.next, kit.Until(due, s.now))
		return kit.Waiting(), false
	}
	at := place{client.ObjectKeyFromObject(s.integration), channel, thread.TS}
	a := r.Slack.Get(at.integration).Lane(lookupLane).Submit(connection.Request[connection.SlackClient, chat.Posted]{
		Key:       s.key(),
		UID:       n.UID,
		Operation: connection.Operation{Name: "look/" + thread.TS, Number: since.Unix()},
		Version:   fmt.Sprint(s.integration.Generation),
		Endpoint:  connection.ActionFind,
		Unmetered: true,
		Origin:    tracing.OriginOf(ctx),
		Call:      r.lookupCall(s, at, since),
	})
	switch {
	case a.Done && a.Err == nil && a.Result.TS != "":
		if isThreaded(s) && a.Result.ThreadTS == "" {
			r.threads.Add(threadOf(s), a.Result)
		}
		r.recordSent(s, at.integration, a)
		return nil, false
	case a.Done && a.Err == nil:
		return nil, true
	default:
		return r.callOutcome(s, a), false
	}
}

// recordDoubt records that a post ended in doubt, before anything else is tried. It returns nil when the status says
// so already.
func (r *Reconciler) recordDoubt(s *scope, a answer) *kit.Outcome {
	status := &s.notification.Status
	at := metav1.NewTime(a.At.Truncate(time.Second))
	if status.UncertainSince != nil && status.UncertainSince.Equal(&at) {
		return nil
	}
	status.UncertainSince = &at
	status.Attempts++
	if o := r.refuse(s, a.Err); o != nil {
		return o
	}
	next := metav1.NewTime(at.Add(max(doubtBackoff(status.Attempts), once.CallEnd(r.CallTimeout))))
	status.NextAttemptTime = &next
	s.next = kit.Until(next.Time, s.now)
	if fault.From(a.Err).Persistent {
		return &kit.Outcome{Progress: condition.Stalled, Reason: v1alpha1.ReasonRejected, Message: a.Err.Error()}
	}
	return &kit.Outcome{
		Reason:  v1alpha1.ReasonRetrying,
		Message: fmt.Sprintf("%v. The message may have been posted all the same.", a.Err),
	}
}

// doubtBackoff returns how soon a message is looked up, or sent again, after so many attempts the last of which ended
// in doubt.
func doubtBackoff(attempts int32) time.Duration {
	return min(time.Second<<min(attempts, 10), 5*time.Minute)
}

// intentOf returns what is known about the Notification's message.
func (r *Reconciler) intentOf(n *v1alpha1.Notification) once.Intent {
	start := r.LeaderSince()
	intent := once.Intent{Created: n.CreationTimestamp.Time, Leader: once.Leader{Since: start.Local, ServerTime: start.Server}}
	if u := n.Status.UncertainSince; u != nil {
		intent.UncertainSince = u.Add(time.Second) // the status has whole seconds: a lookup before this may have been too early
	}
	return intent
}

// lookupCall returns the call that looks a message up at a place, and then in the place's channel: the message may have
// been posted there before there was a thread. It finds none where the history cannot be read.
func (r *Reconciler) lookupCall(s *scope, at place, since time.Time) slackCall {
	find := r.findCall(s, at, since)
	if at.threadTS == "" {
		return find
	}
	findFirst := r.findCall(s, place{integration: at.integration, channel: at.channel}, since)
	return func(ctx context.Context, c connection.SlackClient) (chat.Posted, error) {
		posted, err := find(ctx, c)
		if err != nil || posted.TS != "" {
			posted.ThreadTS = at.threadTS
			return posted, err
		}
		return findFirst(ctx, c)
	}
}

// findCall returns the call that looks a message up at one place.
func (r *Reconciler) findCall(s *scope, at place, since time.Time) slackCall {
	record := r.record(s)
	object := objectOf(s.notification)
	key := s.key()
	name := s.channel
	lookup := r.lookups.Hold(at, key, string(s.notification.UID), s.notification.CreationTimestamp.Time)
	return func(ctx context.Context, c connection.SlackClient) (chat.Posted, error) {
		if !c.Workspace.CanFind {
			return chat.Posted{}, nil
		}
		search := func(ctx context.Context, _ []string, back time.Duration) (map[string]chat.Posted, error) {
			return c.Find(ctx, at.channel, at.threadTS, r.Clock.Now().Add(-back))
		}
		posted, ok, err := lookup.Find(ctx, search, key, since, r.Clock.Now)
		unreadable := errors.Is(err, chat.ErrUnsupported)
		if err == nil || unreadable {
			record.RecordHistoryProbe(name, err == nil)
		}
		switch {
		case unreadable:
			return chat.Posted{}, nil
		case err != nil || ok:
			record.Add(connection.ActionFind, object, posted.Channel, err)
		}
		return posted, err
	}
}

// channelID returns the ID of the channel to search, or its name when the ID is not known; empty for an incoming
// webhook.
func (r *Reconciler) channelID(s *scope, thread chat.Posted) string {
	switch {
	case thread.Channel != "":
		return thread.Channel
	case strings.HasPrefix(s.channel, "#"):
		record := r.record(s)
		record.LoadChannels(s.integration.Status.Channels) // after a restart nothing else is known
		return cmp.Or(record.ChannelID(s.channel), s.channel)
	}
	return s.channel
}

// probeHistory finds out once whether the history of a message's channel can be read, so that the integration's
// status says what delivery it guarantees before that matters. Nothing waits for it.
func (r *Reconciler) probeHistory(s *scope, posted chat.Posted) {
	conn := r.Slack.Get(s.inFlight.integration)
	name := s.inFlight.lane
	if c, ok := conn.Client(); !ok || !c.Workspace.CanFind || posted.TS == "" || !conn.Record.ClaimHistoryProbe(name) {
		return
	}
	conn.Lane(lookupLane).Submit(connection.Request[connection.SlackClient, chat.Posted]{
		Key: s.key(), UID: s.notification.UID, Operation: connection.Operation{Name: "probe-history"},
		Endpoint: connection.ActionFind, Unmetered: true,
		Call: func(ctx context.Context, c connection.SlackClient) (chat.Posted, error) {
			if _, err := c.Find(ctx, posted.Channel, "", r.Clock.Now()); err == nil || errors.Is(err, chat.ErrUnsupported) {
				conn.Record.RecordHistoryProbe(name, err == nil)
			}
			return chat.Posted{}, nil
		},
	})
}
