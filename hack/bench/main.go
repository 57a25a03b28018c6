// SPDX-License-Identifier: Apache-2.0

// Command bench measures the operator with a real API server and the sandbox, and prints a table and JSON. It asserts
// nothing because machines differ. Arguments select scenarios by name. Without arguments, all run that are not slow.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"text/tabwriter"

	"go.uber.org/zap/zapcore"
	ctrllog "sigs.k8s.io/controller-runtime/pkg/log"
	"sigs.k8s.io/controller-runtime/pkg/log/zap"
)

// A scenario is one benchmark. Each runs in a world of its own.
type scenario struct {
	name string
	what string
	run  func(context.Context, *world) (figures, error)
	// slow scenarios run only if they are named.
	slow bool
}

// figures are the results of a scenario. Unless a name says otherwise, times are in milliseconds since the first
// create. Sizes are in MB (10⁶ bytes).
type figures struct {
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

func main() {
	ctrllog.SetLogger(zap.New(zap.WriteTo(os.Stderr), zap.Level(zapcore.ErrorLevel)))
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Args[1:])
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, names []string) error {
	all := slices.Concat(ticketScenarios, messageScenarios, alertScenarios, unresponsiveScenarios, hostileScenarios, pageScenarios,
		sizeScenarios, historyScenarios, reportScenarios, slackAppScenarios)
	for _, n := range names {
		if !slices.ContainsFunc(all, func(s scenario) bool { return s.name == n }) {
			return fmt.Errorf("unknown scenario %q", n)
		}
	}
	fmt.Printf("%d processors, %s. The control plane and the sandbox run on the same machine as the operator.\n",
		runtime.NumCPU(), runtime.Version())
	var results []figures
	for _, s := range all {
		if len(names) > 0 && !slices.Contains(names, s.name) || len(names) == 0 && s.slow {
			continue
		}
		f, err := measure(ctx, s)
		if err != nil {
			return fmt.Errorf("%s: %w", s.name, err)
		}
		results = append(results, f)
	}
	table := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
	_, _ = fmt.Fprintln(table, "SCENARIO\tOBJECTS\tP50 ms\tP99 ms\tLAST ms\tCPU s\tAPI CPU s\tRSS MB\tPEAK MB\tCALLS\tNOTES")
	for _, f := range results {
		_, _ = fmt.Fprintf(table, "%s\t%d\t%.0f\t%.0f\t%.0f\t%.1f\t%.1f\t%.0f\t%.0f\t%s\t%s\n", f.Scenario, f.Objects,
			f.P50, f.P99, f.Last, f.CPU, f.APICPU, f.RSS, f.PeakRSS, formatCalls(f.Calls), f.Notes)
	}
	if err := table.Flush(); err != nil {
		return err
	}
	return json.NewEncoder(os.Stdout).Encode(results)
}

// measure runs a scenario.
func measure(ctx context.Context, s scenario) (f figures, err error) {
	dir, err := filepath.Abs(filepath.Join(".demo", "bench-"+s.name))
	if err != nil {
		return f, err
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return f, err
	}
	fmt.Printf("==> %s: %s\n", s.name, s.what)
	w := &world{dir: dir}
	defer func() { err = errors.Join(err, w.stop()) }()
	if err := w.startControlPlane(); err != nil {
		return f, err
	}
	f, err = s.run(ctx, w)
	f.Scenario = s.name
	f.What = s.what
	return f, err
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
