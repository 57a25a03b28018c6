// SPDX-License-Identifier: Apache-2.0

package leadership

import (
	"context"
	"errors"
	"fmt"
	"time"

	coordinationv1 "k8s.io/api/coordination/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/tools/leaderelection/resourcelock"
	"k8s.io/utils/ptr"
)

// Update renews, acquires or releases all Leases of the territory.
func (c *Claims) Update(ctx context.Context, r resourcelock.LeaderElectionRecord) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if r.HolderIdentity != c.Identity() {
		c.acquired = false
		c.heldSince = time.Time{}
		return c.release(ctx, c.territory.leases())
	}
	if c.acquired && c.holdsAll() {
		return c.renew(ctx, r)
	}
	written, err := c.acquire(ctx, r)
	c.acquired = err == nil
	if err != nil {
		c.heldSince = time.Time{}
		return errors.Join(err, c.release(ctx, written))
	}
	if err := c.outwait(r); err != nil {
		c.acquired = false
		return err
	}
	c.begin(r.LeaderTransitions)
	return nil
}

// begin records that this replica holds the Leases in a term.
func (c *Claims) begin(term int) {
	c.term = term
	c.othersAtTerm = termOf(c.others)
	c.setConflict(nil)
}

// renew writes the Leases, and returns an error if another replica may have acted since they were last written.
func (c *Claims) renew(ctx context.Context, r resourcelock.LeaderElectionRecord) error {
	for _, key := range c.territory.leases() {
		if err := c.write(ctx, key, r); err != nil {
			return err
		}
	}
	if err := c.yield(ctx); err != nil {
		return err
	}
	if termOf(c.others) != c.othersAtTerm && r.LeaderTransitions == c.term {
		return errors.New("a Lease of another territory changed hands: this replica begins a new term")
	}
	c.begin(r.LeaderTransitions)
	return nil
}

// acquire writes the Leases in their order, and then looks for others. It returns those that it wrote.
func (c *Claims) acquire(ctx context.Context, r resourcelock.LeaderElectionRecord) ([]types.NamespacedName, error) {
	if !c.holdsAll() {
		c.heldSince = time.Time{}
	}
	var written []types.NamespacedName
	for _, key := range c.territory.leases() {
		if held := c.own[key]; c.isForeign(held) && !c.isExpired(held) {
			return written, fmt.Errorf("%s holds Lease %s", held.holder(), key)
		}
		if err := c.write(ctx, key, r); err != nil {
			return written, err
		}
		written = append(written, key)
	}
	if err := c.yield(ctx); err != nil {
		return written, err
	}
	return written, c.vacateOthers(ctx)
}

// yield returns an error if a replica of another territory that overlaps holds a Lease.
func (c *Claims) yield(ctx context.Context) error {
	if err := c.readOthers(ctx); err != nil {
		return err
	}
	for _, key := range sortedKeys(c.others) {
		if held := c.others[key]; c.isForeign(held) && !c.isExpired(held) {
			c.report(key, held.holder())
			return fmt.Errorf("%s holds Lease %s", held.holder(), key)
		}
	}
	return nil
}

// vacateOthers takes the Leases of namespaces from holders that did not renew them: one that was frozen cannot renew
// its Lease any more. An operator that does not watch all namespaces may not write the others' Lease.
func (c *Claims) vacateOthers(ctx context.Context) error {
	if !c.territory.isCluster() {
		return nil
	}
	for _, key := range sortedKeys(c.others) {
		held := c.others[key]
		if !c.isForeign(held) {
			continue
		}
		lease := held.lease.DeepCopy()
		lease.Spec.HolderIdentity = ptr.To("")
		lease, err := c.client.Leases(key.Namespace).Update(ctx, lease, metav1.UpdateOptions{})
		if err != nil {
			return fmt.Errorf("vacating Lease %s of %s: %w", key, held.holder(), err)
		}
		c.others[key] = claim{lease: lease, unchangedSince: c.now()}
	}
	return nil
}

// release gives Leases back that this replica holds.
func (c *Claims) release(ctx context.Context, keys []types.NamespacedName) error {
	var failed []error
	for _, key := range keys {
		if c.own[key].holder() != c.Identity() {
			continue
		}
		failed = append(failed, c.write(ctx, key, resourcelock.LeaderElectionRecord{
			LeaseDurationSeconds: 1, RenewTime: metav1.NewTime(c.now()), AcquireTime: metav1.NewTime(c.now()),
		}))
	}
	for _, err := range failed { // a conflict is returned as it is: the caller repeats it
		if err != nil && apierrors.IsConflict(err) {
			return err
		}
	}
	return errors.Join(failed...)
}

// write writes a record to a Lease, as it was last read. A Lease that does not exist is created by the same request:
// rights to it can be limited to its name.
func (c *Claims) write(ctx context.Context, key types.NamespacedName, r resourcelock.LeaderElectionRecord) error {
	lease := &coordinationv1.Lease{ObjectMeta: metav1.ObjectMeta{Namespace: key.Namespace, Name: key.Name}}
	if known := c.own[key]; known.lease != nil {
		lease = known.lease.DeepCopy()
		r.LeaderTransitions = int(ptr.Deref(lease.Spec.LeaseTransitions, 0))
		switch {
		case known.holder() != r.HolderIdentity && r.HolderIdentity != "":
			r.LeaderTransitions++
		case known.holder() == r.HolderIdentity && lease.Spec.AcquireTime != nil:
			r.AcquireTime = metav1.Time{Time: lease.Spec.AcquireTime.Time}
		}
	} else {
		r.LeaderTransitions = 0
	}
	lease.Spec = resourcelock.LeaderElectionRecordToLeaseSpec(&r)
	lease, err := c.client.Leases(key.Namespace).Update(ctx, lease, metav1.UpdateOptions{})
	if err != nil {
		return c.refused(err)
	}
	c.own[key] = claim{lease: lease, unchangedSince: c.now()}
	return nil
}

// get reads a Lease; nil when it does not exist.
func (c *Claims) get(ctx context.Context, key types.NamespacedName) (*coordinationv1.Lease, error) {
	lease, err := c.client.Leases(key.Namespace).Get(ctx, key.Name, metav1.GetOptions{})
	if apierrors.IsNotFound(err) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("reading Lease %s: %w", key, err)
	}
	return lease, nil
}

// byName selects objects by their name. Rights that are limited to a name cover it.
func byName(name string) metav1.ListOptions {
	return metav1.ListOptions{FieldSelector: fields.OneTermEqualSelector("metadata.name", name).String()}
}

// seconds returns a duration as the API has it.
func seconds(d time.Duration) int { return int(d / time.Second) }
