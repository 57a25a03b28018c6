// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	k8sruntime "k8s.io/apimachinery/pkg/runtime"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/voiceai-dev/integrations-operator/api/v1alpha1"
	"github.com/voiceai-dev/integrations-operator/hack/bench/apiserver"
	"github.com/voiceai-dev/integrations-operator/hack/bench/objects"
	"github.com/voiceai-dev/integrations-operator/hack/stage"
	"github.com/voiceai-dev/integrations-operator/internal/condition"
	"github.com/voiceai-dev/integrations-operator/internal/sandbox"
	"github.com/voiceai-dev/integrations-operator/internal/sandbox/jira"
)

const namespace = objects.Namespace

// A world is a control plane, a sandbox and an operator.
type world struct {
	dir    string
	stage  *stage.Stage
	client client.WithWatch
	// watches has a connection of its own. On a shared one, events queue behind the responses to 32 other clients, and
	// the API server ends the watch.
	watches  client.WithWatch
	config   *rest.Config
	sandbox  *sandbox.Sandbox
	server   *httptest.Server
	operator *stage.Process
}

// startControlPlane starts the control plane and connects the clients.
func (w *world) startControlPlane() error {
	w.stage = &stage.Stage{Dir: w.dir, Root: "."}
	config, err := w.stage.ControlPlane()
	if err != nil {
		return err
	}
	scheme := k8sruntime.NewScheme()
	if err := errors.Join(clientgoscheme.AddToScheme(scheme), v1alpha1.AddToScheme(scheme)); err != nil {
		return err
	}
	config = rest.CopyConfig(config)
	config.QPS = -1
	w.config = config
	if w.client, err = client.NewWithWatch(config, client.Options{Scheme: scheme}); err != nil {
		return err
	}
	apart := rest.CopyConfig(config)
	apart.Dial = (&net.Dialer{}).DialContext
	w.watches, err = client.NewWithWatch(apart, client.Options{Scheme: scheme})
	return err
}

// watchEach watches the objects of a list and calls each for every change until each returns true. wait waits for that.
func watchEach[T client.Object](
	ctx context.Context, w *world, list client.ObjectList, each func(T, time.Time) bool,
) (wait func() error, err error) {
	return apiserver.Follow(ctx, apiserver.Source{Client: w.watches, Exited: w.stage.Exited}, list, each)
}

// stop stops everything.
func (w *world) stop() error {
	err := w.stage.Stop()
	if w.server != nil {
		w.server.CloseClientConnections()
		w.server.Close()
	}
	return err
}

// startSandbox starts the sandbox.
func (w *world) startSandbox(o sandbox.Options) {
	w.startSandboxBehind(func(h http.Handler) http.Handler { return h }, o)
}

// startSandboxBehind starts the sandbox behind a middleware.
func (w *world) startSandboxBehind(middleware func(http.Handler) http.Handler, o sandbox.Options) {
	w.sandbox = sandbox.New(o)
	w.server = httptest.NewServer(middleware(w.sandbox))
}

// startOperator starts the operator and waits until the integrations are Ready.
func (w *world) startOperator(ctx context.Context, integrations ...condition.Object) error {
	var err error
	if w.operator, err = w.stage.Operator(ctx, "operator", nil, extraFlags()...); err != nil {
		return err
	}
	return w.waitUntilReady(ctx, integrations...)
}

// waitUntilReady waits until integrations are Ready.
func (w *world) waitUntilReady(ctx context.Context, integrations ...condition.Object) error {
	for _, i := range integrations {
		o := i.(client.Object)
		err := w.stage.Poll(ctx, o.GetName()+" to be Ready", func() (bool, error) {
			err := w.client.Get(ctx, client.ObjectKeyFromObject(o), o)
			return condition.Is(i, v1alpha1.ConditionReady, metav1.ConditionTrue, ""), err
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// extraFlags returns the operator's flags in OPERATOR_FLAGS, such as --pprof-bind-address.
func extraFlags() []string { return strings.Fields(os.Getenv("OPERATOR_FLAGS")) }

// createJira creates the default JiraIntegration and its Secret.
func (w *world) createJira(ctx context.Context) (*v1alpha1.JiraIntegration, error) {
	i := &v1alpha1.JiraIntegration{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "jira"},
		Spec: v1alpha1.JiraIntegrationSpec{
			Default: true, APIURL: v1alpha1.HTTPURL(w.server.URL + sandbox.JiraPath), ProjectKey: jira.VoiceProject,
			Basic: &v1alpha1.JiraBasicAuth{
				Username: jira.BotUser, TokenSecretRef: v1alpha1.SecretKeyReference{Name: "jira", Key: "token"},
			},
			AutoCreate: &v1alpha1.JiraAutoCreate{Enabled: true},
		},
	}
	return i, errors.Join(w.client.Create(ctx, objects.Secret("jira", jira.BotToken)), w.client.Create(ctx, i))
}

// A baseline is the resource usage and the number of calls before a measurement.
type baseline struct {
	usage    stage.Usage
	requests map[sandbox.Request]int
	api      map[string]int
	apiCPU   float64
}

// baseline returns the usage and the number of calls up to now.
func (w *world) baseline(ctx context.Context) (b baseline, err error) {
	b.usage = w.operator.Usage()
	b.requests = w.sandbox.Requests()
	b.api, b.apiCPU, err = apiserver.Metrics(ctx, w.config)
	return b, err
}

// recordUsage sets the usage and the number of calls since a baseline.
func (w *world) recordUsage(ctx context.Context, f *figures, since baseline) error {
	now, err := w.baseline(ctx)
	f.CPU = now.usage.CPU - since.usage.CPU
	f.RSS = now.usage.RSS
	f.PeakRSS = now.usage.PeakRSS
	f.APICPU = now.apiCPU - since.apiCPU
	f.Calls = map[string]int{}
	for r, n := range now.requests {
		if n -= since.requests[r]; n > 0 {
			f.Calls[fmt.Sprintf("%s %s", r.Route, statusText(r.Status))] += n
		}
	}
	f.APICalls = map[string]int{}
	for request, n := range now.api {
		if n -= since.api[request]; n > 0 {
			f.APICalls[request] = n
		}
	}
	return err
}

// statusText formats the status of a call to the sandbox.
func statusText(status int) string {
	if status == 0 {
		return "dropped"
	}
	return fmt.Sprint(status)
}
