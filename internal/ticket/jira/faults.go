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

// maxError bounds what is read of an error's body.
const maxError = 64 << 10

// classify turns a failed call into a fault. sent says whether the request may have had an effect.
func classify(res *jira.Response, err error, sent func() bool) error {
	unclear := fault.Unavailable
	if sent() {
		unclear = fault.Ambiguous
	}
	if res == nil {
		if sent() {
			return fault.New(fault.Ambiguous, "Jira was sent the request and did not answer: %v", transport.Cause(err))
		}
		return fault.New(fault.Unavailable, "Jira could not be reached or did not answer: %v", transport.Cause(err))
	}
	code := res.StatusCode
	f := &fault.Fault{Code: fmt.Sprint(code), RetryAfter: fault.RetryAfter(res.Header, time.Now())}
	if code < 400 {
		f.Kind, f.Message = unclear, "Jira's answer was not understood: is apiURL right, or is a proxy in between?"
		if !malformed(err) {
			f.Message = fmt.Sprintf("Jira's answer could not be read to its end: %v", transport.Cause(err))
		}
		return f
	}
	said, field := explanation(res)
	switch {
	case code == http.StatusUnauthorized:
		f.Kind, f.Scope = fault.Unauthorized, fault.Connection
		f.Message = "Jira refused the credentials (401): make a new token and put it into the Secret" + said
		if why := res.Header.Get("X-Authentication-Denied-Reason"); why != "" { // Data Center wants a CAPTCHA solved after many failures
			f.Message += ": " + text.Truncate(why, 200)
		}
	case code == http.StatusForbidden:
		f.Kind, f.Message = fault.Unauthorized, "the account may not do this in Jira (403): give it the permission"+said
	case code == http.StatusNotFound, code == http.StatusGone:
		f.Kind, f.Message = fault.NotFound, fmt.Sprintf("Jira does not have it, or the account may not see it (%d)%s", code, said)
	case code == http.StatusConflict && sent(): // nobody else can have changed what is to be made: it does not say what became of it
		f.Kind, f.Message = unclear, "Jira had something else under way (409)"+said
	case code == http.StatusConflict:
		f.Kind, f.Message = fault.Conflict, "somebody changed it at the same time (409)"+said
	case code == http.StatusTooManyRequests:
		f.Kind, f.Scope = fault.RateLimited, scopeOf(res.Header.Get("RateLimit-Reason"))
		f.Message = "Jira asks to wait (429)" + said
	case code == http.StatusRequestTimeout, code >= 500:
		f.Kind, f.Message = unclear, fmt.Sprintf("Jira answered with status %d%s", code, said)
	default:
		f.Kind, f.Field = fault.Invalid, field
		f.Message = fmt.Sprintf("Jira refused the request (%d)%s", code, said)
	}
	return f
}

// malformed says whether an answer was read and is not what was asked for. Reading it may also have failed. No answer where one has to be,
// and one without success that is no failure either, count as the former.
func malformed(err error) bool {
	return !errors.As(err, new(*http.MaxBytesError)) && !errors.Is(err, io.ErrUnexpectedEOF) && !errors.As(err, new(net.Error))
}

// scopeOf is how much a rate limit concerns (https://developer.atlassian.com/cloud/jira/platform/rate-limiting/).
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

// explanation is what Jira says was wrong, with a colon before it, and the field when it names exactly one.
func explanation(res *jira.Response) (said, field string) {
	raw, err := io.ReadAll(io.LimitReader(res.Body, maxError))
	if err != nil || len(raw) == 0 {
		return "", ""
	}
	var body struct {
		ErrorMessages []string
		Errors        map[string]json.RawMessage
	}
	if err := json.Unmarshal(raw, &body); err != nil {
		var syntax *json.SyntaxError
		if errors.As(err, &syntax) && !strings.HasPrefix(res.Header.Get("Content-Type"), "application/json") {
			return ": it sent a page instead of JSON; is apiURL right, or is a proxy in between?", ""
		}
		return "", ""
	}
	parts := slices.Clone(body.ErrorMessages)
	for _, k := range slices.Sorted(maps.Keys(body.Errors)) { // in the same order each time
		var text string
		if json.Unmarshal(body.Errors[k], &text) != nil {
			text = string(body.Errors[k])
		}
		parts = append(parts, k+": "+text)
		field = k
	}
	if len(body.Errors) != 1 {
		field = ""
	}
	if len(parts) == 0 {
		return "", field
	}
	return ": " + text.Truncate(strings.Join(parts, "; "), 600), field
}
