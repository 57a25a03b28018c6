package controller

import (
	"context"
	"fmt"
	"sync"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/util/workqueue"
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

	mu sync.Mutex
	// gone are runs that were deleted, as they were last seen, until they are told.
	gone map[types.NamespacedName][]*batchv1.Job
}

// Reconcile tells of one run, and of those of the same name that were deleted meanwhile, as by their TTL or a CronJob's history limit.
func (r *RunReconciler) Reconcile(ctx context.Context, req ctrl.Request) (ctrl.Result, error) {
	for job := r.nextGone(req.NamespacedName); job != nil; job = r.nextGone(req.NamespacedName) {
		if !r.Outbox.Announced(job.Namespace, event.RunCompletedID(job)) {
			if _, err := r.announce(ctx, job); err != nil {
				return ctrl.Result{}, err
			}
		}
		r.dropGone(req.NamespacedName)
	}
	job := &batchv1.Job{}
	if err := r.Client.Get(ctx, req.NamespacedName, job); err != nil {
		return ctrl.Result{}, client.IgnoreNotFound(err)
	}
	return r.announce(ctx, job)
}

// remember keeps a run that was deleted until it is told: it may have ended only just before.
func (r *RunReconciler) remember(_ context.Context, e kevent.DeleteEvent, q workqueue.TypedRateLimitingInterface[reconcile.Request]) {
	job, ok := e.Object.(*batchv1.Job)
	if !ok {
		return
	}
	name := client.ObjectKeyFromObject(job)
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.gone == nil {
		r.gone = map[types.NamespacedName][]*batchv1.Job{}
	}
	r.gone[name] = append(r.gone[name], job)
	q.Add(reconcile.Request{NamespacedName: name})
}

// nextGone is the first run of a name that was deleted and not told; nil when there is none.
func (r *RunReconciler) nextGone(name types.NamespacedName) *batchv1.Job {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.gone[name]) == 0 {
		delete(r.gone, name)
		return nil
	}
	return r.gone[name][0]
}

func (r *RunReconciler) dropGone(name types.NamespacedName) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.gone[name] = r.gone[name][1:]
}

// announce tells of a run, if it ended and is young enough to be told. Telling twice does no harm.
func (r *RunReconciler) announce(ctx context.Context, job *batchv1.Job) (ctrl.Result, error) {
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
	_, mistakes, err := r.Outbox.Announce(ctx, job.Namespace, &e)
	if mistakes != nil {
		ctrl.LoggerFrom(ctx).Error(mistakes, "Matching rules", "Event", e.ID)
	}
	return r.again(age), err
}

// again looks once more a little later, for rules that the cache learns of a moment after the event.
func (r *RunReconciler) again(age time.Duration) ctrl.Result {
	if age < reannounceFor {
		return ctrl.Result{RequeueAfter: reannounceFor}
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

// previous is how the run of the same suite before this one ended, as RunCompleted says it; empty when that is not known. A run that was deleted
// since is known by the Notification that told it.
func (r *RunReconciler) previous(ctx context.Context, job *batchv1.Job, at time.Time) (string, error) {
	suite := job.Labels[v1alpha1.SuiteLabel]
	list := &batchv1.JobList{}
	if err := r.Client.List(ctx, list, client.InNamespace(job.Namespace), client.MatchingLabels{v1alpha1.SuiteLabel: suite}); err != nil {
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
	told := &v1alpha1.NotificationList{} // shared with the cache: nothing here changes them
	err := r.Client.List(ctx, told, client.InNamespace(job.Namespace), client.UnsafeDisableDeepCopy,
		client.MatchingLabels{v1alpha1.SuiteLabel: suite, v1alpha1.EventTypeLabel: string(v1alpha1.EventTestRunCompleted)})
	if err != nil {
		return "", fmt.Errorf("listing what was told of the suite: %w", err)
	}
	result := ""
	for i := range told.Items {
		n := &told.Items[i].Spec.Event
		if string(n.ID) == event.RunCompletedID(job) || n.Time.After(at) || !n.Time.After(lastAt) {
			continue
		}
		e, err := event.FromAPI(*n)
		if said := e.Text("result"); err == nil && (said == event.Passed || said == event.Failed) {
			result, lastAt = said, n.Time.Time
		}
	}
	if result != "" || last == nil {
		return result, nil
	}
	own, malformed, err := r.result(ctx, last)
	if err != nil {
		return "", err
	}
	e := event.RunCompleted(last, own, malformed, "")
	return e.Text("result"), nil
}

// SetupWithManager has the reconciler run.
func (r *RunReconciler) SetupWithManager(mgr ctrl.Manager, options controller.Options) error {
	runs := builder.WithPredicates(predicate.NewPredicateFuncs(func(o client.Object) bool { return o.GetLabels()[v1alpha1.SuiteLabel] != "" }))
	return ctrl.NewControllerManagedBy(mgr).
		Named("run").
		For(&batchv1.Job{}, runs).
		Watches(&batchv1.Job{}, handler.Funcs{DeleteFunc: r.remember}, runs).
		WithOptions(options).
		Complete(r)
}
