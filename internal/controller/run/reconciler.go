// SPDX-License-Identifier: Apache-2.0

// Package run announces when test runs end. A run is a Job with the label of a suite; the reconciler never changes
// one.
package run

import (
	"cmp"
	"context"
	"fmt"
	"sync"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
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
	"github.com/voiceai-dev/integrations-operator/internal/controller/kit"
	"github.com/voiceai-dev/integrations-operator/internal/event"
	"github.com/voiceai-dev/integrations-operator/internal/history"
	"github.com/voiceai-dev/integrations-operator/internal/index"
	"github.com/voiceai-dev/integrations-operator/internal/outbox"
	"github.com/voiceai-dev/integrations-operator/internal/text"
)

// +kubebuilder:rbac:groups=batch,resources=jobs,verbs=get;list;watch
// +kubebuilder:rbac:groups="",resources=pods,verbs=list

// Reconciler announces test runs that ended.
type Reconciler struct {
	Client client.Client
	// Live reads Pods past the cache: they are needed once for each run.
	Live   client.Reader
	Clock  clock.PassiveClock
	Outbox *outbox.Outbox

	mu sync.Mutex
	// deleted holds runs that were deleted, as they were last seen, until they are announced.
	deleted map[types.NamespacedName][]*batchv1.Job
}

// Reconcile announces one run if it ended, and the runs of the same name that were deleted meanwhile, as by their TTL
// or a CronJob's history limit.
func (r *Reconciler) Reconcile(ctx context.Context, req ctrl.Request) (ctrl.Result, error) {
	for job := r.nextDeleted(req.NamespacedName); job != nil; job = r.nextDeleted(req.NamespacedName) {
		if !r.Outbox.Announced(job.Namespace, event.RunCompletedID(job)) {
			if _, err := r.announce(ctx, job); err != nil {
				return ctrl.Result{}, err
			}
		}
		r.dropDeleted(req.NamespacedName)
		r.Outbox.ForgetEvents(job.Namespace, []v1alpha1.EventID{v1alpha1.EventID(event.RunCompletedID(job))})
	}
	job := &batchv1.Job{}
	if err := r.Client.Get(ctx, req.NamespacedName, job); err != nil {
		return ctrl.Result{}, client.IgnoreNotFound(err)
	}
	return r.announce(ctx, job)
}

// rememberDeleted keeps a run that was deleted until it is announced: it may have ended just before.
func (r *Reconciler) rememberDeleted(
	_ context.Context,
	e kevent.DeleteEvent,
	q workqueue.TypedRateLimitingInterface[reconcile.Request],
) {
	job, ok := e.Object.(*batchv1.Job)
	if !ok {
		return
	}
	name := client.ObjectKeyFromObject(job)
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.deleted == nil {
		r.deleted = map[types.NamespacedName][]*batchv1.Job{}
	}
	r.deleted[name] = append(r.deleted[name], job)
	q.Add(reconcile.Request{NamespacedName: name})
}

// nextDeleted returns the first deleted run of a name that is still to be announced, or nil.
func (r *Reconciler) nextDeleted(name types.NamespacedName) *batchv1.Job {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.deleted[name]) == 0 {
		delete(r.deleted, name)
		return nil
	}
	return r.deleted[name][0]
}

// dropDeleted forgets the run that nextDeleted returned.
func (r *Reconciler) dropDeleted(name types.NamespacedName) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.deleted[name] = r.deleted[name][1:]
}

// announce announces a run if it ended and is not too old. Announcing it twice does no harm.
func (r *Reconciler) announce(ctx context.Context, job *batchv1.Job) (ctrl.Result, error) {
	finished, _, _, at := event.RunFinished(job)
	age := r.Clock.Since(at)
	if !finished || age > r.Outbox.MaxEventAge {
		return ctrl.Result{}, nil
	}
	rules := &v1alpha1.NotificationRuleList{}
	if err := r.Client.List(ctx, rules, client.InNamespace(job.Namespace), client.Limit(1)); err != nil || len(rules.Items) == 0 {
		return reannounce(age), err
	}
	result, malformed, err := r.result(ctx, job)
	if err != nil {
		return ctrl.Result{}, err
	}
	previous, err := r.previous(ctx, job, at)
	if err != nil {
		return ctrl.Result{}, err
	}
	e := event.RunCompleted(job, result, malformed)
	e.AddPrevious(previous)
	defects, err := r.defectsIn(ctx, job)
	if err != nil {
		return ctrl.Result{}, err
	}
	e.AddDefects(defects)
	isNew := !r.Outbox.Announced(job.Namespace, e.ID)
	if _, err := kit.Announce(ctx, r.Outbox, job.Namespace, &e); err != nil {
		return reannounce(age), err
	}
	if isNew {
		countResult(job.Namespace, result, malformed)
	}
	return reannounce(age), nil
}

// defectsIn returns the Defects of the run's suite about which the run changed something, or in whose test it failed.
func (r *Reconciler) defectsIn(ctx context.Context, job *batchv1.Job) ([]event.RunDefect, error) {
	suite := job.Labels[v1alpha1.SuiteLabel]
	list, err := index.DefectsOfSuite(ctx, r.Client, job.Namespace, suite)
	if err != nil {
		return nil, fmt.Errorf("listing the Defects of suite %s: %w", suite, err)
	}
	var out []event.RunDefect
	for _, d := range list {
		if c := history.InRun(d, job.Name); c != "" {
			out = append(out, event.RunDefect{Defect: d, Change: c})
		}
	}
	return out, nil
}

// reannounce returns a result that announces a run of an age once more, see kit.ReannounceFor.
func reannounce(age time.Duration) ctrl.Result {
	if age < kit.ReannounceFor {
		return ctrl.Result{RequeueAfter: kit.ReannounceFor}
	}
	return ctrl.Result{}
}

// maxPodPages bounds how many pages of a run's Pods are read.
const maxPodPages = 20

// result returns the result that a run reported, from the Job's annotation or the termination messages of its Pods.
// malformed is what cannot be read of it.
func (r *Reconciler) result(ctx context.Context, job *batchv1.Job) (result event.Result, malformed, err error) {
	var pods []corev1.Pod
	if job.Annotations[v1alpha1.ResultsAnnotation] == "" {
		if pods, err = r.podsOf(ctx, job); err != nil {
			return result, nil, fmt.Errorf("listing the Pods of Job %s: %w", job.Name, err)
		}
	}
	result, malformed = event.ReportOf(job, pods)
	return result, malformed, nil
}

// podsOf returns the Pods of a run, with what a result needs of them.
func (r *Reconciler) podsOf(ctx context.Context, job *batchv1.Job) (out []corev1.Pod, err error) {
	next := ""
	for range maxPodPages {
		page := &corev1.PodList{}
		err := r.Live.List(ctx, page, client.InNamespace(job.Namespace),
			client.MatchingLabels{batchv1.ControllerUidLabel: string(job.UID)}, client.Limit(100), client.Continue(next))
		if err != nil {
			return nil, err
		}
		for i := range page.Items {
			p := &page.Items[i]
			out = append(out, corev1.Pod{ObjectMeta: metav1.ObjectMeta{Annotations: p.Annotations, Labels: p.Labels},
				Status: corev1.PodStatus{Phase: p.Status.Phase, Reason: p.Status.Reason, ContainerStatuses: p.Status.ContainerStatuses,
					InitContainerStatuses: p.Status.InitContainerStatuses}})
		}
		if next = page.Continue; next == "" {
			break
		}
	}
	return out, nil
}

// previous returns the event of the suite's run before this one; nil when that is not known. That of a run that was deleted
// since is in the Notification that announced it.
func (r *Reconciler) previous(ctx context.Context, job *batchv1.Job, at time.Time) (*event.Event, error) {
	last, lastAt, err := r.previousJob(ctx, job, at)
	if err != nil {
		return nil, err
	}
	announced, err := r.announcedRun(ctx, job, lastAt, at)
	if err != nil || announced != nil || last == nil {
		return announced, err
	}
	result, malformed, err := r.result(ctx, last)
	if err != nil {
		return nil, err
	}
	e := event.RunCompleted(last, result, malformed)
	return &e, nil
}

// previousJob returns the suite's run that ended last before a time, other than job itself, and when it ended.
func (r *Reconciler) previousJob(
	ctx context.Context,
	job *batchv1.Job,
	before time.Time,
) (last *batchv1.Job, lastAt time.Time, err error) {
	for key := range index.RunsBack(job.Labels[v1alpha1.SuiteLabel], before, time.Time{}) {
		runs, err := index.EndedRuns(ctx, r.Client, job.Namespace, key)
		if err != nil {
			return nil, time.Time{}, fmt.Errorf("listing the runs of the suite: %w", err)
		}
		for i := range runs {
			_, _, _, ended := event.RunFinished(&runs[i])
			name := runs[i].Name
			isLast := last == nil || compare(ended, name, lastAt, last.Name) > 0
			if runs[i].UID != job.UID && compare(ended, name, before, job.Name) < 0 && isLast {
				last = &runs[i]
				lastAt = ended
			}
		}
		if last != nil {
			break
		}
	}
	return last, lastAt, nil
}

// announcedRun returns the event of the suite's last run between two times, other than job itself, of which a Notification
// exists; nil when there is none.
func (r *Reconciler) announcedRun(ctx context.Context, job *batchv1.Job, after, before time.Time) (*event.Event, error) {
	for key := range index.RunsBack(job.Labels[v1alpha1.SuiteLabel], before, after) {
		list, err := index.NotificationsOfRuns(ctx, r.Client, job.Namespace, key)
		if err != nil {
			return nil, fmt.Errorf("listing the Notifications about the suite: %w", err)
		}
		if e := lastRun(list, job, after, before); e != nil {
			return e, nil
		}
	}
	return nil, nil
}

// lastRun returns the event of the last run between two times, other than job itself, that Notifications are about; nil
// when there is none.
func lastRun(list []*v1alpha1.Notification, job *batchv1.Job, after, before time.Time) (last *event.Event) {
	lastName := ""
	for i := range list {
		n := &list[i].Spec.Event
		name := ""
		if n.Subject != nil {
			name = n.Subject.Name
		}
		isAfter := n.Time.After(after) || last != nil && compare(n.Time.Time, name, after, lastName) > 0
		if string(n.ID) == event.RunCompletedID(job) || compare(n.Time.Time, name, before, job.Name) >= 0 || !isAfter {
			continue
		}
		e, err := event.Of(list[i])
		if result := e.Text("result"); err == nil && (result == event.Passed || result == event.Failed) {
			last = &e
			after = n.Time.Time
			lastName = name
		}
	}
	return last
}

// compare compares the places of two runs of a suite in time. Times of the API server have whole seconds: of runs of one second, the
// name decides.
func compare(a time.Time, aName string, b time.Time, bName string) int {
	return cmp.Or(a.Compare(b), text.CompareNames(aName, bName))
}

// SetupWithManager registers the reconciler.
func (r *Reconciler) SetupWithManager(mgr ctrl.Manager, options controller.Options) error {
	runs := builder.WithPredicates(
		predicate.NewPredicateFuncs(func(o client.Object) bool { return o.GetLabels()[v1alpha1.SuiteLabel] != "" }),
	)
	return ctrl.NewControllerManagedBy(mgr).
		Named("run").
		For(&batchv1.Job{}, runs).
		Watches(&batchv1.Job{}, handler.Funcs{DeleteFunc: r.rememberDeleted}, runs).
		WithOptions(options).
		Complete(r)
}
