// SPDX-License-Identifier: Apache-2.0

package chart

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/voiceai-dev/integrations-operator/internal/dashboard/client"
	"github.com/voiceai-dev/integrations-operator/internal/dashboard/web"
)

// The frame of a chart of pass rates, in its own units. Around it are the labels of the axes.
const (
	Width  = 640
	Height = 200

	left   = 44
	right  = Width - 12
	top    = 12
	bottom = Height - 28
)

// Point is a run in a chart of pass rates.
type Point struct {
	X, Y int
	// Class is passed or failed.
	Class string
	// Text has the run in words.
	Text string
}

// Tick is a mark of an axis with its label.
type Tick struct {
	At    int
	Label string
}

// PassRate is a chart of the pass rates of a suite over time.
type PassRate struct {
	Points []Point
	// Line joins the points whose rate is known, as SVG has it.
	Line string
	// Rates and Times are the axes.
	Rates, Times []Tick
	// Text has what the chart shows in words.
	Text string
}

// Left returns the left edge of the frame.
func (PassRate) Left() int { return left }

// Right returns its right edge.
func (PassRate) Right() int { return right }

// Top returns its upper edge.
func (PassRate) Top() int { return top }

// Bottom returns its lower edge.
func (PassRate) Bottom() int { return bottom }

// Foot returns where the marks of the axis of time end.
func (PassRate) Foot() int { return bottom + 4 }

// PassRateOf draws the runs of a suite that ended. A run without counts is 0 % if it failed, and is left out otherwise.
func PassRateOf(runs []client.Run) *PassRate {
	ended := slices.DeleteFunc(slices.Clone(runs), func(r client.Run) bool { _, ok := rateOf(r); return !ok })
	if len(ended) == 0 {
		return nil
	}
	slices.SortStableFunc(ended, func(a, b client.Run) int { return cmp.Compare(a.When().Unix(), b.When().Unix()) })
	first := ended[0].When()
	last := ended[len(ended)-1].When()
	out := &PassRate{Times: timesOf(first, last)}
	for _, percent := range []int{0, 25, 50, 75, 100} {
		out.Rates = append(out.Rates, Tick{yOf(float64(percent)), fmt.Sprintf("%d %%", percent)})
	}
	var line []string
	sum := 0.0
	for _, r := range ended {
		rate, _ := rateOf(r)
		sum += rate
		p := Point{X: xOf(r.When(), first, last), Y: yOf(rate), Class: strings.ToLower(r.State), Text: describe(r, rate)}
		out.Points = append(out.Points, p)
		line = append(line, fmt.Sprintf("%d,%d", p.X, p.Y))
	}
	out.Line = strings.Join(line, " ")
	newest, _ := rateOf(ended[len(ended)-1])
	out.Text = fmt.Sprintf("Pass rate of %s, %s to %s: %s on average, %s in the last one", web.Count(len(ended), "run", "runs"),
		first.UTC().Format("2 January 2006 15:04"), last.UTC().Format("2 January 2006 15:04"),
		percentage(sum/float64(len(ended))), percentage(newest))
	return out
}

// rateOf returns the share of the tests of a run that passed of those that ran, in percent. ok is false for a run that has
// not ended or of which it is not known.
func rateOf(r client.Run) (percent float64, ok bool) {
	if r.State != "Passed" && r.State != "Failed" {
		return 0, false
	}
	if r.Results != nil && r.Results.Total > r.Results.Skipped {
		return 100 * min(1, float64(r.Results.Passed)/float64(r.Results.Total-r.Results.Skipped)), true
	}
	return 0, r.State == "Failed"
}

// describe returns a run of a chart in words.
func describe(r client.Run, rate float64) string {
	counts := "no counts"
	if r.Results != nil {
		counts = fmt.Sprintf("%d of %d passed", r.Results.Passed, r.Results.Total)
	}
	return fmt.Sprintf("%s: %s, %s, %s", r.Name, r.When().UTC().Format("2 January 2006 15:04 UTC"), percentage(rate), counts)
}

// percentage returns a rate. One below 100 % is never shown as 100 %.
func percentage(rate float64) string { return fmt.Sprintf("%d %%", int(math.Floor(rate))) }

func yOf(rate float64) int { return bottom - int(math.Round(rate*(bottom-top)/100)) }

func xOf(at, first, last time.Time) int {
	span := last.Sub(first)
	if span <= 0 {
		return (left + right) / 2
	}
	return left + int(math.Round(float64(right-left)*float64(at.Sub(first))/float64(span)))
}

// timesOf returns the marks of the axis of time: dates, or times within a day and a half.
func timesOf(first, last time.Time) []Tick {
	if !last.After(first) {
		return []Tick{{(left + right) / 2, first.UTC().Format("2 Jan 15:04")}}
	}
	format := "2 Jan"
	if last.Sub(first) < 36*time.Hour {
		format = "2 Jan 15:04"
	}
	var out []Tick
	const parts = 3
	for i := range parts + 1 {
		at := first.Add(last.Sub(first) * time.Duration(i) / parts)
		label := at.UTC().Format(format)
		if len(out) == 0 || out[len(out)-1].Label != label {
			out = append(out, Tick{xOf(at, first, last), label})
		}
	}
	return out
}
