// SPDX-License-Identifier: Apache-2.0

package overview

import (
	"sync"
	"time"

	"github.com/voiceai-dev/integrations-operator/internal/apiserver/runview"
)

// maxCounts bounds how many counts are kept.
const maxCounts = 64

// counts are the counts of one kind of object in a namespace. They are shared between requests: they must not be
// changed.
type counts struct {
	traffic *traffic
	needs   []Need // the newest, at most maxNeeds
	total   int    // of needs
	defects *DefectsSummary
	suites  []runview.SuiteRuns
}

// countKey is what counts are of. Permissions are not in it: counts are of one kind, and are returned only to callers
// who may list that kind.
type countKey struct {
	kind, namespace string
	// withDeliveries includes what is otherwise counted as another kind's.
	withDeliveries bool
}

type versionedCounts struct {
	counts
	version uint64
	from    time.Time
}

// countCache keeps counts until an object changes. Counting ten thousand objects takes about a millisecond, so that
// counts out of date are never returned: a page that reads again because of a change would show the old count for
// good.
type countCache struct {
	mu  sync.Mutex
	all map[countKey]versionedCounts
}

// get returns the counts as of a version of the objects, which must be read before they are counted. Requests for the
// same counts at the same time have them counted once.
func (c *countCache) get(key countKey, version uint64, from time.Time, count func() counts) counts {
	c.mu.Lock()
	defer c.mu.Unlock()
	if known, ok := c.all[key]; ok && known.version >= version && known.from.Equal(from) {
		return known.counts
	}
	if c.all == nil {
		c.all = map[countKey]versionedCounts{}
	}
	for other := range c.all {
		if len(c.all) < maxCounts {
			break
		}
		if other != key {
			delete(c.all, other)
		}
	}
	out := count()
	c.all[key] = versionedCounts{counts: out, version: version, from: from}
	return out
}
