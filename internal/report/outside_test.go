// SPDX-License-Identifier: Apache-2.0

package report

import (
	"fmt"
	"strings"
	"testing"

	"github.com/voiceai-dev/integrations-operator/api/v1alpha1"
)

// TestCommandFailsAlone has the test command fail although no test in its reports does: that is one Defect in each run, which counts as
// no test, and it passes with the command.
func TestCommandFailsAlone(t *testing.T) {
	good := suite(passed("a"))
	c := newCluster(t)
	for i, test := range []struct {
		report string
		code   int
		want   v1alpha1.TestResult // of the run in the Defect about the command; empty for none
	}{
		{good, 0, ""},
		{good, 2, v1alpha1.TestFailed},
		{suite(), 3, v1alpha1.TestFailed},
		{"<testsuite>", 1, v1alpha1.TestFailed},
		{suite(passed("a"), `<testcase name="b"><flakyFailure message="late"/></testcase>`), 1, ""},
		{suite(failing("b", "late")), 1, ""},
		{good, 137, ""},
		{"", 4, ""}, // there is no report
		{good, 0, v1alpha1.TestPassed},
	} {
		r := newRun(t, c)
		r.RunName = fmt.Sprint("smoke-", i)
		r.Command = []string{"sh", "-c", fmt.Sprint("exit ", test.code)}
		if test.report != "" {
			r.write(t, "a.xml", test.report)
		}
		want := test.code
		if got := r.Run(t.Context()); got != want {
			t.Errorf("run %d: exit code %d, want %d:\n%s", i, got, want, r.stderr.String())
		}
		var got v1alpha1.TestResult
		for _, d := range c.defects {
			for _, o := range d.Spec.Outcomes {
				if o.Run == r.RunName && strings.HasPrefix(d.Spec.Title, "the test command: ") {
					got = o.Result
				}
			}
		}
		if got != test.want {
			t.Errorf("run %d: its outcome is %q, want %q:\n%s", i, got, test.want, r.stderr.String())
		}
		if test.report == good {
			if got := r.result(t); got.Total != 1 || got.Failed != 0 {
				t.Errorf("run %d: the result is %+v", i, got)
			}
		}
	}
	if len(c.defects) != 3 {
		t.Errorf("there are %d Defects", len(c.defects))
	}
	title := "the test command: it ended with 2, and no test in its reports failed"
	if d := c.defects[c.named(t, title)]; !strings.Contains(d.Spec.Description, "The log of the run shows it") {
		t.Errorf("the Defect is %+v", d.Spec)
	}
}
