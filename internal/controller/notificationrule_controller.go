package controller

import (
	"context"
	"errors"
	"fmt"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/tools/events"
	"k8s.io/client-go/util/workqueue"
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
	"github.com/voiceai-dev/integrations-operator/internal/outbox"
	"github.com/voiceai-dev/integrations-operator/internal/rule"
	"github.com/voiceai-dev/integrations-operator/internal/text"
)

// +kubebuilder:rbac:groups=integrations.voiceai.dev,resources=notificationrules,verbs=get;list;watch
// +kubebuilder:rbac:groups=integrations.voiceai.dev,resources=notificationrules/status,verbs=get;update

// NotificationRuleReconciler says whether a rule makes sense and can be served.
type NotificationRuleReconciler struct {
	Client   client.Client
	Recorder events.EventRecorder
	Outbox   *outbox.Outbox
	// Stats takes what is called off.
	Stats *RuleStats
}

// Reconcile brings one NotificationRule on.
func (r *NotificationRuleReconciler) Reconcile(ctx context.Context, req ctrl.Request) (ctrl.Result, error) {
	n := &v1alpha1.NotificationRule{}
	if err := r.Client.Get(ctx, req.NamespacedName, n); err != nil {
		if client.IgnoreNotFound(err) == nil {
			r.Outbox.Forget(req.NamespacedName)
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
		n.Status.LastError = nil // it was the former spec's
	}
	if !since.IsZero() {
		n.Status.Since = &metav1.Time{Time: since}
	}
	accepted := r.accept(n)
	resolved := r.resolve(ctx, n)
	switch {
	case accepted != nil:
		condition.NotReady(n, accepted.progress, accepted.reason, accepted.message)
	case resolved != nil:
		condition.NotReady(n, resolved.progress, resolved.reason, resolved.message)
	case n.Spec.Suspend:
		condition.NotReady(n, condition.Resting, v1alpha1.ReasonSuspended, "spec.suspend is true: nothing matches until it is false")
	default:
		condition.Ready(n, v1alpha1.ReasonReady, "Events that match are told")
	}
	result, err := writeStatus(ctx, r.Client, r.Recorder, before, n, ctrl.Result{RequeueAfter: resolved.again()})
	if resolved != nil && resolved.err != nil {
		return ctrl.Result{}, resolved.err
	}
	return result, err
}

func (r *NotificationRuleReconciler) accept(n *v1alpha1.NotificationRule) *outcome {
	compiled, err := r.Outbox.Compile(n)
	n.Status.Preview = ""
	var mistake *rule.Error
	if errors.As(err, &mistake) {
		condition.False(n, v1alpha1.ConditionAccepted, mistake.Reason, mistake.Message)
		return &outcome{progress: condition.Stalled, reason: mistake.Reason, message: mistake.Message}
	}
	n.Status.Preview = text.Truncate(compiled.Preview(), 4096)
	setAccepted(n)
	return nil
}

// setAccepted says that a rule is accepted, and what came of it all the same.
func setAccepted(n *v1alpha1.NotificationRule) {
	message := "The rule makes sense"
	if e := n.Status.LastError; e != nil {
		message = fmt.Sprintf("The rule makes sense, but not for every event, last for a %s at %s: %s", e.EventType, e.Time.UTC().Format(time.RFC3339), e.Message)
	}
	condition.True(n, v1alpha1.ConditionAccepted, v1alpha1.ReasonAccepted, message)
}

func (r *NotificationRuleReconciler) resolve(ctx context.Context, n *v1alpha1.NotificationRule) *outcome {
	i, err := connection.ResolveSlack(ctx, r.Client, n.Namespace, n.Spec.IntegrationRef)
	if err == nil {
		_, err = channelFor(i, n.Spec.Channel)
	}
	if o := outcomeOf(err); o != nil {
		condition.False(n, v1alpha1.ConditionResolvedRefs, o.reason, o.message)
		return o
	}
	condition.True(n, v1alpha1.ConditionResolvedRefs, v1alpha1.ReasonResolvedRefs, fmt.Sprintf("SlackIntegration %s is used", client.ObjectKeyFromObject(i)))
	return nil
}

// channelFor is the channel that a message for one goes to; empty for an incoming webhook.
func channelFor(i *v1alpha1.SlackIntegration, wanted v1alpha1.SlackChannel) (string, error) {
	name := client.ObjectKeyFromObject(i)
	switch {
	case i.Spec.Webhook != nil && wanted != "" && wanted != i.Spec.DefaultChannel:
		return "", &connection.Refusal{Reason: v1alpha1.ReasonInvalidChannel, Message: fmt.Sprintf(
			"SlackIntegration %s is an incoming webhook, which posts to its own channel only, not to %s: leave spec.channel empty, or use a bot token", name, wanted)}
	case i.Spec.Webhook != nil:
		return "", nil
	case wanted != "":
		return string(wanted), nil
	default:
		return string(i.Spec.DefaultChannel), nil
	}
}

// SetupWithManager has the reconciler run.
func (r *NotificationRuleReconciler) SetupWithManager(mgr ctrl.Manager, options controller.Options) error {
	all := func(ctx context.Context, o client.Object) []reconcile.Request {
		list := &v1alpha1.NotificationRuleList{}
		if err := r.Client.List(ctx, list); err != nil {
			ctrl.LoggerFrom(ctx).Error(err, "Listing the rules that an integration may concern", "SlackIntegration", client.ObjectKeyFromObject(o))
			return nil
		}
		return requests(pointers(list.Items))
	}
	calledOff := handler.Funcs{DeleteFunc: func(_ context.Context, e kevent.DeleteEvent, _ workqueue.TypedRateLimitingInterface[reconcile.Request]) {
		if n, ok := e.Object.(*v1alpha1.Notification); ok && r.Outbox.MayRecur(n) {
			r.Stats.RecordCancelled(n)
		}
	}}
	return ctrl.NewControllerManagedBy(mgr).
		For(&v1alpha1.NotificationRule{}, builder.WithPredicates(predicate.GenerationChangedPredicate{})).
		Watches(&v1alpha1.SlackIntegration{}, handler.EnqueueRequestsFromMapFunc(all), builder.WithPredicates(predicate.GenerationChangedPredicate{})).
		Watches(&v1alpha1.Notification{}, calledOff).
		WithOptions(options).
		Complete(r)
}
