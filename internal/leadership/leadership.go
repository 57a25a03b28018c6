// Package leadership says whether this process is the one that acts, at the very moment at which it wants to.
package leadership

import (
	"context"
	"sync/atomic"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/client-go/tools/leaderelection/resourcelock"

	"github.com/voiceai-dev/integrations-operator/internal/fault"
)

// Times of a lease. A process that could not renew it for the deadline gives up; another may take it the duration after the last renewal.
type Times struct{ Duration, Deadline, Period time.Duration }

// TimesOf are the times of a lease of a duration, in the proportions of 15, 10 and 2 seconds that Kubernetes' own components have.
func TimesOf(duration time.Duration) Times {
	return Times{duration, duration * 10 / 15, duration * 2 / 15}
}

// margin is the part of the lease's duration that covers a call's way to the other side.
const margin = 5

// Lock is a lock for leader election that remembers when it was last renewed. It works for a process that was frozen and thawed: the clock
// it looks at goes on meanwhile.
type Lock struct {
	resourcelock.Interface
	duration time.Duration
	now      func() time.Time

	renewed  atomic.Pointer[time.Time]
	tookOver atomic.Pointer[time.Time]
	// before is who held the lease when it was last read, term how often it had changed hands when this process took it.
	before atomic.Pointer[resourcelock.LeaderElectionRecord]
	term   atomic.Int64
	// free is since when nobody has held the lease, as far as is known; nil when somebody did when it was last read.
	free atomic.Pointer[vacancy]
}

// vacancy is since when nobody has held a lease that had changed hands so often.
type vacancy struct {
	since time.Time
	term  int
}

// Watch makes a Lock of a lock whose lease has a duration. now tells the time, with a monotonic reading.
func Watch(lock resourcelock.Interface, duration time.Duration, now func() time.Time) *Lock {
	return &Lock{Interface: lock, duration: duration, now: now}
}

// Get reads the lease. Who reads it early knows early that nobody acts.
func (l *Lock) Get(ctx context.Context) (*resourcelock.LeaderElectionRecord, []byte, error) {
	begun := l.now()
	r, raw, err := l.Interface.Get(ctx)
	switch was := l.free.Load(); {
	case err == nil && r.HolderIdentity == "":
		if was == nil || was.term != r.LeaderTransitions {
			l.free.Store(&vacancy{begun, r.LeaderTransitions})
		}
	case apierrors.IsNotFound(err):
		if was == nil || was.term != none {
			l.free.Store(&vacancy{begun, none})
		}
	case err == nil:
		l.free.Store(nil)
	}
	if err == nil {
		l.before.Store(r)
	}
	return r, raw, err
}

// none is the term of a lease that does not exist.
const none = -1

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
	if term := int64(r.LeaderTransitions); l.tookOver.Load() == nil || l.term.Swap(term) != term { // the first time, or another held it in between
		l.term.Store(term)
		since := l.quietSince(begun)
		l.tookOver.Store(&since)
	}
	return nil
}

// quietSince is since when nobody has acted when the lease is taken at a time. Who held it until it ran out was kept from acting by its Fence for the
// last part of that time; who gave it back may have acted until then.
func (l *Lock) quietSince(taken time.Time) time.Time {
	if free := l.free.Load(); free != nil { // as it was when the lease was last read, and as it was written over
		return free.since
	}
	if r := l.before.Load(); r != nil && r.HolderIdentity != l.Identity() {
		return taken.Add(-min(l.duration, time.Duration(r.LeaseDurationSeconds)*time.Second) / margin)
	}
	return taken
}

// Fence returns an error unless the lease is surely held for long enough to make a call.
func (l *Lock) Fence() error {
	renewed := l.renewed.Load()
	if renewed == nil || l.now().Sub(*renewed) > l.duration-l.duration/margin {
		return fault.New(fault.Unavailable, "this replica has not renewed its lease in time: another may act in its place")
	}
	return nil
}

// LeaderSince is since when nobody but this process has acted; the zero time before it held the lease.
func (l *Lock) LeaderSince() time.Time {
	if t := l.tookOver.Load(); t != nil {
		return *t
	}
	return time.Time{}
}
