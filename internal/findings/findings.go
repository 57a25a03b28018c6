// SPDX-License-Identifier: Apache-2.0

// Package findings turns the failed tests of a run into findings: which failures are one defect, and of which test.
package findings

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"

	"github.com/voiceai-dev/integrations-operator/internal/testresult"
)

const (
	// sharedBy is how many tests of a run fail for one cause before that is one finding.
	sharedBy = 5
	// infrastructureShare is the share of failed tests above which a run says nothing about each of them, if it has
	// infrastructureTests or more.
	infrastructureShare = 0.8
	infrastructureTests = 10
	// MaxTests bounds the tests that a finding lists.
	MaxTests = 100
)

// Kind says why failures are one finding.
type Kind string

// The kinds of findings.
const (
	// OneTest is the failure of one test.
	OneTest Kind = "OneTest"
	// OneCause is a failure that several tests share.
	OneCause Kind = "OneCause"
	// Infrastructure is a run in which nearly everything fails.
	Infrastructure Kind = "Infrastructure"
)

// Finding is what one Defect reports.
type Finding struct {
	Kind Kind
	// Fingerprint identifies the finding in each run of the suite.
	Fingerprint string
	// Outcome is Failed, or Flaky when each of its tests passed in the end.
	Outcome testresult.Outcome
	// Title is for people.
	Title string
	// Tests are those that failed, at most MaxTests; Count is how many there are.
	Tests []Test
	Count int
	// Failed counts their failed cases: a test with parameters has several.
	Failed int
	// Cases are their cases in the report, in the same order.
	Cases []*testresult.Case
}

// Of returns the findings of a run of a suite: the failed tests of a Collector, the most widespread first.
func Of(suite string, failing []*testresult.Case, counts testresult.Counts) []Finding {
	if isInfrastructure(counts) {
		f := Finding{
			Kind: Infrastructure, Outcome: testresult.Failed, Fingerprint: fingerprint("infrastructure", suite),
			Title: fmt.Sprintf("Most tests of %s fail: %d of %d", suite, counts.Failed, counts.Failed+counts.Passed+counts.Flaky),
		}
		for _, c := range failing {
			f.add(c)
		}
		f.Count = max(f.Count, counts.Failed+counts.Flaky)
		f.Failed = counts.Failed
		return []Finding{f}
	}
	var out []Finding
	for _, group := range byCause(withoutParents(failing)) {
		if len(group.tests) >= sharedBy && group.cause != "" {
			out = append(out, group.asOne(suite))
			continue
		}
		for _, test := range group.tests {
			out = append(out, test.finding(suite, group.cause))
		}
	}
	slices.SortStableFunc(out, func(a, b Finding) int {
		return cmp.Or(compareOutcome(a.Outcome, b.Outcome), cmp.Compare(b.Count, a.Count))
	})
	return out
}

func compareOutcome(a, b testresult.Outcome) int {
	rank := map[testresult.Outcome]int{testresult.Failed: 0, testresult.Flaky: 1}
	return cmp.Compare(rank[a], rank[b])
}

func isInfrastructure(c testresult.Counts) bool {
	ran := c.Passed + c.Failed + c.Flaky
	return ran >= infrastructureTests && float64(c.Failed) > infrastructureShare*float64(ran)
}

// withoutParents leaves out tests that fail because a test below them does: as in Go, TestA with TestA/sub.
func withoutParents(failing []*testresult.Case) []*testresult.Case {
	parents := map[[3]string]bool{}
	for _, c := range failing {
		for name := c.Name; strings.Contains(name, "/"); {
			name = name[:strings.LastIndexByte(name, '/')]
			parents[[3]string{c.Suite, c.Class, name}] = true
		}
	}
	return slices.DeleteFunc(slices.Clone(failing), func(c *testresult.Case) bool {
		return parents[[3]string{c.Suite, c.Class, c.Name}] && causeOf(c) == ""
	})
}

// group has the tests that fail for one cause.
type group struct {
	cause, message string
	tests          []*failedTest
}

// failedTest is a test with its failed cases: several when it has parameters.
type failedTest struct {
	Test
	cases []*testresult.Case
}

// byCause groups failed tests by outcome and cause, in the order in which these came.
func byCause(failing []*testresult.Case) []*group {
	type key struct {
		outcome testresult.Outcome
		cause   string
	}
	groups := map[key]*group{}
	tests := map[string]*failedTest{}
	var out []*group
	for _, c := range failing {
		k := key{c.Outcome, causeOf(c)}
		g := groups[k]
		if g == nil {
			g = &group{cause: k.cause, message: Message(c)}
			groups[k] = g
			out = append(out, g)
		}
		test := TestOf(c)
		of := string(c.Outcome) + "\x00" + k.cause + "\x00" + test.ID
		if tests[of] == nil {
			tests[of] = &failedTest{Test: test}
			g.tests = append(g.tests, tests[of])
		}
		tests[of].cases = append(tests[of].cases, c)
	}
	return out
}

// asOne returns the finding of a cause that several tests share.
func (g *group) asOne(suite string) Finding {
	f := Finding{
		Kind: OneCause, Outcome: g.tests[0].cases[0].Outcome, Fingerprint: fingerprint("cause", suite, g.cause),
		Title: fmt.Sprintf("%d tests fail: %s", len(g.tests), firstLine(g.message)),
	}
	for _, test := range g.tests {
		f.addTest(test.Test, test.cases[0])
		f.Failed += len(test.cases)
	}
	return f
}

func (t *failedTest) finding(suite, cause string) Finding {
	f := Finding{
		Kind: OneTest, Outcome: t.cases[0].Outcome, Fingerprint: fingerprint("test", suite, t.ID, cause), Title: t.Name,
	}
	if cause == "" {
		f.Title += " failed"
	} else {
		f.Title += ": " + firstLine(Message(t.cases[0]))
	}
	f.addTest(t.Test, t.cases[0])
	f.Failed = len(t.cases)
	return f
}

func (f *Finding) add(c *testresult.Case) { f.addTest(TestOf(c), c) }

func (f *Finding) addTest(test Test, c *testresult.Case) {
	f.Count++
	if len(f.Tests) < MaxTests {
		f.Tests = append(f.Tests, test)
		f.Cases = append(f.Cases, c)
	}
}

func firstLine(s string) string {
	line, _, _ := strings.Cut(strings.TrimSpace(s), "\n")
	return strings.TrimSpace(line)
}

// fingerprint returns a hash of some parts, which identifies a finding in its namespace.
func fingerprint(kind string, parts ...string) string {
	sum := sha256.Sum256([]byte(strings.Join(append([]string{kind}, parts...), "\x00")))
	return kind + "-" + hex.EncodeToString(sum[:10])
}
