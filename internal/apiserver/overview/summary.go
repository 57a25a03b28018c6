// SPDX-License-Identifier: Apache-2.0

// Package overview counts what the overview page shows: the traffic of integrations, the needs for attention, open
// Defects and the last runs of suites. Counts are kept until an object changes.
package overview

import (
	"context"
	"slices"
	"time"

	"github.com/voiceai-dev/integrations-operator/api/v1alpha1"
	"github.com/voiceai-dev/integrations-operator/internal/apiserver/runview"
	"github.com/voiceai-dev/integrations-operator/internal/apiserver/view"
)

// Model is the read model with its counts. It is safe for use by several goroutines.
type Model struct {
	*view.Model
	runs   *runview.Model
	counts countCache
}

// New returns a Model that counts the objects of another.
func New(of *view.Model) *Model { return &Model{Model: of, runs: &runview.Model{Model: of}} }

// IntegrationSummary is an integration with its traffic.
type IntegrationSummary struct {
	view.IntegrationStatus
	Hours []Hour `json:"hours,omitempty" doc:"The last 24 hours, each from the full hour, the oldest first. For Slack from Notifications, for Jira from the tickets of Defects and the failed activities; left out when you may not list those."`
}

// DefectsSummary counts Defects.
type DefectsSummary struct {
	Open       int                       `json:"open" doc:"Defects that are Open or InProgress."`
	BySeverity map[v1alpha1.Severity]int `json:"bySeverity" doc:"Those by severity."`
	Unticketed int                       `json:"unticketed" doc:"Those without a Jira issue."`
}

// Summary is what an overview shows.
type Summary struct {
	Since        time.Time            `json:"since" doc:"Since when deliveries and calls are counted. The log lists exactly these with the parameter since."`
	Integrations []IntegrationSummary `json:"integrations" doc:"Every integration that you may list."`
	Defects      *DefectsSummary      `json:"defects,omitempty" doc:"Left out when you may not list Defects."`
	Attention    []Need               `json:"attention" doc:"The newest 20 needs for attention, alike ones together: Defects without the ticket that they should have, Notifications given up in these hours, rules and integrations that do not work."`
	Needs        int                  `json:"needs" doc:"How many objects need attention altogether."`
	Suites       []runview.SuiteRuns  `json:"suites" doc:"The suites that ran last, at most 50; none when you may not list Jobs."`
}

// summing is a summary while it is counted.
type summing struct {
	namespace string
	from      time.Time
	see       view.Visibility
	traffic   *traffic
	needs     needs
	latest    runview.Latest
}

func (s *summing) isIn(namespace string) bool { return s.namespace == "" || namespace == s.namespace }

// Summary returns the summary of a namespace, or of all when it is empty, as far as the caller may see it.
func (m *Model) Summary(ctx context.Context, namespace string, see view.Visibility, now time.Time) Summary {
	s := &summing{
		namespace: namespace, see: see, from: now.UTC().Truncate(time.Hour).Add(-(hours - 1) * time.Hour), needs: needs{},
	}
	s.traffic = newTraffic(s.from)
	out := Summary{Since: s.from, Attention: []Need{}, Suites: []runview.SuiteRuns{}}
	if see.Runs {
		s.latest = m.runs.Latest(runview.Scope{Namespace: namespace, See: see}, runview.Bounds{Suites: maxSuites, Runs: maxRunsPerSuite})
		s.latest.Load(ctx)
	}
	for _, c := range m.cachedCounts(s) {
		s.traffic.join(c.traffic)
		out.Attention = append(out.Attention, c.needs...)
		out.Needs += c.total
		if c.defects != nil {
			out.Defects = c.defects
		}
		if c.suites != nil {
			out.Suites = c.suites
		}
	}
	if see.Rules {
		m.countRules(s)
	}
	out.Integrations = m.countIntegrations(s)
	few, total := s.needs.newest()
	out.Attention = newestNeeds(append(out.Attention, few...))
	out.Needs += total
	return out
}

// cachedCounts returns the counts of the kinds with possibly thousands of objects, as far as the caller may see them.
func (m *Model) cachedCounts(s *summing) []counts {
	var out []counts
	add := func(key countKey, version uint64, count func(*summing, *counts)) {
		key.namespace = s.namespace
		out = append(out, m.counts.get(key, version, s.from, func() counts {
			of := &summing{namespace: s.namespace, from: s.from, see: s.see, traffic: newTraffic(s.from), needs: needs{}}
			c := counts{traffic: of.traffic}
			count(of, &c)
			few, total := of.needs.newest()
			c.needs = slices.Clone(few) // without the memory of all others
			c.total = total
			return c
		}))
	}
	if s.see.Notifications { // the default integration matters too
		add(countKey{kind: v1alpha1.KindNotification}, m.Notifications.Version()+m.Slack.Version(),
			func(s *summing, _ *counts) { m.countNotifications(s) })
	}
	if s.see.Defects {
		add(countKey{kind: v1alpha1.KindDefect, withDeliveries: !s.see.Notifications}, m.Defects.Version(),
			func(s *summing, c *counts) { c.defects = m.countDefects(s) })
	}
	if s.see.Runs {
		key := countKey{kind: view.KindJob}
		version := m.Runs.Version() + m.ReportsVersion()
		if s.see.Notifications { // which have the runs whose Jobs were deleted
			key.withDeliveries = true
			version += m.Notifications.Version()
		}
		add(key, version, func(_ *summing, c *counts) { c.suites = s.latest.Suites() })
	}
	return out
}
