// SPDX-License-Identifier: Apache-2.0

package view

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/voiceai-dev/integrations-operator/api/v1alpha1"
	"github.com/voiceai-dev/integrations-operator/internal/apiserver/page"
	"github.com/voiceai-dev/integrations-operator/internal/event"
)

// Suite is a CronJob with the suite label.
type Suite struct {
	Suite     string     `json:"suite" doc:"The suite's id: the label integrations.voiceai.dev/suite."`
	Namespace string     `json:"namespace" doc:"The namespace of its CronJob."`
	Name      string     `json:"name" doc:"The name of its CronJob."`
	Schedule  string     `json:"schedule" doc:"The cron schedule by which it runs."`
	TimeZone  string     `json:"timeZone,omitempty" doc:"The time zone of the schedule."`
	OnDemand  bool       `json:"onDemand" doc:"Whether it runs only when it is started: its CronJob is suspended."`
	LastRun   *RunRecord `json:"lastRun,omitempty" doc:"The newest run; left out when you may not list Jobs."`
}

// RunRecord is a run: a Job with the suite label.
type RunRecord struct {
	Namespace    string      `json:"namespace" doc:"The namespace of the Job."`
	Name         string      `json:"name" doc:"The name of the Job."`
	Suite        string      `json:"suite" doc:"The suite's id."`
	State        string      `json:"state" enum:"Pending,Running,Passed,Failed" doc:"Its state. A run in which a test failed is Failed."`
	Reason       string      `json:"reason,omitempty" doc:"The reason of a failure, such as DeadlineExceeded."`
	Message      string      `json:"message,omitempty" doc:"Why it failed."`
	CreatedTime  time.Time   `json:"createdTime" doc:"When it was created."`
	StartedTime  *time.Time  `json:"startedTime,omitempty" doc:"When its Pod was started."`
	FinishedTime *time.Time  `json:"finishedTime,omitempty" doc:"When it ended."`
	Results      *RunResults `json:"results,omitempty" doc:"What it reported in the annotation integrations.voiceai.dev/results, or else in the termination message of a Pod."`
	ResultError  string      `json:"resultError,omitempty" doc:"What could not be read of the result that the run left."`
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
	runPending = "Pending"
	runRunning = "Running"
	runPassed  = "Passed"
	runFailed  = "Failed"
)

// reasonTestsFailed is the reason of a run that ended well for Kubernetes, and in which a test failed.
const reasonTestsFailed = "TestsFailed"

func hasSuite[T client.Object](o T) bool { return o.GetLabels()[v1alpha1.SuiteLabel] != "" }

// SuiteOf returns the namespace and id of the suite of a run.
func SuiteOf(j *batchv1.Job) types.NamespacedName {
	return types.NamespacedName{Namespace: j.Namespace, Name: j.Labels[v1alpha1.SuiteLabel]}
}

// ListSuites returns the suites of a namespace, or of all when it is empty. Their last runs are included when the
// caller may see runs.
func (m *Model) ListSuites(ctx context.Context, namespace string, see Visibility) []Suite {
	last := map[types.NamespacedName]*batchv1.Job{}
	if see.Runs {
		for _, j := range m.Runs.In(namespace) {
			if last[SuiteOf(j)] == nil {
				last[SuiteOf(j)] = j
			}
		}
		m.LoadReports(ctx, slices.Collect(maps.Values(last)))
	}
	out := []Suite{}
	for _, c := range m.Suites.In(namespace) {
		id := c.Labels[v1alpha1.SuiteLabel]
		one := Suite{
			Suite: id, Namespace: c.Namespace, Name: c.Name, Schedule: c.Spec.Schedule,
			TimeZone: ptr.Deref(c.Spec.TimeZone, ""), OnDemand: ptr.Deref(c.Spec.Suspend, false),
		}
		if j := last[types.NamespacedName{Namespace: c.Namespace, Name: id}]; j != nil {
			one.LastRun = ptr.To(m.RunRecord(j))
		}
		out = append(out, one)
	}
	return out
}

// RunFilter selects runs. Its zero value selects all.
type RunFilter struct {
	Suite string `query:"suite" maxLength:"63" doc:"Only runs of this suite."`
	State string `query:"state" enum:"Pending,Running,Passed,Failed" doc:"Only runs in this state."`
}

// ListRuns returns a page of the runs of a namespace, the newest first; of all namespaces when it is empty.
func (m *Model) ListRuns(ctx context.Context, namespace string, f RunFilter, p page.Params) (page.List[RunRecord], error) {
	found, err := page.NewPager[*batchv1.Job]("", p)
	if err != nil {
		return page.List[RunRecord]{}, err
	}
	all := m.Runs.In(namespace)
	if f.State != "" { // it depends on the report of each run
		m.LoadReports(ctx, all[:min(len(all), maxReports/2)])
	}
	for _, j := range all {
		if f.Suite != "" && SuiteOf(j).Name != f.Suite || f.State != "" && m.RunRecord(j).State != f.State {
			continue
		}
		found.Add(page.Place{Time: j.CreationTimestamp.UnixNano(), Namespace: j.Namespace, Name: j.Name}, j)
	}
	m.LoadReports(ctx, found.Items())
	return page.Collect(found, m.RunRecord), nil
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
		Namespace: j.Namespace, Name: j.Name, Suite: SuiteOf(j).Name, State: runPending, CreatedTime: j.CreationTimestamp.UTC(),
		StartedTime: timeOf(j.Status.StartTime), FinishedTime: timeOf(j.Status.CompletionTime),
	}
	reported := m.reports.of(j)
	out.Results = resultsOf(reported.result)
	if reported.problem != nil {
		out.ResultError = reported.problem.Error()
	}
	if j.Status.StartTime != nil && j.Status.Active > 0 {
		out.State = runRunning
	}
	for _, c := range j.Status.Conditions {
		switch {
		case c.Status != corev1.ConditionTrue:
		case c.Type == batchv1.JobComplete:
			out.State = runPassed
			if reported.result.IsFailed() {
				out.State = runFailed
				out.Reason = reasonTestsFailed
			}
		case c.Type == batchv1.JobFailed:
			out.State = runFailed
			out.Reason = c.Reason
			out.Message = c.Message
			out.FinishedTime = cmp.Or(out.FinishedTime, timeOf(&c.LastTransitionTime))
		}
	}
	return out
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
