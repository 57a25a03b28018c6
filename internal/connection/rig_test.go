// SPDX-License-Identifier: Apache-2.0

package connection_test

import (
	"context"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/clock"

	"github.com/voiceai-dev/integrations-operator/internal/connection"
	"github.com/voiceai-dev/integrations-operator/internal/fault"
)

type (
	request = connection.Request[string, string]
	answer  = connection.Answer[string]
)

var integrationName = types.NamespacedName{Namespace: "voice", Name: "integration"}

// rig is a pool that counts calls and enqueued objects. It runs in a synctest bubble, where time passes once all
// goroutines wait.
type rig struct {
	pool *connection.Pool[string, string]
	conn *connection.Connection[string, string]

	mu           sync.Mutex
	enqueued     map[string]int
	integrations int
	calls        []call
	fence        error
}

type call struct {
	object string
	at     time.Time
}

// inBubble runs a test with a rig in a synctest bubble.
func inBubble(t *testing.T, limits connection.Limits, test func(*testing.T, *rig)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) { test(t, newRig(limits)) })
}

// newRig returns a rig with a connected integration.
func newRig(limits connection.Limits) *rig {
	r := &rig{enqueued: map[string]int{}}
	r.pool = connection.NewPool[string, string](r.options())
	r.conn = r.pool.Get(integrationName)
	r.conn.Connect("client", "v1", limits)
	r.conn.Resume()
	return r
}

func (r *rig) options() connection.Options {
	return connection.Options{
		Clock: clock.RealClock{},
		Fence: func() error {
			r.mu.Lock()
			defer r.mu.Unlock()
			return r.fence
		},
		EnqueueItem: func(n types.NamespacedName) {
			r.mu.Lock()
			defer r.mu.Unlock()
			r.enqueued[n.Name]++
		},
		EnqueueIntegration: func(types.NamespacedName) {
			r.mu.Lock()
			defer r.mu.Unlock()
			r.integrations++
		},
		CountedAction: "PostMessage",
	}
}

func key(name string) types.NamespacedName {
	return types.NamespacedName{Namespace: "voice", Name: name}
}

func uid(name string) types.UID { return types.UID("uid-" + name) }

// request returns the request of an object. Its call takes a while and returns err.
func (r *rig) request(name string, takes time.Duration, err error) request {
	return request{
		Key: key(name), UID: uid(name), Version: "1",
		Call: func(ctx context.Context, client string) (string, error) {
			r.mu.Lock()
			r.calls = append(r.calls, call{name, time.Now()})
			r.mu.Unlock()
			select {
			case <-ctx.Done():
				return "", ctx.Err()
			case <-time.After(takes):
				return client + "/" + name, err
			}
		},
	}
}

func (r *rig) submit(lane, name string, takes time.Duration, err error) answer {
	return r.conn.Lane(lane).Submit(r.request(name, takes, err))
}

func (r *rig) submitVersion(lane, name, version string, err error) {
	q := r.request(name, 0, err)
	q.Version = version
	r.conn.Lane(lane).Submit(q)
}

// pass lets time pass and waits until all that was due has run.
func pass(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

// called returns the objects that were called for, in order.
func (r *rig) called() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	var out []string
	for _, c := range r.calls {
		out = append(out, c.object)
	}
	return out
}

func (r *rig) callCount() int { return len(r.called()) }

// millisecondsSince returns when calls were made, rounded to 10 ms.
func (r *rig) millisecondsSince(begin time.Time) []int64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	var out []int64
	for _, c := range r.calls {
		out = append(out, c.at.Sub(begin).Round(10*time.Millisecond).Milliseconds())
	}
	return out
}

func (r *rig) integrationCount() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.integrations
}

func (r *rig) enqueuedCount(name string) int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.enqueued[name]
}

func (r *rig) setFence(err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.fence = err
}

// Faults by kind and scope.

func down() *fault.Fault { return fault.New(fault.Unavailable, "down") }

func refused() *fault.Fault {
	return &fault.Fault{Kind: fault.Unauthorized, Scope: fault.Connection, Message: "refused"}
}

func limited(scope fault.Scope, after time.Duration) *fault.Fault {
	return &fault.Fault{Kind: fault.RateLimited, Scope: scope, Message: "limited", RetryAfter: after}
}
