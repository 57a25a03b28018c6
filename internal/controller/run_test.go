package controller

import (
	"testing"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	testingclock "k8s.io/utils/clock/testing"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/controller/priorityqueue"
	kevent "sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/voiceai-dev/integrations-operator/api/v1alpha1"
	"github.com/voiceai-dev/integrations-operator/internal/event"
	"github.com/voiceai-dev/integrations-operator/internal/outbox"
)

var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// ended is a run that ended, with a result.
func ended(name string, at time.Time, result string) *batchv1.Job {
	return &batchv1.Job{
		ObjectMeta: metav1.ObjectMeta{Namespace: "voice", Name: name, UID: types.UID("uid-of-" + name), Labels: map[string]string{v1alpha1.SuiteLabel: "booking"},
			Annotations: map[string]string{v1alpha1.ResultsAnnotation: result}},
		Status: batchv1.JobStatus{Conditions: []batchv1.JobCondition{{Type: batchv1.JobComplete, Status: corev1.ConditionTrue, LastTransitionTime: metav1.NewTime(at)}}},
	}
}

const passed, failed = `{"passed":1,"failed":0}`, `{"passed":0,"failed":1}`

// runs is a reconciler in a cluster with one rule, for every run.
func runs(t *testing.T, objects ...client.Object) *RunReconciler {
	t.Helper()
	scheme := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{clientgoscheme.AddToScheme, v1alpha1.AddToScheme} {
		if err := add(scheme); err != nil {
			t.Fatal(err)
		}
	}
	rule := &v1alpha1.NotificationRule{Spec: v1alpha1.NotificationRuleSpec{EventTypes: []v1alpha1.EventType{v1alpha1.EventTestRunCompleted}}}
	rule.Namespace, rule.Name, rule.UID, rule.CreationTimestamp = "voice", "runs", "rule", metav1.NewTime(noon.Add(-20*time.Hour))
	c := fake.NewClientBuilder().WithScheme(scheme).WithObjects(rule).WithObjects(objects...).Build()
	now := testingclock.NewFakeClock(noon)
	return &RunReconciler{Client: c, Live: c, Clock: now,
		Outbox: &outbox.Outbox{Client: c, Live: c, Clock: now, MaxEventAge: 24 * time.Hour, LeaderSince: func() time.Time { return noon }}}
}

// told are the results that were told, with those of the runs before, by run.
func told(t *testing.T, r *RunReconciler) map[string]string {
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

// TestRunsThatAreDeleted has runs deleted before anybody looked at them.
func TestRunsThatAreDeleted(t *testing.T) {
	again := ended("run", noon, failed)
	again.UID = "another"
	running := ended("running", noon, passed)
	running.Status = batchv1.JobStatus{}
	r := runs(t, again)
	q := priorityqueue.New[reconcile.Request]("test")
	t.Cleanup(q.ShutDown)
	for _, job := range []*batchv1.Job{ended("run", noon.Add(-time.Minute), passed), ended("old", noon.Add(-25*time.Hour), passed), running} {
		r.remember(t.Context(), kevent.DeleteEvent{Object: job}, q)
		req, _ := q.Get()
		if _, err := r.Reconcile(t.Context(), req); err != nil || req.Name != job.Name {
			t.Errorf("%s: %v, %v", job.Name, req, err)
		}
		q.Done(req)
	}
	list := &v1alpha1.NotificationList{}
	if err := r.Client.List(t.Context(), list); err != nil || len(list.Items) != 2 {
		t.Fatalf("%d are told, %v, want the one that was deleted and the one of its name that came after it", len(list.Items), err)
	}
	if len(r.gone) != 0 {
		t.Errorf("%v are kept though they are told", r.gone)
	}
}

// TestOnlyWhenItTurns has a rule that asks for the result before, as the documentation has it, tried on the first run of all.
func TestOnlyWhenItTurns(t *testing.T) {
	r := runs(t, ended("first", noon, failed))
	rule := &v1alpha1.NotificationRule{Spec: v1alpha1.NotificationRuleSpec{EventTypes: []v1alpha1.EventType{v1alpha1.EventTestRunCompleted},
		When: `event.data.result == "Failed" && event.data.previousResult == "Passed"`}}
	rule.Namespace, rule.Name = "voice", "turns"
	if err := r.Client.Create(t.Context(), rule); err != nil {
		t.Fatal(err)
	}
	r.Outbox.OnEvalError = func(r *v1alpha1.NotificationRule, _ *event.Event, _ time.Time, mistake error) {
		t.Errorf("%s: %v", r.Name, mistake)
	}
	if _, err := r.Reconcile(t.Context(), reconcile.Request{NamespacedName: types.NamespacedName{Namespace: "voice", Name: "first"}}); err != nil {
		t.Fatal(err)
	}
	if got := told(t, r); len(got) != 1 {
		t.Errorf("told %v, want the run, by the other rule", got)
	}
}

// TestTheRunBefore has it deleted, by which time only what was told of it is left.
func TestTheRunBefore(t *testing.T) {
	ago := func(minutes time.Duration) time.Time { return noon.Add(-minutes * time.Minute) }
	for name, c := range map[string]struct {
		before, deleted []*batchv1.Job
		want            string
	}{
		"none":                {nil, nil, "Failed after "},
		"still there":         {[]*batchv1.Job{ended("b", ago(2), passed)}, nil, "Failed after Passed"},
		"deleted":             {nil, []*batchv1.Job{ended("b", ago(2), passed)}, "Failed after Passed"},
		"deleted, of two":     {[]*batchv1.Job{ended("a", ago(3), passed)}, []*batchv1.Job{ended("b", ago(2), failed)}, "Failed after Failed"},
		"there, of two":       {[]*batchv1.Job{ended("b", ago(2), failed)}, []*batchv1.Job{ended("a", ago(3), passed)}, "Failed after Failed"},
		"of two deleted":      {nil, []*batchv1.Job{ended("a", ago(3), failed), ended("b", ago(2), passed)}, "Failed after Passed"},
		"one that came after": {nil, []*batchv1.Job{ended("c", ago(-1), passed)}, "Failed after "},
	} {
		r := runs(t)
		tell := func(job *batchv1.Job) {
			t.Helper()
			if err := r.Client.Create(t.Context(), job); err != nil {
				t.Fatal(err)
			}
			if _, err := r.Reconcile(t.Context(), reconcile.Request{NamespacedName: client.ObjectKeyFromObject(job)}); err != nil {
				t.Fatal(err)
			}
		}
		for _, job := range c.before {
			tell(job)
		}
		for _, job := range c.deleted {
			tell(job)
			if err := r.Client.Delete(t.Context(), job); err != nil {
				t.Fatal(err)
			}
		}
		tell(ended("run", noon, failed))
		if got := told(t, r)["run"]; got != c.want {
			t.Errorf("%s: got %q, want %q", name, got, c.want)
		}
	}
}
