package memory

import (
	"runtime"
	"runtime/debug"
	"testing"
	"time"
)

func TestPercent(t *testing.T) {
	for live, want := range map[uint64]int{0: 500, 4 << 20: 500, 20 << 20: 100, 40 << 20: 50, 100 << 20: 30, 4 << 30: 30} {
		if got := percent(live); got != want {
			t.Errorf("%d bytes: got %d, want %d", live, got, want)
		}
	}
}

// kept says that it goes on from an earlier run of the test.
var kept bool

func TestKeep(t *testing.T) {
	// set is what is set now: to ask is to change it.
	set := func() int { p := debug.SetGCPercent(99); debug.SetGCPercent(p); return p }
	defer debug.SetGCPercent(debug.SetGCPercent(99))
	t.Setenv("GOGC", "50")
	if Keep(); !kept && set() != 99 {
		t.Errorf("set to %d though GOGC says otherwise", set())
	}
	kept = true
	t.Setenv("GOGC", "")
	runtime.GC() // what is alive is known only from then on
	Keep()
	small := set()
	ballast := make([]byte, 200<<20)
	for deadline := time.Now().Add(time.Minute); set() != least && time.Now().Before(deadline); runtime.Gosched() {
		runtime.GC()
	}
	runtime.KeepAlive(ballast)
	if large := set(); small <= least || large != least {
		t.Errorf("the heap may grow by %d %% while it is small and %d %% with 200 MB alive, want more than %d and %d", small, large, least, least)
	}
}
