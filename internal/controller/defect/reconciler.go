// SPDX-License-Identifier: Apache-2.0

// Package defect files a ticket for each Defect that is to have one, keeps both in sync, and announces what happens
// to the Defect.
package defect

import (
	"context"
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
	"github.com/voiceai-dev/integrations-operator/internal/controller/defect/attach"
	"github.com/voiceai-dev/integrations-operator/internal/controller/kit"
	"github.com/voiceai-dev/integrations-operator/internal/index"
	"github.com/voiceai-dev/integrations-operator/internal/leadership"
	"github.com/voiceai-dev/integrations-operator/internal/lifecycle"
	"github.com/voiceai-dev/integrations-operator/internal/once"
	"github.com/voiceai-dev/integrations-operator/internal/outbox"
	"github.com/voiceai-dev/integrations-operator/internal/ticket"
	"github.com/voiceai-dev/integrations-operator/internal/tracing"
)

// +kubebuilder:rbac:groups=integrations.voiceai.dev,resources=defects,verbs=get;list;watch
// +kubebuilder:rbac:groups=integrations.voiceai.dev,resources=defects/status,verbs=get;update
// +kubebuilder:rbac:groups=integrations.voiceai.dev,resources=notifications,verbs=get;list;watch;create
// +kubebuilder:rbac:groups=events.k8s.io,resources=events,verbs=create;patch

// firstStatusDelay is how long the first status may wait for Notifications that have no outcome yet, so that both are
// written at once.
const firstStatusDelay = time.Minute

// Reconciler brings Defects up to date.
type Reconciler struct {
	Client   client.Client
	Recorder events.EventRecorder
	Clock    clock.PassiveClock
	Outbox   *outbox.Outbox
	Jira     *connection.JiraPool
	// Enqueuer enqueues the Defects whose calls to Jira were answered.
	Enqueuer *kit.Enqueuer
	// LeaderSince is when this process became the leader. A former leader may have filed a ticket for an older Defect.
	LeaderSince func() leadership.Start
	// CallTimeout is how long a call may take.
	CallTimeout time.Duration
	// PendingUpdates holds what polls found about tickets.
	PendingUpdates *kit.PendingUpdates
	// KnownTickets has tickets whose Defects may be created again.
	KnownTickets *kit.KnownTickets
	// Files brings files to tickets.
	Files *attach.Files
	// DashboardURL is where Defects have their pages; empty when there is no dashboard.
	DashboardURL string

	// lookups has the Defects that may have a ticket already, by integration.
	lookups once.Lookups[types.NamespacedName, ticket.Ticket]
	// filing is held while a Defect decides whether it files a ticket or shares one, and submits the call.
	filing sync.Mutex
	// creates has the calls that file tickets.
	creates creates
}

// scope is one reconcile of a Defect.
type scope struct {
	// before is the Defect as it was read.
	before, defect *v1alpha1.Defect
	now            time.Time
	// next is when to reconcile again, 0 for never.
	next time.Duration
	// ticket, follow and notify are the outcomes of the phases; nil for one that is done.
	ticket, follow, notify *kit.Outcome
	// answerSoon is set when the first answer is due any moment: until then the status stays unwritten, to be written
	// once.
	answerSoon bool
	// noOutcome is set when notifications are under way and none of them has an outcome yet.
	noOutcome bool
	// filed is the ticket when it was created or adopted just now.
	filed *ticket.Ticket
}

// Reconcile brings one Defect up to date.
func (r *Reconciler) Reconcile(ctx context.Context, req ctrl.Request) (ctrl.Result, error) {
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
	ctx, end := tracing.Reconcile(ctx, v1alpha1.KindDefect, req.NamespacedName)
	defer end()
	s := &scope{before: d.DeepCopy(), defect: d, now: r.Clock.Now()}
	lifecycle.Observe(d, s.now)
	s.ticket = r.fileTicket(ctx, s)
	s.follow = r.followTicket(ctx, s)
	s.notify = r.notify(ctx, s)
	s.quarantine()
	wait, err := r.Files.Bring(ctx, d, s.now)
	if err != nil {
		ctrl.LoggerFrom(ctx).Error(err, "Bringing evidence to the ticket")
		wait = attach.RetryAfter
	}
	s.next = kit.Sooner(s.next, wait)
	return r.finish(ctx, s)
}

// forget drops what is kept of a Defect that was deleted.
func (r *Reconciler) forget(d types.NamespacedName) {
	r.Jira.Forget(d)
	r.Files.Forget(d)
	r.PendingUpdates.Drop(d)
	r.PendingUpdates.ResolveDoubt(d)
	r.release(d)
}

// release drops what is to be looked up for a Defect.
func (r *Reconciler) release(d types.NamespacedName) {
	r.lookups.Release(d)
	r.lookups.Release(findingOf(d))
}

// finish sums up the phases and writes the status.
func (r *Reconciler) finish(ctx context.Context, s *scope) (ctrl.Result, error) {
	err := s.firstError()
	if s.notify != nil && s.notify.Err != nil && s.supersedesUnsentChange() {
		return ctrl.Result{}, err // the status already says why the former change was not announced
	}
	if err == nil && s.before.Status.ObservedGeneration < 0 { // the first status is not written yet
		if s.answerSoon {
			return kit.RequeueBehindNew(s.next), nil
		}
		if age := s.now.Sub(s.defect.CreationTimestamp.Time); s.onlyDelivers() && age < firstStatusDelay {
			return kit.RequeueBehindNew(kit.Sooner(s.next, firstStatusDelay)), nil // a Notification with an outcome enqueues the Defect
		}
	}
	s.reportMove()
	s.summarise()
	result, writeErr := kit.StatusWriter{Client: r.Client, Recorder: r.Recorder}.
		Write(ctx, s.before, s.defect, kit.RequeueBehindNew(s.next), s.measure)
	if err != nil {
		return ctrl.Result{}, err
	}
	return result, writeErr
}

func (s *scope) firstError() error {
	for _, o := range []*kit.Outcome{s.ticket, s.follow, s.notify} {
		if o != nil && o.Err != nil {
			return o.Err
		}
	}
	return nil
}

// onlyDelivers reports whether nothing is under way but notifications without an outcome.
func (s *scope) onlyDelivers() bool {
	return s.ticket == nil && s.follow == nil && s.noOutcome && (s.defect.Status.Jira == nil || s.defect.Status.Jira.Key == "")
}

// summarise derives Ready from the outcomes of the phases. Notifications count until they have an outcome: what keeps
// them from being delivered is in their own status, and in that of the rule or the integration.
func (s *scope) summarise() {
	for _, o := range []*kit.Outcome{s.ticket, s.follow, s.notify} {
		if o != nil {
			s.next = kit.Sooner(s.next, o.Summarise(s.defect, s.now))
			return
		}
	}
	message := "Up to date"
	if j := s.defect.Status.Jira; j != nil && j.Key != "" {
		message = "The ticket is " + j.Key
	}
	if c := condition.Get(s.defect, v1alpha1.ConditionNotified); c != nil && c.Reason == v1alpha1.ReasonNotDelivered {
		message += ". " + c.Message
	}
	condition.Ready(s.defect, v1alpha1.ReasonReady, message)
}

// SetupWithManager registers the reconciler.
func (r *Reconciler) SetupWithManager(mgr ctrl.Manager, options controller.Options) error {
	return ctrl.NewControllerManagedBy(mgr).
		For(&v1alpha1.Defect{}).
		Watches(&v1alpha1.Notification{}, kit.HandleBehindNew(handler.EnqueueRequestsFromMapFunc(defectOfNotification))).
		Watches(&v1alpha1.JiraIntegration{}, handler.EnqueueRequestsFromMapFunc(r.enqueueForIntegration),
			builder.WithPredicates(predicate.GenerationChangedPredicate{}, kit.AfterStart())).
		Watches(&v1alpha1.NotificationRule{}, handler.EnqueueRequestsFromMapFunc(r.enqueueRecentDefects),
			builder.WithPredicates(kit.AfterStart(), predicate.Funcs{
				UpdateFunc: func(kevent.UpdateEvent) bool { return false },
				DeleteFunc: func(kevent.DeleteEvent) bool { return false },
			})).
		Watches(&v1alpha1.Defect{}, handler.EnqueueRequestsFromMapFunc(r.enqueueLike), builder.WithPredicates(predicate.Funcs{
			CreateFunc: func(kevent.CreateEvent) bool { return false },
			UpdateFunc: gotTicket,
		})).
		Watches(&v1alpha1.Defect{}, handler.Funcs{DeleteFunc: r.rememberDeleted}).
		WatchesRawSource(r.Enqueuer.Source()).
		WithOptions(options).
		Complete(r)
}

// defectOfNotification enqueues the Defect that a Notification is about.
func defectOfNotification(_ context.Context, o client.Object) []reconcile.Request {
	n, ok := o.(*v1alpha1.Notification)
	if !ok || n.Subject() == nil || n.Subject().Kind != v1alpha1.KindDefect {
		return nil
	}
	s := n.Subject()
	return []reconcile.Request{{NamespacedName: types.NamespacedName{Namespace: n.Namespace, Name: s.Name}}}
}

// enqueueForIntegration enqueues the Defects that a new or changed JiraIntegration may affect: those without a
// ticket, and those whose ticket was filed with it and is not in sync, or lacks files that its policy withheld.
func (r *Reconciler) enqueueForIntegration(ctx context.Context, o client.Object) []reconcile.Request {
	var out []reconcile.Request
	enqueue := func(d *v1alpha1.Defect) bool {
		out = append(out, reconcile.Request{NamespacedName: client.ObjectKeyFromObject(d)})
		return true
	}
	if err := index.EachUnticketed(ctx, r.Client, enqueue); err != nil {
		ctrl.LoggerFrom(ctx).Error(err, "Listing the Defects without a ticket", "JiraIntegration", client.ObjectKeyFromObject(o))
		return nil
	}
	if err := index.EachTicketed(ctx, r.Client, client.ObjectKeyFromObject(o), func(d *v1alpha1.Defect) bool {
		lacksFiles := d.Status.Evidence != nil && d.Status.Evidence.Policy != ""
		return condition.Is(d, v1alpha1.ConditionSynced, metav1.ConditionTrue, "") && !lacksFiles || enqueue(d)
	}); err != nil {
		ctrl.LoggerFrom(ctx).Error(err, "Listing the Defects with a ticket", "JiraIntegration", client.ObjectKeyFromObject(o))
		return nil
	}
	return out
}

// enqueueRecentDefects enqueues the Defects that are no older than a new rule. Their events may have been announced
// before the cache showed the rule.
func (r *Reconciler) enqueueRecentDefects(ctx context.Context, o client.Object) []reconcile.Request {
	created := o.GetCreationTimestamp().Time
	if r.Clock.Since(created) > kit.ReannounceFor {
		return nil
	}
	recent, err := index.DefectsSince(ctx, r.Client, o.GetNamespace(), created, r.Clock.Now())
	if err != nil {
		ctrl.LoggerFrom(ctx).
			Error(err, "Listing the Defects that are no older than a rule", "NotificationRule", client.ObjectKeyFromObject(o))
		return nil
	}
	return kit.Requests(recent)
}
