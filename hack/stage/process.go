// SPDX-License-Identifier: Apache-2.0

package stage

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"
)

const (
	// leaseLost is what a program logs that ends because it lost its lease.
	leaseLost = "leader election lost"
	// stopTimeout is how long a process may take to stop before it is killed.
	stopTimeout = 15 * time.Second
)

// A Process is a running program. One that ends because it lost its lease starts again, as in a Pod: a machine that stands
// still for a moment is no failure.
type Process struct {
	Name string
	// log is the file of its output, and logged how much was in it when the program started.
	log    string
	logged int
	// command makes the command.
	command func() *exec.Cmd
	// exited is closed when the program has ended for good.
	exited chan struct{}

	mu       sync.Mutex
	cmd      *exec.Cmd
	expected bool
}

// Start starts a process that does not outlive this one. Its output goes to the file name.log in Dir.
func (s *Stage) Start(ctx context.Context, name string, env []string, command string, args ...string) (*Process, error) {
	p := &Process{Name: name, log: filepath.Join(s.Dir, name+".log"), exited: make(chan struct{})}
	p.command = func() *exec.Cmd {
		cmd := exec.CommandContext(ctx, command, args...)
		cmd.Cancel = func() error { return nil } // Stop stops the processes, in order
		cmd.Env = append(slices.DeleteFunc(os.Environ(), func(e string) bool { return strings.HasPrefix(e, "KUBECONFIG=") }), env...)
		cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Setpgid: true}
		return cmd
	}
	if err := os.WriteFile(p.log, nil, 0o600); err != nil {
		return nil, err
	}
	if err := p.start(); err != nil {
		return nil, err
	}
	s.processes = append(s.processes, p)
	go p.watch(s.Exited)
	return p, nil
}

// start starts the program.
func (p *Process) start() error {
	out, err := os.OpenFile(p.log, os.O_WRONLY|os.O_APPEND, 0)
	if err != nil {
		return err
	}
	defer func() { _ = out.Close() }()
	cmd := p.command()
	cmd.Stdout = out
	cmd.Stderr = out
	if err := startOnThread(cmd); err != nil {
		return fmt.Errorf("starting %s: %w", p.Name, err)
	}
	p.cmd = cmd
	return nil
}

// watch waits until the program has ended for good, and reports it unless that was expected.
func (p *Process) watch(report chan<- error) {
	for {
		cmd := p.current()
		_ = cmd.Wait() // ProcessState holds the result
		if p.startAgain() {
			continue
		}
		close(p.exited)
		p.mu.Lock()
		defer p.mu.Unlock()
		if !p.expected {
			report <- fmt.Errorf("%s exited (%v), see %s", p.Name, cmd.ProcessState, p.log)
		}
		return
	}
}

// startAgain starts the program again if it lost its lease. It reports whether it did.
func (p *Process) startAgain() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	log, err := os.ReadFile(p.log)
	if p.expected || err != nil || !bytes.Contains(log[p.logged:], []byte(leaseLost)) {
		return false
	}
	p.logged = len(log)
	return p.start() == nil
}

// current returns the command that runs, or ran last.
func (p *Process) current() *exec.Cmd {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.cmd
}

// startThread returns a channel of functions that run on one thread, which lasts as long as this process. Processes
// start there because Pdeathsig is sent when the parent's thread exits, not its process.
var startThread = sync.OnceValue(func() chan<- func() {
	calls := make(chan func())
	go func() {
		runtime.LockOSThread()
		for call := range calls {
			call()
		}
	}()
	return calls
})

// startOnThread starts a command on the thread of startThread.
func startOnThread(cmd *exec.Cmd) error {
	done := make(chan error)
	startThread() <- func() { done <- cmd.Start() }
	return <-done
}

// Signal sends a signal, such as SIGSTOP to freeze the process and SIGCONT to resume it.
func (p *Process) Signal(sig syscall.Signal) error { return p.current().Process.Signal(sig) }

// ExpectExit allows the process to exit: Exited does not report it, and it does not start again.
func (p *Process) ExpectExit() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.expected = true
}

// Kill kills the process, as a power failure would.
func (p *Process) Kill() {
	p.ExpectExit()
	_ = p.current().Process.Kill()
	<-p.exited
}

// Stop sends the process SIGTERM, and kills it if it does not exit.
func (p *Process) Stop() {
	p.ExpectExit()
	_ = p.current().Process.Signal(syscall.SIGTERM)
	select {
	case <-p.exited:
	case <-time.After(stopTimeout):
		p.Kill()
	}
}
