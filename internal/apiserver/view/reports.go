// SPDX-License-Identifier: Apache-2.0

package view

import (
	"context"
	"slices"
	"sync/atomic"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/selection"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/lru"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/voiceai-dev/integrations-operator/api/v1alpha1"
	"github.com/voiceai-dev/integrations-operator/internal/event"
)

const (
	// maxReports bounds how many reports are kept: those of the runs that were viewed last.
	maxReports = 4096
	// maxRunsPerCall bounds the runs whose Pods are listed in one call, and maxPods the Pods in its answer.
	maxRunsPerCall = 100
	maxPods        = 1000
)

// reports are the results of finished runs that have no annotation. The Pods of a finished run do not
// change: they are listed once, and the report outlives them.
type reports struct {
	known *lru.Cache // report by types.UID
	// version is how often any was loaded.
	version atomic.Uint64
}

func newReports() *reports { return &reports{known: lru.New(maxReports)} }

// ReportsVersion returns a number that grows with each report that was loaded.
func (m *Model) ReportsVersion() uint64 { return m.reports.version.Load() }

// report is a run's result, and what could not be read of it.
type report struct {
	result  event.Result
	problem error
}

// of returns the report of a run; a zero one when there is none, or when it was not loaded.
func (r *reports) of(j *batchv1.Job) report {
	if j.Annotations[v1alpha1.ResultsAnnotation] != "" {
		result, problem := event.ReportOf(j, nil)
		return report{result, problem}
	}
	known, _ := r.known.Get(j.UID)
	out, _ := known.(report)
	return out
}

// LoadReports loads the reports of those runs that need it, at most maxReports/2 of the first. Where that fails they are
// shown without, and loaded the next time.
func (m *Model) LoadReports(ctx context.Context, runs []*batchv1.Job) {
	runs = runs[:min(len(runs), maxReports/2)]
	missing := map[string][]*batchv1.Job{}
	for _, j := range runs {
		if finished, _, _, _ := event.RunFinished(j); !finished || j.Annotations[v1alpha1.ResultsAnnotation] != "" {
			continue
		}
		if _, known := m.reports.known.Get(j.UID); !known {
			missing[j.Namespace] = append(missing[j.Namespace], j)
		}
	}
	for namespace, jobs := range missing {
		for some := range slices.Chunk(jobs, maxRunsPerCall) {
			if err := m.loadSome(ctx, namespace, some); err != nil {
				ctrl.LoggerFrom(ctx).Error(err, "Loading the reports of runs", "Namespace", namespace)
			}
		}
	}
}

func (m *Model) loadSome(ctx context.Context, namespace string, runs []*batchv1.Job) error {
	uids := make([]string, 0, len(runs))
	for _, j := range runs {
		uids = append(uids, string(j.UID))
	}
	ofRuns, err := labels.NewRequirement(batchv1.ControllerUidLabel, selection.In, uids)
	if err != nil {
		return err
	}
	pods := &corev1.PodList{}
	selector := client.MatchingLabelsSelector{Selector: labels.NewSelector().Add(*ofRuns)}
	if err := m.live.List(ctx, pods, client.InNamespace(namespace), selector, client.Limit(maxPods)); err != nil {
		return err
	}
	byRun := map[types.UID][]corev1.Pod{}
	for _, p := range pods.Items {
		uid := types.UID(p.Labels[batchv1.ControllerUidLabel])
		byRun[uid] = append(byRun[uid], p)
	}
	for _, j := range runs {
		result, problem := event.ReportOf(j, byRun[j.UID])
		m.reports.known.Add(j.UID, report{result, problem})
	}
	m.reports.version.Add(1)
	return nil
}
