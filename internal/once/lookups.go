// SPDX-License-Identifier: Apache-2.0

package once

import (
	"context"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/types"
)

// Lookups holds a Lookup for each place P, such as an integration or a thread in a channel, as long as objects are
// held there. It is safe for use by several goroutines; the zero value is ready for use.
type Lookups[P comparable, T any] struct {
	mu      sync.Mutex
	byPlace map[P]*Lookup[T]
}

// Hold makes the next lookup at a place search for an object's marker, back to the earliest time at which what
// carries it can have been created. It returns the Lookup to search with.
func (l *Lookups[P, T]) Hold(place P, object types.NamespacedName, marker string, earliest time.Time) *Lookup[T] {
	l.mu.Lock()
	defer l.mu.Unlock()
	in := l.byPlace[place]
	if in == nil {
		in = &Lookup[T]{searching: make(chan struct{}, 1), held: map[types.NamespacedName]held{}}
		if l.byPlace == nil {
			l.byPlace = map[P]*Lookup[T]{}
		}
		l.byPlace[place] = in
	}
	in.hold(object, held{marker: marker, earliest: earliest})
	return in
}

// Release drops an object at all places, and the places at which nothing is held any more.
func (l *Lookups[P, T]) Release(object types.NamespacedName) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for place, in := range l.byPlace {
		if in.release(object) {
			delete(l.byPlace, place)
		}
	}
}

// Len returns the number of places at which objects are held.
func (l *Lookups[P, T]) Len() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.byPlace)
}

// Lookup finds what may exist already at one place. One search answers for all objects that are held there: those
// that come while it runs wait for it, and use its answer when it began late enough for them.
type Lookup[T any] struct {
	// searching is held by the goroutine that searches.
	searching chan struct{}

	mu   sync.Mutex
	held map[types.NamespacedName]held
	// found is what the last search found by marker, nil for nothing. That search began at searchedAt and went back to
	// searchedBack.
	found                    map[string]*T
	searchedAt, searchedBack time.Time
}

// held is what to look for: a marker, and the earliest time at which what carries it can have been created.
type held struct {
	marker   string
	earliest time.Time
}

// Search returns what exists, by marker, of some markers, and was created within the last so long. It may return more
// than was asked for.
type Search[T any] func(ctx context.Context, markers []string, back time.Duration) (map[string]T, error)

func (l *Lookup[T]) hold(object types.NamespacedName, h held) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.held[object] = h
}

// release drops an object and reports whether none is held any more.
func (l *Lookup[T]) release(object types.NamespacedName) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.found, l.held[object].marker)
	delete(l.held, object)
	return len(l.held) == 0
}

// Find returns what exists for a held object, and whether there is any, by a search that begins at due or later.
func (l *Lookup[T]) Find(
	ctx context.Context,
	search Search[T],
	object types.NamespacedName,
	due time.Time,
	now func() time.Time,
) (out T, ok bool, err error) {
	select {
	case l.searching <- struct{}{}:
		defer func() { <-l.searching }()
	case <-ctx.Done():
		return out, false, ctx.Err()
	}
	begin := now()
	if markers, back, known := l.plan(object, due, begin); !known {
		found, err := search(ctx, markers, back)
		if err != nil {
			return out, false, err
		}
		l.learn(markers, found, begin, back)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if found := l.found[l.held[object].marker]; found != nil {
		return *found, true, nil
	}
	return out, false, nil
}

// plan returns what to search for and how far back, or known when the last search answers for an object.
func (l *Lookup[T]) plan(object types.NamespacedName, due, now time.Time) (markers []string, back time.Duration, known bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	earliest := l.held[object].earliest
	if _, searched := l.found[l.held[object].marker]; searched && !l.searchedAt.Before(due) && !l.searchedBack.After(earliest) {
		return nil, 0, true
	}
	for _, h := range l.held {
		markers = append(markers, h.marker)
		if h.earliest.Before(earliest) {
			earliest = h.earliest
		}
	}
	return markers, max(now.Sub(earliest), 0) + Margin, false
}

func (l *Lookup[T]) learn(markers []string, found map[string]T, at time.Time, back time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.searchedAt = at
	l.searchedBack = at.Add(-back)
	l.found = make(map[string]*T, len(markers))
	for _, m := range markers {
		l.found[m] = nil
		if t, ok := found[m]; ok {
			l.found[m] = &t
		}
	}
}
