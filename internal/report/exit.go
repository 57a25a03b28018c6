// SPDX-License-Identifier: Apache-2.0

package report

import "cmp"

// logNotes writes what is wrong with reports.
func (o *Options) logNotes(r *results) {
	for _, problem := range r.problems {
		o.logf("%v", problem)
	}
	for _, note := range r.notes {
		o.logf("%s", note)
	}
	if r.unnoted > 0 {
		o.logf("and %d more, which report validate prints", r.unnoted)
	}
	for _, c := range r.outside {
		o.logf("%s failed: %s", c.Name, c.Failures[0].Message)
	}
}

// noResults returns the exit code of the program when there is no test in so many files.
func (o *Options) noResults(code int, r *results, files int) int {
	if len(r.problems) > 0 {
		o.logf("no results: no test could be read from %d reports", r.files)
		return o.exitCode(code, Result{}, true, true)
	}
	o.logf("no results: %d files match %q, and none has a test. Check --results, and that the tests write a report", files, o.Results)
	return cmp.Or(code, ExitNoResults)
}

// exitCode returns the exit code of the program. When all failed tests are in quarantine, the run has not failed.
func (o *Options) exitCode(code int, r Result, unreadable, sent bool) int {
	if code != 0 && code < 128 && r.Failed == 0 && r.Quarantined > 0 && !unreadable {
		o.logf("the test command ended with %d, and all failed tests are in quarantine", code)
		code = 0
	}
	switch {
	case code != 0:
		return code
	case len(o.Command) == 0 && r.Failed > 0:
		return ExitFailed
	case unreadable && (len(o.Command) == 0 || o.Strict): // a test command has the last word on its tests
		return ExitUnreadable
	case !sent && o.Strict:
		return ExitNotSent
	}
	return 0
}
