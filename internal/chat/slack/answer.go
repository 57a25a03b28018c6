// SPDX-License-Identifier: Apache-2.0

package slack

import (
	"bytes"
	"encoding/json"
	"fmt"
	"mime"
	"net/http"
	"strings"
	"time"

	"github.com/voiceai-dev/integrations-operator/internal/fault"
	"github.com/voiceai-dev/integrations-operator/internal/text"
)

const (
	// maxAnswer bounds how much of a webhook's answer is read. Slack answers with a word or a small JSON object.
	maxAnswer = 16 << 10
	// maxStrangeAnswers is how often a message is posted to a URL that neither accepts nor refuses it.
	maxStrangeAnswers = 3
)

// webhookAnswer is the body of a webhook's answer.
type webhookAnswer struct {
	// accepts and refuses report whether the body says that the message was accepted, or that it was not.
	accepts, refuses bool
	// word is the error code in the body, or all of a body that is not JSON.
	word    string
	details []string
}

// acceptances are the words for an accepted message: Slack's own, and those of servers compatible with it.
var acceptances = map[string]bool{"": true, "ok": true, "success": true, "accepted": true}

// readAnswer reads the body of a webhook's answer. Incoming webhooks of Slack answer with a word. Slack's workflow
// triggers and some compatible servers answer with a JSON object or string.
func readAnswer(body []byte) webhookAnswer {
	body = bytes.TrimSpace(body)
	out := webhookAnswer{word: string(body)}
	var quoted string
	if json.Unmarshal(body, &quoted) == nil {
		out.word = strings.TrimSpace(quoted)
	}
	var object struct {
		OK       any `json:"ok"`
		Success  any `json:"success"`
		Status   any `json:"status"`
		Error    any `json:"error"`
		Metadata struct {
			Messages []string `json:"messages"`
		} `json:"response_metadata"`
	}
	if bytes.HasPrefix(body, []byte("{")) && json.Unmarshal(body, &object) == nil {
		status, _ := object.Status.(string)
		out.word, _ = object.Error.(string)
		out.details = object.Metadata.Messages
		out.refuses = object.OK == false || object.Success == false
		out.accepts = !out.refuses && out.word == "" &&
			(object.OK == true || object.Success == true || status != "" && acceptances[strings.ToLower(status)])
		return out
	}
	out.accepts = acceptances[strings.ToLower(out.word)]
	return out
}

// judge classifies an answer by what its body says, or by its status if that is not known. It returns nil if the
// message was accepted.
func (w *webhook) judge(res *http.Response, a webhookAnswer) error {
	isSuccess := res.StatusCode/100 == 2
	meaning, isCode := codes[a.word]
	if isSuccess && !a.accepts && !a.refuses && !isCode {
		return w.strangeAnswer(res)
	}
	w.notSlack.Store(0)
	retryAfter := fault.RetryAfter(res.Header, time.Now())
	switch {
	case isSuccess && a.accepts:
		return nil
	case isCode:
		f := meaning.fault(a.word, "of the webhook", a.detail()...)
		if f.Kind == fault.RateLimited {
			f.RetryAfter = max(f.RetryAfter, retryAfter)
		}
		return f
	case a.refuses && (isSuccess || res.StatusCode == http.StatusBadRequest):
		return a.refusal()
	default:
		return webhookStatusFault(res.StatusCode, retryAfter)
	}
}

// refusal returns the fault for an answer that refuses the message with a code that is not known, or without one.
func (a webhookAnswer) refusal() *fault.Fault {
	f := fault.New(fault.Invalid, "The webhook refused the message")
	if a.word != "" {
		f.Code = text.Truncate(a.word, 100)
		f.Message += " (" + f.Code + ")"
	}
	for _, d := range a.detail() {
		f.Message += ": " + d
	}
	return f
}

// detail returns what the answer says about an error code; at most one text.
func (a webhookAnswer) detail() []string {
	if len(a.details) == 0 {
		return nil
	}
	return []string{text.Truncate(strings.Join(a.details, "; "), 400)}
}

// strangeAnswer returns the fault for an answer that is a success but does not say that the message was accepted, as
// from a login page, a proxy or an API that is not an incoming webhook. A few in a row mean that the URL is wrong.
func (w *webhook) strangeAnswer(res *http.Response) *fault.Fault {
	form, _, err := mime.ParseMediaType(res.Header.Get("Content-Type"))
	if err != nil {
		form = "an unknown content type"
	}
	f := &fault.Fault{
		Kind: fault.Ambiguous, Code: fmt.Sprint(res.StatusCode), MaxAttempts: maxStrangeAnswers,
		Message: fmt.Sprintf("This is not an incoming webhook: the URL answered with status %d and %s, not with ok. "+
			"Put the URL of an incoming webhook into the Secret, and check whether a proxy is in between.",
			res.StatusCode, text.Truncate(form, 100)),
	}
	if w.notSlack.Add(1) >= maxStrangeAnswers {
		f.Kind = badWebhook.kind
		f.Scope = badWebhook.scope
	}
	return f
}

// webhookStatusFault returns the fault for an answer whose body is not understood, and whose status is not a success.
func webhookStatusFault(status int, retryAfter time.Duration) *fault.Fault {
	f := &fault.Fault{Code: fmt.Sprint(status)}
	switch status {
	case http.StatusTooManyRequests:
		f.Kind = fault.RateLimited
		f.Scope = fault.Endpoint
		f.RetryAfter = retryAfter
		f.Message = rateLimitedMessage
	case http.StatusNotFound, http.StatusGone, http.StatusForbidden, http.StatusUnauthorized:
		f.Kind = badWebhook.kind
		f.Scope = badWebhook.scope
		f.Message = fmt.Sprintf("%s (status %d). %s", badWebhook.message, status, badWebhook.advice)
	default:
		f.Kind = fault.Invalid
		f.Message = fmt.Sprintf("Slack refused the webhook's message with status %d", status)
		if status >= 500 || status == http.StatusRequestTimeout {
			f.Kind = fault.Ambiguous
			f.RetryAfter = retryAfter
			f.Message = fmt.Sprintf("Slack answered the webhook with status %d", status)
		}
	}
	return f
}
