// SPDX-License-Identifier: Apache-2.0

package stage

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"
)

// PeakOf returns the most memory that a process has until it ends, in MB. The rusage of a child has that of its parent, too.
func PeakOf(pid int) <-chan float64 {
	out := make(chan float64, 1)
	go func() {
		most := 0.0
		for {
			status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
			_, rest, found := strings.Cut(string(status), "VmHWM:")
			if err != nil || !found { // it has ended
				out <- most
				return
			}
			if fields := strings.Fields(rest); len(fields) > 0 {
				if kib, err := strconv.ParseFloat(fields[0], 64); err == nil {
					most = kib * 1024 / 1e6
				}
			}
			time.Sleep(time.Millisecond)
		}
	}()
	return out
}
