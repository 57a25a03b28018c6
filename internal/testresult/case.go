// SPDX-License-Identifier: Apache-2.0

// Package testresult is what test reports of all formats have in common: cases with an outcome, and their counts.
package testresult

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"
	"time"
)

// Outcome is how a test ended.
type Outcome string

// The outcomes of a test.
const (
	Passed Outcome = "Passed"
	Failed Outcome = "Failed"
	// Flaky is a test that failed and passed in the same run.
	Flaky Outcome = "Flaky"
	// NotRun is a test that was skipped, or is disabled.
	NotRun Outcome = "NotRun"
)

// Limits of what is kept of a case, in bytes.
const (
	MaxName    = 1 << 10
	MaxMessage = 2 << 10
	MaxText    = 4 << 10
	// MaxFailures, MaxProperties and MaxAttachments bound the lists of a case.
	MaxFailures    = 20
	MaxProperties  = 64
	MaxAttachments = 20
)

// Case is one test of a report.
type Case struct {
	// Suite, File, Class and Name identify the test, as far as the report has them. Suite is the name of the innermost
	// suite. None is longer than MaxName.
	Suite, File, Class, Name string
	// ID is an identifier that the report declares; empty when it declares none.
	ID string
	// Within is what else separates cases of one name in a report: the suites around the innermost one, or parameters.
	Within string
	// Line is the line of the report at which the case begins.
	Line     int
	Outcome  Outcome
	Duration time.Duration
	// Failures are the failed attempts, the first one first. A test that passed in the end has some when it is flaky.
	Failures    []Failure
	Properties  []Property
	Attachments []string
}

// Failure is one failed attempt of a test.
type Failure struct {
	// Type is the class of the failure, such as AssertionError.
	Type string
	// Message is what failed, in at most MaxMessage bytes.
	Message string
	// Text is the stack trace or output, in at most MaxText bytes.
	Text string
}

// Shorten returns a name in at most MaxName bytes. Names that begin alike and are too long stay different.
func Shorten(name string) string {
	if len(name) <= MaxName {
		return name
	}
	sum := sha256.Sum256([]byte(name))
	end := "…" + hex.EncodeToString(sum[:6])
	return strings.ToValidUTF8(name[:MaxName-len(end)], "") + end
}

// Property is a fact about a case.
type Property struct{ Name, Value string }

// Property returns the value of the first property with a name; empty when there is none.
func (c *Case) Property(name string) string {
	for _, p := range c.Properties {
		if p.Name == name {
			return p.Value
		}
	}
	return ""
}

// Problem is something wrong with a report that did not keep it from being read.
type Problem struct {
	Line    int
	Message string
}

// MaxProblems bounds how many problems of a report are kept.
const MaxProblems = 100
