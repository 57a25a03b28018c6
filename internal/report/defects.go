// SPDX-License-Identifier: Apache-2.0

package report

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/voiceai-dev/integrations-operator/api/v1alpha1"
	"github.com/voiceai-dev/integrations-operator/internal/findings"
	"github.com/voiceai-dev/integrations-operator/internal/report/voice"
	"github.com/voiceai-dev/integrations-operator/internal/testresult"
	"github.com/voiceai-dev/integrations-operator/internal/text"
)

const (
	// maxWrites bounds the Defects that one call applies for failures.
	maxWrites = 50
	// maxPassed bounds the Defects whose test passed that one call updates. There are none beside maxWrites that failed.
	maxPassed = 200
)

// plan is what a run changes in the cluster.
type plan struct {
	// defects are to be applied, the ones that failed first.
	defects []*v1alpha1.Defect
	// unsent are the Defects that could not be applied, those that an earlier call left included; applied the others.
	unsent, applied []*v1alpha1.Defect
	// findings are what failed, as the Defects of the same fingerprint.
	findings []findings.Finding
	// created counts those that are new.
	created int
	// quarantined counts the failed cases of Defects in quarantine.
	quarantined int
	// notes say what is left out.
	notes []string
}

// isUnsent reports whether a Defect waits for the next call.
func (p *plan) isUnsent(d *v1alpha1.Defect) bool { return slices.Contains(p.unsent, d) }

// find returns a Defect by its name: as it was applied, or is to be by the next call, or as it is known; nil when there is none.
func (p *plan) find(namespace, name string, known map[string]*v1alpha1.Defect) *v1alpha1.Defect {
	isIt := func(d *v1alpha1.Defect) bool { return d.Namespace == namespace && d.Name == name }
	for _, all := range [][]*v1alpha1.Defect{p.applied, p.unsent, sortedDefects(known)} {
		if i := slices.IndexFunc(all, isIt); i >= 0 {
			return all[i]
		}
	}
	return nil
}

// testID returns the identity of a test as it fits a Defect.
func testID(t findings.Test) string {
	if len(t.ID) <= 512 {
		return t.ID
	}
	sum := sha256.Sum256([]byte(t.ID))
	return "sha256:" + hex.EncodeToString(sum[:])
}

// planOf returns what a run changes: a Defect for each finding, and the outcome of each known Defect whose test passed.
func (o *Options) planOf(r *results, known map[string]*v1alpha1.Defect) *plan {
	p := &plan{}
	all := append(findings.Of(o.Suite, r.Failing(), r.Counts()), findings.Of(o.Suite, r.outside, testresult.Counts{})...)
	if len(all) > maxWrites {
		p.notes = append(p.notes, fmt.Sprintf("%d findings are in one Defect, as a run may write %d", len(all)-maxWrites+1, maxWrites))
		all = append(all[:maxWrites-1:maxWrites-1], rest(o.Suite, all[maxWrites-1:]))
	}
	p.findings = all
	seen := map[string]bool{}
	counted := false // whether a failure counts
	for i := range all {
		f := &all[i]
		before := known[f.Fingerprint]
		seen[f.Fingerprint] = true
		if before == nil {
			p.created++
		}
		switch {
		case f.Outcome != testresult.Failed:
		case before != nil && isQuarantined(before, o.Now()):
			p.quarantined += f.Failed
		default:
			counted = true
		}
		p.defects = append(p.defects, o.defectOf(f, before))
	}
	if p.quarantined > 0 && !counted { // a test that fails because one below it does has no finding of its own
		p.quarantined = r.Counts().Failed
	}
	p.addPassed(o, r, known, seen)
	return p
}

// rest joins findings that are too many.
func rest(suite string, all []findings.Finding) findings.Finding {
	out := findings.Finding{Kind: findings.OneCause, Outcome: testresult.Flaky}
	for _, f := range all {
		out.Count += f.Count
		out.Failed += f.Failed
		if f.Outcome == testresult.Failed {
			out.Outcome = testresult.Failed
		}
		room := findings.MaxTests - len(out.Tests)
		out.Tests = append(out.Tests, f.Tests[:min(len(f.Tests), room)]...)
		out.Cases = append(out.Cases, f.Cases[:min(len(f.Cases), room)]...)
	}
	sum := sha256.Sum256([]byte(suite))
	out.Fingerprint = "others-" + hex.EncodeToString(sum[:10])
	out.Title = fmt.Sprintf("%d more tests of %s fail for different reasons", out.Count, suite)
	return out
}

// isQuarantined reports whether a Defect is in quarantine at a time. One whose test fails in each run is not: the operator
// finds that out.
func isQuarantined(d *v1alpha1.Defect, at time.Time) bool {
	q := d.Spec.Quarantine
	if c := meta.FindStatusCondition(d.Status.Conditions, v1alpha1.ConditionQuarantined); c != nil && c.Reason == v1alpha1.ReasonBroken {
		return false
	}
	return q != nil && !at.Before(q.Starts.Time) && at.Before(q.Expires.Time)
}

// addPassed adds the outcome of the known Defects that did not occur in this run, and whose tests ran.
func (p *plan) addPassed(o *Options, r *results, known map[string]*v1alpha1.Defect, seen map[string]bool) {
	left := 0
	added := 0
	most := maxPassed
	if len(p.defects) == maxWrites {
		most = 0
	}
	for _, d := range sortedDefects(known) {
		result, ok := resultOf(d, r.byTest)
		if seen[d.Spec.Fingerprint] || !ok {
			continue
		}
		if added++; added > most {
			left++
			continue
		}
		p.defects = append(p.defects, o.update(d, result))
	}
	if left > 0 {
		p.notes = append(p.notes, fmt.Sprintf("the outcome of %d Defects is left out, as this run may update %d whose test passed", left, most))
	}
}

// resultOf returns the outcome of the tests of a Defect that did not occur. There is none while one of them fails for another
// reason, or none ran.
func resultOf(d *v1alpha1.Defect, byTest map[string]testresult.Outcome) (v1alpha1.TestResult, bool) {
	result := v1alpha1.TestNotRun
	found := false
	for _, t := range d.Spec.Tests {
		switch outcome, ok := byTest[t.ID]; {
		case !ok:
		case outcome == testresult.Failed || outcome == testresult.Flaky:
			return "", false
		case outcome == testresult.Passed:
			result = v1alpha1.TestPassed
			found = true
		default:
			found = true
		}
	}
	return result, found
}

func sortedDefects(all map[string]*v1alpha1.Defect) []*v1alpha1.Defect {
	out := make([]*v1alpha1.Defect, 0, len(all))
	for _, d := range all {
		out = append(out, d)
	}
	slices.SortFunc(out, func(a, b *v1alpha1.Defect) int {
		return cmp.Or(a.CreationTimestamp.Compare(b.CreationTimestamp.Time), cmp.Compare(a.Name, b.Name))
	})
	return out
}

// defectOf returns the Defect of a finding. What people may have changed of one that exists stays as it is.
func (o *Options) defectOf(f *findings.Finding, before *v1alpha1.Defect) *v1alpha1.Defect {
	result := v1alpha1.TestFailed
	if f.Outcome == testresult.Flaky {
		result = v1alpha1.TestFlaky
	}
	var d *v1alpha1.Defect
	if before != nil {
		d = o.update(before, result)
	} else {
		d = o.create(f)
		d.Spec.Outcomes = []v1alpha1.TestOutcome{o.outcome(result)}
	}
	now := metav1.NewTime(o.Now().UTC().Truncate(time.Second))
	d.Spec.Occurrence = &v1alpha1.Occurrence{Time: now, Run: o.RunName}
	if hasOutcome(before, o.RunName, result) { // the same report was sent before
		d.Spec.Occurrence = before.Spec.Occurrence
	}
	d.Spec.Tests = testsOf(f)
	if v := voice.Of(f.Cases[0]); v != nil {
		d.Spec.Voice = v
	}
	return d
}

// hasOutcome reports whether a Defect has the outcome of a run already.
func hasOutcome(d *v1alpha1.Defect, run string, result v1alpha1.TestResult) bool {
	if d == nil {
		return false
	}
	same := func(t v1alpha1.TestOutcome) bool { return t.Run == run && t.Result == result }
	return slices.ContainsFunc(d.Spec.Outcomes, same) || d.Status.History != nil && slices.ContainsFunc(d.Status.History.Outcomes, same)
}

func testsOf(f *findings.Finding) []v1alpha1.DefectTest {
	var out []v1alpha1.DefectTest
	for _, t := range f.Tests {
		id := testID(t)
		if !slices.ContainsFunc(out, func(o v1alpha1.DefectTest) bool { return o.ID == id }) {
			out = append(out, v1alpha1.DefectTest{ID: id, Name: text.Truncate(t.Name, 512)})
		}
	}
	return out
}

func (o *Options) outcome(result v1alpha1.TestResult) v1alpha1.TestOutcome {
	return v1alpha1.TestOutcome{
		Run: o.RunName, Result: result, Time: metav1.NewTime(o.Now().UTC().Truncate(time.Second)),
		Commit: text.Truncate(o.Commit, 64), Version: text.Truncate(o.Version, 128),
	}
}

// create returns a new Defect for a finding.
func (o *Options) create(f *findings.Finding) *v1alpha1.Defect {
	d := o.newDefect(f.Fingerprint)
	first := f.Cases[0]
	d.Spec = v1alpha1.DefectSpec{
		Title: text.Truncate(cmp.Or(text.OneLine(f.Title), "A test without a name failed"), 512), Suite: o.Suite, Run: o.RunName,
		Severity: o.severityOf(f), Fingerprint: f.Fingerprint, TestCase: text.Truncate(f.Tests[0].Name, 512),
		Description: text.Truncate(describe(f), 16384),
	}
	if f.Count > 1 {
		d.Spec.TestCase = ""
	}
	d.Spec.ExpectedResult = text.Truncate(first.Property("expected"), 16384)
	d.Spec.ActualResult = text.Truncate(first.Property("actual"), 16384)
	return d
}

func (o *Options) newDefect(name string) *v1alpha1.Defect {
	return &v1alpha1.Defect{
		TypeMeta: metav1.TypeMeta{APIVersion: v1alpha1.GroupVersion.String(), Kind: v1alpha1.KindDefect},
		ObjectMeta: metav1.ObjectMeta{
			Namespace: o.Namespace, Name: name, Labels: map[string]string{v1alpha1.SuiteLabel: o.Suite},
		},
	}
}

// severityOf returns the severity of a finding: what its test declares, or a high one if nearly everything fails and a low one
// if it is flaky.
func (o *Options) severityOf(f *findings.Finding) v1alpha1.Severity {
	if s, err := severityNamed(f.Cases[0].Property("severity")); err == nil {
		return s
	}
	switch {
	case f.Kind == findings.Infrastructure:
		return v1alpha1.SeverityHigh
	case f.Outcome == testresult.Flaky:
		return v1alpha1.SeverityLow
	}
	return v1alpha1.Severity(o.Severity)
}

// severityNamed returns the severity of a name, in upper or lower case.
func severityNamed(name string) (v1alpha1.Severity, error) {
	for _, s := range []v1alpha1.Severity{v1alpha1.SeverityCritical, v1alpha1.SeverityHigh, v1alpha1.SeverityMedium, v1alpha1.SeverityLow} {
		if strings.EqualFold(name, string(s)) {
			return s, nil
		}
	}
	return "", fmt.Errorf("%q is none: use Critical, High, Medium or Low", name)
}

// describe returns what is known of a finding: the failure of its first test, and the names of all.
func describe(f *findings.Finding) string {
	var out strings.Builder
	if f.Count > 1 {
		fmt.Fprintf(&out, "%d tests failed:\n", f.Count)
		for i, t := range f.Tests {
			if i == 20 {
				fmt.Fprintf(&out, "* and %d more\n", f.Count-i)
				break
			}
			out.WriteString("* " + t.Name + "\n")
		}
		out.WriteString("\n")
	}
	for _, failure := range f.Cases[0].Failures {
		for _, part := range []string{failure.Message, failure.Text} {
			if part != "" && !strings.Contains(out.String(), part) {
				out.WriteString(part + "\n")
			}
		}
	}
	return strings.TrimSpace(out.String())
}

// update returns the Defect of an apply that adds an outcome to one that exists.
func (o *Options) update(before *v1alpha1.Defect, result v1alpha1.TestResult) *v1alpha1.Defect {
	return o.withOutcomes(before, []v1alpha1.TestOutcome{o.outcome(result)})
}

// rebase returns the Defect of an apply that could not be sent, on what the cluster has now.
func (o *Options) rebase(spooled, now *v1alpha1.Defect) *v1alpha1.Defect {
	known := mergedRuns(now)
	isKnown := func(t v1alpha1.TestOutcome) bool { return known[t.Run] }
	d := o.withOutcomes(now, slices.DeleteFunc(slices.Clone(spooled.Spec.Outcomes), isKnown))
	if at := spooled.Spec.Occurrence; at != nil && (d.Spec.Occurrence == nil || !at.Time.Before(&d.Spec.Occurrence.Time)) {
		d.Spec.Occurrence = at
		d.Spec.Tests = spooled.Spec.Tests
		d.Spec.Voice = spooled.Spec.Voice
	}
	return d
}

// withOutcomes returns the Defect of an apply that adds outcomes to one that exists. It has what this program applied before
// and no more, with the values that it has now: people may have changed them. Outcomes that the operator has merged into the
// status are left out. It can be applied only while the Defect is as it was: another run may add an outcome, too.
func (o *Options) withOutcomes(before *v1alpha1.Defect, added []v1alpha1.TestOutcome) *v1alpha1.Defect {
	d := o.newDefect(before.Name)
	d.ResourceVersion = before.ResourceVersion
	s := before.Spec
	d.Spec = v1alpha1.DefectSpec{
		Title: s.Title, Severity: s.Severity, Description: s.Description, ExpectedResult: s.ExpectedResult, ActualResult: s.ActualResult,
		Suite: s.Suite, Run: s.Run, TestCase: s.TestCase, Fingerprint: s.Fingerprint, Occurrence: s.Occurrence, Tests: s.Tests, Voice: s.Voice,
	}
	merged := mergedRuns(before)
	isMerged := func(t v1alpha1.TestOutcome) bool { return merged[t.Run] }
	d.Spec.Outcomes = joinOutcomes(slices.DeleteFunc(slices.Clone(s.Outcomes), isMerged), added)
	return d
}

// mergedRuns returns the runs whose outcome the operator has merged into the status of a Defect.
func mergedRuns(d *v1alpha1.Defect) map[string]bool {
	merged := map[string]bool{}
	if h := d.Status.History; h != nil {
		for _, t := range h.Outcomes {
			merged[t.Run] = true
		}
	}
	return merged
}
