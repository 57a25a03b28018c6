// SPDX-License-Identifier: Apache-2.0

package leadership_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	coordinationv1 "k8s.io/api/coordination/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/uuid"
	coordinationclient "k8s.io/client-go/kubernetes/typed/coordination/v1"
	"k8s.io/client-go/tools/leaderelection/resourcelock"

	"github.com/voiceai-dev/integrations-operator/internal/leadership"
)

// leases is an API server that stores Leases, and refuses writes of outdated ones.
type leases struct {
	stored  map[types.NamespacedName]*coordinationv1.Lease
	version int
	// before is called before each request, with its number; nil for nothing.
	before   func(request int)
	requests int
	// forbidden is a Lease that may not be read.
	forbidden string
}

func newLeases() *leases {
	return &leases{stored: map[types.NamespacedName]*coordinationv1.Lease{}}
}

// Leases returns the Leases of a namespace; of all when it is empty.
func (l *leases) Leases(namespace string) coordinationclient.LeaseInterface {
	return &leasesOf{leases: l, namespace: namespace}
}

func (l *leases) begin() {
	l.requests++
	if l.before != nil {
		l.before(l.requests)
	}
}

type leasesOf struct {
	coordinationclient.LeaseInterface
	leases    *leases
	namespace string
}

var resource = coordinationv1.Resource("leases")

func (l *leasesOf) Get(_ context.Context, name string, _ metav1.GetOptions) (*coordinationv1.Lease, error) {
	l.leases.begin()
	if name == l.leases.forbidden {
		return nil, apierrors.NewForbidden(resource, name, errors.New("no rights"))
	}
	lease := l.leases.stored[types.NamespacedName{Namespace: l.namespace, Name: name}]
	if lease == nil {
		return nil, apierrors.NewNotFound(resource, name)
	}
	return lease.DeepCopy(), nil
}

func (l *leasesOf) List(_ context.Context, o metav1.ListOptions) (*coordinationv1.LeaseList, error) {
	l.leases.begin()
	selector := fields.ParseSelectorOrDie(o.FieldSelector)
	out := &coordinationv1.LeaseList{}
	for key, lease := range l.leases.stored {
		if selector.Matches(fields.Set{"metadata.name": key.Name}) {
			out.Items = append(out.Items, *lease.DeepCopy())
		}
	}
	return out, nil
}

func (l *leasesOf) Update(_ context.Context, lease *coordinationv1.Lease, _ metav1.UpdateOptions) (*coordinationv1.Lease, error) {
	l.leases.begin()
	key := types.NamespacedName{Namespace: l.namespace, Name: lease.Name}
	lease = lease.DeepCopy()
	switch before := l.leases.stored[key]; {
	case before == nil && lease.ResourceVersion == "":
		lease.UID = uuid.NewUUID()
	case before == nil || before.ResourceVersion != lease.ResourceVersion:
		return nil, apierrors.NewConflict(resource, lease.Name, errors.New("outdated"))
	}
	l.leases.version++
	lease.ResourceVersion = fmt.Sprint(l.leases.version)
	l.leases.stored[key] = lease
	return lease.DeepCopy(), nil
}

// candidate is a replica that wants to lead, as client-go's elector drives it.
type candidate struct {
	*leadership.Claims
	t      *testing.T
	leases *leases
}

// claimants makes candidates with one clock.
type claimants struct {
	t      *testing.T
	leases *leases
	now    time.Time
}

func newClaimants(t *testing.T) *claimants {
	t.Helper()
	return &claimants{t: t, leases: newLeases(), now: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)}
}

const leaseDuration = 15 * time.Second

// add returns a replica of an installation that watches namespaces; all when there are none.
func (c *claimants) add(installation string, namespaces ...string) candidate {
	territory := leadership.Territory{Namespaces: namespaces, ClusterNamespace: "default"}
	replica := leadership.Replica{Installation: installation, Name: "pod_1", Namespace: "system"}
	clock := func() time.Time { return c.now }
	return candidate{leadership.NewClaims(c.leases, territory, replica, leaseDuration, clock, func(error) {}), c.t, c.leases}
}

// tryAcquire reads the Leases, and acquires them unless another replica holds them. It reports whether it did. If not, it
// must hold none.
func (c candidate) tryAcquire() bool {
	c.t.Helper()
	read, _, err := c.Get(c.t.Context())
	if err != nil || read.HolderIdentity != "" && read.HolderIdentity != c.Identity() {
		return false
	}
	if c.write(read.LeaderTransitions+1) == nil {
		return true
	}
	for key, lease := range c.leases.stored {
		if *lease.Spec.HolderIdentity == c.Identity() {
			c.t.Errorf("holds Lease %s after it could not acquire all", key)
		}
	}
	return false
}

// write writes the Leases in a term.
func (c candidate) write(term int) error {
	return c.Update(c.t.Context(), resourcelock.LeaderElectionRecord{
		HolderIdentity: c.Identity(), LeaseDurationSeconds: int(leaseDuration.Seconds()), LeaderTransitions: term,
	})
}

// holder returns who holds the Leases, as the candidate reads them.
func (c candidate) holder() (string, int) {
	c.t.Helper()
	read, _, err := c.Get(c.t.Context())
	if err != nil {
		c.t.Fatal(err)
	}
	return read.HolderIdentity, read.LeaderTransitions
}

// release gives the Leases back.
func (c candidate) release() {
	c.t.Helper()
	if err := c.Update(c.t.Context(), resourcelock.LeaderElectionRecord{LeaseDurationSeconds: 1}); err != nil {
		c.t.Fatal(err)
	}
}

// territories are pairs of sets of namespaces, and whether they overlap.
var territories = map[string]struct {
	first, second []string
	overlap       bool
}{
	"both watch all":           {nil, nil, true},
	"all, and one":             {nil, []string{"a"}, true},
	"one, and all":             {[]string{"a"}, nil, true},
	"several, and all":         {[]string{"a", "b"}, nil, true},
	"the same one":             {[]string{"a"}, []string{"a"}, true},
	"sets that overlap":        {[]string{"a", "b"}, []string{"b", "c"}, true},
	"in another order":         {[]string{"a", "b"}, []string{"b", "a"}, true},
	"disjoint sets":            {[]string{"a", "b"}, []string{"c", "d"}, false},
	"that of the Lease of all": {[]string{"default"}, []string{"a"}, false},
}

// TestOneInstallationActs lets two installations start one after the other.
func TestOneInstallationActs(t *testing.T) {
	for name, c := range territories {
		t.Run(name, func(t *testing.T) {
			all := newClaimants(t)
			first := all.add("one/operator", c.first...)
			second := all.add("two/operator", c.second...)
			if !first.tryAcquire() {
				t.Fatal("the first does not act")
			}
			if acts := second.tryAcquire(); acts == c.overlap {
				t.Fatalf("the second acts: %t", acts)
			}
			if first.Conflict() != nil {
				t.Errorf("the first reports a conflict: %v", first.Conflict())
			}
			var conflict *leadership.ConflictError
			if found := errors.As(second.Conflict(), &conflict); found != c.overlap {
				t.Fatalf("the second reports %v", second.Conflict())
			}
			if !c.overlap {
				return
			}
			if !strings.Contains(conflict.Error(), "one/operator") || !strings.Contains(conflict.Error(), "--watch-namespaces") {
				t.Errorf("the conflict does not say what to do: %v", conflict)
			}
			first.release()
			if !second.tryAcquire() || second.Conflict() != nil {
				t.Errorf("the second does not act after the first was removed: %v", second.Conflict())
			}
		})
	}
}

// TestEveryOrderOfTwoInstallations lets one installation start between any two requests of another.
func TestEveryOrderOfTwoInstallations(t *testing.T) {
	for name, c := range territories {
		if !c.overlap {
			continue
		}
		t.Run(name, func(t *testing.T) {
			for at := 1; at <= 8; at++ {
				all := newClaimants(t)
				first := all.add("one/operator", c.first...)
				second := all.add("two/operator", c.second...)
				secondActs := false
				all.leases.before = func(request int) {
					if request == at {
						secondActs = second.tryAcquire()
					}
				}
				firstActs := first.tryAcquire()
				if firstActs && secondActs {
					t.Fatalf("both act when the second starts at request %d", at)
				}
				for range 2 {
					firstActs = firstActs || !secondActs && first.tryAcquire()
					secondActs = secondActs || !firstActs && second.tryAcquire()
				}
				if firstActs == secondActs {
					t.Errorf("request %d: first acts %t, second acts %t", at, firstActs, secondActs)
				}
			}
		})
	}
}

// TestFrozenInstallation freezes the first installation for so long that the second takes over.
func TestFrozenInstallation(t *testing.T) {
	for name, c := range territories {
		if !c.overlap {
			continue
		}
		t.Run(name, func(t *testing.T) {
			all := newClaimants(t)
			first := all.add("one/operator", c.first...)
			second := all.add("two/operator", c.second...)
			if !first.tryAcquire() || second.tryAcquire() {
				t.Fatal("the first does not act alone")
			}
			_, term := first.holder()
			all.now = all.now.Add(leaseDuration)
			if second.write(1) == nil {
				t.Fatal("the second acts although the Lease has not expired")
			}
			all.now = all.now.Add(time.Second)
			if err := second.write(1); err != nil {
				t.Fatalf("the second does not act after the Lease expired: %v", err)
			}
			if err := first.write(term); err == nil {
				t.Error("the first renewed its Lease although the second acts")
			}
			if holder, _ := first.holder(); holder != second.Identity() {
				t.Errorf("the first sees %q as the leader", holder)
			}
			// An operator of some namespaces may not write the Lease of one of all: it waits until that has expired again.
			if canVacate := len(c.first) > 0 || len(c.second) == 0; canVacate {
				if err := second.write(1); err != nil {
					t.Errorf("the second was disturbed: %v", err)
				}
			}
		})
	}
}

// TestTerm checks that a leader that renews its Lease is in one term, and in another after another installation acted.
func TestTerm(t *testing.T) {
	for name, c := range territories {
		if !c.overlap {
			continue
		}
		t.Run(name, func(t *testing.T) {
			all := newClaimants(t)
			first := all.add("one/operator", c.first...)
			second := all.add("two/operator", c.second...)
			if err := first.write(7); err != nil {
				t.Fatal(err)
			}
			for range 2 {
				if holder, term := first.holder(); holder != first.Identity() || term != 7 {
					t.Fatalf("%s leads in term %d", holder, term)
				}
				if err := first.write(7); err != nil {
					t.Fatal(err)
				}
			}
			second.tryAcquire()
			all.now = all.now.Add(leaseDuration + time.Second)
			if err := second.write(8); err != nil {
				t.Fatal(err)
			}
			second.release()
			if first.write(7) == nil {
				t.Error("the first goes on in its term although the second acted meanwhile")
			}
			holder, term := first.holder()
			if holder != first.Identity() && holder != "" || term == 7 {
				t.Fatalf("%q leads in term %d", holder, term)
			}
			if err := first.write(term); err != nil {
				t.Error(err)
			}
		})
	}
}

// TestTermOfAVacancy checks that a replica that waits notices when another acted between two of its reads.
func TestTermOfAVacancy(t *testing.T) {
	for name, c := range territories {
		if !c.overlap {
			continue
		}
		t.Run(name, func(t *testing.T) {
			all := newClaimants(t)
			waiting := all.add("one/operator", c.first...)
			other := all.add("two/operator", c.second...)
			known := map[int]bool{}
			for range 3 {
				holder, term := waiting.holder()
				_, again := waiting.holder()
				if holder != "" || term != again || known[term] {
					t.Fatalf("%q leads in terms %d and %d", holder, term, again)
				}
				known[term] = true
				if !other.tryAcquire() {
					t.Fatal("the other does not act")
				}
				other.release()
			}
		})
	}
}

// TestOrderOfLeases checks that all replicas acquire Leases in one order, so that two that compete do not each hold what
// the other lacks.
func TestOrderOfLeases(t *testing.T) {
	all := newClaimants(t)
	want := "a/voiceai-integrations, b/voiceai-integrations"
	if got := all.add("one/operator", "b", "a", "b").Describe(); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

// TestLongerLease checks that the duration of the holder's Lease counts, if it is the longer one.
func TestLongerLease(t *testing.T) {
	all := newClaimants(t)
	first := all.add("one/operator", "a")
	second := all.add("two/operator")
	if err := first.Update(t.Context(), resourcelock.LeaderElectionRecord{
		HolderIdentity: first.Identity(), LeaseDurationSeconds: 60,
	}); err != nil {
		t.Fatal(err)
	}
	for _, wait := range []time.Duration{0, 20 * time.Second, 40 * time.Second} {
		all.now = all.now.Add(wait)
		if second.tryAcquire() {
			t.Fatalf("acquired %s later", wait)
		}
	}
	all.now = all.now.Add(time.Second)
	if !second.tryAcquire() {
		t.Error("not acquired after the Lease expired")
	}
}

// TestReplicasOfOneInstallation checks that a second replica waits, and reports no conflict.
func TestReplicasOfOneInstallation(t *testing.T) {
	all := newClaimants(t)
	first := all.add("one/operator")
	second := candidate{leadership.NewClaims(all.leases, leadership.Territory{ClusterNamespace: "default"},
		leadership.Replica{Installation: "one/operator", Name: "pod_2"}, leaseDuration,
		func() time.Time { return all.now }, func(error) {}), t, all.leases}
	if !first.tryAcquire() || second.tryAcquire() || second.Conflict() != nil {
		t.Errorf("not one replica that acts and one that waits: %v", second.Conflict())
	}
}

// TestVersionWithoutInstallation checks that an older version, which holds a Lease in its Pod's namespace, is waited
// for. It is of the same installation if it is in the same namespace.
func TestVersionWithoutInstallation(t *testing.T) {
	for namespace, conflict := range map[string]bool{"system": false, "elsewhere": true} {
		all := newClaimants(t)
		holder := "host_0b4b7a36"
		if _, err := all.leases.Leases(namespace).Update(t.Context(), &coordinationv1.Lease{
			ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "voiceai-integrations"},
			Spec:       coordinationv1.LeaseSpec{HolderIdentity: &holder},
		}, metav1.UpdateOptions{}); err != nil {
			t.Fatal(err)
		}
		upgraded := all.add("system/operator")
		if upgraded.tryAcquire() {
			t.Error("acts while the older version does")
		}
		if got := upgraded.Conflict() != nil; got != conflict {
			t.Errorf("in namespace %s: %v", namespace, upgraded.Conflict())
		}
	}
}

// TestForbiddenLease checks that an operator of some namespaces that may not see the Lease of one of all namespaces leads
// only after that had the time to see its own Lease and to yield.
func TestForbiddenLease(t *testing.T) {
	all := newClaimants(t)
	cluster := all.add("all/operator")
	if !cluster.tryAcquire() {
		t.Fatal("the operator of all namespaces does not act")
	}
	_, term := cluster.holder()
	all.leases.forbidden = "voiceai-integrations-cluster"
	namespaced := all.add("one/operator", "a", "b")
	if namespaced.write(1) == nil {
		t.Fatal("acts at once")
	}
	for waited := time.Duration(0); waited < leaseDuration; waited += 5 * time.Second {
		before := all.leases.version
		if holder, _ := namespaced.holder(); holder == "" || holder == namespaced.Identity() || namespaced.Conflict() != nil {
			t.Errorf("while it waits, the holder is %q, and the conflict %v", holder, namespaced.Conflict())
		}
		if all.leases.version != before+2 {
			t.Errorf("while it waits, it wrote %d Leases", all.leases.version-before)
		}
		if cluster.write(term) == nil {
			t.Error("the operator of all namespaces renewed its Lease")
		}
		all.now = all.now.Add(5 * time.Second)
	}
	if holder, _ := namespaced.holder(); holder != namespaced.Identity() {
		t.Errorf("after it waited, the holder is %q", holder)
	}
	if err := namespaced.write(1); err != nil {
		t.Errorf("does not act after it waited: %v", err)
	}
	if err := namespaced.write(1); err != nil {
		t.Errorf("does not renew its Leases: %v", err)
	}
}

// TestForbiddenLeaseAfterAPause checks that an operator that lost a Lease while it waited waits again.
func TestForbiddenLeaseAfterAPause(t *testing.T) {
	all := newClaimants(t)
	all.leases.forbidden = "voiceai-integrations-cluster"
	namespaced := all.add("one/operator", "a")
	if namespaced.write(1) == nil {
		t.Fatal("acts at once")
	}
	all.now = all.now.Add(leaseDuration + time.Second)
	if cluster := all.add("all/operator"); cluster.tryAcquire() {
		t.Fatal("the Lease was not seen")
	}
	vacated := all.leases.stored[types.NamespacedName{Namespace: "a", Name: "voiceai-integrations"}].DeepCopy()
	vacated.Spec.HolderIdentity = new("")
	if _, err := all.leases.Leases("a").Update(t.Context(), vacated, metav1.UpdateOptions{}); err != nil {
		t.Fatal(err)
	}
	for _, what := range []string{"with an outdated Lease", "with a Lease that it lost"} {
		if err := namespaced.write(1); err == nil {
			t.Errorf("acts %s", what)
		}
		namespaced.holder()
	}
}
