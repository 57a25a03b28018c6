// SPDX-License-Identifier: Apache-2.0

package kit

import (
	"context"
	"time"

	ctrl "sigs.k8s.io/controller-runtime"

	"github.com/voiceai-dev/integrations-operator/internal/event"
	"github.com/voiceai-dev/integrations-operator/internal/outbox"
)

// ReannounceFor is how long after an event it is announced again, so that a rule that the cache shows a moment after
// the event is evaluated too. Announcing again costs no call.
const ReannounceFor = time.Minute

// Announce announces an event to the rules of a namespace, and returns the names of the Notifications that were
// stored just now. Rules that cannot be evaluated are logged; their status says so too.
func Announce(ctx context.Context, box *outbox.Outbox, namespace string, e *event.Event) (created []string, err error) {
	created, evalErrors, err := box.Announce(ctx, namespace, e)
	if evalErrors != nil {
		ctrl.LoggerFrom(ctx).Error(evalErrors, "Evaluating rules", "event", e.ID)
	}
	return created, err
}
