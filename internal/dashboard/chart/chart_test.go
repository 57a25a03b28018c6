// SPDX-License-Identifier: Apache-2.0

package chart

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/voiceai-dev/integrations-operator/internal/dashboard/client"
)

func TestOutcomes(t *testing.T) {
	for strip, want := range map[string]string{
		"":                            "no runs",
		"F":                           "1 run: failed",
		"PPF":                         "Last 3 runs: 2 passed, 1 failed. The last one: failed.",
		"~-P":                         "Last 3 runs: 1 passed, 1 flaky, 1 not run. The last one: passed.",
		"F" + strings.Repeat("P", 20): "Last 20 runs: 20 passed. The last one: passed.",
	} {
		o := OutcomesOf(strip)
		if o.Text != want || len(o.Bars) != min(len(strip), 20) {
			t.Errorf("%q: got %q with %d bars, want %q", strip, o.Text, len(o.Bars), want)
		}
		for i, b := range o.Bars {
			if b.Y+b.Height != 20 || b.X != (20-len(o.Bars)+i)*12 {
				t.Errorf("%q: bar %d is %+v", strip, i, b)
			}
		}
	}
	heights := map[int]bool{}
	for _, b := range OutcomesOf("PF~-").Bars {
		heights[b.Height] = true
	}
	if len(heights) != 4 {
		t.Error("outcomes differ by their colour alone")
	}
}

func TestResults(t *testing.T) {
	for _, c := range []struct {
		results client.Results
		shares  string
		text    string
	}{
		{client.Results{Passed: 3, Failed: 1, Total: 4}, "passed 0+75, failed 75+25", "3 passed, 1 failed, of 4"},
		{client.Results{Passed: 999, Failed: 1, Total: 1000}, "passed 0+99, failed 99+1", "999 passed, 1 failed, of 1000"},
		{client.Results{Passed: 3, Failed: 3, Total: 4}, "passed 0+50, failed 50+50", "3 passed, 3 failed, of 4"},
		{client.Results{Skipped: 2, Total: 4}, "skipped 0+50", "2 skipped, of 4"},
		{client.Results{}, "", "of 0"},
	} {
		got := ResultsOf(&c.results)
		var shares []string
		for _, s := range got.Shares {
			shares = append(shares, fmt.Sprintf("%s %.0f+%.0f", s.Class, s.X, s.Width))
		}
		if all := strings.Join(shares, ", "); all != c.shares || got.Text != c.text {
			t.Errorf("got %s: %s, want %s: %s", all, got.Text, c.shares, c.text)
		}
	}
}

// ran returns a run that ended so many hours after midnight.
func ran(hour int, state string, results *client.Results) client.Run {
	at := time.Date(2026, 3, 1, hour, 0, 0, 0, time.UTC)
	return client.Run{Name: fmt.Sprint("r-", hour), State: state, FinishedTime: &at, Results: results}
}

func TestPassRate(t *testing.T) {
	all := &client.Results{Passed: 4, Total: 4}
	half := &client.Results{Passed: 2, Failed: 2, Skipped: 6, Total: 10}
	c := PassRateOf([]client.Run{
		ran(30, "Running", nil), ran(20, "Failed", nil), ran(10, "Failed", half), ran(5, "Passed", nil), ran(0, "Passed", all),
	})
	var points []string
	for _, p := range c.Points {
		points = append(points, fmt.Sprintf("%s %d,%d", p.Class, p.X, p.Y))
	}
	middle := (left + right) / 2
	want := fmt.Sprintf("passed %d,%d, failed %d,%d, failed %d,%d", left, top, middle, (top+bottom)/2, right, bottom)
	if got := strings.Join(points, ", "); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if want := "Pass rate of 3 runs, 1 March 2026 00:00 to 1 March 2026 20:00: 50 % on average, 0 % in the last one"; c.Text != want {
		t.Errorf("got %s, want %s", c.Text, want)
	}
	if first := c.Times[0]; first.Label != "1 Mar 00:00" || first.At != left || len(c.Times) != 4 || len(c.Rates) != 5 {
		t.Errorf("the axes are %v and %v", c.Times, c.Rates)
	}
	if got := c.Points[1].Text; got != "r-10: 1 March 2026 10:00 UTC, 50 %, 2 of 10 passed" {
		t.Errorf("a point says %s", got)
	}
	if PassRateOf([]client.Run{ran(1, "Running", nil)}) != nil {
		t.Error("there is a chart of nothing")
	}
}

// TestAlmostAll covers a rate that rounds to 100 %.
func TestAlmostAll(t *testing.T) {
	c := PassRateOf([]client.Run{ran(1, "Failed", &client.Results{Passed: 999, Failed: 1, Total: 1000})})
	if !strings.Contains(c.Text, "99 % in the last one") || c.Points[0].X != (left+right)/2 {
		t.Errorf("got %s at %d", c.Text, c.Points[0].X)
	}
}
