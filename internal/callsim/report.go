// SPDX-License-Identifier: Apache-2.0

package callsim

import (
	"encoding/xml"
	"fmt"
	"io"
	"os"
	"path/filepath"
)

type suites struct {
	XMLName xml.Name `xml:"testsuites"`
	Suite   suite    `xml:"testsuite"`
}

type suite struct {
	Name     string     `xml:"name,attr"`
	Tests    int        `xml:"tests,attr"`
	Failures int        `xml:"failures,attr"`
	Cases    []testCase `xml:"testcase"`
}

type testCase struct {
	Class      string     `xml:"classname,attr"`
	Name       string     `xml:"name,attr"`
	Time       string     `xml:"time,attr"`
	Properties []property `xml:"properties>property,omitempty"`
	Failure    *failure   `xml:"failure"`
}

type property struct {
	Name  string `xml:"name,attr"`
	Value string `xml:"value,attr"`
}

type failure struct {
	Type    string `xml:"type,attr"`
	Message string `xml:"message,attr"`
}

// Run makes all calls of the suite, prints them, and writes JUnit's XML to a file in a directory. It reports whether all calls
// passed in the end. The same seed has the same result. With an outage all calls fail for one cause.
func Run(out io.Writer, directory string, seed uint64, outage bool) (passed bool, err error) {
	calls := run(seed, outage)
	last := map[string]bool{}
	for _, c := range calls {
		last[c.scenario.name] = !c.hasFailed()
		if _, err := fmt.Fprintln(out, c); err != nil {
			return false, err
		}
	}
	passed = true
	for _, ok := range last {
		passed = passed && ok
	}
	raw, err := xml.MarshalIndent(suites{Suite: suiteOf(calls)}, "", "  ")
	if err != nil {
		return false, err
	}
	if err := os.MkdirAll(directory, 0o750); err != nil {
		return false, err
	}
	raw = append([]byte(xml.Header), append(raw, '\n')...)
	return passed, os.WriteFile(filepath.Join(directory, "calls.xml"), raw, 0o644) //nolint:gosec // others read the report
}

func suiteOf(calls []*call) suite {
	s := suite{Name: "simulated calls", Tests: len(calls)}
	for _, c := range calls {
		if c.hasFailed() {
			s.Failures++
		}
		s.Cases = append(s.Cases, c.testCase())
	}
	return s
}

// testCase returns an attempt as a case: a call that is made again is a case again.
func (c *call) testCase() testCase {
	out := testCase{
		Class: "calls", Name: c.scenario.name, Time: fmt.Sprintf("%d.%03d", c.length/1000, c.length%1000), Properties: c.facts(),
	}
	switch {
	case c.outage != "":
		out.Failure = &failure{Type: "ConnectionError", Message: c.outage}
	case c.failed > 0:
		out.Failure = &failure{Type: "WrongAnswer", Message: fmt.Sprintf("turn %d: the agent answered %q", c.failed, c.answer)}
	}
	return out
}

// facts returns the properties that become spec.voice of a Defect.
func (c *call) facts() []property {
	out := []property{
		{"voice.call_id", c.id}, {"voice.agent_version", Version}, {"voice.locale", c.scenario.locale}, {"voice.persona", c.scenario.persona},
	}
	if c.outage != "" {
		return out
	}
	out = append(
		out,
		property{"voice.wer", fmt.Sprintf("%.3f", float64(c.wrong)/float64(c.words))},
		property{"voice.latency.model.p50", fmt.Sprint(quantile(c.model, 50))},
		property{"voice.latency.model.p95", fmt.Sprint(quantile(c.model, 95))},
		property{"voice.latency.speech.p50", fmt.Sprint(quantile(c.speech, 50))},
		property{"voice.latency.speech.p95", fmt.Sprint(quantile(c.speech, 95))},
	)
	if c.failed == 0 {
		return append(out, property{"voice.verdict", "pass"})
	}
	t := c.scenario.turns[c.failed-1]
	return append(
		out,
		property{"voice.verdict", "fail"},
		property{"voice.explanation", fmt.Sprintf("The agent understood %q.", c.heard)},
		property{"voice.turn", fmt.Sprint(c.failed)},
		property{"voice.offset_ms", fmt.Sprint(c.offset)},
		property{"voice.utterance", t.says},
		property{"voice.expected", t.expects},
		property{"voice.heard", c.answer},
	)
}

// String describes an attempt in a line.
func (c *call) String() string {
	switch {
	case c.outage != "":
		return fmt.Sprintf("FAIL %s: %s", c.scenario.name, c.outage)
	case c.failed > 0:
		return fmt.Sprintf("FAIL %s: turn %d: %q, expected %q", c.scenario.name, c.failed, c.answer, c.scenario.turns[c.failed-1].expects)
	}
	return "ok   " + c.scenario.name
}
