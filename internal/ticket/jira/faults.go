// SPDX-License-Identifier: Apache-2.0

package jira

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"slices"
	"strings"
	"time"

	jira "github.com/andygrunwald/go-jira"

	"github.com/voiceai-dev/integrations-operator/internal/fault"
	"github.com/voiceai-dev/integrations-operator/internal/text"
	"github.com/voiceai-dev/integrations-operator/internal/transport"
)

// maxError bounds how much of an error's body is read.
const maxError = 64 << 10

// scopeMismatch is part of the answer to a call for which a token lacks the scope. Other calls may be allowed.
const scopeMismatch = "scope does not match"

// checkURL is the advice for an answer that is not Jira's.
const checkURL = "Check apiURL, and whether a proxy is in between."

// classify turns a failed call into a fault. sent reports whether the request may have had an effect.
func classify(res *jira.Response, err error, sent func() bool) error {
	var moved *movedError
	refused := transport.RefusalOf(err)
	switch {
	case refused != nil:
		return refused
	case errors.As(err, &moved):
		return moved.fault()
	case res == nil && sent():
		return fault.New(fault.Ambiguous, "Jira received the request but did not answer: %v", transport.Cause(err))
	case res == nil:
		return fault.New(fault.Unavailable, "Jira could not be reached or did not answer: %v", transport.Cause(err))
	}
	unclear := fault.Unavailable
	if sent() {
		unclear = fault.Ambiguous
	}
	f := &fault.Fault{Kind: unclear, Code: fmt.Sprint(res.StatusCode), RetryAfter: fault.RetryAfter(res.Header, time.Now())}
	switch {
	case res.StatusCode >= 400:
		refusal(f, res, unclear)
	case transport.IsTooLong(err):
		f.Message = "Jira's answer was cut off"
		f.Err = transport.Cause(err)
	case isMalformed(err):
		f.Message = "Jira's answer was not understood. " + checkURL
	default:
		f.Message = fmt.Sprintf("Jira's answer was cut off: %v", transport.Cause(err))
	}
	return f
}

// refusal fills in the fault of an answer with a status of 400 or more. unclear is the kind of fault if it is
// unknown whether the request had an effect.
func refusal(f *fault.Fault, res *jira.Response, unclear fault.Kind) {
	code := res.StatusCode
	explanation, fields := explain(res)
	advice := ""
	switch {
	case code == http.StatusUnauthorized && strings.Contains(explanation, scopeMismatch):
		f.Kind = fault.Unauthorized
		f.Scope = fault.Endpoint
		f.Message = "The token lacks a scope that this call needs"
		advice = "Create a token with the scopes of the documentation and put it into the Secret."
	case code == http.StatusUnauthorized:
		f.Kind = fault.Unauthorized
		f.Scope = fault.Connection
		f.Message = "Jira rejected the credentials"
		// Its explanation is such as that the client must be authenticated, as if there were no credentials.
		explanation = ""
		if why := res.Header.Get("X-Authentication-Denied-Reason"); why != "" { // Data Center requires a CAPTCHA after many failures
			explanation = ": " + text.Truncate(why, 200)
		}
		advice = "Check the user, or create a new token and put it into the Secret."
	case isForeign(res, explanation) && code < 500 && !leavesDoubt(code) && code != http.StatusTooManyRequests:
		f.Kind = fault.Unavailable // a proxy's page does not mean that the ticket is gone, or that Jira refuses the request
		f.Message = "Jira answered with an error"
	case code == http.StatusForbidden:
		f.Kind = fault.Unauthorized
		f.Message = "The account may not do this in Jira"
		advice = "Grant it the permission."
	case code == http.StatusNotFound, code == http.StatusGone:
		f.Kind = fault.NotFound
		f.Message = "Jira has no such object, or the account may not see it"
	case code == http.StatusConflict && unclear == fault.Ambiguous: // a new issue has no other editor, so its fate is unknown
		f.Kind = fault.Ambiguous
		f.Message = "Jira is processing another request"
	case code == http.StatusConflict:
		f.Kind = fault.Conflict
		f.Message = "Another change was made at the same time"
	case code == http.StatusTooManyRequests:
		f.Kind = fault.RateLimited
		f.Scope = scopeOf(res.Header.Get("RateLimit-Reason"))
		f.Message = "Jira is rate-limiting requests"
	case code == http.StatusRequestTimeout, code >= 500:
		f.Kind = unclear
		f.Message = "Jira answered with an error"
	default:
		f.Kind = fault.Invalid
		f.Fields = fields
		if len(fields) == 1 {
			f.Field = slices.Collect(maps.Keys(fields))[0]
		}
		f.Message = "Jira refused the request"
	}
	f.Message = fmt.Sprintf("%s (%d)%s", f.Message, code, explanation)
	if advice != "" {
		f.Message = strings.TrimSuffix(f.Message, ".") + ". " + advice
	}
}

// isForeign reports whether an answer is a page of something in between, such as a proxy whose Jira is down, and not
// Jira's: that is JSON, or XML where there is no such resource.
func isForeign(res *jira.Response, explanation string) bool {
	return strings.HasSuffix(explanation, checkURL) && !strings.Contains(res.Header.Get("Content-Type"), "xml")
}

// leavesDoubt reports whether a refusal with a status code may come after the request had an effect.
func leavesDoubt(code int) bool {
	return code == http.StatusRequestTimeout || code == http.StatusConflict
}

// isMalformed reports whether an answer was read and is not of the expected form, such as an empty one. It is false
// if reading failed.
func isMalformed(err error) bool {
	return !errors.Is(err, io.ErrUnexpectedEOF) && !errors.As(err, new(net.Error))
}

// scopeOf returns the scope of a rate limit (https://developer.atlassian.com/cloud/jira/platform/rate-limiting/).
func scopeOf(reason string) fault.Scope {
	switch {
	case reason == "jira-per-issue-on-write":
		return fault.Item
	case strings.HasPrefix(reason, "jira-quota"):
		return fault.Connection
	default:
		return fault.Endpoint
	}
}

// explain returns Jira's explanation of an error with a colon before it, and what it says about fields, by ID.
func explain(res *jira.Response) (explanation string, fields map[string]string) {
	raw, err := io.ReadAll(io.LimitReader(res.Body, maxError))
	if err != nil || len(raw) == 0 {
		return "", nil
	}
	var body struct {
		Message       string
		ErrorMessages []string
		Errors        map[string]json.RawMessage
	}
	if err := json.Unmarshal(raw, &body); err != nil {
		var syntax *json.SyntaxError
		if errors.As(err, &syntax) && !strings.HasPrefix(res.Header.Get("Content-Type"), "application/json") {
			return ": the answer is not JSON. " + checkURL, nil
		}
		return "", nil
	}
	parts := slices.Clone(body.ErrorMessages)
	if body.Message != "" { // of Atlassian's gateway
		parts = append(parts, body.Message)
	}
	if len(body.Errors) > 0 {
		fields = map[string]string{}
	}
	for _, k := range slices.Sorted(maps.Keys(body.Errors)) { // in the same order each time
		var message string
		if json.Unmarshal(body.Errors[k], &message) != nil {
			message = string(body.Errors[k])
		}
		parts = append(parts, k+": "+message)
		fields[k] = text.Truncate(message, 200)
	}
	if len(parts) == 0 {
		return "", fields
	}
	return ": " + text.Truncate(strings.Join(parts, "; "), 600), fields
}

// incomplete returns the fault of an answer without what it has to contain.
func incomplete(what string) *fault.Fault {
	return fault.New(fault.Unavailable, "Jira's answer does not contain %s. %s", what, checkURL)
}
