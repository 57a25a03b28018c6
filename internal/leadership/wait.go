// SPDX-License-Identifier: Apache-2.0

package leadership

import (
	"context"
	"fmt"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/tools/leaderelection/resourcelock"
)

// waiting is the holder that the elector sees while this replica holds its Leases and waits. It is no replica, so the
// elector does not lead and tries again.
const waiting = "nobody/waits"

// waits reports whether this replica holds its Leases until an operator of all namespaces had the time to yield.
func (c *Claims) waits() bool { return !c.heldSince.IsZero() }

// timeToWait returns how much longer an operator of all namespaces may act that has not seen the Leases.
func (c *Claims) timeToWait() time.Duration { return c.duration - c.now().Sub(c.heldSince) }

// outwait begins to wait if this replica may not see whether an operator of all namespaces acts. It returns an error while
// it waits.
func (c *Claims) outwait(r resourcelock.LeaderElectionRecord) error {
	if c.blind && !c.waits() {
		c.heldSince = c.now()
		c.heldAs = r
	}
	if left := c.timeToWait(); c.blind && left > 0 {
		return fmt.Errorf("waiting %s for an operator of all namespaces to yield, if there is one: Lease %s may not be read",
			left.Round(time.Second), c.territory.clusterLease())
	}
	c.heldSince = time.Time{}
	return nil
}

// keepWaiting renews the Leases while this replica waits.
func (c *Claims) keepWaiting(ctx context.Context) error {
	if !c.waits() {
		return nil
	}
	c.heldAs.RenewTime = metav1.NewTime(c.now()) // without a change, the API server would write nothing
	for _, key := range c.territory.leases() {
		if err := c.write(ctx, key, c.heldAs); err != nil {
			return err
		}
	}
	return nil
}
