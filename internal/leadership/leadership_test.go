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

// lease is a lock that takes a while and may fail.
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
	mine, nobodys := resourcelock.LeaderElectionRecord{HolderIdentity: "me"}, resourcelock.LeaderElectionRecord{}
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	inner := &lease{write: func() error { return nil }}
	l := leadership.Watch(inner, 15*time.Second, func() time.Time { return now })
	may := func(want bool, when string) {
		t.Helper()
		if err := l.Fence(); (err == nil) != want {
			t.Errorf("%s: may act %v, want %v (%v)", when, err == nil, want, err)
		}
	}

	may(false, "before the lease was ever held")
	if err := l.Create(t.Context(), mine); err != nil {
		t.Fatal(err)
	}
	first := now
	may(true, "just taken")
	now = now.Add(12 * time.Second)
	may(true, "12 s after the renewal")
	now = now.Add(time.Second)
	may(false, "13 s after the renewal, frozen or cut off")

	inner.write = func() error { now = now.Add(14 * time.Second); return nil }
	if err := l.Update(t.Context(), mine); err != nil {
		t.Fatal(err)
	}
	may(false, "the answer to the renewal came 14 s after it was sent")

	inner.write = func() error { return nil }
	if err := l.Update(t.Context(), mine); err != nil {
		t.Fatal(err)
	}
	may(true, "renewed")
	inner.write = func() error { return errors.New("conflict") }
	if err := l.Update(t.Context(), mine); err == nil {
		t.Error("the error of the lock was swallowed")
	}
	may(true, "one renewal failed, the one before still counts")
	inner.write = func() error { return nil }
	if err := l.Update(t.Context(), nobodys); err != nil {
		t.Fatal(err)
	}
	may(false, "released")
	if !l.LeaderSince().Equal(first) {
		t.Errorf("took over at %v, want %v", l.LeaderSince(), first)
	}
}

// What another may have done is what was there when it last could act.
func TestTookOver(t *testing.T) {
	begin := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	of := func(holder string, transitions int) resourcelock.LeaderElectionRecord {
		return resourcelock.LeaderElectionRecord{HolderIdentity: holder, LeaseDurationSeconds: 15, LeaderTransitions: transitions}
	}
	for name, c := range map[string]struct {
		before resourcelock.LeaderElectionRecord
		want   time.Duration
	}{
		"it ran out on another":       {of("other", 4), -3 * time.Second},
		"another gave it back":        {of("", 4), 0},
		"another with a shorter one":  {resourcelock.LeaderElectionRecord{HolderIdentity: "other", LeaseDurationSeconds: 5, LeaderTransitions: 4}, -time.Second},
		"it was ours, before a crash": {of("me", 5), 0},
	} {
		t.Run(name, func(t *testing.T) {
			now := begin
			inner := &lease{write: func() error { return nil }, read: c.before}
			l := leadership.Watch(inner, 15*time.Second, func() time.Time { return now })
			read := func() {
				if _, _, err := l.Get(t.Context()); err != nil {
					t.Fatal(err)
				}
			}
			read()
			if err := l.Update(t.Context(), of("me", 5)); err != nil {
				t.Fatal(err)
			}
			if got := l.LeaderSince().Sub(begin); got != c.want {
				t.Errorf("took over at %s, want %s", got, c.want)
			}
			now = now.Add(2 * time.Second)
			inner.read = of("me", 5)
			read()
			if err := l.Update(t.Context(), of("me", 5)); err != nil {
				t.Fatal(err)
			}
			if got := l.LeaderSince().Sub(begin); got != c.want {
				t.Errorf("after a renewal: took over at %s, want %s", got, c.want)
			}
			now = now.Add(time.Minute) // frozen; meanwhile another held it and gave it back
			inner.read = of("", 6)
			read()
			if err := l.Update(t.Context(), of("me", 7)); err != nil {
				t.Fatal(err)
			}
			if got := l.LeaderSince(); !got.Equal(now) {
				t.Errorf("after another held it: took over at %v, want %v", got, now)
			}
		})
	}
}

// Who finds a lease that nobody holds knows from then on that nobody acts, however much later it takes it.
func TestTookOverWhatWasFree(t *testing.T) {
	begin := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	record := func(holder string, term int) resourcelock.LeaderElectionRecord {
		return resourcelock.LeaderElectionRecord{HolderIdentity: holder, LeaseDurationSeconds: 15, LeaderTransitions: term}
	}
	for name, c := range map[string]struct {
		reads []resourcelock.LeaderElectionRecord // a second apart; it is taken a second after the last
		want  time.Duration
	}{
		"it never was":                 {[]resourcelock.LeaderElectionRecord{{}, {}}, 0},
		"it was given back":            {[]resourcelock.LeaderElectionRecord{record("", 3), record("", 3)}, 0},
		"another held it in between":   {[]resourcelock.LeaderElectionRecord{record("", 3), record("", 4)}, time.Second},
		"another held it at first":     {[]resourcelock.LeaderElectionRecord{record("other", 3), record("", 3), record("", 3)}, time.Second},
		"another made it, and left it": {[]resourcelock.LeaderElectionRecord{{}, record("", 0)}, time.Second},
		"another made it, and is gone": {[]resourcelock.LeaderElectionRecord{{}, record("other", 0)}, 2*time.Second - 3*time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			now := begin
			inner := &lease{write: func() error { return nil }}
			l := leadership.Watch(inner, 15*time.Second, func() time.Time { return now })
			for _, inner.read = range c.reads {
				if _, _, err := l.Get(t.Context()); err != nil && !apierrors.IsNotFound(err) {
					t.Fatal(err)
				}
				now = now.Add(time.Second)
			}
			if err := l.Update(t.Context(), record("me", inner.read.LeaderTransitions+1)); err != nil {
				t.Fatal(err)
			}
			if got := l.LeaderSince().Sub(begin); got != c.want {
				t.Errorf("nobody else acted from %s on, want %s", got, c.want)
			}
		})
	}
}
