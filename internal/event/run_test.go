package event_test

import (
	"errors"
	"maps"
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
	r, err := event.ParseResult(
		`{"passed":117,"failed":3,"skipped":0,"total":120,"durationSeconds":81.5,"reportURL":"https://reports.example.com/1","new":{}}`)
	if err != nil || *r.Passed != 117 || *r.Failed != 3 || *r.Skipped != 0 || *r.Total != 120 || *r.DurationSeconds != 81.5 ||
		r.ReportURL != "https://reports.example.com/1" {
		t.Errorf("%+v, %v", r, err)
	}
	r, err = event.ParseResult(`{"passed":null,"durationSeconds":null,"reportURL":null}`)
	if err != nil || r != (event.Result{}) {
		t.Errorf("%+v, %v", r, err)
	}
}

func TestParseResultAtTheLimits(t *testing.T) {
	path := func(n int) string { return `{"reportURL":"http://a/` + strings.Repeat("x", n-len("http://a/")) + `"}` }
	for _, s := range []string{
		`{"passed":2147483647,"durationSeconds":1000000000}`, `{"failed":0,"durationSeconds":0}`, path(1000), `{"reportURL":""}`,
		"{}" + strings.Repeat(" ", 4094),
	} {
		if _, err := event.ParseResult(s); err != nil {
			t.Errorf("%.60s: %v", s, err)
		}
	}
	for s, want := range map[string]string{
		"FAIL":                             "not a JSON object",
		"[]":                               "not a JSON object",
		`{"passed":"many"}`:                `passed of the result must be a whole number from 0 on, not "many"`,
		`{"failed":-1}`:                    "failed of the result must be",
		`{"total":1.5}`:                    "total of the result must be",
		`{"skipped":2147483648}`:           "skipped of the result must be",
		`{"durationSeconds":"1m"}`:         `durationSeconds of the result must be a number of seconds, not "1m"`,
		`{"durationSeconds":-0.5}`:         "durationSeconds of the result",
		`{"durationSeconds":1000000000.5}`: "durationSeconds of the result",
		`{"reportURL":"javascript:"}`:      "reportURL of the result must be an http or https address",
		`{"reportURL":"https:///x"}`:       "reportURL of the result",
		`{"reportURL":"ftp://a/x"}`:        "reportURL of the result",
		`{"reportURL":"http://a/%zz"}`:     "reportURL of the result",
		`{"reportURL":1}`:                  "reportURL of the result",
		path(1001):                         "reportURL of the result",
		strings.Repeat("x", 4097):          "the result has 4097 bytes, more than 4096",
	} {
		if _, err := event.ParseResult(s); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%.60s: %v, want %q", s, err, want)
		}
	}
}

func TestResultAll(t *testing.T) {
	number := func(n int64) *int64 { return &n }
	for name, c := range map[string]struct {
		result event.Result
		want   int64 // -1 when it is not known
	}{
		"reported":     {event.Result{Passed: number(1), Total: number(5)}, 5},
		"a sum":        {event.Result{Passed: number(1), Failed: number(2), Skipped: number(4)}, 7},
		"only passed":  {event.Result{Passed: number(3)}, 3},
		"only failed":  {event.Result{Failed: number(3)}, 3},
		"only skipped": {event.Result{Skipped: number(3)}, -1},
		"nothing":      {event.Result{}, -1},
	} {
		if got := c.result.All(); (got == nil) != (c.want < 0) || got != nil && *got != c.want {
			t.Errorf("%s: %v, want %d", name, got, c.want)
		}
	}
}

func FuzzParseResult(f *testing.F) {
	f.Add(`{"passed":1,"failed":2,"reportURL":"https://x.example.com"}`)
	f.Fuzz(func(t *testing.T, s string) {
		r, err := event.ParseResult(s)
		e := event.RunCompleted(job(batchv1.JobComplete, ""), r, err, "")
		checkFits(t, &e)
	})
}

// job returns a Job that ended a minute after it began.
func job(how batchv1.JobConditionType, reason string) *batchv1.Job {
	begin := metav1.NewTime(now.Add(-time.Minute))
	return &batchv1.Job{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: "voice", Name: "booking-1", UID: "j1", Labels: map[string]string{v1alpha1.SuiteLabel: "booking"},
		},
		Status: batchv1.JobStatus{StartTime: &begin, Conditions: []batchv1.JobCondition{
			{Type: batchv1.JobFailureTarget, Status: corev1.ConditionTrue, LastTransitionTime: begin},
			{Type: batchv1.JobComplete, Status: corev1.ConditionFalse, LastTransitionTime: begin},
			{Type: how, Status: corev1.ConditionTrue, Reason: reason, LastTransitionTime: metav1.NewTime(now)},
		}},
	}
}

func TestRunCompleted(t *testing.T) {
	complete := job(batchv1.JobComplete, "")
	failed := job(batchv1.JobFailed, "DeadlineExceeded")
	unnamed := job(batchv1.JobComplete, "")
	unnamed.Labels = nil
	backwards := job(batchv1.JobComplete, "")
	backwards.Status.StartTime = &metav1.Time{Time: now.Add(time.Second)}
	neverStarted := job(batchv1.JobFailed, "")
	neverStarted.Status.StartTime = nil
	for name, c := range map[string]struct {
		job       *batchv1.Job
		result    string
		malformed error
		want      map[string]any
	}{
		"passed": {complete, `{"passed":10,"failed":0,"skipped":2,"durationSeconds":1.5,"reportURL":"https://r/1"}`, nil, map[string]any{
			"title": "booking: 10 passed", "result": "Passed", "passed": 10.0, "failed": 0.0, "skipped": 2.0, "total": 12.0,
			"durationSeconds": 1.5, "reportURL": "https://r/1"}},
		"passed, with a total": {complete, `{"total":12}`, nil, map[string]any{
			"title": "booking: 12 passed", "result": "Passed", "total": 12.0}},
		"one failed, though the Job succeeded": {complete, `{"passed":10,"failed":1}`, nil, map[string]any{
			"title": "booking: 1 of 11 failed", "result": "Failed", "passed": 10.0, "failed": 1.0, "total": 11.0}},
		"the Job failed": {failed, `{}`, nil, map[string]any{
			"title": "booking: failed", "result": "Failed", "reason": "DeadlineExceeded"}},
		"the Job failed, though no test did": {failed, `{"passed":3,"failed":0}`, nil, map[string]any{
			"title": "booking: failed", "result": "Failed", "reason": "DeadlineExceeded", "passed": 3.0, "failed": 0.0, "total": 3.0}},
		"malformed": {complete, `{}`, errors.New(strings.Repeat("é", 2001)), map[string]any{
			"title": "booking: passed", "result": "Passed", "resultError": strings.Repeat("é", 1999) + "…"}},
		"no suite": {unnamed, `{}`, nil, map[string]any{"title": "test run: passed", "result": "Passed", "suite": ""}},
		"a clock that went backwards": {backwards, `{}`, nil, map[string]any{
			"title": "booking: passed", "result": "Passed", "durationSeconds": 0.0}},
		"never started": {neverStarted, `{}`, nil, map[string]any{"title": "booking: failed", "result": "Failed", "durationSeconds": nil}},
	} {
		t.Run(name, func(t *testing.T) {
			result, err := event.ParseResult(c.result)
			if err != nil {
				t.Fatal(err)
			}
			e := event.RunCompleted(c.job, result, c.malformed, "Passed")
			severity := map[string]v1alpha1.Severity{"Failed": v1alpha1.SeverityHigh}[e.Text("result")]
			if e.ID != "j1.completed" || e.Type != v1alpha1.EventTestRunCompleted || !e.Time.Equal(now) || e.Severity != severity ||
				*e.Subject != (v1alpha1.EventSubject{Kind: "Job", Namespace: "voice", Name: "booking-1", UID: "j1"}) ||
				!maps.Equal(e.Labels, c.job.Labels) {
				t.Errorf("%+v", e)
			}
			want := map[string]any{"suite": "booking", "run": "booking-1", "previousResult": "Passed", "durationSeconds": 60.0}
			maps.Copy(want, c.want)
			if want["durationSeconds"] == nil {
				delete(want, "durationSeconds")
			}
			checkData(t, &e, want)
		})
	}
}

func TestRunFinished(t *testing.T) {
	running := &batchv1.Job{Status: batchv1.JobStatus{Conditions: []batchv1.JobCondition{
		{Type: batchv1.JobFailureTarget, Status: corev1.ConditionTrue, LastTransitionTime: metav1.NewTime(now)},
		{Type: batchv1.JobFailed, Status: corev1.ConditionFalse, LastTransitionTime: metav1.NewTime(now)},
	}}}
	for name, c := range map[string]struct {
		job          *batchv1.Job
		finished, ok bool
		reason       string
		at           time.Time
	}{
		"about to fail": {running, false, false, "", time.Time{}},
		"succeeded":     {job(batchv1.JobComplete, "CompletionsReached"), true, true, "", now},
		"failed":        {job(batchv1.JobFailed, "BackoffLimitExceeded"), true, false, "BackoffLimitExceeded", now},
	} {
		finished, ok, reason, at := event.RunFinished(c.job)
		if finished != c.finished || ok != c.ok || reason != c.reason || !at.Equal(c.at) {
			t.Errorf("%s: %v, %v, %q, %s", name, finished, ok, reason, at)
		}
	}
}

func TestTerminationMessage(t *testing.T) {
	pod := func(message string, ended time.Time) corev1.Pod {
		return corev1.Pod{Status: corev1.PodStatus{ContainerStatuses: []corev1.ContainerStatus{
			{State: corev1.ContainerState{
				Terminated: &corev1.ContainerStateTerminated{Message: message, FinishedAt: metav1.NewTime(ended)},
			}},
			{State: corev1.ContainerState{Running: &corev1.ContainerStateRunning{}}},
		}}}
	}
	initialized := pod(`{"passed":1}`, now)
	initialized.Status.InitContainerStatuses = initialized.Status.ContainerStatuses
	initialized.Status.ContainerStatuses = nil
	const result = `{"passed":1}`
	for name, c := range map[string]struct {
		pods []corev1.Pod
		want string
	}{
		"no Pods":                        {nil, ""},
		"nothing left":                   {[]corev1.Pod{pod("", now), {}}, ""},
		"the last message":               {[]corev1.Pod{pod("a", now), pod("b", now.Add(time.Minute)), pod(" ", now.Add(time.Hour)), {}}, "b"},
		"the last message, Pods swapped": {[]corev1.Pod{pod("b", now.Add(time.Minute)), pod("a", now)}, "b"},
		"at the same time":               {[]corev1.Pod{pod("a", now), pod("b", now)}, "a"},
		"a sidecar that ends later":      {[]corev1.Pod{pod(result, now), pod("shutting down", now.Add(time.Second))}, result},
		"a sidecar that logs JSON":       {[]corev1.Pod{pod(`{"level":"info"}`, now.Add(time.Second)), pod(result, now)}, result},
		"an older result":                {[]corev1.Pod{pod(`{"passed":0}`, now.Add(-time.Second)), pod(result, now)}, result},
		"an older result after it":       {[]corev1.Pod{pod(result, now), pod(`{"passed":0}`, now.Add(-time.Second))}, result},
		"an init container":              {[]corev1.Pod{initialized}, result},
	} {
		if got := event.TerminationMessage(c.pods); got != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}
