// SPDX-License-Identifier: Apache-2.0

package memory

import (
	"runtime"
	"runtime/debug"
	"testing"
	"time"
)

func TestPercent(t *testing.T) {
	for live, want := range map[uint64]int{
		0: 500, 4 << 20: 500, 20 << 20: 100, 40 << 20: 50, 100 << 20: 30, 4 << 30: 30,
	} {
		if got := percentFor(live); got != want {
			t.Errorf("%d bytes: got %d, want %d", live, got, want)
		}
	}
}

// adapting is set once an earlier run of the test, as with -count, has begun to adapt the GC.
var adapting bool

// gcPercent returns the current setting. Reading it requires changing it.
func gcPercent() int {
	percent := debug.SetGCPercent(99)
	debug.SetGCPercent(percent)
	return percent
}

func TestAdaptGC(t *testing.T) {
	defer debug.SetGCPercent(debug.SetGCPercent(99))
	t.Setenv("GOGC", "50")
	if AdaptGC(); !adapting && gcPercent() != 99 {
		t.Errorf("the percentage is %d, want GOGC left alone", gcPercent())
	}
	adapting = true
	t.Setenv("GOGC", "")
	runtime.GC() // the size of the live heap is known only after a collection
	AdaptGC()
	small := gcPercent()
	ballast := make([]byte, 200<<20)
	deadline := time.Now().Add(time.Minute)
	for ; gcPercent() != minPercent && time.Now().Before(deadline); runtime.Gosched() {
		runtime.GC()
	}
	runtime.KeepAlive(ballast)
	large := gcPercent()
	if small <= minPercent || large != minPercent {
		t.Errorf("the heap may grow by %d%% while it is small and %d%% with 200 MB alive, want more than %d%% and exactly %d%%",
			small, large, minPercent, minPercent)
	}
}
