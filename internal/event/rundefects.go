// SPDX-License-Identifier: Apache-2.0

package event

import (
	"cmp"
	"slices"
	"strings"

	"github.com/voiceai-dev/integrations-operator/api/v1alpha1"
	"github.com/voiceai-dev/integrations-operator/internal/history"
	"github.com/voiceai-dev/integrations-operator/internal/text"
)

const (
	// maxRunDefects is how many Defects an event of a run lists. Their number is complete.
	maxRunDefects = 10
	// maxRunTitle bounds the title of each, in characters.
	maxRunTitle = 150
	// maxFailedTests bounds the names of the tests that an event of a run lists, in bytes all together.
	maxFailedTests = 16 << 10
	// failedTestsMember is the member of a run's data that lists the tests that failed.
	failedTestsMember = "failedTests"
	// defectsMember is the member of a run's data that lists Defects.
	defectsMember = "defects"
)

// RunDefect is a Defect of which a run has something to report.
type RunDefect struct {
	Defect *v1alpha1.Defect
	Change history.Change
}

// AddDefects adds to the event of a run how many Defects are new, known, flaky and fixed, and a list of the first ones:
// new ones first, and the most severe.
func (e *Event) AddDefects(defects []RunDefect) {
	counts := map[history.Change]float64{}
	for _, d := range defects {
		counts[d.Change]++
	}
	for _, c := range history.Changes {
		e.Data[strings.ToLower(string(c))+"Defects"] = counts[c]
	}
	sorted := slices.SortedFunc(slices.Values(defects), func(a, b RunDefect) int {
		return cmp.Or(
			slices.Index(history.Changes, a.Change)-slices.Index(history.Changes, b.Change),
			b.Defect.Spec.Severity.Rank()-a.Defect.Spec.Severity.Rank(),
			strings.Compare(a.Defect.Name, b.Defect.Name))
	})
	var list []any
	for _, d := range sorted[:min(len(sorted), maxRunDefects)] {
		entry := map[string]any{
			"change": string(d.Change), "name": d.Defect.Name,
			"title": text.Truncate(cmp.Or(text.OneLine(d.Defect.Spec.Title), d.Defect.Name), maxRunTitle),
		}
		if j := d.Defect.Status.Jira; j != nil && j.Key != "" {
			entry["ticketKey"] = j.Key
			entry["ticketURL"] = j.URL
		}
		list = append(list, entry)
	}
	if list != nil {
		e.Data[defectsMember] = list
	}
	if tests := failedTests(sorted); tests != nil {
		e.Data[failedTestsMember] = tests
	}
}

// failedTests returns the names of the tests that failed, as many as an event can hold.
func failedTests(defects []RunDefect) (out []any) {
	size := 0
	add := func(name string) {
		if name == "" || slices.Contains(out, any(name)) { // a Defect of one test names it twice
			return
		}
		if size += len(name); size <= maxFailedTests {
			out = append(out, name)
		}
	}
	for _, d := range defects {
		if d.Change != history.New && d.Change != history.Known {
			continue
		}
		add(d.Defect.Spec.TestCase)
		for _, t := range d.Defect.Spec.Tests {
			add(cmp.Or(t.Name, t.ID))
		}
	}
	return out
}

// FailedTests returns the names of the tests that failed, of the event of a run or a Defect.
func (e *Event) FailedTests() (out []string) {
	list, _ := e.Data[failedTestsMember].([]any)
	for _, name := range append(list, e.Data["testCase"]) {
		if s, ok := name.(string); ok && s != "" {
			out = append(out, s)
		}
	}
	return out
}

// countMembers are the members of a run's data that count tests, and those with the counts of the run before.
var countMembers = map[string]string{
	"passed": "previousPassed", "failed": "previousFailed", "skipped": "previousSkipped", "total": "previousTotal",
}

// AddPrevious adds to the event of a run how the suite's run before ended, as its event has it; nil when it is not known.
func (e *Event) AddPrevious(previous *Event) {
	if previous == nil {
		return
	}
	e.Data["previousResult"] = previous.Text("result")
	e.setText("previousRun", previous.Text("run"), maxText)
	for name, before := range countMembers {
		if n, ok := previous.Data[name].(float64); ok {
			e.Data[before] = n
		}
	}
}

// ListedDefect is a Defect that the event of a run lists.
type ListedDefect struct{ Change, Name, Title, TicketKey, TicketURL string }

// Defects returns the Defects that the event of a run lists.
func (e *Event) Defects() []ListedDefect {
	list, _ := e.Data[defectsMember].([]any)
	var out []ListedDefect
	for _, entry := range list {
		m, _ := entry.(map[string]any)
		of := func(key string) string { s, _ := m[key].(string); return s }
		out = append(out, ListedDefect{of("change"), of("name"), of("title"), of("ticketKey"), of("ticketURL")})
	}
	return out
}
