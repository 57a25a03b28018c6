// SPDX-License-Identifier: Apache-2.0

package junit

import (
	"bytes"
	"fmt"
	"slices"
	"strings"

	"github.com/voiceai-dev/integrations-operator/internal/testresult"
	"github.com/voiceai-dev/integrations-operator/internal/text"
)

// testcase reads a case.
func (p *parser) testcase(t token) error {
	a := p.attributes(t)
	if t.closed && saysNothing(a) {
		p.problem(t.line, "a test has neither a name nor a result. It is left out.")
		return nil
	}
	c := &testresult.Case{
		Suite: p.suiteName(), Class: nameOf(a["classname"]), Name: nameOf(a["name"]), File: p.file(a["file"]), Line: t.line,
	}
	if v := p.variant(); v != "" {
		c.Properties = []testresult.Property{{Name: "variant", Value: v}}
	}
	var ok bool
	if c.Duration, ok = seconds(a["time"]); !ok {
		p.problem(t.line, fmt.Sprintf("the time %q is not a number of seconds", text.Truncate(a["time"], 40)))
	}
	if c.Name == "" {
		p.problem(t.line, "a test has no name")
	}
	var how attempts
	var cutOff error
	if !t.closed {
		cutOff = p.content(t, func(t token) error { return p.part(c, &how, t) })
	}
	if cutOff != nil && !how.failed { // it is not known how the test ended
		return cutOff
	}
	c.Within = p.within()
	if !p.isTestNG || !how.errored {
		c.Within += p.number(c.Class, c.Name)
	}
	how.addStatus(a)
	how.addProperties(c)
	c.Outcome = how.outcome()
	if p.repeatsNothing && p.isRepeatedError(c) {
		return cutOff
	}
	if err := p.emit(c); err != nil {
		return err
	}
	return cutOff
}

// saysNothing reports whether a case is none: pytest writes one of the test in which it is stopped.
func saysNothing(a map[string]string) bool {
	for _, name := range []string{"name", "classname", "class", "id", "status", "result"} {
		if a[name] != "" {
			return false
		}
	}
	return true
}

// isRepeatedError reports whether a failed case is that of a file that does not load, which jest-junit may write twice.
func (p *parser) isRepeatedError(c *testresult.Case) bool {
	if len(p.suites) == 0 || c.Class != "Test suite failed to run" && !strings.HasPrefix(c.Name, "Test execution failure: ") {
		return false
	}
	s := p.suites[len(p.suites)-1]
	return s.declared == 0 && s.cases > 0 // it declares the tests that did run
}

func ignore(token) error { return nil }

// emit counts a case and passes it on.
func (p *parser) emit(c *testresult.Case) error {
	p.report.Cases++
	if len(p.suites) > 0 {
		p.suites[len(p.suites)-1].cases++
	}
	return p.each(c)
}

// suiteName returns the name of the innermost suite that has one.
func (p *parser) suiteName() string {
	for _, s := range slices.Backward(p.suites) {
		if s.name != "" {
			return s.name
		}
	}
	return ""
}

// file returns the file of a case: its own, that of the innermost suite that has one, or that of Cypress's root suite.
func (p *parser) file(own string) string {
	if own != "" {
		return nameOf(own)
	}
	for _, s := range slices.Backward(p.suites) {
		if s.file != "" {
			return s.file
		}
	}
	return p.rootFile
}

// part reads an element of a case.
func (p *parser) part(c *testresult.Case, how *attempts, t token) error {
	switch strings.ToLower(t.name) {
	case "failure", "error", "rerunfailure", "rerunerror":
		if p.attributes(t)["type"] == "org.testng.SkipException" {
			how.skipped = true
			return p.skip(t)
		}
		how.failed = true
		how.errored = how.errored || t.name == "error"
		return p.failure(c, t)
	case "flakyfailure", "flakyerror":
		how.passed = true
		return p.failure(c, t)
	case "skipped", "disabled", "ignored", "notrun", "incomplete":
		how.addSkip(c, p.attributes(t))
	case "warning": // PHPUnit
		if c.Class == "" { // of no test, as about a provider of data that is not valid: tests were left out
			how.failed = true
			return p.failure(c, t)
		}
	case "rerun": // pytest-rerunfailures: an attempt before the last one
		how.repeat = true
		return p.failure(c, t)
	case "properties":
		if t.closed {
			return nil
		}
		return p.content(t, func(t token) error { return p.property(c, t) })
	case "system-out", "system-err":
		return p.output(c, t)
	case "testcase":
		return p.nested(c, t)
	case "testsuite":
		return &SyntaxError{t.line, fmt.Sprintf("<%s> stands within the test %q of line %d", t.name, c.Name, c.Line)}
	}
	return p.skip(t)
}

// nested reads a case within another: as a test of its own.
func (p *parser) nested(around *testresult.Case, t token) error {
	if p.depth++; p.depth == maxNesting {
		return &SyntaxError{t.line, fmt.Sprintf("tests are nested more than %d deep", maxNesting)}
	}
	p.problem(t.line, fmt.Sprintf("a test stands within the test %q of line %d. Both are counted.",
		text.Truncate(around.Name, 80), around.Line))
	err := p.testcase(t)
	p.depth--
	return err
}

// failure reads a failed attempt.
func (p *parser) failure(c *testresult.Case, t token) error {
	a := p.attributes(t)
	kept := buffer{most: testresult.MaxText}
	var cutOff error
	if !t.closed {
		cutOff = p.leaf(t, func(t token) error { kept.add(t); return nil })
	}
	p.checkCharacters(t.line, kept.whole())
	f := testresult.Failure{
		Type: nameOf(a["type"]), Message: clean(a["message"], testresult.MaxMessage), Text: kept.String(),
	}
	if f.Message == "" {
		f.Message, _, _ = strings.Cut(f.Text, "\n")
		f.Message = text.Truncate(f.Message, testresult.MaxMessage)
	}
	if len(c.Failures) < testresult.MaxFailures {
		c.Failures = append(c.Failures, f)
	}
	return cutOff
}

// suiteFailure reads a failure that stands at a suite, as when its setup fails: it counts as a failed test with the suite's
// name.
func (p *parser) suiteFailure(t token) error {
	c := &testresult.Case{Suite: p.suiteName(), Name: p.suiteName(), File: p.file(""), Line: t.line, Outcome: testresult.Failed}
	if err := p.failure(c, t); err != nil {
		return err
	}
	p.report.Cases++
	return p.each(c)
}

// property reads a property of a case, which has its value as attribute or as text.
func (p *parser) property(c *testresult.Case, t token) error {
	a := p.attributes(t)
	value := buffer{most: testresult.MaxMessage}
	if !t.closed {
		add := func(t token) error { value.add(t); return nil }
		if err := p.leaf(t, add); err != nil {
			return err
		}
	}
	v := clean(a["value"], testresult.MaxMessage)
	if v == "" {
		v = value.String()
	}
	addProperty(c, a["name"], v)
	return nil
}

func addProperty(c *testresult.Case, name, value string) {
	name = nameOf(name)
	switch strings.ToLower(name) {
	case "":
	case "attachment":
		addAttachment(c, value)
	case "test_id", "testid", "test-id":
		if c.ID == "" {
			c.ID = testresult.Shorten(value)
		}
	default:
		if len(c.Properties) < testresult.MaxProperties {
			c.Properties = append(c.Properties, testresult.Property{Name: name, Value: value})
		}
	}
}

func addAttachment(c *testresult.Case, path string) {
	if path = strings.TrimSpace(path); path != "" && len(c.Attachments) < testresult.MaxAttachments {
		c.Attachments = append(c.Attachments, path)
	}
}

// maxLine bounds a line of output with a mark, in bytes.
const maxLine = 4 << 10

// output reads the output of a test for marks such as [[ATTACHMENT|path]] and [[PROPERTY|name=value]], each on a line of its
// own.
func (p *parser) output(c *testresult.Case, t token) error {
	if t.closed {
		return nil
	}
	var line []byte
	err := p.leaf(t, func(t token) error {
		rest := t.text
		for len(rest) > 0 {
			part, more, ended := bytes.Cut(rest, []byte{'\n'})
			if line = append(line, part[:min(len(part), maxLine-min(len(line), maxLine))]...); ended {
				mark(c, line, t.kind)
				line = line[:0]
			}
			rest = more
		}
		return nil
	})
	mark(c, line, someText)
	return err
}

// mark adds what a line of output says about a case.
func mark(c *testresult.Case, line []byte, k kind) {
	line = bytes.TrimSpace(line)
	if !bytes.HasPrefix(line, []byte("[[")) || !bytes.HasSuffix(line, []byte("]]")) {
		return
	}
	value := string(line)
	if k == someText {
		value = unescape(line)
	}
	value = text.OneLine(value[2 : len(value)-2])
	if path, ok := strings.CutPrefix(value, "ATTACHMENT|"); ok {
		addAttachment(c, path)
	}
	if property, ok := strings.CutPrefix(value, "PROPERTY|"); ok {
		name, value, _ := strings.Cut(property, "=")
		addProperty(c, name, value)
	}
}

// nameOf returns a name without what is invisible but has an effect, bounded.
func nameOf(s string) string { return strings.TrimSpace(text.Plain(testresult.Shorten(s))) }

// clean returns a text without what is invisible but has an effect, in at most so many bytes.
func clean(s string, most int) string {
	return strings.TrimSpace(text.Plain(truncateBytes(s, most)))
}

func truncateBytes(s string, most int) string {
	if len(s) <= most {
		return s
	}
	return strings.ToValidUTF8(s[:most], "")
}
