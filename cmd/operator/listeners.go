package main

import (
	"context"
	"fmt"
	"net/http"

	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/clock"
	ctrl "sigs.k8s.io/controller-runtime"

	"github.com/voiceai-dev/integrations-operator/internal/apiserver"
	"github.com/voiceai-dev/integrations-operator/internal/apiserver/writer"
	"github.com/voiceai-dev/integrations-operator/internal/dashboard"
	"github.com/voiceai-dev/integrations-operator/internal/edge"
	"github.com/voiceai-dev/integrations-operator/internal/edge/jirahook"
	"github.com/voiceai-dev/integrations-operator/internal/identity"
	"github.com/voiceai-dev/integrations-operator/internal/index"
	"github.com/voiceai-dev/integrations-operator/internal/outbox"
)

// addEdge adds the listener for signed webhooks, with a route for each source.
func addEdge(mgr ctrl.Manager, f flags) error {
	c := mgr.GetClient()
	find := func(ctx context.Context, integration types.NamespacedName, id, key string, labels []string) ([]types.NamespacedName, error) {
		return index.DefectsOf(ctx, c, integration, index.Issue{ID: id, Key: key, Labels: labels})
	}
	listener := edge.New(f.edge.address,
		jirahook.Route(jirahook.Options{Client: c, Live: mgr.GetAPIReader(), Clock: clock.RealClock{}, FindDefects: find}),
	)
	listener.CertFile = f.edge.cert
	listener.KeyFile = f.edge.key
	return addListener(mgr, "edge", listener)
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
	command := identity.TokenCommand(mgr.GetConfig(), f.api.audiences()...)
	api, err := apiserver.New(apiserver.Options{
		Addr: f.api.address, CertFile: f.api.cert, KeyFile: f.api.key, SelfSignedFor: f.api.selfSigned, Identity: who,
		Client: asCaller, Live: mgr.GetAPIReader(), Cache: mgr.GetCache(), Clock: clock.RealClock{}, Outbox: box,
		Watched: f.leader.watch, Namespace: f.defaultNamespace(), SlackName: f.api.slack, JiraName: f.api.jira,
		RequestsPerSecond: f.api.requestsPerSecond, DashboardURL: f.dashboardURL, TokenCommand: command,
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
