// SPDX-License-Identifier: Apache-2.0

// Package connection keeps what lives longer than one reconcile: for each integration a client made from its spec and
// Secret, the lanes through which calls are made, and a record of what happened.
package connection

import (
	"context"
	"maps"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/time/rate"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/clock"

	"github.com/voiceai-dev/integrations-operator/internal/activity"
	"github.com/voiceai-dev/integrations-operator/internal/fault"
)

// maxLanes is the number of lanes from which on a connection drops idle lanes before it makes another one.
const maxLanes = 1000

// Limits bound the calls through a connection. The zero value of a field means no limit.
type Limits struct {
	// Concurrency is the number of calls that each lane makes at once.
	Concurrency int
	// PerSecond and Burst bound all lanes together, LanePerSecond and LaneBurst each of them.
	PerSecond, LanePerSecond float64
	Burst, LaneBurst         int
}

// Connection holds the client C of an integration and its lanes, whose calls return R. It lives as long as the
// integration. Client and limits are replaced when the spec or the Secret changes; a waiting call is made with the
// client that is current when its turn comes. A connection starts paused.
type Connection[C, R any] struct {
	Record *activity.Record

	name               types.NamespacedName
	clock              clock.WithDelayedExecution
	fence              func() error
	enqueue            func(types.NamespacedName)
	enqueueIntegration func()
	ctx                context.Context
	cancel             context.CancelFunc
	calls              sync.WaitGroup

	client atomic.Pointer[C]
	pause  atomic.Pointer[pause]

	mu      sync.Mutex
	version string
	limits  Limits
	closing bool
	// deleted is set while the integration does not exist, but its calls in flight keep the connection open.
	deleted bool
	limiter *rate.Limiter
	lanes   map[string]*Lane[C, R]
	// endpoints has the health of each endpoint that was called, by name.
	endpoints map[string]*endpoint
	// changes counts the changes of endpoints, and visited the queued calls that were looked at.
	changes, visited uint64
	// acceptedAt is when a probe was accepted after a call was refused.
	acceptedAt time.Time
	// answered is set once a call with the present version was answered, which shows that its credentials work.
	answered bool
	// probeFailures counts the failed probes in a row.
	probeFailures int
	// probeRequested is set when calls failed, until the next probe.
	probeRequested bool
}

// Lane returns the lane of a name, such as a channel. It makes the lane if there is none.
func (c *Connection[C, R]) Lane(name string) *Lane[C, R] {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.lane(name)
}

// lane implements Lane. The caller holds mu.
func (c *Connection[C, R]) lane(name string) *Lane[C, R] {
	l := c.lanes[name]
	if l == nil {
		c.dropIdleLanes()
		l = &Lane[C, R]{conn: c, name: name, entries: map[types.NamespacedName]*entry[C, R]{}}
		l.applyLimits(c.limits)
		c.lanes[name] = l
	}
	return l
}

// dropIdleLanes drops the lanes without calls and answers once there are many lanes. The caller holds mu.
func (c *Connection[C, R]) dropIdleLanes() {
	if len(c.lanes) < maxLanes {
		return
	}
	now := c.clock.Now()
	maps.DeleteFunc(c.lanes, func(_ string, l *Lane[C, R]) bool { return l.isIdle(now) })
}

// Version returns the version that the client was made from. It is empty before Connect.
func (c *Connection[C, R]) Version() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.version
}

// HasAnswered reports whether a call with the present version was answered, which shows that its credentials work.
func (c *Connection[C, R]) HasAnswered() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.answered
}

// Connect replaces the client. version identifies the spec and Secret that it was made from: a new version also
// replaces the limits and ends all trials. Connect does not end a pause, Resume does.
func (c *Connection[C, R]) Connect(client C, version string, limits Limits) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.client.Store(&client)
	c.deleted = false
	c.probeFailures = 0
	c.probeRequested = false
	if c.version == version {
		return
	}
	c.version = version
	c.limits = limits
	c.acceptedAt = time.Time{}
	c.answered = false
	for _, ep := range c.endpoints {
		ep.failures = 0
		ep.trouble = nil
		c.changes++
	}
	c.limiter = newLimiter(limits.PerSecond, limits.Burst)
	for _, l := range c.lanes {
		l.applyLimits(limits)
		l.heldUntil = time.Time{}
	}
}

func newLimiter(perSecond float64, burst int) *rate.Limiter {
	if perSecond == 0 {
		return rate.NewLimiter(rate.Inf, 0)
	}
	return rate.NewLimiter(rate.Limit(perSecond), max(burst, 1))
}

// Client returns the current client, and whether there is one.
func (c *Connection[C, R]) Client() (C, bool) {
	if p := c.client.Load(); p != nil {
		return *p, true
	}
	var none C
	return none, false
}

// close stops further calls from starting and enqueues the objects that wait for one.
func (c *Connection[C, R]) close() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.closing = true
	c.enqueueAll(c.setPause(&pause{fault: errDeleted()}))
}

// pauseDeleted pauses the connection of a deleted integration until its calls in flight are dealt with.
func (c *Connection[C, R]) pauseDeleted() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.enqueueAll(c.setPause(&pause{fault: errDeleted()}))
	c.deleted = true
}

func errDeleted() *fault.Fault { return fault.New(fault.NotFound, "the integration was deleted") }

func (c *Connection[C, R]) enqueueAll(keys []types.NamespacedName) {
	for _, k := range keys {
		c.enqueue(k)
	}
}
