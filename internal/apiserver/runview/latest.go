// SPDX-License-Identifier: Apache-2.0

package runview

import (
	"cmp"
	"context"
	"slices"

	"k8s.io/apimachinery/pkg/types"

	"github.com/voiceai-dev/integrations-operator/internal/apiserver/view"
)

// SuiteRuns are the last runs of a suite.
type SuiteRuns struct {
	Namespace string           `json:"namespace" doc:"The namespace of the suite's runs."`
	Suite     string           `json:"suite" doc:"The suite's id."`
	Runs      []view.RunRecord `json:"runs" doc:"The last 20 runs, the newest first."`
}

// Latest are the last runs of the suites that ran last.
type Latest struct {
	model *Model
	runs  []run
}

// Bounds are how many suites are looked at, and how many runs of each.
type Bounds struct{ Suites, Runs int }

// Latest returns the last runs of the suites of a scope that ran last.
func (m *Model) Latest(s Scope, b Bounds) Latest {
	out := Latest{model: m}
	count := map[types.NamespacedName]int{}
	for _, r := range newest(m.runs(s)) {
		id := r.suite()
		if n, known := count[id]; n == b.Runs || !known && len(count) == b.Suites {
			continue
		}
		count[id]++
		out.runs = append(out.runs, r)
	}
	return out
}

// Load loads the reports of the runs.
func (l Latest) Load(ctx context.Context) { l.model.load(ctx, l.runs) }

// Suites returns the runs by suite, the suite that ran last first.
func (l Latest) Suites() []SuiteRuns {
	index := map[types.NamespacedName]int{}
	out := []SuiteRuns{}
	for _, r := range l.runs {
		id := r.suite()
		at, known := index[id]
		if !known {
			at = len(out)
			index[id] = at
			out = append(out, SuiteRuns{Namespace: id.Namespace, Suite: id.Name})
		}
		out[at].Runs = append(out[at].Runs, l.model.record(r))
	}
	return out
}

// newest returns runs with those that ended last first.
func newest(runs []run) []run {
	slices.SortFunc(runs, func(a, b run) int {
		return cmp.Or(b.compareTime(a), cmp.Compare(a.suite().Namespace, b.suite().Namespace))
	})
	return runs
}
