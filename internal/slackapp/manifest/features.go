// SPDX-License-Identifier: Apache-2.0

package manifest

import (
	"slices"

	"github.com/voiceai-dev/integrations-operator/internal/slackapp/inbound"
)

// Feature is what an app may do besides posting messages with buttons.
type Feature string

// The features of an app.
const (
	PrivateChannels Feature = "private-channels"
	Commands        Feature = "commands"
	Mentions        Feature = "mentions"
	UserGroups      Feature = "user-groups"
	Recordings      Feature = "recordings"
)

// Features returns all features.
func Features() []Feature {
	return []Feature{PrivateChannels, Commands, Mentions, UserGroups, Recordings}
}

// Scope is a right of the bot.
type Scope struct {
	Name string
	// Feature is what needs it. Empty means messages, which every app posts.
	Feature Feature
	// Reason is what the operator does with it.
	Reason string
	// Events are those that Slack sends to apps with this scope only.
	Events []string
}

// Scopes returns the scopes that an app with some features needs.
func Scopes(features []Feature) []Scope {
	return slices.DeleteFunc(allScopes(), func(s Scope) bool { return s.Feature != "" && !slices.Contains(features, s.Feature) })
}

// allScopes returns the scopes for all features. Opening forms and reading permalinks need none.
func allScopes() []Scope {
	return []Scope{
		{"chat:write", "", "posts messages, edits them, and answers people", nil},
		{"channels:read", "", "finds the ID of a public channel by its name, and learns when channels change", []string{
			inbound.ChannelRename, inbound.ChannelArchive, inbound.ChannelUnarchive, inbound.ChannelDeleted}},
		{"channels:history", "", "looks up whether a message arrived in a public channel, so that it does not arrive twice", nil},
		{"groups:read", PrivateChannels, "finds the ID of a private channel by its name, and learns when channels change", []string{
			inbound.GroupRename, inbound.GroupArchive, inbound.GroupUnarchive, inbound.GroupDeleted}},
		{"groups:history", PrivateChannels, "looks up whether a message arrived in a private channel", nil},
		{"commands", Commands, "receives " + inbound.SlashCommand + " and the shortcut \"" + shortcutName + "\"", nil},
		{"app_mentions:read", Mentions, "receives commands in threads, where slash commands do not work", []string{inbound.AppMention}},
		{"usergroups:read", UserGroups, "reads who is in which user group, for RoleBindings of user groups", []string{
			inbound.SubteamCreated, inbound.SubteamUpdated, inbound.SubteamMembersChanged}},
		{"files:write", Recordings, "posts the recording of the turn that failed to the thread, if spec.evidence of the integration is All", nil},
	}
}

// Events returns the events that an app with some features receives.
func Events(features []Feature) []string {
	events := []string{inbound.TokensRevoked, inbound.AppUninstalled}
	for _, s := range Scopes(features) {
		events = append(events, s.Events...)
	}
	return events
}
