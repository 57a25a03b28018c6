// SPDX-License-Identifier: Apache-2.0

package stage

import (
	"fmt"
	"os"
	"strconv"
	"strings"
)

// Usage is the resource usage of a process.
type Usage struct {
	// RSS is the resident memory, in MB (10⁶ bytes).
	RSS float64
	// PeakRSS is the highest RSS so far.
	PeakRSS float64
	// CPU is the processor time, in seconds.
	CPU float64
}

// Usage reads the usage of the process from /proc. Values that cannot be read are 0.
func (p *Process) Usage() Usage {
	var u Usage
	pid := p.current().Process.Pid
	raw, _ := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	for l := range strings.SplitSeq(string(raw), "\n") {
		var kb float64
		if _, err := fmt.Sscanf(l, "VmRSS: %f kB", &kb); err == nil {
			u.RSS = kb * 1024 / 1e6
		}
		if _, err := fmt.Sscanf(l, "VmHWM: %f kB", &kb); err == nil {
			u.PeakRSS = kb * 1024 / 1e6
		}
	}
	raw, _ = os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if _, after, ok := strings.Cut(string(raw), ") "); ok {
		if f := strings.Fields(after); len(f) > 13 { // utime and stime, in hundredths of a second, see proc(5)
			user, _ := strconv.ParseFloat(f[11], 64)
			system, _ := strconv.ParseFloat(f[12], 64)
			u.CPU = (user + system) / 100
		}
	}
	return u
}
