package controller

import (
	"context"
	"slices"
	"sync"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/tools/events"
	"k8s.io/utils/clock"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	kevent "sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/predicate"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/voiceai-dev/integrations-operator/api/v1alpha1"
	"github.com/voiceai-dev/integrations-operator/internal/condition"
	"github.com/voiceai-dev/integrations-operator/internal/connection"
	"github.com/voiceai-dev/integrations-operator/internal/event"
	"github.com/voiceai-dev/integrations-operator/internal/lifecycle"
	"github.com/voiceai-dev/integrations-operator/internal/outbox"
	"github.com/voiceai-dev/integrations-operator/internal/ticket"
)

// +kubebuilder:rbac:groups=integrations.voiceai.dev,resources=defects,verbs=get;list;watch
// +kubebuilder:rbac:groups=integrations.voiceai.dev,resources=defects/status,verbs=get;update
// +kubebuilder:rbac:groups=integrations.voiceai.dev,resources=notifications,verbs=get;list;watch;create
// +kubebuilder:rbac:groups=events.k8s.io,resources=events,verbs=create;patch

// DefectReconciler sees to it that a Defect has its ticket and that everyone who should know hears of it.
type DefectReconciler struct {
	Client   client.Client
	Recorder events.EventRecorder
	Clock    clock.PassiveClock
	Outbox   *outbox.Outbox
	Jira     *JiraPool
	// Enqueuer is what the connections in Jira wake Defects with.
	Enqueuer *connection.Enqueuer
	// LeaderSince is when this process became the one that acts. A Defect that is older may have been given a ticket by another.
	LeaderSince func() time.Time
	// PendingUpdates is what polls found of tickets.
	PendingUpdates *PendingUpdates
	// DashboardURL is where Defects have their pages; empty when nowhere.
	DashboardURL string

	// lookups has a *lookup for each integration, by name.
	lookups sync.Map
}

// JiraPool holds the connections to Jira.
type JiraPool = connection.Pool[JiraClient, ticket.Ticket]

// JiraClient is a tracker and what its probe found.
type JiraClient struct {
	ticket.Tracker
	Project ticket.Project
}

// defectScope is one reconcile of a Defect.
type defectScope struct {
	// before is the Defect as it was read.
	before, defect *v1alpha1.Defect
	now            time.Time
	// next is when to look again, 0 for never.
	next time.Duration
	// ticket, follow and notify are what is not well; nil when all is.
	ticket, follow, notify *outcome
	// soon says that the first answer is due any moment: until then the status stays unwritten, to be written once.
	soon bool
	// silent says that notifications are under way and none of them has said yet how far it is.
	silent bool
	// filed is the ticket when it was made or found just now.
	filed *ticket.Ticket
}

// Reconcile brings one Defect on.
func (r *DefectReconciler) Reconcile(ctx context.Context, req ctrl.Request) (ctrl.Result, error) {
	d := &v1alpha1.Defect{}
	if err := r.Client.Get(ctx, req.NamespacedName, d); err != nil {
		if client.IgnoreNotFound(err) == nil {
			r.forget(req.NamespacedName)
		}
		return ctrl.Result{}, client.IgnoreNotFound(err)
	}
	if !d.DeletionTimestamp.IsZero() {
		return ctrl.Result{}, nil
	}
	s := &defectScope{before: d.DeepCopy(), defect: d, now: r.Clock.Now()}
	lifecycle.Observe(d, s.now)
	s.ticket = r.fileTicket(ctx, s)
	s.follow = r.follow(ctx, s)
	s.notify = r.notify(ctx, s)
	return r.finish(ctx, s)
}

func (r *DefectReconciler) forget(d types.NamespacedName) {
	r.Jira.Forget(d)
	r.PendingUpdates.Drop(d)
	r.PendingUpdates.ResolveDoubt(d)
	r.lookups.Range(func(_, l any) bool {
		l.(*lookup[ticket.Ticket]).release(d)
		return true
	})
}

func (r *DefectReconciler) finish(ctx context.Context, s *defectScope) (ctrl.Result, error) {
	var err error
	for _, o := range []*outcome{s.ticket, s.follow, s.notify} {
		if o != nil && o.err != nil && err == nil {
			err = o.err
		}
	}
	if s.notify != nil && s.notify.err != nil && s.supersedesUnsentChange() {
		return ctrl.Result{}, err // the status says already why that was not told
	}
	if s.soon && err == nil && s.before.Status.ObservedGeneration < 0 {
		return requeueBehindNew(s.next), nil
	}
	if young := s.now.Sub(s.defect.CreationTimestamp.Time); s.delivering() && err == nil && s.before.Status.ObservedGeneration < 0 && young < firstStatusDelay {
		return requeueBehindNew(sooner(s.next, firstStatusDelay)), nil // each of them has the Defect reconciled again once there is something to say
	}
	s.moved()
	s.summarise()
	result, writeErr := writeStatus(ctx, r.Client, r.Recorder, s.before, s.defect, requeueBehindNew(s.next), s.measure)
	if err != nil {
		return ctrl.Result{}, err
	}
	return result, writeErr
}

// supersedesUnsentChange says that the state changed again before the change that the status shows was told: this one is written once that was, or it would be
// told of neither.
func (s *defectScope) supersedesUnsentChange() bool {
	was, is := s.before.Status.StateChange, s.defect.Status.StateChange
	if was == nil || is.Number == was.Number {
		return false
	}
	told := event.DefectStateChanged(s.before)
	return !slices.Contains(s.defect.Status.Events, v1alpha1.EventID(told.ID))
}

// firstStatusDelay is how long the first status may wait for Notifications that have said nothing yet: it is written together with what they say.
const firstStatusDelay = 5 * time.Minute

// delivering says that nothing is under way but notifications of which nothing is known yet.
func (s *defectScope) delivering() bool {
	return s.ticket == nil && s.follow == nil && s.silent && (s.defect.Status.Jira == nil || s.defect.Status.Jira.Key == "")
}

// SetupWithManager has the reconciler run.
func (r *DefectReconciler) SetupWithManager(mgr ctrl.Manager, options controller.Options) error {
	return ctrl.NewControllerManagedBy(mgr).
		For(&v1alpha1.Defect{}).
		Watches(&v1alpha1.Notification{}, behindNew(handler.EnqueueRequestsFromMapFunc(defectOfNotification))).
		Watches(&v1alpha1.JiraIntegration{}, handler.EnqueueRequestsFromMapFunc(r.enqueueForIntegration), builder.WithPredicates(predicate.GenerationChangedPredicate{})).
		Watches(&v1alpha1.NotificationRule{}, handler.EnqueueRequestsFromMapFunc(r.enqueueRecentDefects), builder.WithPredicates(predicate.Funcs{
			UpdateFunc: func(kevent.UpdateEvent) bool { return false },
			DeleteFunc: func(kevent.DeleteEvent) bool { return false },
		})).
		WatchesRawSource(r.Enqueuer.Source()).
		WithOptions(options).
		Complete(r)
}

func defectOfNotification(_ context.Context, o client.Object) []reconcile.Request {
	n, ok := o.(*v1alpha1.Notification)
	if !ok || n.Spec.Event.Subject == nil || n.Spec.Event.Subject.Kind != v1alpha1.KindDefect {
		return nil
	}
	s := n.Spec.Event.Subject
	return []reconcile.Request{{NamespacedName: types.NamespacedName{Namespace: s.Namespace, Name: s.Name}}}
}

// enqueueForIntegration are the Defects that a new or changed JiraIntegration may concern: those that have no ticket, and those that are not in step with one
// that was made with it.
func (r *DefectReconciler) enqueueForIntegration(ctx context.Context, o client.Object) []reconcile.Request {
	list := &v1alpha1.DefectList{}
	if err := r.Client.List(ctx, list, client.MatchingFields{TicketedIndex: "false"}); err != nil {
		ctrl.LoggerFrom(ctx).Error(err, "Listing the Defects without a ticket", "JiraIntegration", client.ObjectKeyFromObject(o))
		return nil
	}
	followed := &v1alpha1.DefectList{}
	if err := r.Client.List(ctx, followed, client.MatchingFields{IntegrationIndex: client.ObjectKeyFromObject(o).String()}); err != nil {
		ctrl.LoggerFrom(ctx).Error(err, "Listing the Defects with a ticket", "JiraIntegration", client.ObjectKeyFromObject(o))
		return nil
	}
	for i := range followed.Items {
		if !condition.Is(&followed.Items[i], v1alpha1.ConditionSynced, metav1.ConditionTrue, "") {
			list.Items = append(list.Items, followed.Items[i])
		}
	}
	return requests(pointers(list.Items))
}

// enqueueRecentDefects are the Defects that were created no earlier than a rule. Their event may have been told before the cache knew of the rule.
func (r *DefectReconciler) enqueueRecentDefects(ctx context.Context, o client.Object) []reconcile.Request {
	if r.Clock.Since(o.GetCreationTimestamp().Time) > reannounceFor {
		return nil
	}
	list := &v1alpha1.DefectList{}
	if err := r.Client.List(ctx, list, client.InNamespace(o.GetNamespace())); err != nil {
		ctrl.LoggerFrom(ctx).Error(err, "Listing the Defects that are as young as a rule", "NotificationRule", client.ObjectKeyFromObject(o))
		return nil
	}
	var out []reconcile.Request
	for i := range list.Items {
		if !list.Items[i].CreationTimestamp.Time.Before(o.GetCreationTimestamp().Time) {
			out = append(out, reconcile.Request{NamespacedName: client.ObjectKeyFromObject(&list.Items[i])})
		}
	}
	return out
}

// summarise draws Ready from the other conditions.
func (s *defectScope) summarise() {
	for _, o := range []*outcome{s.ticket, s.follow, s.notify} {
		if o != nil {
			condition.NotReady(s.defect, o.progress, o.reason, o.message)
			return
		}
	}
	message := "Nothing more is to be done"
	if j := s.defect.Status.Jira; j != nil && j.Key != "" {
		message = "The ticket is " + j.Key
	}
	condition.Ready(s.defect, v1alpha1.ReasonReady, message)
}
