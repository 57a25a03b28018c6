// SPDX-License-Identifier: Apache-2.0

package slack

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"

	"github.com/slack-go/slack"

	"github.com/voiceai-dev/integrations-operator/internal/fault"
	"github.com/voiceai-dev/integrations-operator/internal/text"
	"github.com/voiceai-dev/integrations-operator/internal/transport"
)

const (
	rateLimitedMessage = "Slack is rate-limiting requests"
	checkURL           = "Check apiURL, and whether a proxy is in between."
	unexpectedAnswer   = "Slack's answer was not understood. " + checkURL
)

// classify turns an error of slack-go into a fault. sent reports whether the request may have had an effect.
func classify(err error, channel string, sent func() bool) error {
	var rate *slack.RateLimitedError
	var api slack.SlackErrorResponse
	var status slack.StatusCodeError
	var number *strconv.NumError
	switch {
	case errors.As(err, &rate):
		f := fault.New(fault.RateLimited, rateLimitedMessage)
		f.Scope = fault.Endpoint
		f.Code = "429"
		f.RetryAfter = rate.RetryAfter
		return f
	case errors.As(err, &api):
		return byResponse(&api, channel, sent)
	case errors.As(err, &status):
		return byStatus(status.Code, sent)
	case errors.As(err, &number): // a 429 whose Retry-After is a date
		return byStatus(http.StatusTooManyRequests, sent)
	case !isAnswer(err):
		return unanswered(err, sent)
	case sent():
		return fault.New(fault.Ambiguous, unexpectedAnswer)
	default:
		return fault.New(fault.Unavailable, unexpectedAnswer)
	}
}

// isAnswer reports whether err comes from an answer, though a malformed one.
func isAnswer(err error) bool {
	var syntax *json.SyntaxError
	var form *json.UnmarshalTypeError
	return errors.As(err, &syntax) || errors.As(err, &form)
}

// byResponse returns the fault for an answer of the Web API that is not ok.
func byResponse(r *slack.SlackErrorResponse, channel string, sent func() bool) error {
	m, ok := codes[r.Err]
	if !ok {
		code := text.Truncate(r.Err, 100)
		return &fault.Fault{Kind: fault.Invalid, Code: code, Message: fmt.Sprintf("Slack refused the request (%s)", code)}
	}
	if m.kind == fault.Ambiguous && !sent() {
		m.kind = fault.Unavailable
		m.message = "Slack had an internal error"
	}
	var details []string
	if r.Needed != "" {
		details = append(details, fmt.Sprintf("needs %s, has %s", text.Truncate(r.Needed, 200), text.Truncate(r.Provided, 300)))
	}
	if messages := strings.Join(r.ResponseMetadata.Messages, "; "); messages != "" {
		details = append(details, text.Truncate(messages, 400))
	}
	return m.fault(r.Err, channel, details...)
}

// byStatus returns the fault for an answer with a status other than 200.
func byStatus(code int, sent func() bool) error {
	f := &fault.Fault{Kind: fault.Unavailable, Code: fmt.Sprint(code)}
	switch {
	case code == http.StatusTooManyRequests:
		f.Kind = fault.RateLimited
		f.Scope = fault.Endpoint
		f.Message = rateLimitedMessage
	// 408 and 409 are a proxy's, which may have passed the message on.
	case (code >= 500 || code == http.StatusRequestTimeout || code == http.StatusConflict) && sent():
		f.Kind = fault.Ambiguous
		f.Message = fmt.Sprintf("Slack answered with status %d and may have posted the message", code)
	case code >= 500:
		f.Message = fmt.Sprintf("Slack answered with status %d", code)
	default:
		f.Message = fmt.Sprintf("Slack answered with status %d. %s", code, checkURL)
	}
	return f
}

// unanswered returns the fault for a call without an answer.
func unanswered(err error, sent func() bool) error {
	if refusal := transport.RefusalOf(err); refusal != nil {
		return refusal
	}
	if sent() {
		return fault.New(fault.Ambiguous, "Slack received the message but did not answer: %v", transport.Cause(err))
	}
	if transport.IsTooLong(err) {
		return fault.New(fault.Unavailable, "Slack's answer was cut off: %v", transport.Cause(err))
	}
	return fault.New(fault.Unavailable, "Slack could not be reached or did not answer: %v", transport.Cause(err))
}
