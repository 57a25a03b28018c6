// SPDX-License-Identifier: Apache-2.0

package connection

import (
	"context"
	"fmt"
	"testing"
	"testing/synctest"

	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/clock"

	"github.com/voiceai-dev/integrations-operator/internal/fault"
)

// TestQueueIsReadOncePerTrial queues many calls to an endpoint that is on trial: each is looked at a few times, not once
// for each other one.
func TestQueueIsReadOncePerTrial(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ignore := func(types.NamespacedName) {}
		pool := NewPool[string, string](Options{Clock: clock.RealClock{}, EnqueueItem: ignore, EnqueueIntegration: ignore})
		conn := pool.Get(types.NamespacedName{Name: "i"})
		conn.Connect("client", "v1", Limits{Concurrency: 4})
		conn.Resume()
		submit := func(n int) {
			name := fmt.Sprint("d", n)
			conn.Lane("create").Submit(Request[string, string]{
				Key: types.NamespacedName{Name: name}, UID: types.UID(name), Endpoint: "Create",
				Call: func(context.Context, string) (string, error) { return "", fault.New(fault.Unavailable, "down") },
			})
			synctest.Wait()
		}
		for n := range troubleAfter {
			submit(n)
		}
		before := conn.visited
		const calls = 2000
		for n := range calls {
			submit(troubleAfter + n)
		}
		if visited := conn.visited - before; !conn.hasTrouble() || visited > 3*calls {
			t.Errorf("%d queued calls were looked at %d times", calls, visited)
		}
	})
}
