// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"testing"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/manager"

	"github.com/voiceai-dev/integrations-operator/internal/leadership"
)

// addingManager records what is added to it.
type addingManager struct {
	manager.Manager
	added manager.Runnable
}

func (m *addingManager) Add(r manager.Runnable) error {
	m.added = r
	return nil
}

// runnable records when it was started.
type runnable struct {
	ofLeader  bool
	startedAt time.Time
}

func (r *runnable) NeedLeaderElection() bool { return r.ofLeader }

func (r *runnable) Start(context.Context) error {
	r.startedAt = time.Now()
	return nil
}

func TestControllersStartOnceObjectsAreNewer(t *testing.T) {
	newerFrom := time.Now().Add(30 * time.Millisecond)
	since := func() leadership.Start { return leadership.Start{NewerFrom: newerFrom} }
	base := &addingManager{}
	r := &runnable{ofLeader: true}
	if err := (delayedManager{base, since}).Add(r); err != nil {
		t.Fatal(err)
	}
	if err := base.added.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	if r.startedAt.Before(newerFrom) {
		t.Errorf("started %v before an object that is created is newer than the leader", newerFrom.Sub(r.startedAt))
	}
}

func TestDelayEndsWithTheContext(t *testing.T) {
	since := func() leadership.Start { return leadership.Start{NewerFrom: time.Now().Add(time.Hour)} }
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	r := &runnable{ofLeader: true}
	if err := (delayed{r, since}).Start(ctx); err != nil || !r.startedAt.IsZero() {
		t.Errorf("Start after the context ended: error %v, started at %v, want neither", err, r.startedAt)
	}
}

func TestWhatNeedsNoLeaseIsNotDelayed(t *testing.T) {
	base := &addingManager{}
	r := &runnable{}
	if err := (delayedManager{base, nil}).Add(r); err != nil {
		t.Fatal(err)
	}
	if base.added != r {
		t.Errorf("added %T, want the runnable itself", base.added)
	}
}
