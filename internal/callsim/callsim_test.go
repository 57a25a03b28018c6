// SPDX-License-Identifier: Apache-2.0

package callsim

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/voiceai-dev/integrations-operator/internal/junit"
	"github.com/voiceai-dev/integrations-operator/internal/testresult"
)

// runAndRead makes all calls, and returns their tests as report reads them.
func runAndRead(t *testing.T, seed uint64, outage bool) (*testresult.Collector, bool) {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "new")
	var out bytes.Buffer
	passed, err := Run(&out, dir, seed, outage)
	if err != nil || out.Len() == 0 {
		t.Fatal(err)
	}
	raw, err := os.ReadFile(filepath.Join(dir, "calls.xml"))
	if err != nil {
		t.Fatal(err)
	}
	c := &testresult.Collector{}
	report, err := junit.Read(bytes.NewReader(raw), func(test *testresult.Case) error { c.Add(test); return nil })
	if err != nil || len(report.Problems) > 0 {
		t.Fatal(err, report.Problems)
	}
	return c, passed
}

// TestRun makes the calls with many seeds: one always fails, and one fails, flakes or passes.
func TestRun(t *testing.T) {
	seen := map[testresult.Outcome]int{}
	for seed := range uint64(40) {
		c, passed := runAndRead(t, seed, false)
		if c.Counts().Total() != len(scenarios) || passed {
			t.Fatalf("seed %d: got %+v, %v", seed, c.Counts(), passed)
		}
		noisy := testresult.Passed
		for _, test := range c.Failing() {
			switch {
			case test.Name == "changes the date" && test.Outcome == testresult.Failed:
			case test.Name == "books for fifteen":
				noisy = test.Outcome
			default:
				t.Errorf("seed %d: %s is %s", seed, test.Name, test.Outcome)
			}
			if test.Property("voice.heard") == test.Property("voice.expected") || test.Property("voice.turn") == "" {
				t.Errorf("seed %d: %s has %v", seed, test.Name, test.Properties)
			}
		}
		seen[noisy]++
	}
	if seen[testresult.Passed] == 0 || seen[testresult.Flaky] == 0 || seen[testresult.Failed] == 0 {
		t.Errorf("the noisy call is %v", seen)
	}
}

// TestRunIsRepeatable makes the calls twice with a seed.
func TestRunIsRepeatable(t *testing.T) {
	var first, second bytes.Buffer
	dir := t.TempDir()
	for _, out := range []*bytes.Buffer{&first, &second} {
		if _, err := Run(out, dir, 7, false); err != nil {
			t.Fatal(err)
		}
	}
	if first.String() != second.String() {
		t.Errorf("got\n%s\nand\n%s", &first, &second)
	}
}

func TestOutage(t *testing.T) {
	c, passed := runAndRead(t, 1, true)
	if got := c.Counts(); got.Failed != len(scenarios) || passed {
		t.Errorf("got %+v, %v", got, passed)
	}
	for _, test := range c.Failing() {
		if !strings.Contains(test.Failures[0].Message, "503") {
			t.Errorf("got %q", test.Failures[0].Message)
		}
	}
}

type fullDisk struct{}

func (fullDisk) Write([]byte) (int, error) { return 0, errors.New("no space left on device") }

func TestRunFails(t *testing.T) {
	if _, err := Run(fullDisk{}, t.TempDir(), 1, false); err == nil {
		t.Error("a full disk was not noticed")
	}
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Run(&bytes.Buffer{}, file, 1, false); err == nil {
		t.Error("a file in place of the directory was not noticed")
	}
}
