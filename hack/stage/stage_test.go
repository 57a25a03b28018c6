// SPDX-License-Identifier: Apache-2.0

package stage

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestFreePort checks that no port is returned twice, or could be taken by the kernel meanwhile.
func TestFreePort(t *testing.T) {
	seen := map[int]bool{}
	for range 50 {
		port, err := FreePort(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if seen[port] || port < firstPort || port >= firstEphemeral() {
			t.Errorf("port %d: returned before: %v, the kernel gives ports from %d on", port, seen[port], firstEphemeral())
		}
		seen[port] = true
		if reserve(t.Context(), port) == nil {
			t.Errorf("port %d can be reserved by another", port)
		}
		l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", fmt.Sprintf("127.0.0.1:%d", port))
		if err != nil {
			t.Errorf("port %d is not free: %v", port, err)
			continue
		}
		_ = l.Close()
	}
}

// TestLostLease checks that a program that lost its lease starts again, until its exit is expected, and that any other end is
// reported.
func TestLostLease(t *testing.T) {
	s := &Stage{Dir: t.TempDir(), Exited: make(chan error, 8)}
	start := func(name, script string) *Process {
		t.Helper()
		p, err := s.Start(t.Context(), name, nil, "sh", "-c", script, filepath.Join(s.Dir, name+".runs"))
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	runs := func(p *Process) int {
		raw, _ := os.ReadFile(filepath.Join(s.Dir, p.Name+".runs"))
		return strings.Count(string(raw), "run")
	}
	p := start("loser", `echo run >> "$0"; [ $(wc -l < "$0") -gt 2 ] && exec sleep 600; echo leader election lost; exit 1`)
	if err := s.Poll(t.Context(), "the third run", func() (bool, error) { return runs(p) == 3, nil }); err != nil {
		t.Fatal(err)
	}
	p.Kill()
	if n := runs(p); n != 3 {
		t.Errorf("it ran %d times, want 3", n)
	}
	p = start("expected", `echo run >> "$0"; while [ ! -e "$0.end" ]; do sleep 0.01; done; echo leader election lost; exit 1`)
	p.ExpectExit()
	if err := os.WriteFile(filepath.Join(s.Dir, "expected.runs.end"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	<-p.exited
	if n := runs(p); n != 1 {
		t.Errorf("the one whose exit was expected ran %d times", n)
	}
	p = start("crashed", `echo run >> "$0"; echo panic; exit 2`)
	if err := <-s.Exited; !strings.Contains(err.Error(), "crashed exited (exit status 2)") || runs(p) != 1 {
		t.Errorf("got %v after %d runs", err, runs(p))
	}
}
