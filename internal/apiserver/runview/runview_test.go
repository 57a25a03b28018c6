// SPDX-License-Identifier: Apache-2.0

package runview

import (
	"fmt"
	"strings"
	"testing"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/ptr"

	"github.com/voiceai-dev/integrations-operator/api/v1alpha1"
	"github.com/voiceai-dev/integrations-operator/internal/apiserver/page"
	"github.com/voiceai-dev/integrations-operator/internal/apiserver/view"
	"github.com/voiceai-dev/integrations-operator/internal/apiserver/view/viewtest"
	"github.com/voiceai-dev/integrations-operator/internal/event"
)

// everything may be listed.
var everything = view.Visibility{Defects: true, Notifications: true, Runs: true, Suites: true}

func newModel() *Model { return modelOf(viewtest.NewCluster()) }

func modelOf(c *viewtest.Cluster) *Model { return &Model{view.New(c, c, "")} }

// minutes is a time after Noon.
func minutes(n int) metav1.Time {
	return metav1.NewTime(viewtest.Noon.Add(time.Duration(n) * time.Minute))
}

// ended returns a run of the suite booking that took a minute and ended with a result; a Job that failed without one.
func ended(name string, at int, result string) *batchv1.Job {
	j := &batchv1.Job{ObjectMeta: viewtest.Meta("qa", name)}
	j.UID = types.UID("uid-" + name)
	j.Labels = map[string]string{v1alpha1.SuiteLabel: "booking"}
	j.Annotations = map[string]string{v1alpha1.ResultsAnnotation: result}
	j.Status.StartTime = ptr.To(minutes(at - 1))
	how := batchv1.JobComplete
	if result == "" {
		how = batchv1.JobFailed
	}
	j.Status.Conditions = []batchv1.JobCondition{{Type: how, Status: corev1.ConditionTrue, LastTransitionTime: minutes(at)}}
	if result != "" {
		j.Status.CompletionTime = ptr.To(minutes(at))
	}
	return j
}

// announced returns the Notification of a rule about a run.
func announced(t *testing.T, rule string, j *batchv1.Job) *v1alpha1.Notification {
	t.Helper()
	result, malformed := event.ReportOf(j, nil)
	e := event.RunCompleted(j, result, malformed)
	stored, err := e.ToAPI()
	if err != nil {
		t.Fatal(err)
	}
	n := &v1alpha1.Notification{ObjectMeta: viewtest.Meta(j.Namespace, rule+"-"+j.Name)}
	n.Labels = map[string]string{v1alpha1.EventTypeLabel: string(e.Type), v1alpha1.SuiteLabel: j.Labels[v1alpha1.SuiteLabel]}
	n.Spec.Event = stored
	return n
}

// names returns the names of runs and their states.
func names(runs []view.RunRecord) string {
	var out []string
	for _, r := range runs {
		out = append(out, r.Name+" "+r.State)
	}
	return strings.Join(out, ", ")
}

// newFilledModel returns a Model with the runs a (deleted, failed), b (deleted, passed), c (failed) and d (passed).
func newFilledModel(t *testing.T) *Model {
	t.Helper()
	return fill(t, newModel())
}

func fill(t *testing.T, m *Model) *Model {
	t.Helper()
	a := ended("a", 10, `{"passed":1,"failed":2,"durationSeconds":7,"reportURL":"https://r/a","commit":"4f2c1d9"}`)
	b := ended("b", 20, `{"passed":3,"failed":0}`)
	c := ended("c", 30, "")
	d := ended("d", 40, `{"passed":3,"failed":0,"skipped":1,"commit":"77aa"}`)
	for _, j := range []*batchv1.Job{c, d} {
		m.Runs.Put(j)
	}
	for _, j := range []*batchv1.Job{a, b, c, d} {
		m.Notifications.Put(announced(t, "rule", j))
		m.Notifications.Put(announced(t, "other-rule", j))
	}
	return m
}

func TestList(t *testing.T) {
	for name, c := range map[string]struct {
		filter Filter
		see    view.Visibility
		want   string
	}{
		"all":                   {Filter{}, everything, "d Passed, c Failed, b Passed, a Failed"},
		"without Notifications": {Filter{}, view.Visibility{Runs: true}, "d Passed, c Failed"},
		"failed":                {Filter{State: "Failed"}, everything, "c Failed, a Failed"},
		"passed":                {Filter{State: "Passed"}, everything, "d Passed, b Passed"},
		"a commit":              {Filter{Commit: "4f2c"}, everything, "a Failed"},
		"a commit and a state":  {Filter{Commit: "77", State: "Failed"}, everything, ""},
		"another suite":         {Filter{Suite: "greeting"}, everything, ""},
		"its suite":             {Filter{Suite: "booking", Text: "C"}, everything, "c Failed"},
		"a text of the suite":   {Filter{Text: "OOKI"}, everything, "d Passed, c Failed, b Passed, a Failed"},
		"a time":                {Filter{Since: minutes(20).Time, Until: minutes(39).Time}, everything, "c Failed, b Passed"},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := newFilledModel(t).List(t.Context(), Scope{"qa", c.see}, c.filter, page.Params{})
			if err != nil || names(got.Items) != c.want {
				t.Errorf("got %s, %v, want %s", names(got.Items), err, c.want)
			}
		})
	}
}

// TestPages reads all runs, one on a page.
func TestPages(t *testing.T) {
	m := newFilledModel(t)
	var all []view.RunRecord
	p := page.Params{Limit: 1}
	for range 9 {
		got, err := m.List(t.Context(), Scope{"", everything}, Filter{}, p)
		if err != nil || got.Total != 4 {
			t.Fatal(got, err)
		}
		all = append(all, got.Items...)
		if p.Cursor = got.NextCursor; p.Cursor == "" {
			break
		}
	}
	if got := names(all); got != "d Passed, c Failed, b Passed, a Failed" {
		t.Errorf("got %s", got)
	}
}

// TestFind finds runs that exist and runs whose Jobs were deleted.
func TestFind(t *testing.T) {
	m := newFilledModel(t)
	for name, c := range map[string]struct {
		see  view.Visibility
		want string
	}{
		"d": {everything, "uid-d Passed after c, 60s of 77aa, 3 of 4 passed"},
		"c": {everything, "uid-c Failed after b, 60s of "},
		"b": {everything, "uid-b Passed after a, 60s of , 3 of 3 passed, deleted"},
		"a": {everything, "uid-a Failed, 7s of 4f2c1d9, 1 of 3 passed, deleted"},
	} {
		r, ok, err := m.Find(t.Context(), types.NamespacedName{Namespace: "qa", Name: name}, c.see)
		if err != nil || !ok {
			t.Fatal(name, ok, err)
		}
		if got := describe(r); got != c.want {
			t.Errorf("%s: got %q, want %q", name, got, c.want)
		}
	}
	less, _, _ := m.Find(t.Context(), types.NamespacedName{Namespace: "qa", Name: "d"}, view.Visibility{})
	if less.Previous != nil || less.Defects != nil {
		t.Errorf("a caller without rights sees %v and %v", less.Previous, less.Defects)
	}
}

// TestOutsideRuns lists and finds runs that are no Jobs, as two rules announced their CloudEvents, and prefers a Job of that name.
func TestOutsideRuns(t *testing.T) {
	m := newFilledModel(t)
	put := func(name, data string, at int) {
		body := `{"specversion":"1.0","source":"ci","id":"` + name + `","type":"dev.voiceai.testrun.completed","time":"` +
			minutes(at).Format(time.RFC3339) + `","data":` + data + `}`
		batch, err := event.DecodeCloudEvents("application/cloudevents+json", nil, strings.NewReader(body), minutes(999).Time)
		if err != nil {
			t.Fatal(err)
		}
		stored, err := batch.Events[0].ToAPI()
		if err != nil {
			t.Fatal(err)
		}
		for _, rule := range []string{"rule", "other-rule"} {
			n := &v1alpha1.Notification{ObjectMeta: viewtest.Meta("qa", rule+"-"+name)}
			n.Labels = map[string]string{v1alpha1.EventTypeLabel: string(v1alpha1.EventTestRunCompleted)}
			n.Spec.Event = stored
			m.Notifications.Put(n)
		}
	}
	put("ci-1", `{"suite":"booking","run":"ci-1","result":"Failed","passed":1,"failed":2,"total":3,"commit":"77ab","durationSeconds":9}`, 35)
	put("ci-2", `{"suite":"booking","run":"d","result":"Passed","passed":1,"failed":0,"total":1}`, 50)
	put("odd", `{"suite":"booking","result":"Passed"}`, 60)
	got, err := m.List(t.Context(), Scope{"qa", everything}, Filter{}, page.Params{})
	if want := "d Passed, d Passed, ci-1 Failed, c Failed, b Passed, a Failed"; err != nil || names(got.Items) != want {
		t.Errorf("got %s, %v, want %s", names(got.Items), err, want)
	}
	failed, _ := m.List(t.Context(), Scope{"qa", everything}, Filter{Commit: "77ab", State: "Failed"}, page.Params{})
	if names(failed.Items) != "ci-1 Failed" {
		t.Errorf("of a commit: %s", names(failed.Items))
	}
	for name, want := range map[string]string{
		"ci-1": " Failed after c, 9s of 77ab, 1 of 3 passed", "d": "uid-d Passed after ci-1, 60s of 77aa, 3 of 4 passed",
	} {
		r, ok, err := m.Find(t.Context(), types.NamespacedName{Namespace: "qa", Name: name}, everything)
		if err != nil || !ok || describe(r) != want || r.Outside != (name == "ci-1") || r.Deleted {
			t.Errorf("%s: got %q, %+v, %v", name, describe(r), r.RunRecord, err)
		}
	}
	if _, _, err := m.Find(t.Context(), types.NamespacedName{Namespace: "qa", Name: "ci-1"}, view.Visibility{Runs: true}); err == nil {
		t.Error("it is found without the right to list Notifications")
	}
}

// describe returns a run in words.
func describe(r Run) string {
	out := r.UID + " " + r.State
	if r.Previous != nil {
		out += " after " + r.Previous.Name
	}
	out += fmt.Sprintf(", %gs of %s", r.DurationSeconds, r.Commit)
	if r.Results != nil {
		out += fmt.Sprintf(", %d of %d passed", r.Results.Passed, r.Results.Total)
	}
	if r.Deleted {
		out += ", deleted"
	}
	return out
}

// TestDefects sorts the Defects of a run by what it changed.
func TestDefects(t *testing.T) {
	cluster := viewtest.NewCluster()
	m := fill(t, modelOf(cluster))
	put := func(name, suite string, severity v1alpha1.Severity, results ...v1alpha1.TestResult) {
		d := &v1alpha1.Defect{ObjectMeta: viewtest.Meta("qa", name), Spec: v1alpha1.DefectSpec{Suite: suite, Severity: severity, Title: name}}
		for i, r := range results {
			d.Spec.Outcomes = append(d.Spec.Outcomes, v1alpha1.TestOutcome{Run: string(rune('b' + i)), Result: r, Time: minutes(20 + 10*i)})
		}
		cluster.Put(d)
		m.Defects.Put(d)
	}
	put("fixed", "booking", v1alpha1.SeverityCritical, v1alpha1.TestPassed, v1alpha1.TestFailed, v1alpha1.TestPassed)
	put("known", "booking", v1alpha1.SeverityHigh, v1alpha1.TestFailed, v1alpha1.TestFailed, v1alpha1.TestFailed)
	put("new-low", "booking", v1alpha1.SeverityLow, v1alpha1.TestPassed, v1alpha1.TestPassed, v1alpha1.TestFailed)
	put("new-high", "booking", v1alpha1.SeverityHigh, v1alpha1.TestPassed, v1alpha1.TestPassed, v1alpha1.TestFailed)
	put("flaky", "booking", v1alpha1.SeverityHigh, v1alpha1.TestPassed, v1alpha1.TestPassed, v1alpha1.TestFlaky)
	put("passed", "booking", v1alpha1.SeverityHigh, v1alpha1.TestPassed, v1alpha1.TestPassed, v1alpha1.TestPassed)
	for n := range 100 { // of earlier runs
		put(fmt.Sprintf("older-%d", n), "booking", v1alpha1.SeverityHigh, v1alpha1.TestFailed, v1alpha1.TestPassed)
	}
	put("of-another-suite", "greeting", v1alpha1.SeverityHigh, v1alpha1.TestPassed, v1alpha1.TestPassed, v1alpha1.TestFailed)
	before := cluster.Reads()
	r, _, err := m.Find(t.Context(), types.NamespacedName{Namespace: "qa", Name: "d"}, everything)
	if err != nil {
		t.Fatal(err)
	}
	// The Job, its predecessor, the Defects that the run changed something about, and one whose outcomes the status lacks.
	if n := cluster.Reads() - before; n > 8 {
		t.Errorf("%d objects were read", n)
	}
	var got []string
	for _, d := range r.Defects.Items {
		got = append(got, string(d.Change)+" "+d.Name)
	}
	want := "New new-high, New new-low, Known known, Flaky flaky, Fixed fixed"
	if strings.Join(got, ", ") != want || r.Defects.New != 2 || r.Defects.Known != 1 || r.Defects.Flaky != 1 || r.Defects.Fixed != 1 {
		t.Errorf("got %v and %+v, want %s", got, r.Defects, want)
	}
}
