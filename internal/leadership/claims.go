// SPDX-License-Identifier: Apache-2.0

package leadership

import (
	"context"
	"fmt"
	"hash/fnv"
	"maps"
	"math"
	"slices"
	"strings"
	"sync"
	"time"

	coordinationv1 "k8s.io/api/coordination/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	coordinationclient "k8s.io/client-go/kubernetes/typed/coordination/v1"
	"k8s.io/client-go/tools/leaderelection/resourcelock"
	"k8s.io/utils/ptr"
)

// Claims is a lock for leader election on a territory: a Lease in each watched namespace, or one for the whole cluster.
// Of all replicas of all installations, one at most holds it among those whose territories overlap.
//
// A replica that acquires or renews its Leases writes them, and then reads those of other territories that overlap. Of
// two replicas that do so at once, one at least sees the other and gives its Leases back. A Lease whose holder did not
// renew it for its duration counts as vacant.
//
// A replica that may not read the Lease of an operator of all namespaces writes its own, and waits for their duration
// before it counts as their holder: until then such an operator has seen them and yielded, or may not act any more.
type Claims struct {
	client    coordinationclient.LeasesGetter
	territory Territory
	replica   Replica
	duration  time.Duration
	now       func() time.Time
	// onConflict is called when another installation is found, and with nil when it is gone.
	onConflict func(error)

	mu sync.Mutex
	// own and others are what was last read of this territory's Leases, and of those that overlap.
	own, others map[types.NamespacedName]claim
	// acquired is set while this replica holds all Leases of its territory, and had looked for others when it wrote them.
	acquired bool
	// blind is set while this replica may not read the Lease of an operator of all namespaces.
	blind bool
	// heldSince is since when this replica has held all Leases of its territory and waits, because it is blind; zero when
	// it does not. heldAs is what it writes meanwhile.
	heldSince time.Time
	heldAs    resourcelock.LeaderElectionRecord
	// term is the election's term in which this replica acquired the Leases, and othersAtTerm the terms of the others.
	term, othersAtTerm int
	conflict           error
}

var _ resourcelock.Interface = &Claims{}

// claim is a Lease as it was last read.
type claim struct {
	lease *coordinationv1.Lease
	// unchangedSince is when this version of the Lease was first read.
	unchangedSince time.Time
}

// NewClaims returns the lock of a replica for a territory. now returns the time with a monotonic reading. onConflict is
// called when another installation is found to act on the territory, and with nil when it is gone.
func NewClaims(
	client coordinationclient.LeasesGetter, territory Territory, replica Replica, duration time.Duration,
	now func() time.Time, onConflict func(error),
) *Claims {
	return &Claims{
		client: client, territory: territory, replica: replica, duration: duration, now: now, onConflict: onConflict,
		own: map[types.NamespacedName]claim{}, others: map[types.NamespacedName]claim{},
	}
}

// Identity returns what the Leases name as their holder.
func (c *Claims) Identity() string { return c.replica.identity() }

// Describe names the Leases.
func (c *Claims) Describe() string {
	var names []string
	for _, key := range c.territory.leases() {
		names = append(names, key.String())
	}
	return strings.Join(names, ", ")
}

// RecordEvent does nothing: conditions and logs say who leads.
func (c *Claims) RecordEvent(string) {}

// Create does the same as Update, which creates Leases that do not exist. Get never returns that there is none.
func (c *Claims) Create(ctx context.Context, r resourcelock.LeaderElectionRecord) error {
	return c.Update(ctx, r)
}

// Conflict returns an error if another installation acts on the territory, or if this one may not use its Leases.
func (c *Claims) Conflict() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.conflict
}

// Get reads all Leases and returns one record for them: that of another holder, if there is one.
func (c *Claims) Get(ctx context.Context) (*resourcelock.LeaderElectionRecord, []byte, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if err := c.read(ctx); err != nil {
		return nil, nil, err
	}
	record := &resourcelock.LeaderElectionRecord{LeaderTransitions: termOf(c.own, c.others)}
	if key, holder := c.holder(); holder != nil {
		transitions := record.LeaderTransitions
		record = resourcelock.LeaseSpecToLeaderElectionRecord(&holder.lease.Spec)
		record.LeaderTransitions = transitions
		c.report(key, record.HolderIdentity)
	} else {
		c.setConflict(nil)
		if (c.acquired || c.waits()) && c.holdsAll() {
			if err := c.keepWaiting(ctx); err != nil {
				return nil, nil, err
			}
			record.HolderIdentity = c.Identity()
			if c.waits() && c.timeToWait() > 0 {
				record.HolderIdentity = waiting
			}
			record.LeaseDurationSeconds = seconds(c.duration)
			if c.acquired && termOf(c.others) == c.othersAtTerm {
				record.LeaderTransitions = c.term
			}
		}
	}
	return record, c.version(record.HolderIdentity), nil
}

// holder returns a Lease that another replica holds. Of this territory's, one that expired counts too, until it is
// acquired.
func (c *Claims) holder() (types.NamespacedName, *claim) {
	for _, expired := range []bool{false, true} {
		for _, key := range c.territory.leases() {
			if held := c.own[key]; c.isForeign(held) && c.isExpired(held) == expired {
				return key, &held
			}
		}
		for _, key := range sortedKeys(c.others) {
			if held := c.others[key]; !expired && c.isForeign(held) && !c.isExpired(held) {
				return key, &held
			}
		}
	}
	return types.NamespacedName{}, nil
}

// isForeign reports whether another replica holds a Lease.
func (c *Claims) isForeign(held claim) bool {
	return held.holder() != "" && held.holder() != c.Identity()
}

// isExpired reports whether a Lease has not changed for its duration, nor for that of this replica's Leases. It counts by
// the monotonic clock: the wall clock may be set forward.
func (c *Claims) isExpired(held claim) bool {
	theirs := time.Duration(ptr.Deref(held.lease.Spec.LeaseDurationSeconds, 0)) * time.Second
	return c.now().Sub(held.unchangedSince) > max(theirs, c.duration)
}

// holdsAll reports whether this replica holds all Leases of its territory.
func (c *Claims) holdsAll() bool {
	return !slices.ContainsFunc(c.territory.leases(), func(key types.NamespacedName) bool {
		return c.own[key].holder() != c.Identity()
	})
}

// report records a conflict if the holder of a Lease is of another installation.
func (c *Claims) report(lease types.NamespacedName, holder string) {
	if c.replica.isOfSameInstallation(holder, lease) {
		c.setConflict(nil)
		return
	}
	c.setConflict(&ConflictError{Lease: lease, Holder: holder})
}

// setConflict records a conflict, or with nil that there is none.
func (c *Claims) setConflict(err error) {
	if fmt.Sprint(err) != fmt.Sprint(c.conflict) {
		c.onConflict(err)
	}
	c.conflict = err
}

// read reads the Leases of the territory and the others.
func (c *Claims) read(ctx context.Context) error {
	own := map[types.NamespacedName]*coordinationv1.Lease{}
	for _, key := range c.territory.leases() {
		lease, err := c.get(ctx, key)
		if err != nil {
			return c.refused(err)
		}
		own[key] = lease
	}
	c.own = c.observe(c.own, own)
	return c.readOthers(ctx)
}

// readOthers reads the Leases of other territories that overlap: for all namespaces those in each namespace, else that
// for all namespaces.
func (c *Claims) readOthers(ctx context.Context) error {
	found := map[types.NamespacedName]*coordinationv1.Lease{}
	if !c.territory.isCluster() {
		key := c.territory.clusterLease()
		lease, err := c.get(ctx, key)
		c.blind = apierrors.IsForbidden(err)
		if err != nil && !c.blind {
			return err
		}
		found[key] = lease
	} else {
		list, err := c.client.Leases("").List(ctx, byName(leaseName))
		if err != nil {
			return c.refused(fmt.Errorf("listing the Leases named %s: %w", leaseName, err))
		}
		for i := range list.Items {
			lease := &list.Items[i]
			found[types.NamespacedName{Namespace: lease.Namespace, Name: lease.Name}] = lease
		}
	}
	c.others = c.observe(c.others, found)
	return nil
}

// observe returns the Leases that were read, with since when they have not changed.
func (c *Claims) observe(
	before map[types.NamespacedName]claim, read map[types.NamespacedName]*coordinationv1.Lease,
) map[types.NamespacedName]claim {
	now := c.now() // after the answers: a Lease that was written meanwhile counts as newer than it is
	out := map[types.NamespacedName]claim{}
	for key, lease := range read {
		switch known, ok := before[key]; {
		case lease == nil:
		case ok && known.lease.UID == lease.UID && known.lease.ResourceVersion == lease.ResourceVersion:
			out[key] = known
		default:
			out[key] = claim{lease: lease, unchangedSince: now}
		}
	}
	return out
}

// refused records as a conflict that the API server does not let this replica see a Lease, and returns the error.
func (c *Claims) refused(err error) error {
	if apierrors.IsForbidden(err) {
		c.setConflict(err)
	}
	return err
}

// version returns a text that changes whenever a Lease does that counts for the election.
func (c *Claims) version(holder string) []byte {
	text := holder
	for _, claims := range []map[types.NamespacedName]claim{c.own, c.others} {
		for _, key := range sortedKeys(claims) {
			text += fmt.Sprintf("\n%s %s", key, claims[key].lease.ResourceVersion)
		}
	}
	return []byte(text)
}

// holder returns the holder of a Lease; empty when it has none or does not exist.
func (c claim) holder() string {
	if c.lease == nil {
		return ""
	}
	return ptr.Deref(c.lease.Spec.HolderIdentity, "")
}

// termOf returns a number that changes when any of the Leases changes hands.
func termOf(all ...map[types.NamespacedName]claim) int {
	hash := fnv.New32a()
	for _, claims := range all {
		for _, key := range sortedKeys(claims) {
			lease := claims[key].lease
			_, _ = fmt.Fprintln(hash, key, lease.UID, ptr.Deref(lease.Spec.LeaseTransitions, 0)) // never fails
		}
	}
	return int(hash.Sum32() & (math.MaxInt32 >> 1)) // leaves room to count up
}

// sortedKeys returns the keys of Leases in order.
func sortedKeys(claims map[types.NamespacedName]claim) []types.NamespacedName {
	return slices.SortedFunc(maps.Keys(claims), func(a, b types.NamespacedName) int {
		return strings.Compare(a.String(), b.String())
	})
}
