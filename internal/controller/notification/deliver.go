// SPDX-License-Identifier: Apache-2.0

package notification

import (
	"context"
	"fmt"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/voiceai-dev/integrations-operator/api/v1alpha1"
	"github.com/voiceai-dev/integrations-operator/internal/activity"
	"github.com/voiceai-dev/integrations-operator/internal/chat"
	"github.com/voiceai-dev/integrations-operator/internal/condition"
	"github.com/voiceai-dev/integrations-operator/internal/connection"
	"github.com/voiceai-dev/integrations-operator/internal/controller/kit"
	"github.com/voiceai-dev/integrations-operator/internal/event"
	"github.com/voiceai-dev/integrations-operator/internal/fault"
	"github.com/voiceai-dev/integrations-operator/internal/outbox"
	"github.com/voiceai-dev/integrations-operator/internal/rule"
)

// answer is how far a call to Slack is.
type answer = connection.Answer[chat.Posted]

// scope is one reconcile of a Notification.
type scope struct {
	before, notification *v1alpha1.Notification
	now                  time.Time
	// next is when to reconcile again, 0 for never.
	next time.Duration

	event event.Event
	// definition is the rule, and rule what it compiles to; nil when it was deleted since.
	definition *v1alpha1.NotificationRule
	rule       *rule.Compiled
	// integration and channel are where the message goes.
	integration *v1alpha1.SlackIntegration
	channel     string
	// continues is set when a former Defect of the same finding was announced in the same way: its message is edited, and
	// nothing is posted.
	continues bool
	// inFlight is where a call for the Notification is under way or was answered; nil when there is none.
	inFlight *lanePlace
}

// lanePlace is a lane of an integration's connection.
type lanePlace struct {
	integration types.NamespacedName
	lane        string
}

func (s *scope) key() types.NamespacedName { return client.ObjectKeyFromObject(s.notification) }

// deliver sends the message, and returns the outcome; nil when it was delivered or is not to be sent.
func (r *Reconciler) deliver(ctx context.Context, s *scope) *kit.Outcome {
	n := s.notification
	if integration, lane, ok := r.Slack.InFlight(s.key(), n.UID, lookupLane); ok {
		s.inFlight = &lanePlace{integration, lane}
	}
	if r.recordIfSent(s) {
		return nil
	}
	if s.now.Sub(n.CreationTimestamp.Time) >= r.Expiry {
		return r.expire(s)
	}
	s.next = kit.Until(n.CreationTimestamp.Add(r.Expiry), s.now)
	if o := r.resolve(ctx, s); o != nil {
		return o
	}
	if why := muteReason(s); why != "" {
		r.mute(s, why)
		return nil
	}
	if r.isRefused(s) {
		return kit.Waiting()
	}
	if o := r.refuseAnswered(s); o != nil {
		return o
	}
	if o, certain := r.lookUp(ctx, s); !certain {
		return o
	}
	if isDigest(n) {
		return r.send(ctx, s)
	}
	if d, ok := r.digestOf(ctx, n); ok {
		return r.followDigest(s, d)
	}
	if o, err := r.earlier(ctx, s); err != nil {
		return kit.Retry(err)
	} else if o != nil {
		return r.waitFor(o)
	}
	if o, done := r.continueFormer(ctx, s); done {
		return o
	}
	if o, held := r.holdForDigest(ctx, s); held {
		return o
	}
	return r.send(ctx, s)
}

// recordIfSent records that Slack accepted the message, and reports whether it did. That counts even if
// the rule or the integration has changed, or the Notification has expired, in the meantime.
func (r *Reconciler) recordIfSent(s *scope) bool {
	if s.inFlight == nil {
		return false
	}
	a, ok := r.Slack.Get(s.inFlight.integration).Lane(s.inFlight.lane).Peek(s.key(), s.notification.UID)
	if !ok || a.Err != nil {
		return false
	}
	s.countAttempts(a)
	s.channel = s.inFlight.lane
	r.recordSent(s, s.inFlight.integration, a)
	r.probeHistory(s, a.Result)
	return true
}

// expire gives up a Notification that is too old to be sent.
func (r *Reconciler) expire(s *scope) *kit.Outcome {
	why := "it was not tried"
	if c := condition.Get(s.notification, v1alpha1.ConditionDelivered); c != nil {
		why = "last: " + c.Message
	}
	r.forget(s.key())
	r.requeueForRemoval(s)
	return &kit.Outcome{
		Progress: condition.Stalled,
		Reason:   v1alpha1.ReasonExpired,
		Message:  fmt.Sprintf("Given up after %s; %s", r.Expiry, why),
	}
}

// requeueForRemoval requeues a finished Notification for the time of its removal.
func (r *Reconciler) requeueForRemoval(s *scope) {
	s.next = kit.Until(outbox.KeptSince(s.notification).Add(r.Retention), s.now)
}

// resolve finds the integration, the channel, the event and the rule.
func (r *Reconciler) resolve(ctx context.Context, s *scope) *kit.Outcome {
	n := s.notification
	if o := r.resolveRule(ctx, s); o != nil {
		return o
	}
	var err error
	if s.integration, err = connection.ResolveSlack(ctx, r.Client, n.Namespace, n.Place().IntegrationRef); err != nil {
		o := kit.OutcomeOf(err)
		s.next = kit.Sooner(o.RequeueAfter(), s.next)
		return o
	}
	if s.channel, err = connection.ChannelFor(s.integration, n.Place().Channel); err != nil {
		return kit.OutcomeOf(err)
	}
	if err := r.keepPlace(ctx, s); err != nil {
		return kit.OutcomeOf(err)
	}
	if s.event, err = event.Of(n); err != nil {
		return &kit.Outcome{Progress: condition.Stalled, Reason: v1alpha1.ReasonRejected, Message: err.Error()}
	}
	return nil
}

// resolveRule finds the rule. A message that was refused goes where the rule names another place since.
func (r *Reconciler) resolveRule(ctx context.Context, s *scope) *kit.Outcome {
	n := s.notification
	definition := &v1alpha1.NotificationRule{}
	err := r.Client.Get(ctx, types.NamespacedName{Namespace: n.Namespace, Name: n.Spec.Rule.Name}, definition)
	switch {
	case client.IgnoreNotFound(err) != nil:
		return kit.OutcomeOf(fmt.Errorf("reading NotificationRule %s: %w", n.Spec.Rule.Name, err))
	case err != nil || string(definition.UID) != n.Spec.Rule.UID:
		return nil
	}
	s.definition = definition
	s.rule, _ = r.Outbox.Compile(definition) // an invalid rule says so itself; what it matched before is delivered all the same
	return r.redirect(ctx, s, definition)
}

// keepPlace keeps a delivery that is under way where it is, although the default integration changed meanwhile.
func (r *Reconciler) keepPlace(ctx context.Context, s *scope) error {
	in := s.inFlight
	if in == nil || in.lane == s.channel && in.integration == client.ObjectKeyFromObject(s.integration) {
		return nil
	}
	integration := &v1alpha1.SlackIntegration{}
	if err := r.Client.Get(ctx, in.integration, integration); err == nil {
		s.integration = integration
		s.channel = in.lane
	} else if client.IgnoreNotFound(err) != nil {
		return fmt.Errorf("reading SlackIntegration %s: %w", in.integration, err)
	}
	return nil
}

// callOutcome returns the outcome of a call to Slack for the message.
func (r *Reconciler) callOutcome(s *scope, a answer) *kit.Outcome {
	n := s.notification
	integration := client.ObjectKeyFromObject(s.integration)
	s.countAttempts(a)
	n.Status.NextAttemptTime = nil
	switch {
	case a.Done && a.Err == nil:
		r.recordSent(s, integration, a)
		return nil
	case a.Retrying:
		n.Status.NextAttemptTime = s.before.Status.NextAttemptTime
		return kit.Waiting()
	case a.Done:
		return s.callFailed(a)
	case a.Pause != nil:
		return kit.PausedOutcome(v1alpha1.KindSlackIntegration, integration.String(), a.Pause)
	case a.Slow:
		return &kit.Outcome{Reason: v1alpha1.ReasonPending, Message: "Waiting for Slack to accept the message"}
	default:
		return kit.Waiting()
	}
}

// callFailed returns the outcome of a call that failed, and when it is retried.
func (s *scope) callFailed(a answer) *kit.Outcome {
	o := kit.OutcomeOf(a.Err)
	o.Reason = deliveryReason(fault.From(a.Err))
	if a.RetryAt.IsZero() {
		return o
	}
	if o.Progress == condition.Reconciling {
		next := metav1.NewTime(a.RetryAt.Truncate(time.Second)) // as it is stored: another reconcile changes nothing
		s.notification.Status.NextAttemptTime = &next
	}
	s.next = kit.Sooner(kit.Until(a.RetryAt, s.now), s.next)
	return o
}

// countAttempts records how many calls were made.
func (s *scope) countAttempts(a answer) {
	status := &s.notification.Status
	status.Attempts = max(status.Attempts, int32(min(a.Attempts, 1<<30)))
}

// recordSent records where the message is that was sent with an integration.
func (r *Reconciler) recordSent(s *scope, by types.NamespacedName, a answer) {
	status := &s.notification.Status
	status.UncertainSince = nil
	status.NextAttemptTime = nil
	status.RefusedBy = ""
	status.Message = &v1alpha1.PostedMessage{
		Integration: by.String(),
		Channel:     a.Result.Channel,
		TS:          a.Result.TS,
		Permalink:   a.Result.Permalink,
		ThreadRole:  roleOf(a.Result),
		Time:        &metav1.Time{Time: a.At},
	}
	condition.True(s.notification, v1alpha1.ConditionDelivered, v1alpha1.ReasonSent, "Slack accepted the message")
	r.requeueForRemoval(s)
}

// roleOf returns the place in a thread of a message that was posted.
func roleOf(posted chat.Posted) v1alpha1.ThreadRole {
	switch {
	case posted.TS == "":
		return ""
	case posted.ThreadTS != "":
		return v1alpha1.ThreadReply
	}
	return v1alpha1.ThreadFirst
}

// deliveryReason returns a fault as the reason of the Delivered condition.
func deliveryReason(f *fault.Fault) string {
	switch {
	case f.Kind == fault.RateLimited:
		return v1alpha1.ReasonRateLimited
	case f.Kind.Permanent() || f.Persistent:
		return v1alpha1.ReasonRejected
	default:
		return v1alpha1.ReasonRetrying
	}
}

func (r *Reconciler) lane(s *scope) *connection.Lane[connection.SlackClient, chat.Posted] {
	return r.Slack.Get(client.ObjectKeyFromObject(s.integration)).Lane(s.channel)
}

func (r *Reconciler) record(s *scope) *activity.Record {
	return r.Slack.Get(client.ObjectKeyFromObject(s.integration)).Record
}

func objectOf(n *v1alpha1.Notification) string {
	return v1alpha1.KindNotification + "/" + n.Namespace + "/" + n.Name
}
