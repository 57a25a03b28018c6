// SPDX-License-Identifier: Apache-2.0

package testreport

import (
	"cmp"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/voiceai-dev/integrations-operator/internal/testresult"
)

// ctrfTest is a test in the Common Test Report Format, https://ctrf.io/docs/specification/tests. Durations are in
// milliseconds.
type ctrfTest struct {
	Name          string                  `json:"name"`
	ID            string                  `json:"id"`
	Status        string                  `json:"status"`
	RawStatus     string                  `json:"rawStatus"`
	Duration      float64                 `json:"duration"`
	Suite         json.RawMessage         `json:"suite"`
	FilePath      string                  `json:"filePath"`
	Message       string                  `json:"message"`
	Trace         string                  `json:"trace"`
	Flaky         *bool                   `json:"flaky"`
	Retries       *float64                `json:"retries"`
	RetryAttempts []ctrfAttempt           `json:"retryAttempts"`
	Browser       string                  `json:"browser"`
	Parameters    json.RawMessage         `json:"parameters"`
	Attachments   []struct{ Path string } `json:"attachments"`
	Labels        map[string]any          `json:"labels"`
	Extra         map[string]any          `json:"extra"`
}

type ctrfAttempt struct {
	Status  string `json:"status"`
	Message string `json:"message"`
	Trace   string `json:"trace"`
}

// readCTRF reads the tests one by one.
func readCTRF(r io.Reader, out *Report, each Each) error {
	dec := json.NewDecoder(r)
	names := ctrfNames{}
	err := members(dec, func(member string) error {
		if member != "results" {
			return skipValue(dec)
		}
		return members(dec, func(member string) error {
			switch member {
			case "tests":
				return elements(dec, func() error {
					var t ctrfTest
					if err := dec.Decode(&t); err != nil {
						return err
					}
					saysAttempts := t.Flaky != nil || t.Retries != nil
					c := t.toCase()
					if saysAttempts {
						c.Within += names.number(c)
					}
					return each(c)
				})
			case "environment":
				var env struct{ Commit string }
				if err := dec.Decode(&env); err != nil {
					return err
				}
				out.Commit = name(env.Commit)
				return nil
			}
			return skipValue(dec)
		})
	})
	return jsonError(err, dec)
}

// expectsFailure reports whether a test of Playwright is marked as one that fails.
func (t *ctrfTest) expectsFailure() bool {
	all, _ := t.Extra["annotations"].([]any)
	return slices.ContainsFunc(all, func(one any) bool {
		annotation, _ := one.(map[string]any)
		return annotation["type"] == "fail"
	})
}

// correct sets the result of a test that is expected to fail, which reporters of Playwright write as that of its last attempt: it
// passed when it failed, and the other way round.
func (t *ctrfTest) correct() {
	if !t.expectsFailure() {
		return
	}
	switch cmp.Or(t.RawStatus, t.Status) {
	case "failed":
		t.Status = "passed"
		t.Flaky = nil
		t.Retries = nil
		t.RetryAttempts = nil
	case "passed":
		t.Status = "failed"
		t.Message = cmp.Or(t.Message, "it passed, and is expected to fail")
	}
}

func (t *ctrfTest) toCase() *testresult.Case {
	t.correct()
	c := &testresult.Case{
		Suite: name(suiteOf(t.Suite)), File: name(t.FilePath), Name: name(t.Name), ID: name(t.ID),
		Duration: time.Duration(max(0, min(t.Duration, 1e10)) * float64(time.Millisecond)),
	}
	c.Within = within(t.Suite, t.Parameters)
	passed := t.Status == "passed"
	for _, a := range t.RetryAttempts {
		if a.Status == "failed" || a.Status == "" && a.Message != "" {
			c.Failures = append(c.Failures, failureOf(a.Message, a.Trace))
		}
	}
	switch {
	case t.Status == "failed":
		c.Outcome = testresult.Failed
		c.Failures = append(c.Failures, failureOf(t.Message, t.Trace))
	case passed && (isSet(t.Flaky) || len(c.Failures) > 0 || isSet(t.Retries)):
		c.Outcome = testresult.Flaky
	case passed:
		c.Outcome = testresult.Passed
	default: // skipped, pending, other
		c.Outcome = testresult.NotRun
	}
	if len(c.Failures) > testresult.MaxFailures {
		c.Failures = c.Failures[len(c.Failures)-testresult.MaxFailures:]
	}
	if t.Browser != "" {
		c.Properties = append(c.Properties, testresult.Property{Name: "variant", Value: name(t.Browser)})
	}
	addFacts(c, t.Labels)
	addFacts(c, t.Extra)
	for _, a := range t.Attachments {
		if a.Path != "" && len(c.Attachments) < testresult.MaxAttachments {
			c.Attachments = append(c.Attachments, name(a.Path))
		}
	}
	return c
}

// isSet reports whether a member is there, and is neither false nor 0.
func isSet[T comparable](member *T) bool {
	var zero T
	return member != nil && *member != zero
}

// ctrfNames counts the tests of each name, by a hash. A test that says whether it was retried has all its attempts: another one of
// its name in the report is another test.
type ctrfNames map[[sha256.Size]byte]int

// number returns what separates a test from others of its name; empty for the first one.
func (n ctrfNames) number(c *testresult.Case) string {
	key := sha256.Sum256([]byte(strings.Join([]string{c.ID, c.Within, c.File, c.Name, c.Property("variant")}, "\x00")))
	n[key]++
	if n[key] == 1 {
		return ""
	}
	return fmt.Sprint("#", n[key])
}

func failureOf(message, trace string) testresult.Failure {
	return testresult.Failure{Message: long(message, testresult.MaxMessage), Text: long(trace, testresult.MaxText)}
}

// within returns what separates tests of one name beside their innermost suite: those around it, and parameters.
func within(suite, parameters json.RawMessage) string {
	if len(suite) == 0 && len(parameters) == 0 {
		return ""
	}
	sum := sha256.Sum256(slices.Concat(suite, []byte{0}, parameters))
	return string(sum[:16])
}

// suiteOf returns the innermost name of a suite: a text, or a list of texts.
func suiteOf(raw json.RawMessage) string {
	var one string
	if json.Unmarshal(raw, &one) == nil {
		return one
	}
	var path []string
	if json.Unmarshal(raw, &path) == nil && len(path) > 0 {
		return path[len(path)-1]
	}
	return ""
}

// addFacts adds members with simple values as properties.
func addFacts(c *testresult.Case, facts map[string]any) {
	for member, value := range sorted(facts) {
		switch value.(type) {
		case string, float64, bool:
			if len(c.Properties) < testresult.MaxProperties {
				c.Properties = append(c.Properties, testresult.Property{
					Name: name(member), Value: long(fmt.Sprint(value), testresult.MaxMessage),
				})
			}
		}
	}
}

// errNotJSON is the error of JSON of another shape than the format's.
var errNotJSON = errors.New("another shape of JSON is expected here")
