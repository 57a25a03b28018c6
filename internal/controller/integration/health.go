// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"context"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/voiceai-dev/integrations-operator/api/v1alpha1"
	"github.com/voiceai-dev/integrations-operator/internal/condition"
	"github.com/voiceai-dev/integrations-operator/internal/controller/kit"
	"github.com/voiceai-dev/integrations-operator/internal/event"
	"github.com/voiceai-dev/integrations-operator/internal/outbox"
)

// announceAfter is how long an integration must not have worked before that is announced: most failures are over by
// then.
const announceAfter = 30 * time.Second

// announceHealth announces that an integration stopped working, and that it works again. announcedAt is when the
// former was announced, nil when it was not or when the integration works again. It returns when to reconcile again,
// 0 for never.
func announceHealth(
	ctx context.Context,
	box *outbox.Outbox,
	o kit.Object,
	kind string,
	announcedAt **metav1.Time,
	now time.Time,
) (time.Duration, error) {
	ready := condition.Get(o, v1alpha1.ConditionReady)
	if ready == nil || ready.Reason == v1alpha1.ReasonSuspended {
		return 0, nil
	}
	since := ready.LastTransitionTime.Time
	switch {
	case ready.Status != metav1.ConditionTrue && *announcedAt == nil:
		if due := since.Add(announceAfter); now.Before(due) {
			return kit.Until(due, now), nil
		}
		e := event.IntegrationUnhealthy(kind, o, ready.Reason, ready.Message, since)
		if _, err := kit.Announce(ctx, box, o.GetNamespace(), &e); err != nil {
			return 0, err
		}
		*announcedAt = &metav1.Time{Time: now}
	case ready.Status == metav1.ConditionTrue && *announcedAt != nil:
		e := event.IntegrationRecovered(kind, o, ready.Reason, ready.Message, since)
		if _, err := kit.Announce(ctx, box, o.GetNamespace(), &e); err != nil {
			return 0, err
		}
		*announcedAt = nil
	}
	return 0, nil
}
