// SPDX-License-Identifier: Apache-2.0

package connection_test

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/clock"

	"github.com/voiceai-dev/integrations-operator/internal/connection"
	"github.com/voiceai-dev/integrations-operator/internal/fault"
)

// side is Slack or Jira: it answers calls and probes as a test says.
type side struct {
	// answer returns the result of a call for an object, n of which were made before to the endpoint.
	answer func(object string, n int) error
	probe  func() error
}

// driver does what the reconcilers do: it submits the calls of its objects when they are enqueued and when they are due,
// and probes the connection. A call in doubt is made again after settle.
type driver struct {
	t    *testing.T
	side side
	conn *connection.Connection[string, string]
	ctx  context.Context
	end  context.CancelFunc

	mu sync.Mutex
	// objects has the endpoint of each object. done is when its call succeeded, attempts when it was made.
	objects   map[string]string
	done      map[string]time.Time
	attempts  map[string][]time.Time
	last      map[string]answer
	endpoints map[string]int
	probes    int
	timers    map[string]*time.Timer
	nextProbe *time.Timer
}

const settle = 35 * time.Second

// drive runs a test with a driver in a synctest bubble.
func drive(t *testing.T, limits connection.Limits, s side, test func(*testing.T, *driver)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		d := &driver{t: t, side: s, objects: map[string]string{}, done: map[string]time.Time{}, attempts: map[string][]time.Time{},
			last: map[string]answer{}, endpoints: map[string]int{}, timers: map[string]*time.Timer{}}
		d.ctx, d.end = context.WithCancel(t.Context())
		defer d.end()
		pool := connection.NewPool[string, string](connection.Options{
			Clock:              clock.RealClock{},
			EnqueueItem:        func(n types.NamespacedName) { go d.reconcile(n.Name) },
			EnqueueIntegration: func(types.NamespacedName) { go d.reconcileIntegration() },
		})
		d.conn = pool.Get(integrationName)
		d.conn.Connect("client", "v1", limits)
		d.conn.Resume()
		go d.probeRegularly()
		test(t, d)
		d.end()
		pass(time.Minute) // calls in flight end
	})
}

// create creates an object whose call is to an endpoint.
func (d *driver) create(endpoint, name string) {
	d.mu.Lock()
	d.objects[name] = endpoint
	d.mu.Unlock()
	d.reconcile(name)
}

// reconcile submits the call of an object.
func (d *driver) reconcile(name string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	endpoint := d.objects[name]
	if !d.done[name].IsZero() || d.ctx.Err() != nil {
		return
	}
	doubt := ""
	if a, ok := d.conn.Lane(endpoint).Peek(key(name), uid(name)); ok && fault.Is(a.Err, fault.Ambiguous) {
		if due := a.At.Add(settle); time.Now().Before(due) {
			d.requeue(name, due)
			d.last[name] = a
			return
		}
		doubt = a.At.String()
	}
	a := d.conn.Lane(endpoint).Submit(request{
		Key: key(name), UID: uid(name), Endpoint: endpoint, Version: "1", Doubt: doubt,
		Call: func(context.Context, string) (string, error) { return "", d.call(endpoint, name) },
	})
	d.last[name] = a
	switch {
	case a.Done && a.Err == nil:
		d.done[name] = a.At
	case a.Done && !a.RetryAt.IsZero():
		d.requeue(name, a.RetryAt)
	}
}

func (d *driver) requeue(name string, at time.Time) {
	if t := d.timers[name]; t != nil {
		t.Stop()
	}
	d.timers[name] = time.AfterFunc(time.Until(at), func() { d.reconcile(name) })
}

func (d *driver) call(endpoint, name string) error {
	time.Sleep(10 * time.Millisecond)
	d.mu.Lock()
	defer d.mu.Unlock()
	n := d.endpoints[endpoint]
	d.endpoints[endpoint]++
	d.attempts[name] = append(d.attempts[name], time.Now())
	return d.side.answer(name, n)
}

// reconcileIntegration probes the connection if it does not work or a probe is requested.
func (d *driver) reconcileIntegration() {
	if d.conn.PauseFault() == nil && !d.conn.IsProbeRequested() && !d.conn.IsProbeFailing() && d.conn.UnresolvedFault() == nil {
		return
	}
	d.probe()
}

func (d *driver) probe() {
	time.Sleep(100 * time.Millisecond)
	d.mu.Lock()
	d.probes++
	d.mu.Unlock()
	err := d.side.probe()
	if err == nil {
		d.conn.Connect("client", "v1", connection.Limits{})
		d.conn.Resume()
		return
	}
	if f := fault.From(err); d.conn.ProbeFailed(f) {
		d.conn.Pause(f)
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.nextProbe != nil {
		d.nextProbe.Stop()
	}
	d.nextProbe = time.AfterFunc(d.conn.ProbeDelay(), func() {
		if d.ctx.Err() == nil {
			d.reconcileIntegration()
		}
	})
}

func (d *driver) probeRegularly() {
	for {
		select {
		case <-d.ctx.Done():
			return
		case <-time.After(5 * time.Minute):
			d.probe()
		}
	}
}

// doneAfter returns how long after a time the call of each object succeeded at the latest, or an error.
func (d *driver) doneAfter(begin time.Time, names ...string) time.Duration {
	d.t.Helper()
	d.mu.Lock()
	defer d.mu.Unlock()
	var latest time.Duration
	for _, n := range names {
		at, ok := d.done[n]
		if !ok {
			d.t.Errorf("%s did not succeed, attempts %d, last %+v", n, len(d.attempts[n]), d.last[n])
			return 1 << 62
		}
		latest = max(latest, at.Sub(begin))
	}
	return latest
}

// countDone returns the number of objects whose call has succeeded.
func (d *driver) countDone() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return len(d.done)
}

func (d *driver) attemptsOf(name string) int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return len(d.attempts[name])
}

func (d *driver) answerOf(name string) answer {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.last[name]
}

func (d *driver) probeCount() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.probes
}

// names returns numbered names.
func names(prefix string, count int) (out []string) {
	for i := range count {
		out = append(out, fmt.Sprint(prefix, i))
	}
	return out
}
