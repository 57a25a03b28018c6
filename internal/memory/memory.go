// SPDX-License-Identifier: Apache-2.0

// Package memory adapts how often the Go runtime collects garbage to the size of the heap and to the container's memory
// limit. A collection costs time in
// proportion to the live heap, and postponing it costs as much memory as the heap may grow. So the heap may grow by a
// large part while it is small and by a small part when it is large.
package memory

import (
	"os"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
)

const (
	// minGrowth is how much the heap may grow at least before it is collected, in bytes.
	minGrowth = 20 << 20
	// minPercent is how much the heap may grow at least, in percent of the live heap.
	minPercent = 30
	// maxPercent is how much the heap may grow at most, in percent of the live heap.
	maxPercent = 500
)

// AdaptGC sets how much the heap may grow, now and after each collection. It does nothing if the environment sets
// GOGC.
func AdaptGC() {
	if os.Getenv("GOGC") == "" {
		adapt(0)
	}
}

// adapt sets how much the heap may grow, and is called again after the next collection. percent is what was set
// before.
func adapt(percent int) {
	live := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}
	metrics.Read(live)
	p := percentFor(live[0].Value.Uint64())
	if p < percent || p > percent+percent/8 { // a slightly larger value is not worth the call, which stops the world
		debug.SetGCPercent(p)
		percent = p
	}
	runtime.AddCleanup(&marker{}, adapt, percent) // the next collection finds the marker unreachable
}

// marker is larger than the objects that the allocator puts into one block, where another would keep it alive.
type marker struct{ _ [4]uint64 }

// percentFor returns the value of GOGC for a live heap in bytes.
func percentFor(live uint64) int {
	return int(max(minGrowth*100/max(live, minGrowth*100/maxPercent), minPercent))
}
