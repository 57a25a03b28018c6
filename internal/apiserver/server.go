// SPDX-License-Identifier: Apache-2.0

// Package apiserver is the REST API, for people and programs without kubectl. It reads and writes the same resources
// as kubectl, with the caller's permissions, and never talks to Slack or Jira.
package apiserver

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"
	"github.com/klauspost/compress/gzhttp"
	"github.com/prometheus/client_golang/prometheus"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/metrics"

	"github.com/voiceai-dev/integrations-operator/internal/action"
	"github.com/voiceai-dev/integrations-operator/internal/apiserver/access"
	"github.com/voiceai-dev/integrations-operator/internal/apiserver/caller"
	"github.com/voiceai-dev/integrations-operator/internal/apiserver/changes"
	"github.com/voiceai-dev/integrations-operator/internal/apiserver/guard"
	"github.com/voiceai-dev/integrations-operator/internal/apiserver/inbound"
	"github.com/voiceai-dev/integrations-operator/internal/apiserver/installs"
	"github.com/voiceai-dev/integrations-operator/internal/apiserver/openapi"
	"github.com/voiceai-dev/integrations-operator/internal/apiserver/overview"
	"github.com/voiceai-dev/integrations-operator/internal/apiserver/params"
	"github.com/voiceai-dev/integrations-operator/internal/apiserver/runs"
	"github.com/voiceai-dev/integrations-operator/internal/apiserver/runview"
	"github.com/voiceai-dev/integrations-operator/internal/apiserver/view"
	"github.com/voiceai-dev/integrations-operator/internal/apiserver/watch"
	"github.com/voiceai-dev/integrations-operator/internal/chat"
	"github.com/voiceai-dev/integrations-operator/internal/credential"
	"github.com/voiceai-dev/integrations-operator/internal/identity"
	"github.com/voiceai-dev/integrations-operator/internal/listener"
)

const (
	requestTimeout = 30 * time.Second
)

// Identity authenticates callers and authorizes what they do.
type Identity interface {
	Authenticate(ctx context.Context, token string) (identity.Caller, error)
	Allowed(ctx context.Context, caller identity.Caller, access identity.Access) (bool, error)
}

// Options are the options of a Server.
type Options struct {
	// Addr is the address to listen on, such as :8083.
	Addr string
	// CertFile and KeyFile are PEM files to serve TLS with. When both are empty it serves plain HTTP, for a proxy that
	// terminates TLS.
	CertFile, KeyFile string
	// SelfSignedFor are the names in a certificate that the server makes, for as long as there are no such files.
	SelfSignedFor []string
	// Identity authenticates callers and authorizes what they do.
	Identity Identity
	// Client reads from the cache and writes as the caller of the context, Live reads from the API server.
	Client client.Client
	Live   client.Reader
	// Cache is the one that Client reads from.
	Cache cache.Cache
	Clock clock.WithTicker
	// Outbox stores the Notifications of events.
	Outbox inbound.Outbox
	// Watched are the namespaces that the operator watches; all when empty. Requests about others are refused.
	Watched []string
	// Namespace, SlackName and JiraName are the defaults of requests: default, slack and jira when empty.
	Namespace, SlackName, JiraName string
	// TestTimeout is how long a request waits for the result of a test; 10 s when zero. It must be less than
	// listener.ReadTimeout, after which net/http gives a request up.
	TestTimeout time.Duration
	// RequestsPerSecond is the rate of each caller, with bursts of twice as many; 100 when zero. For requests with
	// events it is 50 times as many.
	RequestsPerSecond float64
	// TokenCommand is the command that creates a token which may read and write, for those who sent none.
	TokenCommand string
	// DashboardURL is where people reach the dashboard, for the links of messages; none when empty.
	DashboardURL string
	// Exchange exchanges what Slack's consent page gave for a token, Revoke revokes it. They are the only calls of Slack that
	// the API makes: the token is stored and removed with the rights of the caller.
	Exchange chat.Exchange
	Revoke   chat.Revoke
	// Pages returns the handler of all paths that are not the API's, such as a dashboard; none when nil. Its requests
	// to the API for one request, with that request's context, count once against the rate of its caller.
	Pages func(api http.Handler) http.Handler
}

// Server is the API's listener, for a manager to run.
type Server struct {
	*listener.Listener

	o        Options
	handler  http.Handler
	document []byte

	actions     *action.Actions
	credentials *credential.Store
	view        *view.Model
	overview    *overview.Model
	runs        *runview.Model
	hub         *watch.Hub
	permissions caller.Permissions
	params      params.Defaults

	// oneDefault is held by the request that writes a default integration.
	oneDefault sync.Mutex

	stopping chan struct{} // closed when the server stops
}

// New returns a Server. It listens when it is started.
func New(o Options) (*Server, error) {
	o.TokenCommand = cmp.Or(o.TokenCommand, identity.TokenCommand(nil))
	o.Namespace = cmp.Or(o.Namespace, "default")
	o.SlackName = cmp.Or(o.SlackName, "slack")
	o.JiraName = cmp.Or(o.JiraName, "jira")
	o.TestTimeout = cmp.Or(o.TestTimeout, 10*time.Second)
	o.RequestsPerSecond = cmp.Or(o.RequestsPerSecond, 100)
	s := &Server{
		o:           o,
		actions:     &action.Actions{Client: o.Client, Live: o.Live, Authorizer: o.Identity, Clock: o.Clock},
		credentials: &credential.Store{Client: o.Client, Live: o.Live, Clock: o.Clock, FieldOwner: action.FieldOwner},
		view:        view.New(o.Client, o.Live, o.DashboardURL),
		hub:         watch.NewHub(),
		permissions: caller.Permissions{Authorizer: o.Identity},
		params:      params.Defaults{Namespace: o.Namespace},
		stopping:    make(chan struct{}),
	}
	s.overview = overview.New(s.view)
	s.runs = &runview.Model{Model: s.view}
	mux := http.NewServeMux()
	api := humago.New(mux, openapi.Config())
	api.UseMiddleware(s.refuseUnwatched(api))
	for _, add := range []func(huma.API){
		s.routeConfig, s.routeTests, s.routeHealth, s.routeLogs, s.routeDefects, s.routeRules,
		runs.Routes{
			View: s.runs, Actions: s.actions, Permissions: s.permissions, Params: s.params, Clock: o.Clock,
		}.Register,
		inbound.Routes{Outbox: o.Outbox, Clock: o.Clock, Permissions: s.permissions, Params: s.params}.Register,
		changes.Routes{
			Hub: s.hub, Clock: o.Clock, Permissions: s.permissions, Params: s.params, Authenticator: o.Identity, Stopping: s.stopping,
		}.Register,
		installs.Routes{
			Live: o.Live, Clock: o.Clock, Permissions: s.permissions, Params: s.params, SlackName: o.SlackName, Exchange: o.Exchange,
			Revoke: o.Revoke, EditSecret: s.editTokenSecret, CheckSecret: s.checkSecret,
		}.Register,
		access.Routes{Cache: access.NewCache(o.Clock, o.Identity), View: s.view, Params: s.params}.Register,
		s.routeDelivery, s.routeSummary,
	} {
		add(api)
	}
	var err error
	if s.document, err = openapi.Document(api); err != nil {
		return nil, err
	}
	if err := openapi.Route(mux, s.document); err != nil {
		return nil, err
	}
	var pages http.Handler
	s.handler = guard.New(guard.Options{
		Identity: o.Identity, Clock: o.Clock, RequestsPerSecond: o.RequestsPerSecond, Hub: s.hub, TokenCommand: o.TokenCommand,
	}).Handler(mux, func() http.Handler { return pages })
	if o.Pages != nil {
		pages = o.Pages(s.handler)
	}
	s.Listener = listener.New("api", o.Addr, compressed(s.handler))
	s.CertFile = o.CertFile
	s.KeyFile = o.KeyFile
	s.SelfSignedFor = o.SelfSignedFor
	s.AnswerTimeout = requestTimeout
	s.OnShutdown = func() { close(s.stopping) } // streams of changes would not end by themselves
	return s, nil
}

// OpenAPI returns the OpenAPI document that the server serves.
func (s *Server) OpenAPI() []byte { return s.document }

// Start serves until the context ends; requests in flight then have 5 seconds to finish. A Server can be started
// once.
func (s *Server) Start(ctx context.Context) error {
	if err := s.view.Follow(ctx, s.o.Cache, s.hub.Notify); err != nil {
		return err
	}
	// A program has one server; tests have several, of which the first is measured.
	var registered prometheus.AlreadyRegisteredError
	if err := metrics.Registry.Register(s.runs.Metrics()); err != nil && !errors.As(err, &registered) {
		return fmt.Errorf("registering metrics: %w", err)
	}
	return s.Listener.Start(ctx)
}

// compressed compresses answers for clients that accept it, but not streams, which would wait for more to compress.
var compressed = func() func(http.Handler) http.HandlerFunc {
	wrap, err := gzhttp.NewWrapper(gzhttp.ContentTypes(
		[]string{"text/html", "text/css", "text/javascript", "image/svg+xml", "application/json"}))
	if err != nil {
		panic(err) // the options are wrong
	}
	return wrap
}()
