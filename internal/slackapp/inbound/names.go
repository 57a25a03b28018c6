// SPDX-License-Identifier: Apache-2.0

package inbound

// The names that the settings of the app in Slack have in common with the code. Package manifest writes the settings.
const (
	// SlashCommand is the command with which people begin. The app answers to each command that it gets.
	SlashCommand = "/voiceai"
	// FileDefect is the callback ID of the shortcut and of the form that file a defect.
	FileDefect = "voiceai_file_defect"

	// The paths on the edge to which Slack sends.
	CommandsPath     = "/api/v1/webhooks/slack/commands"
	InteractionsPath = "/api/v1/webhooks/slack/interactions"
	EventsPath       = "/api/v1/webhooks/slack/events"
)
