// SPDX-License-Identifier: Apache-2.0

// Package junitfile writes reports in JUnit XML of any size.
package junitfile

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"strings"
)

// Report is what a report in XML has.
type Report struct {
	Cases int
	// FailEvery is 50 where each 50th case fails. The first Passing cases pass.
	FailEvery, Passing int
	// Bytes is the size that output of the cases fills up to.
	Bytes int
}

// Write writes the report to a file.
func (r Report) Write(path string) (err error) {
	file, err := os.Create(path) //nolint:gosec // it is in the directory of the scenario
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	out := bufio.NewWriterSize(file, 1<<20)
	line := "2026-11-20 08:00:00 INFO call 7f3a: turn answered in 812 ms &lt;booking&gt;\n"
	filler := strings.Repeat(line, (max(0, r.Bytes/r.Cases-150)+len(line)-1)/len(line))
	_, _ = fmt.Fprintf(out, `<testsuites><testsuite name="bench" tests="%d">`+"\n", r.Cases) // Flush returns the error
	for i := range r.Cases {
		_, _ = fmt.Fprintf(out, `<testcase classname="bench.Calls%d" name="call %s" time="1.5">`, i%100, letters(i))
		if i >= r.Passing && i%r.FailEvery == 0 && r.FailEvery <= r.Cases {
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
