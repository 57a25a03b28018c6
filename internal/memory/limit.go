// SPDX-License-Identifier: Apache-2.0

package memory

import (
	"math"
	"os"
	"runtime/debug"

	"github.com/KimMachineGun/automemlimit/memlimit"
	"github.com/go-logr/logr"
)

// LimitHeap sets the limit of the Go runtime to a little less than the memory limit of the container: it collects
// garbage more often before the kernel kills the process. It changes nothing if the environment sets GOMEMLIMIT, or if
// the container has no limit. It logs the limit.
func LimitHeap(log logr.Logger) {
	limit, err := memlimit.Set()
	switch {
	case err != nil:
		log.Error(err, "The memory limit of the container cannot be read: set GOMEMLIMIT")
	case limit == math.MaxInt64:
		log.Info("Memory is not limited")
	default:
		log.Info("Memory is limited", "GOMEMLIMIT", limit, "fromEnvironment", os.Getenv("GOMEMLIMIT") != "")
	}
}

// Limit returns the limit of the Go runtime in bytes; math.MaxInt64 for none.
func Limit() int64 { return debug.SetMemoryLimit(-1) }
