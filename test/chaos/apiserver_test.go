// SPDX-License-Identifier: Apache-2.0

package chaos_test

import (
	"sync"
	"testing"
)

// TestAPIServerIsKilled kills the API server while tickets and messages are created. The operator cannot record them
// until the API server is back, and must not create them again.
func TestAPIServerIsKilled(t *testing.T) {
	w := newWorld(t)
	w.addJira()
	w.addSlack(noLimit)
	created := make(chan struct{})
	killed := make(chan error, 1)
	var restart func() error
	kill := sync.OnceFunc(func() {
		var err error
		restart, err = testbed.KillAPIServer(t.Context(), config)
		killed <- err
	})
	onCall := func(n int64, m moment) bool {
		if n >= 10 && m == arrived {
			<-created
			kill()
		}
		return false
	}
	w.onCall.Store(&onCall)
	w.startOperator()
	w.createDefects(40)
	close(created)
	if err := <-killed; err != nil {
		t.Fatal(err)
	}
	if err := restart(); err != nil {
		t.Fatal(err)
	}
	w.expectOneTicketEach()
	w.expectEachDelivered()
}
