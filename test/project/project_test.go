// SPDX-License-Identifier: Apache-2.0

// Package project_test checks what the project has beside its code: licence, workflows, and the version of its binary.
package project_test

import (
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"testing"

	"sigs.k8s.io/yaml"
)

// root is the directory of the project.
const root = "../.."

// read returns the text of a file of the project.
func read(t *testing.T, name string) string {
	t.Helper()
	content, err := os.ReadFile(filepath.Join(root, name))
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}

// A workflow is what the tests read of a workflow of GitHub.
type workflow struct {
	Permissions map[string]string `json:"permissions"`
	Jobs        map[string]struct {
		Permissions map[string]string `json:"permissions"`
		Timeout     int               `json:"timeout-minutes"`
		Steps       []struct {
			Uses string         `json:"uses"`
			With map[string]any `json:"with"`
			Run  string         `json:"run"`
		} `json:"steps"`
	} `json:"jobs"`
}

// pinned matches an action by the hash of a commit, with its version for people and Dependabot.
var pinned = regexp.MustCompile(`uses: [a-z-]+/[a-z-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+$`)

// stages returns the stages of .ci/run.
func stages(t *testing.T) []string {
	t.Helper()
	m := regexp.MustCompile(`(?m)^stages=\((.+)\)$`).FindStringSubmatch(read(t, ".ci/run"))
	if m == nil {
		t.Fatal(".ci/run has no list of stages")
	}
	return strings.Fields(m[1])
}

// TestWorkflows checks that workflows grant nothing by default, name actions by their hash, and run every stage of
// .ci/run, and no other.
func TestWorkflows(t *testing.T) {
	files, err := fs.Glob(os.DirFS(root), ".github/workflows/*.yaml")
	if err != nil || len(files) != 5 {
		t.Fatalf("the workflows are %v, %v", files, err)
	}
	run := map[string]bool{}
	for _, name := range files {
		text := read(t, name)
		for line := range strings.Lines(text) {
			if line = strings.TrimRight(line, "\n"); strings.Contains(line, "uses:") && !pinned.MatchString(line) {
				t.Errorf("%s: an action has no hash or version: %s", name, line)
			}
		}
		var w workflow
		if err := yaml.Unmarshal([]byte(text), &w); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if w.Permissions == nil || len(w.Permissions) > 0 {
			t.Errorf("%s grants %v to every job", name, w.Permissions)
		}
		for id, job := range w.Jobs {
			if job.Permissions == nil || job.Timeout == 0 {
				t.Errorf("%s: job %s has no permissions or no timeout", name, id)
			}
			for _, step := range job.Steps {
				for line := range strings.Lines(step.Run) {
					if args, ok := strings.CutPrefix(strings.TrimSpace(line), ".ci/run "); ok {
						for _, stage := range strings.Fields(args) {
							run[stage] = true
						}
					}
				}
			}
		}
	}
	known := stages(t)
	for _, stage := range known {
		if !run[stage] {
			t.Errorf("no workflow runs stage %s", stage)
		}
	}
	for stage := range run {
		if !slices.Contains(known, stage) {
			t.Errorf("a workflow runs stage %s, which .ci/run does not have", stage)
		}
	}
}

// TestUnknownStage checks that .ci/run refuses a stage that it does not have.
func TestUnknownStage(t *testing.T) {
	out, err := exec.CommandContext(t.Context(), filepath.Join(root, ".ci/run"), "polish").CombinedOutput()
	if err == nil || !strings.Contains(string(out), "There is no stage polish") {
		t.Errorf("%v: %s", err, out)
	}
}

// TestFilesOfAProject checks the files that people and services expect in a project.
func TestFilesOfAProject(t *testing.T) {
	for name, want := range map[string]string{
		"LICENSE":                "Apache License\n                           Version 2.0, January 2004",
		"SECURITY.md":            "Report a vulnerability",
		"CHANGELOG.md":           "## [Unreleased]",
		".github/dependabot.yml": "package-ecosystem: github-actions",
	} {
		if !strings.Contains(read(t, name), want) {
			t.Errorf("%s lacks %q", name, want)
		}
	}
}

// TestVersion checks what the operator prints about itself.
func TestVersion(t *testing.T) {
	binary := filepath.Join(t.TempDir(), "operator")
	build := exec.CommandContext(t.Context(), "go", "build", "-ldflags", "-X main.version=v1.2.3", "-o", binary, "./cmd/operator")
	build.Dir = root
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	want := "v1.2.3 (" + runtime.Version() + ", " + runtime.GOOS + "/" + runtime.GOARCH + ")\n"
	for _, arg := range []string{"version", "--version"} {
		out, err := exec.CommandContext(t.Context(), binary, arg).CombinedOutput()
		if err != nil || string(out) != want {
			t.Errorf("operator %s: %v, %q, want %q", arg, err, out, want)
		}
	}
	out, err := exec.CommandContext(t.Context(), binary, "polish").CombinedOutput()
	if err == nil || !strings.Contains(string(out), `no command "polish"`) {
		t.Errorf("operator polish: %v, %s", err, out)
	}
}
