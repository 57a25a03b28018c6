package controller

import (
	"context"
	"sync"
	"time"

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

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/voiceai-dev/integrations-operator/api/v1alpha1"
	"github.com/voiceai-dev/integrations-operator/internal/condition"
	"github.com/voiceai-dev/integrations-operator/internal/connection"
	"github.com/voiceai-dev/integrations-operator/internal/outbox"
)

// +kubebuilder:rbac:groups=integrations.voiceai.dev,resources=notifications,verbs=get;list;watch;create;delete
// +kubebuilder:rbac:groups=integrations.voiceai.dev,resources=notifications/status,verbs=get;update

// NotificationReconciler delivers Notifications, alone or many in a digest, and removes them when they are old.
type NotificationReconciler struct {
	Client   client.Client
	Recorder events.EventRecorder
	Clock    clock.WithDelayedExecution
	Slack    *SlackPool
	Outbox   *outbox.Outbox
	// Enqueuer is what the connections in Slack wake Notifications with.
	Enqueuer *connection.Enqueuer
	// LeaderSince is when this process became the one that acts. What is older may have been sent by another.
	LeaderSince func() time.Time
	// Expiry is how old a Notification may be and still be sent, Retention how old it gets before it is removed.
	Expiry, Retention time.Duration
	// RecordDelivery is called when a rule's Notification reached Slack, or will not; nil when nobody counts.
	RecordDelivery func(n *v1alpha1.Notification, reached bool)
	// DashboardURL is where there is more to see; empty when nowhere.
	DashboardURL string

	once    sync.Once
	groups  *groups
	threads *lru.Cache
	// lookups has a *lookup[chat.Posted] for each channel and thread.
	lookups sync.Map
}

// maxThreads is how many threads are remembered that the cache may not show yet.
const maxThreads = 4096

func (r *NotificationReconciler) prepare() {
	r.once.Do(func() {
		r.groups = &groups{clock: r.Clock, wake: r.Enqueuer.EnqueueFirst, byID: map[string]*group{}, of: map[types.NamespacedName]string{}, storms: map[string]time.Time{}, digests: map[types.NamespacedName]assignment{}}
		r.threads = lru.New(maxThreads)
	})
}

// Reconcile brings one Notification on.
func (r *NotificationReconciler) Reconcile(ctx context.Context, req ctrl.Request) (ctrl.Result, error) {
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
	age := now.Sub(n.CreationTimestamp.Time)
	if isSettled(n) || age >= r.Retention {
		r.forget(req.NamespacedName)
		if age >= r.Retention {
			return ctrl.Result{}, client.IgnoreNotFound(r.Client.Delete(ctx, n, client.Preconditions{UID: &n.UID}))
		}
		return requeueBehindNew(until(n.CreationTimestamp.Add(r.Retention), now)), nil
	}
	s := &notificationScope{n: n, before: n.DeepCopy(), now: now}
	o := r.deliver(ctx, s)
	if o != nil && o.reason == "" { // under way, or to be tried again at a time that the status says
		return requeueBehindNew(s.next), o.err
	}
	if o == nil {
		condition.Ready(n, v1alpha1.ReasonDelivered, condition.Get(n, v1alpha1.ConditionDelivered).Message)
	} else {
		condition.False(n, v1alpha1.ConditionDelivered, o.reason, o.message)
		condition.NotReady(n, o.progress, o.reason, o.message)
	}
	result, err := writeStatus(ctx, r.Client, r.Recorder, s.before, n, requeueBehindNew(s.next), func() { r.measure(s) })
	if o != nil && o.err != nil {
		return ctrl.Result{}, o.err
	}
	return result, err
}

func (r *NotificationReconciler) forget(n types.NamespacedName) {
	r.Slack.Forget(n)
	r.groups.remove(n)
	r.lookups.Range(func(_, l any) bool {
		l.(*messageLookup).release(n)
		return true
	})
}

// isSettled says that nothing more is to be sent.
func isSettled(n *v1alpha1.Notification) bool {
	return condition.Is(n, v1alpha1.ConditionDelivered, metav1.ConditionTrue, "") ||
		condition.Is(n, v1alpha1.ConditionDelivered, metav1.ConditionFalse, v1alpha1.ReasonExpired)
}

// SetupWithManager has the reconciler run.
func (r *NotificationReconciler) SetupWithManager(mgr ctrl.Manager, options controller.Options) error {
	r.prepare()
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
		Watches(&v1alpha1.Notification{}, behindNew(handler.EnqueueRequestsFromMapFunc(membersOf)), builder.WithPredicates(predicate.Funcs{
			CreateFunc: func(e event.CreateEvent) bool { return isDigest(e.Object) },
			UpdateFunc: func(e event.UpdateEvent) bool {
				return isDigest(e.ObjectNew) && reasonChanged(e.ObjectOld, e.ObjectNew)
			},
			DeleteFunc: func(e event.DeleteEvent) bool { return isDigest(e.Object) },
		})).
		Watches(&v1alpha1.Notification{}, handler.EnqueueRequestsFromMapFunc(r.enqueueSiblings), builder.WithPredicates(predicate.Funcs{
			CreateFunc: func(event.CreateEvent) bool { return false },
			UpdateFunc: func(e event.UpdateEvent) bool { return reasonChanged(e.ObjectOld, e.ObjectNew) },
		})).
		WatchesRawSource(r.Enqueuer.Source()).
		WithOptions(options).
		Complete(r)
}

func isDigest(o client.Object) bool {
	n, ok := o.(*v1alpha1.Notification)
	return ok && len(n.Spec.Members) > 0
}

func reasonChanged(before, after client.Object) bool {
	b, a := condition.Get(before.(*v1alpha1.Notification), v1alpha1.ConditionDelivered), condition.Get(after.(*v1alpha1.Notification), v1alpha1.ConditionDelivered)
	return a != nil && (b == nil || b.Status != a.Status || b.Reason != a.Reason)
}

func membersOf(_ context.Context, o client.Object) []reconcile.Request {
	var out []reconcile.Request
	for _, m := range o.(*v1alpha1.Notification).Spec.Members {
		out = append(out, reconcile.Request{NamespacedName: types.NamespacedName{Namespace: o.GetNamespace(), Name: string(m)}})
	}
	return out
}
