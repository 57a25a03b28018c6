package event_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/voiceai-dev/integrations-operator/api/v1alpha1"
	"github.com/voiceai-dev/integrations-operator/internal/event"
)

func TestParseResult(t *testing.T) {
	r, err := event.ParseResult(`{"passed":117,"failed":3,"skipped":0,"total":120,"durationSeconds":81.5,"reportURL":"https://reports.example.com/1","new":{}}`)
	if err != nil || *r.Passed != 117 || *r.Failed != 3 || *r.Skipped != 0 || *r.Total != 120 || *r.DurationSeconds != 81.5 || r.ReportURL != "https://reports.example.com/1" {
		t.Errorf("%+v, %v", r, err)
	}
	for text, says := range map[string]string{
		"FAIL":                        "not a JSON object",
		"[]":                          "not a JSON object",
		`{"passed":"many"}`:           "passed of the result must be a whole number",
		`{"failed":-1}`:               "failed of the result",
		`{"total":1.5}`:               "total of the result",
		`{"skipped":1e99}`:            "skipped of the result",
		`{"durationSeconds":"1m"}`:    "durationSeconds of the result",
		`{"reportURL":"javascript:"}`: "reportURL of the result",
		strings.Repeat("x", 5000):     "more than 4096",
	} {
		if _, err := event.ParseResult(text); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%.40s: %v, want %q", text, err, says)
		}
	}
}

func FuzzParseResult(f *testing.F) {
	f.Add(`{"passed":1,"failed":2,"reportURL":"https://x.example.com"}`)
	f.Fuzz(func(t *testing.T, text string) {
		r, err := event.ParseResult(text)
		e := event.RunCompleted(job(batchv1.JobComplete, ""), r, err, "")
		fits(t, &e)
	})
}

func job(how batchv1.JobConditionType, reason string) *batchv1.Job {
	begin := metav1.NewTime(now.Add(-time.Minute))
	return &batchv1.Job{
		ObjectMeta: metav1.ObjectMeta{Namespace: "voice", Name: "booking-1", UID: "j1", Labels: map[string]string{v1alpha1.SuiteLabel: "booking"}},
		Status: batchv1.JobStatus{StartTime: &begin, Conditions: []batchv1.JobCondition{
			{Type: batchv1.JobFailureTarget, Status: corev1.ConditionTrue, LastTransitionTime: begin},
			{Type: how, Status: corev1.ConditionTrue, Reason: reason, LastTransitionTime: metav1.NewTime(now)},
		}},
	}
}

func TestRunCompleted(t *testing.T) {
	ten, three, none := int64(10), int64(3), int64(0)
	for name, c := range map[string]struct {
		job            *batchv1.Job
		result         event.Result
		malformed      error
		title, outcome string
		severity       v1alpha1.Severity
		total          any
	}{
		"passed":                        {job(batchv1.JobComplete, ""), event.Result{Passed: &ten, Failed: &none}, nil, "booking: 10 passed", "Passed", "", 10.0},
		"failed though the Job did not": {job(batchv1.JobComplete, ""), event.Result{Passed: &ten, Failed: &three}, nil, "booking: 3 of 13 failed", "Failed", v1alpha1.SeverityHigh, 13.0},
		"the Job failed":                {job(batchv1.JobFailed, "DeadlineExceeded"), event.Result{}, nil, "booking: failed", "Failed", v1alpha1.SeverityHigh, nil},
		"malformed":                     {job(batchv1.JobComplete, ""), event.Result{}, errors.New("passed of the result"), "booking: passed", "Passed", "", nil},
	} {
		e := event.RunCompleted(c.job, c.result, c.malformed, "Passed")
		if e.ID != "j1.completed" || e.Text("title") != c.title || e.Text("result") != c.outcome || e.Severity != c.severity || e.Data["total"] != c.total ||
			e.Text("previousResult") != "Passed" || e.Data["durationSeconds"] != 60.0 || (e.Text("resultError") != "") != (c.malformed != nil) {
			t.Errorf("%s: %+v", name, e)
		}
		fits(t, &e)
	}
	if finished, _, _, _ := event.RunFinished(&batchv1.Job{Status: batchv1.JobStatus{Conditions: []batchv1.JobCondition{{Type: batchv1.JobFailureTarget, Status: corev1.ConditionTrue}}}}); finished {
		t.Error("a Job that is about to fail has not ended")
	}
	if finished, ok, reason, at := event.RunFinished(job(batchv1.JobFailed, "BackoffLimitExceeded")); !finished || ok || reason != "BackoffLimitExceeded" || !at.Equal(now) {
		t.Errorf("%v, %v, %s, %s", finished, ok, reason, at)
	}
}

func TestTerminationMessage(t *testing.T) {
	pod := func(message string, ended time.Time) corev1.Pod {
		return corev1.Pod{Status: corev1.PodStatus{ContainerStatuses: []corev1.ContainerStatus{
			{State: corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{Message: message, FinishedAt: metav1.NewTime(ended)}}},
			{State: corev1.ContainerState{Running: &corev1.ContainerStateRunning{}}},
		}}}
	}
	if got := event.TerminationMessage([]corev1.Pod{pod("first", now), pod("second", now.Add(time.Minute)), pod(" ", now.Add(time.Hour)), {}}); got != "second" {
		t.Errorf("%q", got)
	}
	const result = `{"passed":1}`
	for name, c := range map[string][]corev1.Pod{
		"a sidecar that logs later":         {pod(result, now), pod("shutting down", now.Add(time.Second))},
		"a sidecar that logs JSON":          {pod(`{"level":"info"}`, now.Add(time.Second)), pod(result, now)},
		"a result that is older":            {pod(`{"passed":0}`, now.Add(-time.Second)), pod(result, now)},
		"a result that is older, the other": {pod(result, now), pod(`{"passed":0}`, now.Add(-time.Second))},
	} {
		if got := event.TerminationMessage(c); got != result {
			t.Errorf("%s: %q", name, got)
		}
	}
	if got := event.TerminationMessage(nil); got != "" {
		t.Errorf("%q", got)
	}
}
