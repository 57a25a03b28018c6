// SPDX-License-Identifier: Apache-2.0

// Package notificationrule validates rules, reports whether they can be served, and records what became of their
// events.
package notificationrule

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/tools/events"
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
		n.Status.LastFailure = nil
	}
	if !since.IsZero() {
		n.Status.Since = &metav1.Time{Time: since}
	}
	counted := r.Stats.take(req.NamespacedName)
	counted.addTo(n)
	next, err := r.summarise(ctx, n)

	written := false
	result, writeErr := kit.StatusWriter{Client: r.Client, Recorder: r.Recorder}.
		Write(ctx, before, n, ctrl.Result{RequeueAfter: next}, func() { written = true })
	if !written {
		r.Stats.putBack(req.NamespacedName, counted)
	}
	if err != nil {
		return ctrl.Result{}, err
	}
	return result, writeErr
}

// summarise sets all conditions, and returns when to do so again; 0 for never. The error is one of the API server.
func (r *Reconciler) summarise(ctx context.Context, n *v1alpha1.NotificationRule) (next time.Duration, err error) {
	n.Status.Events = eventsOf(n)
	accepted := r.accept(n)
	integration, resolved := r.resolve(ctx, n)
	outcomes := []*kit.Outcome{accepted}
	if n.Spec.Suspend {
		outcomes = append(outcomes, &kit.Outcome{Progress: condition.Suspended, Reason: v1alpha1.ReasonSuspended,
			Message: "spec.suspend is true: no event matches until it is false"})
	}
	outcomes = append(outcomes, resolved)
	if resolved == nil {
		outcomes = append(outcomes, outcomeOfIntegration(integration), evaluationOutcome(n), deliveryOutcome(n))
	} else if resolved.Err != nil {
		err = resolved.Err
	}
	for _, o := range outcomes {
		if o != nil {
			return kit.Sooner(resolved.RequeueAfter(), o.Summarise(n, r.Stats.clock.Now())), err
		}
	}
	condition.Ready(n, v1alpha1.ReasonReady, "Notifications are sent for events that match")
	return 0, nil
}

// eventsOf returns the types of events that a rule selects in one line.
func eventsOf(n *v1alpha1.NotificationRule) string {
	names := make([]string, 0, len(n.Spec.EventTypes))
	for _, t := range n.Spec.EventTypes {
		names = append(names, string(t))
	}
	return text.Truncate(strings.Join(names, ", "), 512)
}

// outcomeOfIntegration returns why a rule's integration does not deliver; nil when it does.
func outcomeOfIntegration(i *v1alpha1.SlackIntegration) *kit.Outcome {
	name := client.ObjectKeyFromObject(i)
	ready := condition.Get(i, v1alpha1.ConditionReady)
	switch {
	case ready == nil:
		return &kit.Outcome{Reason: v1alpha1.ReasonProgressing, Message: fmt.Sprintf("SlackIntegration %s is being checked", name)}
	case ready.Reason == v1alpha1.ReasonSuspended:
		return &kit.Outcome{Progress: condition.Suspended, Reason: v1alpha1.ReasonSuspended,
			Message: fmt.Sprintf("SlackIntegration %s: %s", name, ready.Message)}
	case ready.Status == metav1.ConditionTrue:
		return nil
	}
	o := &kit.Outcome{Reason: kit.ReasonOfWaiting(ready.Reason), Message: fmt.Sprintf("SlackIntegration %s: %s", name, ready.Message)}
	if condition.Get(i, v1alpha1.ConditionStalled) != nil {
		o.Progress = condition.Stalled
	}
	return o
}

// evaluationOutcome returns that spec.when could not be evaluated, unless an event has matched since or the event only
// lacked what it reads.
func evaluationOutcome(n *v1alpha1.NotificationRule) *kit.Outcome {
	e := n.Status.LastError
	if e == nil || rule.IsMissingKey(e.Message) || n.Status.LastMatchTime != nil && !n.Status.LastMatchTime.Before(&e.Time) {
		return nil
	}
	return &kit.Outcome{Progress: condition.Stalled, Reason: v1alpha1.ReasonEvaluationFailed, Message: fmt.Sprintf(
		"spec.when could not be evaluated for a %s event at %s: %s", e.EventType, e.Time.UTC().Format(time.RFC3339), e.Message)}
}

// deliveryOutcome returns that the last notification was not delivered.
func deliveryOutcome(n *v1alpha1.NotificationRule) *kit.Outcome {
	f := n.Status.LastFailure
	if f == nil {
		return nil
	}
	return &kit.Outcome{Progress: condition.Stalled, Reason: v1alpha1.ReasonNotDelivered, Message: fmt.Sprintf(
		"Notification %s was not delivered: %s", f.Notification, f.Message)}
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

// resolve returns the rule's integration, or the outcome of not finding it, and sets ResolvedRefs.
func (r *Reconciler) resolve(ctx context.Context, n *v1alpha1.NotificationRule) (*v1alpha1.SlackIntegration, *kit.Outcome) {
	i, err := connection.ResolveSlack(ctx, r.Client, n.Namespace, n.Spec.IntegrationRef)
	if err == nil {
		_, err = connection.ChannelFor(i, n.Spec.Channel)
	}
	if o := kit.OutcomeOf(err); o != nil {
		condition.False(n, v1alpha1.ConditionResolvedRefs, o.Reason, o.Message)
		return nil, o
	}
	condition.True(n, v1alpha1.ConditionResolvedRefs, v1alpha1.ReasonResolvedRefs,
		fmt.Sprintf("Notifications go through SlackIntegration %s", client.ObjectKeyFromObject(i)))
	return i, nil
}

// SetupWithManager registers the reconciler.
func (r *Reconciler) SetupWithManager(mgr ctrl.Manager, options controller.Options) error {
	return ctrl.NewControllerManagedBy(mgr).
		For(&v1alpha1.NotificationRule{}, builder.WithPredicates(predicate.GenerationChangedPredicate{})).
		Watches(&v1alpha1.SlackIntegration{}, handler.EnqueueRequestsFromMapFunc(r.enqueueUsers),
			builder.WithPredicates(predicate.Or(predicate.GenerationChangedPredicate{}, readyChanged()), kit.AfterStart())).
		Watches(&v1alpha1.Notification{}, r.observeNotifications()).
		WatchesRawSource(r.Stats.enqueuer.Source()).
		WithOptions(options).
		Complete(r)
}

// enqueueUsers enqueues the rules that may use a SlackIntegration.
func (r *Reconciler) enqueueUsers(ctx context.Context, o client.Object) []reconcile.Request {
	list := &v1alpha1.NotificationRuleList{}
	if err := r.Client.List(ctx, list); err != nil {
		ctrl.LoggerFrom(ctx).
			Error(err, "Listing the rules that may use a SlackIntegration", "SlackIntegration", client.ObjectKeyFromObject(o))
		return nil
	}
	var out []reconcile.Request
	for i := range list.Items {
		n := &list.Items[i]
		if ref := n.Spec.IntegrationRef; ref == nil && n.Namespace == o.GetNamespace() ||
			ref != nil && ref.Name == o.GetName() && cmp.Or(ref.Namespace, n.Namespace) == o.GetNamespace() {
			out = append(out, reconcile.Request{NamespacedName: client.ObjectKeyFromObject(n)})
		}
	}
	return out
}

// readyChanged lets an update pass by which an integration's Ready or Stalled condition changes.
func readyChanged() predicate.Predicate {
	type state struct {
		status          metav1.ConditionStatus
		reason, message string
		stalled         bool
	}
	of := func(o client.Object) (out state) {
		i := o.(*v1alpha1.SlackIntegration)
		if c := condition.Get(i, v1alpha1.ConditionReady); c != nil {
			out = state{status: c.Status, reason: c.Reason}
			if c.Status != metav1.ConditionTrue { // the message of one that works concerns no rule
				out.message = c.Message
			}
		}
		out.stalled = condition.Get(i, v1alpha1.ConditionStalled) != nil
		return out
	}
	return predicate.Funcs{
		CreateFunc:  func(kevent.CreateEvent) bool { return false },
		UpdateFunc:  func(e kevent.UpdateEvent) bool { return of(e.ObjectOld) != of(e.ObjectNew) },
		DeleteFunc:  func(kevent.DeleteEvent) bool { return false },
		GenericFunc: func(kevent.GenericEvent) bool { return false },
	}
}
