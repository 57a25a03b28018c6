package jira

import (
	"slices"
	"time"
)

// The most that is remembered of the past; beyond it the search is less far behind than it should be.
const (
	maxVersions     = 50_000
	maxVersionBytes = 64 << 20
)

// past is what a search that lags behind sees: Jira's index follows its issues by seconds to minutes, as Atlassian's page on searching
// and reconciling says. The site's lock guards it.
type past struct {
	lag      time.Duration
	versions []version // oldest first
	bytes    int
}

// version is an issue as it was before a change.
type version struct {
	until time.Time
	id    string
	was   *Issue // nil when it did not exist
	size  int
}

// add remembers how an issue was before a change, when there is a lag.
func (p *past) add(now time.Time, id string, was *Issue) {
	if p.lag <= 0 {
		return
	}
	v := version{until: now, id: id, was: was}
	if was != nil {
		v.size = was.size()
	}
	p.versions = append(p.versions, v)
	p.bytes += v.size
	p.forget(now)
}

// forget lets go of what no search can see any more, or there is no room for.
func (p *past) forget(now time.Time) {
	n := 0
	for n < len(p.versions) && (!p.versions[n].until.After(now.Add(-p.lag)) || len(p.versions)-n > maxVersions || p.bytes > maxVersionBytes) {
		p.bytes -= p.versions[n].size
		n++
	}
	clear(p.versions[:n])
	p.versions = p.versions[n:]
}

// view shows the issues, which are in the order of their IDs, as they were before the lag.
func (p *past) view(now time.Time, issues []*Issue) []*Issue {
	p.forget(now)
	if len(p.versions) == 0 {
		return issues
	}
	was := map[string]*Issue{}
	for _, v := range p.versions {
		if _, older := was[v.id]; !older {
			was[v.id] = v.was
		}
	}
	seen := make([]*Issue, 0, len(issues))
	for _, is := range issues {
		if _, changed := was[is.ID]; !changed {
			seen = append(seen, is)
		}
	}
	for _, is := range was {
		if is != nil {
			seen = append(seen, is)
		}
	}
	slices.SortFunc(seen, bySerial)
	return seen
}
