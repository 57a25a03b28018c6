// SPDX-License-Identifier: Apache-2.0

package chart

import (
	"fmt"
	"strings"

	"github.com/voiceai-dev/integrations-operator/internal/dashboard/client"
)

// The strips have 20 places of 12 units.
const (
	places     = 20
	placeWidth = 12
)

// Stripe is a run in the strip of its suite.
type Stripe struct {
	Bar
	client.Run
}

// Strip draws runs, which come newest first, as a strip of 20 places with the oldest run on the left. Failed runs are
// the highest, so that shape and colour have the same meaning.
func Strip(runs []client.Run) []Stripe {
	out := make([]Stripe, 0, len(runs))
	for i := range runs {
		r := runs[len(runs)-1-i]
		b := barOf(r.State)
		b.X = (places - len(runs) + i) * placeWidth
		out = append(out, Stripe{Bar: b, Run: r})
	}
	return out
}

// barOf returns the bar of a result, without its place.
func barOf(result string) Bar {
	switch result {
	case "Failed":
		return Bar{Y: 0, Height: 20, Class: "failed"}
	case "Flaky":
		return Bar{Y: 3, Height: 17, Class: "flaky"}
	case "Passed":
		return Bar{Y: 8, Height: 12, Class: "passed"}
	}
	return Bar{Y: 15, Height: 5, Class: "other"}
}

// Outcomes are the outcomes of a test in its last runs.
type Outcomes struct {
	// Bars are the outcomes, the newest on the right.
	Bars []Bar
	// Text has them in words.
	Text string
}

// outcomeNames are the outcomes by their characters in the strip of a Defect.
var outcomeNames = map[rune]string{'P': "Passed", 'F': "Failed", '~': "Flaky", '-': "Not run"}

// OutcomesOf draws the strip of a Defect, which has one character for each of its last runs, the newest last.
func OutcomesOf(strip string) Outcomes {
	all := []rune(strip)
	all = all[max(0, len(all)-places):]
	out := Outcomes{}
	counts := map[string]int{}
	last := ""
	for i, c := range all {
		last = outcomeNames[c]
		counts[last]++
		b := barOf(last)
		b.X = (places - len(all) + i) * placeWidth
		out.Bars = append(out.Bars, b)
	}
	out.Text = inWords(len(all), counts, last)
	return out
}

// inWords returns outcomes in words, such as "Last 12 runs: 9 passed, 3 failed. The last one failed."
func inWords(total int, counts map[string]int, last string) string {
	switch total {
	case 0:
		return "no runs"
	case 1:
		return "1 run: " + strings.ToLower(last)
	}
	var parts []string
	for _, name := range []string{"Passed", "Failed", "Flaky", "Not run"} {
		if n := counts[name]; n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n, strings.ToLower(name)))
		}
	}
	return fmt.Sprintf("Last %d runs: %s. The last one: %s.", total, strings.Join(parts, ", "), strings.ToLower(last))
}
