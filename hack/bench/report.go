// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/voiceai-dev/integrations-operator/api/v1alpha1"
)

var reportScenarios = []scenario{{
	name: "report-large",
	what: "report reads 200 MB of XML with 100,000 cases, of which 2,000 fail, and applies Defects",
	run: func(ctx context.Context, w *world) (figures, error) {
		return reportRun(ctx, w, xmlReport{cases: 100_000, failEvery: 50, bytes: 200e6})
	},
}, {
	name: "report-failing",
	what: "report applies Defects for 5,000 tests that each fail for a cause of their own, beside 2,000 that pass",
	run: func(ctx context.Context, w *world) (figures, error) {
		return reportRun(ctx, w, xmlReport{cases: 7_000, failEvery: 1, passing: 2_000})
	},
}, {
	name: "report-start",
	what: "report starts and reads one case, without a cluster",
	run: func(ctx context.Context, w *world) (figures, error) {
		return reportRun(ctx, w, xmlReport{cases: 1, failEvery: 2, local: true})
	},
}}

// xmlReport is what a report in XML has.
type xmlReport struct {
	cases int
	// failEvery is 50 where each 50th case fails. The first passing cases pass.
	failEvery, passing int
	// bytes is the size that output of the cases fills up to.
	bytes int
	// local keeps report from calling the API server.
	local bool
}

// reportRun measures a run of the program report.
func reportRun(ctx context.Context, w *world, r xmlReport) (f figures, err error) {
	program, err := filepath.Abs(filepath.Join("bin", "report"))
	if err != nil {
		return f, err
	}
	file := filepath.Join(w.dir, "report.xml")
	if err := r.write(file); err != nil {
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
	if r.local {
		args = append(args, "--dry-run")
	}
	cmd := exec.CommandContext(ctx, program, args...) //nolint:gosec // it is our own
	cmd.Env = append(os.Environ(), "KUBECONFIG="+w.stage.Kubeconfig)
	if r.local {
		cmd.Env = append(os.Environ(), "KUBECONFIG=/none")
	}
	var out bytes.Buffer
	cmd.Stdout = &out
	cmd.Stderr = &out
	began := time.Now()
	if err := cmd.Start(); err != nil {
		return f, err
	}
	peak := peakOf(cmd.Process.Pid)
	runErr := cmd.Wait()
	f.Last = time.Since(began).Seconds() * 1000
	f.PeakRSS = <-peak
	if code := cmd.ProcessState.ExitCode(); code != 0 && code != 1 { // 1: tests failed
		return f, fmt.Errorf("report: %w\n%s", runErr, &out)
	}
	f.Objects = r.cases
	f.CPU = (cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()).Seconds()
	var defects v1alpha1.DefectList
	if err := w.client.List(ctx, &defects, client.InNamespace("default")); err != nil {
		return f, err
	}
	f.Notes = fmt.Sprintf("%d MB, %d Defects. %s", size/1e6, len(defects.Items), strings.Split(out.String(), "\n")[0])
	return f, nil
}

// peakOf returns the most memory that a process has until it ends, in MB. The rusage of a child has that of its parent, too.
func peakOf(pid int) <-chan float64 {
	out := make(chan float64, 1)
	go func() {
		most := 0.0
		for {
			status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
			_, rest, found := strings.Cut(string(status), "VmHWM:")
			if err != nil || !found { // it has ended
				out <- most
				return
			}
			if fields := strings.Fields(rest); len(fields) > 0 {
				if kib, err := strconv.ParseFloat(fields[0], 64); err == nil {
					most = kib * 1024 / 1e6
				}
			}
			time.Sleep(time.Millisecond)
		}
	}()
	return out
}

// write writes the report to a file.
func (r xmlReport) write(path string) (err error) {
	file, err := os.Create(path) //nolint:gosec // it is in the directory of the scenario
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	out := bufio.NewWriterSize(file, 1<<20)
	line := "2026-11-20 08:00:00 INFO call 7f3a: turn answered in 812 ms &lt;booking&gt;\n"
	filler := strings.Repeat(line, (max(0, r.bytes/r.cases-150)+len(line)-1)/len(line))
	_, _ = fmt.Fprintf(out, `<testsuites><testsuite name="bench" tests="%d">`+"\n", r.cases) // Flush returns the error
	for i := range r.cases {
		_, _ = fmt.Fprintf(out, `<testcase classname="bench.Calls%d" name="call %s" time="1.5">`, i%100, letters(i))
		if i >= r.passing && i%r.failEvery == 0 && r.failEvery <= r.cases {
			_, _ = fmt.Fprintf(out, `<failure message="the agent did not %s">Traceback: line %d</failure>`, letters(i), i)
		}
		_, _ = fmt.Fprintf(out, "<system-out>%s</system-out></testcase>\n", filler)
	}
	_, _ = fmt.Fprintln(out, "</testsuite></testsuites>")
	return out.Flush()
}

// letters returns a number in letters: digits do not make a cause another one.
func letters(n int) string {
	var out strings.Builder
	for _, digit := range fmt.Sprint(n) {
		out.WriteByte("abcdefghij"[digit-'0'])
	}
	return out.String()
}
