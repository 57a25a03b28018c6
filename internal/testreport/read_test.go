// SPDX-License-Identifier: Apache-2.0

package testreport

import (
	"encoding/binary"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"unicode/utf16"

	"github.com/voiceai-dev/integrations-operator/internal/mapping"
	"github.com/voiceai-dev/integrations-operator/internal/testresult"
)

// read returns the tests of a report as outcome, name and the message of the last failure, and the report.
func read(in string) (tests []string, report *Report, err error) {
	report, err = Read(strings.NewReader(in), nil, func(c *testresult.Case) error {
		line := fmt.Sprintf("%s %s/%s", c.Outcome, c.Suite, c.Name)
		if n := len(c.Failures); n > 0 {
			line += fmt.Sprintf(" %d: %s", n, c.Failures[n-1].Message)
		}
		for _, p := range c.Properties {
			line += " " + p.Name + "=" + p.Value
		}
		for _, a := range c.Attachments {
			line += " +" + a
		}
		tests = append(tests, line)
		return nil
	})
	return tests, report, err
}

const ctrf = `{"reportFormat": "CTRF", "specVersion": "0.0.0", "results": {
  "tool": {"name": "jest"}, "summary": {"tests": 99, "passed": 99},
  "tests": [
    {"name": "greets", "status": "passed", "duration": 1500, "suite": "calls"},
    {"name": "books", "status": "failed", "duration": 10, "message": "no answer", "trace": "at x", "suite": ["all", "calls"],
     "filePath": "calls.test.js", "attachments": [{"name": "audio", "path": "out/a.wav"}], "labels": {"voice.turn": 3, "nested": {}}},
    {"name": "pays", "status": "passed", "duration": 1, "flaky": true, "retries": 1,
     "retryAttempts": [{"attempt": 1, "status": "failed", "message": "late"}, {"attempt": 2, "status": "passed"}]},
    {"name": "leaves", "status": "skipped", "duration": 0}, {"name": "waits", "status": "pending"}, {"name": "x", "status": "other"},
    {"name": "clicks", "status": "passed", "duration": 1, "browser": "chrome"}
  ],
  "environment": {"commit": "abc1234", "branchName": "main"}, "extra": {"a": [1, {"b": 2}]}
}}`

const playwright = `{"config": {"rootDir": "/app"}, "suites": [{"title": "call.spec.ts", "file": "call.spec.ts",
  "specs": [{"title": "greets", "ok": true, "file": "call.spec.ts", "line": 3, "tests": [
    {"projectName": "chromium", "status": "expected", "results": [{"status": "passed", "duration": 12}]},
    {"projectName": "webkit", "status": "flaky", "results": [
      {"status": "failed", "duration": 9, "error": {"message": "late", "stack": "at y"}, "attachments": [{"name": "t", "path": "t.zip"}]},
      {"status": "passed", "duration": 9}]}]}],
  "suites": [{"title": "booking", "file": "call.spec.ts", "specs": [
    {"title": "books", "file": "call.spec.ts", "line": 9, "tests": [
      {"status": "unexpected", "results": [{"status": "timedOut", "duration": 5, "error": {"message": "no answer"}}]}]},
    {"title": "fails on purpose", "tests": [{"status": "expected", "results": [{"status": "failed", "error": {"message": "x"}}]}]},
    {"title": "later", "tests": [{"status": "skipped", "results": []}]}]}]}]}`

const goTest = `{"Action":"start","Package":"p"}
{"Action":"run","Package":"p","Test":"TestA"}
{"Action":"output","Package":"p","Test":"TestA","Output":"=== RUN   TestA\n"}
{"Action":"run","Package":"p","Test":"TestA/sub"}
{"Action":"output","Package":"p","Test":"TestA/sub","Output":"    a_test.go:3: no answer\n"}
{"Action":"output","Package":"p","Test":"TestA/sub","Output":"--- FAIL: TestA/sub (0.00s)\n"}
{"Action":"fail","Package":"p","Test":"TestA/sub","Elapsed":0.5}
{"Action":"fail","Package":"p","Test":"TestA","Elapsed":0.5}
not an event
{"Action":"pass","Package":"p","Test":"TestB","Elapsed":1}
{"Action":"skip","Package":"p","Test":"TestC","Elapsed":0}
{"Action":"fail","Package":"p","Elapsed":2}
{"Action":"run","Package":"q","Test":"TestPanics"}
{"Action":"output","Package":"q","Test":"TestPanics","Output":"panic: oh no\n"}
{"Action":"fail","Package":"q","Elapsed":2}
{"ImportPath":"r","Action":"build-output","Output":"# r [r.test]\n"}
{"ImportPath":"r","Action":"build-output","Output":"r.go:3: undefined: x\n"}
{"ImportPath":"r","Action":"build-fail"}
{"Action":"start","Package":"r"}
{"Action":"fail","Package":"r","Elapsed":0,"FailedBuild":"r"}
{"Action":"pass","Package":"s","Elapsed":0}
`

func TestRead(t *testing.T) {
	for name, test := range map[string]struct {
		in     string
		format Format
		want   []string
	}{
		"JUnit": {" \n<testsuite name='s'><testcase name='a'/></testsuite>", JUnit, []string{"Passed s/a"}},
		"JUnit after what npm prints": {"> app@1.0 test\n> mocha --reporter xunit\n\n<testsuite name='s'><testcase name='a'/></testsuite>", JUnit,
			[]string{"Passed s/a"}},
		"go test after what go prints": {"go: downloading example.com/x v1.0.0\n" +
			`{"Action":"pass","Package":"p","Test":"TestA"}`, GoTest, []string{"Passed p/TestA"}},
		"CTRF": {ctrf, CTRF, []string{
			"Passed calls/greets", "Failed calls/books 1: no answer voice.turn=3 +out/a.wav", "Flaky /pays 1: late", "NotRun /leaves",
			"NotRun /waits", "NotRun /x", "Passed /clicks variant=chrome",
		}},
		"Playwright": {playwright, Playwright, []string{
			"Passed /greets variant=chromium", "Flaky /greets 1: late variant=webkit +t.zip", "Failed booking/books 1: no answer",
			"Passed booking/fails on purpose", "NotRun booking/later",
		}},
		"go test": {goTest, GoTest, []string{
			"Failed p/TestA/sub 1: a_test.go:3: no answer", "Failed p/TestA 1: ", "Passed p/TestB", "NotRun p/TestC",
			"Failed q/TestPanics 1: panic: oh no", "Failed r/r 1: r.go:3: undefined: x",
		}},
	} {
		got, report, err := read(test.in)
		if err != nil || report.Format != test.format || report.Cases != len(test.want) ||
			strings.Join(got, "\n") != strings.Join(test.want, "\n") {
			t.Errorf("%s: got %v, %+v\n%s\nwant\n%s", name, err, report, strings.Join(got, "\n"), strings.Join(test.want, "\n"))
		}
	}
	if _, report, _ := read(ctrf); report.Commit != "abc1234" {
		t.Errorf("the commit is %q", report.Commit)
	}
}

// TestEncodings reads reports with byte order marks, as PowerShell writes them.
func TestEncodings(t *testing.T) {
	little := func(s string) string {
		out := []byte{0xFF, 0xFE}
		for _, unit := range utf16.Encode([]rune(s)) {
			out = binary.LittleEndian.AppendUint16(out, unit)
		}
		return string(out)
	}
	const xml = `<testsuite name='s'><testcase name='ü'/></testsuite>`
	const event = `{"Action":"pass","Package":"p","Test":"Ü"}` + "\n"
	for name, test := range map[string]struct {
		in     string
		format Format
		want   string
	}{
		"CTRF":                  {"\xEF\xBB\xBF" + `{"results": {"tool": {}, "tests": [{"name": "ü", "status": "passed"}]}}`, CTRF, "Passed /ü"},
		"CTRF in UTF-16":        {little(`{"results": {"tool": {}, "tests": [{"name": "ü", "status": "passed"}]}}`), CTRF, "Passed /ü"},
		"go test in UTF-16":     {little(event), GoTest, "Passed p/Ü"},
		"after text in UTF-16":  {little("go: downloading x\r\n" + event), GoTest, "Passed p/Ü"},
		"JUnit":                 {"\xEF\xBB\xBF" + xml, JUnit, "Passed s/ü"},
		"JUnit in UTF-16":       {little(`<?xml version="1.0" encoding="utf-16"?>` + xml), JUnit, "Passed s/ü"},
		"JUnit after text, too": {little("> test\r\n" + xml), JUnit, "Passed s/ü"},
	} {
		got, report, err := read(test.in)
		if err != nil || report.Format != test.format || strings.Join(got, "\n") != test.want || len(report.Problems) > 0 {
			t.Errorf("%s: got %q, %+v, %v", name, got, report, err)
		}
	}
}

// TestExpectedFailuresInCTRF reads tests that Playwright expects to fail, as reporters write the result of their last attempt.
func TestExpectedFailuresInCTRF(t *testing.T) {
	const unexpected = "it passed, and is expected to fail"
	const annotated = `"extra": {"annotations": [{"type": "issue"}, {"type": "fail"}]}`
	for in, want := range map[string]string{
		`"status": "failed", "message": "x", ` + annotated:                                             "Passed /a",
		`"status": "passed", "rawStatus": "failed", "message": "x", "retries": 1, ` + annotated:        "Passed /a",
		`"status": "passed", "rawStatus": "passed", "flaky": true, ` + annotated:                       "Failed /a 1: " + unexpected,
		`"status": "skipped", "rawStatus": "skipped", ` + annotated:                                    "NotRun /a",
		`"status": "failed", "rawStatus": "timedOut", "message": "late", ` + annotated:                 "Failed /a 1: late",
		`"status": "failed", "message": "x", "extra": {"annotations": [{"type": "issue"}, "fail", 3]}`: "Failed /a 1: x",
	} {
		tests, _, err := read(`{"results": {"tool": {}, "tests": [{"name": "a", ` + in + `}]}}`)
		if got := strings.Join(tests, ", "); err != nil || got != want {
			t.Errorf("%s: got %s, %v, want %s", in, got, err, want)
		}
	}
}

// TestErrorsOfPlaywright reads errors outside of tests: each is a failed test, with the file that it came from.
func TestErrorsOfPlaywright(t *testing.T) {
	const in = `{"config": {"rootDir": "/app"}, "suites": [], "errors": [{"message": "no module", "stack": "at x",
	  "location": {"file": "/app/b.spec.ts", "line": 1}}, {"value": "thrown"},
	  {"message": "no module", "location": {"file": "/app/b.spec.ts"}}]}`
	var c testresult.Collector
	_, err := Read(strings.NewReader(in), nil, func(one *testresult.Case) error { c.Add(one); return nil })
	failing := c.Failing()
	if err != nil || c.Counts() != (testresult.Counts{Failed: 3}) || failing[0].File != "b.spec.ts" ||
		failing[0].Failures[0] != (testresult.Failure{Message: "no module", Text: "at x"}) || failing[1].Failures[0].Message != "thrown" {
		t.Errorf("got %+v, %v", failing, err)
	}
}

// before returns what comes before a part.
func before(s, part string) string {
	out, _, _ := strings.Cut(s, part)
	return out
}

// TestTestsOfOneName counts tests that only their project, their parameters or an outer suite separates.
func TestTestsOfOneName(t *testing.T) {
	test := func(more, status string) string { return `{"name": "a", "status": "` + status + `", ` + more + `}` }
	ctrf := func(one, other string) string {
		return `{"results": {"tool": {}, "tests": [` + test(one, "passed") + `, ` + test(other, "failed") + `]}}`
	}
	apart := testresult.Counts{Passed: 1, Failed: 1}
	for in, want := range map[string]testresult.Counts{
		ctrf(`"browser": "chrome"`, `"browser": "firefox"`):               apart,
		ctrf(`"parameters": {"n": 1}`, `"parameters": {"n": 2}`):          apart,
		ctrf(`"suite": ["x", "empty"]`, `"suite": ["y", "empty"]`):        apart,
		ctrf(`"suite": ["x"]`, `"suite": ["x"]`):                          {Flaky: 1},
		ctrf(`"retries": 0`, `"retries": 0`):                              apart, // Jest's and Mocha's, which write all attempts into a test
		ctrf(`"flaky": false`, `"flaky": false`):                          apart,
		ctrf(`"retries": 1.0, "n": 1`, `"suite": "x"`):                    {Flaky: 1, Failed: 1},
		strings.Replace(playwright, `"flaky", "r`, `"unexpected", "r`, 1): {Passed: 2, Failed: 2, NotRun: 1},
	} {
		var c testresult.Collector
		_, err := Read(strings.NewReader(in), nil, func(one *testresult.Case) error { c.Add(one); return nil })
		if got := c.Counts(); err != nil || got != want {
			t.Errorf("got %+v, %v, want %+v of %s", got, err, want, in)
		}
	}
}

// TestBadReports reads reports that are cut off, or of no known format. What comes before is read.
func TestBadReports(t *testing.T) {
	for name, test := range map[string]struct {
		in, want string
		cases    int
	}{
		"empty": {"", "line 1: the report is empty", 0},
		"a text": {"all is well", `it is neither JUnit's XML nor CTRF, Playwright's JSON or the output of go test -json, and no ` +
			`mapping is given: it begins with "all is well"`, 0},
		"other JSON":           {`{"a": 1}`, "it is neither JUnit's XML", 0},
		"CTRF, cut off":        {before(ctrf, `"status": "passed", "duration": 1, "flaky"`), "the report ends after", 2},
		"CTRF, another shape":  {`{"results": {"tool": {}, "tests": {"a": 1}}}`, "near byte 35: another shape", 0},
		"CTRF, another type":   {`{"results": {"tool": {}, "tests": [{"name": 3}]}}`, "near byte", 0},
		"Playwright, cut off":  {playwright[:len(playwright)-9], "it is not the JSON of Playwright", 0},
		"go test, cut off":     {before(goTest, `{"Action":"fail","Package":"q"`), "the output ends while TestPanics of q runs", 4},
		"go test, a long line": {`{"Action":"start","Package":"p"}` + "\n" + strings.Repeat("x", 3<<20) + "\n" + `{"Action":"pass","Package":"p","Test":"T"}`, "", 1},
	} {
		got, report, err := read(test.in)
		message := ""
		if err != nil {
			message = err.Error()
		}
		if !strings.HasPrefix(message, test.want) || (message == "") != (test.want == "") || len(got) != test.cases || report == nil {
			t.Errorf("%s: got %q and %q, want %q and %d cases", name, message, got, test.want, test.cases)
		}
	}
	stop := errors.New("stop")
	for _, in := range []string{ctrf, playwright, goTest} {
		if _, err := Read(strings.NewReader(in), nil, func(*testresult.Case) error { return stop }); !errors.Is(err, stop) {
			t.Errorf("got %v", err)
		}
	}
}

// TestReadMapped reads reports with a mapping: JSON by the mapping, even what looks like another format, and XML as ever.
func TestReadMapped(t *testing.T) {
	m, err := mapping.Parse([]byte(`{tests: "$.results.tests[*]", name: $.name, result: {value: $.name, passed: [TestA]}, commit: $.commit}`))
	if err != nil {
		t.Fatal(err)
	}
	for in, want := range map[string]Report{
		`{"commit": "abc\n1", "results": {"tool": {}, "tests": [{"name": "TestA"}]}}`: {Format: Mapped, Cases: 1, Commit: "abc 1"},
		` {"results": {"tests": [{"name": "b"}]}}`: {Format: Mapped, Cases: 1, Problems: []testresult.Problem{
			{Message: `b has the result "b", which the mapping does not have. It counts as failed`},
		}},
		`<testsuite><testcase name="a"/></testsuite>`: {Format: JUnit, Cases: 1},
	} {
		report, err := Read(strings.NewReader(in), m, func(*testresult.Case) error { return nil })
		if err != nil || !reflect.DeepEqual(*report, want) {
			t.Errorf("%s: got %v, %+v, want %+v", in, err, *report, want)
		}
	}
}

// FuzzRead checks that no input makes a parser panic.
func FuzzRead(f *testing.F) {
	for _, seed := range []string{ctrf, playwright, goTest, "<testsuite/>", "{", `{"results":[]}`} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, in string) {
		if _, report, _ := read(in); report == nil {
			t.Error("there is no report")
		}
	})
}
