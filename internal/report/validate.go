// SPDX-License-Identifier: Apache-2.0

package report

import (
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/voiceai-dev/integrations-operator/internal/junit"
	"github.com/voiceai-dev/integrations-operator/internal/mapping"
	"github.com/voiceai-dev/integrations-operator/internal/testreport"
	"github.com/voiceai-dev/integrations-operator/internal/testresult"
)

// Validate prints what is wrong with reports, with the number of the line, and what they have. JSON is read by a mapping, if one
// is named. It returns the exit code.
func Validate(out io.Writer, mappingName string, paths []string) int {
	m, err := loadMapping(mappingName)
	if err != nil {
		_, _ = fmt.Fprintln(out, err) // there is nowhere else to write it
		return ExitUsage
	}
	code := 0
	for _, path := range paths {
		if err := validate(out, m, path); err != nil {
			_, _ = fmt.Fprintln(out, err) // there is nowhere else to write it
			code = ExitUnreadable
		}
	}
	return code
}

func validate(out io.Writer, m *mapping.Mapping, path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close() //nolint:errcheck // it was only read
	var c testresult.Collector
	report, err := testreport.Read(f, m, func(test *testresult.Case) error { c.Add(test); return nil })
	for _, p := range report.Problems {
		_, _ = fmt.Fprintln(out, problemAt(path, p))
	}
	if counts := c.Counts(); err == nil || counts.Total() > 0 {
		_, _ = fmt.Fprintf(out, "%s: %s with %d tests: %d passed, %d failed, %d flaky, %d not run\n", path, report.Format, counts.Total(),
			counts.Passed, counts.Failed, counts.Flaky, counts.NotRun)
		if n := c.Repeats(); n > 0 {
			_, _ = fmt.Fprintf(out, "%s: %s\n", path, repeats(n))
		}
	}
	var syntax *junit.SyntaxError
	if errors.As(err, &syntax) {
		return fmt.Errorf("%s:%d: %s", path, syntax.Line, syntax.Message)
	}
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return nil
}

// repeats says that cases are attempts.
func repeats(n int) string {
	if n == 1 {
		return "1 case has the name of another one, and counts as a further attempt of it"
	}
	return fmt.Sprintf("%d cases have the name of another one, and count as further attempts of it", n)
}

// problemAt returns a problem of a report with its place.
func problemAt(path string, p testresult.Problem) string {
	if p.Line > 0 {
		path = fmt.Sprintf("%s:%d", path, p.Line)
	}
	return path + ": " + p.Message
}

// loadMapping returns a mapping by its name; nil when the name is empty.
func loadMapping(name string) (*mapping.Mapping, error) {
	if name == "" {
		return nil, nil //nolint:nilnil // none is wanted
	}
	m, err := mapping.Load(name)
	if err != nil {
		return nil, fmt.Errorf("--mapping: %w", err)
	}
	return m, nil
}
