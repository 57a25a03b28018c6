// SPDX-License-Identifier: Apache-2.0

package connection

import (
	"context"
	"maps"
	"slices"
	"sync"
	"time"

	"golang.org/x/time/rate"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/clock"

	"github.com/voiceai-dev/integrations-operator/internal/activity"
	"github.com/voiceai-dev/integrations-operator/internal/fault"
)

const (
	// statusDelay is how long changes of a record are gathered before they are written to the integration's status.
	statusDelay = 5 * time.Second
	// closeTimeout is how long calls in flight may take to end when the operator stops.
	closeTimeout = 5 * time.Second
)

// Options configure a pool.
type Options struct {
	Clock clock.WithDelayedExecution
	// Fence is called right before each call and returns an error if this process may not act. nil never refuses.
	Fence func() error
	// EnqueueItem enqueues an object that waits for a call, EnqueueIntegration an integration. They are called from any
	// goroutine and must not block.
	EnqueueItem, EnqueueIntegration func(types.NamespacedName)
	// CountedAction is the action whose successes a Record counts.
	CountedAction string
}

// Pool holds the connections of one kind of integration, by name.
type Pool[C, R any] struct {
	options Options

	mu          sync.Mutex
	connections map[types.NamespacedName]*Connection[C, R]
	timers      map[types.NamespacedName]clock.Timer
}

// NewPool returns a pool without connections.
func NewPool[C, R any](o Options) *Pool[C, R] {
	if o.Fence == nil {
		o.Fence = func() error { return nil }
	}
	return &Pool[C, R]{
		options:     o,
		connections: map[types.NamespacedName]*Connection[C, R]{},
		timers:      map[types.NamespacedName]clock.Timer{},
	}
}

// Get returns the connection of an integration. It makes a paused one if there is none, so that objects can wait for
// an integration that has not been reconciled yet.
func (p *Pool[C, R]) Get(name types.NamespacedName) *Connection[C, R] {
	p.mu.Lock()
	defer p.mu.Unlock()
	if c := p.connections[name]; c != nil {
		return c
	}
	c := p.newConnection(name)
	p.connections[name] = c
	return c
}

// Find returns the connection of an integration, or nil if there is none, such as for an integration that was deleted.
func (p *Pool[C, R]) Find(name types.NamespacedName) *Connection[C, R] {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.connections[name]
}

func (p *Pool[C, R]) newConnection(name types.NamespacedName) *Connection[C, R] {
	o := p.options
	c := &Connection[C, R]{
		Record: activity.NewRecord(activity.Options{
			Clock: o.Clock, CountedAction: o.CountedAction, Changed: func() { p.enqueueLater(name) },
		}),
		name:               name,
		clock:              o.Clock,
		fence:              o.Fence,
		enqueue:            o.EnqueueItem,
		enqueueIntegration: func() { o.EnqueueIntegration(name) },
		limiter:            rate.NewLimiter(rate.Inf, 0),
		lanes:              map[string]*Lane[C, R]{},
		endpoints:          map[string]*endpoint{},
	}
	c.ctx, c.cancel = context.WithCancel(context.Background())
	c.pause.Store(&pause{fault: fault.New(fault.Unavailable, "the integration has not been checked yet"), quiet: true})
	return c
}

// enqueueLater enqueues an integration after a delay, once for all changes of its record until then.
func (p *Pool[C, R]) enqueueLater(name types.NamespacedName) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.timers[name] != nil {
		return
	}
	p.timers[name] = p.options.Clock.AfterFunc(statusDelay, func() {
		p.mu.Lock()
		delete(p.timers, name)
		p.mu.Unlock()
		p.options.EnqueueIntegration(name)
	})
}

// Forget drops the answers and waiting calls of an object in all connections. It closes connections of deleted
// integrations that were kept for them.
func (p *Pool[C, R]) Forget(object types.NamespacedName) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for name, c := range p.connections {
		if c.forget(object) {
			p.remove(name)
		}
	}
}

// forget drops the answers and waiting calls of an object. It reports whether the integration was deleted and nothing
// keeps the connection open any more.
func (c *Connection[C, R]) forget(object types.NamespacedName) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, l := range c.lanes {
		l.forget(object)
	}
	return c.deleted && !c.hasInFlight()
}

// Close closes the connection of a deleted integration. It keeps the connection, paused, while calls are in flight or
// have answers that were not handled yet: a new integration of the same name must not make the same calls again.
func (p *Pool[C, R]) Close(name types.NamespacedName) {
	p.mu.Lock()
	defer p.mu.Unlock()
	c := p.connections[name]
	if c == nil {
		return
	}
	c.mu.Lock()
	inFlight := c.hasInFlight()
	c.mu.Unlock()
	if inFlight {
		c.pauseDeleted()
		return
	}
	p.remove(name)
}

// remove drops a connection and closes it. The caller holds mu.
func (p *Pool[C, R]) remove(name types.NamespacedName) {
	c := p.connections[name]
	delete(p.connections, name)
	if t := p.timers[name]; t != nil {
		t.Stop()
		delete(p.timers, name)
	}
	c.close()
}

// InFlight returns the integration and lane in which a call for an object is in flight, or has an answer, not handled
// yet, by which something was or may have been done in Slack or Jira. That answer has to be handled before the object
// makes another call. InFlight skips the lane named by except.
func (p *Pool[C, R]) InFlight(object types.NamespacedName, uid types.UID, except string) (
	integration types.NamespacedName, lane string, ok bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for name, c := range p.connections {
		if lane, ok := c.inFlight(object, uid, except); ok {
			return name, lane, true
		}
	}
	return types.NamespacedName{}, "", false
}

func (c *Connection[C, R]) inFlight(object types.NamespacedName, uid types.UID, except string) (lane string, ok bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for name, l := range c.lanes {
		if e := l.find(object, uid); e != nil && name != except && e.isInFlight() {
			return name, true
		}
	}
	return "", false
}

// hasInFlight reports whether any call is in flight or has an answer that was not handled yet. The caller holds mu.
func (c *Connection[C, R]) hasInFlight() bool {
	for _, l := range c.lanes {
		for _, e := range l.entries {
			if e.isInFlight() {
				return true
			}
		}
	}
	return false
}

// Start waits for ctx to end. Then no further call starts, calls in flight have a few seconds to end, and the rest is
// cancelled. It implements the manager's Runnable.
func (p *Pool[C, R]) Start(ctx context.Context) error {
	<-ctx.Done()
	p.mu.Lock()
	for _, t := range p.timers {
		t.Stop()
	}
	connections := slices.Collect(maps.Values(p.connections))
	p.mu.Unlock() // a call in flight may need it for a connection or a record
	for _, c := range connections {
		c.close()
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for _, c := range connections {
			c.calls.Wait()
		}
	}()
	select {
	case <-ended:
	case <-time.After(closeTimeout):
		for _, c := range connections {
			c.cancel()
		}
		<-ended
	}
	return nil
}
