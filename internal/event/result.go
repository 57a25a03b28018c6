package event

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"net/url"
)

const (
	// maxResult bounds a result, in bytes: as much as Kubernetes stores of a termination message.
	maxResult = 4 << 10
	// maxDuration bounds the duration in a result, in seconds.
	maxDuration = 1e9
)

// Result is what a test run reports of itself. Counts that it does not report are nil.
type Result struct {
	Passed, Failed, Skipped, Total *int64
	// DurationSeconds is how long the run took; nil when it does not report it.
	DurationSeconds *float64
	// ReportURL is the address of its report; empty when there is none.
	ReportURL string
}

// ParseResult parses a result, which is JSON. The error names the member that is wrong.
func ParseResult(s string) (Result, error) {
	if len(s) > maxResult {
		return Result{}, fmt.Errorf("the result has %d bytes, more than %d", len(s), maxResult)
	}
	var members map[string]json.RawMessage
	if err := json.Unmarshal([]byte(s), &members); err != nil {
		return Result{}, errors.New(`the result is not a JSON object such as {"passed": 10, "failed": 0}`)
	}
	var r Result
	for _, count := range []struct {
		name string
		into **int64
	}{{"passed", &r.Passed}, {"failed", &r.Failed}, {"skipped", &r.Skipped}, {"total", &r.Total}} {
		raw, ok := member(members, count.name)
		if !ok {
			continue
		}
		var n float64
		if err := json.Unmarshal(raw, &n); err != nil || n < 0 || n > math.MaxInt32 || n != math.Trunc(n) {
			return Result{}, fmt.Errorf("%s of the result must be a whole number from 0 on, not %s", count.name, truncate(string(raw)))
		}
		whole := int64(n)
		*count.into = &whole
	}
	if raw, ok := member(members, "durationSeconds"); ok {
		var n float64
		if err := json.Unmarshal(raw, &n); err != nil || n < 0 || n > maxDuration {
			return Result{}, fmt.Errorf("durationSeconds of the result must be a number of seconds, not %s", truncate(string(raw)))
		}
		r.DurationSeconds = &n
	}
	if raw, ok := member(members, "reportURL"); ok {
		if err := json.Unmarshal(raw, &r.ReportURL); err != nil || r.ReportURL != "" && !isURL(r.ReportURL) {
			return Result{}, errors.New("reportURL of the result must be an http or https address")
		}
	}
	return r, nil
}

// member returns a member of a JSON object, and whether it is there and not null.
func member(members map[string]json.RawMessage, name string) (json.RawMessage, bool) {
	raw, ok := members[name]
	return raw, ok && string(raw) != "null"
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
