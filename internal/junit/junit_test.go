// SPDX-License-Identifier: Apache-2.0

package junit

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/unicode"
	"golang.org/x/text/encoding/unicode/utf32"

	"github.com/voiceai-dev/integrations-operator/internal/testresult"
)

// read reads a report into a Collector.
func read(r io.Reader) (*testresult.Collector, *Report, error) {
	c := &testresult.Collector{}
	report, err := Read(r, func(test *testresult.Case) error { c.Add(test); return nil })
	return c, report, err
}

// summary returns counts as passed/failed/flaky/not run.
func summary(c testresult.Counts) string {
	return fmt.Sprintf("%d/%d/%d/%d", c.Passed, c.Failed, c.Flaky, c.NotRun)
}

// TestReportsOfTools reads reports of real tools that lie beside the project.
func TestReportsOfTools(t *testing.T) {
	for name, want := range map[string]string{
		"catchsoftware": "1/1/0/1", "cubic": "0/1/0/0", "fastlane-trainer": "2/2/0/0", "go-junit-report": "3/1/0/0",
		"go-junit-report-skipped": "1/0/0/1", "ibm": "0/1/0/0", "jenkinsci": "6/0/0/0", "nose2": "18/6/0/1", "phpunit": "4/3/0/0",
		"python-junit-xml": "1/0/0/0", "surefire": "0/1/0/0",
	} {
		f, err := os.Open(filepath.Join("../../../shared/data/junit", name+".xml"))
		if errors.Is(err, os.ErrNotExist) {
			t.Skip("the reports are not there")
		}
		c, report, err := read(f)
		if got := summary(c.Counts()); err != nil || got != want {
			t.Errorf("%s: got %s of %+v, %v, want %s", name, got, report, err, want)
		}
		_ = f.Close()
	}
}

// TestOutcomes reads one case in the ways in which tools write it.
func TestOutcomes(t *testing.T) {
	for name, test := range map[string]struct {
		cases string
		want  string // passed/failed/flaky/not run
	}{
		"passed":                        {`<testcase name="a"/>`, "1/0/0/0"},
		"failed":                        {`<testcase name="a"><failure message="m"/></testcase>`, "0/1/0/0"},
		"error":                         {`<testcase name="a"><error>no</error></testcase>`, "0/1/0/0"},
		"skipped":                       {`<testcase name="a"><skipped/></testcase>`, "0/0/0/1"},
		"failed, and then skipped":      {`<testcase name="a"><failure/><skipped/></testcase>`, "0/1/0/0"},
		"several failures":              {`<testcase name="a"><failure/><failure/><error/></testcase>`, "0/1/0/0"},
		"Surefire: flaky":               {`<testcase name="a"><flakyFailure message="m"><stackTrace>s</stackTrace></flakyFailure></testcase>`, "0/0/1/0"},
		"Surefire: flaky error":         {`<testcase name="a"><flakyError/><flakyError/></testcase>`, "0/0/1/0"},
		"Surefire: failed each time":    {`<testcase name="a"><failure/><rerunFailure/><rerunError/></testcase>`, "0/1/0/0"},
		"pytest: a case for each rerun": {`<testcase name="a"><failure/></testcase><testcase name="a"/>`, "0/0/1/0"},
		"Gradle: passed after all":      {`<testcase name="a"><failure/></testcase><testcase name="a"><failure/></testcase><testcase name="a"/>`, "0/0/1/0"},
		"Gradle: failed each time":      {`<testcase name="a"><failure/></testcase><testcase name="a"><failure/></testcase>`, "0/1/0/0"},
		"two tests of one name":         {`<testcase name="a"/><testcase name="a"/>`, "2/0/0/0"},
		"one name in two classes":       {`<testcase name="a" classname="c"><failure/></testcase><testcase name="a" classname="d"/>`, "1/1/0/0"},
		"an attribute for retries":      {`<testcase name="a" retries="2"/>`, "0/0/1/0"},
		"no retries":                    {`<testcase name="a" retries="0" flaky="false"/>`, "1/0/0/0"},
		"an attribute: flaky":           {`<testcase name="a" flaky="true"/>`, "0/0/1/0"},
		"a property: flaky":             {`<testcase name="a"><properties><property name="flaky" value="true"/></properties></testcase>`, "0/0/1/0"},
		"a property: attempts":          {`<testcase name="a"><properties><property name="attempts">2</property></properties></testcase>`, "0/0/1/0"},
		"retried and failed":            {`<testcase name="a" retries="1"><failure/></testcase>`, "0/1/0/0"},
		"CTest: failed by status":       {`<testcase name="a" status="fail"><system-out>x</system-out></testcase>`, "0/1/0/0"},
		"CTest: disabled":               {`<testcase name="a" status="disabled"/>`, "0/0/0/1"},
		"GoogleTest: not run":           {`<testcase name="a" status="notrun" result="suppressed"/>`, "0/0/0/1"},
		"behave: untested":              {`<testcase name="a" status="untested"/>`, "0/0/0/1"},
		"GoogleTest: completed":         {`<testcase name="a" status="run" result="completed"/>`, "1/0/0/0"},
		"a suite that fails":            {`<error message="setup"/>`, "0/1/0/0"},
		"nested suites":                 {`<testsuite name="x"><testsuite name="y"><testcase name="a"/></testsuite></testsuite><testcase name="b"/>`, "2/0/0/0"},
		"one name in two suites":        {`<testsuite name="x"><testcase name="a"/></testsuite><testsuite name="y"><testcase name="a"><failure/></testcase></testsuite>`, "1/1/0/0"},
		"namespaces and comments":       {`<!-- <testcase name="no"/> --><j:testcase xmlns:j="x" name="a"/>`, "1/0/0/0"},
		"one name in nested suites": {`<testsuite name="x"><testsuite name="e"><testcase name="a"/></testsuite></testsuite>` +
			`<testsuite name="y"><testsuite name="e"><testcase name="a"><failure/></testcase></testsuite></testsuite>`, "1/1/0/0"},
		"repeated in nested suites": {`<testsuite name="x"><testsuite name="e"><testcase name="a"/></testsuite></testsuite>` +
			`<testsuite name="x"><testsuite name="e"><testcase name="a"><failure/></testcase></testsuite></testsuite>`, "0/0/1/0"},
		"passed twice, then failed":       {`<testcase name="a"/><testcase name="a"/><testcase name="a"><failure/></testcase>`, "0/0/1/0"},
		"CTest: its program is not there": {`<testcase name="a" status="notrun"><skipped message="Unable to find executable"/></testcase>`, "0/1/0/0"},
		"CTest: its fixture failed":       {`<testcase name="a" status="notrun"><skipped message="Fixture dependency failed"/></testcase>`, "0/1/0/0"},
		"CTest: skipped by its exit code": {`<testcase name="a" status="notrun"><skipped message="SKIP_RETURN_CODE=77"/></testcase>`, "0/0/0/1"},
		"Catch2: may fail":                {`<testcase name="a" status="run"><skipped message="TEST_CASE tagged with !mayfail"/><failure/></testcase>`, "0/0/0/1"},
		"nose2: unexpected success":       {`<testcase name="a"><skipped message="test passes unexpectedly"/></testcase>`, "0/1/0/0"},
		"PHPUnit: a warning of a test":    {`<testcase name="a" class="A" classname="A"><warning>old</warning></testcase>`, "1/0/0/0"},
		"PHPUnit: a warning of no test":   {`<testcase name="Warning"><warning type="PHPUnit\Framework\Warning">No tests found</warning></testcase>`, "0/1/0/0"},
		"Node.js: to do":                  {`<testcase name="a"><skipped type="todo"/><failure/></testcase>`, "0/0/0/1"},
		"Flank: passed after all":         {`<testcase name="a" flaky="true"><failure/><failure/></testcase>`, "0/0/1/0"},
		"a property: flaky, failed":       {`<testcase name="a"><failure/><properties><property name="flaky" value="true"/></properties></testcase>`, "0/1/0/0"},
		"tst: errored by status":          {`<testcase name="a" status="errored"/>`, "0/1/0/0"},
		"output that is not escaped":      {`<testcase name="a"><system-out>a <b>bold<br> &nbsp; </i></system-out></testcase><testcase name="b"/>`, "2/0/0/0"},
		"elements in elements":            {`<testcase name="a"><x>` + strings.Repeat("<x>", 10_000) + strings.Repeat("</x>", 10_001) + `</testcase>`, "1/0/0/0"},
		"names that begin alike": {`<testcase name="` + strings.Repeat("n", 9999) + `a"/><testcase name="` + strings.Repeat("n", 9999) +
			`b"><failure/></testcase>`, "1/1/0/0"},
		"a tag in CDATA": {`<testcase name="a"><system-out><![CDATA[<testcase name="no"/>]]]]><![CDATA[>]]></system-out></testcase>`, "1/0/0/0"},
	} {
		t.Run(name, func(t *testing.T) {
			c, report, err := read(strings.NewReader(`<testsuites><testsuite name="s">` + test.cases + `</testsuite></testsuites>`))
			if got := summary(c.Counts()); err != nil || got != test.want || report.Problems != nil {
				t.Errorf("got %s, %v, %v, want %s", got, report.Problems, err, test.want)
			}
		})
	}
}

// TestRoots reads the roots that a report may have.
func TestRoots(t *testing.T) {
	const test = `<testcase name="a"/>`
	for name, in := range map[string]string{
		"testsuites":         `<testsuites><testsuite>` + test + `</testsuite></testsuites>`,
		"testsuite":          `<?xml version="1.0"?>` + "\n<testsuite>" + test + `</testsuite>`,
		"no suite":           `<testsuites>` + test + `</testsuites>`,
		"a case":             test,
		"a doctype":          `<!DOCTYPE testsuites [<!ENTITY a "b>c"> <!ENTITY d '&a;&a;'>]><testsuites>` + test + `</testsuites>`,
		"two reports in one": `<?xml version="1.0"?><testsuite/><?xml version="1.0"?><testsuite>` + test + `</testsuite>`,
	} {
		if c, _, err := read(strings.NewReader(in)); err != nil || c.Counts() != (testresult.Counts{Passed: 1}) {
			t.Errorf("%s: got %+v, %v", name, c.Counts(), err)
		}
	}
}

// TestFactsOfACase reads everything that a case may say.
func TestFactsOfACase(t *testing.T) {
	const in = `<testsuites>
	<testsuite name="Root Suite" file="cypress/call.cy.js" tests="0"/>
	<testsuite name="bookings">
	<testcase classname="calls.Booking" name="books &lt;a table&gt;" time="1,234.5">
	<properties><property name="test_id" value="T-7"/><property name="voice.turn" value="3"/>
	<property name="attachment" value="a.wav"/><property name="notes">two
lines</property></properties>
	<failure type="Timeout" message="no &quot;answer&quot;&#10;for 5 s &unknown; &#x1F44D;"><![CDATA[at <call>]]> &amp; more</failure>
	<system-out>before
[[ATTACHMENT|out/b.wav]]
[[PROPERTY|voice.locale=de-DE]] in a line
 [[PROPERTY|voice.persona=angry &amp; loud]]
after</system-out>
	</testcase></testsuite></testsuites>`
	c, report, err := read(strings.NewReader(in))
	if err != nil || len(c.Failing()) != 1 || report.Suites != 2 {
		t.Fatalf("%+v, %v", report, err)
	}
	got := c.Failing()[0]
	want := &testresult.Case{
		Suite: "bookings", File: "cypress/call.cy.js", Class: "calls.Booking", Name: "books <a table>", ID: "T-7", Line: 4,
		Outcome: testresult.Failed, Duration: 1234500 * time.Millisecond,
		Failures: []testresult.Failure{{Type: "Timeout", Message: "no \"answer\"\nfor 5 s &unknown; 👍", Text: "at <call> & more"}},
		Properties: []testresult.Property{
			{Name: "voice.turn", Value: "3"}, {Name: "notes", Value: "two\nlines"}, {Name: "voice.persona", Value: "angry & loud"},
		},
		Attachments: []string{"a.wav", "out/b.wav"},
	}
	if fmt.Sprintf("%+v", got) != fmt.Sprintf("%+v", want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
}

func TestSeconds(t *testing.T) {
	for in, want := range map[string]time.Duration{
		"": 0, "0": 0, "1.5": 1500 * time.Millisecond, "1,234.5": 1234500 * time.Millisecond, "0,5": time.Second / 2,
		"0,123": 123 * time.Millisecond, "1.234,5": 1234500 * time.Millisecond, "1,234,567": 1234567 * time.Second,
		"1.5s": 1500 * time.Millisecond, "200 ms": 200 * time.Millisecond, " 2 ": 2 * time.Second, "1e-3": time.Millisecond,
		"00:01:02.5": 62500 * time.Millisecond, "1m3s": 63 * time.Second, "PT1.5S": 1500 * time.Millisecond, "0.1 sec": time.Second / 10,
		"1\u202f234,5": 1234500 * time.Millisecond, "9999999h": -1, "NaN": -1, "Inf": -1, "-1": -1, "soon": -1, "1e300": -1, "1:2:x": -1,
	} {
		got, ok := seconds(in)
		if ok != (want >= 0) || ok && got.Round(time.Microsecond) != want {
			t.Errorf("%q: got %s, %v, want %s", in, got, ok, want)
		}
	}
}

// TestEncodings reads the same case in several encodings, declared rightly, wrongly and not at all.
func TestEncodings(t *testing.T) {
	body := func(declared string) string {
		return `<?xml version="1.0"` + declared + `?><testsuite><testcase name="Größe"><failure/></testcase></testsuite>`
	}
	encode := func(s string, err error) string {
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	for name, test := range map[string]struct {
		in       string
		want     string
		problems int
	}{
		"UTF-8":                   {body(` encoding="UTF-8"`), "Größe", 0},
		"none":                    {body(""), "Größe", 0},
		"a byte order mark":       {"\ufeff" + body(""), "Größe", 0},
		"ISO-8859-1":              {encode(charmap.ISO8859_1.NewEncoder().String(body(` encoding='iso-8859-1'`))), "Größe", 0},
		"UTF-16":                  {encode(unicode.UTF16(unicode.BigEndian, unicode.UseBOM).NewEncoder().String(body(` encoding="utf-16"`))), "Größe", 0},
		"UTF-16 without a mark":   {encode(unicode.UTF16(unicode.LittleEndian, unicode.IgnoreBOM).NewEncoder().String(body(""))), "Größe", 0},
		"declared UTF-16, is not": {body(` encoding="utf-16"`), "Größe", 1},
		"not known":               {body(` encoding="x-klingon"`), "Größe", 1},
		"UTF-32":                  {encode(utf32.UTF32(utf32.LittleEndian, utf32.UseBOM).NewEncoder().String(body(` encoding="utf-32"`))), "Größe", 0},
		"broken":                  {strings.Replace(body(""), "ö", "\xf6", 1), "Gr\ufffdße", 1},
	} {
		c, report, err := read(strings.NewReader(test.in))
		if failing := c.Failing(); err != nil || len(failing) != 1 || failing[0].Name != test.want || len(report.Problems) != test.problems {
			t.Errorf("%s: got %+v, %v, %v", name, failing, report.Problems, err)
		}
	}
}

// TestBadReports reads what is wrong with a report, and what comes before it.
func TestBadReports(t *testing.T) {
	const good = "<testsuite>\n<testcase name=\"a\"/>\n"
	for name, test := range map[string]struct {
		in, want string
		cases    int
	}{
		"empty":                  {"", "line 1: the report is empty", 0},
		"blank":                  {" \n\n", "line 3: the report is empty", 0},
		"a page":                 {"<html><body/></html>", "line 1: the report begins with <html>", 0},
		"JSON":                   {`{"tests": []}`, "line 1: the report is empty", 0},
		"cut off in a suite":     {good, `line 3: the report ends within the suite "" of line 1: it was cut off`, 1},
		"cut off in a case":      {good + "<testcase name='b'>\n<properties>", "line 4: the report ends within <properties> of line 4", 1},
		"cut off in a failure":   {good + "<testcase name='b'>\n<failure>", "line 4: the report ends within <failure> of line 4", 2},
		"cut off after one":      {good + "<testcase name='b'><failure/><system-out>", "line 3: the report ends within <system-out> of line 3", 2},
		"cut off in a tag":       {good + "<testcase name='b", "line 3: the report ends within a tag", 1},
		"cut off after <":        {good + "<", "line 3: the report ends after <", 1},
		"cut off in CDATA":       {good + "<testcase><failure><![CDATA[abc", "line 3: the report ends within a CDATA section", 2},
		"cut off in a comment":   {good + "<!-- abc\n", "line 4: the report ends before -->", 1},
		"cut off in a doctype":   {"<!DOCTYPE x [<!ENTITY", "line 1: the report ends within a declaration", 0},
		"crossed elements":       {good + "<testcase><failure></testcase></failure>", "line 3: </testcase> ends <failure> of line 3", 2},
		"a suite within a case":  {good + "<testcase name='b'><testsuite/></testcase>", `line 3: <testsuite> stands within the test "b"`, 1},
		"cases in cases":         {good + strings.Repeat("<testcase>", 1000), "line 3: tests are nested more than 64 deep", 1},
		"a tag without an end":   {good + "<testcase name='" + strings.Repeat("x", maxTag) + "'/>", "line 3: a tag has more than 1048576 bytes", 1},
		"elements in elements":   {good + "<testcase><failure>" + strings.Repeat("<b>", 1000), "line 3: the report ends within <failure> of line 3", 2},
		"an entity that expands": {`<!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]>` + good + `<testcase name="&b;"/></testsuite>`, "", 2},
	} {
		c, report, err := read(strings.NewReader(test.in))
		got := ""
		var syntax *SyntaxError
		if errors.As(err, &syntax) {
			got = err.Error()
		}
		if !strings.HasPrefix(got, test.want) || (got == "") != (test.want == "") ||
			report.Cases != test.cases || c.Counts().Total() != test.cases {
			t.Errorf("%s: got %q, %v, and %d cases, want %q and %d", name, got, err, report.Cases, test.want, test.cases)
		}
	}
}

// TestProjectsOfPlaywright reads suites of the same name, which Playwright writes for each project, and other suites of two hosts.
func TestProjectsOfPlaywright(t *testing.T) {
	const suites = `<testsuite name="a.spec.ts" hostname="chromium"><testcase name="a" classname="a.spec.ts"/></testsuite>` +
		`<testsuite name="a.spec.ts" hostname="webkit"><testcase name="a" classname="a.spec.ts"><failure/></testcase></testsuite></testsuites>`
	for in, want := range map[string]string{`<testsuites id="" name="">`: "1/1/0/0", `<testsuites name="pytest">`: "0/0/1/0"} {
		c, _, err := read(strings.NewReader(in + suites))
		if got := summary(c.Counts()); err != nil || got != want {
			t.Errorf("%s: got %s, %v, want %s", in, got, err, want)
		}
	}
}

// TestToolsWithoutAttempts counts tests of one name: attempts, unless their tool writes none.
func TestToolsWithoutAttempts(t *testing.T) {
	const suite = `<testsuite name="s"><testcase name="a"/><testcase name="a"><failure/></testcase></testsuite>`
	for in, want := range map[string]string{
		`<testsuites name="jest tests">` + suite + `</testsuites>`:                                               "1/1/0/0",
		`<testsuites name="Mocha Tests">` + suite + `</testsuites>`:                                              "1/1/0/0",
		`<testsuites tests="2" name="Tap-Junit">` + suite + `</testsuites>`:                                      "1/1/0/0",
		`<testsuites name="vitest tests">` + suite + `</testsuites>`:                                             "1/1/0/0",
		`<testsuite name="Mocha Tests"><testcase name="a"/><testcase name="a"><failure/></testcase></testsuite>`: "1/1/0/0",
		`<testsuites name="pytest tests">` + suite + `</testsuites>`:                                             "0/0/1/0",
		// A file that does not load, twice as jest-junit writes it, and a hook that fails after the tests.
		`<testsuites name="jest tests"><testsuite tests="0"><testcase classname="Test suite failed to run" name="b"><error/></testcase>` +
			`<testcase classname="Test suite failed to run" name="b"><failure/></testcase></testsuite></testsuites>`: "0/1/0/0",
		`<testsuites name="jest tests"><testsuite tests="0"><testcase classname="b" name="undefined"><error/></testcase>` +
			`<testcase classname="b" name="Test execution failure: could be"><failure/></testcase></testsuite></testsuites>`: "0/1/0/0",
		`<testsuites name="jest tests"><testsuite tests="1"><testcase classname="b" name="c"/>` +
			`<testcase classname="b" name="Test execution failure: could be"><failure/></testcase></testsuite></testsuites>`: "1/1/0/0",
		// The whole suite once more, as when a job repeats what failed.
		`<testsuites name="jest tests">` + suite + strings.Replace(suite, "<failure/>", "", 1) + `</testsuites>`: "2/0/1/0",
	} {
		c, _, err := read(strings.NewReader(in))
		if got := summary(c.Counts()); err != nil || got != want {
			t.Errorf("%s: got %s, %v, want %s", in, got, err, want)
		}
	}
}

// TestDataProvidersOfTestNG counts tests of one name: with data, unless one is an error, which TestNG writes before it repeats a test.
func TestDataProvidersOfTestNG(t *testing.T) {
	const retried = `<testcase name="a"><error type="java.lang.RuntimeException"/></testcase><testcase name="a"/>`
	for in, want := range map[string]string{
		`<testcase name="a"><failure/></testcase><testcase name="a"/>`: "1/1/0/0",
		retried: "0/0/1/0",
		`<testcase name="a"><error type="org.testng.SkipException">no</error></testcase>`: "0/0/0/1",
	} {
		c, _, err := read(strings.NewReader(`<testsuite name="T" timestamp="28 Nov 2026 23:23:15 GMT">` + in + `</testsuite>`))
		if got := summary(c.Counts()); err != nil || got != want {
			t.Errorf("%s: got %s, %v, want %s", in, got, err, want)
		}
	}
}

// TestProblems reads reports that are wrong about something that does not matter.
func TestProblems(t *testing.T) {
	_, report, err := read(strings.NewReader("<testsuites>\n<testsuite name='s' tests='3'><testcase name='a' time='soon'/>\n" +
		"<testcase class='c'/><testcase time='0.0'/></testsuite>\n" +
		"<testcase name='a\xf6\x1b'><testcase name='b'><failure message='\x00'>\xf6</failure></testcase>" +
		"</testcase></testsuites>"))
	want := `[{2 the time "soon" is not a number of seconds} ` +
		`{3 a test has no name} ` +
		`{3 a test has neither a name nor a result. It is left out.} {2 the suite "s" declares 3 tests and has 2. The cases are counted.} ` +
		`{4 the report is not in the encoding that it declares, or not in UTF-8 without one. Some characters are lost.} ` +
		`{4 the report has control characters, which XML does not allow. They are left out.} ` +
		"{4 a test stands within the test \"a\ufffd\" of line 4. Both are counted.}]"
	if got := fmt.Sprint(report.Problems); err != nil || got != want {
		t.Errorf("got %s, %v, want %s", got, err, want)
	}
}

// TestReaderThatFails checks that a failure to read is no syntax error.
func TestReaderThatFails(t *testing.T) {
	failed := errors.New("the disk is gone")
	_, _, err := read(io.MultiReader(strings.NewReader("<testsuite><testcase>"), errorReader{failed}))
	if !errors.Is(err, failed) {
		t.Errorf("got %v", err)
	}
	_, err = Read(strings.NewReader("<testsuite><testcase name='a'/>"), func(*testresult.Case) error { return failed })
	if !errors.Is(err, failed) {
		t.Errorf("got %v", err)
	}
}

type errorReader struct{ err error }

func (r errorReader) Read([]byte) (int, error) { return 0, r.err }

// repeated is a report that repeats a part.
func repeated(begin, part string, times int, end string) io.Reader {
	return io.MultiReader(strings.NewReader(begin), &repeater{part: []byte(part), left: times}, strings.NewReader(end))
}

type repeater struct {
	part []byte
	at   int
	left int
}

func (r *repeater) Read(p []byte) (n int, err error) {
	for n < len(p) && r.left > 0 {
		copied := copy(p[n:], r.part[r.at:])
		n += copied
		if r.at += copied; r.at == len(r.part) {
			r.at = 0
			r.left--
		}
	}
	if n == 0 {
		return 0, io.EOF
	}
	return n, nil
}

// TestMemory reads huge reports in little memory.
func TestMemory(t *testing.T) {
	long := strings.Repeat("x", 1<<20)
	for name, in := range map[string]io.Reader{
		"output": repeated(`<testsuite><testcase name="a"><system-out>`, long, 256, `</system-out></testcase></testsuite>`),
		"CDATA":  repeated(`<testsuite><testcase name="a"><failure><![CDATA[`, long, 256, `]]></failure></testcase></testsuite>`),
		"suites": repeated(``, `<testsuite name="`+long[:10_000]+`">`, 10_000, ``),
		"cases":  repeated(`<testsuite>`, `<testcase name="`+long[:10_000]+`"><failure>`+long[:10_000]+`</failure></testcase>`, 10_000, `</testsuite>`),
	} {
		runtime.GC()
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		most := uint64(0)
		cases := 0
		_, err := Read(in, func(*testresult.Case) error {
			if cases++; cases%1000 == 0 {
				runtime.ReadMemStats(&after)
				most = max(most, after.HeapAlloc-min(after.HeapAlloc, before.HeapAlloc))
			}
			return nil
		})
		var syntax *SyntaxError
		if err != nil && !errors.As(err, &syntax) {
			t.Fatal(err)
		}
		runtime.ReadMemStats(&after)
		most = max(most, after.HeapAlloc-min(after.HeapAlloc, before.HeapAlloc))
		if most > 32<<20 {
			t.Errorf("%s: %d MiB are in use", name, most>>20)
		}
	}
}

// FuzzRead checks that no report makes the parser fail in another way than with a syntax error.
func FuzzRead(f *testing.F) {
	for _, seed := range []string{
		`<testsuites><testsuite name="s" tests="1"><testcase name="a" time="1,0">` +
			`<failure message="&lt;">x</failure></testcase></testsuite></testsuites>`,
		`<!DOCTYPE x [<!ENTITY a "b">]><testsuite><![CDATA[]]]]><testcase/>`, "\xff\xfe<\x00", `<testsuite><testcase a=b c="d`, "<a:b/>",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		_, report, err := read(bytes.NewReader(data))
		var syntax *SyntaxError
		if err != nil && !errors.As(err, &syntax) {
			t.Errorf("got %v", err)
		}
		if report == nil {
			t.Error("there is no report")
		}
	})
}

// BenchmarkRead reads a report of 20 MB with 10,000 cases, 200 of which failed.
func BenchmarkRead(b *testing.B) {
	var in bytes.Buffer
	in.WriteString(`<testsuites><testsuite name="s">`)
	for i := range 10_000 {
		fmt.Fprintf(&in, `<testcase classname="calls.Booking" name="test %d" time="0.5"><system-out>%s</system-out>`,
			i, strings.Repeat("some output &amp; more\n", 85))
		if i%50 == 0 {
			in.WriteString(`<failure message="no answer">` + strings.Repeat("at line 5\n", 40) + `</failure>`)
		}
		in.WriteString("</testcase>\n")
	}
	in.WriteString(`</testsuite></testsuites>`)
	b.SetBytes(int64(in.Len()))
	b.ReportAllocs()
	for b.Loop() {
		if _, _, err := read(bytes.NewReader(in.Bytes())); err != nil {
			b.Fatal(err)
		}
	}
}
