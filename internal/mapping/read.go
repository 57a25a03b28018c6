// SPDX-License-Identifier: Apache-2.0

package mapping

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/voiceai-dev/integrations-operator/internal/testresult"
	"github.com/voiceai-dev/integrations-operator/internal/text"
)

// maxReport bounds what is read, in bytes: paths need all of it in memory.
const maxReport = 64 << 20

// maxFailedChecks bounds the failed checks of a test that its message lists.
const maxFailedChecks = 20

// Report is what is known of a report beside its tests.
type Report struct {
	Commit   string
	Problems []testresult.Problem
}

// Read reads the JSON of a platform, and calls each with its tests.
func (m *Mapping) Read(r io.Reader, each func(*testresult.Case) error) (*Report, error) {
	out := &Report{}
	raw, err := io.ReadAll(io.LimitReader(r, maxReport+1))
	switch {
	case err != nil:
		return out, err
	case len(raw) > maxReport:
		return out, fmt.Errorf("a report that is read by a mapping may have %d MiB", maxReport>>20)
	case len(bytes.TrimSpace(raw)) == 0:
		return out, errors.New("line 1: the report is empty")
	}
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.UseNumber()
	for {
		var document any
		err := dec.Decode(&document)
		if errors.Is(err, io.EOF) {
			return out, nil
		}
		if err != nil {
			return out, syntaxError(err, raw)
		}
		if err := m.document(document, out, each); err != nil {
			return out, err
		}
	}
}

// syntaxError says at which line a report stops being JSON.
func syntaxError(err error, raw []byte) error {
	var syntax *json.SyntaxError
	switch {
	case errors.Is(err, io.ErrUnexpectedEOF):
		return fmt.Errorf("line %d: the report ends here: it was cut off", lineAt(raw, len(raw)))
	case errors.As(err, &syntax):
		return fmt.Errorf("line %d: %w", lineAt(raw, int(syntax.Offset)), err)
	}
	return err
}

func lineAt(raw []byte, offset int) int {
	return 1 + bytes.Count(raw[:min(offset, len(raw))], []byte("\n"))
}

// document reads one JSON value: some platforms write one a line.
func (m *Mapping) document(document any, out *Report, each func(*testresult.Case) error) error {
	if out.Commit == "" {
		out.Commit = name(m.Commit.of(document))
	}
	tests := m.Tests.nodes(document)
	if len(tests) == 0 {
		return errors.New("there is no test where the mapping has them. Compare its member tests with the report")
	}
	for i, node := range tests {
		c, problem := m.toCase(node)
		if c.Name == "" && c.ID == "" {
			return fmt.Errorf("test %d has no name where the mapping has it. Compare its members name and id with the report", i+1)
		}
		if problem != "" && len(out.Problems) < testresult.MaxProblems {
			out.Problems = append(out.Problems, testresult.Problem{Message: problem})
		}
		if err := each(c); err != nil {
			return err
		}
	}
	return nil
}

// toCase returns the case that a node stands for, and what is wrong with it.
func (m *Mapping) toCase(node any) (c *testresult.Case, problem string) {
	c = &testresult.Case{
		ID: name(m.ID.of(node)), Suite: name(m.Suite.of(node)), Name: name(m.Name.of(node)),
		Duration: m.Duration.of(node), Properties: m.properties(node),
	}
	if c.Name == "" {
		c.Name = c.ID
	}
	checks := m.failedChecks(node)
	c.Outcome, problem = m.Result.of(node, c.Name)
	if c.Outcome == testresult.Passed && len(checks) > 0 {
		c.Outcome = testresult.Failed
	}
	if c.Outcome == testresult.Failed {
		if message := m.Message.of(node); message != "" {
			checks = append([]string{message}, checks...)
		}
		if len(checks) == 0 && problem != "" {
			checks = []string{problem}
		}
		c.Failures = []testresult.Failure{{
			Message: clip(strings.Join(checks, "\n"), testresult.MaxMessage), Text: clip(m.Details.of(node), testresult.MaxText),
		}}
	}
	for _, n := range m.Attachments.nodes(node) {
		if path := textOf(n); path != "" && len(c.Attachments) < testresult.MaxAttachments {
			c.Attachments = append(c.Attachments, name(path))
		}
	}
	return c, problem
}

// of returns the outcome of a test. A value that the mapping does not have is a failure: it must not hide one.
func (r *Result) of(node any, test string) (outcome testresult.Outcome, problem string) {
	if len(r.Value) == 0 { // its failures alone say it
		return testresult.Passed, ""
	}
	value := r.Value.of(node)
	is := func(want string) bool { return strings.EqualFold(value, want) }
	switch {
	case slices.ContainsFunc(r.Passed, is):
		return testresult.Passed, ""
	case slices.ContainsFunc(r.NotRun, is):
		return testresult.NotRun, ""
	case slices.ContainsFunc(r.Failed, is):
		return testresult.Failed, ""
	}
	return testresult.Failed, fmt.Sprintf("%s has the result %q, which the mapping does not have. It counts as failed", test, value)
}

// failedChecks returns what the failed checks of a test say.
func (m *Mapping) failedChecks(node any) []string {
	var out []string
	for i := range m.Failures {
		for _, check := range m.Failures[i].Each.nodes(node) {
			message := m.Failures[i].Message.of(check)
			if message == "" {
				message = textOf(check)
			}
			if len(out) < maxFailedChecks {
				out = append(out, message)
			}
		}
	}
	return out
}

func (d *Duration) of(node any) time.Duration {
	if n, ok := number(d.Seconds.of(node)); ok {
		return seconds(n)
	}
	if n, ok := number(d.Milliseconds.of(node)); ok {
		return seconds(n / 1000)
	}
	from, err := time.Parse(time.RFC3339, d.From.of(node))
	if err != nil {
		return 0
	}
	to, err := time.Parse(time.RFC3339, d.To.of(node))
	if err != nil {
		return 0
	}
	return max(0, to.Sub(from))
}

func seconds(n float64) time.Duration {
	return time.Duration(max(0, min(n, 1e7)) * float64(time.Second))
}

func number(s string) (float64, bool) {
	n, err := strconv.ParseFloat(s, 64)
	return n, err == nil && !math.IsNaN(n) && !math.IsInf(n, 0)
}

// name returns a text in one line.
func name(s string) string { return text.OneLine(testresult.Shorten(s)) }

// clip returns the beginning of a text, without what is invisible but has an effect.
func clip(s string, most int) string { return text.Plain(limit(s, most)) }

// limit returns the beginning of a text, without the rest of a character that is cut.
func limit(s string, most int) string {
	if len(s) <= most {
		return s
	}
	return strings.ToValidUTF8(s[:most], "")
}
