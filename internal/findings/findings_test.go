// SPDX-License-Identifier: Apache-2.0

package findings

import (
	"fmt"
	"strings"
	"testing"

	"github.com/voiceai-dev/integrations-operator/internal/testresult"
)

// failed returns a failed case.
func failed(name, message string, with ...func(*testresult.Case)) *testresult.Case {
	c := &testresult.Case{
		Suite: "calls", Class: "calls.Booking", Name: name, Outcome: testresult.Failed,
		Failures: []testresult.Failure{{Type: "AssertionError", Message: message}},
	}
	for _, change := range with {
		change(c)
	}
	return c
}

func flaky(c *testresult.Case) { c.Outcome = testresult.Flaky }

// summaryOf returns findings as kind, outcome, count and title.
func summaryOf(all []Finding) string {
	var out []string
	for _, f := range all {
		out = append(out, fmt.Sprintf("%s %s %d %s", f.Kind, f.Outcome, f.Count, f.Title))
	}
	return strings.Join(out, "\n")
}

func TestFindings(t *testing.T) {
	many := func(n int, message func(int) string) (out []*testresult.Case) {
		for i := range n {
			out = append(out, failed(fmt.Sprintf("books %c", 'a'+i), message(i)))
		}
		return out
	}
	same := func(i int) string { return fmt.Sprintf("no answer after %d s", i) }
	different := func(i int) string { return strings.Repeat("x", i+1) + " is wrong" }
	for name, test := range map[string]struct {
		failing []*testresult.Case
		counts  testresult.Counts
		want    string
	}{
		"nothing": {nil, testresult.Counts{Passed: 9}, ""},
		"one test": {many(1, same), testresult.Counts{Passed: 9, Failed: 1},
			"OneTest Failed 1 Booking: books a: no answer after 0 s"},
		"four tests with one cause": {many(4, same), testresult.Counts{Passed: 9, Failed: 4}, strings.Join([]string{
			"OneTest Failed 1 Booking: books a: no answer after 0 s", "OneTest Failed 1 Booking: books b: no answer after 1 s",
			"OneTest Failed 1 Booking: books c: no answer after 2 s", "OneTest Failed 1 Booking: books d: no answer after 3 s"}, "\n")},
		"five tests with one cause": {many(5, same), testresult.Counts{Passed: 9, Failed: 5},
			"OneCause Failed 5 5 tests fail: no answer after 0 s"},
		"five tests without a cause": {many(5, func(int) string { return "" }), testresult.Counts{Passed: 9, Failed: 5}, strings.Join([]string{
			"OneTest Failed 1 Booking: books a failed", "OneTest Failed 1 Booking: books b failed",
			"OneTest Failed 1 Booking: books c failed", "OneTest Failed 1 Booking: books d failed",
			"OneTest Failed 1 Booking: books e failed"}, "\n")},
		"parameters of one test": {[]*testresult.Case{failed("books[a]", "late"), failed("books[b]", "late"), failed("books[c]", "later")},
			testresult.Counts{Passed: 9, Failed: 3},
			"OneTest Failed 1 Booking: books: late\nOneTest Failed 1 Booking: books: later"},
		"flaky apart from failed": {[]*testresult.Case{failed("a", "late", flaky), failed("b", "late")}, testresult.Counts{Passed: 9, Failed: 1, Flaky: 1},
			"OneTest Failed 1 Booking: b: late\nOneTest Flaky 1 Booking: a: late"},
		"a test with parts, as in Go": {
			[]*testresult.Case{failed("TestA/x/y", "late"), failed("TestA/x", ""), failed("TestA", ""), failed("TestB", "")},
			testresult.Counts{Passed: 9, Failed: 4}, "OneTest Failed 1 Booking: TestA/x/y: late\nOneTest Failed 1 Booking: TestB failed",
		},
		"nearly everything": {many(9, different), testresult.Counts{Passed: 1, Failed: 9, NotRun: 50},
			"Infrastructure Failed 9 Most tests of smoke fail: 9 of 10"},
		"80 percent":               {many(8, same), testresult.Counts{Passed: 2, Failed: 8}, "OneCause Failed 8 8 tests fail: no answer after 0 s"},
		"everything, but few":      {many(2, different), testresult.Counts{Failed: 2}, "OneTest Failed 1 Booking: books a: x is wrong\nOneTest Failed 1 Booking: books b: xx is wrong"},
		"more than are kept (400)": {many(10, different), testresult.Counts{Failed: 400}, "Infrastructure Failed 400 Most tests of smoke fail: 400 of 400"},
	} {
		if got := summaryOf(Of("smoke", test.failing, test.counts)); got != test.want {
			t.Errorf("%s: got\n%s\nwant\n%s", name, got, test.want)
		}
	}
}

// TestFingerprints checks what makes two findings the same in different runs.
func TestFingerprints(t *testing.T) {
	of := func(suite string, c *testresult.Case) string {
		return Of(suite, []*testresult.Case{c}, testresult.Counts{Passed: 9, Failed: 1})[0].Fingerprint
	}
	first := of("smoke", failed("books[1]", "no answer within 5 s"))
	for name, c := range map[string]struct {
		suite string
		c     *testresult.Case
		same  bool
	}{
		"another value":      {"smoke", failed("books[2]", "no answer within 30 s"), true},
		"an earlier attempt": {"smoke", failed("books", "no answer within 5 s", func(c *testresult.Case) { c.Failures = append([]testresult.Failure{{Message: "x"}}, c.Failures...) }), true},
		"another line":       {"smoke", failed("books[1]", "no answer within 5 s", func(c *testresult.Case) { c.Line = 7; c.Failures[0].Text = "at line 9" }), true},
		"another message":    {"smoke", failed("books[1]", "no greeting within 5 s"), false},
		"another test":       {"smoke", failed("cancels[1]", "no answer within 5 s"), false},
		"another class":      {"smoke", failed("books[1]", "no answer within 5 s", func(c *testresult.Case) { c.Class = "calls.Refund" }), false},
		"another file":       {"smoke", failed("books[1]", "no answer within 5 s", func(c *testresult.Case) { c.File = "b.py" }), false},
		"another suite":      {"nightly", failed("books[1]", "no answer within 5 s"), false},
		"another variant":    {"smoke", failed("books[1]", "no answer within 5 s", variant), false},
		"an ID of its own":   {"smoke", failed("books[1]", "no answer within 5 s", func(c *testresult.Case) { c.ID = "T-1" }), false},
	} {
		if got := of(c.suite, c.c); (got == first) != c.same {
			t.Errorf("%s: got %s and %s, want the same: %v", name, first, got, c.same)
		}
	}
	renamed := of("smoke", failed("a", "x", func(c *testresult.Case) { c.ID = "T-1" }))
	if again := of("smoke", failed("b", "x", func(c *testresult.Case) { c.ID = "T-1"; c.File = "moved.py" })); again != renamed {
		t.Error("a test with an ID is another one after it was renamed")
	}
}

func variant(c *testresult.Case) {
	c.Properties = []testresult.Property{{Name: "variant", Value: "de-DE"}}
}

func TestNamesWithoutParameters(t *testing.T) {
	for in, want := range map[string]string{
		"books": "books", "books[a-1]": "books", "books[a][b]": "books", "books(1, 2)": "books", `books with data set "x"`: "books",
		"books:2": "books", "books with data set #1": "books", "[3] books": "books", "[3] 17": "17", "TestBooks/of_two": "TestBooks/of_two",
		"books {persona=angry}": "books", "(1)": "(1)", "": "A test without a name",
	} {
		if got := TestOf(&testresult.Case{Name: in}).Name; got != want {
			t.Errorf("%q: got %q, want %q", in, got, want)
		}
	}
	if got := TestOf(&testresult.Case{}); got.ID == "" {
		t.Error("a test without any name has no ID")
	}
	if got := TestOf(failed("books", "x", variant)); got.Name != "Booking: books (de-DE)" ||
		got.ID != "calls > calls.Booking > books > variant de-DE" {
		t.Errorf("got %+v", got)
	}
}

// TestMessages finds the message that names the cause.
func TestMessages(t *testing.T) {
	for name, c := range map[string]struct {
		failure testresult.Failure
		want    string
	}{
		"a message":      {testresult.Failure{Message: "no answer", Text: "trace"}, "no answer"},
		"the type alone": {testresult.Failure{Type: "TimeoutError", Message: "TimeoutError", Text: "TimeoutError: no answer\n at x"}, "TimeoutError: no answer"},
		"Python": {testresult.Failure{Message: "test failure", Text: "Traceback (most recent call last):\n" +
			"  File \"a.py\", line 3\n    assert a\n" +
			"AssertionError: 2 != 1\n"}, "AssertionError: 2 != 1"},
		"pytest": {testresult.Failure{Message: "", Text: "def test():\n>   assert a\nE   assert 1 == 2\n"}, "assert 1 == 2"},
		"Go":     {testresult.Failure{Message: "Failed", Text: "file_test.go:11: no answer\nfile_test.go:12: more"}, "file_test.go:11: no answer"},
		"gotestsum": {testresult.Failure{Message: "Failed", Text: "=== RUN   TestA/b\n    a_test.go:4: no answer\n--- FAIL: TestA/b (0.00s)\n"},
			"a_test.go:4: no answer"},
		"gotestsum, a parent": {testresult.Failure{Message: "Failed", Text: "=== RUN   TestA\n--- FAIL: TestA (0.00s)\n"}, "Failed"},
		"nothing":             {testresult.Failure{Message: "Failed"}, "Failed"},
		"a type":              {testresult.Failure{Type: "TimeoutError"}, "TimeoutError"},
	} {
		got := Message(&testresult.Case{Failures: []testresult.Failure{{Message: "earlier"}, c.failure}})
		if got != c.want {
			t.Errorf("%s: got %q, want %q", name, got, c.want)
		}
	}
	if got := Message(&testresult.Case{}); got != "" {
		t.Errorf("got %q without a failure", got)
	}
}

// TestFindingsAreBounded lists no more tests than fit.
func TestFindingsAreBounded(t *testing.T) {
	var failing []*testresult.Case
	for i := range 500 {
		failing = append(failing, failed(strings.Repeat("x", i+1), "late"))
	}
	got := Of("smoke", failing, testresult.Counts{Passed: 5000, Failed: 500})
	if len(got) != 1 || got[0].Count != 500 || len(got[0].Tests) != MaxTests || len(got[0].Cases) != MaxTests {
		t.Errorf("got %s", summaryOf(got))
	}
}

// FuzzNormalize checks that a normalised message is short, and the same when it is normalised again.
func FuzzNormalize(f *testing.F) {
	for _, seed := range []string{"expected 3, got 4", "HTTP 503 at https://x", "a::b 'c' \"d\" <n>", "10.0.0.1:80 1m5s 0xff"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if once := Normalize(s); len(once) > maxCause {
			t.Errorf("%q becomes %d bytes", s, len(once))
		}
	})
}
