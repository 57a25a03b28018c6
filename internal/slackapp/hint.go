// SPDX-License-Identifier: Apache-2.0

package slackapp

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/voiceai-dev/integrations-operator/api/v1alpha1"
	"github.com/voiceai-dev/integrations-operator/internal/action"
	"github.com/voiceai-dev/integrations-operator/internal/slackapp/inbound"
)

// A hint is an event by which something about the integration changed. It becomes an annotation of the integration, so
// that it reaches the leader, which checks what is true and shows it in the conditions, from any replica.

// isHint reports whether the request is such an event.
func (s *session) isHint() bool { return s.Event != nil && s.hint() != nil }

// hint returns what an event changes in the annotations of an integration; nil for no change.
func (s *session) hint() func(*v1alpha1.SlackIntegration) map[string]any {
	now := s.Clock.Now().UTC().Format(time.RFC3339Nano)
	switch s.Event.Type {
	case inbound.TokensRevoked, inbound.AppUninstalled:
		return func(*v1alpha1.SlackIntegration) map[string]any {
			return map[string]any{v1alpha1.SlackChangedAtAnnotation: now}
		}
	case inbound.SubteamCreated, inbound.SubteamUpdated, inbound.SubteamMembersChanged:
		return func(*v1alpha1.SlackIntegration) map[string]any {
			return map[string]any{v1alpha1.SlackGroupsChangedAtAnnotation: now}
		}
	case inbound.ChannelArchive, inbound.GroupArchive:
		return s.channelHint(v1alpha1.ChannelArchived)
	case inbound.ChannelDeleted, inbound.GroupDeleted:
		return s.channelHint(v1alpha1.ChannelDeleted)
	case inbound.ChannelRename, inbound.GroupRename:
		return s.channelHint(v1alpha1.ChannelRenamed)
	case inbound.ChannelUnarchive, inbound.GroupUnarchive:
		return s.channelHint("")
	}
	return nil
}

// channelHint returns the change for what happened to a channel, if the integration uses it; what is empty is removed.
func (s *session) channelHint(what string) func(*v1alpha1.SlackIntegration) map[string]any {
	return func(i *v1alpha1.SlackIntegration) map[string]any {
		id := s.Event.ChannelID
		at := slices.IndexFunc(i.Status.Channels, func(c v1alpha1.KnownChannel) bool { return c.ID == id })
		if !slackID.MatchString(id) || at < 0 && string(i.Spec.DefaultChannel) != id {
			return nil
		}
		var value any
		if what != "" {
			value = what
		}
		if what == v1alpha1.ChannelRenamed && (at < 0 || i.Status.Channels[at].Name == "#"+s.Event.ChannelName) {
			value = nil // it is used by its ID, or has its former name again
		}
		return map[string]any{v1alpha1.SlackChannelAnnotationPrefix + id: value}
	}
}

// recordHint annotates the integrations of the event's workspace.
func (s *session) recordHint(ctx context.Context) error {
	change := s.hint()
	var failed []error
	for _, i := range s.Integrations {
		annotations := change(i)
		if annotations == nil {
			continue
		}
		patch, err := json.Marshal(map[string]any{"metadata": map[string]any{"annotations": annotations}})
		if err != nil {
			return err
		}
		o := &v1alpha1.SlackIntegration{}
		o.Namespace = i.Namespace
		o.Name = i.Name
		err = s.Client.Patch(ctx, o, client.RawPatch(types.MergePatchType, patch), action.FieldOwner)
		if client.IgnoreNotFound(err) != nil {
			failed = append(failed, fmt.Errorf("recording the event %s on SlackIntegration %s: %w", s.Event.Type, nameOf(i), err))
		}
	}
	return errors.Join(failed...)
}
