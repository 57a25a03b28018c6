// SPDX-License-Identifier: Apache-2.0

package lifecycle

import (
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/voiceai-dev/integrations-operator/api/v1alpha1"
	"github.com/voiceai-dev/integrations-operator/internal/history"
)

// maxAhead is how far the clock of a test run may be ahead. What is later than that is ignored: it would hide
// all that follow.
const maxAhead = 5 * time.Minute

// defaultPasses is in how many runs in a row a test must pass for its Defect to be resolved, unless the spec has a number.
const defaultPasses = 3

// observeRuns records what runs report. A run in which the test failed or was flaky counts once, whether it is reported
// as an outcome, an occurrence, or both. A test that passes again resolves the Defect.
func observeRuns(d *v1alpha1.Defect, now time.Time) {
	h := d.Status.History
	if h == nil {
		h = &v1alpha1.DefectHistory{}
	}
	until := now.Add(maxAhead)
	counted := history.Merge(h, d.Spec.Outcomes, until)
	history.Assess(h)
	for _, o := range counted {
		reopens := o.Result == v1alpha1.TestFailed || h.Stability == v1alpha1.StabilityFlaky
		count(d, o.Time, reopens, now)
	}
	if o := occurrence(d, until); o.Run == "" || !history.Failed(h, o.Run) {
		observeOccurrence(d, o, now)
		if o.Run != "" {
			history.Merge(h, []v1alpha1.TestOutcome{{Run: o.Run, Result: v1alpha1.TestFailed, Time: o.Time}}, until)
			history.Assess(h)
		}
	}
	if len(h.Outcomes) > 0 {
		d.Status.History = h
	}
	resolveIfFixed(d, h, now)
}

// occurrence returns the last occurrence that the spec reports: spec.occurrence, or else the creation of the Defect.
func occurrence(d *v1alpha1.Defect, until time.Time) v1alpha1.Occurrence {
	if o := d.Spec.Occurrence; o != nil && o.Time.Time.Before(until) {
		return *o // a Defect that was restored from a backup is younger than its occurrence
	}
	if len(d.Spec.Outcomes) > 0 {
		return v1alpha1.Occurrence{Time: d.CreationTimestamp}
	}
	return v1alpha1.Occurrence{Time: d.CreationTimestamp, Run: d.Spec.Run}
}

// observeOccurrence counts an occurrence if it is the first, or later than all so far.
func observeOccurrence(d *v1alpha1.Defect, o v1alpha1.Occurrence, now time.Time) {
	reported := d.Spec.Occurrence != nil && d.Spec.Occurrence.Time.Equal(&o.Time)
	last := d.Status.LastSeenTime
	if d.Status.Occurrences == 0 || reported && (last == nil || o.Time.After(last.Time)) {
		count(d, o.Time, true, now)
	}
}

// count counts an occurrence. One after the Defect was resolved reopens it, if it is to.
func count(d *v1alpha1.Defect, at metav1.Time, reopens bool, now time.Time) {
	s := &d.Status
	first := s.Occurrences == 0
	s.Occurrences++
	if s.FirstSeenTime == nil || at.Before(s.FirstSeenTime) {
		s.FirstSeenTime = &at
	}
	if s.LastSeenTime == nil || s.LastSeenTime.Before(&at) {
		s.LastSeenTime = &at
	}
	if reopens && !first && isResolved(s.State) && (s.ResolvedTime == nil || at.After(s.ResolvedTime.Time)) {
		s.Regressions++
		move(d, v1alpha1.StateOpen, v1alpha1.CauseRegression, now)
	}
}

// resolveIfFixed resolves a Defect whose test passes again, in as many runs as the spec requires since the Defect was
// opened and last seen.
func resolveIfFixed(d *v1alpha1.Defect, h *v1alpha1.DefectHistory, now time.Time) {
	passes := defaultPasses
	if n := d.Spec.ResolveAfterPasses; n != nil {
		passes = int(*n)
	}
	if passes == 0 || isResolved(d.Status.State) {
		return
	}
	var since time.Time
	if last := d.Status.LastSeenTime; last != nil {
		since = last.Time
	}
	if c := d.Status.StateChange; c != nil && c.Time.After(since) {
		since = c.Time.Time
	}
	if history.IsFixed(h, passes, since) {
		move(d, v1alpha1.StateResolved, v1alpha1.CausePassed, now)
	}
}

// lastReported returns when the spec last reports that the defect was seen; the zero time if it does not.
func lastReported(d *v1alpha1.Defect) time.Time {
	var last time.Time
	if o := d.Spec.Occurrence; o != nil {
		last = o.Time.Time
	}
	for i := range d.Spec.Outcomes {
		if o := &d.Spec.Outcomes[i]; history.IsBad(o.Result) && o.Time.After(last) {
			last = o.Time.Time
		}
	}
	return last
}
