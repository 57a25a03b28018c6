// SPDX-License-Identifier: Apache-2.0

package testresult

import (
	"crypto/sha256"
	"time"
)

// Counts are the numbers of tests by outcome. Flaky tests passed in the end.
type Counts struct{ Passed, Failed, Flaky, NotRun int }

// Total returns the number of all tests.
func (c Counts) Total() int { return c.Passed + c.Failed + c.Flaky + c.NotRun }

// maxDetailed bounds how many cases are kept in full.
const maxDetailed = 10_000

// Collector joins the cases of the reports of one run. It holds those that failed in full, and a hash of the others, so
// that a hundred thousand passed cases take few megabytes. The zero value is ready for use.
type Collector struct {
	// Duration is the sum of the durations of all cases.
	Duration time.Duration

	known map[key]*entry
	// order has the entries in the order in which they came.
	order []*entry
	// added counts the cases.
	added int
	// detailed counts the cases that are kept in full.
	detailed int
}

type key [16]byte

// entry is a test.
type entry struct {
	outcome Outcome
	// again is how many more tests have the same name and outcome: no tool repeats a test that passed.
	again int
	// full is nil for a test that did not fail, or that came after maxDetailed others.
	full *Case
}

func keyOf(c *Case) key {
	h := sha256.New()
	for _, part := range []string{c.ID, c.File, c.Within, c.Suite, c.Class, c.Name, c.Property("variant")} {
		h.Write([]byte(part))
		h.Write([]byte{0})
	}
	return key(h.Sum(nil)[:16])
}

// Add adds a case. A case that repeats another is another attempt of the same test when one of them failed: it is flaky
// when one passed, and failed when none did. Cases without a name are tests of their own.
func (c *Collector) Add(test *Case) {
	c.Duration += test.Duration
	c.added++
	if c.known == nil {
		c.known = map[key]*entry{}
	}
	k := keyOf(test)
	e := c.known[k]
	if test.ID == "" && test.Name == "" {
		e = nil
	}
	if e == nil {
		e = &entry{outcome: test.Outcome}
		c.known[k] = e
		c.order = append(c.order, e)
		c.keep(e, test)
		return
	}
	joined := join(e.outcome, test.Outcome)
	if joined == e.outcome && (joined == Passed || joined == NotRun) {
		e.again++
		return
	}
	e.outcome = joined
	if joined == Failed || joined == Flaky {
		e.again = 0 // those were attempts, too
	}
	c.keep(e, test)
}

// join returns the outcome of a test with two attempts.
func join(a, b Outcome) Outcome {
	is := func(o Outcome) bool { return a == o || b == o }
	switch {
	case is(Flaky), is(Failed) && is(Passed):
		return Flaky
	case is(Failed):
		return Failed
	case is(Passed):
		return Passed
	}
	return NotRun
}

// keep keeps what is known of a test that failed.
func (c *Collector) keep(e *entry, test *Case) {
	switch {
	case e.full != nil:
		e.full.Outcome = e.outcome
		e.full.Duration += test.Duration
		e.full.Failures = clip(append(e.full.Failures, test.Failures...), MaxFailures)
		e.full.Properties = clip(append(e.full.Properties, test.Properties...), MaxProperties)
		e.full.Attachments = clip(append(e.full.Attachments, test.Attachments...), MaxAttachments)
	case (e.outcome == Failed || e.outcome == Flaky) && c.detailed < maxDetailed:
		c.detailed++
		full := *test
		full.Outcome = e.outcome
		e.full = &full
	}
}

func clip[T any](all []T, most int) []T { return all[:min(len(all), most)] }

// Counts returns the numbers of tests.
func (c *Collector) Counts() Counts {
	var out Counts
	for _, e := range c.order {
		n := 1 + e.again
		switch e.outcome {
		case Passed:
			out.Passed += n
		case Failed:
			out.Failed += n
		case Flaky:
			out.Flaky += n
		case NotRun:
			out.NotRun += n
		}
	}
	return out
}

// Repeats returns how many cases are further attempts of a test, and do not count as tests.
func (c *Collector) Repeats() int { return c.added - c.Counts().Total() }

// Failing returns the tests that failed or are flaky, in the order in which they came, at most 10,000.
func (c *Collector) Failing() []*Case {
	var out []*Case
	for _, e := range c.order {
		if e.full != nil && (e.outcome == Failed || e.outcome == Flaky) {
			out = append(out, e.full)
		}
	}
	return out
}

// OutcomeOf returns the outcome of the test that a case names, and whether there is one.
func (c *Collector) OutcomeOf(test *Case) (Outcome, bool) {
	e := c.known[keyOf(test)]
	if e == nil {
		return "", false
	}
	return e.outcome, true
}
