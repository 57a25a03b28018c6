package connection

import (
	"context"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/clock"

	"github.com/voiceai-dev/integrations-operator/internal/fault"
)

// coalesce is how long changes of a record are gathered before the integration's status shows them.
const coalesce = 5 * time.Second

// drain is how long calls under way may take to end when the operator stops.
const drain = 5 * time.Second

// Options say what a pool's connections need from outside.
type Options struct {
	Clock clock.WithDelayedExecution
	// Fence is asked right before each call whether this process may still act; nil means always.
	Fence func() error
	// EnqueueItem has an object that waits for a call reconciled, EnqueueIntegration an integration. They are called from any goroutine and must
	// not block.
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

// NewPool is a pool without connections.
func NewPool[C, R any](o Options) *Pool[C, R] {
	if o.Fence == nil {
		o.Fence = func() error { return nil }
	}
	return &Pool[C, R]{options: o, connections: map[types.NamespacedName]*Connection[C, R]{}, timers: map[types.NamespacedName]clock.Timer{}}
}

// Get is an integration's connection. It is made, paused, when it is first asked for, so that objects can wait for an integration that has
// not been reconciled yet.
func (p *Pool[C, R]) Get(name types.NamespacedName) *Connection[C, R] {
	p.mu.Lock()
	defer p.mu.Unlock()
	if c := p.connections[name]; c != nil {
		return c
	}
	ctx, cancel := context.WithCancel(context.Background())
	c := &Connection[C, R]{
		name: name, clock: p.options.Clock, fence: p.options.Fence, enqueue: p.options.EnqueueItem,
		enqueueIntegration: func() { p.options.EnqueueIntegration(name) },
		ctx:                ctx, cancel: cancel, limiter: limiter(0, 0), lanes: map[string]*Lane[C, R]{},
	}
	c.pause.Store(&pause{fault: fault.New(fault.Unavailable, "the integration has not been checked yet"), quiet: true})
	c.Record = &Record{clock: p.options.Clock, counted: p.options.CountedAction, changed: func() { p.enqueueLater(name) }}
	p.connections[name] = c
	return c
}

// enqueueLater has the integration reconciled once in a while after its record changed.
func (p *Pool[C, R]) enqueueLater(name types.NamespacedName) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.timers[name] != nil {
		return
	}
	p.timers[name] = p.options.Clock.AfterFunc(coalesce, func() {
		p.mu.Lock()
		delete(p.timers, name)
		p.mu.Unlock()
		p.options.EnqueueIntegration(name)
	})
}

// Forget drops what waits for an object, on whichever connection.
func (p *Pool[C, R]) Forget(object types.NamespacedName) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, c := range p.connections {
		c.mu.Lock()
		for _, l := range c.lanes {
			l.forget(object)
		}
		c.mu.Unlock()
	}
}

// Close ends the connection of an integration that was deleted. While calls are under way, or answers have not been taken over, it is kept: an
// integration of the same name must not make the same calls again.
func (p *Pool[C, R]) Close(name types.NamespacedName) {
	p.mu.Lock()
	c := p.connections[name]
	if c != nil && c.hasInFlight() {
		p.mu.Unlock()
		c.Pause(fault.New(fault.NotFound, "the integration was deleted"))
		return
	}
	delete(p.connections, name)
	if t := p.timers[name]; t != nil {
		t.Stop()
		delete(p.timers, name)
	}
	p.mu.Unlock()
	if c != nil {
		c.close()
	}
}

// InFlight is the integration and lane in which a call for an object is under way, or has an answer that was not taken over and says that
// something was done or may have been. Whatever the object asks for now, that comes first.
func (p *Pool[C, R]) InFlight(object types.NamespacedName, uid types.UID, but string) (integration types.NamespacedName, lane string, ok bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for name, c := range p.connections {
		c.mu.Lock()
		for l, other := range c.lanes {
			if e := other.entries[object]; e != nil && l != but && e.UID == uid && e.isInFlight() {
				integration, lane, ok = name, l, true
			}
		}
		c.mu.Unlock()
	}
	return integration, lane, ok
}

// hasInFlight says whether any call is under way, or has an answer that was not taken over.
func (c *Connection[C, R]) hasInFlight() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, l := range c.lanes {
		for _, e := range l.entries {
			if e.isInFlight() {
				return true
			}
		}
	}
	return false
}

func (e *entry[C, R]) isInFlight() bool {
	switch e.state {
	case started, slow:
		return true
	case done:
		return e.answer.Err == nil || fault.Is(e.answer.Err, fault.Ambiguous)
	}
	return false
}

// Start waits for ctx to end. Then no further call begins, those under way have a few seconds to end, and the rest is cancelled. It is a
// Runnable of the manager.
func (p *Pool[C, R]) Start(ctx context.Context) error {
	<-ctx.Done()
	p.mu.Lock()
	for _, t := range p.timers {
		t.Stop()
	}
	connections := slices.Collect(maps.Values(p.connections))
	p.mu.Unlock() // a call under way may ask for a connection, or note in a record what came of it
	ended := make(chan struct{})
	for _, c := range connections {
		c.close()
	}
	go func() {
		defer close(ended)
		for _, c := range connections {
			c.calls.Wait()
		}
	}()
	select {
	case <-ended:
	case <-time.After(drain):
		for _, c := range connections {
			c.cancel()
		}
		<-ended
	}
	return nil
}

// Metrics is how many calls wait in a pool's lanes, for a kind of integration.
func (p *Pool[C, R]) Metrics(kind string) prometheus.Collector {
	return depth[C, R]{p, prometheus.NewDesc("voiceai_lane_backlog", "Calls that wait for their turn, by kind of integration, integration and lane.",
		[]string{"namespace", "integration", "lane"}, prometheus.Labels{"kind": kind})}
}

type depth[C, R any] struct {
	pool *Pool[C, R]
	desc *prometheus.Desc
}

// Describe says which metric it is.
func (d depth[C, R]) Describe(out chan<- *prometheus.Desc) { out <- d.desc }

// Collect counts.
func (d depth[C, R]) Collect(out chan<- prometheus.Metric) {
	d.pool.mu.Lock()
	connections := maps.Clone(d.pool.connections)
	d.pool.mu.Unlock()
	for name, c := range connections {
		c.mu.Lock()
		lanes := maps.Clone(c.lanes)
		c.mu.Unlock()
		for lane, l := range lanes {
			out <- prometheus.MustNewConstMetric(d.desc, prometheus.GaugeValue, float64(l.Backlog()), name.Namespace, name.Name, lane)
		}
	}
}
