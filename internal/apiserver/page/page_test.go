// SPDX-License-Identifier: Apache-2.0

package page

import (
	"errors"
	"fmt"
	"slices"
	"testing"
)

func FuzzCursor(f *testing.F) {
	f.Add(Place{Sort: "newest", Rank: 3, Time: 5, Name: "a/b"}.cursor())
	f.Add("e30")
	f.Fuzz(func(t *testing.T, text string) {
		p, err := parseCursor(text, "newest")
		if err == nil && (p.Name == "" || p.Sort != "newest") {
			t.Errorf("%q was accepted as a cursor", text)
		}
	})
}

// TestPages reads a list page by page. The order in which its items were added must not matter.
func TestPages(t *testing.T) {
	const items, limit = 7, 3
	for name, order := range map[string][]int{"forward": {0, 1, 2, 3, 4, 5, 6}, "backward": {6, 5, 4, 3, 2, 1, 0},
		"mixed": {3, 0, 6, 2, 5, 1, 4}} {
		var got []int
		cursor := ""
		for pages := 0; pages == 0 || cursor != ""; pages++ {
			p, err := NewPager[int]("newest", Params{Limit: limit, Cursor: cursor})
			if err != nil {
				t.Fatal(err)
			}
			for _, i := range order {
				p.Add(Place{Time: int64(-i / 2), Name: fmt.Sprint(i)}, i) // two have the same time
			}
			list := Collect(p, func(i int) int { return i })
			if list.Total != items || len(list.Items) > limit {
				t.Errorf("%s: got %d items of %d", name, len(list.Items), list.Total)
			}
			got = append(got, list.Items...)
			cursor = list.NextCursor
		}
		if !slices.Equal(got, []int{0, 1, 2, 3, 4, 5, 6}) {
			t.Errorf("%s: got %v", name, got)
		}
	}
}

func TestCursorsOfOtherLists(t *testing.T) {
	for cursor, want := range map[string]error{
		"x": ErrCursor, "e30": ErrCursor, Place{Sort: "severity", Name: "a"}.cursor(): ErrCursorOrder,
	} {
		if _, err := NewPager[int]("newest", Params{Cursor: cursor}); !errors.Is(err, want) {
			t.Errorf("%s: got %v, want %v", cursor, err, want)
		}
	}
}
