package memory

import (
	"context"
	"runtime"
	"runtime/debug"
	"testing"
)

func TestPercent(t *testing.T) {
	for live, want := range map[uint64]int{0: 500, 4 << 20: 500, 20 << 20: 100, 40 << 20: 50, 100 << 20: 30, 4 << 30: 30} {
		if got := percent(live); got != want {
			t.Errorf("%d bytes: got %d, want %d", live, got, want)
		}
	}
}

func TestKeep(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	before := debug.SetGCPercent(100)
	defer debug.SetGCPercent(before)
	set := func(gogc string) int {
		t.Setenv("GOGC", gogc)
		debug.SetGCPercent(99)
		Keep(ctx)
		return debug.SetGCPercent(99)
	}
	ballast := make([]byte, 200<<20)
	runtime.GC()
	if got := set(""); got != least {
		t.Errorf("with 200 MB alive the heap may grow by %d %%, want %d", got, least)
	}
	runtime.KeepAlive(ballast)
	if got := set("50"); got != 99 {
		t.Errorf("set to %d though GOGC says otherwise", got)
	}
}
