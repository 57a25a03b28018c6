package controller

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/tools/events"
	"k8s.io/utils/clock"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/predicate"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/voiceai-dev/integrations-operator/api/v1alpha1"
	"github.com/voiceai-dev/integrations-operator/internal/chat"
	"github.com/voiceai-dev/integrations-operator/internal/condition"
	"github.com/voiceai-dev/integrations-operator/internal/connection"
	"github.com/voiceai-dev/integrations-operator/internal/event"
	"github.com/voiceai-dev/integrations-operator/internal/fault"
	"github.com/voiceai-dev/integrations-operator/internal/render"
)

// +kubebuilder:rbac:groups=integrations.voiceai.dev,resources=notifications,verbs=get;list;watch;delete
// +kubebuilder:rbac:groups=integrations.voiceai.dev,resources=notifications/status,verbs=get;patch

// NotificationReconciler delivers Notifications, and removes them when they are old.
type NotificationReconciler struct {
	Client   client.Client
	Recorder events.EventRecorder
	Clock    clock.PassiveClock
	Slack    *SlackPool
	// Wake is what the connections in Slack wake Notifications with.
	Wake *connection.Waker
	// TookOver is when this process became the one that acts. What is older may have been sent by another.
	TookOver func() time.Time
	// Expiry is how old a Notification may be and still be sent, Retention how old it gets before it is removed.
	Expiry, Retention time.Duration
}

// Reconcile brings one Notification on.
func (r *NotificationReconciler) Reconcile(ctx context.Context, req ctrl.Request) (ctrl.Result, error) {
	n := &v1alpha1.Notification{}
	if err := r.Client.Get(ctx, req.NamespacedName, n); err != nil {
		if client.IgnoreNotFound(err) == nil {
			r.Slack.Forget(req.NamespacedName)
		}
		return ctrl.Result{}, client.IgnoreNotFound(err)
	}
	if !n.DeletionTimestamp.IsZero() {
		return ctrl.Result{}, nil
	}
	now := r.Clock.Now()
	age := now.Sub(n.CreationTimestamp.Time)
	if settled(n) || age >= r.Retention {
		r.Slack.Forget(req.NamespacedName)
		if age >= r.Retention {
			return ctrl.Result{}, client.IgnoreNotFound(r.Client.Delete(ctx, n, client.Preconditions{UID: &n.UID}))
		}
		return ctrl.Result{RequeueAfter: until(n.CreationTimestamp.Add(r.Retention), now)}, nil
	}
	before := n.DeepCopy()
	next, o := r.deliver(ctx, n, now)
	if o != nil && o.reason == "" { // under way, or to be tried again at a time that the status says
		return ctrl.Result{RequeueAfter: next}, nil
	}
	if o == nil {
		condition.Ready(n, v1alpha1.ReasonDelivered, condition.Get(n, v1alpha1.ConditionDelivered).Message)
	} else {
		condition.False(n, v1alpha1.ConditionDelivered, o.reason, o.message)
		condition.NotReady(n, o.progress, o.reason, o.message)
	}
	result, err := writeStatus(ctx, r.Client, r.Recorder, before, n, ctrl.Result{RequeueAfter: next})
	if o != nil && o.err != nil {
		return ctrl.Result{}, o.err
	}
	return result, err
}

// settled says that nothing more is to be sent.
func settled(n *v1alpha1.Notification) bool {
	return condition.Is(n, v1alpha1.ConditionDelivered, metav1.ConditionTrue, "") ||
		condition.Is(n, v1alpha1.ConditionDelivered, metav1.ConditionFalse, v1alpha1.ReasonExpired)
}

// deliver has the message sent. It returns when to look again, and what is not well; an outcome without a reason means that the call is under
// way and nothing needs to be said yet.
func (r *NotificationReconciler) deliver(ctx context.Context, n *v1alpha1.Notification, now time.Time) (time.Duration, *outcome) {
	if now.Sub(n.CreationTimestamp.Time) >= r.Expiry {
		why := "it was not tried"
		if c := condition.Get(n, v1alpha1.ConditionDelivered); c != nil {
			why = "last: " + c.Message
		}
		return until(n.CreationTimestamp.Add(r.Retention), now), &outcome{progress: condition.Stalled, reason: v1alpha1.ReasonExpired,
			message: fmt.Sprintf("Given up after %s; %s", r.Expiry, why)}
	}
	expires := until(n.CreationTimestamp.Add(r.Expiry), now)
	i, err := connection.ResolveSlack(ctx, r.Client, n.Namespace, n.Spec.IntegrationRef)
	if err != nil {
		o := conclude(err)
		return sooner(o.again(), expires), o
	}
	channel, err := channelFor(i, n.Spec.Channel)
	if err != nil {
		return expires, conclude(err)
	}
	e, err := event.FromAPI(n.Spec.Event)
	if err != nil {
		return expires, &outcome{progress: condition.Stalled, reason: v1alpha1.ReasonRejected, message: err.Error()}
	}
	mentions, err := r.mentions(ctx, n)
	if err != nil {
		return 0, conclude(err)
	}

	name := client.ObjectKeyFromObject(i)
	lane := r.Slack.Get(name).Lane(channel)
	key := client.ObjectKeyFromObject(n)
	if a, ok := lane.Peek(key, n.UID); ok && fault.Is(a.Err, fault.Ambiguous) {
		at := metav1.NewTime(a.At.Truncate(time.Second))
		if n.Status.UncertainSince == nil || !n.Status.UncertainSince.Equal(&at) {
			n.Status.UncertainSince, n.Status.Attempts = &at, attempts(a)
			next := metav1.NewTime(at.Add(uncertainBackoff(n.Status.Attempts)))
			n.Status.NextAttemptTime = &next
			return until(next.Time, now), &outcome{reason: v1alpha1.ReasonRetrying, message: fmt.Sprintf("%v: it may have been posted all the same", a.Err)}
		}
	}
	if n.Status.UncertainSince != nil && n.Status.NextAttemptTime != nil && now.Before(n.Status.NextAttemptTime.Time) {
		return until(n.Status.NextAttemptTime.Time, now), &outcome{}
	}
	since := r.uncertainSince(n)
	a := lane.Ask(connection.Request[SlackClient, chat.Posted]{
		Key: key, UID: n.UID, Version: fmt.Sprintf("%d/%d", i.Generation, since.Unix()),
		Call: r.post(name, n, render.Message(&e, channel, string(n.UID), mentions), since),
	})
	if a.Done || a.Attempts > int(n.Status.Attempts) {
		n.Status.Attempts = attempts(a)
	}
	n.Status.NextAttemptTime = nil
	switch {
	case a.Done && a.Err == nil:
		at := metav1.NewTime(a.At)
		n.Status.UncertainSince = nil
		n.Status.Message = &v1alpha1.PostedMessage{Integration: name.String(), Channel: a.Result.Channel, TS: a.Result.TS, Permalink: a.Result.Permalink, Time: &at}
		condition.True(n, v1alpha1.ConditionDelivered, v1alpha1.ReasonSent, "Slack accepted the message")
		return until(n.CreationTimestamp.Add(r.Retention), now), nil
	case a.Done:
		o := conclude(a.Err)
		o.reason = deliveryReason(fault.From(a.Err))
		if a.RetryAt.IsZero() {
			return expires, o
		}
		if o.progress == condition.Reconciling {
			at := metav1.NewTime(a.RetryAt)
			n.Status.NextAttemptTime = &at
		}
		return sooner(until(a.RetryAt, now), expires), o
	case a.Pause != nil:
		return expires, paused(v1alpha1.KindSlackIntegration, name.String(), a.Pause)
	case a.Slow:
		return expires, &outcome{reason: v1alpha1.ReasonPending, message: "Slack has been given the message and has not answered yet"}
	default:
		return expires, &outcome{}
	}
}

// uncertainBackoff is how soon a message is looked for, or sent again, after so many attempts the last of which had no answer.
func uncertainBackoff(attempts int32) time.Duration {
	return min(time.Second<<min(attempts, 10), 5*time.Minute)
}

func attempts(a connection.Answer[chat.Posted]) int32 {
	return int32(min(a.Attempts, 1<<30))
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

func (r *NotificationReconciler) uncertainSince(n *v1alpha1.Notification) time.Time {
	if u := n.Status.UncertainSince; u != nil {
		return u.Time
	}
	// The API server gives whole seconds: only a later second is surely later.
	if !n.CreationTimestamp.After(r.TookOver()) {
		return n.CreationTimestamp.Time
	}
	return time.Time{}
}

func (r *NotificationReconciler) mentions(ctx context.Context, n *v1alpha1.Notification) ([]v1alpha1.Mention, error) {
	rule := &v1alpha1.NotificationRule{}
	err := r.Client.Get(ctx, types.NamespacedName{Namespace: n.Namespace, Name: n.Spec.Rule.Name}, rule)
	if client.IgnoreNotFound(err) != nil {
		return nil, fmt.Errorf("reading NotificationRule %s: %w", n.Spec.Rule.Name, err)
	}
	if err != nil || string(rule.UID) != n.Spec.Rule.UID {
		return nil, nil // it was deleted since: what it matched is told all the same
	}
	return rule.Spec.Mentions, nil
}

// post is the call that posts a message. When it may be there already and the channel can be asked, it is looked for first.
func (r *NotificationReconciler) post(integration types.NamespacedName, n *v1alpha1.Notification, m chat.Message, uncertain time.Time) connection.Call[SlackClient, chat.Posted] {
	record := r.Slack.Get(integration).Record
	object := v1alpha1.KindNotification + "/" + n.Namespace + "/" + n.Name
	created := n.CreationTimestamp.Time
	return func(ctx context.Context, c SlackClient) (chat.Posted, error) {
		if !uncertain.IsZero() && c.Workspace.CanFind && !strings.HasPrefix(m.Channel, "#") {
			posted, ok, err := c.Find(ctx, m.Channel, m.DeliveryID, created.Add(-time.Second))
			if err != nil && !errors.Is(err, chat.ErrUnsupported) {
				record.Add(actionFind, object, "", err)
				return chat.Posted{}, err
			}
			if ok {
				record.Add(actionFind, object, posted.Channel, nil)
				return posted, nil
			}
		}
		posted, err := c.Post(ctx, m)
		record.Add(ActionPost, object, posted.Channel, err)
		return posted, err
	}
}

// SetupWithManager has the reconciler run.
func (r *NotificationReconciler) SetupWithManager(mgr ctrl.Manager, options controller.Options) error {
	undelivered := func(ctx context.Context, o client.Object) []reconcile.Request {
		list := &v1alpha1.NotificationList{}
		if err := r.Client.List(ctx, list, client.MatchingFields{UndeliveredIndex: "true"}); err != nil {
			ctrl.LoggerFrom(ctx).Error(err, "Listing the Notifications that wait for an integration", "SlackIntegration", client.ObjectKeyFromObject(o))
			return nil
		}
		return requests(pointers(list.Items))
	}
	return ctrl.NewControllerManagedBy(mgr).
		For(&v1alpha1.Notification{}).
		Watches(&v1alpha1.SlackIntegration{}, handler.EnqueueRequestsFromMapFunc(undelivered), builder.WithPredicates(predicate.GenerationChangedPredicate{})).
		WatchesRawSource(r.Wake.Source()).
		WithOptions(options).
		Complete(r)
}
