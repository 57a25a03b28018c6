// SPDX-License-Identifier: Apache-2.0

package lifecycle_test

import (
	"fmt"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/voiceai-dev/integrations-operator/api/v1alpha1"
	"github.com/voiceai-dev/integrations-operator/internal/lifecycle"
	"github.com/voiceai-dev/integrations-operator/internal/ticket"
)

// reports is a Defect that a run found, and what later runs report of it, a minute apart.
type reports struct {
	*v1alpha1.Defect
	now time.Time
}

func newReports() *reports {
	d := &v1alpha1.Defect{}
	d.UID = "u1"
	d.CreationTimestamp = metav1.NewTime(begin)
	d.Spec.Run = "run-0"
	lifecycle.Observe(d, begin)
	return &reports{d, begin}
}

// outcome reports the outcome of a run, as the only one.
func (r *reports) outcome(run string, result v1alpha1.TestResult) {
	r.now = r.now.Add(time.Minute)
	r.Spec.Outcomes = []v1alpha1.TestOutcome{{Run: run, Result: result, Time: metav1.NewTime(r.now)}}
	lifecycle.Observe(r.Defect, r.now)
}

// runs reports the outcomes of further runs, as a strip shows them.
func (r *reports) runs(strip string) {
	results := map[rune]v1alpha1.TestResult{
		'P': v1alpha1.TestPassed, 'F': v1alpha1.TestFailed, '~': v1alpha1.TestFlaky, '-': v1alpha1.TestNotRun,
	}
	for _, c := range strip {
		r.outcome(fmt.Sprintf("run-%s", r.now.Format("15-04")), results[c])
	}
}

func (r *reports) occur(run string) {
	r.now = r.now.Add(time.Minute)
	r.Spec.Occurrence = &v1alpha1.Occurrence{Time: metav1.NewTime(r.now), Run: run}
	lifecycle.Observe(r.Defect, r.now)
}

// after returns a time that is some minutes after the begin.
func after(minutes int) time.Time { return begin.Add(time.Duration(minutes) * time.Minute) }

func TestARunCountsOnce(t *testing.T) {
	for name, c := range map[string]struct {
		report func(*reports)
		want   int64
		strip  string
	}{
		"found":                             {func(*reports) {}, 1, "F"},
		"the same run again":                {func(r *reports) { r.outcome("run-0", v1alpha1.TestFailed) }, 1, "F"},
		"the same run as an occurrence":     {func(r *reports) { r.occur("run-0") }, 1, "F"},
		"another run":                       {func(r *reports) { r.outcome("run-1", v1alpha1.TestFailed) }, 2, "FF"},
		"another run by an occurrence":      {func(r *reports) { r.occur("run-1") }, 2, "FF"},
		"an occurrence without a run":       {func(r *reports) { r.occur("") }, 2, "F"},
		"an outcome and its occurrence":     {func(r *reports) { r.outcome("run-1", v1alpha1.TestFailed); r.occur("run-1") }, 2, "FF"},
		"an occurrence and its outcome":     {func(r *reports) { r.occur("run-1"); r.outcome("run-1", v1alpha1.TestFlaky) }, 2, "F~"},
		"a flaky run and its occurrence":    {func(r *reports) { r.outcome("run-1", v1alpha1.TestFlaky); r.occur("run-1") }, 2, "F~"},
		"a run that passed":                 {func(r *reports) { r.outcome("run-1", v1alpha1.TestPassed) }, 1, "FP"},
		"a run without the test":            {func(r *reports) { r.outcome("run-1", v1alpha1.TestNotRun) }, 1, "F-"},
		"an outcome from far in the future": {func(r *reports) { r.now = r.now.Add(-time.Hour); r.future() }, 1, "F"},
		"twenty runs":                       {func(r *reports) { r.runs("FFFFFFFFFFFFFFFFFFF") }, 20, "FFFFFFFFFFFFFFFFFFFF"},
	} {
		r := newReports()
		c.report(r)
		before := r.Status.DeepCopy()
		lifecycle.Observe(r.Defect, r.now)
		if r.Status.Occurrences != c.want || r.Status.History.Strip != c.strip {
			t.Errorf("%s: %d occurrences, %q; want %d, %q", name, r.Status.Occurrences, r.Status.History.Strip, c.want, c.strip)
		}
		if before.Occurrences != r.Status.Occurrences || before.History.Strip != r.Status.History.Strip {
			t.Errorf("%s: the next reconcile counts again", name)
		}
	}
}

// future reports a run whose clock is an hour ahead.
func (r *reports) future() {
	r.Spec.Outcomes = []v1alpha1.TestOutcome{{Run: "run-1", Result: v1alpha1.TestFailed, Time: metav1.NewTime(begin.Add(time.Hour))}}
	lifecycle.Observe(r.Defect, begin)
}

func TestADefectWithOutcomesFromTheStart(t *testing.T) {
	d := &v1alpha1.Defect{}
	d.CreationTimestamp = metav1.NewTime(after(10))
	d.Spec.Run = "run-2"
	d.Spec.Outcomes = []v1alpha1.TestOutcome{
		{Run: "run-2", Result: v1alpha1.TestFailed, Time: metav1.NewTime(after(9))},
		{Run: "run-1", Result: v1alpha1.TestPassed, Time: metav1.NewTime(after(1))},
	}
	lifecycle.Observe(d, after(10))
	h := d.Status.History
	if d.Status.Occurrences != 1 || h.Strip != "PF" || h.LastGood.Run != "run-1" || h.FirstBad.Run != "run-2" {
		t.Errorf("%d occurrences, %+v", d.Status.Occurrences, h)
	}
}

func TestATestThatPassesAgainResolvesItsDefect(t *testing.T) {
	never := int32(0)
	once := int32(1)
	for name, c := range map[string]struct {
		passes *int32
		strip  string
		want   v1alpha1.State
	}{
		"two passes":               {nil, "PP", v1alpha1.StateOpen},
		"three passes":             {nil, "PPP", v1alpha1.StateResolved},
		"with a gap":               {nil, "P-PP", v1alpha1.StateResolved},
		"one is enough":            {&once, "P", v1alpha1.StateResolved},
		"never":                    {&never, "PPPPPPPPPP", v1alpha1.StateOpen},
		"flaky in between":         {nil, "PP~PPP", v1alpha1.StateOpen},
		"back after it was fixed":  {nil, "PPPF", v1alpha1.StateOpen},
		"flaky after it was fixed": {nil, "PPP~", v1alpha1.StateResolved},
	} {
		r := newReports()
		r.Spec.ResolveAfterPasses = c.passes
		r.runs(c.strip)
		if r.Status.State != c.want {
			t.Errorf("%s: %s, want %s", name, r.Status.State, c.want)
		}
	}
	r := newReports()
	r.Status.Jira = &v1alpha1.DefectTicket{Key: "V-1"}
	r.runs("PPP")
	if ch := r.Status.StateChange; ch.Cause != v1alpha1.CausePassed || r.Status.Jira.MoveTo != v1alpha1.StateResolved {
		t.Errorf("%+v, the ticket is moved to %q", ch, r.Status.Jira.MoveTo)
	}
	r.Spec.State = v1alpha1.StateOpen
	r.runs("P")
	if r.Status.State != v1alpha1.StateOpen {
		t.Error("passes from before a person opened the Defect resolve it again")
	}
	r.runs("PPP")
	if r.Status.State != v1alpha1.StateResolved {
		t.Error("passes since a person opened the Defect do not resolve it")
	}
}

// TestAFlakyTestIsFlaggedAndNotOpenedAndClosed follows a test that fails in every third run for 40 runs.
func TestAFlakyTestIsFlaggedAndNotOpenedAndClosed(t *testing.T) {
	r := newReports()
	for range 13 {
		r.runs("PPF")
	}
	if r.Status.History.Stability != v1alpha1.StabilityFlaky || r.Status.StateChange != nil || r.Status.Occurrences != 14 {
		t.Errorf("%+v, changed %+v", r.Status.History.Stability, r.Status.StateChange)
	}
	r = newReports()
	for range 8 {
		r.runs("PPPPF")
	}
	if c := r.Status.StateChange; c != nil && c.Number > 2 {
		t.Errorf("changed %d times: a test that fails now and then is opened and closed each time", c.Number)
	}
}

func TestAnAdoptedTicketKnowsOfOutcomes(t *testing.T) {
	d := &v1alpha1.Defect{}
	d.CreationTimestamp = metav1.NewTime(after(7))
	d.Spec.Outcomes = []v1alpha1.TestOutcome{{Run: "run-1", Result: v1alpha1.TestFailed, Time: metav1.NewTime(after(7))}}
	lifecycle.Observe(d, after(7))
	d.Status.Jira = &v1alpha1.DefectTicket{}
	done := ticket.Ticket{Found: true, Key: "V-1", Status: "Done", StatusCategory: "done", Updated: after(6)}
	lifecycle.Filed(d, nil, done, after(8))
	if d.Status.State != v1alpha1.StateOpen || d.Status.Regressions != 1 {
		t.Errorf("failed after its ticket was closed: %s", d.Status.State)
	}
}
