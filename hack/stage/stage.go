// Package stage starts what a demonstration, a measurement or a test of the whole needs: a control plane, the sandbox, the operator, each as a
// process of its own that does not outlive this one.
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

// Timeout is how long each part may take before it is called a failure. It is generous: machines are slow at times.
const Timeout = 2 * time.Minute

// Stage is a control plane and processes. Call Clear when done.
type Stage struct {
	// Dir is where logs, the kubeconfig and such go, Root the project's.
	Dir, Root string
	// Bin is where the operator and the sandbox are; Root's bin when empty.
	Bin string
	// Kubeconfig is an admin's, once there is a control plane.
	Kubeconfig string
	// Exited tells of processes that ended by themselves.
	Exited chan error

	environment *envtest.Environment
	processes   []*Process
}

// Process is a running program.
type Process struct {
	Name     string
	cmd      *exec.Cmd
	exited   chan struct{}
	expected atomic.Bool
}

// ControlPlane starts a control plane, or takes the cluster that KUBECONFIG names, and installs the CRDs.
func (s *Stage) ControlPlane() (*rest.Config, error) {
	s.Exited = make(chan error, 64)
	s.environment = &envtest.Environment{
		CRDDirectoryPaths: []string{filepath.Join(s.Root, "config", "crd", "bases")}, ErrorIfCRDPathMissing: true,
	}
	if given := os.Getenv("KUBECONFIG"); given != "" {
		config, err := clientcmd.BuildConfigFromFlags("", given)
		if err != nil {
			return nil, fmt.Errorf("reading KUBECONFIG %s: %w", given, err)
		}
		existing := true
		s.environment.UseExistingCluster, s.environment.Config, s.Kubeconfig = &existing, config, given
	} else if os.Getenv("KUBEBUILDER_ASSETS") == "" {
		s.environment.BinaryAssetsDirectory = filepath.Join(s.Root, "bin", "k8s")
	}
	config, err := s.environment.Start()
	if err != nil {
		return nil, fmt.Errorf("starting the control plane; its programs are built by make controlplane: %w", err)
	}
	if s.Kubeconfig != "" {
		return config, nil
	}
	admin, err := s.environment.AddUser(envtest.User{Name: "demo", Groups: []string{"system:masters"}}, nil)
	if err != nil {
		return nil, fmt.Errorf("making a user: %w", err)
	}
	raw, err := admin.KubeConfig()
	if err != nil {
		return nil, err
	}
	s.Kubeconfig = filepath.Join(s.Dir, "kubeconfig")
	return config, os.WriteFile(s.Kubeconfig, raw, 0o600)
}

// Operator starts bin/operator with more flags and environment.
func (s *Stage) Operator(ctx context.Context, name string, env []string, flags ...string) (*Process, error) {
	port, err := FreePort(ctx)
	if err != nil {
		return nil, err
	}
	return s.Start(ctx, name, append([]string{"KUBECONFIG=" + s.Kubeconfig}, env...), s.program("operator"),
		append([]string{"--health-probe-bind-address=127.0.0.1:" + strconv.Itoa(port)}, flags...)...)
}

// Sandbox starts bin/sandbox and returns its URL.
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

func (s *Stage) program(name string) string {
	if s.Bin != "" {
		return filepath.Join(s.Bin, name)
	}
	return filepath.Join(s.Root, "bin", name)
}

// Start starts a process that does not outlive this one, with its output in a file.
func (s *Stage) Start(ctx context.Context, name string, env []string, command string, args ...string) (*Process, error) {
	out, err := os.OpenFile(filepath.Join(s.Dir, name+".log"), os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600)
	if err != nil {
		return nil, err
	}
	defer func() { _ = out.Close() }()
	p := &Process{Name: name, cmd: exec.CommandContext(ctx, command, args...), exited: make(chan struct{})}
	p.cmd.Cancel = func() error { return nil } // Clear ends it, in its turn
	p.cmd.Env = append(slices.DeleteFunc(os.Environ(), func(e string) bool { return strings.HasPrefix(e, "KUBECONFIG=") }), env...)
	p.cmd.Stdout, p.cmd.Stderr = out, out
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Setpgid: true}
	if err := startOnThread(p.cmd); err != nil {
		return nil, fmt.Errorf("starting %s: %w", name, err)
	}
	s.processes = append(s.processes, p)
	go func() {
		_ = p.cmd.Wait() // p.cmd.ProcessState says how it ended
		close(p.exited)
		if !p.expected.Load() {
			s.Exited <- fmt.Errorf("%s ended by itself (%v): see %s", name, p.cmd.ProcessState, out.Name())
		}
	}()
	return p, nil
}

// startThread has processes start on a thread that lasts as long as this process: Pdeathsig is about the thread.
var startThread = sync.OnceValue(func() chan<- func() {
	todo := make(chan func())
	go func() {
		runtime.LockOSThread()
		for do := range todo {
			do()
		}
	}()
	return todo
})

func startOnThread(cmd *exec.Cmd) error {
	done := make(chan error)
	startThread() <- func() { done <- cmd.Start() }
	return <-done
}

// Signal sends a signal: SIGSTOP and SIGCONT freeze and thaw.
func (p *Process) Signal(sig syscall.Signal) error { return p.cmd.Process.Signal(sig) }

// ExpectExit says that it is nobody's business when the process ends by itself.
func (p *Process) ExpectExit() { p.expected.Store(true) }

// Kill ends a process at once, as a machine does that loses power.
func (p *Process) Kill() {
	p.expected.Store(true)
	_ = p.cmd.Process.Kill()
	<-p.exited
}

// Stop asks a process to end, and kills it when it does not.
func (p *Process) Stop() {
	p.expected.Store(true)
	_ = p.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-p.exited:
	case <-time.After(15 * time.Second):
		p.Kill()
	}
}

// Usage is what a process takes: memory now and at most, in MB (10⁶ bytes), and processor time in seconds.
type Usage struct {
	RSS, PeakRSS float64
	CPU          float64
}

// Usage reads /proc; what cannot be read stays 0.
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
		if f := strings.Fields(after); len(f) > 13 { // utime and stime, in hundredths of a second: see proc(5)
			user, _ := strconv.ParseFloat(f[11], 64)
			system, _ := strconv.ParseFloat(f[12], 64)
			u.CPU = (user + system) / 100
		}
	}
	return u
}

// Stop ends everything, last started first.
func (s *Stage) Stop() error {
	for _, p := range slices.Backward(s.processes) {
		p.Stop()
	}
	if s.environment == nil {
		return nil
	}
	return s.environment.Stop()
}

// Poll asks until the answer is yes, a process died, or Patience ended.
func (s *Stage) Poll(ctx context.Context, what string, done func() (bool, error)) error {
	return Poll(ctx, what, s.Exited, done)
}

// Poll asks until the answer is yes, died tells something, or Patience ended.
func Poll(ctx context.Context, what string, died <-chan error, done func() (bool, error)) error {
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
		case err := <-died:
			return err
		case <-tick.C:
		}
	}
}

// FreePort is a loopback port that nobody listens on.
func FreePort(ctx context.Context) (int, error) {
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	defer func() { _ = l.Close() }()
	return l.Addr().(*net.TCPAddr).Port, nil
}
