package chaos_test

import (
	"sync"
	"testing"
)

// TestTheAPIServerIsKilled: tickets and messages that are made while nothing can be written down are written down
// later, and are not made again.
func TestTheAPIServerIsKilled(t *testing.T) {
	w := newBareWorld(t)
	w.addJira()
	w.addSlack(fast)
	found, killed := make(chan struct{}), make(chan error, 1)
	var again func() error
	kill := sync.OnceFunc(func() {
		var err error
		again, err = here.KillAPIServer(t.Context(), config)
		killed <- err
	})
	on := func(n int64, m moment) bool {
		if n >= 10 && m == arrived {
			<-found
			kill()
		}
		return false
	}
	w.on.Store(&on)
	w.operator()
	w.find(40)
	close(found)
	if err := <-killed; err != nil {
		t.Fatal(err)
	}
	if err := again(); err != nil {
		t.Fatal(err)
	}
	w.judge()
	w.told()
}
