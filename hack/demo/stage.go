package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"go.uber.org/zap/zapcore"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	"sigs.k8s.io/controller-runtime/pkg/envtest"
)

const zapError = zapcore.ErrorLevel

// stage is the processes of the demo.
type stage struct {
	dir        string
	kubeconfig string
	plane      *envtest.Environment
	processes  []*exec.Cmd
	ended      []chan struct{}
	died       chan error
}

// controlPlane starts a control plane, or takes the cluster that KUBECONFIG names, and installs the CRDs.
func (s *stage) controlPlane() (*rest.Config, error) {
	s.died = make(chan error, 4)
	s.plane = &envtest.Environment{
		CRDDirectoryPaths: []string{filepath.Join("config", "crd", "bases")}, ErrorIfCRDPathMissing: true,
	}
	if given := os.Getenv("KUBECONFIG"); given != "" {
		config, err := clientcmd.BuildConfigFromFlags("", given)
		if err != nil {
			return nil, fmt.Errorf("reading KUBECONFIG %s: %w", given, err)
		}
		existing := true
		s.plane.UseExistingCluster, s.plane.Config, s.kubeconfig = &existing, config, given
	} else if os.Getenv("KUBEBUILDER_ASSETS") == "" {
		s.plane.BinaryAssetsDirectory = filepath.Join("bin", "k8s")
	}
	config, err := s.plane.Start()
	if err != nil {
		return nil, fmt.Errorf("starting the control plane; its programs are built by make controlplane: %w", err)
	}
	if s.kubeconfig != "" {
		return config, nil
	}
	admin, err := s.plane.AddUser(envtest.User{Name: "demo", Groups: []string{"system:masters"}}, nil)
	if err != nil {
		return nil, fmt.Errorf("making a user: %w", err)
	}
	raw, err := admin.KubeConfig()
	if err != nil {
		return nil, err
	}
	s.kubeconfig = filepath.Join(s.dir, "kubeconfig")
	return config, os.WriteFile(s.kubeconfig, raw, 0o600)
}

// operator starts the operator.
func (s *stage) operator(ctx context.Context) error {
	port, err := freePort(ctx)
	if err != nil {
		return err
	}
	return s.start(ctx, "operator", []string{"KUBECONFIG=" + s.kubeconfig}, filepath.Join("bin", "operator"),
		"--health-probe-bind-address=127.0.0.1:"+strconv.Itoa(port))
}

// sandbox starts the sandbox and returns its URL.
func (s *stage) sandbox(ctx context.Context) (string, error) {
	file := filepath.Join(s.dir, "sandbox.url")
	if err := os.Remove(file); err != nil && !errors.Is(err, os.ErrNotExist) {
		return "", err
	}
	if err := s.start(ctx, "sandbox", nil, filepath.Join("bin", "sandbox"), "--listen", "127.0.0.1:0", "--url-file", file, "--latency", "20ms"); err != nil {
		return "", err
	}
	var url string
	err := s.poll(ctx, "the sandbox to listen", func() (bool, error) {
		raw, err := os.ReadFile(file)
		url = strings.TrimRight(strings.TrimSpace(string(raw)), "/")
		return err == nil && url != "", nil
	})
	return url, err
}

// start starts a process that does not outlive this one, with its output in a file.
func (s *stage) start(ctx context.Context, name string, env []string, command string, args ...string) error {
	out, err := os.Create(filepath.Join(s.dir, name+".log"))
	if err != nil {
		return err
	}
	defer func() { _ = out.Close() }()
	p := exec.CommandContext(ctx, command, args...)
	p.Cancel = func() error { return nil } // clear ends it, in its turn
	p.Env = append(slices.DeleteFunc(os.Environ(), func(e string) bool { return strings.HasPrefix(e, "KUBECONFIG=") }), env...)
	p.Stdout, p.Stderr = out, out
	p.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Setpgid: true}
	if err := p.Start(); err != nil {
		return fmt.Errorf("starting %s: %w", name, err)
	}
	ended := make(chan struct{})
	s.processes, s.ended = append(s.processes, p), append(s.ended, ended)
	go func() {
		err := p.Wait()
		if err == nil {
			err = errors.New("exit status 0")
		}
		close(ended)
		s.died <- fmt.Errorf("%s ended by itself, with %w: see %s", name, err, out.Name())
	}()
	return nil
}

// clear ends everything, last started first.
func (s *stage) clear() error {
	for i, p := range slices.Backward(s.processes) {
		_ = p.Process.Signal(syscall.SIGTERM)
		select {
		case <-s.ended[i]:
		case <-time.After(15 * time.Second):
			_ = p.Process.Kill()
			<-s.ended[i]
		}
	}
	if s.plane == nil {
		return nil
	}
	return s.plane.Stop()
}

// poll asks until the answer is yes, a process died, or patience ended.
func (s *stage) poll(ctx context.Context, what string, done func() (bool, error)) error {
	return poll(ctx, what, s.died, done)
}

func poll(ctx context.Context, what string, died <-chan error, done func() (bool, error)) error {
	ctx, cancel := context.WithTimeoutCause(ctx, patience, fmt.Errorf("waited %s for %s", patience, what))
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

func freePort(ctx context.Context) (int, error) {
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	defer func() { _ = l.Close() }()
	return l.Addr().(*net.TCPAddr).Port, nil
}
