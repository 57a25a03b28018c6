// SPDX-License-Identifier: Apache-2.0

package stage

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// A MemoryLimit limits the memory of processes that start in it, as a container's limit does.
type MemoryLimit struct {
	// Dir is the directory of the control group. It is empty if this machine lets none be made: then the Go runtime has
	// the limit, and Exceeded looks at the process.
	Dir   string
	bytes int64
}

// NewMemoryLimit makes a control group with a limit in bytes, of either version.
func NewMemoryLimit(name string, bytes int64) (*MemoryLimit, error) {
	const root = "/sys/fs/cgroup"
	for parent, file := range map[string]string{root: "memory.max", filepath.Join(root, "memory"): "memory.limit_in_bytes"} {
		dir := filepath.Join(parent, name)
		if os.Mkdir(dir, 0o755) != nil {
			continue
		}
		f, err := os.OpenFile(filepath.Join(dir, file), os.O_WRONLY, 0) // the kernel made it, if this is a control group
		if err == nil {
			_, err = f.WriteString(strconv.FormatInt(bytes, 10))
			err = errors.Join(err, f.Close())
		}
		if err == nil {
			return &MemoryLimit{dir, bytes}, nil
		}
		if err := os.Remove(dir); err != nil {
			return nil, err
		}
	}
	return &MemoryLimit{bytes: bytes}, nil
}

// Operator starts the operator within the limit, with additional flags.
func (l *MemoryLimit) Operator(ctx context.Context, s *Stage, name string, flags ...string) (*Process, error) {
	if l.Dir == "" {
		return s.Operator(ctx, name, []string{fmt.Sprintf("GOMEMLIMIT=%d", l.bytes*9/10)}, flags...)
	}
	port, err := FreePort(ctx)
	if err != nil {
		return nil, err
	}
	args := append([]string{
		"-c", `echo $$ > "$0/cgroup.procs" && exec "$@"`, l.Dir, s.program("operator"), "--allow-loopback",
		"--health-probe-bind-address=127.0.0.1:" + strconv.Itoa(port),
	}, flags...)
	return s.Start(ctx, name, []string{"KUBECONFIG=" + s.Kubeconfig}, "sh", args...)
}

// Peak returns the most memory that the processes have used, in MB (10⁶ bytes).
func (l *MemoryLimit) Peak(p *Process) float64 {
	for _, file := range []string{"memory.peak", "memory.max_usage_in_bytes"} {
		raw, err := os.ReadFile(filepath.Join(l.Dir, file))
		if n, parseErr := strconv.ParseFloat(strings.TrimSpace(string(raw)), 64); l.Dir != "" && err == nil && parseErr == nil {
			return n / 1e6
		}
	}
	return p.Usage().PeakRSS
}

// Exceeded reports whether a process used more memory than the limit. In a control group it would have been killed.
func (l *MemoryLimit) Exceeded(p *Process) bool { return p.Usage().PeakRSS*1e6 > float64(l.bytes) }

// Remove removes the control group once its processes have ended.
func (l *MemoryLimit) Remove() error {
	if l.Dir == "" {
		return nil
	}
	return os.Remove(l.Dir)
}
