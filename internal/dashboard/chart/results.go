// SPDX-License-Identifier: Apache-2.0

package chart

import (
	"fmt"
	"strings"

	"github.com/voiceai-dev/integrations-operator/internal/dashboard/client"
)

// Share is a part of a bar of 100 units.
type Share struct {
	X, Width float64
	Class    string
}

// Results is the bar of a run's results.
type Results struct {
	Shares []Share
	// Text has them in words.
	Text string
}

// ResultsOf draws the counts of a run. A count that is not 0 is never too small to be seen.
func ResultsOf(r *client.Results) Results {
	const least = 1.5
	counts := []struct {
		n     int64
		class string
	}{{r.Passed, "passed"}, {r.Failed, "failed"}, {r.Skipped, "skipped"}}
	all := 0.0
	widths := make([]float64, len(counts))
	for i, c := range counts {
		if c.n > 0 {
			widths[i] = max(least, 100*float64(c.n)/float64(max(r.Total, r.Passed+r.Failed+r.Skipped)))
		}
		all += widths[i]
	}
	out := Results{}
	var words []string
	x := 0.0
	for i, c := range counts {
		if c.n == 0 {
			continue
		}
		width := widths[i] * 100 / max(all, 100) // more than 100 only by what is too small to be seen
		out.Shares = append(out.Shares, Share{X: x, Width: width, Class: c.class})
		words = append(words, fmt.Sprintf("%d %s", c.n, c.class))
		x += width
	}
	out.Text = strings.Join(append(words, fmt.Sprintf("of %d", r.Total)), ", ")
	return out
}
