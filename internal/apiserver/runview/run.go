// SPDX-License-Identifier: Apache-2.0

package runview

import (
	"cmp"
	"context"
	"slices"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"

	"github.com/voiceai-dev/integrations-operator/internal/action"
	"github.com/voiceai-dev/integrations-operator/internal/apiserver/view"
	"github.com/voiceai-dev/integrations-operator/internal/history"
)

// maxDefects bounds the Defects that are listed of a run. Their numbers are complete.
const maxDefects = 200

// Run is a run with what is known of it.
type Run struct {
	view.RunRecord
	UID      string          `json:"uid" doc:"The UID of its Job; empty when it is none."`
	CronJob  string          `json:"cronJob,omitempty" doc:"The name of the CronJob from which it was started, if any."`
	Previous *view.RunRecord `json:"previous,omitempty" doc:"The suite's run that ended before it; left out when none is known, or when you may not list Jobs."`
	Defects  *Defects        `json:"defects,omitempty" doc:"The Defects about which it changed something; left out when you may not list Defects."`
}

// Defects are the Defects about which a run changed something, or whose test failed in it.
type Defects struct {
	New   int      `json:"new" doc:"How many failed that had not before."`
	Known int      `json:"known" doc:"How many failed that had before."`
	Flaky int      `json:"flaky" doc:"How many failed and passed."`
	Fixed int      `json:"fixed" doc:"How many passed that had failed in the run before."`
	Items []Defect `json:"items" doc:"These Defects, new ones first and the most severe, at most 200."`
}

// Defect is a Defect with what a run changed about it.
type Defect struct {
	Change history.Change `json:"change" enum:"New,Known,Flaky,Fixed" doc:"What the run changed about it."`
	view.DefectSummary
}

// Find returns a run: a Job or, if there is none, what a Notification about it has. ok is false when the Job is no run
// of a suite. The error is that of reading the Job when there is neither.
func (m *Model) Find(ctx context.Context, key types.NamespacedName, see view.Visibility) (out Run, ok bool, err error) {
	j, ok, err := m.Run(ctx, key)
	r := run{job: j}
	if apierrors.IsNotFound(err) && see.Notifications {
		for _, f := range m.former(key.Namespace) {
			if f.name == key.Name {
				r = run{former: f}
				ok = true
				err = nil
				break
			}
		}
	}
	if err != nil || !ok {
		return Run{}, ok, err
	}
	return m.describe(ctx, r, see), true, nil
}

// describe returns what is known of a run, as far as the caller may see it.
func (m *Model) describe(ctx context.Context, r run, see view.Visibility) Run {
	out := Run{RunRecord: m.record(r)}
	if r.job != nil {
		out.UID = string(r.job.UID)
		out.CronJob = action.CronJobOf(r.job)
	} else {
		out.UID = r.former.uid
	}
	if see.Runs {
		out.Previous = m.previous(ctx, r, see)
	}
	if see.Defects {
		out.Defects = m.defects(ctx, r)
	}
	return out
}

// previous returns the run of the same suite before another; nil when none is known.
func (m *Model) previous(ctx context.Context, of run, see view.Visibility) *view.RunRecord {
	var last *run
	for _, r := range m.runs(Scope{of.suite().Namespace, see}) {
		isBefore := r.compareTime(of) < 0 && (last == nil || r.compareTime(*last) > 0)
		if isBefore && r.suite() == of.suite() {
			last = &r
		}
	}
	if last == nil {
		return nil
	}
	m.load(ctx, []run{*last})
	out := m.record(*last)
	return &out
}

// defects returns the Defects about which a run changed something.
func (m *Model) defects(ctx context.Context, r run) *Defects {
	out := &Defects{Items: []Defect{}}
	counts := map[history.Change]int{}
	for _, row := range m.Defects.In(r.suite().Namespace) {
		if row.Suite != r.suite().Name || !row.MayChangeIn(r.name()) { // only those that may be listed are read
			continue
		}
		d, err := m.Defect(ctx, row.Key())
		if err != nil {
			continue // it was deleted meanwhile
		}
		if c := history.InRun(d, r.name()); c != "" {
			counts[c]++
			out.Items = append(out.Items, Defect{c, view.DefectSummaryOf(d)})
		}
	}
	out.New = counts[history.New]
	out.Known = counts[history.Known]
	out.Flaky = counts[history.Flaky]
	out.Fixed = counts[history.Fixed]
	slices.SortFunc(out.Items, func(a, b Defect) int {
		return cmp.Or(slices.Index(history.Changes, a.Change)-slices.Index(history.Changes, b.Change),
			b.Severity.Rank()-a.Severity.Rank(), strings.Compare(a.Name, b.Name))
	})
	out.Items = out.Items[:min(len(out.Items), maxDefects)]
	return out
}
