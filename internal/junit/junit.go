// SPDX-License-Identifier: Apache-2.0

// Package junit reads test reports in JUnit's XML, which has no schema, in the dialects of many tools. It reads a report as
// a stream: memory does not grow with its length, the output of its tests or the depth of its suites.
//
// The dialects are those of Surefire, Gradle, pytest, Jest, Vitest, Playwright, Cypress, Mocha, PHPUnit, nose2, NUnit and
// MSTest as they are converted, Robot Framework, go-junit-report, gotestsum, GoogleTest, CTest and k6.
package junit

import (
	"errors"
	"fmt"
	"io"
	"strconv"

	"github.com/voiceai-dev/integrations-operator/internal/testresult"
)

// maxDepth bounds how many elements may enclose another. Elements of suites do not count.
const maxDepth = 64

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
	// rootFile is the file that Cypress names at a suite of its own, for the suites that follow.
	rootFile string
	// begun is set once the root was read.
	begun bool
}

// maxSuites bounds how many of the open suites are known.
const maxSuites = 256

// suite is an open element of a suite.
type suite struct {
	name, file string
	line       int
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
	a := attributesOf(t.attributes)
	s := suite{name: clean(a["name"], testresult.MaxName), file: clean(a["file"], testresult.MaxName), line: t.line, declared: -1}
	if n, err := strconv.Atoi(a["tests"]); err == nil {
		s.declared = n
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
	p.suites = append(p.suites, s)
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
	return p.content(t, maxDepth, func(token) error { return nil }, nil)
}

// content reads the content of an element up to its end. It calls child for each start tag, which reads that element, or
// skips it when it is nil; and text for each part of a text.
func (p *parser) content(of token, depth int, text func(token) error, child func(token) error) error {
	if depth == 0 {
		return &SyntaxError{of.line, fmt.Sprintf("elements are nested more than %d deep", maxDepth)}
	}
	for {
		t, err := p.next()
		switch {
		case errors.Is(err, io.EOF):
			return &SyntaxError{p.line, fmt.Sprintf("the report ends within <%s> of line %d: it was cut off", of.name, of.line)}
		case err != nil:
			return err
		}
		switch t.kind {
		case startTag:
			switch {
			case child != nil:
				err = child(t)
			case !t.closed:
				err = p.content(t, depth-1, text, nil)
			}
			if err != nil {
				return err
			}
		case endTag:
			if t.name != of.name {
				return &SyntaxError{t.line, fmt.Sprintf("</%s> ends <%s> of line %d", t.name, of.name, of.line)}
			}
			return nil
		default:
			if err := text(t); err != nil {
				return err
			}
		}
	}
}

// problem records something wrong that does not end the report.
func (p *parser) problem(line int, message string) {
	if len(p.report.Problems) < testresult.MaxProblems {
		p.report.Problems = append(p.report.Problems, testresult.Problem{Line: line, Message: message})
	}
}
