// SPDX-License-Identifier: Apache-2.0

// Package notification delivers Notifications to Slack, alone or many in a digest, and removes them when they are
// old.
package notification

import (
	"cmp"
	"context"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/tools/events"
	"k8s.io/utils/clock"
	"k8s.io/utils/lru"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/predicate"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/voiceai-dev/integrations-operator/api/v1alpha1"
	"github.com/voiceai-dev/integrations-operator/internal/chat"
	"github.com/voiceai-dev/integrations-operator/internal/condition"
	"github.com/voiceai-dev/integrations-operator/internal/connection"
	"github.com/voiceai-dev/integrations-operator/internal/controller/kit"
	"github.com/voiceai-dev/integrations-operator/internal/digest"
	"github.com/voiceai-dev/integrations-operator/internal/index"
	"github.com/voiceai-dev/integrations-operator/internal/leadership"
	"github.com/voiceai-dev/integrations-operator/internal/once"
	"github.com/voiceai-dev/integrations-operator/internal/outbox"
	"github.com/voiceai-dev/integrations-operator/internal/tracing"
)

// +kubebuilder:rbac:groups=integrations.voiceai.dev,resources=notifications,verbs=get;list;watch;create;patch;delete
// +kubebuilder:rbac:groups=integrations.voiceai.dev,resources=notifications/status,verbs=get;update

// maxThreads is how many threads are remembered that the cache may not show yet.
const maxThreads = 1024

// Reconciler delivers Notifications.
type Reconciler struct {
	Client   client.Client
	Recorder events.EventRecorder
	Clock    clock.WithDelayedExecution
	Slack    *connection.SlackPool
	Outbox   *outbox.Outbox
	// Enqueuer enqueues the Notifications whose calls to Slack were answered.
	Enqueuer *kit.Enqueuer
	// LeaderSince is when this process became the leader. A former leader may have sent an older Notification.
	LeaderSince func() leadership.Start
	// CallTimeout is how long a call may take.
	CallTimeout time.Duration
	// Expiry is how old a Notification may be and still be sent, Retention how old it gets before it is removed. That
	// counts from when its event last arrived.
	Expiry, Retention time.Duration
	// RecordDelivery is called when a rule's Notification reached Slack, or will not; it may be nil.
	RecordDelivery func(n *v1alpha1.Notification, reached bool)
	// RecordFailure is called each time a rule's Notification turns out not to be delivered; it may be nil.
	RecordFailure func(n *v1alpha1.Notification, message string)
	// DashboardURL is where people find more; empty when there is no dashboard.
	DashboardURL string
	// ReceivesClicks reports whether the clicks on the buttons of an integration's messages are received. Optional.
	ReceivesClicks func(*v1alpha1.SlackIntegration) bool

	once    sync.Once
	groups  *digest.Groups
	threads *lru.Cache
	// unconfirmed has the digest of a group whose create was not answered, by digest.Key.
	unconfirmed sync.Map
	// lookups has the Notifications that may have been posted already, by place.
	lookups once.Lookups[place, chat.Posted]
}

// place is a channel, or a thread in it, of an integration.
type place struct {
	integration       types.NamespacedName
	channel, threadTS string
}

func (r *Reconciler) prepare() {
	r.once.Do(func() {
		r.groups = digest.New(r.Clock, r.Enqueuer.EnqueueFirst) // sending a digest comes before recording what was sent
		r.threads = lru.New(maxThreads)
	})
}

// Reconcile delivers one Notification, or removes it when it is old.
func (r *Reconciler) Reconcile(ctx context.Context, req ctrl.Request) (ctrl.Result, error) {
	r.prepare()
	n := &v1alpha1.Notification{}
	if err := r.Client.Get(ctx, req.NamespacedName, n); err != nil {
		if client.IgnoreNotFound(err) == nil {
			r.forget(req.NamespacedName)
		}
		return ctrl.Result{}, client.IgnoreNotFound(err)
	}
	if !n.DeletionTimestamp.IsZero() {
		return ctrl.Result{}, nil
	}
	now := r.Clock.Now()
	removeAt := outbox.KeptSince(n).Add(r.Retention)
	if !now.Before(removeAt) {
		r.forget(req.NamespacedName)
		return ctrl.Result{}, client.IgnoreNotFound(r.Client.Delete(ctx, n, client.Preconditions{UID: &n.UID}))
	}
	if condition.IsSettled(n) {
		r.forget(req.NamespacedName)
		return kit.RequeueBehindNew(kit.Until(removeAt, now)), nil
	}
	ctx, end := tracing.Reconcile(ctx, v1alpha1.KindNotification, req.NamespacedName)
	defer end()
	if about := n.Spec.Event.Subject; about != nil { // a test message has none
		tracing.Subject(ctx, about.Kind+"/"+about.Name)
	}
	s := &scope{notification: n, before: n.DeepCopy(), now: now}
	return r.finish(ctx, s, r.deliver(ctx, s))
}

// finish writes the outcome of a delivery to the status; nil means that it was delivered.
func (r *Reconciler) finish(ctx context.Context, s *scope, o *kit.Outcome) (ctrl.Result, error) {
	n := s.notification
	switch {
	case o == nil:
		condition.Ready(n, v1alpha1.ReasonDelivered, condition.Get(n, v1alpha1.ConditionDelivered).Message)
	case o.KeepStatus:
		return kit.RequeueBehindNew(s.next), o.Err
	default:
		condition.False(n, v1alpha1.ConditionDelivered, o.Reason, o.Message)
		s.next = kit.Sooner(s.next, o.Summarise(n, s.now))
	}
	if !equality.Semantic.DeepEqual(s.before, n) { // it costs no write of its own
		n.Status.Channel = cmp.Or(s.channel, string(n.Place().Channel))
	}
	result, err := kit.StatusWriter{Client: r.Client, Recorder: r.Recorder}.
		Write(ctx, s.before, n, kit.RequeueBehindNew(s.next), func() { r.measure(s) })
	if o != nil && o.Err != nil {
		return ctrl.Result{}, o.Err
	}
	return result, err
}

// forget drops what is kept of a Notification that needs no further call.
func (r *Reconciler) forget(n types.NamespacedName) {
	r.Slack.Forget(n)
	r.groups.Remove(n)
	r.lookups.Release(n)
}

// SetupWithManager registers the reconciler.
func (r *Reconciler) SetupWithManager(mgr ctrl.Manager, options controller.Options) error {
	r.prepare()
	return ctrl.NewControllerManagedBy(mgr).
		For(&v1alpha1.Notification{}).
		Watches(&v1alpha1.SlackIntegration{}, handler.EnqueueRequestsFromMapFunc(r.enqueueUndelivered),
			builder.WithPredicates(predicate.Or(predicate.GenerationChangedPredicate{}, authenticated()), kit.AfterStart())).
		Watches(&v1alpha1.NotificationRule{}, handler.EnqueueRequestsFromMapFunc(r.enqueueUndeliverable),
			builder.WithPredicates(predicate.GenerationChangedPredicate{}, kit.AfterStart())).
		Watches(&v1alpha1.Notification{}, kit.HandleBehindNew(handler.EnqueueRequestsFromMapFunc(membersOf)),
			builder.WithPredicates(predicate.Funcs{
				CreateFunc: func(e event.CreateEvent) bool { return isDigest(e.Object) && !e.IsInInitialList },
				UpdateFunc: func(e event.UpdateEvent) bool {
					return isDigest(e.ObjectNew) && outcomeChanged(e.ObjectOld, e.ObjectNew)
				},
				DeleteFunc: func(e event.DeleteEvent) bool { return isDigest(e.Object) },
			})).
		Watches(&v1alpha1.Notification{}, handler.EnqueueRequestsFromMapFunc(r.enqueueSiblings), builder.WithPredicates(predicate.Funcs{
			CreateFunc: func(event.CreateEvent) bool { return false },
			UpdateFunc: func(e event.UpdateEvent) bool { return outcomeChanged(e.ObjectOld, e.ObjectNew) },
		})).
		WatchesRawSource(r.Enqueuer.Source()).
		WithOptions(options).
		Complete(r)
}

// enqueueUndelivered enqueues the Notifications that a new or changed SlackIntegration may affect.
func (r *Reconciler) enqueueUndelivered(ctx context.Context, o client.Object) []reconcile.Request {
	list := &v1alpha1.NotificationList{}
	undelivered := client.MatchingFields{index.NotificationByUndelivered: "true"}
	if err := r.Client.List(ctx, list, undelivered, client.UnsafeDisableDeepCopy); err != nil {
		ctrl.LoggerFrom(ctx).Error(err, "Listing the undelivered Notifications", "SlackIntegration", client.ObjectKeyFromObject(o))
		return nil
	}
	return kit.Requests(kit.Pointers(list.Items))
}

func isDigest(o client.Object) bool {
	n, ok := o.(*v1alpha1.Notification)
	return ok && len(n.Spec.Members) > 0
}

// outcomeChanged reports whether the Delivered condition has another status or reason than before.
func outcomeChanged(before, after client.Object) bool {
	was := condition.Get(before.(*v1alpha1.Notification), v1alpha1.ConditionDelivered)
	is := condition.Get(after.(*v1alpha1.Notification), v1alpha1.ConditionDelivered)
	return is != nil && (was == nil || was.Status != is.Status || was.Reason != is.Reason)
}

// membersOf enqueues the members of a digest.
func membersOf(_ context.Context, o client.Object) []reconcile.Request {
	var out []reconcile.Request
	for _, m := range o.(*v1alpha1.Notification).Spec.Members {
		out = append(out, reconcile.Request{NamespacedName: types.NamespacedName{Namespace: o.GetNamespace(), Name: string(m)}})
	}
	return out
}
