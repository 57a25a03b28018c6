// Package notificationrule validates rules, reports whether they can be served, and records what became of their
// events.
package notificationrule

import (
	"context"
	"errors"
	"fmt"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/tools/events"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/predicate"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/voiceai-dev/integrations-operator/api/v1alpha1"
	"github.com/voiceai-dev/integrations-operator/internal/condition"
	"github.com/voiceai-dev/integrations-operator/internal/connection"
	"github.com/voiceai-dev/integrations-operator/internal/controller/kit"
	"github.com/voiceai-dev/integrations-operator/internal/outbox"
	"github.com/voiceai-dev/integrations-operator/internal/rule"
	"github.com/voiceai-dev/integrations-operator/internal/text"
)

// +kubebuilder:rbac:groups=integrations.voiceai.dev,resources=notificationrules,verbs=get;list;watch
// +kubebuilder:rbac:groups=integrations.voiceai.dev,resources=notificationrules/status,verbs=get;update

// Reconciler is the only writer of the status of NotificationRules.
type Reconciler struct {
	Client   client.Client
	Recorder events.EventRecorder
	Outbox   *outbox.Outbox
	// Stats holds what is to be added to the statuses.
	Stats *Stats
}

// Reconcile validates one NotificationRule and records what became of its events.
func (r *Reconciler) Reconcile(ctx context.Context, req ctrl.Request) (ctrl.Result, error) {
	n := &v1alpha1.NotificationRule{}
	if err := r.Client.Get(ctx, req.NamespacedName, n); err != nil {
		if client.IgnoreNotFound(err) == nil {
			r.Outbox.Forget(req.NamespacedName)
			r.Stats.Forget(req.NamespacedName)
		}
		return ctrl.Result{}, client.IgnoreNotFound(err)
	}
	if !n.DeletionTimestamp.IsZero() {
		return ctrl.Result{}, nil
	}
	before := n.DeepCopy()
	since, err := r.Outbox.SpecChangedAt(ctx, n)
	if err != nil {
		return ctrl.Result{}, client.IgnoreNotFound(err)
	}
	if n.Status.ObservedGeneration != n.Generation {
		n.Status.LastError = nil // it was about the former spec
	}
	if !since.IsZero() {
		n.Status.Since = &metav1.Time{Time: since}
	}
	counted := r.Stats.take(req.NamespacedName)
	counted.addTo(n)
	resolved := r.summarise(ctx, n)

	written := false
	result, err := kit.StatusWriter{Client: r.Client, Recorder: r.Recorder}.
		Write(ctx, before, n, ctrl.Result{RequeueAfter: resolved.RequeueAfter()}, func() { written = true })
	if !written {
		r.Stats.putBack(req.NamespacedName, counted)
	}
	if resolved != nil && resolved.Err != nil {
		return ctrl.Result{}, resolved.Err
	}
	return result, err
}

// summarise sets all conditions, and returns the outcome of resolving the rule's references.
func (r *Reconciler) summarise(ctx context.Context, n *v1alpha1.NotificationRule) *kit.Outcome {
	accepted := r.accept(n)
	resolved := r.resolve(ctx, n)
	switch {
	case accepted != nil:
		condition.NotReady(n, accepted.Progress, accepted.Reason, accepted.Message)
	case resolved != nil:
		condition.NotReady(n, resolved.Progress, resolved.Reason, resolved.Message)
	case n.Spec.Suspend:
		condition.NotReady(n, condition.Resting, v1alpha1.ReasonSuspended, "spec.suspend is true: no event matches until it is false")
	default:
		condition.Ready(n, v1alpha1.ReasonReady, "Notifications are sent for events that match")
	}
	return resolved
}

// accept compiles the rule and sets Accepted and the preview.
func (r *Reconciler) accept(n *v1alpha1.NotificationRule) *kit.Outcome {
	compiled, err := r.Outbox.Compile(n)
	n.Status.Preview = ""
	var invalid *rule.Error
	if errors.As(err, &invalid) {
		condition.False(n, v1alpha1.ConditionAccepted, invalid.Reason, invalid.Message)
		return &kit.Outcome{Progress: condition.Stalled, Reason: invalid.Reason, Message: invalid.Message}
	}
	n.Status.Preview = text.Truncate(compiled.Preview(), 4096)
	message := "The rule is valid"
	if e := n.Status.LastError; e != nil {
		message = fmt.Sprintf("The rule is valid, but could not be evaluated for every event. Last error, for a %s event at %s: %s",
			e.EventType, e.Time.UTC().Format(time.RFC3339), e.Message)
	}
	condition.True(n, v1alpha1.ConditionAccepted, v1alpha1.ReasonAccepted, message)
	return nil
}

// resolve finds the rule's integration and sets ResolvedRefs.
func (r *Reconciler) resolve(ctx context.Context, n *v1alpha1.NotificationRule) *kit.Outcome {
	i, err := connection.ResolveSlack(ctx, r.Client, n.Namespace, n.Spec.IntegrationRef)
	if err == nil {
		_, err = connection.ChannelFor(i, n.Spec.Channel)
	}
	if o := kit.OutcomeOf(err); o != nil {
		condition.False(n, v1alpha1.ConditionResolvedRefs, o.Reason, o.Message)
		return o
	}
	condition.True(n, v1alpha1.ConditionResolvedRefs, v1alpha1.ReasonResolvedRefs,
		fmt.Sprintf("Notifications go through SlackIntegration %s", client.ObjectKeyFromObject(i)))
	return nil
}

// SetupWithManager registers the reconciler.
func (r *Reconciler) SetupWithManager(mgr ctrl.Manager, options controller.Options) error {
	allRules := func(ctx context.Context, o client.Object) []reconcile.Request {
		list := &v1alpha1.NotificationRuleList{}
		if err := r.Client.List(ctx, list); err != nil {
			ctrl.LoggerFrom(ctx).
				Error(err, "Listing the rules that may use a SlackIntegration", "SlackIntegration", client.ObjectKeyFromObject(o))
			return nil
		}
		return kit.Requests(kit.Pointers(list.Items))
	}
	return ctrl.NewControllerManagedBy(mgr).
		For(&v1alpha1.NotificationRule{}, builder.WithPredicates(predicate.GenerationChangedPredicate{})).
		Watches(&v1alpha1.SlackIntegration{}, handler.EnqueueRequestsFromMapFunc(allRules),
			builder.WithPredicates(predicate.GenerationChangedPredicate{})).
		Watches(&v1alpha1.Notification{}, r.observeNotifications()).
		WatchesRawSource(r.Stats.enqueuer.Source()).
		WithOptions(options).
		Complete(r)
}
