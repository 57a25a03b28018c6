// SPDX-License-Identifier: Apache-2.0

package testreport

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/voiceai-dev/integrations-operator/internal/testresult"
)

// maxPlaywright bounds a report of Playwright, in bytes: its suites are nested, so it is in memory as a whole.
const maxPlaywright = 64 << 20

// playwrightSuite is a suite in the report of Playwright's JSON reporter,
// https://playwright.dev/docs/api/class-testreporter. Durations are in milliseconds.
type playwrightSuite struct {
	Title  string            `json:"title"`
	File   string            `json:"file"`
	Suites []playwrightSuite `json:"suites"`
	Specs  []playwrightSpec  `json:"specs"`
}

type playwrightSpec struct {
	Title string           `json:"title"`
	File  string           `json:"file"`
	Line  int              `json:"line"`
	Tests []playwrightTest `json:"tests"`
}

type playwrightTest struct {
	ProjectName string `json:"projectName"`
	// Status is expected, unexpected, flaky or skipped.
	Status  string `json:"status"`
	Results []struct {
		// Status is passed, failed, timedOut, skipped or interrupted.
		Status      string                          `json:"status"`
		Duration    float64                         `json:"duration"`
		Error       struct{ Message, Stack string } `json:"error"`
		Attachments []struct{ Path string }         `json:"attachments"`
	} `json:"results"`
}

func readPlaywright(r io.Reader, each Each) error {
	raw, err := io.ReadAll(io.LimitReader(r, maxPlaywright+1))
	if err != nil {
		return err
	}
	if len(raw) > maxPlaywright {
		return fmt.Errorf("a report of Playwright may have %d MiB. Write JUnit's XML or CTRF instead", maxPlaywright>>20)
	}
	var report struct {
		Config struct{ RootDir string }
		Suites []playwrightSuite
		Errors []playwrightError
	}
	if err := json.Unmarshal(raw, &report); err != nil {
		return fmt.Errorf("it is not the JSON of Playwright: %w", err)
	}
	for i := range report.Suites {
		if err := report.Suites[i].read("", each); err != nil {
			return err
		}
	}
	for i := range report.Errors {
		if err := each(report.Errors[i].toCase(report.Config.RootDir, i)); err != nil {
			return err
		}
	}
	return nil
}

// playwrightError is an error outside of tests, as of a file that does not load, or of a global setup.
type playwrightError struct {
	Message  string                `json:"message"`
	Stack    string                `json:"stack"`
	Value    string                `json:"value"`
	Location struct{ File string } `json:"location"`
}

// toCase returns a failed test for the error, which has a number in the report.
func (e *playwrightError) toCase(root string, number int) *testresult.Case {
	file := e.Location.File
	if root != "" {
		file = strings.TrimPrefix(strings.TrimPrefix(file, root), "/")
	}
	return &testresult.Case{
		File: name(file), Name: "an error outside of tests", Within: fmt.Sprint("#", number), Outcome: testresult.Failed,
		Failures: []testresult.Failure{failureOf(cmp.Or(e.Message, e.Value), e.Stack)},
	}
}

// read reads a suite within another of some title.
func (s *playwrightSuite) read(within string, each Each) error {
	title := s.Title
	if within != "" {
		title = within + " > " + s.Title
	}
	if s.Title == s.File { // that of a file
		title = within
	}
	for i := range s.Specs {
		for j := range s.Specs[i].Tests {
			if err := each(s.Specs[i].toCase(title, &s.Specs[i].Tests[j])); err != nil {
				return err
			}
		}
	}
	for i := range s.Suites {
		if err := s.Suites[i].read(title, each); err != nil {
			return err
		}
	}
	return nil
}

func (s *playwrightSpec) toCase(suite string, t *playwrightTest) *testresult.Case {
	c := &testresult.Case{Suite: name(suite), File: name(s.File), Name: name(s.Title), Line: s.Line}
	if t.ProjectName != "" {
		c.Properties = []testresult.Property{{Name: "variant", Value: name(t.ProjectName)}}
	}
	for _, r := range t.Results {
		c.Duration += time.Duration(max(0, min(r.Duration, 1e10)) * float64(time.Millisecond))
		if r.Status == "failed" || r.Status == "timedOut" || r.Status == "interrupted" {
			c.Failures = append(c.Failures, failureOf(r.Error.Message, r.Error.Stack))
		}
		for _, a := range r.Attachments {
			if a.Path != "" && len(c.Attachments) < testresult.MaxAttachments {
				c.Attachments = append(c.Attachments, name(a.Path))
			}
		}
	}
	c.Failures = c.Failures[max(0, len(c.Failures)-testresult.MaxFailures):]
	switch t.Status {
	case "expected":
		c.Outcome = testresult.Passed
		c.Failures = nil // it was expected to fail
	case "flaky":
		c.Outcome = testresult.Flaky
	case "skipped":
		c.Outcome = testresult.NotRun
	default:
		c.Outcome = testresult.Failed
	}
	return c
}
