// SPDX-License-Identifier: Apache-2.0

package run

import (
	"context"
	"fmt"
	"maps"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	testingclock "k8s.io/utils/clock/testing"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"
	"sigs.k8s.io/controller-runtime/pkg/controller/priorityqueue"
	kevent "sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/voiceai-dev/integrations-operator/api/v1alpha1"
	"github.com/voiceai-dev/integrations-operator/internal/event"
	"github.com/voiceai-dev/integrations-operator/internal/index"
	"github.com/voiceai-dev/integrations-operator/internal/outbox"
)

var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// ended returns a run that ended, with a result.
func ended(name string, at time.Time, result string) *batchv1.Job {
	return &batchv1.Job{
		ObjectMeta: metav1.ObjectMeta{
			Namespace:   "voice",
			Name:        name,
			UID:         types.UID("uid-of-" + name),
			Labels:      map[string]string{v1alpha1.SuiteLabel: "booking"},
			Annotations: map[string]string{v1alpha1.ResultsAnnotation: result},
		},
		Status: batchv1.JobStatus{
			Conditions: []batchv1.JobCondition{{Type: batchv1.JobComplete, Status: corev1.ConditionTrue, LastTransitionTime: metav1.NewTime(at)}},
		},
	}
}

const (
	passed = `{"passed":1,"failed":0}`
	failed = `{"passed":0,"failed":1}`
)

// newReconciler returns a reconciler in a cluster with one rule, for every run.
func newReconciler(t *testing.T, objects ...client.Object) *Reconciler {
	t.Helper()
	scheme := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{clientgoscheme.AddToScheme, v1alpha1.AddToScheme} {
		if err := add(scheme); err != nil {
			t.Fatal(err)
		}
	}
	rule := &v1alpha1.NotificationRule{Spec: v1alpha1.NotificationRuleSpec{EventTypes: []v1alpha1.EventType{v1alpha1.EventTestRunCompleted}}}
	rule.ObjectMeta = metav1.ObjectMeta{
		Namespace:         "voice",
		Name:              "runs",
		UID:               "rule",
		CreationTimestamp: metav1.NewTime(noon.Add(-20 * time.Hour)),
	}
	builder := fake.NewClientBuilder().WithScheme(scheme).WithObjects(rule).WithObjects(objects...)
	for _, f := range append(index.Fields(), index.RunField()) {
		builder = builder.WithIndex(f.Object, f.Name, f.Values)
	}
	c := builder.Build()
	now := testingclock.NewFakeClock(noon)
	return &Reconciler{Client: c, Live: c, Clock: now,
		Outbox: &outbox.Outbox{Client: c, Live: c, Clock: now, MaxEventAge: 24 * time.Hour, LeaderSince: func() time.Time { return noon }}}
}

// announced returns the results that were announced, with those of the runs before, by run.
func announced(t *testing.T, r *Reconciler) map[string]string {
	t.Helper()
	list := &v1alpha1.NotificationList{}
	if err := r.Client.List(t.Context(), list); err != nil {
		t.Fatal(err)
	}
	out := map[string]string{}
	for i := range list.Items {
		e, err := event.FromAPI(list.Items[i].Spec.Event)
		if err != nil {
			t.Fatal(err)
		}
		out[e.Text("run")] = e.Text("result") + " after " + e.Text("previousResult")
	}
	return out
}

// TestDeletedRuns covers runs that are deleted before they are reconciled.
func TestDeletedRuns(t *testing.T) {
	again := ended("run", noon, failed)
	again.UID = "another"
	running := ended("running", noon, passed)
	running.Status = batchv1.JobStatus{}
	r := newReconciler(t, again)
	q := priorityqueue.New[reconcile.Request]("test")
	t.Cleanup(q.ShutDown)
	for _, job := range []*batchv1.Job{ended("run", noon.Add(-time.Minute), passed), ended("old", noon.Add(-25*time.Hour), passed), running} {
		r.rememberDeleted(t.Context(), kevent.DeleteEvent{Object: job}, q)
		req, _ := q.Get()
		if _, err := r.Reconcile(t.Context(), req); err != nil || req.Name != job.Name {
			t.Errorf("%s: %v, %v", job.Name, req, err)
		}
		q.Done(req)
	}
	list := &v1alpha1.NotificationList{}
	if err := r.Client.List(t.Context(), list); err != nil || len(list.Items) != 2 {
		t.Fatalf("%d were announced, %v, want the one that was deleted and the later one of its name", len(list.Items), err)
	}
	if len(r.deleted) != 0 {
		t.Errorf("%v are kept although they were announced", r.deleted)
	}
}

// TestEvicted announces a run whose Pod was evicted, and so left no result.
func TestEvicted(t *testing.T) {
	job := ended("evicted", noon, "")
	job.Status.Conditions[0].Type = batchv1.JobFailed
	pod := &corev1.Pod{Status: corev1.PodStatus{Phase: corev1.PodFailed, Reason: "Evicted"}}
	pod.Namespace = job.Namespace
	pod.Name = "evicted-1"
	pod.Labels = map[string]string{batchv1.ControllerUidLabel: string(job.UID)}
	r := newReconciler(t, job, pod)
	if _, err := r.Reconcile(t.Context(), reconcile.Request{NamespacedName: client.ObjectKeyFromObject(job)}); err != nil {
		t.Fatal(err)
	}
	list := &v1alpha1.NotificationList{}
	if err := r.Client.List(t.Context(), list); err != nil || len(list.Items) != 1 {
		t.Fatalf("%d were announced: %v", len(list.Items), err)
	}
	if e, err := event.FromAPI(list.Items[0].Spec.Event); err != nil || e.Text("resultError") != "a Pod failed: Evicted" {
		t.Errorf("%q, %v", e.Text("resultError"), err)
	}
}

// TestFirstRun evaluates a rule that compares with the previous result, as in the documentation, on the first run of
// a suite.
func TestFirstRun(t *testing.T) {
	r := newReconciler(t, ended("first", noon, failed))
	rule := &v1alpha1.NotificationRule{Spec: v1alpha1.NotificationRuleSpec{EventTypes: []v1alpha1.EventType{v1alpha1.EventTestRunCompleted},
		When: `event.data.result == "Failed" && event.data.previousResult == "Passed"`}}
	rule.ObjectMeta = metav1.ObjectMeta{Namespace: "voice", Name: "turns"}
	if err := r.Client.Create(t.Context(), rule); err != nil {
		t.Fatal(err)
	}
	r.Outbox.OnEvalError = func(r *v1alpha1.NotificationRule, _ *event.Event, _ time.Time, evalErr error) {
		t.Errorf("%s: %v", r.Name, evalErr)
	}
	if _, err := r.Reconcile(
		t.Context(),
		reconcile.Request{NamespacedName: types.NamespacedName{Namespace: "voice", Name: "first"}},
	); err != nil {
		t.Fatal(err)
	}
	if got := announced(t, r); len(got) != 1 {
		t.Errorf("announced %v, want the run, by the other rule", got)
	}
}

// TestPreviousOutcome covers a previous run that is deleted, so that only its Notification is left.
func TestPreviousOutcome(t *testing.T) {
	ago := func(minutes time.Duration) time.Time { return noon.Add(-minutes * time.Minute) }
	for name, c := range map[string]struct {
		before, deleted []*batchv1.Job
		want            string
	}{
		"none":              {nil, nil, "Failed after "},
		"still there":       {[]*batchv1.Job{ended("b", ago(2), passed)}, nil, "Failed after Passed"},
		"in another hour":   {[]*batchv1.Job{ended("b", ago(100), passed)}, nil, "Failed after Passed"},
		"of last week":      {[]*batchv1.Job{ended("b", ago(7*24*60), passed)}, nil, "Failed after Passed"},
		"deleted hours ago": {nil, []*batchv1.Job{ended("b", ago(20*60), passed)}, "Failed after Passed"},
		"deleted, hours after the one there": {[]*batchv1.Job{ended("a", ago(300), passed)},
			[]*batchv1.Job{ended("b", ago(100), failed)}, "Failed after Failed"},
		"deleted":                     {nil, []*batchv1.Job{ended("b", ago(2), passed)}, "Failed after Passed"},
		"deleted, of two":             {[]*batchv1.Job{ended("a", ago(3), passed)}, []*batchv1.Job{ended("b", ago(2), failed)}, "Failed after Failed"},
		"there, of two":               {[]*batchv1.Job{ended("b", ago(2), failed)}, []*batchv1.Job{ended("a", ago(3), passed)}, "Failed after Failed"},
		"of two deleted":              {nil, []*batchv1.Job{ended("a", ago(3), failed), ended("b", ago(2), passed)}, "Failed after Passed"},
		"in the same second":          {[]*batchv1.Job{ended("a", noon, passed)}, nil, "Failed after Passed"},
		"in the same second, after":   {[]*batchv1.Job{ended("s", noon, passed)}, nil, "Failed after "},
		"deleted, in the same second": {nil, []*batchv1.Job{ended("a", noon, passed)}, "Failed after Passed"},
		"deleted, the same, after":    {nil, []*batchv1.Job{ended("s", noon, passed)}, "Failed after "},
		"two of one second":           {[]*batchv1.Job{ended("a-10", ago(2), passed), ended("a-9", ago(2), failed)}, nil, "Failed after Passed"},
		"two of one second, deleted":  {nil, []*batchv1.Job{ended("a-10", ago(2), passed), ended("a-9", ago(2), failed)}, "Failed after Passed"},
		"one that came after":         {nil, []*batchv1.Job{ended("c", ago(-1), passed)}, "Failed after "},
	} {
		r := newReconciler(t)
		reconcileRun := func(job *batchv1.Job) {
			t.Helper()
			if err := r.Client.Create(t.Context(), job); err != nil {
				t.Fatal(err)
			}
			if _, err := r.Reconcile(t.Context(), reconcile.Request{NamespacedName: client.ObjectKeyFromObject(job)}); err != nil {
				t.Fatal(err)
			}
		}
		for _, job := range c.before {
			reconcileRun(job)
		}
		for _, job := range c.deleted {
			reconcileRun(job)
			if err := r.Client.Delete(t.Context(), job); err != nil {
				t.Fatal(err)
			}
		}
		reconcileRun(ended("run", noon, failed))
		if got := announced(t, r)["run"]; got != c.want {
			t.Errorf("%s: got %q, want %q", name, got, c.want)
		}
	}
}

// TestPreviousCounts compares a run with the one before, whose Job is there, or was deleted.
func TestPreviousCounts(t *testing.T) {
	for name, isDeleted := range map[string]bool{"there": false, "deleted": true} {
		r := newReconciler(t)
		for _, job := range []*batchv1.Job{
			ended("before", noon.Add(-time.Minute), `{"passed":9,"failed":1}`), ended("run", noon, `{"passed":7,"failed":3}`),
		} {
			if err := r.Client.Create(t.Context(), job); err != nil {
				t.Fatal(err)
			}
			if _, err := r.Reconcile(t.Context(), reconcile.Request{NamespacedName: client.ObjectKeyFromObject(job)}); err != nil {
				t.Fatal(err)
			}
			if isDeleted {
				if err := r.Client.Delete(t.Context(), job); err != nil {
					t.Fatal(err)
				}
			}
		}
		list := &v1alpha1.NotificationList{}
		if err := r.Client.List(t.Context(), list); err != nil {
			t.Fatal(err)
		}
		for i := range list.Items {
			e, err := event.FromAPI(list.Items[i].Spec.Event)
			if err != nil {
				t.Fatal(err)
			}
			if got := fmt.Sprint(e.Data["previousRun"], e.Data["previousPassed"], e.Data["previousFailed"]); e.Text("run") == "run" &&
				got != "before9 1" {
				t.Errorf("%s: got %s", name, got)
			}
		}
	}
}

// TestPreviousOutcomeOfMany checks that the runs of a day are not all read for each of them, as after a restart.
func TestPreviousOutcomeOfMany(t *testing.T) {
	const runs = 110 // one every ten minutes
	var jobs []client.Object
	for i := range runs {
		jobs = append(jobs, ended(fmt.Sprintf("run-%d", i), noon.Add(-time.Duration(i)*10*time.Minute), passed))
	}
	r := newReconciler(t, jobs...)
	read := 0
	r.Client = interceptor.NewClient(r.Client.(client.WithWatch), interceptor.Funcs{
		List: func(ctx context.Context, c client.WithWatch, list client.ObjectList, opts ...client.ListOption) error {
			defer func() { read += meta.LenList(list) }()
			return c.List(ctx, list, opts...)
		},
	})
	for _, job := range jobs {
		if _, err := r.Reconcile(t.Context(), reconcile.Request{NamespacedName: client.ObjectKeyFromObject(job)}); err != nil {
			t.Fatal(err)
		}
	}
	got := announced(t, r)
	for i := range runs - 1 {
		if name := fmt.Sprintf("run-%d", i); got[name] != "Passed after Passed" {
			t.Errorf("%s: announced %q", name, got[name])
		}
	}
	if most := 25 * runs; read > most {
		t.Errorf("%d objects were read, want %d at most", read, most)
	}
}

// TestDefectsOfARun checks that a run is announced with the Defects of its suite that it is about.
func TestDefectsOfARun(t *testing.T) {
	defect := func(name, suite string, results ...v1alpha1.TestResult) *v1alpha1.Defect {
		d := &v1alpha1.Defect{ObjectMeta: metav1.ObjectMeta{Namespace: "voice", Name: name}}
		d.Spec.Title = name
		d.Spec.Suite = suite
		for i, result := range results {
			at := metav1.NewTime(noon.Add(time.Duration(i-len(results)) * time.Minute))
			run := fmt.Sprintf("before-%d", i)
			if i == len(results)-1 {
				run = "run"
			}
			d.Spec.Outcomes = append(d.Spec.Outcomes, v1alpha1.TestOutcome{Run: run, Result: result, Time: at})
		}
		return d
	}
	r := newReconciler(t, ended("run", noon, failed),
		defect("new", "booking", v1alpha1.TestFailed), defect("known", "booking", v1alpha1.TestFailed, v1alpha1.TestFailed),
		defect("fixed", "booking", v1alpha1.TestFailed, v1alpha1.TestPassed), defect("flaky", "booking", v1alpha1.TestFlaky),
		defect("passes", "booking", v1alpha1.TestPassed), defect("elsewhere", "billing", v1alpha1.TestFailed))
	run := types.NamespacedName{Namespace: "voice", Name: "run"}
	if _, err := r.Reconcile(t.Context(), reconcile.Request{NamespacedName: run}); err != nil {
		t.Fatal(err)
	}
	list := &v1alpha1.NotificationList{}
	if err := r.Client.List(t.Context(), list); err != nil || len(list.Items) != 1 {
		t.Fatalf("%d were announced, %v", len(list.Items), err)
	}
	e, err := event.FromAPI(list.Items[0].Spec.Event)
	if err != nil {
		t.Fatal(err)
	}
	var listed []string
	for _, d := range e.Defects() {
		listed = append(listed, d.Change+" "+d.Name)
	}
	if got := fmt.Sprint(listed); got != "[New new Known known Flaky flaky Fixed fixed]" {
		t.Errorf("listed %s", got)
	}
	for _, c := range []string{"new", "known", "flaky", "fixed"} {
		if e.Data[c+"Defects"] != 1.0 {
			t.Errorf("%s: %v", c, e.Data[c+"Defects"])
		}
	}
}

// TestResultsAreCounted checks that each run counts once by what is known of its result, also when it is announced again.
func TestResultsAreCounted(t *testing.T) {
	resultsTotal.Reset()
	r := newReconciler(t, ended("good", noon, passed), ended("broken", noon, "{"), ended("empty", noon, ""))
	for range 2 {
		for _, name := range []string{"good", "broken", "empty"} {
			req := reconcile.Request{NamespacedName: types.NamespacedName{Namespace: "voice", Name: name}}
			if _, err := r.Reconcile(t.Context(), req); err != nil {
				t.Fatal(err)
			}
		}
	}
	registry := prometheus.NewPedanticRegistry()
	registry.MustRegister(resultsTotal)
	families, err := registry.Gather()
	if err != nil || len(families) != 1 {
		t.Fatalf("%v, %v", families, err)
	}
	got := map[string]float64{}
	for _, metric := range families[0].GetMetric() {
		got[metric.GetLabel()[1].GetValue()] = metric.GetCounter().GetValue()
	}
	if want := map[string]float64{"Read": 1, "Malformed": 1, "Missing": 1}; !maps.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}
