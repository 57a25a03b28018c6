// SPDX-License-Identifier: Apache-2.0

// Command bench measures the operator with a real API server and the sandbox, and prints a table and JSON. It asserts
// nothing because machines differ. Arguments select scenarios by name. Without arguments, all run that are not slow.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"slices"
	"syscall"

	"go.uber.org/zap/zapcore"
	ctrllog "sigs.k8s.io/controller-runtime/pkg/log"
	"sigs.k8s.io/controller-runtime/pkg/log/zap"

	"github.com/voiceai-dev/integrations-operator/hack/bench/result"
)

// A scenario is one benchmark. Each runs in a world of its own.
type scenario struct {
	name string
	what string
	run  func(context.Context, *world) (figures, error)
	// slow scenarios run only if they are named.
	slow bool
}

// figures are the results of a scenario.
type figures = result.Figures

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
	return result.Print(os.Stdout, results)
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
