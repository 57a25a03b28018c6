package apiserver

import (
	"cmp"
	"encoding/base64"
	"encoding/json"
	"slices"
)

const (
	defaultLimit = 50
	maxCursor    = 1024
)

// Paging are the parameters of a list that comes in pages.
type Paging struct {
	Limit  int    `query:"limit" minimum:"1" maximum:"200" default:"50" doc:"How many to answer."`
	Cursor string `query:"cursor" maxLength:"1024" doc:"Where to go on: the nextCursor of the page before."`
}

// place is where something stands in a list. A list goes by falling rank, then falling time, then namespace and name.
type place struct {
	Sort      string `json:"s,omitempty"`
	Rank      int64  `json:"r,omitempty"`
	Time      int64  `json:"t,omitempty"`
	Namespace string `json:"ns,omitempty"`
	Name      string `json:"n"`
}

func (p place) compare(q place) int {
	return cmp.Or(cmp.Compare(q.Rank, p.Rank), cmp.Compare(q.Time, p.Time), cmp.Compare(p.Namespace, q.Namespace), cmp.Compare(p.Name, q.Name))
}

// cursor is the place as callers carry it around.
func (p place) cursor() string {
	raw, _ := json.Marshal(p) // strings and numbers always can be
	return base64.RawURLEncoding.EncodeToString(raw)
}

// placed is something with its place.
type placed[T any] struct {
	place
	item T
}

// page picks the part of a list that is asked for out of all that is added, and holds no more than that. A cursor stays good when things come
// and go.
type page[T any] struct {
	by    string
	limit int
	after *place
	total int
	first []placed[T] // in order, one more than the page has when there is a next one
}

func newPage[T any](by string, p Paging) (*page[T], error) {
	out := &page[T]{by: by, limit: cmp.Or(p.Limit, defaultLimit)}
	if p.Cursor != "" {
		after, err := parseCursor(p.Cursor, by)
		if err != nil {
			return nil, err
		}
		out.after = &after
	}
	return out, nil
}

func (p *page[T]) add(at place, item T) {
	p.total++
	full := len(p.first) > p.limit
	if p.after != nil && at.compare(*p.after) <= 0 || full && at.compare(p.first[p.limit].place) >= 0 {
		return
	}
	if full {
		p.first = p.first[:p.limit]
	}
	i, _ := slices.BinarySearchFunc(p.first, at, func(x placed[T], at place) int { return x.compare(at) })
	p.first = slices.Insert(p.first, i, placed[T]{at, item})
}

// items are those of the page.
func (p *page[T]) items() []T {
	out := make([]T, 0, min(p.limit, len(p.first)))
	for _, x := range p.first[:min(p.limit, len(p.first))] {
		out = append(out, x.item)
	}
	return out
}

// next is the cursor of the next page; empty when this is the last.
func (p *page[T]) next() string {
	if len(p.first) <= p.limit {
		return ""
	}
	last := p.first[p.limit-1].place
	last.Sort = p.by
	return last.cursor()
}

func parseCursor(text, by string) (place, error) {
	var p place
	raw, err := base64.RawURLEncoding.DecodeString(text)
	if err == nil {
		err = json.Unmarshal(raw, &p)
	}
	if err != nil || len(text) > maxCursor || p.Name == "" {
		return place{}, wrong("query.cursor", "this is no cursor: take nextCursor as it was answered, or leave it out to begin at the start")
	}
	if p.Sort != by {
		return place{}, wrong("query.cursor", "this cursor belongs to a list in another order: leave it out to begin at the start")
	}
	return p, nil
}
