// SPDX-License-Identifier: Apache-2.0

package slack

import (
	"fmt"
	"strings"
	"time"

	"github.com/voiceai-dev/integrations-operator/internal/chat"
	"github.com/voiceai-dev/integrations-operator/internal/fault"
	"github.com/voiceai-dev/integrations-operator/internal/text"
)

// limitPause is how long to wait after message_limit_exceeded, which comes without a time.
const limitPause = 10 * time.Minute

// meaning is what an error code of Slack means. Its message has %s for the channel. Its advice may be empty.
type meaning struct {
	kind            fault.Kind
	scope           fault.Scope
	message, advice string
}

var (
	archived = meaning{fault.NotFound, fault.Endpoint, "Channel %s is archived",
		"Unarchive it, or use another channel."}
	badToken = meaning{fault.Unauthorized, fault.Connection, "Slack rejected the bot token",
		"Reinstall the app and put its new token into the Secret."}
	badWebhook = meaning{fault.Unauthorized, fault.Connection, "Slack rejected the incoming webhook",
		"Create a new one and put its URL into the Secret."}
	notAllowed = meaning{fault.Unauthorized, fault.Endpoint, "The app may not post to channel %s",
		"Have a workspace admin allow it."}
	badMessage = meaning{kind: fault.Invalid, message: "Slack refused the message as invalid"}
	limited    = meaning{kind: fault.RateLimited, scope: fault.Endpoint, message: rateLimitedMessage}
	tryLater   = meaning{kind: fault.Unavailable, message: "Slack cannot accept the message now"}
	perhaps    = meaning{kind: fault.Ambiguous, message: "Slack had an internal error and may have posted the message"}
)

// codes are the errors of chat.postMessage (https://docs.slack.dev/reference/methods/chat.postMessage#errors) and of
// incoming webhooks (https://docs.slack.dev/messaging/sending-messages-using-incoming-webhooks#handling_errors).
var codes = map[string]meaning{
	chat.CodeChannelNotFound: {fault.NotFound, fault.Endpoint, "Channel %s does not exist, or is private and the bot is not in it",
		"Check the name, or invite the bot with /invite."},
	"not_in_channel":      {fault.NotFound, fault.Endpoint, "The bot is not in channel %s", "Invite it with /invite."},
	"is_archived":         archived,
	"channel_is_archived": archived,
	"user_not_found":      {kind: fault.NotFound, scope: fault.Endpoint, message: "User %s does not exist"},
	"message_not_found":   {kind: fault.NotFound, message: "The message no longer exists"},

	"not_authed":              badToken,
	"invalid_auth":            badToken,
	"account_inactive":        badToken,
	"token_revoked":           badToken,
	"token_expired":           badToken,
	"ekm_access_denied":       badToken,
	"org_login_required":      badToken,
	"team_access_not_granted": badToken,
	"missing_scope": {fault.Unauthorized, fault.Connection, "The bot token lacks a scope",
		"Add it to the app and reinstall the app."},

	"no_service":      badWebhook,
	"no_service_id":   badWebhook,
	"no_active_hooks": badWebhook,
	"no_team":         badWebhook,
	"team_disabled":   badWebhook,
	"invalid_token":   badWebhook,

	"no_permission": {fault.Unauthorized, fault.Endpoint, "The bot token may not post to channel %s",
		"Invite the bot with /invite, and check the scopes of the app."},
	"action_prohibited":                        notAllowed,
	"posting_to_general_channel_denied":        notAllowed,
	"restricted_action":                        notAllowed,
	"restricted_action_read_only_channel":      notAllowed,
	"restricted_action_thread_only_channel":    notAllowed,
	"restricted_action_non_threadable_channel": notAllowed,

	"no_text":                 badMessage,
	"msg_too_long":            badMessage,
	"invalid_blocks":          badMessage,
	"invalid_blocks_format":   badMessage,
	"msg_blocks_too_long":     badMessage,
	"too_many_attachments":    badMessage,
	"metadata_too_large":      badMessage,
	"invalid_metadata_format": badMessage,
	"invalid_metadata_schema": badMessage,
	"invalid_payload":         badMessage,
	"invalid_arguments":       badMessage,
	"cant_update_message":     badMessage,
	"edit_window_closed":      badMessage,

	"ratelimited":            limited,
	"rate_limited":           limited,
	"message_limit_exceeded": {kind: fault.RateLimited, scope: fault.Connection, message: "The workspace has reached its message limit"},

	"service_unavailable": tryLater,
	"request_timeout":     tryLater,
	"team_added_to_org":   tryLater,

	"fatal_error":                 perhaps,
	"internal_error":              perhaps,
	"rollup_error":                perhaps,
	"duplicate_message_not_found": perhaps, // Slack has seen the client_msg_id before
	"duplicate_channel_not_found": perhaps,
}

// fault returns the fault for an error code with this meaning.
func (m meaning) fault(code, channel string, details ...string) *fault.Fault {
	f := &fault.Fault{Kind: m.kind, Scope: m.scope, Code: code, Message: m.message}
	if strings.Contains(m.message, "%s") {
		f.Message = fmt.Sprintf(m.message, text.Truncate(channel, 81))
	}
	f.Message += " (" + code + ")"
	for _, d := range details {
		f.Message += ": " + d
	}
	if m.advice != "" {
		f.Message += ". " + m.advice
	}
	if code == "message_limit_exceeded" {
		f.RetryAfter = limitPause
	}
	return f
}
