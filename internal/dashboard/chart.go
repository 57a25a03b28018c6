// SPDX-License-Identifier: Apache-2.0

package dashboard

import "github.com/voiceai-dev/integrations-operator/internal/dashboard/client"

// bar is a rectangle of a chart.
type bar struct {
	X, Y, Height int
	Class        string
}

// sparkHeight is the height of a spark chart, in its own units.
const sparkHeight = 32

// sparkOf draws the hours in a chart of 240 by 32 units: one bar an hour, failures on top of successes.
func sparkOf(hours []client.Hour) []bar {
	most := 1
	for _, h := range hours {
		most = max(most, h.Succeeded+h.Failed)
	}
	var out []bar
	for i, h := range hours {
		x := i * 10
		if h.Succeeded+h.Failed == 0 {
			out = append(out, bar{x, sparkHeight - 2, 2, "zero"})
			continue
		}
		good := scaled(h.Succeeded, most)
		bad := min(scaled(h.Failed, most), sparkHeight)
		good = min(good, sparkHeight-bad)
		if good > 0 {
			out = append(out, bar{x, sparkHeight - good, good, "succeeded"})
		}
		if bad > 0 {
			out = append(out, bar{x, sparkHeight - good - bad, bad, "failed"})
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

// stripe is a run in the strip of its suite.
type stripe struct {
	bar
	client.Run
}

// stripOf draws runs, which come newest first, as a strip of 20 places with the oldest run on the left. Failed runs
// are the highest, so that shape and colour have the same meaning.
func stripOf(runs []client.Run) []stripe {
	out := make([]stripe, 0, len(runs))
	for i := range runs {
		r := runs[len(runs)-1-i]
		x := (20 - len(runs) + i) * 12
		b := bar{X: x, Y: 14, Height: 6, Class: "other"}
		switch r.State {
		case "Failed":
			b = bar{X: x, Y: 0, Height: 20, Class: "failed"}
		case "Passed":
			b = bar{X: x, Y: 6, Height: 14, Class: "passed"}
		}
		out = append(out, stripe{bar: b, Run: r})
	}
	return out
}
