// SPDX-License-Identifier: Apache-2.0

package runview

import (
	"context"
	"slices"
	"time"

	"github.com/robfig/cron/v3"
	batchv1 "k8s.io/api/batch/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/ptr"

	"github.com/voiceai-dev/integrations-operator/api/v1alpha1"
	"github.com/voiceai-dev/integrations-operator/internal/apiserver/rows"
	"github.com/voiceai-dev/integrations-operator/internal/apiserver/view"
)

// maxSuiteRuns bounds the runs that are listed of a suite.
const maxSuiteRuns = 100

// Suite is a CronJob with the suite label.
type Suite struct {
	Suite       string          `json:"suite" doc:"The suite's id: the label integrations.voiceai.dev/suite."`
	Namespace   string          `json:"namespace" doc:"The namespace of its CronJob."`
	Name        string          `json:"name" doc:"The name of its CronJob."`
	Schedule    string          `json:"schedule" doc:"The cron schedule by which it runs."`
	TimeZone    string          `json:"timeZone,omitempty" doc:"The time zone of the schedule."`
	OnDemand    bool            `json:"onDemand" doc:"Whether it runs only when it is started: its CronJob is suspended."`
	NextRunTime *time.Time      `json:"nextRunTime,omitempty" doc:"When it runs next by its schedule, which counts as UTC without a time zone; left out when it runs on demand."`
	LastRun     *view.RunRecord `json:"lastRun,omitempty" doc:"The newest run; left out when you may not list Jobs."`
}

// SuiteHistory is a suite with its last runs.
type SuiteHistory struct {
	Suite        string           `json:"suite" doc:"The suite's id."`
	Namespace    string           `json:"namespace" doc:"The namespace of its runs."`
	CronJobs     []Suite          `json:"cronJobs,omitempty" doc:"The CronJobs that run it; none when you may not list CronJobs."`
	NextRunTime  *time.Time       `json:"nextRunTime,omitempty" doc:"When it runs next by a schedule."`
	Runs         []view.RunRecord `json:"runs" doc:"The last 100 runs, the newest first. Of those whose Jobs were deleted, the ones that a Notification is about which you may list."`
	LastPassed   *view.RunRecord  `json:"lastPassed,omitempty" doc:"The newest of these runs that passed."`
	FailingSince *time.Time       `json:"failingSince,omitempty" doc:"When the first of the failed runs ended since which none has passed; left out while the last run that ended has passed."`
}

// ListSuites returns the suites of a scope. Their last runs are included when the caller may see runs.
func (m *Model) ListSuites(ctx context.Context, s Scope, now time.Time) []Suite {
	last := map[types.NamespacedName]run{}
	if s.See.Runs {
		for _, r := range m.runs(s) {
			if known, ok := last[r.suite()]; !ok || r.when().After(known.when()) {
				last[r.suite()] = r
			}
		}
		var all []run
		for _, r := range last {
			all = append(all, r)
		}
		m.load(ctx, all)
	}
	out := []Suite{}
	for _, c := range m.Suites.In(s.Namespace) {
		one := suiteOf(c, now)
		if r, ok := last[types.NamespacedName{Namespace: one.Namespace, Name: one.Suite}]; ok {
			one.LastRun = ptr.To(m.record(r))
		}
		out = append(out, one)
	}
	return out
}

func suiteOf(c *batchv1.CronJob, now time.Time) Suite {
	return Suite{
		Suite: c.Labels[v1alpha1.SuiteLabel], Namespace: c.Namespace, Name: c.Name, Schedule: c.Spec.Schedule,
		TimeZone: ptr.Deref(c.Spec.TimeZone, ""), OnDemand: ptr.Deref(c.Spec.Suspend, false), NextRunTime: nextRun(c, now),
	}
}

// nextRun returns when a CronJob runs next; nil when it does not by itself.
func nextRun(c *batchv1.CronJob, now time.Time) *time.Time {
	if ptr.Deref(c.Spec.Suspend, false) {
		return nil
	}
	schedule := c.Spec.Schedule
	if c.Spec.TimeZone != nil {
		schedule = "CRON_TZ=" + *c.Spec.TimeZone + " " + schedule
	}
	parsed, err := cron.ParseStandard(schedule) // as the API server did
	if err != nil {
		return nil
	}
	next := parsed.Next(now.UTC()).UTC()
	if next.IsZero() { // such as 30 February
		return nil
	}
	return &next
}

// History returns a suite with its last runs. ok is false when no CronJob, no run and no Defect of it is known.
func (m *Model) History(ctx context.Context, id types.NamespacedName, see view.Visibility, now time.Time) (out SuiteHistory, ok bool) {
	out = SuiteHistory{Suite: id.Name, Namespace: id.Namespace, Runs: []view.RunRecord{}}
	if see.Suites {
		for _, c := range m.Suites.In(id.Namespace) {
			if c.Labels[v1alpha1.SuiteLabel] == id.Name {
				one := suiteOf(c, now)
				out.CronJobs = append(out.CronJobs, one)
				out.NextRunTime = earlier(out.NextRunTime, one.NextRunTime)
			}
		}
	}
	runs := newest(slices.DeleteFunc(m.runs(Scope{id.Namespace, see}), func(r run) bool { return r.suite() != id }))
	runs = runs[:min(len(runs), maxSuiteRuns)]
	m.load(ctx, runs)
	for _, r := range runs {
		out.Runs = append(out.Runs, m.record(r))
	}
	out.assess()
	return out, len(out.CronJobs) > 0 || len(runs) > 0 || see.Defects && m.hasDefect(id)
}

// hasDefect reports whether a Defect names a suite.
func (m *Model) hasDefect(suite types.NamespacedName) bool {
	return slices.ContainsFunc(m.Defects.In(suite.Namespace), func(d *rows.Defect) bool { return d.Suite == suite.Name })
}

// earlier returns the earlier of two times, either of which may be nil.
func earlier(a, b *time.Time) *time.Time {
	if a == nil || b != nil && b.Before(*a) {
		return b
	}
	return a
}

// assess finds the last run that passed, and since when none has.
func (h *SuiteHistory) assess() {
	for i := range h.Runs {
		switch r := &h.Runs[i]; r.State {
		case view.RunPassed:
			h.LastPassed = r
			return
		case view.RunFailed:
			h.FailingSince = r.FinishedTime
		}
	}
}
