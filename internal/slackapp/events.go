// SPDX-License-Identifier: Apache-2.0

package slackapp

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/voiceai-dev/integrations-operator/api/v1alpha1"
	"github.com/voiceai-dev/integrations-operator/internal/action"
	"github.com/voiceai-dev/integrations-operator/internal/slackapp/hint"
	"github.com/voiceai-dev/integrations-operator/internal/slackapp/inbound"
)

// event handles an event.
func (s *session) event(ctx context.Context) {
	if s.Event.Type == inbound.AppMention && !s.Event.IsBot {
		s.answer(ctx, s.command(ctx, withoutMention(s.Event.Text)))
	}
}

// hint returns what the request changes in the annotations of integrations; nil if it is no such event.
func (s *session) hint() hint.Change {
	if s.Event == nil {
		return nil
	}
	return hint.Of(s.Event, s.Clock.Now())
}

// recordHint annotates the integrations of the event's workspace.
func (s *session) recordHint(ctx context.Context, change hint.Change) error {
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
