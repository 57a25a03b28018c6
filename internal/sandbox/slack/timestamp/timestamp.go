// SPDX-License-Identifier: Apache-2.0

// Package timestamp compares timestamps of Slack.
package timestamp

import (
	"cmp"
	"fmt"
	"strconv"
	"strings"
)

// Compare orders timestamps by time.
func Compare(a, b string) int {
	as, au := split(a)
	bs, bu := split(b)
	return cmp.Or(cmp.Compare(as, bs), cmp.Compare(au, bu))
}

// split parses a timestamp of seconds, with or without a fraction.
func split(ts string) (seconds, micros int64) {
	whole, fraction, _ := strings.Cut(ts, ".")
	seconds, _ = strconv.ParseInt(whole, 10, 64)
	fraction = (fraction + "000000")[:6]
	micros, _ = strconv.ParseInt(fraction, 10, 64)
	return seconds, micros
}

// Format formats a timestamp as Slack does.
func Format(micros int64) string {
	return fmt.Sprintf("%d.%06d", micros/1_000_000, micros%1_000_000)
}

// Range is a range of timestamps. Oldest and Latest may be empty, and count themselves if it is inclusive.
type Range struct {
	Oldest, Latest string
	Inclusive      bool
}

// Contains reports whether a timestamp is in the range.
func (r Range) Contains(ts string) bool {
	least := 1
	if r.Inclusive {
		least = 0
	}
	return (r.Oldest == "" || Compare(ts, r.Oldest) >= least) && (r.Latest == "" || Compare(r.Latest, ts) >= least)
}
