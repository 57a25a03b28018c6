// SPDX-License-Identifier: Apache-2.0

// Package leadership reports whether this replica is the leader at the moment at which it is about to act.
package leadership

import (
	"context"
	"sync/atomic"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/client-go/tools/leaderelection/resourcelock"

	"github.com/voiceai-dev/integrations-operator/internal/fault"
)

// Times are the times of a lease. A leader that could not renew it for Deadline gives up. Another replica may acquire
// it Duration after the last renewal.
type Times struct{ Duration, Deadline, Period time.Duration }

// TimesOf returns the times of a lease of a duration, in the proportions of 15, 10 and 2 seconds that the components
// of Kubernetes have.
func TimesOf(duration time.Duration) Times {
	return Times{Duration: duration, Deadline: duration * 10 / 15, Period: duration * 2 / 15}
}

const (
	// marginShare is the part of the lease's duration that covers a call's way to the other side: one fifth.
	marginShare = 5
	// noLease is the term of a lease that does not exist.
	noLease = -1
)

// Lock is a lock for leader election that remembers when it was last renewed. It also works in a process that was
// frozen, because its clock goes on in the meantime.
type Lock struct {
	resourcelock.Interface
	duration time.Duration
	now      func() time.Time
	clock    *ServerClock

	// renewed is when the last successful renewal was sent; nil if this replica does not hold the lease.
	renewed     atomic.Pointer[time.Time]
	leaderSince atomic.Pointer[Start]
	// term is how often the lease had changed hands when this replica acquired it.
	term atomic.Int64
	// lastRead is the lease as it was last read.
	lastRead atomic.Pointer[resourcelock.LeaderElectionRecord]
	// vacant is set if the lease had no holder when it was last read.
	vacant atomic.Pointer[vacancy]
}

// vacancy is a time without a holder.
type vacancy struct {
	// since is when the lease was first read without a holder.
	since time.Time
	// term is how often the lease had changed hands by then.
	term int
}

// NewLock returns a Lock on top of another, whose lease has a duration. now returns the time with a monotonic reading,
// clock knows the API server's.
func NewLock(lock resourcelock.Interface, duration time.Duration, now func() time.Time, clock *ServerClock) *Lock {
	return &Lock{Interface: lock, duration: duration, now: now, clock: clock}
}

// Get reads the lease and records since when it has had no holder.
func (l *Lock) Get(ctx context.Context) (*resourcelock.LeaderElectionRecord, []byte, error) {
	sent := l.now()
	r, raw, err := l.Interface.Get(ctx)
	switch {
	case err == nil && r.HolderIdentity == "":
		l.recordVacancy(sent, r.LeaderTransitions)
	case apierrors.IsNotFound(err):
		l.recordVacancy(sent, noLease)
	case err == nil:
		l.vacant.Store(nil)
	}
	if err == nil {
		l.lastRead.Store(r)
	}
	return r, raw, err
}

// recordVacancy records that a lease has no holder, unless that is known of the same term.
func (l *Lock) recordVacancy(at time.Time, term int) {
	if v := l.vacant.Load(); v == nil || v.term != term {
		l.vacant.Store(&vacancy{since: at, term: term})
	}
}

// Create creates the lease.
func (l *Lock) Create(ctx context.Context, r resourcelock.LeaderElectionRecord) error {
	return l.recordWrite(r, func() error { return l.Interface.Create(ctx, r) })
}

// Update renews, acquires or releases the lease.
func (l *Lock) Update(ctx context.Context, r resourcelock.LeaderElectionRecord) error {
	return l.recordWrite(r, func() error { return l.Interface.Update(ctx, r) })
}

// recordWrite writes the lease and records what this replica holds afterwards.
func (l *Lock) recordWrite(r resourcelock.LeaderElectionRecord, write func() error) error {
	sent := l.now() // this is what counts: the answer may come late
	if err := write(); err != nil {
		return err
	}
	if r.HolderIdentity != l.Identity() {
		l.renewed.Store(nil)
		return nil
	}
	l.renewed.Store(&sent)
	// This is a new term the first time, and after another replica held the lease.
	if term := int64(r.LeaderTransitions); l.leaderSince.Load() == nil || l.term.Swap(term) != term {
		l.term.Store(term)
		since := l.clock.StartAt(l.othersInactiveSince(sent))
		l.leaderSince.Store(&since)
	}
	return nil
}

// othersInactiveSince returns since when no other replica can have acted, if this one acquires the lease at a time. A
// holder whose lease expired was kept from acting by its Fence for the last part of the lease. A holder that released
// its lease may have acted until then.
func (l *Lock) othersInactiveSince(acquired time.Time) time.Time {
	if v := l.vacant.Load(); v != nil { // the lease was written over as it was last read
		return v.since
	}
	if r := l.lastRead.Load(); r != nil && r.HolderIdentity != l.Identity() {
		return acquired.Add(-min(l.duration, time.Duration(r.LeaseDurationSeconds)*time.Second) / marginShare)
	}
	return acquired
}

// Fence returns an error unless this replica surely holds the lease for long enough to make a call.
func (l *Lock) Fence() error {
	renewed := l.renewed.Load()
	if renewed == nil || elapsed(*renewed, l.now()) > l.duration-l.duration/marginShare {
		return fault.New(fault.Unavailable, "this replica has not renewed its lease in time: another may be the leader")
	}
	return nil
}

// elapsed returns how long it is from one time to another, by the monotonic or the wall clock, whichever shows more.
// The monotonic clock stands still while the machine is suspended, and the wall clock may be set back.
func elapsed(from, to time.Time) time.Duration {
	return max(to.Sub(from), to.Round(0).Sub(from.Round(0)))
}

// startSettles is how long after it became the leader further answers of the API server make a Start more exact.
const startSettles = 10 * time.Second

// LeaderSince returns since when no other replica can have acted; the zero value before this one held the lease.
func (l *Lock) LeaderSince() Start {
	s := l.leaderSince.Load()
	if s == nil {
		return Start{}
	}
	if l.now().Sub(s.Local) < startSettles {
		now := l.clock.StartAt(s.Local)
		l.leaderSince.CompareAndSwap(s, &now)
		return now
	}
	return *s
}
