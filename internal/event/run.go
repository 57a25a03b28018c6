// SPDX-License-Identifier: Apache-2.0

package event

import (
	"cmp"
	"fmt"
	"strings"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"

	"github.com/voiceai-dev/integrations-operator/api/v1alpha1"
)

// KindJob is the kind of a run's subject.
const KindJob = "Job"

// The values of data.result and data.previousResult.
const (
	Passed = "Passed"
	Failed = "Failed"
)

// RunFinished reports whether a Job ended for good, whether it succeeded, the reason if it did not, and when it
// ended.
func RunFinished(job *batchv1.Job) (finished, ok bool, reason string, at time.Time) {
	for _, c := range job.Status.Conditions {
		if c.Status != corev1.ConditionTrue {
			continue
		}
		switch c.Type {
		case batchv1.JobComplete:
			return true, true, "", c.LastTransitionTime.Time
		case batchv1.JobFailed:
			return true, false, c.Reason, c.LastTransitionTime.Time
		}
	}
	return false, false, "", time.Time{}
}

// RunCompletedID returns the id of the event that a test run ended.
func RunCompletedID(job *batchv1.Job) string { return string(job.UID) + ".completed" }

// RunCompleted returns the event that a test run ended. A run failed if its Job or its result says so. malformed is what
// could not be read of the result, nil when all could. AddPrevious adds what is known of the run before.
func RunCompleted(job *batchv1.Job, r Result, malformed error) Event {
	_, ok, reason, at := RunFinished(job)
	suite := job.Labels[v1alpha1.SuiteLabel]
	outcome := Passed
	if !ok || r.IsFailed() {
		outcome = Failed
	}
	e := Event{
		ID:      RunCompletedID(job),
		Type:    v1alpha1.EventTestRunCompleted,
		Time:    at,
		Labels:  labels(job.Labels),
		Subject: &v1alpha1.EventSubject{Kind: KindJob, Namespace: job.Namespace, Name: job.Name, UID: string(job.UID)},
		Data: map[string]any{
			"title":          runTitle(suite, outcome, r),
			"suite":          suite,
			"run":            job.Name,
			"result":         outcome,
			"previousResult": "", // not known yet, and present all the same so that rules need not check with has()
		},
	}
	if outcome == Failed {
		e.Severity = v1alpha1.SeverityHigh
	}
	for name, n := range map[string]*int64{"passed": r.Passed, "failed": r.Failed, "skipped": r.Skipped, "total": r.All()} {
		if n != nil {
			e.Data[name] = float64(*n)
		}
	}
	switch {
	case r.DurationSeconds != nil:
		e.Data["durationSeconds"] = *r.DurationSeconds
	case job.Status.StartTime != nil:
		e.Data["durationSeconds"] = max(at.Sub(job.Status.StartTime.Time).Seconds(), 0)
	}
	e.setText("reportURL", r.ReportURL, maxText)
	e.setText("commit", r.Commit, maxText)
	e.setText("reason", reason, maxText)
	if trouble := r.Trouble(malformed); trouble != "" {
		e.Data["resultError"] = trouble
	}
	return e
}

// runTitle returns the outcome of a run in one line.
func runTitle(suite, outcome string, r Result) string {
	suite = cmp.Or(suite, "test run")
	total := r.All()
	switch {
	case outcome == Failed && r.Failed != nil && *r.Failed > 0 && total != nil:
		return fmt.Sprintf("%s: %d of %d failed", suite, *r.Failed, *total)
	case outcome == Passed && total != nil:
		passed := *total
		if r.Skipped != nil {
			passed -= *r.Skipped
		}
		if r.Passed != nil && *r.Passed < passed { // the others are not accounted for
			return fmt.Sprintf("%s: %d of %d passed", suite, *r.Passed, *total)
		}
		return fmt.Sprintf("%s: %d passed", suite, passed)
	}
	return suite + ": " + strings.ToLower(outcome)
}
