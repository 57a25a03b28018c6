// SPDX-License-Identifier: Apache-2.0

package findings

import (
	"slices"
	"strings"

	"github.com/voiceai-dev/integrations-operator/internal/testresult"
)

// empty are messages that say no more than that a test failed. Their cause is in the text of the failure.
var empty = []string{"", "failed", "failure", "test failure", "test failed", "error", "assertion failed", "assertionerror", "exception"}

// Message returns what a failed test says about the cause: the message of its last failed attempt or, when that says
// nothing, the line of its text that does.
func Message(c *testresult.Case) string {
	if len(c.Failures) == 0 {
		return ""
	}
	f := c.Failures[len(c.Failures)-1]
	if isInformative(f.Message, f) {
		return f.Message
	}
	if line := causeLine(f.Text); isInformative(line, f) {
		return line
	}
	if f.Message != "" {
		return f.Message
	}
	return f.Type
}

// causeOf returns the normalised message of a failed test; empty when it names no cause.
func causeOf(c *testresult.Case) string {
	message := Message(c)
	if len(c.Failures) == 0 || !isInformative(message, c.Failures[len(c.Failures)-1]) {
		return ""
	}
	return Normalize(message)
}

func isInformative(message string, f testresult.Failure) bool {
	message = strings.ToLower(strings.Trim(message, " .:!\n"))
	return !slices.Contains(empty, message) && message != strings.ToLower(f.Type)
}

// causeLine returns the line of a stack trace that names the cause: the last one in Python, the first one elsewhere.
func causeLine(text string) string {
	lines := strings.Split(text, "\n")
	if strings.Contains(text, "Traceback (most recent call last)") {
		for _, l := range slices.Backward(lines) {
			if l != "" && l[0] != ' ' && l[0] != '\t' {
				return strings.TrimSpace(l)
			}
		}
	}
	for _, l := range lines {
		if e, ok := strings.CutPrefix(l, "E   "); ok { // pytest marks it
			return strings.TrimSpace(e)
		}
	}
	for _, l := range lines {
		if l = strings.TrimSpace(l); l != "" && !isFrame(l) {
			return l
		}
	}
	return ""
}

// isFrame reports whether go test prints a line around the output of each test, or before that of each package that does not
// compile.
func isFrame(line string) bool {
	for _, prefix := range []string{"=== ", "--- FAIL: ", "--- SKIP: ", "--- PASS: ", "# "} {
		if strings.HasPrefix(line, prefix) {
			return true
		}
	}
	return line == "FAIL"
}
