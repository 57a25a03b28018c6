package slack

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/slack-go/slack"

	"github.com/voiceai-dev/integrations-operator/internal/fault"
	"github.com/voiceai-dev/integrations-operator/internal/text"
	"github.com/voiceai-dev/integrations-operator/internal/transport"
)

// limitPause is how long to wait after message_limit_exceeded, which comes without a time.
const limitPause = 10 * time.Minute

// meaning is what an error code means. Its message has %s for the channel.
type meaning struct {
	kind    fault.Kind
	scope   fault.Scope
	message string
}

var (
	mendToken   = meaning{fault.Unauthorized, fault.Connection, "Slack does not take the bot token: install the app again and put its new token into the Secret"}
	mendWebhook = meaning{fault.Unauthorized, fault.Connection, "Slack does not know the incoming webhook any more: make a new one and put its URL into the Secret"}
	notAllowed  = meaning{fault.Unauthorized, fault.Endpoint, "the workspace does not allow the app to post to %s: an admin of the workspace has to"}
	badMessage  = meaning{fault.Invalid, fault.Item, "Slack refused the message for what it is"}
	tryLater    = meaning{fault.Unavailable, fault.Item, "Slack cannot take the message now"}
	perhaps     = meaning{fault.Ambiguous, fault.Item, "Slack had an error of its own and may have posted the message"}
)

// codes are the errors of chat.postMessage (https://docs.slack.dev/reference/methods/chat.postMessage#errors) and of incoming webhooks
// (https://docs.slack.dev/messaging/sending-messages-using-incoming-webhooks#handling_errors).
var codes = map[string]meaning{
	"channel_not_found": {fault.NotFound, fault.Endpoint, "channel %s does not exist, or is private and the bot is not in it: check the name, or invite the bot with /invite"},
	"not_in_channel":    {fault.NotFound, fault.Endpoint, "the bot is not in channel %s: invite it there with /invite"},
	"is_archived":       {fault.NotFound, fault.Endpoint, "channel %s is archived: bring it back, or name another"}, "channel_is_archived": {fault.NotFound, fault.Endpoint, "channel %s is archived: bring it back, or name another"},
	"user_not_found": {fault.NotFound, fault.Endpoint, "user %s does not exist"}, "message_not_found": {fault.NotFound, fault.Item, "the message is not there any more"},

	"not_authed": mendToken, "invalid_auth": mendToken, "account_inactive": mendToken, "token_revoked": mendToken, "token_expired": mendToken,
	"ekm_access_denied": mendToken, "no_permission": mendToken, "org_login_required": mendToken, "team_access_not_granted": mendToken,
	"missing_scope": {fault.Unauthorized, fault.Connection, "the bot token lacks a scope: add it to the app and install it again"},

	"no_service": mendWebhook, "no_service_id": mendWebhook, "no_active_hooks": mendWebhook, "no_team": mendWebhook, "team_disabled": mendWebhook, "invalid_token": mendWebhook,

	"action_prohibited": notAllowed, "posting_to_general_channel_denied": notAllowed, "restricted_action": notAllowed,
	"restricted_action_read_only_channel": notAllowed, "restricted_action_thread_only_channel": notAllowed, "restricted_action_non_threadable_channel": notAllowed,

	"no_text": badMessage, "msg_too_long": badMessage, "invalid_blocks": badMessage, "invalid_blocks_format": badMessage, "msg_blocks_too_long": badMessage,
	"too_many_attachments": badMessage, "metadata_too_large": badMessage, "invalid_metadata_format": badMessage, "invalid_metadata_schema": badMessage,
	"invalid_payload": badMessage, "invalid_arguments": badMessage, "cant_update_message": badMessage, "edit_window_closed": badMessage,

	"ratelimited": {fault.RateLimited, fault.Endpoint, "Slack asks to wait before the next message"}, "rate_limited": {fault.RateLimited, fault.Endpoint, "Slack asks to wait before the next message"},
	"message_limit_exceeded": {fault.RateLimited, fault.Connection, "the workspace has reached its limit of messages"},

	"service_unavailable": tryLater, "request_timeout": tryLater, "team_added_to_org": tryLater,
	"fatal_error": perhaps, "internal_error": perhaps, "rollup_error": perhaps,
	"duplicate_message_not_found": perhaps, "duplicate_channel_not_found": perhaps, // it has seen the client_msg_id before
}

// byCode is the fault that an error code stands for, or nil when it is not known.
func byCode(code, channel string) *fault.Fault {
	m, ok := codes[code]
	if !ok {
		return nil
	}
	f := &fault.Fault{Kind: m.kind, Scope: m.scope, Code: code, Message: m.message}
	if strings.Contains(m.message, "%s") {
		f.Message = fmt.Sprintf(m.message, text.Truncate(channel, 81))
	}
	f.Message += " (" + code + ")"
	if code == "message_limit_exceeded" {
		f.RetryAfter = limitPause
	}
	return f
}

// classify turns an error of slack-go into a fault. sent says whether the request may have had an effect.
func classify(err error, channel string, sent func() bool) error {
	var limited *slack.RateLimitedError
	var api slack.SlackErrorResponse
	var status slack.StatusCodeError
	var number *strconv.NumError
	switch {
	case errors.As(err, &limited):
		return &fault.Fault{Kind: fault.RateLimited, Scope: fault.Endpoint, Code: "429", RetryAfter: limited.RetryAfter, Message: "Slack asks to wait before the next message"}
	case errors.As(err, &api):
		if f := byCode(api.Err, channel); f != nil {
			if f.Kind == fault.Ambiguous && !sent() {
				f.Kind, f.Message = fault.Unavailable, "Slack had an error of its own ("+f.Code+")"
			}
			if api.Needed != "" {
				f.Message += fmt.Sprintf(": it needs %s and has %s", text.Truncate(api.Needed, 200), text.Truncate(api.Provided, 300))
			}
			if details := strings.Join(api.ResponseMetadata.Messages, "; "); details != "" {
				f.Message += ": " + text.Truncate(details, 400)
			}
			return f
		}
		return &fault.Fault{Kind: fault.Invalid, Code: api.Err, Message: fmt.Sprintf("Slack refused the request (%s)", text.Truncate(api.Err, 100))}
	case errors.As(err, &status):
		return byStatus(status.Code, sent)
	case errors.As(err, &number): // a 429 whose Retry-After is a date
		return byStatus(http.StatusTooManyRequests, sent)
	case !reached(err):
		return unanswered(err, sent)
	}
	kind := fault.Unavailable
	if sent() {
		kind = fault.Ambiguous
	}
	return fault.New(kind, "Slack's answer was not understood: is apiURL right, or is a proxy in between?")
}

// reached says whether there was an answer, though not a sensible one.
func reached(err error) bool {
	var syntax *json.SyntaxError
	var form *json.UnmarshalTypeError
	return errors.As(err, &syntax) || errors.As(err, &form)
}

func byStatus(code int, sent func() bool) error {
	f := &fault.Fault{Code: fmt.Sprint(code), Message: fmt.Sprintf("Slack answered with status %d: is apiURL right, or is a proxy in between?", code)}
	switch {
	case code == http.StatusTooManyRequests:
		f.Kind, f.Scope, f.Message = fault.RateLimited, fault.Endpoint, "Slack asks to wait before the next message"
	case code >= 500 && sent():
		f.Kind, f.Message = fault.Ambiguous, fmt.Sprintf("Slack answered with status %d and may have posted the message", code)
	case code >= 500:
		f.Kind, f.Message = fault.Unavailable, fmt.Sprintf("Slack answered with status %d", code)
	default:
		f.Kind = fault.Unavailable
	}
	return f
}

// unanswered is a call without an answer.
func unanswered(err error, sent func() bool) error {
	if sent() {
		return fault.New(fault.Ambiguous, "Slack was sent the message and did not answer: %v", transport.Cause(err))
	}
	return fault.New(fault.Unavailable, "Slack could not be reached: %v", transport.Cause(err))
}
