// Package connection keeps what is alive between reconciles: for each integration a client made from its spec and Secret, the lanes its
// calls go through, and a record of what happened.
package connection

import (
	"context"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/time/rate"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/clock"

	"github.com/voiceai-dev/integrations-operator/api/v1alpha1"
	"github.com/voiceai-dev/integrations-operator/internal/fault"
)

const (
	// pauseAfter failures in a row a connection is paused and probed instead of being tried by every object that waits.
	pauseAfter = 5
	// rateLimitPause is how long to wait when the other side asks to wait without saying how long.
	rateLimitPause = 30 * time.Second
	// maxRetryAfter bounds what the other side may ask for.
	maxRetryAfter = time.Hour
	// slowRetry is how often something is tried that somebody has to mend on the other side, slowestRetry how often what was refused for what it is:
	// it may have been for what the other side asks for, as a field that is required. Up to half as long again is added.
	slowRetry, slowestRetry = 5 * time.Minute, 20 * time.Minute
	// minBackoff doubles with each failure up to maxBackoff; half of it is random.
	minBackoff = time.Second
	maxBackoff = 5 * time.Minute
)

// Limits bound the calls through a connection. The zero value of a field means no limit.
type Limits struct {
	// Concurrency of each lane.
	Concurrency int
	// PerSecond and Burst bound all lanes together, LanePerSecond and LaneBurst each of them.
	PerSecond, LanePerSecond float64
	Burst, LaneBurst         int
}

// Connection is the client C of an integration with its lanes, whose calls result in R. It lives as long as the integration does; client and limits are exchanged when
// spec or Secret change, and calls that wait are made with what is there when their turn comes. A connection begins paused.
type Connection[C, R any] struct {
	Record *Record

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
	limiter *rate.Limiter
	lanes   map[string]*Lane[C, R]
	running int
	// failures counts those in a row, relapses the pauses because of them since a call last succeeded.
	failures, relapses int
	unresolved         *fault.Fault
	// probeFailing says that the last check failed, though calls go on.
	probeFailing bool
}

// pause is why no calls are made.
type pause struct {
	fault *fault.Fault
	at    time.Time
	// quiet is a pause of which nothing needs to be said, as before the first probe.
	quiet bool
	// relapse is a pause because calls failed in a row, resuming one that is to end by itself.
	relapse, resuming bool
}

func (p *pause) reported() *fault.Fault {
	if p == nil || p.quiet {
		return nil
	}
	return p.fault
}

// Lane is the lane of a name, such as a channel's. It is made when it is first asked for.
func (c *Connection[C, R]) Lane(name string) *Lane[C, R] {
	c.mu.Lock()
	defer c.mu.Unlock()
	l := c.lanes[name]
	if l == nil {
		l = &Lane[C, R]{conn: c, entries: map[types.NamespacedName]*entry[C, R]{}}
		l.limit(c.limits)
		c.lanes[name] = l
	}
	return l
}

func (l *Lane[C, R]) limit(to Limits) {
	l.concurrency = to.Concurrency
	if l.concurrency == 0 {
		l.concurrency = 1
	}
	l.limiter, l.strict = limiter(to.LanePerSecond, to.LaneBurst), false
}

func limiter(perSecond float64, burst int) *rate.Limiter {
	if perSecond == 0 {
		return rate.NewLimiter(rate.Inf, 0)
	}
	return rate.NewLimiter(rate.Limit(perSecond), max(burst, 1))
}

// prune drops a lane in which nothing is and whose rate has recovered. The caller holds mu.
func (c *Connection[C, R]) prune(l *Lane[C, R]) {
	if len(l.entries) > 0 || l.running > 0 || len(c.lanes) < 1000 {
		return
	}
	for name, other := range c.lanes {
		if other == l {
			delete(c.lanes, name)
		}
	}
}

// Version says what the client was made from; empty before the first.
func (c *Connection[C, R]) Version() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.version
}

// Connect gives the connection a client, made from what version says. It stays paused until Resume.
func (c *Connection[C, R]) Connect(client C, version string, limits Limits) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.client.Store(&client)
	c.probeFailing = false
	if c.version == version {
		return
	}
	c.version, c.limits = version, limits
	c.failures, c.relapses, c.unresolved = 0, 0, nil
	c.limiter = limiter(limits.PerSecond, limits.Burst)
	for _, l := range c.lanes {
		l.limit(limits)
		l.heldUntil = time.Time{}
	}
}

// ProbeFailed says whether a check that failed has calls paused. One that fails for what may pass, while calls go on, does not: it is repeated first. A
// quota that is used up pauses for as long as the other side says.
func (c *Connection[C, R]) ProbeFailed(f *fault.Fault) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.pause.Load() != nil || f.Kind.Permanent() {
		return true
	}
	was := c.probeFailing
	c.probeFailing = true
	if f.Kind != fault.RateLimited {
		return was
	}
	if f.Scope == fault.Connection {
		c.observe(f)
	}
	return false
}

// IsProbeFailing says whether the last check failed, though calls go on.
func (c *Connection[C, R]) IsProbeFailing() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.probeFailing
}

// Client is the present client, and whether there is one.
func (c *Connection[C, R]) Client() (C, bool) {
	if p := c.client.Load(); p != nil {
		return *p, true
	}
	var none C
	return none, false
}

// Pause stops calls until Resume. Objects that wait are reconciled, unless the reason is the same as before.
func (c *Connection[C, R]) Pause(f *fault.Fault) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.enqueueAll(c.setPause(&pause{fault: f}))
}

// Resume lets calls go on. After a pause because of failures one call is tried first, and each time that fails the pause is longer, even if
// somebody finds in between that all is well. It does nothing before Connect.
func (c *Connection[C, R]) Resume() {
	c.mu.Lock()
	defer c.mu.Unlock()
	p := c.pause.Load()
	if c.client.Load() == nil || p == nil || p.resuming {
		return
	}
	if c.relapses > 1 && p.relapse {
		if wait := p.at.Add(backoff(c.relapses - 1)).Sub(c.clock.Now()); wait > 0 {
			p.resuming = true
			c.clock.AfterFunc(wait, func() { c.resumeFrom(p) })
			return
		}
	}
	c.resume()
}

// resumeFrom ends a pause, unless another one took its place.
func (c *Connection[C, R]) resumeFrom(p *pause) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.pause.Load() == p && !c.closing {
		c.resume()
	}
}

func (c *Connection[C, R]) resume() {
	c.failures = 0
	c.pause.Store(nil)
	c.pumpAll()
}

func (c *Connection[C, R]) pumpAll() {
	for _, l := range c.lanes {
		l.pump()
	}
}

// UnresolvedFault is the failure because of which calls were paused, until one succeeds; nil when there is none.
func (c *Connection[C, R]) UnresolvedFault() *fault.Fault {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.relapses == 0 {
		return nil
	}
	return c.unresolved
}

// PauseFault is why no calls are made now, or nil.
func (c *Connection[C, R]) PauseFault() *fault.Fault { return c.pause.Load().reported() }

// IsResuming says whether the present pause ends by itself.
func (c *Connection[C, R]) IsResuming() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	p := c.pause.Load()
	return p != nil && p.resuming
}

// PausedAt is when the present pause began.
func (c *Connection[C, R]) PausedAt() time.Time {
	if p := c.pause.Load(); p != nil {
		return p.at
	}
	return time.Time{}
}

// setPause returns the objects that have to be told. The caller holds mu.
func (c *Connection[C, R]) setPause(p *pause) []types.NamespacedName {
	p.at = c.clock.Now()
	c.pause.Store(p)
	now := p.reported()
	if now == nil {
		return nil
	}
	var waiting []types.NamespacedName
	for _, l := range c.lanes {
		for _, e := range l.queue {
			if e.Call != nil && !sameCause(e.reportedPause, now) {
				waiting = append(waiting, e.Key)
			}
		}
	}
	return waiting
}

// sameCause says whether two reasons for a pause are so much the same that nobody has to be told again. Trouble that passes by itself is the same
// however it shows.
func sameCause(a, b *fault.Fault) bool {
	switch {
	case a == nil || b == nil:
		return false
	case isTransient(a) || isTransient(b):
		return isTransient(a) == isTransient(b)
	default:
		return a.Kind == b.Kind && a.Code == b.Code && a.Message == b.Message
	}
}

func isTransient(f *fault.Fault) bool {
	return (f.Kind == fault.Unavailable || f.Kind == fault.Ambiguous) && f.Code != v1alpha1.ReasonSuspended
}

func (c *Connection[C, R]) enqueueAll(keys []types.NamespacedName) {
	for _, k := range keys {
		c.enqueue(k)
	}
}

// observe draws from how a call ended what it means for the others. The caller holds mu.
func (c *Connection[C, R]) observe(err error) {
	f := fault.From(err)
	switch {
	case f == nil:
		c.recovered()
	case f.Kind.Permanent() && f.Scope == fault.Connection:
		c.relapse(f) // a check may succeed all the same, with a token that may do less than is asked for
	case f.Kind == fault.RateLimited && f.Scope == fault.Connection:
		p := &pause{fault: f, resuming: true}
		if c.stop(p) {
			c.clock.AfterFunc(retryAfter(f), func() { c.resumeFrom(p) })
		}
	case f.Kind == fault.Unavailable || f.Kind == fault.Ambiguous:
		if c.failures++; c.failures < pauseAfter && c.relapses == 0 {
			return
		}
		c.relapse(f)
	default: // the other side answered for this item alone
		c.recovered()
	}
}

// relapse pauses because of failures.
func (c *Connection[C, R]) relapse(f *fault.Fault) {
	if c.stop(&pause{fault: f, relapse: true}) {
		c.relapses++
		c.unresolved = f
	}
}

func (c *Connection[C, R]) recovered() {
	c.failures = 0
	if c.relapses > 0 {
		c.relapses, c.unresolved = 0, nil
		c.enqueueIntegration()
		c.pumpAll()
	}
}

// stop pauses, unless calls are paused already, and has the integration reconciled, which probes. The caller holds mu.
func (c *Connection[C, R]) stop(p *pause) bool {
	if c.pause.Load() != nil {
		return false
	}
	c.enqueueAll(c.setPause(p))
	c.enqueueIntegration()
	return true
}

func retryAfter(f *fault.Fault) time.Duration {
	if f.RetryAfter > 0 {
		return min(f.RetryAfter, maxRetryAfter)
	}
	return rateLimitPause
}

// retryAt is when a call that failed is worth another try; zero when that needs a change first.
func (c *Connection[C, R]) retryAt(f *fault.Fault, attempts int) time.Time {
	now := c.clock.Now()
	switch {
	case f.Scope == fault.Connection:
		return now // it waits for the connection to be resumed
	case f.Kind == fault.RateLimited:
		return now.Add(retryAfter(f))
	case f.Kind == fault.Ambiguous:
		return time.Time{}
	case f.Kind == fault.Invalid:
		return now.Add(slowestRetry + rand.N(slowestRetry/2))
	case f.Kind == fault.NotFound || f.Kind == fault.Unauthorized:
		return now.Add(slowRetry + rand.N(slowRetry/2)) // mended on the other side, where nobody tells us
	}
	d := backoff(attempts)
	return now.Add(max(d/2+rand.N(d/2+1), f.RetryAfter))
}

// backoff is how long to wait after so many failures.
func backoff(failures int) time.Duration {
	return min(minBackoff<<min(failures-1, 10), maxBackoff)
}

// close lets no further call begin. Objects that wait are reconciled.
func (c *Connection[C, R]) close() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.closing = true
	c.enqueueAll(c.setPause(&pause{fault: fault.New(fault.NotFound, "the integration was deleted")}))
}
