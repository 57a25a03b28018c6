package controller

import (
	"context"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/types"
)

// margin is added to how far back a lookup asks: clocks differ, and a call takes its time.
const margin = 2 * time.Minute

// lookup finds what may have been made already, as the tickets of Defects or the messages of Notifications. One search answers for all that
// wait: those that come while it runs wait for it, and take its answer when it began late enough for them.
type lookup[T any] struct {
	// turn is held by the one that searches.
	turn chan struct{}

	mu sync.Mutex
	// held are the objects that wait.
	held map[types.NamespacedName]held
	// found is what the last search found for each of them, nil for nothing; it began at asked and went back to since.
	found        map[string]*T
	asked, since time.Time
}

// search returns what was made, by marker, of some markers, within the last so long.
type search[T any] func(ctx context.Context, markers []string, back time.Duration) (map[string]T, error)

// held is a marker, and the earliest time at which what carries it can have been made.
type held struct {
	marker   string
	earliest time.Time
}

func newLookup[T any]() *lookup[T] {
	return &lookup[T]{turn: make(chan struct{}, 1), held: map[types.NamespacedName]held{}}
}

// hold has the next search go back far enough for an object.
func (l *lookup[T]) hold(object types.NamespacedName, marker string, earliest time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.held[object] = held{marker, earliest}
}

// release drops an object.
func (l *lookup[T]) release(object types.NamespacedName) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.found, l.held[object].marker)
	delete(l.held, object)
}

// find returns what was made for an object, which must be held, and whether there is any, as a search says that begins at due or later.
func (l *lookup[T]) find(ctx context.Context, ask search[T], object types.NamespacedName, due time.Time, now func() time.Time) (out T, ok bool, err error) {
	select {
	case l.turn <- struct{}{}:
		defer func() { <-l.turn }()
	case <-ctx.Done():
		return out, false, ctx.Err()
	}
	begin := now()
	markers, back, known := l.back(object, due, begin)
	if !known {
		found, err := ask(ctx, markers, back)
		if err != nil {
			return out, false, err
		}
		l.learn(markers, found, begin, begin.Add(-back))
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if found := l.found[l.held[object].marker]; found != nil {
		return *found, true, nil
	}
	return out, false, nil
}

func (l *lookup[T]) learn(markers []string, found map[string]T, asked, since time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.found, l.asked, l.since = make(map[string]*T, len(markers)), asked, since
	for _, m := range markers {
		l.found[m] = nil
		if t, ok := found[m]; ok {
			l.found[m] = &t
		}
	}
}

// back is what to search for and how far back, or known when the last search answers for an object.
func (l *lookup[T]) back(object types.NamespacedName, due, now time.Time) (markers []string, back time.Duration, known bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	earliest := l.held[object].earliest
	if _, asked := l.found[l.held[object].marker]; asked && !l.asked.Before(due) && !l.since.After(earliest) {
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
