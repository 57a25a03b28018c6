// Package apiserver is the REST API: what people and programs without kubectl use. It reads and writes the same resources as everybody else, as
// the caller's own rights allow, and never talks to Slack or Jira itself.
package apiserver

import (
	"cmp"
	"context"
	"errors"
	"maps"
	"net/http"
	"strconv"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"
	"github.com/klauspost/compress/gzhttp"
	batchv1 "k8s.io/api/batch/v1"
	"k8s.io/utils/clock"
	"k8s.io/utils/lru"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/voiceai-dev/integrations-operator/api/v1alpha1"
	"github.com/voiceai-dev/integrations-operator/internal/action"
	"github.com/voiceai-dev/integrations-operator/internal/credential"
	"github.com/voiceai-dev/integrations-operator/internal/event"
	"github.com/voiceai-dev/integrations-operator/internal/identity"
	"github.com/voiceai-dev/integrations-operator/internal/listener"
)

const (
	answerWithin  = 30 * time.Second
	maxBody       = 256 << 10
	maxEventsBody = 4 << 20
)

// Outbox stores what an event leads to.
type Outbox interface {
	// Announce stores a Notification for each rule of a namespace that matches. All are stored when the error is nil; mistakes are rules that could
	// not be worked out.
	Announce(ctx context.Context, namespace string, e *event.Event) (created []string, mistakes, err error)
}

// Identity is what a Server asks of package identity.
type Identity interface {
	Authenticate(ctx context.Context, token string) (identity.Caller, error)
	Allowed(ctx context.Context, caller identity.Caller, access identity.Access) (bool, error)
}

// Options are what a Server needs.
type Options struct {
	// Addr to listen on, such as :8083.
	Addr string
	// CertFile and KeyFile are PEM files to serve TLS with; plain HTTP, for something in front that ends TLS, when both are empty.
	CertFile, KeyFile string
	// Identity says who calls and what they may do.
	Identity Identity
	// Client reads from the cache and writes, Live reads from the API server.
	Client client.Client
	Live   client.Reader
	// Cache is the one that Client reads from.
	Cache cache.Cache
	Clock clock.WithTicker
	// Outbox stores what events lead to.
	Outbox Outbox
	// Namespace, SlackName and JiraName are what is meant when a request names none: default, slack and jira when empty.
	Namespace, SlackName, JiraName string
	// TestTimeout is how long a test of an integration is waited for; 10 s when zero. It must be less than listener.ReadTimeout, when net/http gives a
	// request up.
	TestTimeout time.Duration
	// RequestsPerSecond is what one caller may ask, with twice as many at once; 100 when zero. Of what brings events it is 50 times as many.
	RequestsPerSecond float64
	// DashboardURL is where people reach the dashboard, for the links of messages; none when empty.
	DashboardURL string
	// Pages makes, of the API, what serves everything else, such as a dashboard; nothing when nil. What it asks the API for one request, with that
	// request's context, counts once against its caller's rate.
	Pages func(api http.Handler) http.Handler
}

// Server is the API's listener, for a manager to run.
type Server struct {
	*listener.Listener

	o       Options
	handler http.Handler
	spec    []byte

	hub               *hub
	counts            memo
	callers, failures *buckets
	senders           *buckets
	good              *lru.Cache // hashes of tokens
	under             underWay
	turns             turns
	rights            rightsMemo
	actions           *action.Actions
	credentials       *credential.Store
	reports           *reports

	slack    *shelf[*v1alpha1.SlackIntegration]
	jira     *shelf[*v1alpha1.JiraIntegration]
	rules    *shelf[*v1alpha1.NotificationRule]
	defects  *shelf[*v1alpha1.Defect]
	told     *shelf[*v1alpha1.Notification]
	suites   *shelf[*batchv1.CronJob]
	runs     *shelf[*batchv1.Job]
	stopping chan struct{} // closed when it is
}

// New is a Server. It listens when it is started.
func New(o Options) (*Server, error) {
	o.Namespace, o.SlackName, o.JiraName = cmp.Or(o.Namespace, "default"), cmp.Or(o.SlackName, "slack"), cmp.Or(o.JiraName, "jira")
	o.TestTimeout, o.RequestsPerSecond = cmp.Or(o.TestTimeout, 10*time.Second), cmp.Or(o.RequestsPerSecond, 100)
	s := &Server{
		o: o, hub: newHub(), callers: newBuckets(o.Clock, o.RequestsPerSecond), failures: newBuckets(o.Clock, failuresPerSecond),
		good: lru.New(maxGoodTokens), under: underWay{of: map[string]int{}}, rights: rightsMemo{clock: o.Clock, known: lru.New(maxRights)}, reports: newReports(),
		slack: newShelf[*v1alpha1.SlackIntegration](nil), jira: newShelf[*v1alpha1.JiraIntegration](nil), rules: newShelf[*v1alpha1.NotificationRule](nil),
		defects: newShelf[*v1alpha1.Defect](nil), told: newShelf[*v1alpha1.Notification](nil),
		suites: newShelf(hasSuite[*batchv1.CronJob]), runs: newShelf(hasSuite[*batchv1.Job]),
		stopping: make(chan struct{}), senders: newBuckets(o.Clock, sendersFactor*o.RequestsPerSecond),
	}
	s.actions = &action.Actions{Client: o.Client, Live: o.Live, Authorizer: o.Identity, Clock: o.Clock}
	s.credentials = &credential.Store{Client: o.Client, Live: o.Live, Clock: o.Clock, FieldOwner: action.FieldOwner}
	s.turns = turns{under: &s.under, of: map[string]*line{}}
	mux := http.NewServeMux()
	api := humago.New(mux, huma.Config{
		OpenAPI: &huma.OpenAPI{
			OpenAPI: "3.1.0",
			Info: &huma.Info{Title: "Voice AI integrations", Version: "v1",
				Description: "Slack and Jira for a Voice AI testing framework. Everything here is a resource of Kubernetes, and Kubernetes RBAC decides who may do what."},
			Servers: []*huma.Server{{URL: "/"}}, // where the document is
			Components: &huma.Components{SecuritySchemes: map[string]*huma.SecurityScheme{
				bearer: {Type: "http", Scheme: "bearer", Description: "A token of this cluster, such as one of `kubectl create token`."},
			}},
		},
		Formats: huma.DefaultFormats, DefaultFormat: "application/json", Transformers: []huma.Transformer{tellPosition},
	})
	for _, add := range []func(huma.API){
		s.routeConfig, s.routeTests, s.routeHealth, s.routeLogs, s.routeDefects, s.routeRules, s.routeRuns, s.routeInbound, s.routeWatch,
		s.routeAccess, s.routeDelivery, s.routeSummary,
	} {
		add(api)
	}
	var err error
	if s.spec, err = document(api); err != nil {
		return nil, err
	}
	if err := s.routeDocs(mux); err != nil {
		return nil, err
	}
	var pages http.Handler
	s.handler = s.guard(mux, func() http.Handler { return pages })
	if o.Pages != nil {
		pages = o.Pages(s.handler)
	}
	s.Listener = listener.New("api", o.Addr, smaller(s.handler))
	s.CertFile, s.KeyFile, s.AnswerTimeout = o.CertFile, o.KeyFile, answerWithin
	s.OnShutdown = func() { close(s.stopping) } // those who watch would never end by themselves
	return s, nil
}

const bearer = "bearer"

// route adds an operation, with what all have in common. Its further statuses answer the same as its usual one. A request body that the operation
// brings along is documented as it is, and not looked into.
func route[I, O any](api huma.API, op huma.Operation, handler func(context.Context, *I) (*O, error)) {
	op.Security = []map[string][]string{{bearer: {}}}
	op.MaxBodyBytes = cmp.Or(op.MaxBodyBytes, maxBody)
	op.BodyReadTimeout = listener.ReadTimeout // the framework's own is 5 s: it outlives a body that is not there, and ends a handler that takes longer
	op.RejectUnknownQueryParameters = true    // a filter that is misspelt would show everything
	op.DefaultStatus = cmp.Or(op.DefaultStatus, http.StatusOK)
	if op.Responses == nil {
		op.Responses = map[string]*huma.Response{}
	}
	var body map[string]*huma.MediaType
	if op.RequestBody != nil {
		body = maps.Clone(op.RequestBody.Content)
		op.SkipValidateBody = true
	}
	huma.Register(api, op, handler)
	if op.RequestBody != nil {
		op.RequestBody.Content = body
	}
	usual := op.Responses[strconv.Itoa(op.DefaultStatus)]
	if op.Method == http.MethodGet && op.Path != watchPath && op.Path != accessPath {
		if usual.Headers == nil {
			usual.Headers = map[string]*huma.Param{}
		}
		usual.Headers["Last-Event-ID"] = &huma.Param{
			Description: "Where " + watchPath + " was before this was read: with it as since, every later change is told.", Schema: &huma.Schema{Type: huma.TypeString},
		}
	}
	for _, other := range op.Responses {
		if other.Content == nil {
			other.Content, other.Headers = usual.Content, usual.Headers
		}
	}
	op.Responses["default"] = &huma.Response{Description: "A problem (RFC 9457).", Content: map[string]*huma.MediaType{
		problemType: {Schema: api.OpenAPI().Components.Schemas.Schema(typeOf[Problem](), true, "Problem")}}}
}

// follow has the shelves filled from the cache, and watchers told of what changes.
func (s *Server) follow(ctx context.Context) error {
	return errors.Join(
		fill(ctx, s, s.slack, v1alpha1.KindSlackIntegration, &v1alpha1.SlackIntegration{}),
		fill(ctx, s, s.jira, v1alpha1.KindJiraIntegration, &v1alpha1.JiraIntegration{}),
		fill(ctx, s, s.rules, v1alpha1.KindNotificationRule, &v1alpha1.NotificationRule{}),
		fill(ctx, s, s.defects, v1alpha1.KindDefect, &v1alpha1.Defect{}),
		fill(ctx, s, s.told, v1alpha1.KindNotification, &v1alpha1.Notification{}),
		fill(ctx, s, s.suites, "CronJob", &batchv1.CronJob{}),
		fill(ctx, s, s.runs, "Job", &batchv1.Job{}),
	)
}

func fill[T client.Object](ctx context.Context, s *Server, into *shelf[T], kind string, example T) error {
	return into.fill(ctx, s.o.Cache, example, func(o T) { s.hub.tell(kind, o.GetNamespace()) })
}

// Start serves until the context ends; what is under way then has 5 seconds to finish. A Server can be started once.
func (s *Server) Start(ctx context.Context) error {
	if err := s.follow(ctx); err != nil {
		return err
	}
	return s.Listener.Start(ctx)
}

// smaller has answers compressed for whoever takes that, but not streams, which would wait for more to compress.
var smaller = func() func(http.Handler) http.HandlerFunc {
	wrap, err := gzhttp.NewWrapper(gzhttp.ContentTypes([]string{"text/html", "text/css", "text/javascript", "image/svg+xml", "application/json"}))
	if err != nil {
		panic(err) // the options are wrong
	}
	return wrap
}()
