// SPDX-License-Identifier: Apache-2.0

package report

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/voiceai-dev/integrations-operator/api/v1alpha1"
	"github.com/voiceai-dev/integrations-operator/internal/report/kube"
)

// only returns the one Defect of a cluster.
func (c *cluster) only(t *testing.T) *v1alpha1.Defect {
	t.Helper()
	if len(c.defects) != 1 {
		t.Fatalf("there are %d Defects, want one", len(c.defects))
	}
	for _, d := range c.defects {
		return d
	}
	return nil
}

// named returns the name of the Defect with a title.
func (c *cluster) named(t *testing.T, title string) string {
	t.Helper()
	for name, d := range c.defects {
		if d.Spec.Title == title {
			return name
		}
	}
	t.Fatalf("there is no Defect %q", title)
	return ""
}

// TestExitCodes checks the exit code with and without a command.
func TestExitCodes(t *testing.T) {
	strict := func(o *Options) { o.Strict = true }
	good, bad := suite(passed("a")), suite(passed("a"), failing("b", "late"))
	for name, test := range map[string]struct {
		report  string
		command string
		change  func(*Options)
		want    int
		says    string
	}{
		"passed":                        {good, "exit 0", nil, 0, "1 passed, 0 failed"},
		"failed":                        {bad, "exit 1", nil, 1, "1 passed, 1 failed"},
		"another code":                  {bad, "exit 77", nil, 77, ""},
		"a code and a good report":      {good, "exit 2", nil, 2, ""},
		"killed by a signal":            {good, "kill -KILL $$", nil, 137, ""},
		"failed, and it says it passed": {bad, "exit 0", nil, 0, "1 failed"},
		"no command, passed":            {good, "", nil, 0, ""},
		"no command, failed":            {bad, "", nil, ExitFailed, ""},
		"no report":                     {"", "exit 0", nil, ExitNoResults, "no results: 0 files match"},
		"no report, and it failed":      {"", "exit 4", nil, 4, "no results"},
		"an empty suite":                {suite(), "exit 0", nil, ExitNoResults, "no results: 1 files match"},
		"cut off":                       {strings.TrimSuffix(bad, "</testsuite>"), "exit 0", nil, 0, "it was cut off"},
		"cut off, strict":               {strings.TrimSuffix(bad, "</testsuite>"), "exit 0", strict, ExitUnreadable, "it was cut off"},
		"cut off, no command":           {strings.TrimSuffix(good, "</testsuite>"), "", nil, ExitUnreadable, "it was cut off"},
		"cut off before a test":         {"<testsuite>", "exit 0", nil, 0, "no test could be read from 1 reports"},
		"the same, strict":              {"<testsuite>", "exit 0", strict, ExitUnreadable, "no test could be read from 1 reports"},
		"the same name twice":           {suite(passed("a"), failing("a", "late")), "exit 0", nil, 0, "1 case has the name of another one"},
		"odd times":                     {`<testsuite>` + strings.Repeat("\n<testcase class='c' time='x'/>", 9) + `</testsuite>`, "exit 0", nil, 0, "and 13 more"},
		"cut off, and it failed":        {strings.TrimSuffix(bad, "</testsuite>"), "exit 1", nil, 1, "1 passed, 1 failed"},
		"no such command":               {good, "-", nil, ExitUsage, "starting /no/such/command"},
		"no suite":                      {good, "exit 0", func(o *Options) { o.Suite = "" }, ExitUsage, "--suite is missing"},
		"no run":                        {good, "exit 0", func(o *Options) { o.RunName = "" }, ExitUsage, "--run is missing"},
		"no pattern":                    {good, "exit 0", func(o *Options) { o.Results = nil }, ExitUsage, "--results is missing"},
		"a bad pattern":                 {good, "exit 0", func(o *Options) { o.Results = []string{"[a"} }, ExitUsage, "a pattern of --results is not one"},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRun(t, newCluster(t))
			if test.report != "" {
				r.write(t, "a.xml", test.report)
			}
			switch test.command {
			case "":
			case "-":
				r.Command = []string{"/no/such/command"}
			default:
				r.Command = []string{"sh", "-c", test.command}
			}
			if test.change != nil {
				test.change(r.Options)
			}
			if got := r.Run(t.Context()); got != test.want || !strings.Contains(r.stderr.String(), test.says) {
				t.Errorf("exit code %d, want %d, with %q:\n%s", got, test.want, test.says, r.stderr.String())
			}
		})
	}
}

// TestOutputAndSignalsPassThrough runs a command that prints, reads and waits for a signal.
func TestOutputAndSignalsPassThrough(t *testing.T) {
	r := newRun(t, newCluster(t))
	r.write(t, "a.xml", suite(passed("a")))
	r.Stdin = strings.NewReader("a line\n")
	r.Command = []string{"sh", "-c", `read line; echo "got $line"; echo oops >&2; trap 'echo ended; exit 9' TERM; ` +
		`kill -TERM $PPID; while :; do sleep 0.01; done`}
	if got := r.Run(t.Context()); got != 9 {
		t.Errorf("exit code %d, want that of the command after its signal", got)
	}
	if r.stdout.String() != "got a line\nended\n" || !strings.HasPrefix(r.stderr.String(), "oops\n") {
		t.Errorf("printed %q and %q", r.stdout.String(), r.stderr.String())
	}
}

// TestSignalWhileSending gets a signal while the API server does not answer: the run's result is there, what was not sent is kept, and
// the exit code is that of the command.
func TestSignalWhileSending(t *testing.T) {
	for name, method := range map[string]string{"the list": http.MethodGet, "a Defect": http.MethodPatch} {
		t.Run(name, func(t *testing.T) {
			c := newCluster(t)
			ended := make(chan struct{})
			t.Cleanup(func() { close(ended) })
			r := newRun(t, c)
			c.failing = func(m string) int {
				if m == method {
					_ = syscall.Kill(os.Getpid(), syscall.SIGTERM)
					<-ended
				}
				return 0
			}
			r.stopTime = time.Millisecond
			r.write(t, "a.xml", suite(passed("a"), failing("b", "late")))
			r.Command = []string{"sh", "-c", "exit 3"}
			if got := r.Run(t.Context()); got != 3 {
				t.Errorf("exit code %d, want that of the command:\n%s", got, r.stderr.String())
			}
			if got := r.result(t); got.Failed != 1 {
				t.Errorf("the result is %+v", got)
			}
			if kept, err := readSpool(r.Spool); err != nil || len(kept) != 1 {
				t.Errorf("kept %v, %v", kept, err)
			}
		})
	}
}

// TestStaleReports leaves out what an earlier run wrote.
func TestStaleReports(t *testing.T) {
	r := newRun(t, newCluster(t))
	r.write(t, "old.xml", suite(failing("a", "late")))
	r.write(t, "new.xml", suite(passed("a")))
	old := time.Now().Add(-time.Minute)
	if err := os.Chtimes(filepath.Join(r.dir, "old.xml"), old, old); err != nil {
		t.Fatal(err)
	}
	r.Command = []string{"true"}
	if got := r.Run(t.Context()); got != 0 || !strings.Contains(r.stderr.String(), "old.xml is older than the test command") {
		t.Errorf("exit code %d:\n%s", got, r.stderr.String())
	}
	if got := r.result(t); got.Total != 1 || got.Failed != 0 {
		t.Errorf("the result is %+v", got)
	}
}

// TestDefectOfAFailure checks the Defect and the result of one failed test.
func TestDefectOfAFailure(t *testing.T) {
	c := newCluster(t)
	r := newRun(t, c)
	r.Commit = "abc1234"
	r.ReportURL = "https://reports.example.com/1"
	r.write(t, "a.xml", suite(passed("greets"), `<testcase classname="calls.Booking" name="books[de]" time="2">
		<properties><property name="voice.turn" value="3"/><property name="voice.expected" value="a table for two"/>
		<property name="voice.wer" value="0.5"/><property name="voice.latency.model.p95" value="812.4"/><property name="voice.unknown" value="x"/>
		<property name="severity" value="critical"/></properties>
		<failure message="no answer within 5 s">at line 9</failure></testcase>`))
	if got := r.Run(t.Context()); got != ExitFailed {
		t.Fatalf("exit code %d:\n%s", got, r.stderr.String())
	}
	d := c.only(t)
	s := d.Spec
	if s.Title != "Booking: books: no answer within 5 s" || s.Severity != v1alpha1.SeverityCritical || s.Suite != "smoke" ||
		s.Run != "smoke-1" ||
		d.Labels[v1alpha1.SuiteLabel] != "smoke" || d.Name != s.Fingerprint || s.Description != "no answer within 5 s\nat line 9" ||
		len(s.Tests) != 1 || s.Tests[0].Name != "Booking: books" || s.Occurrence.Run != "smoke-1" {
		t.Errorf("the Defect is %+v", s)
	}
	if o := s.Outcomes; len(o) != 1 || o[0].Run != "smoke-1" || o[0].Result != v1alpha1.TestFailed || o[0].Commit != "abc1234" {
		t.Errorf("the outcomes are %+v", o)
	}
	if v := s.Voice; v == nil || v.Turn != 3 || v.ExpectedTranscript != "a table for two" || v.WordErrorRate != "0.5" ||
		len(v.Latencies) != 1 || v.Latencies[0].Stage != "model" || *v.Latencies[0].P95Milliseconds != 812 {
		t.Errorf("the voice facts are %+v", v)
	}
	want := Result{Passed: 1, Failed: 1, Total: 2, DurationSeconds: 2, Commit: "abc1234", ReportURL: "https://reports.example.com/1"}
	if got := r.result(t); got != want {
		t.Errorf("the result is %+v, want %+v", got, want)
	}
}

// TestRunsOfOneFailure reports the same failure in several runs, a run twice, and runs in which the test passes.
func TestRunsOfOneFailure(t *testing.T) {
	c := newCluster(t)
	at := noon
	report := func(name, report string) {
		t.Helper()
		at = at.Add(time.Hour)
		r := newRun(t, c)
		r.Now = func() time.Time { return at }
		r.RunName = name
		r.write(t, "a.xml", report)
		r.Run(t.Context())
	}
	outcomes := func() string {
		var out []string
		for _, o := range c.only(t).Spec.Outcomes {
			out = append(out, o.Run+" "+string(o.Result))
		}
		return strings.Join(out, ", ")
	}
	bad := suite(passed("a"), failing("b", "late"))
	report("r1", bad)
	report("r2", bad)
	seen := c.only(t).Spec.Occurrence.Time
	report("r2", bad)
	if got := outcomes(); got != "r1 Failed, r2 Failed" || !c.only(t).Spec.Occurrence.Time.Equal(&seen) {
		t.Errorf("after the second run was sent twice: %s, seen at %s, want %s", got, c.only(t).Spec.Occurrence.Time, seen)
	}
	report("r3", suite(passed("a"), passed("b")))
	report("r4", suite(passed("a")))
	report("r5", suite(passed("a"), `<testcase classname="Booking" name="b"><skipped/></testcase>`))
	if got := outcomes(); got != "r1 Failed, r2 Failed, r3 Passed, r5 NotRun" {
		t.Errorf("after it passed, was not there, and was skipped: %s", got)
	}
	report("r6", suite(passed("a"), `<testcase classname="Booking" name="b"><flakyFailure message="late"/></testcase>`))
	if len(c.defects) != 1 || !strings.HasSuffix(outcomes(), ", r6 Flaky") || c.only(t).Spec.Occurrence.Run != "r6" {
		t.Errorf("after it flaked: %d Defects, %s", len(c.defects), outcomes())
	}
}

// TestMergedOutcomesAreLeftOut sends no outcome again that the operator has merged.
func TestMergedOutcomesAreLeftOut(t *testing.T) {
	c := newCluster(t)
	report := func(name string) {
		r := newRun(t, c)
		r.RunName = name
		r.write(t, "a.xml", suite(passed("a"), failing("b", "late")))
		r.Run(t.Context())
	}
	report("r1")
	report("r2")
	d := c.only(t)
	d.Status.History = &v1alpha1.DefectHistory{Outcomes: slices.Clone(d.Spec.Outcomes[:1])}
	d.Spec.Title = "A better title"
	d.Spec.Severity = v1alpha1.SeverityLow
	report("r3")
	d = c.only(t)
	if len(d.Spec.Outcomes) != 2 || d.Spec.Outcomes[0].Run != "r2" || d.Spec.Title != "A better title" ||
		d.Spec.Severity != v1alpha1.SeverityLow {
		t.Errorf("got %+v", d.Spec)
	}
}

// TestQuarantine has a test fail that is in quarantine, before and after that has expired.
func TestQuarantine(t *testing.T) {
	c := newCluster(t)
	report := func(content string, at time.Time) (int, Result) {
		r := newRun(t, c)
		r.Now = func() time.Time { return at }
		r.write(t, "a.xml", content)
		future := at.Add(time.Second) // the clock of this test is not that of its files
		if err := os.Chtimes(filepath.Join(r.dir, "a.xml"), future, future); err != nil {
			t.Fatal(err)
		}
		r.Command = []string{"sh", "-c", "exit 1"}
		return r.Run(t.Context()), r.result(t)
	}
	bad := suite(passed("a"), failing("b", "late"))
	if code, _ := report(bad, noon); code != 1 {
		t.Errorf("exit code %d", code)
	}
	c.only(t).Spec.Quarantine = &v1alpha1.Quarantine{
		Owner: "qa", Reason: "known", Starts: metav1.NewTime(noon), Expires: metav1.NewTime(noon.Add(time.Hour)),
	}
	if code, got := report(bad, noon.Add(time.Minute)); code != 0 || got.Failed != 0 || got.Quarantined != 1 {
		t.Errorf("in quarantine: exit code %d, %+v", code, got)
	}
	parameters := suite(passed("a"), failing("b[1]", "late"), failing("b[2]", "late"), failing("b[3]", "late"))
	if code, got := report(parameters, noon.Add(time.Minute)); code != 0 || got.Failed != 0 || got.Quarantined != 3 {
		t.Errorf("a test with parameters: exit code %d, %+v", code, got)
	}
	two := suite(failing("b", "late"), failing("c", "worse"))
	if code, got := report(two, noon.Add(time.Minute)); code != 1 || got.Failed != 1 || got.Quarantined != 1 {
		t.Errorf("with another failure: exit code %d, %+v", code, got)
	}
	d := c.defects[c.named(t, "Booking: b: late")]
	d.Status.Conditions = []metav1.Condition{
		{Type: v1alpha1.ConditionQuarantined, Status: metav1.ConditionFalse, Reason: v1alpha1.ReasonBroken},
	}
	if code, got := report(bad, noon.Add(time.Minute)); code != 1 || got.Failed != 1 || got.Quarantined != 0 {
		t.Errorf("broken: exit code %d, %+v", code, got)
	}
	c.defects[d.Name].Status.Conditions = nil
	if code, got := report(bad, noon.Add(time.Hour)); code != 1 || got.Failed != 1 || got.Quarantined != 0 {
		t.Errorf("expired: exit code %d, %+v", code, got)
	}
}

// TestClusterAway reports while the API server is away, and again when it is back.
func TestClusterAway(t *testing.T) {
	for name, test := range map[string]struct {
		code   int
		strict bool
		want   int
		spool  bool
	}{
		"unavailable":          {http.StatusServiceUnavailable, false, 0, true},
		"unavailable, strict":  {http.StatusServiceUnavailable, true, ExitNotSent, true},
		"too many requests":    {http.StatusTooManyRequests, false, 0, true},
		"forbidden":            {http.StatusForbidden, false, 0, true},
		"forbidden, strict":    {http.StatusForbidden, true, ExitNotSent, true},
		"unauthorized":         {http.StatusUnauthorized, false, 0, true},
		"unauthorized, strict": {http.StatusUnauthorized, true, ExitNotSent, true},
		"a timeout":            {http.StatusRequestTimeout, false, 0, true},
		"refused for good":     {http.StatusUnprocessableEntity, false, 0, false},
	} {
		t.Run(name, func(t *testing.T) {
			c := newCluster(t)
			c.failing = func(string) int { return test.code }
			r := newRun(t, c)
			r.Strict = test.strict
			r.Command = []string{"true"}
			r.write(t, "a.xml", suite(passed("a"), failing("b", "late")))
			if got := r.Run(t.Context()); got != test.want {
				t.Errorf("exit code %d, want %d:\n%s", got, test.want, r.stderr.String())
			}
			if _, err := os.Stat(r.Spool); (err == nil) != test.spool {
				t.Errorf("the spool: %v", err)
			}
			if got := strings.Contains(r.stderr.String(), "Let the ServiceAccount of the Pod create"); got != (test.code == http.StatusForbidden) {
				t.Errorf("what to do about a missing right is %t in:\n%s", got, r.stderr.String())
			}
			if got := strings.Contains(r.stderr.String(), "Renew the credentials"); got != (test.code == http.StatusUnauthorized) {
				t.Errorf("what to do about the credentials is %t in:\n%s", got, r.stderr.String())
			}
			c.failing = func(string) int { return 0 }
			r.RunName = "smoke-2"
			r.write(t, "a.xml", suite(passed("a"), failing("b", "late"), failing("c", "worse")))
			if got := r.Run(t.Context()); got != 0 {
				t.Errorf("exit code %d when it is back:\n%s", got, r.stderr.String())
			}
			runs := 0
			for _, d := range c.defects {
				runs += len(d.Spec.Outcomes)
			}
			if want := map[bool]int{true: 3, false: 2}[test.spool]; len(c.defects) != 2 || runs != want {
				t.Errorf("%d Defects with %d outcomes, want 2 with %d", len(c.defects), runs, want)
			}
			if _, err := os.Stat(r.Spool); err == nil {
				t.Error("the spool stays after it was sent")
			}
		})
	}
}

// TestRunsAtTheSameTime keeps the outcome that another run adds after this one has listed the Defects, and creates a Defect
// again that was deleted by then.
func TestRunsAtTheSameTime(t *testing.T) {
	c := newCluster(t)
	r := newRun(t, c)
	r.Command = []string{"true"}
	report := func(run string) {
		r.RunName = run
		if got := r.Run(t.Context()); got != 0 {
			t.Fatalf("exit code %d:\n%s", got, r.stderr.String())
		}
	}
	r.write(t, "a.xml", suite(failing("b", "late")))
	report("smoke-1")
	c.listed = func() {
		c.listed = nil
		for name, d := range c.defects {
			d = d.DeepCopy()
			d.ResourceVersion = "another"
			d.Spec.Title = "A better title"
			d.Spec.Outcomes = append(d.Spec.Outcomes, v1alpha1.TestOutcome{Run: "smoke-2", Result: v1alpha1.TestFailed})
			c.defects[name] = d
		}
	}
	report("smoke-3")
	d := c.only(t)
	if len(d.Spec.Outcomes) != 3 || d.Spec.Title != "A better title" || d.Spec.Occurrence.Run != "smoke-3" || len(d.Spec.Tests) != 1 {
		t.Errorf("got %+v", d.Spec)
	}
	// Both find it at the same time.
	clear(c.defects)
	other := newRun(t, c)
	other.RunName = "smoke-other"
	other.write(t, "a.xml", suite(failing("b", "late")))
	c.listed = func() {
		c.listed = nil
		c.mu.Unlock()
		defer c.mu.Lock()
		other.Run(t.Context())
	}
	report("smoke-same")
	if d := c.only(t); len(d.Spec.Outcomes) != 2 || d.Spec.Run != "smoke-other" {
		t.Errorf("the Defect that two runs found has %+v", d.Spec)
	}
	c.listed = func() { clear(c.defects) }
	report("smoke-4")
	if d := c.only(t); len(d.Spec.Outcomes) == 0 || d.Spec.Occurrence.Run != "smoke-4" {
		t.Errorf("after it was deleted: %+v", d.Spec)
	}
}

// TestClusterAwayForAMoment requests the list again, and sends as ever.
func TestClusterAwayForAMoment(t *testing.T) {
	c := newCluster(t)
	left := kube.ListAttempts - 1
	c.failing = func(string) int {
		if left--; left >= 0 {
			return http.StatusTooManyRequests
		}
		return 0
	}
	r := newRun(t, c)
	r.Command = []string{"true"}
	r.write(t, "a.xml", suite(failing("b", "late")))
	if got := r.Run(t.Context()); got != 0 || c.writes != 1 {
		t.Errorf("exit code %d after %d writes:\n%s", got, c.writes, r.stderr.String())
	}
}

// TestEditedWhileAway keeps what a person changed between a run that could not be sent and the next one.
func TestEditedWhileAway(t *testing.T) {
	c := newCluster(t)
	r := newRun(t, c)
	r.Command = []string{"true"}
	report := func(run, content string) {
		t.Helper()
		r.RunName = run
		r.write(t, "a.xml", content)
		if got := r.Run(t.Context()); got != 0 {
			t.Fatalf("exit code %d:\n%s", got, r.stderr.String())
		}
	}
	bad := suite(failing("b", "late"))
	report("smoke-1", bad)
	writes := c.writes
	c.failing = func(string) int { return http.StatusServiceUnavailable }
	report("smoke-2", bad)
	if _, err := os.Stat(r.Spool); err != nil || c.writes != writes {
		t.Fatalf("%d writes while it was away, the spool: %v", c.writes-writes, err)
	}
	c.failing = func(string) int { return 0 }
	d := c.only(t)
	d.Spec.Title = "A better title"
	d.Spec.Severity = v1alpha1.SeverityCritical
	d.Status.History = &v1alpha1.DefectHistory{Outcomes: d.Spec.Outcomes}
	for _, test := range []struct{ run, content, want string }{
		{"smoke-3", suite(passed("a")), "smoke-2 Failed"},
		{"smoke-4", suite(passed("b")), "smoke-2 Failed, smoke-4 Passed"},
	} {
		report(test.run, test.content)
		var got []string
		for _, o := range c.only(t).Spec.Outcomes {
			got = append(got, o.Run+" "+string(o.Result))
		}
		d := c.only(t)
		if strings.Join(got, ", ") != test.want || d.Spec.Title != "A better title" || d.Spec.Severity != v1alpha1.SeverityCritical ||
			d.Spec.Occurrence.Run != "smoke-2" {
			t.Errorf("after %s: %s of %+v, want %s", test.run, got, d.Spec, test.want)
		}
	}
}

// TestNoCluster keeps everything for the next call, and prints it with --dry-run.
func TestNoCluster(t *testing.T) {
	r := newRun(t, nil)
	r.write(t, "a.xml", suite(failing("b", "late")))
	r.Command = []string{"true"}
	if got := r.Run(t.Context()); got != 0 || !strings.Contains(r.stderr.String(), "there is no cluster to report to") {
		t.Errorf("exit code %d:\n%s", got, r.stderr.String())
	}
}

// TestAdviceOnAnExceededQuota checks that a 403 of a quota, which no Role changes, leads to the quota.
func TestAdviceOnAnExceededQuota(t *testing.T) {
	r := newRun(t, newCluster(t))
	r.adviseOn(&kube.StatusError{Code: http.StatusForbidden, Message: `defects.integrations.voiceai.dev "a" is forbidden: ` +
		`exceeded quota: defects, requested: count/defects.integrations.voiceai.dev=1, used: 100, limited: 100`})
	if got := r.stderr.String(); !strings.Contains(got, "raise its ResourceQuota") || strings.Contains(got, "Role in docs/runs.md") {
		t.Errorf("got %q", got)
	}
}

// TestDryRun prints what would be applied and writes nothing: on a laptop, without a cluster, a suite and a run, and while the API
// server does not list Defects.
func TestDryRun(t *testing.T) {
	away := newCluster(t)
	away.failing = func(string) int { return http.StatusForbidden }
	for name, c := range map[string]*cluster{"no cluster": nil, "no rights": away} {
		t.Run(name, func(t *testing.T) {
			r := newRun(t, c)
			r.DryRun = true
			r.Suite = ""
			r.RunName = ""
			r.write(t, "a.xml", suite(passed("a"), failing("b", "late")))
			if code := r.Run(t.Context()); code != ExitFailed || !strings.Contains(r.stderr.String(), "1 passed, 1 failed") ||
				strings.Contains(r.stderr.String(), "applied") {
				t.Errorf("exit code %d:\n%s", code, r.stderr.String())
			}
			out := r.stdout.String()
			if !strings.Contains(out, "kind: Defect\n") || strings.Contains(out, "status:") || !strings.Contains(out, "  run: dry-run\n") {
				t.Errorf("printed %s", out)
			}
			for _, file := range []string{r.Spool, r.TerminationLog} {
				if _, err := os.Stat(file); err == nil {
					t.Errorf("a dry run wrote %s", file)
				}
			}
		})
	}
}

// TestFilesThatCannotBeWritten changes no exit code.
func TestFilesThatCannotBeWritten(t *testing.T) {
	c := newCluster(t)
	c.failing = func(string) int { return http.StatusServiceUnavailable }
	r := newRun(t, c)
	r.Spool = "/proc/none/spool"
	r.TerminationLog = "/proc/none/log"
	r.Command = []string{"true"}
	r.write(t, "a.xml", suite(failing("b", "late")))
	if got := r.Run(t.Context()); got != 0 || strings.Count(r.stderr.String(), "/proc/none/") < 2 {
		t.Errorf("exit code %d:\n%s", got, r.stderr.String())
	}
	r = newRun(t, newCluster(t))
	r.write(t, "a.xml", suite(failing("b", "late")))
	r.write(t, "spool", "not JSON")
	r.Command = []string{"true"}
	if got := r.Run(t.Context()); got != 0 || !strings.Contains(r.stderr.String(), "is no spool of this program") {
		t.Errorf("exit code %d with a broken spool:\n%s", got, r.stderr.String())
	}
}

// TestWritesAreBounded reports more failures than a run may write Defects for.
func TestWritesAreBounded(t *testing.T) {
	c := newCluster(t)
	r := newRun(t, c)
	var cases []string
	for i := range 5000 {
		cases = append(cases, failing(fmt.Sprint("test ", words(i)), "reason "+words(i)), passed(fmt.Sprint("good ", words(i))))
	}
	r.write(t, "a.xml", suite(cases...))
	r.Run(t.Context())
	failed := 0
	for _, d := range c.defects {
		if strings.Contains(d.Spec.Title, "more tests of smoke fail") {
			failed += 4951
			continue
		}
		failed++
	}
	if c.writes != maxWrites || failed != 5000 || !strings.Contains(r.stderr.String(), "findings are in one Defect") {
		t.Errorf("%d writes for %d tests:\n%s", c.writes, failed, r.stderr.String())
	}
	if got := r.result(t); got.Failed != 5000 || got.Passed != 5000 {
		t.Errorf("the result is %+v", got)
	}
	// Known Defects whose test passes add no write to as many that fail.
	for i := range cases {
		cases[i] = strings.ReplaceAll(cases[i], "reason", "another reason")
	}
	for i := range 60 {
		name := fmt.Sprint("known-", i)
		c.defects[name] = &v1alpha1.Defect{
			ObjectMeta: metav1.ObjectMeta{Name: name, Labels: map[string]string{v1alpha1.SuiteLabel: "smoke"}},
			Spec:       v1alpha1.DefectSpec{Fingerprint: name, Tests: []v1alpha1.DefectTest{{ID: "calls > Booking > good " + words(i)}}},
		}
	}
	r.write(t, "a.xml", suite(cases...))
	r.RunName = "smoke-2"
	c.writes = 0
	if r.Run(t.Context()); c.writes != maxWrites || !strings.Contains(r.stderr.String(), "the outcome of 60 Defects is left out") {
		t.Errorf("%d writes:\n%s", c.writes, r.stderr.String())
	}
}

// words returns a number in letters, as numbers do not make a message another one.
func words(n int) string {
	var out strings.Builder
	for _, digit := range fmt.Sprint(n) {
		out.WriteByte("abcdefghij"[digit-'0'])
	}
	return "x" + out.String()
}

func TestHistory(t *testing.T) {
	c := newCluster(t)
	r := newRun(t, c)
	r.write(t, "a.xml", suite(passed("a"), failing("b", "late")))
	r.Run(t.Context())
	d := c.only(t)
	d.Status.History = &v1alpha1.DefectHistory{Strip: "PPF", FlakeRatePercent: 33}
	d.Status.Jira = &v1alpha1.DefectTicket{Key: "VOICE-7"}
	r = newRun(t, c)
	code := r.History(t.Context())
	printed := strings.Join(strings.Fields(r.stdout.String()), " ")
	if code != 0 || !strings.Contains(printed, "Open VOICE-7 PPF 33% 0 Booking: b: late") {
		t.Errorf("exit code %d:\n%s%s", code, r.stdout.String(), r.stderr.String())
	}
	if code := newRun(t, nil).History(t.Context()); code != ExitNotSent {
		t.Errorf("exit code %d without a cluster", code)
	}
}

func TestValidate(t *testing.T) {
	r := newRun(t, nil)
	r.write(t, "good.xml", suite(passed("a")))
	r.write(t, "bad.xml", "<testsuite>\n<testcase>")
	r.write(t, "twice.xml", suite(passed("a"), failing("a", "late"), passed("b")))
	r.write(t, "odd.xml", `<testsuite tests="2"><testcase name="a" time="x"/></testsuite>`)
	path := func(name string) string { return filepath.Join(r.dir, name) }
	if code := Validate(&r.stdout, "", []string{path("good.xml"), path("odd.xml"), path("twice.xml")}); code != 0 {
		t.Errorf("exit code %d", code)
	}
	if code := Validate(&r.stdout, "", []string{path("bad.xml"), path("none.xml")}); code != ExitUnreadable {
		t.Errorf("exit code %d", code)
	}
	for _, want := range []string{
		"good.xml: JUnit XML with 1 tests: 1 passed, 0 failed, 0 flaky, 0 not run\n", `odd.xml:1: the time "x" is not a number of seconds`,
		"odd.xml:1: the suite \"\" declares 2 tests and has 1.", "bad.xml:2: the report ends within <testcase> of line 2",
		"none.xml: no such file", "twice.xml: 1 case has the name of another one",
	} {
		if !strings.Contains(r.stdout.String(), want) {
			t.Errorf("%q is not in\n%s", want, r.stdout.String())
		}
	}
}

// TestDownwardAPI finds the suite and the run of a Pod.
func TestDownwardAPI(t *testing.T) {
	file := filepath.Join(t.TempDir(), "labels")
	if err := os.WriteFile(file, []byte("a=\"b\"\nbatch.kubernetes.io/job-name=\"smoke-1\"\nbroken\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if got := readLabels(file); got[jobLabel] != "smoke-1" || len(got) != 2 {
		t.Errorf("got %v", got)
	}
	if got := readLabels(file + "-none"); len(got) != 0 {
		t.Errorf("got %v", got)
	}
	for pod, want := range map[string]string{"smoke-29381234-x2x9k": "smoke-29381234", "smoke-0-abcde": "smoke", "smoke": "smoke"} {
		if got := jobOfPod(pod); got != want {
			t.Errorf("%s: got %s, want %s", pod, got, want)
		}
	}
	if runtime.GOOS == "linux" {
		o := &Options{Suite: "s", RunName: "r"}
		o.Complete(v1alpha1.SuiteLabel)
		if o.Spool == "" || o.Now == nil {
			t.Errorf("got %+v", o)
		}
	}
}
