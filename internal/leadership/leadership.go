// Package leadership says whether this process is the one that acts, at the very moment at which it wants to.
package leadership

import (
	"context"
	"sync/atomic"
	"time"

	"k8s.io/client-go/tools/leaderelection/resourcelock"

	"github.com/voiceai-dev/integrations-operator/internal/fault"
)

// How the lease is held. A process that could not renew it for RenewDeadline gives up; another may take it LeaseDuration after the last
// renewal.
const (
	LeaseDuration = 15 * time.Second
	RenewDeadline = 10 * time.Second
	RetryPeriod   = 2 * time.Second

	// margin covers a call's way to the other side.
	margin = 3 * time.Second
)

// Lock is a lock for leader election that remembers when it was last renewed. It works for a process that was frozen and thawed: the clock
// it looks at goes on meanwhile.
type Lock struct {
	resourcelock.Interface
	now func() time.Time

	renewed  atomic.Pointer[time.Time]
	tookOver atomic.Pointer[time.Time]
}

// Watch makes a Lock of a lock. now tells the time, with a monotonic reading.
func Watch(lock resourcelock.Interface, now func() time.Time) *Lock {
	return &Lock{Interface: lock, now: now}
}

// Create creates the lease.
func (l *Lock) Create(ctx context.Context, r resourcelock.LeaderElectionRecord) error {
	return l.noting(r, func() error { return l.Interface.Create(ctx, r) })
}

// Update renews, takes or releases the lease.
func (l *Lock) Update(ctx context.Context, r resourcelock.LeaderElectionRecord) error {
	return l.noting(r, func() error { return l.Interface.Update(ctx, r) })
}

func (l *Lock) noting(r resourcelock.LeaderElectionRecord, write func() error) error {
	begun := l.now() // what counts is when it was sent: the answer may come late
	if err := write(); err != nil {
		return err
	}
	if r.HolderIdentity != l.Identity() {
		l.renewed.Store(nil)
		return nil
	}
	l.renewed.Store(&begun)
	if l.tookOver.Load() == nil {
		l.tookOver.Store(&begun)
	}
	return nil
}

// Fence returns an error unless the lease is surely held for long enough to make a call.
func (l *Lock) Fence() error {
	renewed := l.renewed.Load()
	if renewed == nil || l.now().Sub(*renewed) > LeaseDuration-margin {
		return fault.New(fault.Unavailable, "this replica has not renewed its lease in time: another may act in its place")
	}
	return nil
}

// TookOver is when the lease was first held; the zero time before that.
func (l *Lock) TookOver() time.Time {
	if t := l.tookOver.Load(); t != nil {
		return *t
	}
	return time.Time{}
}
