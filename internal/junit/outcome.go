// SPDX-License-Identifier: Apache-2.0

package junit

import (
	"slices"
	"strconv"
	"strings"

	"github.com/voiceai-dev/integrations-operator/internal/testresult"
)

// attempts is what a case says about its attempts.
type attempts struct {
	// failed are failures of the last attempt or of earlier ones of a test that failed in the end, passed those of a test
	// that passed in the end.
	failed, passed bool
	// errored is set for a failure that is an error.
	errored         bool
	skipped, repeat bool
	// flaky is set for a test that passed in the end by an attribute of its own, whatever failures it has: as Flank writes it.
	flaky bool
	// todo is set for a test that its tool does not expect to pass, whatever failures it has: as Node.js and Catch2 write it.
	todo bool
}

// addStatus adds what the attributes of a case say about its outcome, where its elements do not.
func (h *attempts) addStatus(a map[string]string) {
	for _, name := range []string{"status", "result"} {
		switch strings.ToLower(a[name]) {
		case "fail", "failed", "failure", "error", "errored", "broken", "crashed", "aborted", "timeout", "timedout", "timed_out":
			h.failed = h.failed || !h.passed && !h.skipped
		case "skip", "skipped", "disabled", "notrun", "not_run", "notexecuted", "pending", "ignored", "suppressed", "inconclusive",
			"incomplete", "todo", "untested":
			h.skipped = true
		case "flaky":
			h.flaky = true
		}
	}
	h.flaky = h.flaky || strings.EqualFold(a["flaky"], "true")
	h.addRepeats(a["flaky"], a["retries"], a["retry"], a["reruns"], a["retryCount"])
	if n, err := strconv.Atoi(a["attempts"]); err == nil && n > 1 {
		h.repeat = true
	}
}

// brokenSkips are what skipped elements say of tests that did not run or passed against what their tool expects, so that it fails:
// CTest's and nose2's.
var brokenSkips = []string{
	"Unable to find executable", "Required Files Missing", "Fixture dependency failed", "Missing Configuration",
	"Insufficient resources", "test passes unexpectedly",
}

// addSkip adds what an element says about a test that did not run.
func (h *attempts) addSkip(c *testresult.Case, a map[string]string) {
	message := a["message"]
	if slices.Contains(brokenSkips, message) {
		h.failed = true
		c.Failures = append(c.Failures, testresult.Failure{Message: message})
		return
	}
	h.skipped = true
	h.todo = h.todo || a["type"] == "todo" || strings.HasPrefix(message, "TEST_CASE tagged with !")
}

// addProperties adds what the properties of a case say about its attempts.
func (h *attempts) addProperties(c *testresult.Case) {
	for _, p := range c.Properties {
		switch strings.ToLower(p.Name) {
		case "flaky", "retries", "retry", "reruns", "retrycount", "retry_count":
			h.addRepeats(p.Value)
		case "attempts":
			if n, err := strconv.Atoi(p.Value); err == nil && n > 1 {
				h.repeat = true
			}
		}
	}
}

// addRepeats adds values that say that a test was repeated: true, or how often.
func (h *attempts) addRepeats(values ...string) {
	for _, v := range values {
		n, err := strconv.Atoi(v)
		if strings.EqualFold(v, "true") || err == nil && n > 0 {
			h.repeat = true
		}
	}
}

// outcome returns the outcome of a test. A failure is not hidden by a mark that it was skipped.
func (h *attempts) outcome() testresult.Outcome {
	switch {
	case h.todo:
		return testresult.NotRun
	case h.flaky:
		return testresult.Flaky
	case h.failed:
		return testresult.Failed
	case h.passed:
		return testresult.Flaky
	case h.skipped:
		return testresult.NotRun
	case h.repeat:
		return testresult.Flaky
	}
	return testresult.Passed
}
