// SPDX-License-Identifier: Apache-2.0

package leadership_test

import (
	"context"
	"errors"
	"testing"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/tools/leaderelection/resourcelock"

	"github.com/voiceai-dev/integrations-operator/internal/leadership"
)

// lease is a lock whose writes may take a while or fail.
type lease struct {
	resourcelock.Interface
	write func() error
	read  resourcelock.LeaderElectionRecord
}

func (l *lease) Get(context.Context) (*resourcelock.LeaderElectionRecord, []byte, error) {
	if l.read == (resourcelock.LeaderElectionRecord{}) {
		return nil, nil, apierrors.NewNotFound(schema.GroupResource{Resource: "leases"}, "x")
	}
	return &l.read, nil, nil
}

func (l *lease) Identity() string { return "me" }
func (l *lease) Create(context.Context, resourcelock.LeaderElectionRecord) error {
	return l.write()
}
func (l *lease) Update(context.Context, resourcelock.LeaderElectionRecord) error {
	return l.write()
}

func TestFence(t *testing.T) {
	held := resourcelock.LeaderElectionRecord{HolderIdentity: "me"}
	released := resourcelock.LeaderElectionRecord{}
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	inner := &lease{write: func() error { return nil }}
	l := leadership.NewLock(inner, 15*time.Second, func() time.Time { return now }, leadership.NewServerClock(func() time.Time { return now }))
	wantAllowed := func(want bool, when string) {
		t.Helper()
		if err := l.Fence(); (err == nil) != want {
			t.Errorf("%s: allowed %t, want %t (%v)", when, err == nil, want, err)
		}
	}

	wantAllowed(false, "before the lease was ever held")
	if err := l.Create(t.Context(), held); err != nil {
		t.Fatal(err)
	}
	first := now
	wantAllowed(true, "just acquired")
	now = now.Add(12 * time.Second)
	wantAllowed(true, "12 s after the renewal")
	now = now.Add(time.Second)
	wantAllowed(false, "13 s after the renewal, frozen or cut off")

	inner.write = func() error { now = now.Add(14 * time.Second); return nil }
	if err := l.Update(t.Context(), held); err != nil {
		t.Fatal(err)
	}
	wantAllowed(false, "the renewal was answered 14 s after it was sent")

	inner.write = func() error { return nil }
	if err := l.Update(t.Context(), held); err != nil {
		t.Fatal(err)
	}
	wantAllowed(true, "renewed")
	inner.write = func() error { return errors.New("conflict") }
	if err := l.Update(t.Context(), held); err == nil {
		t.Error("the error of the lock was swallowed")
	}
	wantAllowed(true, "a renewal failed, and the one before still counts")
	inner.write = func() error { return nil }
	if err := l.Update(t.Context(), released); err != nil {
		t.Fatal(err)
	}
	wantAllowed(false, "released")
	if !l.LeaderSince().Local.Equal(first) {
		t.Errorf("leader since %v, want %v", l.LeaderSince().Local, first)
	}
}

// A new leader knows since when the one before cannot have acted.
func TestLeaderSince(t *testing.T) {
	begin := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	of := func(holder string, transitions int) resourcelock.LeaderElectionRecord {
		return resourcelock.LeaderElectionRecord{HolderIdentity: holder, LeaseDurationSeconds: 15, LeaderTransitions: transitions}
	}
	shorter := of("other", 4)
	shorter.LeaseDurationSeconds = 5
	for name, c := range map[string]struct {
		before resourcelock.LeaderElectionRecord
		want   time.Duration
	}{
		"another's lease expired":         {of("other", 4), -3 * time.Second},
		"another released it":             {of("", 4), 0},
		"another's shorter lease expired": {shorter, -time.Second},
		"own lease before a crash":        {of("me", 5), 0},
	} {
		t.Run(name, func(t *testing.T) {
			now := begin
			inner := &lease{write: func() error { return nil }, read: c.before}
			clock := func() time.Time { return now }
			l := leadership.NewLock(inner, 15*time.Second, clock, leadership.NewServerClock(clock))
			read := func() {
				if _, _, err := l.Get(t.Context()); err != nil {
					t.Fatal(err)
				}
			}
			read()
			if err := l.Update(t.Context(), of("me", 5)); err != nil {
				t.Fatal(err)
			}
			if got := l.LeaderSince().Local.Sub(begin); got != c.want {
				t.Errorf("leader since %s, want %s", got, c.want)
			}
			now = now.Add(2 * time.Second)
			inner.read = of("me", 5)
			read()
			if err := l.Update(t.Context(), of("me", 5)); err != nil {
				t.Fatal(err)
			}
			if got := l.LeaderSince().Local.Sub(begin); got != c.want {
				t.Errorf("after a renewal: leader since %s, want %s", got, c.want)
			}
			now = now.Add(time.Minute) // frozen, while another replica held the lease and released it
			inner.read = of("", 6)
			read()
			if err := l.Update(t.Context(), of("me", 7)); err != nil {
				t.Fatal(err)
			}
			if got := l.LeaderSince().Local; !got.Equal(now) {
				t.Errorf("after another replica held it: leader since %v, want %v", got, now)
			}
		})
	}
}

// A replica that reads a lease without a holder knows that no other acts from then on, however much later it acquires
// the lease.
func TestLeaderSinceOfAVacantLease(t *testing.T) {
	type leaseRecord = resourcelock.LeaderElectionRecord
	begin := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	record := func(holder string, term int) leaseRecord {
		return leaseRecord{HolderIdentity: holder, LeaseDurationSeconds: 15, LeaderTransitions: term}
	}
	for name, c := range map[string]struct {
		reads []leaseRecord // a second apart; the lease is acquired a second after the last
		want  time.Duration
	}{
		"never existed":                        {[]leaseRecord{{}, {}}, 0},
		"released":                             {[]leaseRecord{record("", 3), record("", 3)}, 0},
		"another held it in between":           {[]leaseRecord{record("", 3), record("", 4)}, time.Second},
		"another held it at first":             {[]leaseRecord{record("other", 3), record("", 3), record("", 3)}, time.Second},
		"another created and released it":      {[]leaseRecord{{}, record("", 0)}, time.Second},
		"another created it and did not renew": {[]leaseRecord{{}, record("other", 0)}, 2*time.Second - 3*time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			now := begin
			inner := &lease{write: func() error { return nil }}
			clock := func() time.Time { return now }
			l := leadership.NewLock(inner, 15*time.Second, clock, leadership.NewServerClock(clock))
			for _, inner.read = range c.reads {
				if _, _, err := l.Get(t.Context()); err != nil && !apierrors.IsNotFound(err) {
					t.Fatal(err)
				}
				now = now.Add(time.Second)
			}
			if err := l.Update(t.Context(), record("me", inner.read.LeaderTransitions+1)); err != nil {
				t.Fatal(err)
			}
			if got := l.LeaderSince().Local.Sub(begin); got != c.want {
				t.Errorf("leader since %s, want %s", got, c.want)
			}
		})
	}
}
