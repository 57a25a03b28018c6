// SPDX-License-Identifier: Apache-2.0

// Package result has the figures of a scenario, and prints them.
package result

import (
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"
)

// Figures are the results of a scenario. Unless a name says otherwise, times are in milliseconds since the first
// create. Sizes are in MB (10⁶ bytes).
type Figures struct {
	Scenario string         `json:"scenario"`
	What     string         `json:"what"`
	Objects  int            `json:"objects"`
	P50      float64        `json:"p50ms"`
	P99      float64        `json:"p99ms"`
	Last     float64        `json:"lastMs"`
	Calls    map[string]int `json:"calls"`
	APICalls map[string]int `json:"apiServerCalls,omitempty"`
	APICPU   float64        `json:"apiServerCPUSeconds"`
	Writes   int            `json:"mostStatusWritesUntilDone,omitempty"`
	CPU      float64        `json:"cpuSeconds"`
	RSS      float64        `json:"rssMB"`
	PeakRSS  float64        `json:"peakRSSMB"`
	Notes    string         `json:"notes,omitempty"`
}

// Percentiles sets the number of objects and the times, which are in milliseconds.
func (f *Figures) Percentiles(took []float64) {
	n := len(took)
	if n == 0 {
		return
	}
	slices.Sort(took)
	f.Objects = n
	f.P50 = took[n/2]
	f.P99 = took[n*99/100]
	f.Last = took[n-1]
}

// Print prints figures as a table, and as JSON.
func Print(out io.Writer, results []Figures) error {
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	_, _ = fmt.Fprintln(table, "SCENARIO\tOBJECTS\tP50 ms\tP99 ms\tLAST ms\tCPU s\tAPI CPU s\tRSS MB\tPEAK MB\tCALLS\tNOTES")
	for _, f := range results {
		_, _ = fmt.Fprintf(table, "%s\t%d\t%.0f\t%.0f\t%.0f\t%.1f\t%.1f\t%.0f\t%.0f\t%s\t%s\n", f.Scenario, f.Objects,
			f.P50, f.P99, f.Last, f.CPU, f.APICPU, f.RSS, f.PeakRSS, formatCalls(f.Calls), f.Notes)
	}
	if err := table.Flush(); err != nil {
		return err
	}
	return json.NewEncoder(out).Encode(results)
}

// formatCalls formats the numbers of calls by route and status.
func formatCalls(in map[string]int) string {
	var out []string
	for k, n := range in {
		out = append(out, fmt.Sprintf("%s: %d", k, n))
	}
	slices.Sort(out)
	return strings.Join(out, ", ")
}
