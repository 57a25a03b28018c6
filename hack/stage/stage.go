// SPDX-License-Identifier: Apache-2.0

// Package stage starts a control plane, the sandbox and the operator for the demo, the benchmarks and end-to-end
// tests. Each is a process of its own that does not outlive this one.
package stage

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	"sigs.k8s.io/controller-runtime/pkg/envtest"
)

// Timeout limits how long each step may take. It is generous because some machines are slow, or stand still for seconds.
const Timeout = 5 * time.Minute

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

// ControlPlane starts a control plane, or uses the cluster in KUBECONFIG, and installs the CRDs.
func (s *Stage) ControlPlane() (*rest.Config, error) {
	s.Exited = make(chan error, 64)
	given := os.Getenv("KUBECONFIG")
	var existing *rest.Config
	if given != "" {
		var err error
		if existing, err = clientcmd.BuildConfigFromFlags("", given); err != nil {
			return nil, fmt.Errorf("reading KUBECONFIG %s: %w", given, err)
		}
		s.Kubeconfig = given
	}
	environment, config, err := StartEnvironment(WithCRDs(filepath.Join(s.Root, "config", "crd", "bases")), func(e *envtest.Environment) {
		switch {
		case existing != nil:
			e.UseExistingCluster = new(true)
			e.Config = existing
		case os.Getenv("KUBEBUILDER_ASSETS") == "":
			e.BinaryAssetsDirectory = filepath.Join(s.Root, "bin", "k8s")
		}
	})
	if err != nil {
		return nil, err
	}
	s.environment = environment
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
