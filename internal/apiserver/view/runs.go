// SPDX-License-Identifier: Apache-2.0

package view

import (
	"cmp"
	"context"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/voiceai-dev/integrations-operator/api/v1alpha1"
	"github.com/voiceai-dev/integrations-operator/internal/event"
)

// RunRecord is a run: a Job with the suite label.
type RunRecord struct {
	Namespace       string      `json:"namespace" doc:"The namespace of the Job."`
	Name            string      `json:"name" doc:"The name of the Job."`
	Suite           string      `json:"suite" doc:"The suite's id."`
	State           string      `json:"state" enum:"Pending,Running,Passed,Failed" doc:"Its state. A run in which a test failed is Failed."`
	Reason          string      `json:"reason,omitempty" doc:"The reason of a failure, such as DeadlineExceeded."`
	Message         string      `json:"message,omitempty" doc:"Why it failed."`
	CreatedTime     time.Time   `json:"createdTime" doc:"When it was created; if its Job was deleted, when it ended."`
	StartedTime     *time.Time  `json:"startedTime,omitempty" doc:"When its Pod was started."`
	FinishedTime    *time.Time  `json:"finishedTime,omitempty" doc:"When it ended."`
	DurationSeconds float64     `json:"durationSeconds,omitempty" doc:"How long it took, in seconds: as it reported, or else from its start to its end."`
	Results         *RunResults `json:"results,omitempty" doc:"What it reported in the annotation integrations.voiceai.dev/results, or else in the termination message of a Pod."`
	ResultError     string      `json:"resultError,omitempty" doc:"What could not be read of the result that the run left, and how a Pod failed if no test says why."`
	Commit          string      `json:"commit,omitempty" doc:"The commit that was tested, where the run reported it."`
	Deleted         bool        `json:"deleted,omitempty" doc:"Whether its Job was deleted: this is what a Notification about it has."`
	Outside         bool        `json:"outside,omitempty" doc:"Whether it is no Job, as in CI: this is what a Notification about its CloudEvent has."`
}

// RunResults are the counts of a run's tests.
type RunResults struct {
	Passed          int64   `json:"passed" doc:"Tests that passed."`
	Failed          int64   `json:"failed" doc:"Tests that failed."`
	Skipped         int64   `json:"skipped" doc:"Tests that were skipped."`
	Total           int64   `json:"total" doc:"All tests."`
	DurationSeconds float64 `json:"durationSeconds" doc:"How long they took, in seconds."`
	ReportURL       string  `json:"reportURL,omitempty" doc:"Opens the report."`
}

// The states of a run.
const (
	RunPending = "Pending"
	RunRunning = "Running"
	RunPassed  = "Passed"
	RunFailed  = "Failed"
)

// reasonTestsFailed is the reason of a run that ended well for Kubernetes, and in which a test failed.
const reasonTestsFailed = "TestsFailed"

func hasSuite[T client.Object](o T) bool { return o.GetLabels()[v1alpha1.SuiteLabel] != "" }

// SuiteOf returns the namespace and id of the suite of a run.
func SuiteOf(j *batchv1.Job) types.NamespacedName {
	return types.NamespacedName{Namespace: j.Namespace, Name: j.Labels[v1alpha1.SuiteLabel]}
}

// Run returns a Job. ok is false when it is no run of a suite.
func (m *Model) Run(ctx context.Context, key types.NamespacedName) (j *batchv1.Job, ok bool, err error) {
	j, ok = m.Runs.Get(key)
	if !ok {
		j = &batchv1.Job{} // it may be newer than the cache
		if err := m.live.Get(ctx, key, j); err != nil {
			return nil, false, err
		}
		if !hasSuite(j) {
			return j, false, nil
		}
	}
	m.LoadReports(ctx, []*batchv1.Job{j})
	return j, true, nil
}

// RunRecord returns a Job as a run, with the report that was loaded of it.
func (m *Model) RunRecord(j *batchv1.Job) RunRecord {
	out := RunRecord{
		Namespace: j.Namespace, Name: j.Name, Suite: SuiteOf(j).Name, State: RunPending, CreatedTime: j.CreationTimestamp.UTC(),
		StartedTime: timeOf(j.Status.StartTime), FinishedTime: timeOf(j.Status.CompletionTime),
	}
	reported := m.reports.of(j)
	out.Results = resultsOf(reported.result)
	out.Commit = reported.result.Commit
	out.ResultError = reported.result.Trouble(reported.problem)
	if j.Status.StartTime != nil && j.Status.Active > 0 {
		out.State = RunRunning
	}
	for _, c := range j.Status.Conditions {
		switch {
		case c.Status != corev1.ConditionTrue:
		case c.Type == batchv1.JobComplete:
			out.State = RunPassed
			if reported.result.IsFailed() {
				out.State = RunFailed
				out.Reason = reasonTestsFailed
			}
		case c.Type == batchv1.JobFailed:
			out.State = RunFailed
			out.Reason = c.Reason
			out.Message = c.Message
			out.FinishedTime = cmp.Or(out.FinishedTime, timeOf(&c.LastTransitionTime))
		}
	}
	out.DurationSeconds = durationOf(&out, reported.result)
	return out
}

// durationOf returns how long a run took, in seconds; 0 while that is not known.
func durationOf(r *RunRecord, reported event.Result) float64 {
	switch {
	case reported.DurationSeconds != nil:
		return *reported.DurationSeconds
	case r.StartedTime != nil && r.FinishedTime != nil:
		return max(r.FinishedTime.Sub(*r.StartedTime).Seconds(), 0)
	}
	return 0
}

// resultsOf returns the counts of a result; nil when it has none.
func resultsOf(r event.Result) *RunResults {
	if !r.HasCounts() {
		return nil
	}
	return &RunResults{
		Passed: ptr.Deref(r.Passed, 0), Failed: ptr.Deref(r.Failed, 0), Skipped: ptr.Deref(r.Skipped, 0),
		Total: ptr.Deref(r.All(), 0), DurationSeconds: ptr.Deref(r.DurationSeconds, 0), ReportURL: r.ReportURL,
	}
}
