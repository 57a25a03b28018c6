// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/manager"

	"github.com/voiceai-dev/integrations-operator/internal/leadership"
)

// delayedManager is a manager whose controllers start when every object that is created is newer than the leader. So a
// Notification that this leader creates needs no lookup.
type delayedManager struct {
	manager.Manager
	since func() leadership.Start
}

// Add adds a runnable. If it needs the lease, it starts a second or two after the lease was acquired.
func (m delayedManager) Add(r manager.Runnable) error {
	if l, ok := r.(manager.LeaderElectionRunnable); ok && !l.NeedLeaderElection() {
		return m.Manager.Add(r)
	}
	return m.Manager.Add(delayed{r, m.since})
}

// delayed is a runnable of the leader that starts when every object that is created is newer than the leader.
type delayed struct {
	manager.Runnable
	since func() leadership.Start
}

// Start waits, and then runs the runnable until ctx is done.
func (d delayed) Start(ctx context.Context) error {
	for {
		wait := time.Until(d.since().NewerFrom)
		if wait <= 0 {
			return d.Runnable.Start(ctx)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(wait):
		}
	}
}
