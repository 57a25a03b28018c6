package controller

import (
	"context"
	"fmt"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/utils/clock"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	"sigs.k8s.io/controller-runtime/pkg/predicate"

	"github.com/voiceai-dev/integrations-operator/api/v1alpha1"
	"github.com/voiceai-dev/integrations-operator/internal/event"
	"github.com/voiceai-dev/integrations-operator/internal/outbox"
)

// +kubebuilder:rbac:groups=batch,resources=jobs,verbs=get;list;watch
// +kubebuilder:rbac:groups="",resources=pods,verbs=list

// RunReconciler tells when test runs end: Jobs that carry the label of a suite. It never touches them.
type RunReconciler struct {
	Client client.Client
	// Live reads Pods past the cache: they are wanted once for each run.
	Live   client.Reader
	Clock  clock.PassiveClock
	Outbox *outbox.Outbox
}

// Reconcile tells of one run, if it ended and is young enough to be told. Telling twice does no harm.
func (r *RunReconciler) Reconcile(ctx context.Context, req ctrl.Request) (ctrl.Result, error) {
	job := &batchv1.Job{}
	if err := r.Client.Get(ctx, req.NamespacedName, job); err != nil {
		return ctrl.Result{}, client.IgnoreNotFound(err)
	}
	finished, _, _, at := event.RunFinished(job)
	age := r.Clock.Since(at)
	if !finished || age > r.Outbox.MaxEventAge {
		return ctrl.Result{}, nil
	}
	rules := &v1alpha1.NotificationRuleList{}
	if err := r.Client.List(ctx, rules, client.InNamespace(job.Namespace), client.Limit(1)); err != nil || len(rules.Items) == 0 {
		return r.again(age), err // nobody wants to know
	}
	result, resultErr, err := r.result(ctx, job)
	if err != nil {
		return ctrl.Result{}, err
	}
	previous, err := r.previous(ctx, job, at)
	if err != nil {
		return ctrl.Result{}, err
	}
	e := event.RunCompleted(job, result, resultErr, previous)
	_, mistakes, err := r.Outbox.Put(ctx, job.Namespace, &e)
	if mistakes != nil {
		ctrl.LoggerFrom(ctx).Error(mistakes, "Matching rules", "Event", e.ID)
	}
	return r.again(age), err
}

// again looks once more a little later, for rules that the cache learns of a moment after the event.
func (r *RunReconciler) again(age time.Duration) ctrl.Result {
	if age < retellFor {
		return ctrl.Result{RequeueAfter: retellFor}
	}
	return ctrl.Result{}
}

// result is what the run says of itself, in the Job's annotation or in the termination message of a Pod.
func (r *RunReconciler) result(ctx context.Context, job *batchv1.Job) (result event.Result, malformed, err error) {
	text := job.Annotations[v1alpha1.ResultsAnnotation]
	if text == "" {
		pods := &corev1.PodList{}
		if err := r.Live.List(ctx, pods, client.InNamespace(job.Namespace), client.MatchingLabels{batchv1.ControllerUidLabel: string(job.UID)}, client.Limit(100)); err != nil {
			return result, nil, fmt.Errorf("listing the Pods of Job %s: %w", job.Name, err)
		}
		text = event.TerminationMessage(pods.Items)
	}
	if text == "" {
		return result, nil, nil
	}
	result, malformed = event.ParseResult(text)
	return result, malformed, nil
}

// previous is how the run of the same suite before this one ended, as RunCompleted says it; empty when there was none.
func (r *RunReconciler) previous(ctx context.Context, job *batchv1.Job, at time.Time) (string, error) {
	list := &batchv1.JobList{}
	err := r.Client.List(ctx, list, client.InNamespace(job.Namespace), client.MatchingLabels{v1alpha1.SuiteLabel: job.Labels[v1alpha1.SuiteLabel]})
	if err != nil {
		return "", fmt.Errorf("listing the runs of the suite: %w", err)
	}
	var last *batchv1.Job
	var lastAt time.Time
	for i := range list.Items {
		o := &list.Items[i]
		if finished, _, _, ended := event.RunFinished(o); finished && o.UID != job.UID && !ended.After(at) && (last == nil || ended.After(lastAt)) {
			last, lastAt = o, ended
		}
	}
	if last == nil {
		return "", nil
	}
	result, malformed, err := r.result(ctx, last)
	if err != nil {
		return "", err
	}
	e := event.RunCompleted(last, result, malformed, "")
	return e.Text("result"), nil
}

// SetupWithManager has the reconciler run.
func (r *RunReconciler) SetupWithManager(mgr ctrl.Manager, options controller.Options) error {
	return ctrl.NewControllerManagedBy(mgr).
		Named("run").
		For(&batchv1.Job{}, builder.WithPredicates(predicate.NewPredicateFuncs(func(o client.Object) bool { return o.GetLabels()[v1alpha1.SuiteLabel] != "" }))).
		WithOptions(options).
		Complete(r)
}
