// SPDX-License-Identifier: Apache-2.0

package owed

import (
	"context"
	"errors"
	"time"

	"github.com/voiceai-dev/integrations-operator/api/v1alpha1"
	"github.com/voiceai-dev/integrations-operator/internal/chat"
	"github.com/voiceai-dev/integrations-operator/internal/fault"
)

// lookupMargin is how long before the end of a run its answer is looked up, for clocks that differ.
const lookupMargin = 2 * time.Minute

// ToPerson shows a message to a person alone: in its channel or, without one or where the app cannot write, directly.
func ToPerson(ctx context.Context, app chat.App, user string, m chat.Message) error {
	if m.Channel != "" {
		err := app.PostEphemeral(ctx, user, m)
		if err == nil || !isRefused(err) {
			return err
		}
	}
	return direct(ctx, app, user, m)
}

// isRefused reports whether a message cannot be posted where it should go.
func isRefused(err error) bool {
	return !errors.Is(err, chat.ErrUnsupported) && fault.From(err).Kind.Permanent()
}

// direct posts a message to the app's conversation with a person.
func direct(ctx context.Context, app chat.App, user string, m chat.Message) error {
	m.Channel = user
	m.ThreadTS = ""
	_, err := app.Post(ctx, m)
	return err
}

// post posts a message about a run that ended, unless it was posted before: a process that is killed after it posted one
// leaves the record.
func (l *Leader) post(ctx context.Context, i *v1alpha1.SlackIntegration, a Answer, m chat.Message, end time.Time) error {
	app := l.clients.Get(ctx, i)
	found, err := app.Find(ctx, m.Channel, m.ThreadTS, end.Add(-lookupMargin))
	if _, ok := found[m.DeliveryID]; ok {
		return nil
	}
	if err != nil && !errors.Is(err, chat.ErrUnsupported) && !fault.From(err).Kind.Permanent() {
		return err
	}
	_, err = app.Post(ctx, m)
	if err != nil && isRefused(err) {
		return direct(ctx, app, a.User, m)
	}
	return err
}
