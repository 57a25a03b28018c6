// SPDX-License-Identifier: Apache-2.0

package stage

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
)

// KillAPIServer kills the API server, as a power failure would, and leaves etcd running. The returned function
// restarts the API server and waits until it is ready.
func (s *Stage) KillAPIServer(ctx context.Context, config *rest.Config) (restart func() error, err error) {
	pid, argv, err := findChild("kube-apiserver")
	if err != nil {
		return nil, err
	}
	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
		return nil, fmt.Errorf("killing the API server: %w", err)
	}
	if err := Poll(ctx, "the API server to exit", nil, func() (bool, error) {
		_, err := os.Stat(fmt.Sprintf("/proc/%d", pid))
		return errors.Is(err, os.ErrNotExist), nil
	}); err != nil {
		return nil, err
	}
	return func() error {
		if _, err := s.Start(ctx, "kube-apiserver", nil, argv[0], argv[1:]...); err != nil {
			return err
		}
		set, err := kubernetes.NewForConfig(config)
		if err != nil {
			return err
		}
		return s.Poll(ctx, "the API server to be ready again", func() (bool, error) {
			// A connection that the API server accepted while it started may never get an answer.
			attempt, cancel := context.WithTimeout(ctx, 2*time.Second)
			defer cancel()
			return set.RESTClient().Get().AbsPath("/readyz").Do(attempt).Error() == nil, nil
		})
	}, nil
}

// findChild returns the child of this process that runs a program, and its arguments. See proc(5).
func findChild(program string) (pid int, argv []string, err error) {
	all, err := filepath.Glob("/proc/[0-9]*/cmdline")
	if err != nil {
		return 0, nil, err
	}
	for _, file := range all {
		raw, err := os.ReadFile(file)
		if err != nil {
			continue // the process has exited
		}
		argv := strings.Split(string(bytes.TrimRight(raw, "\x00")), "\x00")
		if filepath.Base(argv[0]) != program {
			continue
		}
		status, err := os.ReadFile(filepath.Join(filepath.Dir(file), "status"))
		if err != nil || strings.Contains(string(status), "\nState:\tZ") {
			continue
		}
		if !strings.Contains(string(status), fmt.Sprintf("\nPPid:\t%d\n", os.Getpid())) {
			continue
		}
		pid, err := strconv.Atoi(filepath.Base(filepath.Dir(file)))
		return pid, argv, err
	}
	return 0, nil, fmt.Errorf("no child of this process runs %s", program)
}
