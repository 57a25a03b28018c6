// SPDX-License-Identifier: Apache-2.0

package event_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	batchv1 "k8s.io/api/batch/v1"

	"github.com/voiceai-dev/integrations-operator/api/v1alpha1"
	"github.com/voiceai-dev/integrations-operator/internal/event"
	"github.com/voiceai-dev/integrations-operator/internal/history"
)

// stored returns an event as it is read from a Notification.
func stored(t *testing.T, e event.Event) event.Event {
	t.Helper()
	n, err := e.ToAPI()
	if err != nil {
		t.Fatal(err)
	}
	out, err := event.FromAPI(n)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func TestFailedTests(t *testing.T) {
	change := func(c history.Change, name string, tests ...v1alpha1.DefectTest) event.RunDefect {
		d := &v1alpha1.Defect{Spec: v1alpha1.DefectSpec{Title: name, TestCase: name, Tests: tests}}
		d.Name = name
		return event.RunDefect{Defect: d, Change: c}
	}
	e := event.RunCompleted(job(batchv1.JobComplete, ""), event.Result{}, nil)
	e.AddDefects([]event.RunDefect{
		change(history.Known, "known"), change(history.New, "new"), change(history.Flaky, "flaky"), change(history.Fixed, "fixed"),
		change(history.Known, "", v1alpha1.DefectTest{ID: "id-1", Name: "several"}, v1alpha1.DefectTest{ID: "id-2"}),
		change(history.Known, "known", v1alpha1.DefectTest{ID: "id-3", Name: "known"}), // one test that failed for two causes
	})
	e = stored(t, e)
	if got := e.FailedTests(); !slices.Equal(got, []string{"new", "several", "id-2", "known"}) {
		t.Errorf("got %q", got)
	}
	none := event.RunCompleted(job(batchv1.JobComplete, ""), event.Result{}, nil)
	none.AddDefects(nil)
	if got := none.FailedTests(); got != nil {
		t.Errorf("a run without Defects: %q", got)
	}
	d := event.Event{Data: map[string]any{"testCase": "t"}}
	if got := d.FailedTests(); !slices.Equal(got, []string{"t"}) {
		t.Errorf("of a Defect: %q", got)
	}

	var many []event.RunDefect
	for i := range 1000 {
		many = append(many, change(history.New, fmt.Sprintf("%04d", i)+strings.Repeat("é", 250)))
	}
	e = event.RunCompleted(job(batchv1.JobComplete, ""), event.Result{}, nil)
	e.AddDefects(many)
	checkFits(t, &e)
	if n := len(e.FailedTests()); n < 20 || n > 40 {
		t.Errorf("%d tests are listed", n)
	}
}

func TestAddPrevious(t *testing.T) {
	of := func(result string) event.Event {
		r, malformed := event.ParseResult(result)
		return stored(t, event.RunCompleted(job(batchv1.JobComplete, ""), r, malformed))
	}
	e := of(`{"passed":3,"failed":1}`)
	before := of(`{"passed":4,"failed":0,"skipped":2}`)
	e.AddPrevious(nil)
	if e.Data["previousResult"] != "" || e.Data["previousPassed"] != nil {
		t.Errorf("without a run before: %v", e.Data)
	}
	e.AddPrevious(&before)
	got := fmt.Sprint(e.Data["previousRun"], e.Data["previousResult"], e.Data["previousPassed"], e.Data["previousFailed"],
		e.Data["previousSkipped"], e.Data["previousTotal"])
	if got != "booking-1Passed4 0 2 6" {
		t.Errorf("got %s", got)
	}
}
