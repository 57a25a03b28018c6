// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/clock"
	ctrl "sigs.k8s.io/controller-runtime"

	"github.com/voiceai-dev/integrations-operator/api/v1alpha1"
	"github.com/voiceai-dev/integrations-operator/internal/apiserver"
	"github.com/voiceai-dev/integrations-operator/internal/apiserver/writer"
	"github.com/voiceai-dev/integrations-operator/internal/chat"
	"github.com/voiceai-dev/integrations-operator/internal/chat/slack"
	"github.com/voiceai-dev/integrations-operator/internal/dashboard"
	"github.com/voiceai-dev/integrations-operator/internal/edge"
	"github.com/voiceai-dev/integrations-operator/internal/edge/jirahook"
	"github.com/voiceai-dev/integrations-operator/internal/edge/slackhook"
	"github.com/voiceai-dev/integrations-operator/internal/identity"
	"github.com/voiceai-dev/integrations-operator/internal/index"
	"github.com/voiceai-dev/integrations-operator/internal/outbox"
	"github.com/voiceai-dev/integrations-operator/internal/slackapp"
	"github.com/voiceai-dev/integrations-operator/internal/slackapp/owed"
	"github.com/voiceai-dev/integrations-operator/internal/slackapp/socket"
	"github.com/voiceai-dev/integrations-operator/internal/transport"
)

// addEdge adds the listener for signed webhooks, with a route for each source.
func addEdge(mgr ctrl.Manager, f flags, app *slackapp.Dispatcher) error {
	c := mgr.GetClient()
	find := func(ctx context.Context, integration types.NamespacedName, id, key string, labels []string) ([]types.NamespacedName, error) {
		return index.DefectsOf(ctx, c, integration, index.Issue{ID: id, Key: key, Labels: labels})
	}
	routes := slackhook.Routes(slackhook.Options{Client: c, Live: mgr.GetAPIReader(), Clock: clock.RealClock{}, Receiver: app})
	routes = append(routes,
		jirahook.Route(jirahook.Options{Client: c, Live: mgr.GetAPIReader(), Clock: clock.RealClock{}, FindDefects: find}))
	listener := edge.New(f.edge.address, routes...)
	listener.CertFile = f.edge.cert
	listener.KeyFile = f.edge.key
	return addListener(mgr, "edge", listener)
}

// addSlackApp adds what answers people in Slack. It answers on every replica, whether or not that leads. The leader gives
// the answers that are owed.
func addSlackApp(mgr ctrl.Manager, f flags, fence func() error) (*slackapp.Dispatcher, error) {
	who, err := identity.New(mgr.GetConfig())
	if err != nil {
		return nil, fmt.Errorf("setting up the permissions of people in Slack: %w", err)
	}
	dialer := slack.Dialer{Options: f.appOptions()}
	app := slackapp.New(slackapp.Options{
		Client: mgr.GetClient(), Live: mgr.GetAPIReader(), Authorizer: who, Clock: clock.RealClock{}, Dial: dialer.DialApp,
		Codec: slackapp.Codec{Response: slack.Encode, FormAnswer: slack.FormAnswer}, DashboardURL: f.dashboardURL,
	})
	fenced := f.appOptions()
	fenced.Fence = fence
	leader := owed.NewLeader(owed.Options{
		Client: mgr.GetClient(), Live: mgr.GetAPIReader(), Clock: clock.RealClock{}, Dial: slack.Dialer{Options: fenced}.DialApp,
		DashboardURL: f.dashboardURL,
	})
	return app, errors.Join(mgr.Add(app), leader.SetupWithManager(mgr))
}

// newSockets returns what receives by Socket Mode what people do in Slack.
func newSockets(mgr ctrl.Manager, app *slackapp.Dispatcher, open chat.OpenSocket) *socket.Hub {
	return socket.New(socket.Options{
		Open: open, Receive: app.Receive, Client: mgr.GetClient(), Clock: clock.RealClock{}, Log: ctrl.Log.WithName("socket-mode"),
	})
}

// receivesClicks reports whether the operator receives the clicks on the buttons of an integration's messages: by HTTP or by
// Socket Mode.
func (f *flags) receivesClicks(i *v1alpha1.SlackIntegration) bool {
	byHTTP := !f.edge.isOff() && i.Spec.SigningSecretRef != nil
	return i.Spec.Bot != nil && (byHTTP || i.Spec.AppTokenSecretRef != nil)
}

// addAPI adds the REST API and the dashboard.
func addAPI(mgr ctrl.Manager, f flags, box *outbox.Outbox) error {
	who, err := identity.New(mgr.GetConfig(), f.api.audiences()...)
	if err != nil {
		return fmt.Errorf("setting up authentication for the API: %w", err)
	}
	asCaller, err := writer.New(mgr.GetConfig(), mgr.GetClient())
	if err != nil {
		return err
	}
	dialer := slack.Dialer{Options: f.appOptions()}
	command := identity.TokenCommand(mgr.GetConfig(), f.api.audiences()...)
	api, err := apiserver.New(apiserver.Options{
		Addr: f.api.address, CertFile: f.api.cert, KeyFile: f.api.key, SelfSignedFor: f.api.selfSigned, Identity: who,
		Client: asCaller, Live: mgr.GetAPIReader(), Cache: mgr.GetCache(), Clock: clock.RealClock{}, Outbox: box,
		Watched: f.leader.watch, Namespace: f.defaultNamespace(), SlackName: f.api.slack, JiraName: f.api.jira,
		RequestsPerSecond: f.api.requestsPerSecond, DashboardURL: f.dashboardURL, TokenCommand: command,
		Exchange: dialer.Exchange, Revoke: dialer.Revoke,
		Pages: func(api http.Handler) http.Handler {
			return dashboard.New(dashboard.Options{API: api, TokenCommand: command})
		},
	})
	if err != nil {
		return fmt.Errorf("setting up the API: %w", err)
	}
	return addListener(mgr, "api", api)
}

// addListener adds a listener to the manager. The Pod is ready only once it listens.
func addListener(mgr ctrl.Manager, name string, l interface {
	Start(context.Context) error
	Check(*http.Request) error
}) error {
	if err := mgr.AddReadyzCheck(name, l.Check); err != nil {
		return fmt.Errorf("adding the readiness check of the %s listener: %w", name, err)
	}
	return mgr.Add(l)
}

// appOptions returns the options of the clients that answer people, who wait, and have a budget of their own.
func (f *flags) appOptions() transport.Options {
	return transport.Options{Timeout: f.callTimeout, Reach: f.outgoing.reach(), Budget: transport.NewBudget()}
}
