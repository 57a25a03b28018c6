package controller

import (
	"context"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/types"

	"github.com/voiceai-dev/integrations-operator/internal/ticket"
)

// margin is added to how far back a lookup asks: clocks differ, and a call takes its time.
const margin = 2 * time.Minute

// lookup finds the tickets of Defects that may have one already. One search answers for all that wait: those that come while it runs wait for
// it, and take its answer when it began late enough for them.
type lookup struct {
	// turn is held by the one that searches.
	turn chan struct{}

	mu sync.Mutex
	// held are the Defects that wait.
	held map[types.NamespacedName]held
	// found is what the last search found for each of them, nil for nothing; it began at asked and went back to since.
	found        map[string]*ticket.Ticket
	asked, since time.Time
}

// held is a marker, and the earliest time at which its ticket can have been made.
type held struct {
	marker   string
	earliest time.Time
}

func newLookup() *lookup {
	return &lookup{turn: make(chan struct{}, 1), held: map[types.NamespacedName]held{}}
}

// hold has the next search go back far enough for a Defect.
func (l *lookup) hold(d types.NamespacedName, marker string, earliest time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.held[d] = held{marker, earliest}
}

// release drops a Defect.
func (l *lookup) release(d types.NamespacedName) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.found, l.held[d].marker)
	delete(l.held, d)
}

// find returns the ticket of a Defect, which must be held, and whether there is one, as a search says that begins at due or later.
func (l *lookup) find(ctx context.Context, t ticket.Tracker, d types.NamespacedName, due time.Time, now func() time.Time) (ticket.Ticket, bool, error) {
	select {
	case l.turn <- struct{}{}:
		defer func() { <-l.turn }()
	case <-ctx.Done():
		return ticket.Ticket{}, false, ctx.Err()
	}
	begin := now()
	markers, back, known := l.back(d, due, begin)
	if !known {
		found, err := t.Find(ctx, markers, back)
		if err != nil {
			return ticket.Ticket{}, false, err
		}
		l.learn(markers, found, begin, begin.Add(-back))
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if out := l.found[l.held[d].marker]; out != nil {
		return *out, true, nil
	}
	return ticket.Ticket{}, false, nil
}

func (l *lookup) learn(markers []string, found map[string]ticket.Ticket, asked, since time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.found, l.asked, l.since = make(map[string]*ticket.Ticket, len(markers)), asked, since
	for _, m := range markers {
		l.found[m] = nil
		if t, ok := found[m]; ok {
			l.found[m] = &t
		}
	}
}

// back is what to search for and how far back, or known when the last search answers for a Defect.
func (l *lookup) back(d types.NamespacedName, due, now time.Time) (markers []string, back time.Duration, known bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	earliest := l.held[d].earliest
	if _, asked := l.found[l.held[d].marker]; asked && !l.asked.Before(due) && !l.since.After(earliest) {
		return nil, 0, true
	}
	for _, h := range l.held {
		markers = append(markers, h.marker)
		if h.earliest.Before(earliest) {
			earliest = h.earliest
		}
	}
	return markers, max(now.Sub(earliest), 0) + margin, false
}
