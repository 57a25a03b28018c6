package apiserver

import (
	"sync"
	"time"
)

// maxParts bounds how many namespaces' counts are kept.
const maxParts = 64

// part is what was counted of one kind of object in a namespace. It is shared between requests: nobody may change it.
type part struct {
	traffic *traffic
	needs   []need // the newest, at most maxNeeds
	total   int
	defects *defectsSummary
	suites  []suiteSummary
}

// partKey is what a part is about. Rights are not in it: a part is of one kind, and is handed out only to who may list that kind.
type partKey struct {
	kind, namespace string
	// all has what is otherwise told as another kind's.
	all bool
}

type counted struct {
	version uint64
	from    time.Time
	part    part
}

// memo keeps what was counted until something changes. Counting ten thousand objects takes about a millisecond, so that nothing out of date is ever
// answered: a page that reads again because something changed would show the old count for good.
type memo struct {
	mu  sync.Mutex
	all map[partKey]counted
}

// get is a part as of a version of what it is counted of, which must be read before it is counted. Those who want a part at the same moment have it
// counted once.
func (m *memo) get(key partKey, version uint64, from time.Time, count func() part) part {
	m.mu.Lock()
	defer m.mu.Unlock()
	if known, ok := m.all[key]; ok && known.version >= version && known.from.Equal(from) {
		return known.part
	}
	if m.all == nil {
		m.all = map[partKey]counted{}
	}
	for other := range m.all {
		if len(m.all) < maxParts {
			break
		}
		if other != key {
			delete(m.all, other)
		}
	}
	p := count()
	m.all[key] = counted{version: version, from: from, part: p}
	return p
}
