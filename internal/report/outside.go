// SPDX-License-Identifier: Apache-2.0

package report

import (
	"fmt"

	"github.com/voiceai-dev/integrations-operator/internal/testresult"
)

// commandTest is the name of the test that stands for the command as a whole.
const commandTest = "the test command"

// maxOwnCode is the last exit code that a command gives itself: it was killed by a signal with those above.
const maxOwnCode = 127

// noteCommand records how the test command ended. One that fails although no test in its reports does is a finding of its own:
// JUnit's XML has no place for errors outside of tests, such as a file that does not load, a hook or a threshold. It counts as no
// test.
func (r *results) noteCommand(code int, known map[string]bool) {
	c := &testresult.Case{Name: commandTest, Outcome: testresult.Passed}
	counts := r.Counts()
	switch {
	case code == 0:
		r.note(c, known)
	case code <= maxOwnCode && r.files > 0 && counts.Failed == 0 && counts.Flaky == 0:
		c.Outcome = testresult.Failed
		c.Failures = []testresult.Failure{{
			Message: fmt.Sprintf("it ended with %d, and no test in its reports failed", code),
			Text: "An error outside of the tests is the cause, such as a file that does not load, a hook or a threshold. " +
				"The log of the run shows it.",
		}}
		r.note(c, known)
		r.outside = []*testresult.Case{c}
	}
}
