// SPDX-License-Identifier: Apache-2.0

// Package stage starts a control plane, the sandbox and the operator for the demo, the benchmarks and end-to-end
// tests. Each is a process of its own that does not outlive this one.
package stage

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	"sigs.k8s.io/controller-runtime/pkg/envtest"
)

// Timeout limits how long each step may take. It is generous because some machines are slow.
const Timeout = 2 * time.Minute

// A Stage runs a control plane and other processes. Call Stop when done.
type Stage struct {
	// Dir is the directory for logs, the kubeconfig and other files.
	Dir string
	// Root is the root directory of the project.
	Root string
	// Bin is the directory of the operator and the sandbox. Defaults to bin in Root.
	Bin string
	// Kubeconfig is the path of an administrator's kubeconfig. ControlPlane sets it.
	Kubeconfig string
	// Exited receives an error for each process that exited unexpectedly.
	Exited chan error

	environment *envtest.Environment
	processes   []*Process
}

// A Process is a running program.
type Process struct {
	Name     string
	cmd      *exec.Cmd
	exited   chan struct{}
	expected atomic.Bool
}

// ControlPlane starts a control plane, or uses the cluster in KUBECONFIG, and installs the CRDs.
func (s *Stage) ControlPlane() (*rest.Config, error) {
	s.Exited = make(chan error, 64)
	s.environment = &envtest.Environment{
		CRDDirectoryPaths:     []string{filepath.Join(s.Root, "config", "crd", "bases")},
		ErrorIfCRDPathMissing: true,
	}
	if given := os.Getenv("KUBECONFIG"); given != "" {
		config, err := clientcmd.BuildConfigFromFlags("", given)
		if err != nil {
			return nil, fmt.Errorf("reading KUBECONFIG %s: %w", given, err)
		}
		s.environment.UseExistingCluster = new(true)
		s.environment.Config = config
		s.Kubeconfig = given
	} else if os.Getenv("KUBEBUILDER_ASSETS") == "" {
		s.environment.BinaryAssetsDirectory = filepath.Join(s.Root, "bin", "k8s")
	}
	config, err := s.environment.Start()
	if err != nil {
		return nil, fmt.Errorf("starting the control plane (run make controlplane first): %w", err)
	}
	if s.Kubeconfig != "" {
		return config, nil
	}
	admin, err := s.environment.AddUser(envtest.User{Name: "demo", Groups: []string{"system:masters"}}, nil)
	if err != nil {
		return nil, fmt.Errorf("creating a user: %w", err)
	}
	raw, err := admin.KubeConfig()
	if err != nil {
		return nil, err
	}
	s.Kubeconfig = filepath.Join(s.Dir, "kubeconfig")
	return config, os.WriteFile(s.Kubeconfig, raw, 0o600)
}

// Operator starts the operator with additional environment variables and flags.
func (s *Stage) Operator(ctx context.Context, name string, env []string, flags ...string) (*Process, error) {
	port, err := FreePort(ctx)
	if err != nil {
		return nil, err
	}
	return s.Start(ctx, name, append([]string{"KUBECONFIG=" + s.Kubeconfig}, env...), s.program("operator"),
		append([]string{"--health-probe-bind-address=127.0.0.1:" + strconv.Itoa(port), "--allow-loopback"}, flags...)...)
}

// Sandbox starts the sandbox with additional flags and returns its URL.
func (s *Stage) Sandbox(ctx context.Context, flags ...string) (string, error) {
	file := filepath.Join(s.Dir, "sandbox.url")
	if err := os.Remove(file); err != nil && !errors.Is(err, os.ErrNotExist) {
		return "", err
	}
	args := append([]string{"--listen", "127.0.0.1:0", "--url-file", file}, flags...)
	if _, err := s.Start(ctx, "sandbox", nil, s.program("sandbox"), args...); err != nil {
		return "", err
	}
	var url string
	err := s.Poll(ctx, "the sandbox to listen", func() (bool, error) {
		raw, err := os.ReadFile(file)
		url = strings.TrimRight(strings.TrimSpace(string(raw)), "/")
		return err == nil && url != "", nil
	})
	return url, err
}

// ControllerManager starts some of Kubernetes' own controllers. It does nothing for a cluster that was given: that runs all.
func (s *Stage) ControllerManager(ctx context.Context, controllers ...string) error {
	if s.environment.UseExistingCluster != nil {
		return nil
	}
	assets := os.Getenv("KUBEBUILDER_ASSETS")
	if assets == "" {
		assets = s.environment.BinaryAssetsDirectory
	}
	_, err := s.Start(ctx, "kube-controller-manager", nil, filepath.Join(assets, "kube-controller-manager"),
		"--kubeconfig="+s.Kubeconfig, "--controllers="+strings.Join(controllers, ","), "--leader-elect=false", "--secure-port=0")
	return err
}

func (s *Stage) program(name string) string {
	if s.Bin != "" {
		return filepath.Join(s.Bin, name)
	}
	return filepath.Join(s.Root, "bin", name)
}

// Start starts a process that does not outlive this one. Its output goes to the file name.log in Dir.
func (s *Stage) Start(ctx context.Context, name string, env []string, command string, args ...string) (*Process, error) {
	out, err := os.OpenFile(filepath.Join(s.Dir, name+".log"), os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600)
	if err != nil {
		return nil, err
	}
	defer func() { _ = out.Close() }()
	p := &Process{Name: name, cmd: exec.CommandContext(ctx, command, args...), exited: make(chan struct{})}
	p.cmd.Cancel = func() error { return nil } // Stop stops the processes, in order
	p.cmd.Env = append(slices.DeleteFunc(os.Environ(), func(e string) bool { return strings.HasPrefix(e, "KUBECONFIG=") }), env...)
	p.cmd.Stdout = out
	p.cmd.Stderr = out
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Setpgid: true}
	if err := startOnThread(p.cmd); err != nil {
		return nil, fmt.Errorf("starting %s: %w", name, err)
	}
	s.processes = append(s.processes, p)
	go func() {
		_ = p.cmd.Wait() // p.cmd.ProcessState holds the result
		close(p.exited)
		if !p.expected.Load() {
			s.Exited <- fmt.Errorf("%s exited (%v), see %s", name, p.cmd.ProcessState, out.Name())
		}
	}()
	return p, nil
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
func (p *Process) Signal(sig syscall.Signal) error { return p.cmd.Process.Signal(sig) }

// ExpectExit allows the process to exit: Exited does not report it.
func (p *Process) ExpectExit() { p.expected.Store(true) }

// Kill kills the process, as a power failure would.
func (p *Process) Kill() {
	p.expected.Store(true)
	_ = p.cmd.Process.Kill()
	<-p.exited
}

// Stop sends the process SIGTERM, and kills it if it does not exit.
func (p *Process) Stop() {
	p.expected.Store(true)
	_ = p.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-p.exited:
	case <-time.After(15 * time.Second):
		p.Kill()
	}
}

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
	raw, _ := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.cmd.Process.Pid))
	for l := range strings.SplitSeq(string(raw), "\n") {
		var kb float64
		if _, err := fmt.Sscanf(l, "VmRSS: %f kB", &kb); err == nil {
			u.RSS = kb * 1024 / 1e6
		}
		if _, err := fmt.Sscanf(l, "VmHWM: %f kB", &kb); err == nil {
			u.PeakRSS = kb * 1024 / 1e6
		}
	}
	raw, _ = os.ReadFile(fmt.Sprintf("/proc/%d/stat", p.cmd.Process.Pid))
	if _, after, ok := strings.Cut(string(raw), ") "); ok {
		if f := strings.Fields(after); len(f) > 13 { // utime and stime, in hundredths of a second, see proc(5)
			user, _ := strconv.ParseFloat(f[11], 64)
			system, _ := strconv.ParseFloat(f[12], 64)
			u.CPU = (user + system) / 100
		}
	}
	return u
}

// Stop stops all processes in reverse order, and the control plane last.
func (s *Stage) Stop() error {
	for _, p := range slices.Backward(s.processes) {
		p.Stop()
	}
	if s.environment == nil {
		return nil
	}
	return s.environment.Stop()
}

// Poll calls done until it returns true or an error, a process exits unexpectedly, or Timeout passes.
func (s *Stage) Poll(ctx context.Context, what string, done func() (bool, error)) error {
	return Poll(ctx, what, s.Exited, done)
}

// Poll calls done until it returns true or an error, exited delivers an error, or Timeout passes. what names the
// expected result for the error.
func Poll(ctx context.Context, what string, exited <-chan error, done func() (bool, error)) error {
	ctx, cancel := context.WithTimeoutCause(ctx, Timeout, fmt.Errorf("waited %s for %s", Timeout, what))
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		if ok, err := done(); err != nil || ok {
			return err
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case err := <-exited:
			return err
		case <-tick.C:
		}
	}
}

// FreePort returns a free port of the loopback interface.
func FreePort(ctx context.Context) (int, error) {
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	defer func() { _ = l.Close() }()
	return l.Addr().(*net.TCPAddr).Port, nil
}
