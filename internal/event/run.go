package event

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"net/url"
	"slices"
	"strings"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"

	"github.com/voiceai-dev/integrations-operator/api/v1alpha1"
)

// KindJob is the kind of a run's subject.
const KindJob = "Job"

// How a run ended, as data.result and data.previousResult say it.
const (
	Passed = "Passed"
	Failed = "Failed"
)

// maxResult bounds a result's text, in bytes: as much as Kubernetes keeps of a termination message.
const maxResult = 4 << 10

// Result is what a test run says of itself. Counts that it does not mention are nil.
type Result struct {
	Passed, Failed, Skipped, Total *int64
	// DurationSeconds is how long it took; nil when it does not say.
	DurationSeconds *float64
	// ReportURL is where its report is; empty when nowhere.
	ReportURL string
}

// ParseResult reads a result, which is JSON. Its error names the member that is wrong.
func ParseResult(text string) (Result, error) {
	if len(text) > maxResult {
		return Result{}, fmt.Errorf("the result has %d bytes, more than %d", len(text), maxResult)
	}
	var members map[string]json.RawMessage
	if err := json.Unmarshal([]byte(text), &members); err != nil {
		return Result{}, errors.New(`the result is not a JSON object such as {"passed": 10, "failed": 0}`)
	}
	var r Result
	for name, into := range map[string]**int64{"passed": &r.Passed, "failed": &r.Failed, "skipped": &r.Skipped, "total": &r.Total} {
		raw, ok := members[name]
		if !ok || string(raw) == "null" {
			continue
		}
		var n float64
		if err := json.Unmarshal(raw, &n); err != nil || n < 0 || n > math.MaxInt32 || n != math.Trunc(n) {
			return Result{}, fmt.Errorf("%s of the result must be a whole number from 0 on, not %s", name, cut(string(raw)))
		}
		whole := int64(n)
		*into = &whole
	}
	if raw, ok := members["durationSeconds"]; ok && string(raw) != "null" {
		var n float64
		if err := json.Unmarshal(raw, &n); err != nil || n < 0 || n > 1e9 {
			return Result{}, fmt.Errorf("durationSeconds of the result must be a number of seconds, not %s", cut(string(raw)))
		}
		r.DurationSeconds = &n
	}
	if raw, ok := members["reportURL"]; ok && string(raw) != "null" {
		if err := json.Unmarshal(raw, &r.ReportURL); err != nil || r.ReportURL != "" && !isURL(r.ReportURL) {
			return Result{}, errors.New("reportURL of the result must be an http or https address")
		}
	}
	return r, nil
}

func isURL(s string) bool {
	u, err := url.Parse(s)
	return err == nil && u.Host != "" && (u.Scheme == "https" || u.Scheme == "http") && len(s) <= 1000
}

// RunFinished says whether a Job ended for good, whether well, for which reason if not, and when.
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

// TerminationMessage is what a run's Pods left behind: the message of the container that ended last, of those that left a result, or else of
// those that left any. A sidecar may end later, and leave the last lines of its log.
func TerminationMessage(pods []corev1.Pod) string {
	var last, lastResult *corev1.ContainerStateTerminated
	for i := range pods {
		for _, s := range slices.Concat(pods[i].Status.ContainerStatuses, pods[i].Status.InitContainerStatuses) {
			t := s.State.Terminated
			if t == nil || strings.TrimSpace(t.Message) == "" {
				continue
			}
			last = later(last, t)
			if r, err := ParseResult(t.Message); err == nil && r != (Result{}) { // a line of a log may be JSON too
				lastResult = later(lastResult, t)
			}
		}
	}
	if last = cmp.Or(lastResult, last); last == nil {
		return ""
	}
	return last.Message
}

func later(a, b *corev1.ContainerStateTerminated) *corev1.ContainerStateTerminated {
	if a == nil || b.FinishedAt.After(a.FinishedAt.Time) {
		return b
	}
	return a
}

// RunCompletedID is the id of the event that a test run ended.
func RunCompletedID(job *batchv1.Job) string { return string(job.UID) + ".completed" }

// RunCompleted is the event that a test run ended. What it says of itself counts; without that, or when it is malformed, whether the Job
// succeeded. previous is how the run of the same suite before it ended, empty when there was none.
func RunCompleted(job *batchv1.Job, r Result, malformed error, previous string) Event {
	_, ok, reason, at := RunFinished(job)
	suite := job.Labels[v1alpha1.SuiteLabel]
	outcome := Passed
	if !ok || r.Failed != nil && *r.Failed > 0 {
		outcome = Failed
	}
	e := Event{
		ID: RunCompletedID(job), Type: v1alpha1.EventTestRunCompleted, Time: at, Labels: labels(job.Labels),
		Subject: &v1alpha1.EventSubject{Kind: KindJob, Namespace: job.Namespace, Name: job.Name, UID: string(job.UID)},
		// The result before is there even when it is not known, so that rules can ask for it as it is.
		Data: map[string]any{"title": runTitle(suite, outcome, r), "suite": suite, "run": job.Name, "result": outcome, "previousResult": previous},
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
	for name, text := range map[string]string{"reportURL": r.ReportURL, "reason": reason} {
		if text != "" {
			e.Data[name] = cut(text)
		}
	}
	if malformed != nil {
		e.Data["resultError"] = cut(malformed.Error())
	}
	return e
}

// All is the number of tests, as far as it can be told; nil when it cannot.
func (r Result) All() *int64 {
	if r.Total != nil || r.Passed == nil && r.Failed == nil {
		return r.Total
	}
	var sum int64
	for _, n := range []*int64{r.Passed, r.Failed, r.Skipped} {
		if n != nil {
			sum += *n
		}
	}
	return &sum
}

func runTitle(suite, outcome string, r Result) string {
	suite = cmp.Or(suite, "test run")
	total := r.All()
	switch {
	case outcome == Failed && r.Failed != nil && *r.Failed > 0 && total != nil:
		return fmt.Sprintf("%s: %d of %d failed", suite, *r.Failed, *total)
	case outcome == Passed && total != nil:
		return fmt.Sprintf("%s: %d passed", suite, *total-deref(r.Skipped))
	}
	return suite + ": " + strings.ToLower(outcome)
}

func deref(n *int64) int64 {
	if n == nil {
		return 0
	}
	return *n
}
