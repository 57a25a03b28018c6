// SPDX-License-Identifier: Apache-2.0

package event_test

import (
	"errors"
	"fmt"
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

// TestParseResult parses results as runs write them. Each case has what is read, and what the error says.
func TestParseResult(t *testing.T) {
	path := func(n int) string {
		return `{"failed":1,"reportURL":"http://a/` + strings.Repeat("x", n-len("http://a/")) + `"}`
	}
	for _, c := range []struct{ result, want, problem string }{
		{`{"passed":117,"failed":3,"skipped":0,"total":120,"durationSeconds":81.5,"reportURL":"https://reports.example.com/1","new":{}}`,
			"passed 117 failed 3 skipped 0 total 120 in 81.5 at https://reports.example.com/1", ""},
		{`{"passed":null,"failed":0,"durationSeconds":null,"reportURL":null}`, "failed 0", ""},
		{`{"passed":2147483647,"durationSeconds":1000000000}`, "passed 2147483647 in 1e+09", ""},
		{`{"failed":0,"durationSeconds":0,"reportURL":""}`, "failed 0 in 0", ""},
		{`{"failed":0}` + strings.Repeat(" ", 4084), "failed 0", ""},
		{"\ufeff" + `{"failed":0}`, "failed 0", ""},
		// Counts as texts, and with names in another case.
		{`{"passed":"117","failed":" 3 ","durationSeconds":"81.5"}`, "passed 117 failed 3 in 81.5", ""},
		{`{"Passed":10,"FAILED":2,"reportUrl":"https://r/1"}`, "passed 10 failed 2 at https://r/1", ""},
		// One bad member does not throw the others away.
		{`{"passed":117,"failed":3,"reportURL":"s3://bucket/report.html"}`, "passed 117 failed 3",
			"reportURL of the result must be an http or https"},
		{`{"passed":10,"failed":2,"reportURL":"/reports/1"}`, "passed 10 failed 2", "reportURL of the result"},
		{`{"failed":1,"reportURL":"javascript:"}`, "failed 1", "reportURL of the result"},
		{`{"failed":1,"reportURL":"https:///x"}`, "failed 1", "reportURL of the result"},
		{`{"failed":1,"reportURL":"http://a/%zz"}`, "failed 1", "reportURL of the result"},
		{`{"failed":1,"reportURL":1}`, "failed 1", "reportURL of the result"},
		{path(1001), "failed 1", "reportURL of the result must be an http or https address of at most"},
		{`{"passed":10,"failed":2,"durationSeconds":"1m"}`, "passed 10 failed 2",
			`durationSeconds of the result must be a number of seconds, not "1m"`},
		{`{"failed":0,"durationSeconds":-0.5}`, "failed 0", "durationSeconds of the result"},
		{`{"failed":0,"durationSeconds":"NaN"}`, "failed 0", "durationSeconds of the result"},
		{`{"failed":0,"durationSeconds":1000000000.5}`, "failed 0", "durationSeconds of the result"},
		{`{"passed":"many","failed":2}`, "failed 2", `passed of the result must be a whole number from 0 on, not "many"`},
		{`{"passed":1,"total":1.5}`, "passed 1", "total of the result must be"},
		{`{"passed":1,"skipped":2147483648}`, "passed 1", "skipped of the result must be"},
		// What says that something failed is never lost.
		{`{"passed":1,"failed":"some"}`, "passed 1 says failed", "failed of the result must be"},
		{`{"passed":1,"failed":-1}`, "passed 1 says failed", "failed of the result must be"},
		{`{"status":"failed"}`, "says failed", "no count was found"},
		{`{"Outcome":"ERROR","passed":3}`, "passed 3 says failed", ""},
		{`{"success":false}`, "says failed", "no count was found"},
		{`{"success":true}`, "", "no count was found"},
		{`{"passed":false}`, "says failed", "passed of the result must be"},
		// Other spellings are read, and named.
		{`{"tests":120,"failures":3,"errors":1,"skipped":0}`, "failed 4 skipped 0 total 120",
			"no count was found as failed: failures + errors was read instead"},
		{`{"passed":3,"failed":0,"errors":["a"]}`, "passed 3 failed 0", ""},
		{`{"failed":0,"commit":"4f2c1d9"}`, "failed 0 of 4f2c1d9", ""},
		{`{"failed":0,"commit":7}`, "failed 0", "commit of the result must be a text of at most 64 characters"},
		{`{"failed":0,"commit":"` + strings.Repeat("é", 65) + `"}`, "failed 0", "commit of the result"},
		// Lines of a log around the result.
		{"done in 3 s\n" + `{"passed":117,"failed":3}`, "passed 117 failed 3", ""},
		{`{"passed":1,"failed":0}` + "\n" + `{"passed":117,"failed":3}` + "\n" + `{"level":"info"}` + "\nbye\n", "passed 117 failed 3", ""},
		{"FAIL", "", "not a JSON object"},
		{"[]", "", "not a JSON object"},
		{"{}", "", "no count was found"},
		{`{"passed":`, "", "not a JSON object"},
		{`{"level":"info"}`, "", "no count was found"},
		{strings.Repeat("x", 4097), "", "the result has more than 4096 bytes"},
	} {
		r, err := event.ParseResult(c.result)
		if got := describe(r); got != c.want {
			t.Errorf("%.80s: got %q, want %q", c.result, got, c.want)
		}
		if (err == nil) != (c.problem == "") || err != nil && !strings.Contains(err.Error(), c.problem) {
			t.Errorf("%.80s: error %v, want %q", c.result, err, c.problem)
		}
	}
}

// describe returns a result in words.
func describe(r event.Result) string {
	var out []string
	for _, c := range []struct {
		name string
		n    *int64
	}{{"passed", r.Passed}, {"failed", r.Failed}, {"skipped", r.Skipped}, {"total", r.Total}} {
		if c.n != nil {
			out = append(out, fmt.Sprintf("%s %d", c.name, *c.n))
		}
	}
	if r.SaysFailed {
		out = append(out, "says failed")
	}
	if r.DurationSeconds != nil {
		out = append(out, fmt.Sprintf("in %g", *r.DurationSeconds))
	}
	if r.ReportURL != "" {
		out = append(out, "at "+r.ReportURL)
	}
	if r.Commit != "" {
		out = append(out, "of "+r.Commit)
	}
	if r.Ended != "" {
		out = append(out, r.Ended)
	}
	return strings.Join(out, " ")
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
		e := event.RunCompleted(job(batchv1.JobComplete, ""), r, err)
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
		"unreadable, and says failed": {complete, `{"status":"failed"}`, nil, map[string]any{"title": "booking: failed", "result": "Failed"}},
		"some are not accounted for": {complete, `{"passed":8,"total":10}`, nil, map[string]any{
			"title": "booking: 8 of 10 passed", "result": "Passed", "passed": 8.0, "total": 10.0}},
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
			result, _ := event.ParseResult(c.result)
			e := event.RunCompleted(c.job, result, c.malformed)
			severity := map[string]v1alpha1.Severity{"Failed": v1alpha1.SeverityHigh}[e.Text("result")]
			if e.ID != "j1.completed" || e.Type != v1alpha1.EventTestRunCompleted || !e.Time.Equal(now) || e.Severity != severity ||
				*e.Subject != (v1alpha1.EventSubject{Kind: "Job", Namespace: "voice", Name: "booking-1", UID: "j1"}) ||
				!maps.Equal(e.Labels, c.job.Labels) {
				t.Errorf("%+v", e)
			}
			want := map[string]any{"suite": "booking", "run": "booking-1", "previousResult": "", "durationSeconds": 60.0}
			maps.Copy(want, c.want)
			if want["durationSeconds"] == nil {
				delete(want, "durationSeconds")
			}
			checkData(t, &e, want)
		})
	}
}

// TestTroubleOfRun checks that the event of a run says how a Pod failed, before what cannot be read of the result.
func TestTroubleOfRun(t *testing.T) {
	killed := event.Result{Ended: "container tests ended: OOMKilled"}
	e := event.RunCompleted(job(batchv1.JobFailed, "BackoffLimitExceeded"), killed, errors.New("1 of 2 Pods left no result"))
	if got, want := e.Text("resultError"), "container tests ended: OOMKilled; 1 of 2 Pods left no result"; got != want {
		t.Errorf("got %q, want %q", got, want)
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

// TestReportOf sums up what the Pods of a run left.
func TestReportOf(t *testing.T) {
	const result = `{"passed":1}`
	left := func(message string, ended time.Duration) corev1.ContainerStatus {
		return corev1.ContainerStatus{State: corev1.ContainerState{
			Terminated: &corev1.ContainerStateTerminated{Message: message, FinishedAt: metav1.NewTime(now.Add(ended))},
		}}
	}
	pod := func(phase corev1.PodPhase, index string, containers ...corev1.ContainerStatus) corev1.Pod {
		p := corev1.Pod{Status: corev1.PodStatus{Phase: phase, ContainerStatuses: append(containers,
			corev1.ContainerStatus{State: corev1.ContainerState{Running: &corev1.ContainerStateRunning{}}})}}
		if index != "" {
			p.Annotations = map[string]string{batchv1.JobCompletionIndexAnnotation: index}
		}
		return p
	}
	died := func(reason string, code int32, message string) corev1.ContainerStatus {
		s := left(message, 0)
		s.Name = "tests"
		s.State.Terminated.Reason = reason
		s.State.Terminated.ExitCode = code
		return s
	}
	const ok, failed = corev1.PodSucceeded, corev1.PodFailed
	evicted := corev1.Pod{Status: corev1.PodStatus{Phase: failed, Reason: "Evicted"}}
	initialized := corev1.Pod{Status: corev1.PodStatus{InitContainerStatuses: []corev1.ContainerStatus{left(result, 0)}}}
	indexed := job(batchv1.JobFailed, "BackoffLimitExceeded")
	indexed.Spec = batchv1.JobSpec{CompletionMode: new(batchv1.IndexedCompletion), Completions: new(int32(3))}
	annotated := job(batchv1.JobComplete, "")
	annotated.Annotations = map[string]string{v1alpha1.ResultsAnnotation: `{"failed":7}`}
	for name, c := range map[string]struct {
		job           *batchv1.Job
		pods          []corev1.Pod
		want, problem string
	}{
		"no Pods":            {nil, nil, "", ""},
		"nothing left":       {nil, []corev1.Pod{pod(ok, ""), {}}, "", ""},
		"no result":          {nil, []corev1.Pod{pod(ok, "", left("bye", 0))}, "", "not a JSON object"},
		"the Job's own":      {annotated, []corev1.Pod{pod(ok, "", left(result, 0))}, "failed 7", ""},
		"one Pod":            {nil, []corev1.Pod{pod(ok, "", left(`{"passed":3,"total":5}`, 0))}, "passed 3 total 5", ""},
		"a Pod was replaced": {nil, []corev1.Pod{pod(failed, "", left(`{"failed":9}`, 0)), pod(ok, "", left(result, time.Second))}, "passed 1 total 1", ""},
		"all Pods failed": {nil, []corev1.Pod{pod(failed, "", left(`{"failed":2}`, time.Second)), pod(failed, "", left(`{"failed":9}`, 0))},
			"failed 2 total 2", ""},
		"parallel Pods": {nil, []corev1.Pod{pod(ok, "", left(`{"passed":1,"durationSeconds":5}`, 0)),
			pod(ok, "", left(`{"passed":2,"failed":1,"durationSeconds":3}`, 0))}, "passed 3 failed 1 total 4 in 5", ""},
		"Indexed": {nil, []corev1.Pod{pod(ok, "0", left(`{"passed":37,"failed":3}`, 0)), pod(ok, "1", left(`{"passed":40,"failed":0}`, 1)),
			pod(ok, "2", left(`{"passed":40,"failed":0}`, 2))}, "passed 117 failed 3 total 120", ""},
		"Indexed, one again": {nil, []corev1.Pod{pod(failed, "0", left(`{"failed":3}`, 0)), pod(ok, "0", left(`{"failed":1}`, time.Minute)),
			pod(ok, "1", left(`{"failed":1}`, 0))}, "failed 2 total 2", ""},
		"Indexed, one failed": {nil, []corev1.Pod{pod(failed, "0", left(`{"failed":3}`, 0)), pod(ok, "1", left(`{"passed":4}`, 0))},
			"passed 4 failed 3 total 7", ""},
		"Indexed, one silent":        {nil, []corev1.Pod{pod(ok, "0"), pod(ok, "1", left(`{"passed":4}`, 0))}, "passed 4 total 4", "1 of 2 Pods left no result"},
		"Indexed, two were deleted":  {indexed, []corev1.Pod{pod(failed, "1", left(`{"passed":4,"failed":1}`, 0))}, "passed 4 failed 1 total 5", "2 of 3 Pods left no result"},
		"Indexed, all were deleted":  {indexed, nil, "", ""},
		"Indexed, all left a result": {indexed, []corev1.Pod{pod(ok, "0", left(result, 0)), pod(ok, "1", left(result, 0)), pod(ok, "2", left(result, 0))}, "passed 3 total 3", ""},
		"Indexed, one malformed":     {nil, []corev1.Pod{pod(ok, "0", left("x", 0)), pod(ok, "1", left(`{"passed":4}`, 0))}, "passed 4 total 4", "not a JSON object"},
		"a sidecar that ends later":  {nil, []corev1.Pod{pod(ok, "", left(result, 0), left("shutting down", time.Second))}, "passed 1 total 1", ""},
		"a sidecar that logs JSON":   {nil, []corev1.Pod{pod(ok, "", left(`{"level":"info"}`, time.Second), left(result, 0))}, "passed 1 total 1", ""},
		"a container with an older":  {nil, []corev1.Pod{pod(ok, "", left(`{"passed":0}`, -time.Second), left(result, 0))}, "passed 1 total 1", ""},
		"an init container":          {nil, []corev1.Pod{initialized}, "passed 1 total 1", ""},
		"one says that it failed":    {nil, []corev1.Pod{pod(ok, "0", left(`{"status":"failed"}`, 0)), pod(ok, "1", left(result, 0))}, "passed 1 total 1 says failed", "no count"},
		"out of memory":              {nil, []corev1.Pod{pod(failed, "", died("OOMKilled", 137, result))}, "passed 1 total 1 container tests ended: OOMKilled", ""},
		"out of memory in one index": {nil, []corev1.Pod{pod(failed, "0", died("OOMKilled", 137, "")), pod(ok, "1", left(result, 0))},
			"passed 1 total 1 container tests ended: OOMKilled", "1 of 2 Pods left no result"},
		"evicted":                    {nil, []corev1.Pod{evicted}, "a Pod failed: Evicted", ""},
		"a code, and no failed test": {nil, []corev1.Pod{pod(failed, "", died("Error", 4, result))}, "passed 1 total 1 container tests ended with exit code 4", ""},
		"a code, and no result":      {nil, []corev1.Pod{pod(failed, "", died("Error", 4, ""))}, "container tests ended with exit code 4", ""},
		"a code of failed tests":     {nil, []corev1.Pod{pod(failed, "", died("Error", 1, `{"failed":1}`))}, "failed 1 total 1", ""},
		"failed before, then not":    {nil, []corev1.Pod{pod(failed, "", died("OOMKilled", 137, "")), pod(ok, "", left(result, 0))}, "passed 1 total 1", ""},
		"the first report that is valid": {nil, []corev1.Pod{pod(ok, "0", left(`{"passed":1,"reportURL":"/x"}`, 0)),
			pod(ok, "1", left(`{"passed":1,"reportURL":"https://r/1"}`, 0))}, "passed 2 total 2 at https://r/1", "reportURL"},
	} {
		j := c.job
		if j == nil {
			j = job(batchv1.JobComplete, "")
		}
		r, err := event.ReportOf(j, c.pods)
		if got := describe(r); got != c.want {
			t.Errorf("%s: got %q, want %q", name, got, c.want)
		}
		if (err == nil) != (c.problem == "") || err != nil && !strings.Contains(err.Error(), c.problem) {
			t.Errorf("%s: error %v, want %q", name, err, c.problem)
		}
	}
}
