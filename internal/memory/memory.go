// Package memory has the Go runtime collect garbage seldom while the heap is small and often when it is large: to collect costs time for all that
// is alive, and to wait costs as much memory as is left to grow.
package memory

import (
	"context"
	"os"
	"runtime/debug"
	"runtime/metrics"
	"time"
)

const (
	// room is how much the heap may grow before it is collected, in bytes, and least how much in percent of what is alive, when that is more.
	room, least = 20 << 20, 30
	// every is how often the rule is applied.
	every = time.Second
)

// Keep sets how much the heap may grow, again and again until the context ends. It does nothing when GOGC is set: somebody chose.
func Keep(ctx context.Context) {
	if os.Getenv("GOGC") != "" {
		return
	}
	tick := time.NewTicker(every)
	defer tick.Stop()
	live, now := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}, 0
	for {
		metrics.Read(live)
		if p := percent(live[0].Value.Uint64()); p < now || p > now+now/8 { // what is a little more is not worth the call, which stops all
			debug.SetGCPercent(p)
			now = p
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// percent is what GOGC is to be for so many bytes that are alive.
func percent(live uint64) int {
	return int(max(room*100/max(live, 4<<20), least))
}
