package controller

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/voiceai-dev/integrations-operator/api/v1alpha1"
	"github.com/voiceai-dev/integrations-operator/internal/chat"
	"github.com/voiceai-dev/integrations-operator/internal/condition"
	"github.com/voiceai-dev/integrations-operator/internal/connection"
	"github.com/voiceai-dev/integrations-operator/internal/event"
	"github.com/voiceai-dev/integrations-operator/internal/fault"
	"github.com/voiceai-dev/integrations-operator/internal/render"
	"github.com/voiceai-dev/integrations-operator/internal/rule"
)

// notificationScope is one reconcile of a Notification.
type notificationScope struct {
	before, n *v1alpha1.Notification
	now       time.Time
	// next is when to look again, 0 for never.
	next time.Duration

	event       event.Event
	rule        *rule.Compiled // nil when it was deleted since
	mentions    []v1alpha1.Mention
	integration *v1alpha1.SlackIntegration
	channel     string
	// engaged says that a call for it is under way or was answered, begun with which integration, and begunIn in which lane.
	engaged bool
	begun   types.NamespacedName
	begunIn string
}

func (s *notificationScope) key() types.NamespacedName { return client.ObjectKeyFromObject(s.n) }

// deliver has the message sent, and returns what is not well. An outcome without a reason means that it is under way and nothing needs to be
// said yet.
func (r *NotificationReconciler) deliver(ctx context.Context, s *notificationScope) *outcome {
	n := s.n
	s.begun, s.begunIn, s.engaged = r.Slack.InFlight(s.key(), n.UID, lookLane)
	if r.alreadySent(s) {
		return nil
	}
	if s.now.Sub(n.CreationTimestamp.Time) >= r.Expiry {
		why := "it was not tried"
		if c := condition.Get(n, v1alpha1.ConditionDelivered); c != nil {
			why = "last: " + c.Message
		}
		r.forget(s.key())
		s.next = until(n.CreationTimestamp.Add(r.Retention), s.now)
		return &outcome{progress: condition.Stalled, reason: v1alpha1.ReasonExpired, message: fmt.Sprintf("Given up after %s; %s", r.Expiry, why)}
	}
	s.next = until(n.CreationTimestamp.Add(r.Expiry), s.now)
	if o := r.resolve(ctx, s); o != nil {
		return o
	}
	if why := r.muteReason(s); why != "" {
		condition.True(n, v1alpha1.ConditionDelivered, v1alpha1.ReasonMuted, why)
		s.next = until(n.CreationTimestamp.Add(r.Retention), s.now)
		return nil
	}
	if o, wait := r.uncertain(ctx, s); wait {
		return o
	}
	if len(n.Spec.Members) == 0 {
		if waits, err := r.waitsForEarlier(ctx, s); waits || err != nil {
			return &outcome{err: err}
		}
		if digest, ok := r.digestOf(ctx, s); ok {
			return r.followDigest(s, digest)
		}
		held, o := r.hold(ctx, s)
		if held {
			return o
		}
	}
	return r.send(ctx, s)
}

// alreadySent takes over that Slack accepted the message: that is what happened, whatever became of the rule, the integration or the time meanwhile.
func (r *NotificationReconciler) alreadySent(s *notificationScope) bool {
	if !s.engaged {
		return false
	}
	a, ok := r.Slack.Get(s.begun).Lane(s.begunIn).Peek(s.key(), s.n.UID)
	if !ok || a.Err != nil {
		return false
	}
	s.tried(a)
	r.sent(s, s.begun, a)
	r.probeHistory(s, a.Result)
	return true
}

// probeHistory finds out whether the channel of a message that was just sent can be asked what is there already, once, so that the integration's status says
// what is promised there before it is needed. Nobody waits for that.
func (r *NotificationReconciler) probeHistory(s *notificationScope, posted chat.Posted) {
	conn, name := r.Slack.Get(s.begun), s.begunIn
	if c, ok := conn.Client(); !ok || !c.Workspace.CanFind || posted.TS == "" || !conn.Record.ClaimHistoryProbe(name) {
		return
	}
	conn.Lane(lookLane).Submit(connection.Request[SlackClient, chat.Posted]{
		Key: s.key(), UID: s.n.UID, Operation: "ask", Unmetered: true, Call: func(ctx context.Context, c SlackClient) (chat.Posted, error) {
			if _, err := c.Find(ctx, posted.Channel, "", r.Clock.Now()); err == nil || errors.Is(err, chat.ErrUnsupported) {
				conn.Record.RecordHistoryProbe(name, err == nil)
			}
			return chat.Posted{}, nil
		},
	})
}

// resolve finds out by whom, where and what.
func (r *NotificationReconciler) resolve(ctx context.Context, s *notificationScope) *outcome {
	var err error
	n := s.n
	if s.integration, err = connection.ResolveSlack(ctx, r.Client, n.Namespace, n.Spec.IntegrationRef); err != nil {
		o := outcomeOf(err)
		s.next = sooner(o.again(), s.next)
		return o
	}
	if s.channel, err = channelFor(s.integration, n.Spec.Channel); err != nil {
		return outcomeOf(err)
	}
	if s.engaged && (s.begunIn != s.channel || s.begun != client.ObjectKeyFromObject(s.integration)) {
		begun := &v1alpha1.SlackIntegration{} // the default moved meanwhile: what was begun is brought to its end where it was
		if err := r.Client.Get(ctx, s.begun, begun); err == nil {
			s.integration, s.channel = begun, s.begunIn
		} else if client.IgnoreNotFound(err) != nil {
			return outcomeOf(fmt.Errorf("reading SlackIntegration %s: %w", s.begun, err))
		}
	}
	if s.event, err = event.FromAPI(n.Spec.Event); err != nil {
		return &outcome{progress: condition.Stalled, reason: v1alpha1.ReasonRejected, message: err.Error()}
	}
	definition := &v1alpha1.NotificationRule{}
	err = r.Client.Get(ctx, types.NamespacedName{Namespace: n.Namespace, Name: n.Spec.Rule.Name}, definition)
	switch {
	case client.IgnoreNotFound(err) != nil:
		return outcomeOf(fmt.Errorf("reading NotificationRule %s: %w", n.Spec.Rule.Name, err))
	case err == nil && string(definition.UID) == n.Spec.Rule.UID:
		s.mentions = definition.Spec.Mentions
		s.rule, _ = r.Outbox.Compile(definition) // what is wrong with it is said there; what it matched is told all the same
	}
	return nil
}

// muteReason says why nothing is to be sent; empty when it is.
func (r *NotificationReconciler) muteReason(s *notificationScope) string {
	if subject := s.event.Subject; s.event.Type == v1alpha1.EventIntegrationUnhealthy && subject != nil && subject.UID == string(s.integration.UID) {
		return "That an integration does not work is not told through itself"
	}
	if s.rule != nil && len(s.n.Spec.Members) == 0 { // the members of a digest were let through each by its own rule
		// What happened before the window is told, however late: nothing is dropped because something else took long.
		if end, muted := s.rule.MutedUntil(s.n.CreationTimestamp.Time); muted {
			return fmt.Sprintf("A mute window of rule %s holds until %s", s.n.Spec.Rule.Name, end.UTC().Format(time.RFC3339))
		}
	}
	return ""
}

// uncertain deals with a message that may have been posted already: it is looked for, and if it is not found nothing is in doubt any more.
func (r *NotificationReconciler) uncertain(ctx context.Context, s *notificationScope) (o *outcome, wait bool) {
	n := s.n
	lane := r.lane(s)
	if a, ok := lane.Peek(s.key(), n.UID); ok && fault.Is(a.Err, fault.Ambiguous) {
		at := metav1.NewTime(a.At.Truncate(time.Second))
		if n.Status.UncertainSince == nil || !n.Status.UncertainSince.Equal(&at) {
			n.Status.UncertainSince, n.Status.Attempts = &at, n.Status.Attempts+1
			next := metav1.NewTime(at.Add(uncertainBackoff(n.Status.Attempts)))
			n.Status.NextAttemptTime = &next
			s.next = until(next.Time, s.now)
			return &outcome{reason: v1alpha1.ReasonRetrying, message: fmt.Sprintf("%v: it may have been posted all the same", a.Err)}, true
		}
	}
	if at := n.Status.NextAttemptTime; n.Status.UncertainSince != nil && at != nil && s.now.Before(at.Time) {
		s.next = until(at.Time, s.now)
		return &outcome{}, true
	}
	since := r.uncertainSince(n)
	if since.IsZero() {
		return nil, false
	}
	thread, _ := r.thread(ctx, s)
	channel := r.channelID(s, thread)
	if channel == "" {
		return nil, false // nobody can be asked; the integration's status says that it is at least once
	}
	looked := r.Slack.Get(client.ObjectKeyFromObject(s.integration)).Lane(lookLane)
	known := r.lookupOf(channel, thread.TS)
	known.hold(s.key(), string(n.UID), n.CreationTimestamp.Time)
	a := looked.Submit(connection.Request[SlackClient, chat.Posted]{
		Key: s.key(), UID: n.UID, Operation: fmt.Sprintf("look/%d/%s", since.Unix(), thread.TS), Version: fmt.Sprint(s.integration.Generation), Unmetered: true,
		Call: r.look(s, channel, thread.TS, since),
	})
	switch {
	case a.Done && a.Err == nil && a.Result.TS != "":
		if t := threadOf(s); t != "" && thread.TS == "" {
			r.threads.Add(t, a.Result)
		}
		r.sent(s, client.ObjectKeyFromObject(s.integration), a)
		return nil, true
	case a.Done && a.Err == nil:
		return nil, false
	default:
		return r.waiting(s, a), true
	}
}

// lookLane is the lane of what is asked before something is sent that may have been sent already.
const lookLane = "look"

type messageLookup = lookup[chat.Posted]

func (r *NotificationReconciler) lookupOf(channel, threadTS string) *messageLookup {
	l, _ := r.lookups.LoadOrStore(channel+"/"+threadTS, newLookup[chat.Posted]())
	return l.(*messageLookup)
}

// look is the call that looks for a message. It finds none where that cannot be asked.
func (r *NotificationReconciler) look(s *notificationScope, channel, threadTS string, since time.Time) connection.Call[SlackClient, chat.Posted] {
	record, object, key, name := r.record(s), objectOfNotification(s.n), s.key(), s.channel
	known := r.lookupOf(channel, threadTS)
	return func(ctx context.Context, c SlackClient) (chat.Posted, error) {
		if !c.Workspace.CanFind {
			return chat.Posted{}, nil
		}
		posted, ok, err := known.find(ctx, func(ctx context.Context, _ []string, back time.Duration) (map[string]chat.Posted, error) {
			return c.Find(ctx, channel, threadTS, r.Clock.Now().Add(-back))
		}, key, since, r.Clock.Now)
		if err == nil || errors.Is(err, chat.ErrUnsupported) {
			record.RecordHistoryProbe(name, err == nil)
		}
		switch {
		case errors.Is(err, chat.ErrUnsupported):
			return chat.Posted{}, nil
		case err != nil || ok:
			record.Add(actionFind, object, posted.Channel, err)
		}
		return posted, err
	}
}

// send has the message sent, in its turn.
func (r *NotificationReconciler) send(ctx context.Context, s *notificationScope) *outcome {
	since := r.uncertainSince(s.n)
	call, err := r.post(ctx, s)
	if err != nil {
		return outcomeOf(err)
	}
	if call == nil {
		condition.True(s.n, v1alpha1.ConditionDelivered, v1alpha1.ReasonMuted, "Nothing is left to tell: what it was to tell was told otherwise, or deleted")
		s.next = until(s.n.CreationTimestamp.Add(r.Retention), s.now)
		return nil
	}
	return r.waiting(s, r.lane(s).Submit(connection.Request[SlackClient, chat.Posted]{
		Key: s.key(), UID: s.n.UID, Operation: "send", Version: fmt.Sprintf("%d/%d", s.integration.Generation, since.Unix()), First: len(s.n.Spec.Members) > 0, Call: call,
	}))
}

// waiting is what an answer means for the status.
func (r *NotificationReconciler) waiting(s *notificationScope, a connection.Answer[chat.Posted]) *outcome {
	n := s.n
	s.tried(a)
	n.Status.NextAttemptTime = nil
	switch {
	case a.Done && a.Err == nil:
		r.sent(s, client.ObjectKeyFromObject(s.integration), a)
		return nil
	case a.Retrying:
		n.Status.NextAttemptTime = s.before.Status.NextAttemptTime
		return &outcome{}
	case a.Done:
		o := outcomeOf(a.Err)
		o.reason = deliveryReason(fault.From(a.Err))
		if a.RetryAt.IsZero() {
			return o
		}
		if o.progress == condition.Reconciling {
			at := metav1.NewTime(a.RetryAt)
			n.Status.NextAttemptTime = &at
		}
		s.next = sooner(until(a.RetryAt, s.now), s.next)
		return o
	case a.Pause != nil:
		return pausedOutcome(v1alpha1.KindSlackIntegration, client.ObjectKeyFromObject(s.integration).String(), a.Pause)
	case a.Slow:
		return &outcome{reason: v1alpha1.ReasonPending, message: "Slack has been given the message and has not answered yet"}
	default:
		return &outcome{}
	}
}

// tried counts the calls that were made.
func (s *notificationScope) tried(a connection.Answer[chat.Posted]) {
	s.n.Status.Attempts = max(s.n.Status.Attempts, int32(min(a.Attempts, 1<<30)))
}

// sent notes where the message is that was sent with an integration.
func (r *NotificationReconciler) sent(s *notificationScope, by types.NamespacedName, a connection.Answer[chat.Posted]) {
	n, posted := s.n, a.Result
	n.Status.UncertainSince, n.Status.NextAttemptTime = nil, nil
	n.Status.Message = &v1alpha1.PostedMessage{
		Integration: by.String(), Channel: posted.Channel, TS: posted.TS, Permalink: posted.Permalink, Time: &metav1.Time{Time: a.At},
	}
	condition.True(n, v1alpha1.ConditionDelivered, v1alpha1.ReasonSent, "Slack accepted the message")
	s.next = until(n.CreationTimestamp.Add(r.Retention), s.now)
}

// post is the call that posts the message, nil when there is nothing to post: a digest, a message of its own, or an answer in the thread of the first message about the same
// Defect, which is edited to show how things stand.
func (r *NotificationReconciler) post(ctx context.Context, s *notificationScope) (connection.Call[SlackClient, chat.Posted], error) {
	o := render.Options{Channel: s.channel, DeliveryID: string(s.n.UID), Mentions: s.mentions, DashboardURL: r.DashboardURL}
	if s.rule != nil {
		o.Template = s.rule.Template()
	}
	if len(s.n.Spec.Members) > 0 {
		members, mentions, err := r.membersEvents(ctx, s.n)
		if err != nil {
			return nil, err
		}
		if len(members) == 0 && !r.lane(s).Has(s.key(), s.n.UID) {
			return nil, nil
		}
		o.Mentions = mentions
		return r.postNew(s, render.Digest(members, o)), nil
	}
	fresh := r.postNew(s, render.Message(&s.event, o))
	if !threaded(s) {
		return fresh, nil
	}
	scope, attempts := *s, s.n.Status.Attempts // its status is written while the call is under way
	return func(ctx context.Context, c SlackClient) (chat.Posted, error) {
		first, ok := r.thread(ctx, &scope) // it may be there only now that it is this one's turn
		if !ok {
			return fresh(ctx, c)
		}
		now := r.present(ctx, &scope)
		if _, err := c.Update(ctx, first, render.Living(&now, o)); holds(err, attempts) {
			return chat.Posted{}, unposted(err)
		}
		answer := render.Reply(&scope.event, o)
		answer.Channel, answer.ThreadTS = first.Channel, first.TS
		answer.Broadcast = scope.event.Text("cause") == string(v1alpha1.CauseRegression)
		posted, err := c.Post(ctx, answer)
		r.record(&scope).Add(ActionPost, objectOfNotification(scope.n), posted.Channel, err)
		return posted, err
	}, nil
}

// maxEdits is how often the first message is tried to be edited before the answer to it is posted all the same.
const maxEdits = 3

// holds says whether an edit of the first message that failed is to be tried again before the answer to it is posted. What cannot be edited any
// more is told by the answer.
func holds(err error, attempts int32) bool {
	if err == nil || errors.Is(err, chat.ErrUnsupported) {
		return false
	}
	f := fault.From(err)
	return f.Kind == fault.RateLimited || f.Scope == fault.Connection || !f.Kind.Permanent() && attempts < maxEdits
}

// unposted is a failure of what comes before the post: nothing is in doubt.
func unposted(err error) error {
	if f := fault.From(err); f.Kind == fault.Ambiguous {
		g := *f
		g.Kind = fault.Unavailable
		return &g
	}
	return err
}

// postNew posts a message to its channel, and learns where that is.
func (r *NotificationReconciler) postNew(s *notificationScope, m chat.Message) connection.Call[SlackClient, chat.Posted] {
	record, object, thread, name := r.record(s), objectOfNotification(s.n), threadOf(s), s.channel
	return func(ctx context.Context, c SlackClient) (chat.Posted, error) {
		posted, err := c.Post(ctx, m)
		record.Add(ActionPost, object, posted.Channel, err)
		if err == nil && posted.TS != "" {
			if strings.HasPrefix(name, "#") {
				record.RecordChannel(name, posted.Channel)
			}
			if thread != "" {
				r.threads.Add(thread, posted)
			}
		}
		return posted, err
	}
}

func (r *NotificationReconciler) lane(s *notificationScope) *connection.Lane[SlackClient, chat.Posted] {
	return r.Slack.Get(client.ObjectKeyFromObject(s.integration)).Lane(s.channel)
}

func (r *NotificationReconciler) record(s *notificationScope) *connection.Record {
	return r.Slack.Get(client.ObjectKeyFromObject(s.integration)).Record
}

// channelID is the ID of the channel to look in, or its name when the ID is not known; empty for an incoming webhook.
func (r *NotificationReconciler) channelID(s *notificationScope, thread chat.Posted) string {
	switch {
	case thread.Channel != "":
		return thread.Channel
	case strings.HasPrefix(s.channel, "#"):
		for _, c := range s.integration.Status.Channels { // after a restart nothing else is known
			if c.Name == s.channel {
				return c.ID
			}
		}
		return cmp.Or(r.record(s).ChannelID(s.channel), s.channel)
	}
	return s.channel
}

// uncertainBackoff is how soon a message is looked for, or sent again, after so many attempts the last of which had no answer.
func uncertainBackoff(attempts int32) time.Duration {
	return min(time.Second<<min(attempts, 10), 5*time.Minute)
}

// uncertainSince is since when a message may be there that the status does not know of; zero when there cannot be one.
func (r *NotificationReconciler) uncertainSince(n *v1alpha1.Notification) time.Time {
	var since time.Time
	if u := n.Status.UncertainSince; u != nil {
		since = u.Add(time.Second) // whole seconds were written: it was no later than this, and what was asked before does not count
	}
	// The API server gives whole seconds: only a later second is surely later.
	if tookOver := r.LeaderSince(); !n.CreationTimestamp.After(tookOver) && tookOver.After(since) {
		since = tookOver
	}
	return since
}

// deliveryReason is a fault in the words of the Delivered condition.
func deliveryReason(f *fault.Fault) string {
	switch f.Kind {
	case fault.RateLimited:
		return v1alpha1.ReasonRateLimited
	case fault.Unavailable, fault.Ambiguous, fault.Conflict:
		return v1alpha1.ReasonRetrying
	default:
		return v1alpha1.ReasonRejected
	}
}

func objectOfNotification(n *v1alpha1.Notification) string {
	return v1alpha1.KindNotification + "/" + n.Namespace + "/" + n.Name
}
