// SPDX-License-Identifier: Apache-2.0

// Package junit reads test reports in JUnit's XML, which has no schema, in the dialects of many tools. It reads a report as
// a stream: memory does not grow with its length, the output of its tests or the depth of its suites.
//
// The dialects are those of Surefire, Gradle, pytest, Jest, Vitest, Playwright, Cypress, Mocha, PHPUnit, nose2, NUnit and
// MSTest as they are converted, Robot Framework, go-junit-report, gotestsum, GoogleTest, CTest and k6.
package junit

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"hash/maphash"
	"io"
	"slices"
	"strconv"
	"strings"

	"github.com/voiceai-dev/integrations-operator/internal/testresult"
)

// maxNesting bounds how many cases may enclose another.
const maxNesting = 64

// Report is what a report says beside its cases.
type Report struct {
	// Suites counts the elements of suites, Cases those of cases.
	Suites, Cases int
	Problems      []testresult.Problem
}

// Read reads a report and calls each with its cases in turn. Its error is a *SyntaxError when the report is not JUnit's XML
// from a line on; the cases before that were read. It returns the error of each as it is.
func Read(r io.Reader, each func(*testresult.Case) error) (*Report, error) {
	in, problem := decoded(r)
	p := &parser{scanner: newScanner(in), each: each, report: &Report{}}
	if problem != "" {
		p.problem(1, problem)
	}
	err := p.run()
	return p.report, err
}

// parser reads the elements of one report.
type parser struct {
	*scanner
	each   func(*testresult.Case) error
	report *Report

	// suites are the open elements of suites, the innermost one last. depth counts those that are left out beyond maxSuites.
	suites []suite
	beyond int
	// depth counts the cases around the current one, and begins at 0.
	depth int
	// isPlaywright is set within a report of Playwright, where hostname of a suite is its project.
	isPlaywright bool
	// found is what was found to be wrong with characters.
	found characters
	// repeatsNothing is set within a report of a tool that writes no attempts: tests of one name are different ones.
	repeatsNothing bool
	// isTestNG is set within a report of TestNG, where an attempt that is repeated is an error, and one that is not a failure.
	isTestNG bool
	// rootFile is the file that Cypress names at a suite of its own, for the suites that follow.
	rootFile string
	// begun is set once the root was read.
	begun bool
}

// withoutAttempts are the names of the root in reports of Jest, Mocha, Vitest and TAP. The first three repeat tests too, and write the
// last attempt. Of TAP, each assertion is a test.
var withoutAttempts = []string{"jest tests", "Mocha Tests", "vitest tests", "Tap-Junit"}

// maxSuites bounds how many of the open suites are known.
const maxSuites = 256

// suite is an open element of a suite.
type suite struct {
	name, file, host string
	// within is a hash of the names of the suites around it.
	within string
	// names counts its cases by a hash of class and name, where that matters.
	names map[uint64]int
	line  int
	// declared is how many tests its attribute declares, -1 without one; cases is how many there are, in it and within.
	declared, cases int
}

func (p *parser) run() error {
	for {
		t, err := p.next()
		switch {
		case errors.Is(err, io.EOF):
			return p.end()
		case err != nil:
			return err
		}
		switch t.kind {
		case startTag:
			err = p.start(t)
		case endTag:
			p.closeSuite(t)
		default:
		}
		if err != nil {
			return err
		}
	}
}

// end returns what is wrong with a report that has ended.
func (p *parser) end() error {
	switch {
	case !p.begun:
		return &SyntaxError{p.line, "the report is empty: it has no <testsuites> or <testsuite>"}
	case len(p.suites) > 0:
		open := p.suites[len(p.suites)-1]
		return &SyntaxError{p.line, fmt.Sprintf("the report ends within the suite %q of line %d: it was cut off", open.name, open.line)}
	}
	return nil
}

// start reads the element of a start tag outside of cases.
func (p *parser) start(t token) error {
	if !p.begun {
		if t.name != "testsuites" && t.name != "testsuite" && t.name != "testcase" {
			return &SyntaxError{t.line, fmt.Sprintf("the report begins with <%s>, so it is not JUnit's XML, which begins with <testsuites> "+
				"or <testsuite>", t.name)}
		}
		p.begun = true
	}
	switch t.name {
	case "testsuites":
		a := p.attributes(t)
		_, hasID := a["id"]
		_, hasName := a["name"]
		p.isPlaywright = hasID && hasName
		p.repeatsNothing = slices.Contains(withoutAttempts, a["name"])
		if !t.closed {
			p.openSuite(suite{line: t.line, declared: -1})
		}
		return nil
	case "testsuite":
		p.startSuite(t)
		return nil
	case "testcase":
		return p.testcase(t)
	case "failure", "error":
		return p.suiteFailure(t)
	}
	return p.skip(t)
}

func (p *parser) startSuite(t token) {
	p.report.Suites++
	a := p.attributes(t)
	s := suite{name: nameOf(a["name"]), file: nameOf(a["file"]), host: nameOf(a["hostname"]), line: t.line, declared: -1}
	if n, err := strconv.Atoi(a["tests"]); err == nil {
		s.declared = n
	}
	if len(p.suites) == 0 { // the root of Mocha's own reporter, or of TestNG's, which alone write such a time
		p.isTestNG = strings.HasSuffix(a["timestamp"], " GMT")
		p.repeatsNothing = slices.Contains(withoutAttempts, a["name"]) || p.isTestNG
	}
	if s.name == "Root Suite" && s.file != "" {
		p.rootFile = s.file
	}
	if !t.closed {
		p.openSuite(s)
	}
}

func (p *parser) openSuite(s suite) {
	if len(p.suites) >= maxSuites {
		p.beyond++
		return
	}
	if len(p.suites) > 0 {
		around := p.suites[len(p.suites)-1]
		if s.within = around.within; around.name != "" {
			sum := sha256.Sum256([]byte(around.within + "\x00" + around.name))
			s.within = string(sum[:16])
		}
	}
	p.suites = append(p.suites, s)
}

// within returns what identifies the suites around the innermost one.
func (p *parser) within() string {
	if len(p.suites) == 0 {
		return ""
	}
	return p.suites[len(p.suites)-1].within
}

var seed = maphash.MakeSeed()

// number returns what separates a case from others of its name in a suite; empty for the first one.
func (p *parser) number(class, name string) string {
	if !p.repeatsNothing || len(p.suites) == 0 {
		return ""
	}
	s := &p.suites[len(p.suites)-1]
	if s.names == nil {
		s.names = map[uint64]int{}
	}
	key := maphash.String(seed, class+"\x00"+name)
	s.names[key]++
	if n := s.names[key]; n > 1 {
		return fmt.Sprint("#", n)
	}
	return ""
}

// variant returns the project of a suite of Playwright, whose suites have the same name in each project.
func (p *parser) variant() string {
	if !p.isPlaywright || len(p.suites) == 0 {
		return ""
	}
	return p.suites[len(p.suites)-1].host
}

// closeSuite closes the innermost suite, and compares the number that it declares with its cases.
func (p *parser) closeSuite(t token) {
	if t.name != "testsuite" && t.name != "testsuites" || len(p.suites) == 0 {
		return
	}
	if p.beyond > 0 {
		p.beyond--
		return
	}
	last := p.suites[len(p.suites)-1]
	p.suites = p.suites[:len(p.suites)-1]
	if last.declared >= 0 && last.declared != last.cases {
		p.problem(last.line, fmt.Sprintf("the suite %q declares %d tests and has %d. The cases are counted.",
			last.name, last.declared, last.cases))
	}
	if len(p.suites) > 0 {
		p.suites[len(p.suites)-1].cases += last.cases
	}
}

// skip skips an element with all that it holds.
func (p *parser) skip(t token) error {
	if t.closed {
		return nil
	}
	return p.leaf(t, ignore)
}

// leaf reads the texts of an element up to its end, those of elements within included. Whether these are closed does not matter:
// tools write output that is not escaped.
func (p *parser) leaf(of token, text func(token) error) error {
	within := 0
	for {
		t, err := p.nextWithin(of)
		switch {
		case err != nil:
			return err
		case t.kind == startTag && t.name == of.name && !t.closed:
			within++
		case t.kind == endTag && t.name == of.name && within == 0:
			return nil
		case t.kind == endTag && t.name == of.name:
			within--
		case t.kind == endTag && isStructure(t.name):
			return &SyntaxError{t.line, fmt.Sprintf("</%s> ends <%s> of line %d", t.name, of.name, of.line)}
		case t.kind == someText || t.kind == rawText:
			err = text(t)
		}
		if err != nil {
			return err
		}
	}
}

// isStructure reports whether an element is one of those that a report consists of.
func isStructure(name string) bool {
	return name == "testcase" || name == "testsuite" || name == "testsuites"
}

// nextWithin returns the next token within an element that has not ended.
func (p *parser) nextWithin(of token) (token, error) {
	t, err := p.next()
	if errors.Is(err, io.EOF) {
		err = &SyntaxError{p.line, fmt.Sprintf("the report ends within <%s> of line %d: it was cut off", of.name, of.line)}
	}
	return t, err
}

// content reads the content of an element up to its end. It calls child for each start tag, which reads that element.
func (p *parser) content(of token, child func(token) error) error {
	for {
		t, err := p.nextWithin(of)
		switch {
		case err != nil:
			return err
		case t.kind == startTag:
			if err := child(t); err != nil {
				return err
			}
		case t.kind == endTag && t.name != of.name:
			return &SyntaxError{t.line, fmt.Sprintf("</%s> ends <%s> of line %d", t.name, of.name, of.line)}
		case t.kind == endTag:
			return nil
		}
	}
}

// problem records something wrong that does not end the report.
func (p *parser) problem(line int, message string) {
	if len(p.report.Problems) < testresult.MaxProblems {
		p.report.Problems = append(p.report.Problems, testresult.Problem{Line: line, Message: message})
	}
}
