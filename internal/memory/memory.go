// Package memory has the Go runtime collect garbage seldom while the heap is small and often when it is large: to collect costs time for all that
// is alive, and to wait costs as much memory as is left to grow.
package memory

import (
	"os"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
)

// room is how much the heap may grow before it is collected, in bytes, and least how much in percent of what is alive, when that is more.
const room, least = 20 << 20, 30

// Keep sets how much the heap may grow after each collection, from now on. It does nothing when GOGC is set: somebody chose.
func Keep() {
	if os.Getenv("GOGC") == "" {
		follow(0)
	}
}

// follow sets how much the heap may grow, now and when the next collection finds that nobody has the marker. now is what is set.
func follow(now int) {
	live := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}
	metrics.Read(live)
	if p := percent(live[0].Value.Uint64()); p < now || p > now+now/8 { // what is a little more is not worth the call, which stops all
		debug.SetGCPercent(p)
		now = p
	}
	runtime.AddCleanup(&marker{}, follow, now)
}

// marker is large enough not to share its memory with others, which would keep it.
type marker struct{ _ [4]uint64 }

// percent is what GOGC is to be for so many bytes that are alive.
func percent(live uint64) int {
	return int(max(room*100/max(live, room/5), least))
}
