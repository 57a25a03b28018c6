// SPDX-License-Identifier: Apache-2.0

package issue

import (
	"slices"
	"time"
)

// Limits of the stored past. Beyond them, the lag is shorter than configured.
const (
	maxVersions     = 50_000
	maxVersionBytes = 64 << 20
)

// Past stores the former versions of issues for searches that lag behind. Jira's index lags by seconds to minutes,
// according to Atlassian's page on searching and reconciling. The site's lock guards it.
type Past struct {
	lag      time.Duration
	versions []version // oldest first
	bytes    int
}

// version is an issue before a change.
type version struct {
	until time.Time
	id    string
	was   *Issue // nil if it did not exist
	size  int
}

// Lag returns by how much searches lag behind.
func (p *Past) Lag() time.Duration { return p.lag }

// SetLag sets by how much searches lag behind.
func (p *Past) SetLag(lag time.Duration, now time.Time) {
	p.lag = lag
	p.trim(now)
}

// Add stores an issue before a change, if there is a lag.
func (p *Past) Add(now time.Time, id string, was *Issue) {
	if p.lag <= 0 {
		return
	}
	v := version{until: now, id: id, was: was}
	if was != nil {
		v.size = was.Size()
	}
	p.versions = append(p.versions, v)
	p.bytes += v.size
	p.trim(now)
}

// trim removes versions that no search needs any more, and those beyond the limits.
func (p *Past) trim(now time.Time) {
	n := 0
	for n < len(p.versions) {
		isNeeded := p.versions[n].until.After(now.Add(-p.lag))
		if isNeeded && len(p.versions)-n <= maxVersions && p.bytes <= maxVersionBytes {
			break
		}
		p.bytes -= p.versions[n].size
		n++
	}
	clear(p.versions[:n])
	p.versions = p.versions[n:]
}

// View returns the issues as they were before the lag, sorted by ID.
func (p *Past) View(now time.Time, issues []*Issue) []*Issue {
	p.trim(now)
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
	slices.SortFunc(seen, BySerial)
	return seen
}
