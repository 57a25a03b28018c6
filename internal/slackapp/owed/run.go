// SPDX-License-Identifier: Apache-2.0

package owed

import (
	"context"
	"fmt"
	"slices"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/voiceai-dev/integrations-operator/api/v1alpha1"
	"github.com/voiceai-dev/integrations-operator/internal/chat"
	"github.com/voiceai-dev/integrations-operator/internal/connection"
	"github.com/voiceai-dev/integrations-operator/internal/event"
	"github.com/voiceai-dev/integrations-operator/internal/render"
	"github.com/voiceai-dev/integrations-operator/internal/slackapp/button"
	"github.com/voiceai-dev/integrations-operator/internal/slackapp/result"
)

// resultOf returns the message about a run, and when the run ended. Without a message it returns when to look again, if the run
// does not change before.
func (l *Leader) resultOf(ctx context.Context, i *v1alpha1.SlackIntegration, a Answer) (*chat.Message, time.Time, error) {
	name := types.NamespacedName{Namespace: a.Namespace, Name: a.Run}
	instead := func(format string) *chat.Message {
		return paragraph("<@" + a.User + "> " + fmt.Sprintf(format, render.Line(name.String(), maxAsked)))
	}
	// The record may be forged by a user who may write the integration. It leads where the integration reaches.
	reach, err := connection.Reach(ctx, l.Client, []*v1alpha1.SlackIntegration{i})
	if err != nil {
		return nil, a.At, err
	}
	if !slices.Contains(reach, a.Namespace) {
		return instead("The result of run %s cannot be shown: the integration does not reach its namespace any more."), a.At, nil
	}
	job := &batchv1.Job{}
	err = l.Client.Get(ctx, name, job)
	age := l.Clock.Since(a.At)
	switch {
	case client.IgnoreNotFound(err) != nil:
		return nil, a.At, fmt.Errorf("reading Job %s: %w", name, err)
	case err != nil && age < missingFor:
		return nil, a.At.Add(missingFor), nil
	case err != nil:
		return instead("Run %s was deleted before its result was read."), a.At, nil
	}
	finished, _, _, ended := event.RunFinished(job)
	switch {
	case !finished && age < maxRunTime:
		return nil, a.At.Add(maxRunTime), nil
	case !finished:
		return instead("Run %s has not ended within a day. Its result is not sent any more."), l.Clock.Now(), nil
	}
	e, err := result.Of(ctx, l.Live, job)
	if err != nil {
		return nil, ended, err
	}
	m := render.Message(&e, render.Options{
		DashboardURL: l.DashboardURL, Mentions: []v1alpha1.Mention{v1alpha1.Mention(a.User)},
		Button: button.Object{Integration: string(i.UID)},
	})
	return &m, ended, nil
}

// paragraph returns a message of one paragraph.
func paragraph(text string) *chat.Message {
	return &chat.Message{Text: text, Blocks: []chat.Block{{Section: text}}}
}
