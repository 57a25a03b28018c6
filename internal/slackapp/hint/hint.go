// SPDX-License-Identifier: Apache-2.0

// Package hint decides what an event of Slack changes in the annotations of an integration. A hint is an event by which
// something about the integration changed. As an annotation it reaches the leader, which checks what is true and shows
// it in the conditions, from any replica.
package hint

import (
	"regexp"
	"slices"
	"time"

	"github.com/voiceai-dev/integrations-operator/api/v1alpha1"
	"github.com/voiceai-dev/integrations-operator/internal/slackapp/inbound"
)

// channelID matches the ID of a channel.
var channelID = regexp.MustCompile(`^[A-Z0-9]{2,32}$`)

// Change returns the annotations that change in an integration, with nil for what is removed; none for no change.
type Change func(*v1alpha1.SlackIntegration) map[string]any

// Of returns what an event that happened at a time changes; nil when the event is no hint.
func Of(e *inbound.Event, at time.Time) Change {
	now := at.UTC().Format(time.RFC3339Nano)
	switch e.Type {
	case inbound.TokensRevoked, inbound.AppUninstalled:
		return set(v1alpha1.SlackChangedAtAnnotation, now)
	case inbound.SubteamCreated, inbound.SubteamUpdated, inbound.SubteamMembersChanged:
		return set(v1alpha1.SlackGroupsChangedAtAnnotation, now)
	case inbound.ChannelArchive, inbound.GroupArchive:
		return channel(e, v1alpha1.ChannelArchived)
	case inbound.ChannelDeleted, inbound.GroupDeleted:
		return channel(e, v1alpha1.ChannelDeleted)
	case inbound.ChannelRename, inbound.GroupRename:
		return channel(e, v1alpha1.ChannelRenamed)
	case inbound.ChannelUnarchive, inbound.GroupUnarchive:
		return channel(e, "")
	}
	return nil
}

// set returns the change of one annotation.
func set(key, value string) Change {
	return func(*v1alpha1.SlackIntegration) map[string]any { return map[string]any{key: value} }
}

// channel returns the change for what happened to a channel, if the integration uses it; what is empty is removed.
func channel(e *inbound.Event, what string) Change {
	return func(i *v1alpha1.SlackIntegration) map[string]any {
		at := slices.IndexFunc(i.Status.Channels, func(c v1alpha1.KnownChannel) bool { return c.ID == e.ChannelID })
		if !channelID.MatchString(e.ChannelID) || at < 0 && string(i.Spec.DefaultChannel) != e.ChannelID {
			return nil
		}
		var value any
		if what != "" {
			value = what
		}
		if what == v1alpha1.ChannelRenamed && (at < 0 || i.Status.Channels[at].Name == "#"+e.ChannelName) {
			value = nil // it is used by its ID, or has its former name again
		}
		return map[string]any{v1alpha1.SlackChannelAnnotationPrefix + e.ChannelID: value}
	}
}
