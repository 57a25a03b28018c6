// SPDX-License-Identifier: Apache-2.0

package digest_test

import (
	"iter"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/clock"

	"github.com/voiceai-dev/integrations-operator/internal/digest"
)

var (
	slack = types.NamespacedName{Namespace: "voice", Name: "slack"}
	storm = digest.Key{Namespace: "voice", Integration: slack, Channel: "#alerts"}
	group = digest.Key{Namespace: "voice", Integration: slack, Channel: "#alerts", RuleUID: "r1", RuleGroup: "suite"}
)

func named(name string) types.NamespacedName {
	return types.NamespacedName{Namespace: "voice", Name: name}
}

// machine is Groups in a bubble of synctest, and how often each member was enqueued.
type machine struct {
	*digest.Groups
	*testing.T

	mu       sync.Mutex
	enqueued map[string]int
}

// inBubble runs a test of a machine on a fake clock.
func inBubble(t *testing.T, test func(m *machine, start time.Time)) {
	synctest.Test(t, func(t *testing.T) {
		m := &machine{T: t, enqueued: map[string]int{}}
		m.Groups = digest.New(clock.RealClock{}, func(n types.NamespacedName) {
			m.mu.Lock()
			defer m.mu.Unlock()
			m.enqueued[n.Name]++
		})
		test(m, time.Now())
	})
}

// step lets time pass.
func (m *machine) step(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

// counts returns how often each member was enqueued, and how often any was.
func (m *machine) counts() (by map[string]int, total int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, times := range m.enqueued {
		total += times
	}
	return maps.Clone(m.enqueued), total
}

func (m *machine) total() int {
	_, total := m.counts()
	return total
}

func names(of []types.NamespacedName) string {
	var out []string
	for _, n := range of {
		out = append(out, n.Name)
	}
	slices.Sort(out)
	return strings.Join(out, " ")
}

func TestAGroupIsDueByItsFirstMember(t *testing.T) {
	inBubble(t, func(m *machine, start time.Time) {
		due := start.Add(time.Minute)
		if m.Add(group, named("a"), due) || m.Add(group, named("b"), start) {
			m.Error("due before the first member's time")
		}
		m.step(time.Minute - 1)
		if m.total() != 0 || m.Add(group, named("c"), due) {
			m.Errorf("due a moment early: %v", m.enqueued)
		}
		m.step(1)
		if m.total() != 1 || !m.Add(group, named("c"), due.Add(time.Hour)) {
			m.Errorf("not due on time: %v", m.enqueued)
		}
		if got := names(m.Take(group, nil)); got != "a b c" {
			m.Errorf("took %q", got)
		}
		if got := m.Take(group, nil); got != nil {
			m.Errorf("took %v again", got)
		}
	})
}

// TestADueGroupEnqueuesUntilItIsTaken covers a member that stores no digest when it is enqueued, because it was muted
// or deleted.
func TestADueGroupEnqueuesUntilItIsTaken(t *testing.T) {
	inBubble(t, func(m *machine, start time.Time) {
		for _, n := range []string{"a", "b"} {
			m.Add(group, named(n), start.Add(time.Second))
		}
		m.step(time.Second)
		by, _ := m.counts()
		for first := range by {
			m.Remove(named(first))
		}
		m.step(digest.Window)
		if by, _ = m.counts(); !maps.Equal(by, map[string]int{"a": 1, "b": 1}) {
			m.Errorf("enqueued %v, want each once", m.enqueued)
		}
		m.Take(group, nil)
		m.step(time.Hour)
		if m.total() != 2 {
			m.Errorf("enqueued %v after the group was taken", m.enqueued)
		}
	})
}

func TestPostpone(t *testing.T) {
	inBubble(t, func(m *machine, start time.Time) {
		m.Add(storm, named("a"), start.Add(time.Second))
		m.Postpone(storm, start.Add(time.Minute))
		m.Postpone(group, start) // does not exist
		m.step(time.Minute - 1)
		if m.total() != 0 || m.Add(storm, named("a"), start) {
			m.Errorf("due before the time it was postponed to: %v", m.enqueued)
		}
		m.step(1)
		if m.total() != 1 {
			m.Errorf("enqueued %v", m.enqueued)
		}
	})
}

func TestContains(t *testing.T) {
	inBubble(t, func(m *machine, start time.Time) {
		if m.Contains(named("a")) {
			m.Error("contains what was not added")
		}
		m.Add(storm, named("a"), start)
		m.Add(storm, named("b"), start)
		taken := m.Take(storm, nil)
		if !m.Contains(named("a")) || !m.Contains(named("b")) {
			m.Error("lost a member that was taken and not released")
		}
		m.Release(taken)
		if m.Contains(named("a")) || m.Contains(named("b")) {
			m.Error("kept what was released")
		}
		m.Add(storm, named("b"), start)
		m.Remove(named("b"))
		m.Remove(named("unknown"))
		if m.Contains(named("b")) || m.IsStorming(storm) {
			m.Error("the last member's removal left a group behind")
		}
		m.step(time.Hour)
		if m.total() != 0 {
			m.Errorf("an empty group enqueued %v", m.enqueued)
		}
	})
}

func TestTake(t *testing.T) {
	inBubble(t, func(m *machine, start time.Time) {
		m.Add(storm, named("a"), start)
		m.Add(group, named("b"), start)
		// b waits elsewhere, in the lane too; c waits in the lane only.
		if got := names(m.Take(storm, []types.NamespacedName{named("b"), named("c")})); got != "a b c" {
			t.Errorf("took %q", got)
		}
		if got := names(m.Take(group, []types.NamespacedName{named("c")})); got != "" {
			t.Errorf("took %q twice", got)
		}
		if m.Add(storm, named("a"), start) || m.Add(group, named("b"), start) || m.IsStorming(storm) {
			t.Error("what was taken was added to a group")
		}
		m.Return(storm, []types.NamespacedName{named("a"), named("b"), named("x")}, start.Add(time.Minute))
		if m.Add(storm, named("a"), start) || names(m.Take(storm, nil)) != "a b" {
			t.Error("what was returned does not wait in the group, until its time")
		}
	})
}

func TestAddMovesBetweenGroups(t *testing.T) {
	inBubble(t, func(m *machine, start time.Time) {
		m.Add(group, named("a"), start)
		m.Add(group, named("b"), start)
		m.Add(storm, named("a"), start)
		if got := names(m.Take(group, nil)); got != "b" {
			t.Errorf("the former group has %q", got)
		}
		m.Assign(storm, named("digest-1"), []types.NamespacedName{named("a")})
		if got := names(m.Take(storm, nil)); got != "" {
			t.Errorf("the group still has %q, which is in a digest", got)
		}
	})
}

// worker returns the steps of a worker that handles Notifications of a due group, one after the other, as the reconciler
// does. Between two steps another worker may act. sent counts how often each Notification is in a digest or sent alone.
func worker(m *machine, due time.Time, handled []string, sent map[string]int) iter.Seq[struct{}] {
	return func(yield func(struct{}) bool) {
		step := func() bool { return yield(struct{}{}) }
		for _, name := range handled {
			n := named(name)
			_, assigned := m.AssignedTo(n)
			if !step() {
				return
			}
			if assigned || !m.Add(group, n, due) {
				continue
			}
			if !step() {
				return
			}
			taken := m.Take(group, nil)
			if !step() {
				return
			}
			var waiting []types.NamespacedName
			for _, n := range taken {
				if _, assigned := m.AssignedTo(n); !assigned {
					waiting = append(waiting, n)
				}
			}
			for _, n := range waiting {
				sent[n.Name]++
			}
			if len(waiting) > 1 {
				m.Assign(group, named("digest-of-"+name), waiting)
			}
			if !step() {
				return
			}
			m.Release(taken)
		}
	}
}

// TestEveryOrderOfTwoWorkers runs the steps of two workers on the Notifications of a due group, in every order. None may
// be sent twice.
func TestEveryOrderOfTwoWorkers(t *testing.T) {
	orders := 0
	var explore func(order []int)
	explore = func(order []int) {
		var more bool
		synctest.Test(t, func(t *testing.T) {
			m := &machine{T: t, enqueued: map[string]int{}}
			m.Groups = digest.New(clock.RealClock{}, func(types.NamespacedName) {})
			for _, name := range []string{"a", "b", "c"} { // all were added before the time came
				m.Add(group, named(name), time.Now())
			}
			sent := map[string]int{}
			var next [2]func() (struct{}, bool)
			var running [2]bool
			for i, handled := range [][]string{{"a", "c"}, {"b"}} {
				var stop func()
				next[i], stop = iter.Pull(worker(m, time.Now(), handled, sent))
				defer stop()
				running[i] = true
			}
			for _, i := range order {
				_, running[i] = next[i]()
			}
			more = running[0] && running[1]
			for i := range next {
				for ok := running[i]; ok && !more; {
					_, ok = next[i]()
				}
			}
			for name, times := range sent {
				if times > 1 {
					t.Errorf("order %v: %s is sent %d times", order, name, times)
				}
			}
			for _, n := range []string{"a", "b", "c"} {
				m.Remove(named(n)) // stops the timers
			}
		})
		if !more {
			orders++
			return
		}
		explore(append(slices.Clone(order), 0))
		explore(append(slices.Clone(order), 1))
	}
	explore(nil)
	if orders < 100 {
		t.Errorf("only %d orders", orders)
	}
}

func TestIsStorming(t *testing.T) {
	inBubble(t, func(m *machine, start time.Time) {
		if m.IsStorming(storm) {
			m.Error("storming from the start")
		}
		m.Add(storm, named("a"), start)
		if !m.IsStorming(storm) {
			m.Error("calm while something waits")
		}
		m.Release(m.Take(storm, nil))
		if m.IsStorming(storm) {
			m.Error("storming though no digest was stored")
		}
		m.Assign(storm, named("digest-1"), []types.NamespacedName{named("a")})
		m.Assign(group, named("digest-2"), []types.NamespacedName{named("b")})
		m.step(2*digest.Window - 1)
		if !m.IsStorming(storm) || m.IsStorming(group) {
			m.Error("calm right after a digest, or a rule's group storms")
		}
		m.step(1)
		if m.IsStorming(storm) {
			m.Error("storming long after the last digest")
		}
	})
}

func TestAssignedTo(t *testing.T) {
	inBubble(t, func(m *machine, start time.Time) {
		m.Assign(group, named("digest-1"), []types.NamespacedName{named("a"), named("b")})
		m.step(digest.CacheLag)
		if got, ok := m.AssignedTo(named("a")); !ok || got != named("digest-1") {
			m.Errorf("got %v, %v", got, ok)
		}
		m.Remove(named("b"))
		if _, ok := m.AssignedTo(named("b")); ok {
			m.Error("assigned though it was removed")
		}
		m.step(1)
		if got, ok := m.AssignedTo(named("a")); ok || got != (types.NamespacedName{}) {
			m.Errorf("still assigned to %v when the cache shows the digest", got)
		}
	})
}

func TestBacklog(t *testing.T) {
	inBubble(t, func(m *machine, start time.Time) {
		m.Add(storm, named("a"), start)
		m.Add(group, named("b"), start)
		m.Add(digest.Key{Namespace: "voice", Integration: slack, Channel: "#other"}, named("c"), start)
		want := map[digest.Place]int{{Integration: slack, Channel: "#alerts"}: 2, {Integration: slack, Channel: "#other"}: 1}
		if got := m.Backlog(); !maps.Equal(got, want) {
			m.Errorf("got %v, want %v", got, want)
		}
	})
}
