// SPDX-License-Identifier: Apache-2.0

package stage

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strconv"
	"time"

	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/envtest"
)

const (
	// startAttempts is how often a control plane is started. envtest waits five seconds for the first namespace, whatever
	// its limits are.
	startAttempts = 3
	// startTimeout limits one of envtest's five attempts to start a program: a request to one that starts may hang.
	startTimeout = time.Minute
)

// WithCRDs installs the CRDs of a directory.
func WithCRDs(dir string) func(*envtest.Environment) {
	return func(e *envtest.Environment) {
		e.CRDDirectoryPaths = []string{dir}
		e.ErrorIfCRDPathMissing = true
	}
}

// StartEnvironment starts a control plane as envtest does, with limits and ports that suit a busy machine. The caller stops
// it. It may be started again, with all that prepares it.
func StartEnvironment(prepare ...func(*envtest.Environment)) (*envtest.Environment, *rest.Config, error) {
	var err error
	for range startAttempts {
		e := &envtest.Environment{
			ControlPlaneStartTimeout: startTimeout, ControlPlaneStopTimeout: Timeout,
			CRDInstallOptions: envtest.CRDInstallOptions{MaxTime: Timeout},
		}
		if err = choosePorts(e); err != nil {
			break
		}
		for _, f := range prepare {
			f(e)
		}
		var config *rest.Config
		if config, err = e.Start(); err == nil {
			return e, config, nil
		}
		err = errors.Join(err, e.Stop())
	}
	return nil, nil, fmt.Errorf("starting the control plane (run make controlplane to build it): %w", err)
}

// choosePorts sets the ports of etcd and of the API server.
func choosePorts(e *envtest.Environment) error {
	etcd, err := FreePort(context.Background())
	if err != nil {
		return err
	}
	server, err := FreePort(context.Background())
	if err != nil {
		return err
	}
	e.ControlPlane.Etcd = &envtest.Etcd{URL: &url.URL{Scheme: "http", Host: "127.0.0.1:" + strconv.Itoa(etcd)}}
	serving := &e.ControlPlane.GetAPIServer().SecureServing
	serving.Address = "127.0.0.1"
	serving.Port = strconv.Itoa(server)
	return nil
}
