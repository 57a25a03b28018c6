// SPDX-License-Identifier: Apache-2.0

//go:build browser

package browser_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/voiceai-dev/integrations-operator/api/v1alpha1"
)

// template is the template of a run. Nothing executes it, as there is no kubelet.
var template = corev1.PodTemplateSpec{Spec: corev1.PodSpec{
	RestartPolicy: corev1.RestartPolicyNever, Containers: []corev1.Container{{Name: "run", Image: "tests"}},
}}

// suite creates a CronJob that runs a suite at three every night.
func (w *world) suite(name string) {
	w.t.Helper()
	meta := w.meta(name)
	meta.Labels = map[string]string{v1alpha1.SuiteLabel: name}
	w.create(&batchv1.CronJob{ObjectMeta: meta, Spec: batchv1.CronJobSpec{
		Schedule: "0 3 * * *", JobTemplate: batchv1.JobTemplateSpec{Spec: batchv1.JobSpec{Template: template}},
	}})
}

// ended creates a run that ended so many hours ago, with a result. An empty one is that of a Job that failed.
func (w *world) ended(name, suite string, hours int, result string) {
	w.t.Helper()
	meta := w.meta(name)
	meta.Labels = map[string]string{v1alpha1.SuiteLabel: suite}
	meta.Annotations = map[string]string{v1alpha1.ResultsAnnotation: result}
	j := &batchv1.Job{ObjectMeta: meta, Spec: batchv1.JobSpec{Template: template}}
	w.create(j)
	at := metav1.NewTime(time.Now().Add(-time.Duration(hours) * time.Hour))
	j.Status = batchv1.JobStatus{StartTime: &metav1.Time{Time: at.Add(-95 * time.Second)}, CompletionTime: &at, Succeeded: 1,
		UncountedTerminatedPods: &batchv1.UncountedTerminatedPods{}}
	conditions := []batchv1.JobConditionType{batchv1.JobSuccessCriteriaMet, batchv1.JobComplete}
	if result == "" {
		conditions = []batchv1.JobConditionType{batchv1.JobFailureTarget, batchv1.JobFailed}
		j.Status.CompletionTime = nil
		j.Status.Succeeded = 0
	}
	for _, c := range conditions {
		j.Status.Conditions = append(j.Status.Conditions, batchv1.JobCondition{Type: c, Status: corev1.ConditionTrue,
			Reason: "BackoffLimitExceeded", Message: "Job has reached the specified backoff limit", LastTransitionTime: at})
	}
	w.must(kube.Status().Update(w.t.Context(), j))
}

// tested creates a Defect of the suite booking whose test passed, failed and flaked in the runs booking-1, booking-2 and so
// on, as the characters of a strip.
func (w *world) tested(name, title string, severity v1alpha1.Severity, strip string) {
	w.t.Helper()
	results := map[rune]v1alpha1.TestResult{'P': v1alpha1.TestPassed, 'F': v1alpha1.TestFailed, '~': v1alpha1.TestFlaky}
	d := &v1alpha1.Defect{ObjectMeta: w.meta(name), Spec: v1alpha1.DefectSpec{
		Title: title, Severity: severity, Suite: "booking", TestCase: name,
	}}
	for i, c := range strip {
		at := metav1.NewTime(time.Now().Add(-time.Duration(len(strip)-i) * time.Hour))
		d.Spec.Outcomes = append(d.Spec.Outcomes, v1alpha1.TestOutcome{Run: fmt.Sprintf("booking-%d", i+1), Result: results[c], Time: at})
	}
	w.create(d)
}

// TestRunsAndSuites follows a failed run: from the overview to its suite, to the run, to a Defect, and starts it again.
func TestRunsAndSuites(t *testing.T) {
	w := newWorld(t)
	w.create(&v1alpha1.NotificationRule{ObjectMeta: metav1.ObjectMeta{Name: "runs"}, Spec: v1alpha1.NotificationRuleSpec{
		EventTypes: []v1alpha1.EventType{v1alpha1.EventTestRunCompleted},
		MentionsOnFailure: []v1alpha1.FailureMention{
			{Tests: []v1alpha1.NamePattern{"wrong-*"}, Mentions: []v1alpha1.Mention{"U0DAYS"}},
			{Tests: []v1alpha1.NamePattern{"hangs-up"}, Mentions: []v1alpha1.Mention{"U0CALLS"}},
		}}})
	w.suite("booking")
	w.tested("wrong-day", "Books the wrong day", v1alpha1.SeverityHigh, "PPPPPPF")
	w.tested("hangs-up", "Hangs up", v1alpha1.SeverityLow, "P~P~P~P~P~P~")
	for i := range 6 {
		w.ended(fmt.Sprintf("booking-%d", i+1), "booking", 7-i, fmt.Sprintf(`{"passed":%d,"failed":0,"commit":"4f2c1d9"}`, 38+i))
	}
	w.ended("booking-7", "booking", 0,
		`{"passed":40,"failed":2,"skipped":2,"reportURL":"https://reports.example.com/7","commit":"4f2c1d9aa01"}`)
	w.ended("greeting-1", "greeting", 5, "")

	w.until("the message of the run", func() (bool, error) {
		for _, m := range w.messages() {
			if raw, err := json.Marshal(m); err != nil || strings.Contains(string(raw), "booking-7") {
				text := string(raw)
				for _, part := range []string{"@U0DAYS", "40 (−3)", "2 (+2)", "1 new", "/runs/" + w.namespace + "/booking-7"} {
					if !strings.Contains(text, part) {
						t.Errorf("the message of the run has no %q: %s", part, text)
					}
				}
				return !strings.Contains(text, "U0CALLS"), err
			}
		}
		return false, nil
	})

	p := w.tab(t)
	p.signIn(w.admin)
	p.open("/")
	p.follow("link", "recent runs")
	p.see("booking-7", "greeting-1", "40 of 44 passed, 2 failed", "8 runs")
	p.look("runs")
	p.choose("Result", "Failed")
	p.follow("button", "filter")
	p.see("booking-7", "greeting-1", "2 runs")
	p.absent("booking-6")

	p.follow("link", "booking-7")
	p.seeIn("result", "40", "3 fewer than before", "2 more than before")
	p.seeIn("defects", "Books the wrong day")
	p.seeIn("messages", channel)
	p.look("run")
	p.follow("button", "rerun")
	p.see("The run was started.", "The run has not ended yet.")
	rerun := p.path()
	p.open("/runs/" + w.namespace + "/booking-7")
	p.follow("button", "rerun")
	p.see("It was started again before")
	if again := p.path(); strings.Split(again, "?")[0] != strings.Split(rerun, "?")[0] {
		t.Errorf("two clicks started two runs, %s and %s", rerun, again)
	}

	p.open("/suites")
	p.see("booking", "0 3 * * *")
	p.look("suites")
	p.follow("link", "booking")
	p.seeIn("since green", "Failing since", "booking-6", "in ")
	p.see("Pass rate", "Hangs up", "Books the wrong day")
	p.look("suite")
	p.follow("button", "run now")
	p.see("The run was started.")

	p.open("/runs/" + w.namespace + "/greeting-1")
	p.see("Backoff limit exceeded", "The run left no counts.")
	p.look("run-without-counts")
	p.open("/defects")
	p.look("defects-with-strips")
	all, err := p.nodes()
	p.must(err)
	for _, n := range all {
		if n.role == "image" && strings.Contains(n.name, "Last 7 runs: 6 passed, 1 failed") {
			return
		}
	}
	t.Error("the strip of a Defect has no text")
}

// TestDeletedRun shows a run whose Job was deleted.
func TestDeletedRun(t *testing.T) {
	w := newWorld(t)
	w.create(&v1alpha1.NotificationRule{ObjectMeta: metav1.ObjectMeta{Name: "runs"}, Spec: v1alpha1.NotificationRuleSpec{
		EventTypes: []v1alpha1.EventType{v1alpha1.EventTestRunCompleted}}})
	w.ended("booking-1", "booking", 0, `{"passed":3,"failed":1}`)
	p := w.tab(t)
	p.signIn(w.admin)
	p.open("/runs/" + w.namespace + "/booking-1")
	p.seeIn("messages", channel)
	w.must(kube.Delete(t.Context(), &batchv1.Job{ObjectMeta: w.meta("booking-1")},
		client.PropagationPolicy(metav1.DeletePropagationBackground)))
	p.see("Its Job was deleted", "3", "Failed") // without reloading the page
	p.open("/runs")
	p.see("booking-1", "3 of 4 passed, 1 failed")
}
