// SPDX-License-Identifier: Apache-2.0

// Package page picks pages out of lists, with cursors that stay valid when items are added or removed.
package page

import (
	"cmp"
	"encoding/base64"
	"encoding/json"
	"errors"
	"slices"
)

const (
	defaultLimit = 50
	maxCursor    = 1024
)

// Errors of a cursor that a caller sent.
var (
	ErrCursor      = errors.New("the cursor is not valid: send nextCursor as it was answered, or leave it out to begin at the start")
	ErrCursorOrder = errors.New("this cursor belongs to a list in another order: leave it out to begin at the start")
)

// Params are the parameters of a list that comes in pages.
type Params struct {
	Limit  int    `query:"limit" minimum:"1" maximum:"200" default:"50" doc:"How many items a page has."`
	Cursor string `query:"cursor" maxLength:"1024" doc:"Where to continue: the nextCursor of the page before."`
}

// List is a page of a list.
type List[T any] struct {
	Items      []T    `json:"items" doc:"The items of this page, newest first unless the query sets another order."`
	Total      int    `json:"total" doc:"How many there are on all pages."`
	NextCursor string `json:"nextCursor,omitempty" doc:"Where the next page begins; none when this is the last."`
}

// Place is the position of an item in a list. A list is ordered by falling rank, then falling time, then namespace
// and name.
type Place struct {
	Sort      string `json:"s,omitempty"`
	Rank      int64  `json:"r,omitempty"`
	Time      int64  `json:"t,omitempty"`
	Namespace string `json:"ns,omitempty"`
	Name      string `json:"n"`
}

func (p Place) compare(q Place) int {
	return cmp.Or(
		cmp.Compare(q.Rank, p.Rank), cmp.Compare(q.Time, p.Time),
		cmp.Compare(p.Namespace, q.Namespace), cmp.Compare(p.Name, q.Name),
	)
}

// cursor returns a Place as clients send it back.
func (p Place) cursor() string {
	raw, _ := json.Marshal(p) // strings and numbers never fail
	return base64.RawURLEncoding.EncodeToString(raw)
}

func parseCursor(text, order string) (Place, error) {
	var p Place
	raw, err := base64.RawURLEncoding.DecodeString(text)
	if err == nil {
		err = json.Unmarshal(raw, &p)
	}
	if err != nil || len(text) > maxCursor || p.Name == "" {
		return Place{}, ErrCursor
	}
	if p.Sort != order {
		return Place{}, ErrCursorOrder
	}
	return p, nil
}

// placed is an item with its place.
type placed[T any] struct {
	Place
	item T
}

// Pager picks a page out of all items that are added, and holds no more than that. A cursor stays valid when items
// are added or removed.
type Pager[T any] struct {
	order string
	limit int
	after *Place
	total int
	first []placed[T] // in order, one more than the page has when there is a next one
}

// NewPager returns a Pager of a list in an order. The error is ErrCursor or ErrCursorOrder.
func NewPager[T any](order string, p Params) (*Pager[T], error) {
	out := &Pager[T]{order: order, limit: cmp.Or(p.Limit, defaultLimit)}
	if p.Cursor != "" {
		after, err := parseCursor(p.Cursor, order)
		if err != nil {
			return nil, err
		}
		out.after = &after
	}
	return out, nil
}

// Add adds an item.
func (p *Pager[T]) Add(at Place, item T) {
	p.total++
	if p.after != nil && at.compare(*p.after) <= 0 {
		return
	}
	if len(p.first) > p.limit {
		if at.compare(p.first[p.limit].Place) >= 0 {
			return
		}
		p.first = p.first[:p.limit]
	}
	i, _ := slices.BinarySearchFunc(p.first, at, func(x placed[T], at Place) int { return x.compare(at) })
	p.first = slices.Insert(p.first, i, placed[T]{at, item})
}

// Items returns the items of the page.
func (p *Pager[T]) Items() []T {
	out := make([]T, 0, min(p.limit, len(p.first)))
	for _, x := range p.first[:min(p.limit, len(p.first))] {
		out = append(out, x.item)
	}
	return out
}

// next returns the cursor of the next page; empty when this is the last.
func (p *Pager[T]) next() string {
	if len(p.first) <= p.limit {
		return ""
	}
	last := p.first[p.limit-1].Place
	last.Sort = p.order
	return last.cursor()
}

// Collect returns the page of a Pager, with each item as show has it.
func Collect[T, R any](p *Pager[T], show func(T) R) List[R] {
	items := p.Items()
	out := List[R]{Items: make([]R, 0, len(items)), Total: p.total, NextCursor: p.next()}
	for _, item := range items {
		out.Items = append(out.Items, show(item))
	}
	return out
}

// Load returns the page of a Pager, with what load returns of each item. An item of which it returns nil is gone, and
// left out.
func Load[T, R any](p *Pager[T], load func(T) (*R, error)) (List[R], error) {
	items := p.Items()
	out := List[R]{Items: make([]R, 0, len(items)), Total: p.total, NextCursor: p.next()}
	for _, item := range items {
		loaded, err := load(item)
		if err != nil {
			return List[R]{}, err
		}
		if loaded != nil {
			out.Items = append(out.Items, *loaded)
		}
	}
	return out, nil
}
