// SPDX-License-Identifier: Apache-2.0

package owed

import (
	"context"

	batchv1 "k8s.io/api/batch/v1"
	"k8s.io/apimachinery/pkg/types"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/predicate"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/voiceai-dev/integrations-operator/api/v1alpha1"
	runs "github.com/voiceai-dev/integrations-operator/internal/event"
)

// RunID returns the ID by which the answer with the result of a run is recorded.
func RunID(job types.NamespacedName) string { return "run/" + job.String() }

// SetupWithManager registers the leader. Only the leader of the replicas runs it: an answer is given once.
func (l *Leader) SetupWithManager(mgr ctrl.Manager) error {
	owes := predicate.NewPredicateFuncs(func(o client.Object) bool {
		i, ok := o.(*v1alpha1.SlackIntegration)
		return ok && count(i) > 0
	})
	return ctrl.NewControllerManagedBy(mgr).
		Named("slackanswer").
		For(&v1alpha1.SlackIntegration{}, builder.WithPredicates(predicate.AnnotationChangedPredicate{}, owes)).
		Watches(&batchv1.Job{}, handler.EnqueueRequestsFromMapFunc(l.owing), builder.WithPredicates(ends())).
		WithOptions(controller.Options{MaxConcurrentReconciles: workers}).
		Complete(l)
}

// ends returns which events of Jobs end a run. At the start each integration that owes an answer is looked at anyway.
func ends() predicate.Funcs {
	hasEnded := func(o client.Object) bool {
		job, ok := o.(*batchv1.Job)
		if !ok || job.Labels[v1alpha1.SuiteLabel] == "" {
			return false
		}
		finished, _, _, _ := runs.RunFinished(job)
		return finished
	}
	return predicate.Funcs{
		CreateFunc:  func(e event.CreateEvent) bool { return !e.IsInInitialList && hasEnded(e.Object) },
		UpdateFunc:  func(e event.UpdateEvent) bool { return !hasEnded(e.ObjectOld) && hasEnded(e.ObjectNew) },
		DeleteFunc:  func(e event.DeleteEvent) bool { return e.Object.GetLabels()[v1alpha1.SuiteLabel] != "" },
		GenericFunc: func(event.GenericEvent) bool { return false },
	}
}

// owing returns the integrations that owe the result of a run.
func (l *Leader) owing(ctx context.Context, job client.Object) (all []reconcile.Request) {
	list := &v1alpha1.SlackIntegrationList{} // shared with the cache: it is only read
	if err := l.Client.List(ctx, list, client.UnsafeDisableDeepCopy); err != nil {
		ctrl.LoggerFrom(ctx).Error(err, "Listing the SlackIntegrations that owe the result of a run")
		return nil
	}
	record := key(RunID(client.ObjectKeyFromObject(job)))
	for n := range list.Items {
		if _, ok := list.Items[n].Annotations[record]; ok {
			all = append(all, reconcile.Request{NamespacedName: client.ObjectKeyFromObject(&list.Items[n])})
		}
	}
	return all
}
