// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/voiceai-dev/integrations-operator/api/v1alpha1"
	"github.com/voiceai-dev/integrations-operator/hack/bench/junitfile"
	"github.com/voiceai-dev/integrations-operator/hack/stage"
)

var reportScenarios = []scenario{{
	name: "report-large",
	what: "report reads 200 MB of XML with 100,000 cases, of which 2,000 fail, and applies Defects",
	run: func(ctx context.Context, w *world) (figures, error) {
		return reportRun(ctx, w, junitfile.Report{Cases: 100_000, FailEvery: 50, Bytes: 200e6}, onCluster)
	},
}, {
	name: "report-failing",
	what: "report applies Defects for 5,000 tests that each fail for a cause of their own, beside 2,000 that pass",
	run: func(ctx context.Context, w *world) (figures, error) {
		return reportRun(ctx, w, junitfile.Report{Cases: 7_000, FailEvery: 1, Passing: 2_000}, onCluster)
	},
}, {
	name: "report-start",
	what: "report starts and reads one case, without a cluster",
	run: func(ctx context.Context, w *world) (figures, error) {
		return reportRun(ctx, w, junitfile.Report{Cases: 1, FailEvery: 2}, alone)
	},
}}

// reach is what report can reach.
type reach bool

const (
	onCluster reach = true
	alone     reach = false
)

// reportRun measures a run of the program report.
func reportRun(ctx context.Context, w *world, r junitfile.Report, to reach) (f figures, err error) {
	program, err := filepath.Abs(filepath.Join("bin", "report"))
	if err != nil {
		return f, err
	}
	file := filepath.Join(w.dir, "report.xml")
	if err := r.Write(file); err != nil {
		return f, err
	}
	info, err := os.Stat(file)
	if err != nil {
		return f, err
	}
	size := info.Size()
	defer func() { err = errors.Join(err, os.Remove(file)) }()
	args := []string{
		"--suite", "bench", "--run", "bench-1", "--namespace", "default", "--results", file, "--termination-log", "",
		"--spool", filepath.Join(w.dir, "spool"),
	}
	if to == alone {
		args = append(args, "--dry-run")
	}
	cmd := exec.CommandContext(ctx, program, args...) //nolint:gosec // it is our own
	cmd.Env = append(os.Environ(), "KUBECONFIG="+w.stage.Kubeconfig)
	if to == alone {
		cmd.Env = append(os.Environ(), "KUBECONFIG=/none")
	}
	var out bytes.Buffer
	cmd.Stdout = &out
	cmd.Stderr = &out
	began := time.Now()
	if err := cmd.Start(); err != nil {
		return f, err
	}
	peak := stage.PeakOf(cmd.Process.Pid)
	runErr := cmd.Wait()
	f.Last = time.Since(began).Seconds() * 1000
	f.PeakRSS = <-peak
	if code := cmd.ProcessState.ExitCode(); code != 0 && code != 1 { // 1: tests failed
		return f, fmt.Errorf("report: %w\n%s", runErr, &out)
	}
	f.Objects = r.Cases
	f.CPU = (cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()).Seconds()
	var defects v1alpha1.DefectList
	if err := w.client.List(ctx, &defects, client.InNamespace("default")); err != nil {
		return f, err
	}
	f.Notes = fmt.Sprintf("%d MB, %d Defects. %s", size/1e6, len(defects.Items), strings.Split(out.String(), "\n")[0])
	return f, nil
}
