// SPDX-License-Identifier: Apache-2.0

package index

import (
	"cmp"
	"iter"
	"slices"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/voiceai-dev/integrations-operator/api/v1alpha1"
)

const (
	// maxTexts is how many bytes of texts the cache keeps of a Defect, beside those that indexes and lists need.
	maxTexts = 8 << 10
	// maxTests is how many bytes of names of tests the cache keeps of a Defect: as many as the event of a run lists.
	maxTests = 16 << 10
	// maxOutcomes is how many bytes the cache keeps of each list of outcomes of a Defect. Those of 50 Jobs have 8 KiB.
	maxOutcomes = 10 << 10
)

// cutter is the manager in the only entry of managedFields of an object that the cache holds without a part of it. It has no
// operation, unlike those of the API server, so that no client can forge it.
const cutter = "cut"

// IsCut reports whether the cache holds an object without a part of it.
func IsCut(o metav1.Object) bool {
	m := o.GetManagedFields()
	return len(m) == 1 && m[0].Manager == cutter && m[0].Operation == ""
}

// cut removes from a large Defect what indexes and lists do without, and marks it. A Reader reads such an object from the API
// server. Otherwise those who may create Defects in one namespace could fill the memory of the operator.
func cut(d *v1alpha1.Defect) {
	if IsCut(d) {
		return // a list of what was transformed
	}
	isLarge := cutTexts(&d.Spec)
	isLarge = cutLists(d) || isLarge
	if isLarge {
		d.SetManagedFields([]metav1.ManagedFieldsEntry{{Manager: cutter}})
	}
}

// cutTexts removes the texts of a Defect if they are long, and all else that only its ticket, messages and page show.
func cutTexts(s *v1alpha1.DefectSpec) bool {
	if textsOf(s) <= maxTexts {
		return false
	}
	*s = v1alpha1.DefectSpec{
		Title: s.Title, Severity: s.Severity, Category: s.Category, Suite: s.Suite, Run: s.Run, TestCase: s.TestCase,
		Fingerprint: s.Fingerprint, Occurrence: s.Occurrence, Tests: s.Tests, Outcomes: s.Outcomes,
		ResolveAfterPasses: s.ResolveAfterPasses, Quarantine: s.Quarantine, State: s.State, Jira: s.Jira,
	}
	if s.Jira != nil {
		s.Jira.Labels = nil
	}
	return true
}

// textsOf returns how many bytes the texts have that cutTexts removes.
func textsOf(s *v1alpha1.DefectSpec) int {
	n := len(s.Description) + len(s.StepsToReproduce) + len(s.ExpectedResult) + len(s.ActualResult)
	if v := s.Voice; v != nil {
		n += len(v.Utterance) + len(v.ExpectedTranscript) + len(v.HeardTranscript) + len(v.Explanation) + len(v.AudioURL)
	}
	if e := s.Evidence; e != nil {
		for _, f := range e.Files {
			n += len(f.Name) + len(f.SHA256)
		}
		for _, l := range e.Links {
			n += len(l.Name) + len(l.URL)
		}
	}
	if s.Jira != nil {
		for _, l := range s.Jira.Labels {
			n += len(l)
		}
	}
	return n
}

// cutLists removes the last tests of a Defect and its oldest outcomes if they are long.
func cutLists(d *v1alpha1.Defect) bool {
	s := &d.Spec
	isLarge := fitting(slices.All(s.Tests), maxTests, func(t v1alpha1.DefectTest) int { return len(t.ID) + len(t.Name) }) < len(s.Tests)
	if isLarge {
		names := make([]v1alpha1.DefectTest, len(s.Tests))
		for n, t := range s.Tests {
			names[n].Name = cmp.Or(t.Name, t.ID)
		}
		s.Tests = clip(names[:fitting(slices.All(names), maxTests, func(t v1alpha1.DefectTest) int { return len(t.Name) })])
	}
	lists := []*[]v1alpha1.TestOutcome{&s.Outcomes}
	if d.Status.History != nil {
		lists = append(lists, &d.Status.History.Outcomes)
	}
	for _, l := range lists {
		last := fitting(slices.Backward(*l), maxOutcomes, func(o v1alpha1.TestOutcome) int {
			return len(o.Run) + len(o.Result) + len(o.Commit) + len(o.Version)
		})
		isLarge = isLarge || last < len(*l)
		*l = clip((*l)[len(*l)-last:])
	}
	return isLarge
}

// fitting returns how many items of a list have at most so many bytes together.
func fitting[T any](list iter.Seq2[int, T], bytes int, size func(T) int) (n int) {
	for _, item := range list {
		if bytes -= size(item); bytes < 0 {
			return n
		}
		n++
	}
	return n
}
