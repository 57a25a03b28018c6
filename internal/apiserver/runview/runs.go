// SPDX-License-Identifier: Apache-2.0

// Package runview is the read model of suites and their runs. A run whose Job was deleted, as by the history limit of its
// CronJob, or that is no Job, as in CI, is shown as the Notification about it has it, for as long as that exists.
package runview

import (
	"cmp"
	"context"
	"strings"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/voiceai-dev/integrations-operator/internal/apiserver/page"
	"github.com/voiceai-dev/integrations-operator/internal/apiserver/view"
	"github.com/voiceai-dev/integrations-operator/internal/event"
	"github.com/voiceai-dev/integrations-operator/internal/text"
)

// Model is the read model with what is about suites. It is safe for use by several goroutines.
type Model struct{ *view.Model }

// Scope is what a caller looks at.
type Scope struct {
	// Namespace is empty for all.
	Namespace string
	// See is which kinds the caller may list there.
	See view.Visibility
}

// Filter selects runs. Its zero value selects all.
type Filter struct {
	Suite  string    `query:"suite" maxLength:"63" doc:"Only runs of this suite."`
	State  string    `query:"state" enum:"Pending,Running,Passed,Failed" doc:"Only runs in this state."`
	Commit string    `query:"commit" maxLength:"64" doc:"Only runs of a commit that begins with this."`
	Text   string    `query:"q" maxLength:"200" doc:"Only runs whose name or suite contains this."`
	Since  time.Time `query:"since" doc:"Only runs that ended at this time or later (RFC 3339). For one that has not, its creation counts."`
	Until  time.Time `query:"until" doc:"Only runs that ended before this time (RFC 3339)."`
}

// run is a run: its Job or, if that was deleted or it is none, a Notification about it.
type run struct {
	job    *batchv1.Job
	former *former
}

// suite returns the suite of a run.
func (r run) suite() types.NamespacedName {
	if r.job != nil {
		return view.SuiteOf(r.job)
	}
	return types.NamespacedName{Namespace: r.former.Namespace, Name: r.former.suite}
}

func (r run) name() string {
	if r.job != nil {
		return r.job.Name
	}
	return r.former.name
}

// when returns when a run ended; when it was created while it has not.
func (r run) when() time.Time {
	if r.job == nil {
		return r.former.ended()
	}
	if ended, _, _, at := event.RunFinished(r.job); ended && !at.IsZero() {
		return at.UTC()
	}
	return r.job.CreationTimestamp.UTC()
}

func (r run) place() page.Place {
	return page.Place{Time: r.when().UnixNano(), Namespace: r.suite().Namespace, Name: r.name()}
}

// compareTime compares when two runs ended. Times have whole seconds: of runs of one second, the name decides.
func (r run) compareTime(other run) int {
	return cmp.Or(r.when().Compare(other.when()), text.CompareNames(r.name(), other.name()))
}

// runs returns the runs of a scope, first those that exist.
func (m *Model) runs(s Scope) []run {
	var out []run
	for _, j := range m.Runs.In(s.Namespace) {
		out = append(out, run{job: j})
	}
	if s.See.Notifications {
		for _, f := range m.former(s.Namespace) {
			out = append(out, run{former: f})
		}
	}
	return out
}

// record returns a run, with the report that was loaded of it.
func (m *Model) record(r run) view.RunRecord {
	if r.job != nil {
		return m.RunRecord(r.job)
	}
	return r.former.record()
}

// load loads the reports of runs.
func (m *Model) load(ctx context.Context, runs []run) {
	var jobs []*batchv1.Job
	for _, r := range runs {
		if r.job != nil {
			jobs = append(jobs, r.job)
		}
	}
	m.LoadReports(ctx, jobs)
}

// List returns a page of the runs that a filter selects, those that ended last first.
func (m *Model) List(ctx context.Context, s Scope, f Filter, p page.Params) (page.List[view.RunRecord], error) {
	found, err := page.NewPager[run]("", p)
	if err != nil {
		return page.List[view.RunRecord]{}, err
	}
	all := m.runs(s)
	if f.State != "" || f.Commit != "" { // they depend on the report of each run
		m.load(ctx, all)
	}
	f.Text = strings.ToLower(f.Text)
	for _, r := range all {
		if f.selects(r) && m.reports(r, f) {
			found.Add(r.place(), r)
		}
	}
	m.load(ctx, found.Items())
	return page.Collect(found, m.record), nil
}

// selects reports whether a filter, the text of which is in lower case, selects a run by what its report does not change.
func (f Filter) selects(r run) bool {
	at := r.when()
	suite := r.suite().Name
	return (f.Suite == "" || suite == f.Suite) &&
		(f.Since.IsZero() || !at.Before(f.Since)) && (f.Until.IsZero() || at.Before(f.Until)) &&
		(f.Text == "" || strings.Contains(r.name(), f.Text) || strings.Contains(strings.ToLower(suite), f.Text))
}

// reports reports whether a filter selects a run by its report.
func (m *Model) reports(r run, f Filter) bool {
	switch {
	case f.State == "" && f.Commit == "":
		return true
	case r.former != nil && f.State != "" && r.former.state() != f.State:
		return false // without decoding its event
	}
	record := m.record(r)
	return (f.State == "" || record.State == f.State) && strings.HasPrefix(record.Commit, f.Commit)
}
