// SPDX-License-Identifier: Apache-2.0

// Package testreport reads test reports of any format: JUnit's XML, CTRF, Playwright's JSON, the output of go test -json, and JSON
// of another shape by a mapping.
package testreport

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"golang.org/x/text/encoding/unicode"
	"golang.org/x/text/transform"

	"github.com/voiceai-dev/integrations-operator/internal/junit"
	"github.com/voiceai-dev/integrations-operator/internal/mapping"
	"github.com/voiceai-dev/integrations-operator/internal/testresult"
	"github.com/voiceai-dev/integrations-operator/internal/text"
)

// Format is the format of a report.
type Format string

// The formats.
const (
	JUnit      Format = "JUnit XML"
	CTRF       Format = "CTRF"
	Playwright Format = "Playwright JSON"
	GoTest     Format = "go test -json"
	// Mapped is JSON of another shape.
	Mapped Format = "JSON by a mapping"
)

// maxJSON bounds a report in JSON, in bytes. Only its current test is in memory.
const maxJSON = 512 << 20

// headSize is how much of a report says which format it has, in bytes.
const headSize = 32 << 10

// Report is what a report says beside its cases.
type Report struct {
	Format Format
	Cases  int
	// Commit is the commit that was tested, if the report says so.
	Commit   string
	Problems []testresult.Problem
}

// Each is called with the cases of a report in turn.
type Each func(*testresult.Case) error

// Read reads a report, whose format it finds out. JSON is read by a mapping, if there is one. It returns what was read with each
// error.
func Read(r io.Reader, m *mapping.Mapping, each Each) (*Report, error) {
	in := bufio.NewReaderSize(r, 64<<10)
	head, err := in.Peek(headSize)
	if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, bufio.ErrBufferFull) {
		return &Report{}, err
	}
	if in, head, err = decoded(in, head); err != nil {
		return &Report{}, err
	}
	out := &Report{}
	count := func(c *testresult.Case) error { out.Cases++; return each(c) }
	out.Format = formatOf(head)
	if m != nil && isJSON(head) {
		out.Format = Mapped
	}
	switch out.Format {
	case Mapped:
		report, err := m.Read(in, count)
		out.Commit = name(report.Commit)
		out.Problems = report.Problems
		return out, err
	case JUnit:
		report, err := junit.Read(in, count)
		out.Problems = report.Problems
		return out, err
	case CTRF:
		return out, readCTRF(io.LimitReader(in, maxJSON), out, count)
	case Playwright:
		return out, readPlaywright(in, count)
	case GoTest:
		return out, readGoTest(in, count)
	}
	return out, fmt.Errorf("it is neither JUnit's XML nor CTRF, Playwright's JSON or the output of go test -json, and no mapping is "+
		"given: it begins with %q", text.Truncate(text.OneLine(string(head[:min(len(head), 200)])), 40))
}

// decoded returns a report that is not XML in UTF-8, without a byte order mark, and how it begins: PowerShell writes what a command
// prints in UTF-16. XML stays as it is, since it declares its encoding.
func decoded(in *bufio.Reader, head []byte) (*bufio.Reader, []byte, error) {
	for _, mark := range []string{"\xEF\xBB\xBF", "\xFF\xFE", "\xFE\xFF"} {
		begin := bytes.TrimLeft(bytes.TrimPrefix(head, []byte(mark)), "\x00 \t\r\n")
		if !bytes.HasPrefix(head, []byte(mark)) || bytes.HasPrefix(begin, []byte{'<'}) {
			continue
		}
		in = bufio.NewReaderSize(transform.NewReader(in, unicode.BOMOverride(transform.Nop)), headSize)
		head, err := in.Peek(headSize)
		if errors.Is(err, io.EOF) {
			err = nil
		}
		return in, head, err
	}
	return in, head, nil
}

// isJSON reports whether a report begins like JSON.
func isJSON(head []byte) bool {
	head = bytes.TrimLeft(bytes.TrimPrefix(head, []byte{0xEF, 0xBB, 0xBF}), " \t\r\n")
	return len(head) > 0 && (head[0] == '{' || head[0] == '[')
}

// formatOf returns the format of a report that begins with some bytes; empty when it is none of these.
func formatOf(head []byte) Format {
	head = bytes.TrimLeft(bytes.TrimPrefix(head, []byte{0xEF, 0xBB, 0xBF}), " \t\r\n")
	switch {
	case len(head) == 0, bytes.ContainsAny(head[:1], "<\xff\xfe\x00"):
		return JUnit
	case head[0] != '{':
		return formatAfterText(head)
	case isGoEvent(head):
		return GoTest
	}
	has := func(member string) bool { return bytes.Contains(head, []byte(`"`+member+`"`)) }
	switch {
	case has("config") && has("rootDir"), has("suites") && has("specs"):
		return Playwright
	case has("results") && (has("tool") || has("summary") || has("tests") || has("reportFormat")):
		return CTRF
	}
	return ""
}

// formatAfterText returns the format of a report after what a command printed before it: as when npm or go test write to a file.
func formatAfterText(head []byte) Format {
	for line := range bytes.Lines(head) {
		switch line = bytes.TrimSpace(line); {
		case bytes.HasPrefix(line, []byte("<?xml")), bytes.HasPrefix(line, []byte("<testsuite")):
			return JUnit
		case isGoEvent(line):
			return GoTest
		}
	}
	return ""
}

// isGoEvent reports whether the first line of a text is an event of go test -json.
func isGoEvent(text []byte) bool {
	line, _, _ := bytes.Cut(text, []byte{'\n'})
	var event struct{ Action, Package, ImportPath string }
	return json.Unmarshal(line, &event) == nil && event.Action != "" && (event.Package != "" || event.ImportPath != "")
}

// name returns a name of a test without what is invisible but has an effect.
func name(s string) string { return text.OneLine(testresult.Shorten(s)) }

// long returns a text of several lines in at most so many bytes.
func long(s string, most int) string { return text.Plain(limit(s, most)) }

func limit(s string, most int) string {
	if len(s) <= most {
		return s
	}
	return s[:most] // a character that is cut in two becomes U+FFFD
}
