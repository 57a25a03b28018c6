// SPDX-License-Identifier: Apache-2.0

package event

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

const (
	// maxResult bounds a result, in bytes: as much as Kubernetes stores of a termination message.
	maxResult = 4 << 10
	// maxCommit bounds a commit, in characters: as much as an outcome of a Defect's test has.
	maxCommit = 64
	// maxDuration bounds the duration in a result, in seconds.
	maxDuration = 1e9
)

// Result is what a test run reports of itself. Counts that it does not report are nil.
type Result struct {
	Passed, Failed, Skipped, Total *int64
	// SaysFailed is true when the result says that something failed and no count of it can be read.
	SaysFailed bool
	// DurationSeconds is how long the run took; nil when it does not report it.
	DurationSeconds *float64
	// ReportURL is the address of its report; empty when there is none.
	ReportURL string
	// Commit is what was tested; empty when it is not known.
	Commit string
	// Ended is how a Pod of the run failed, such as by OOMKilled; empty when failed tests explain it.
	Ended string
}

// Trouble returns in one line how a Pod failed, and what cannot be read of the result; empty when nothing is wrong.
func (r Result) Trouble(malformed error) string {
	var ended error
	if r.Ended != "" {
		ended = errors.New(r.Ended)
	}
	if joined := joinProblems([]error{ended, malformed}); joined != nil {
		return truncate(joined.Error())
	}
	return ""
}

// IsFailed reports whether the result says that something failed.
func (r Result) IsFailed() bool { return r.SaysFailed || r.Failed != nil && *r.Failed > 0 }

// HasCounts reports whether the result says how many tests there were.
func (r Result) HasCounts() bool { return r.Passed != nil || r.Failed != nil || r.Total != nil }

// resultForm is what a result should look like.
const resultForm = `Write a JSON object such as {"passed": 10, "failed": 0}`

// ParseResult parses a result: a JSON object, or the last line that is one and has a count. It returns all that can be
// read. The error says what cannot be, nil when nothing is wrong.
func ParseResult(s string) (Result, error) {
	if len(s) > maxResult {
		return Result{}, fmt.Errorf("the result has more than %d bytes", maxResult)
	}
	if members, ok := parseObject(s); ok {
		return readResult(members)
	}
	for _, line := range slices.Backward(strings.Split(s, "\n")) {
		if members, ok := parseObject(line); ok {
			if r, err := readResult(members); r.HasCounts() || r.SaysFailed {
				return r, err
			}
		}
	}
	return Result{}, errors.New("the result is not a JSON object. " + resultForm)
}

// parseObject parses a JSON object. Names are in lower case, and of those that differ in case only one is kept.
func parseObject(s string) (map[string]json.RawMessage, bool) {
	var members map[string]json.RawMessage
	if err := json.Unmarshal([]byte(strings.TrimPrefix(s, "\ufeff")), &members); err != nil || members == nil {
		return nil, false
	}
	out := make(map[string]json.RawMessage, len(members))
	for name, raw := range members {
		lower := strings.ToLower(name)
		if _, taken := out[lower]; string(raw) != "null" && (!taken || name == lower) {
			out[lower] = raw
		}
	}
	return out, true
}

// spellings are other names of the counts, as JUnit and test frameworks write them. Those of one count add up.
var spellings = []struct {
	count string
	names []string
}{
	{"passed", []string{"pass", "passes", "successes", "succeeded"}},
	{"failed", []string{"fail", "failures", "errors", "errored", "broken"}},
	{"skipped", []string{"skip", "skips", "pending", "ignored"}},
	{"total", []string{"tests"}},
}

// verdicts are members that say in a word or a boolean how the run ended.
var verdicts = []string{"result", "status", "outcome", "conclusion", "success", "ok", "passed"}

// readResult reads the members of a result.
func readResult(members map[string]json.RawMessage) (Result, error) {
	var r Result
	var problems []error
	into := map[string]**int64{"passed": &r.Passed, "failed": &r.Failed, "skipped": &r.Skipped, "total": &r.Total}
	for _, s := range spellings {
		n, err := readCount(members, s.count)
		problems = append(problems, err)
		if n == nil && err == nil {
			n, err = readOtherSpellings(members, s.count, s.names)
			problems = append(problems, err)
		}
		*into[s.count] = n
		if s.count == "failed" && n == nil && err != nil {
			r.SaysFailed = true
		}
	}
	r.SaysFailed = r.SaysFailed || slices.ContainsFunc(verdicts, func(name string) bool { return isNegative(members[name]) })
	problems = append(problems, readDetails(members, &r)...)
	if !r.HasCounts() {
		problems = append(problems, errors.New("no count was found in the result. "+resultForm))
	}
	return r, joinProblems(problems)
}

// readDetails reads what a result has beside its counts, and returns what cannot be read.
func readDetails(members map[string]json.RawMessage, r *Result) (problems []error) {
	if raw, ok := members["durationseconds"]; ok {
		n, err := number(raw)
		if err != nil || n < 0 || n > maxDuration {
			problems = append(problems, fmt.Errorf("durationSeconds of the result must be a number of seconds, not %s", truncate(string(raw))))
		} else {
			r.DurationSeconds = &n
		}
	}
	if raw, ok := members["reporturl"]; ok {
		if err := json.Unmarshal(raw, &r.ReportURL); err != nil || r.ReportURL != "" && !isURL(r.ReportURL) {
			r.ReportURL = ""
			problems = append(problems, fmt.Errorf("reportURL of the result must be an http or https address of at most %d bytes", maxURL))
		}
	}
	if raw, ok := members["commit"]; ok {
		if err := json.Unmarshal(raw, &r.Commit); err != nil || utf8.RuneCountInString(r.Commit) > maxCommit {
			r.Commit = ""
			problems = append(problems, fmt.Errorf("commit of the result must be a text of at most %d characters", maxCommit))
		}
	}
	return problems
}

// readCount returns a count, nil when it is not there.
func readCount(members map[string]json.RawMessage, name string) (*int64, error) {
	raw, ok := members[name]
	if !ok {
		return nil, nil
	}
	n, err := number(raw)
	if err != nil || n < 0 || n > math.MaxInt32 || n != math.Trunc(n) {
		return nil, fmt.Errorf("%s of the result must be a whole number from 0 on, not %s", name, truncate(string(raw)))
	}
	whole := int64(n)
	return &whole, nil
}

// readOtherSpellings returns the sum of a count's other spellings, nil when there is none. The error says how it should
// be spelled, also when it was read.
func readOtherSpellings(members map[string]json.RawMessage, count string, names []string) (*int64, error) {
	var sum *int64
	var found []string
	for _, name := range names {
		n, err := readCount(members, name)
		if err != nil || n == nil { // such as a list of errors
			continue
		}
		if sum == nil {
			sum = new(int64)
		}
		*sum = min(*sum+*n, math.MaxInt32)
		found = append(found, name)
	}
	if sum == nil {
		return nil, nil
	}
	return sum, fmt.Errorf("no count was found as %s: %s was read instead", count, strings.Join(found, " + "))
}

// number reads a number, or a text that is one.
func number(raw json.RawMessage) (float64, error) {
	var text string
	if json.Unmarshal(raw, &text) == nil {
		n, err := strconv.ParseFloat(strings.TrimSpace(text), 64)
		if err == nil && (math.IsNaN(n) || math.IsInf(n, 0)) {
			err = errors.New("not a number")
		}
		return n, err
	}
	var n float64
	err := json.Unmarshal(raw, &n)
	return n, err
}

// isNegative reports whether a member says that the run did not succeed.
func isNegative(raw json.RawMessage) bool {
	var text string
	if json.Unmarshal(raw, &text) == nil {
		switch strings.ToLower(strings.TrimSpace(text)) {
		case "fail", "failed", "failure", "error", "errored", "broken":
			return true
		}
		return false
	}
	return string(raw) == "false"
}

// joinProblems joins errors in one line, without those that are nil.
func joinProblems(problems []error) error {
	var texts []string
	for _, err := range problems {
		if err != nil && !slices.Contains(texts, err.Error()) {
			texts = append(texts, err.Error())
		}
	}
	if len(texts) == 0 {
		return nil
	}
	return errors.New(strings.Join(texts, "; "))
}

// isURL reports whether s is an http or https address that an event can hold.
func isURL(s string) bool {
	u, err := url.Parse(s)
	return err == nil && u.Host != "" && (u.Scheme == "https" || u.Scheme == "http") && len(s) <= maxURL
}

// All returns the number of tests; nil when it is neither reported nor the sum of what is.
func (r Result) All() *int64 {
	if r.Total != nil || r.Passed == nil && r.Failed == nil {
		return r.Total
	}
	var sum int64
	for _, n := range []*int64{r.Passed, r.Failed, r.Skipped} {
		if n != nil {
			sum += *n
		}
	}
	return &sum
}
