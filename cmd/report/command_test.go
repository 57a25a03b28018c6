// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/voiceai-dev/integrations-operator/internal/report"
)

// runHere runs the program without a cluster, and returns its exit code, its output and its messages.
func runHere(t *testing.T, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	t.Setenv("KUBECONFIG", filepath.Join(t.TempDir(), "none"))
	var out, messages bytes.Buffer
	o := &report.Options{Stdout: &out, Stderr: &messages, Connect: connect}
	cmd := command(o, &code)
	cmd.SetArgs(args)
	cmd.SetOut(&out)
	cmd.SetErr(&messages)
	if err := cmd.ExecuteContext(t.Context()); err != nil {
		code = report.ExitUsage
	}
	return code, out.String(), messages.String()
}

// TestSimulate makes the simulated calls and reports them.
func TestSimulate(t *testing.T) {
	dir := t.TempDir()
	code, out, _ := runHere(t, "simulate", "--out", dir, "--seed", "3")
	if code != report.ExitFailed || !strings.Contains(out, "FAIL changes the date") {
		t.Errorf("exit code %d:\n%s", code, out)
	}
	log := filepath.Join(dir, "log")
	code, _, messages := runHere(t, "--suite", "calls", "--run", "calls-1", "--results", filepath.Join(dir, "*.xml"),
		"--termination-log", log, "--spool", filepath.Join(dir, "spool"))
	raw, err := os.ReadFile(log)
	if err != nil {
		t.Fatal(err)
	}
	var result report.Result
	if err := json.Unmarshal(raw, &result); err != nil || result.Failed != 1 || result.Total != 12 || code != report.ExitFailed {
		t.Errorf("exit code %d, result %+v, %v\n%s", code, result, err, messages)
	}
	t.Setenv("REPORT_OUTAGE", "true")
	if code, out, _ := runHere(t, "simulate", "--out", dir); code != report.ExitFailed || strings.Contains(out, "ok ") {
		t.Errorf("exit code %d in an outage:\n%s", code, out)
	}
	if code, _, messages := runHere(t, "simulate", "--out", log); code != report.ExitUsage || messages == "" {
		t.Errorf("exit code %d with a file for the directory: %s", code, messages)
	}
}

// TestMapping prints a mapping, and reports what is read by a copy of it.
func TestMapping(t *testing.T) {
	code, out, _ := runHere(t, "mapping", "livekit")
	own := filepath.Join(t.TempDir(), "own.yaml")
	if err := os.WriteFile(own, []byte(strings.ReplaceAll(out, "$.label", "$.instructions")), 0o600); code != 0 || err != nil {
		t.Fatal(code, err)
	}
	code, out, messages := runHere(t, "--suite", "hotel", "--run", "hotel-1", "--mapping", own, "--dry-run",
		"--results", "../../internal/mapping/testdata/livekit.json")
	if code != report.ExitFailed || !strings.Contains(out, "title: 'You stay silent.: the agent did not join within 30s'") ||
		!strings.Contains(out, "commit: 0123abc") || !strings.Contains(out, "heardTranscript: Friday") {
		t.Errorf("exit code %d:\n%s%s", code, out, messages)
	}
	if code, _, messages := runHere(t, "mapping", "none"); code != report.ExitUsage || !strings.Contains(messages, "there are coval,") {
		t.Errorf("exit code %d: %s", code, messages)
	}
	// The tests do not run with a mapping that is wrong.
	made := filepath.Join(t.TempDir(), "made")
	code, _, messages = runHere(t, "--suite", "a", "--run", "b", "--results", "*.json", "--mapping", "none", "--", "touch", made)
	want := `--mapping: there is no mapping "none"`
	if _, err := os.Stat(made); err == nil || code != report.ExitUsage || !strings.Contains(messages, want) {
		t.Errorf("exit code %d, %v: %s", code, err, messages)
	}
}

// TestArgumentsAreNamed checks that what is wrong with the arguments of a command is printed with what to do.
func TestArgumentsAreNamed(t *testing.T) {
	for args, want := range map[string]string{
		"--nope":         "unknown flag: --nope: see report --help",
		"history --nope": "unknown flag: --nope: see report history --help",
		"history smoke":  `unexpected argument "smoke": see report history --help`,
		"mapping":        "name a platform: coval, livekit, vapi",
		"mapping vapi x": `unexpected argument "x": see report mapping --help`,
		"validate":       "name a report, such as out/report.xml",
		"install":        "name a directory, such as /tools",
	} {
		var code int
		cmd := command(&report.Options{}, &code)
		cmd.SilenceErrors = true
		cmd.SetArgs(strings.Fields(args))
		if err := cmd.Execute(); err == nil || err.Error() != want {
			t.Errorf("report %s: got %v, want %s", args, err, want)
		}
	}
}
