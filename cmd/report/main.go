// SPDX-License-Identifier: Apache-2.0

// Command report runs a test command in a Job, reads the reports that it writes, and turns failures into Defects and the run's
// result.
package main

import (
	"context"
	"errors"
	"os"
	"time"

	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"

	"github.com/voiceai-dev/integrations-operator/internal/report"
	"github.com/voiceai-dev/integrations-operator/internal/report/kube"
)

// version is set by the linker.
var version = "unknown"

// backoff is the time before a list is requested again.
const backoff = 500 * time.Millisecond

func main() { os.Exit(run(context.Background(), os.Args[1:])) }

// run runs the program with some arguments, and returns its exit code.
func run(ctx context.Context, args []string) int {
	o := &report.Options{Stdin: os.Stdin, Stdout: os.Stdout, Stderr: os.Stderr, Connect: connect}
	code := 0
	cmd := command(o, &code)
	cmd.SetArgs(args)
	if err := cmd.ExecuteContext(ctx); err != nil {
		return report.ExitUsage
	}
	return code
}

// connect finds the API server: that of KUBECONFIG or of the user's configuration, or else of the Pod.
func connect() (kube.Connection, error) {
	config := clientcmd.NewNonInteractiveDeferredLoadingClientConfig(clientcmd.NewDefaultClientConfigLoadingRules(), nil)
	c, err := config.ClientConfig()
	if clientcmd.IsEmptyConfig(err) {
		err = errors.New("set KUBECONFIG to a kubeconfig, or run in a Pod")
	}
	if err != nil {
		return kube.Connection{}, err
	}
	client, err := rest.HTTPClientFor(c)
	if err != nil {
		return kube.Connection{}, err
	}
	server, _, err := rest.DefaultServerUrlFor(c)
	if err != nil {
		return kube.Connection{}, err
	}
	namespace, _, err := config.Namespace()
	return kube.Connection{Client: client, Server: server.String(), Namespace: namespace, Backoff: backoff}, err
}
