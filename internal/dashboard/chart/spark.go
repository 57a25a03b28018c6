// SPDX-License-Identifier: Apache-2.0

// Package chart computes the charts of pages, which templates write as SVG. Shape and colour of what they show have the
// same meaning, and each has a text for people who do not see it.
package chart

import "github.com/voiceai-dev/integrations-operator/internal/dashboard/client"

// Bar is a rectangle of a chart.
type Bar struct {
	X, Y, Height int
	Class        string
}

// sparkHeight is the height of a spark chart, in its own units.
const sparkHeight = 32

// Spark draws the hours in a chart of 240 by 32 units: one bar an hour, failures on top of successes.
func Spark(hours []client.Hour) []Bar {
	most := 1
	for _, h := range hours {
		most = max(most, h.Succeeded+h.Failed)
	}
	var out []Bar
	for i, h := range hours {
		x := i * 10
		if h.Succeeded+h.Failed == 0 {
			out = append(out, Bar{x, sparkHeight - 2, 2, "zero"})
			continue
		}
		good := scaled(h.Succeeded, most)
		bad := min(scaled(h.Failed, most), sparkHeight)
		good = min(good, sparkHeight-bad)
		if good > 0 {
			out = append(out, Bar{x, sparkHeight - good, good, "succeeded"})
		}
		if bad > 0 {
			out = append(out, Bar{x, sparkHeight - good - bad, bad, "failed"})
		}
	}
	return out
}

// scaled returns the height of n in a chart whose full height is most. A bar is never too low to be seen.
func scaled(n, most int) int {
	if n == 0 {
		return 0
	}
	return max(3, n*sparkHeight/most)
}
