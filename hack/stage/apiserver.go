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

// KillAPIServer ends the API server at once, as a machine does that loses power, with the store left as it is. again starts another in its
// place and waits until it is ready.
func (s *Stage) KillAPIServer(ctx context.Context, config *rest.Config) (again func() error, err error) {
	pid, argv, err := findChild("kube-apiserver")
	if err != nil {
		return nil, err
	}
	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
		return nil, fmt.Errorf("killing the API server: %w", err)
	}
	if err := Poll(ctx, "the API server to be gone, and its port free", nil, func() (bool, error) {
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
			try, cancel := context.WithTimeout(ctx, 2*time.Second) // a connection that it took while it started may stay silent
			defer cancel()
			return set.RESTClient().Get().AbsPath("/readyz").Do(try).Error() == nil, nil
		})
	}, nil
}

// findChild is a child of this process that runs a program, with what it was started with: see proc(5).
func findChild(program string) (pid int, argv []string, err error) {
	all, err := filepath.Glob("/proc/[0-9]*/cmdline")
	if err != nil {
		return 0, nil, err
	}
	for _, file := range all {
		raw, err := os.ReadFile(file)
		if err != nil {
			continue // it ended meanwhile
		}
		argv := strings.Split(string(bytes.TrimRight(raw, "\x00")), "\x00")
		if filepath.Base(argv[0]) != program {
			continue
		}
		status, err := os.ReadFile(filepath.Join(filepath.Dir(file), "status"))
		if err != nil || !strings.Contains(string(status), fmt.Sprintf("\nPPid:\t%d\n", os.Getpid())) || strings.Contains(string(status), "\nState:\tZ") {
			continue
		}
		pid, err := strconv.Atoi(filepath.Base(filepath.Dir(file)))
		return pid, argv, err
	}
	return 0, nil, fmt.Errorf("there is no %s among the children of this process", program)
}
