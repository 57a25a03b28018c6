// Command operator runs the controllers.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"net/http"
	"os"
	"time"
	_ "time/tzdata" // the image has no time zones of its own

	"github.com/prometheus/client_golang/prometheus"
	_ "golang.org/x/crypto/x509roots/fallback" // nor CA roots
	batchv1 "k8s.io/api/batch/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/selection"
	"k8s.io/apimachinery/pkg/util/uuid"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	coordinationv1 "k8s.io/client-go/kubernetes/typed/coordination/v1"
	corev1 "k8s.io/client-go/kubernetes/typed/core/v1"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/leaderelection/resourcelock"
	"k8s.io/client-go/util/workqueue"
	"k8s.io/utils/clock"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	crcontroller "sigs.k8s.io/controller-runtime/pkg/controller"
	"sigs.k8s.io/controller-runtime/pkg/healthz"
	"sigs.k8s.io/controller-runtime/pkg/log/zap"
	"sigs.k8s.io/controller-runtime/pkg/metrics"
	metricsserver "sigs.k8s.io/controller-runtime/pkg/metrics/server"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/voiceai-dev/integrations-operator/api/v1alpha1"
	"github.com/voiceai-dev/integrations-operator/internal/apiserver"
	"github.com/voiceai-dev/integrations-operator/internal/chat"
	"github.com/voiceai-dev/integrations-operator/internal/chat/slack"
	"github.com/voiceai-dev/integrations-operator/internal/connection"
	"github.com/voiceai-dev/integrations-operator/internal/controller"
	"github.com/voiceai-dev/integrations-operator/internal/dashboard"
	"github.com/voiceai-dev/integrations-operator/internal/edge"
	"github.com/voiceai-dev/integrations-operator/internal/edge/jirahook"
	"github.com/voiceai-dev/integrations-operator/internal/identity"
	"github.com/voiceai-dev/integrations-operator/internal/leadership"
	"github.com/voiceai-dev/integrations-operator/internal/memory"
	"github.com/voiceai-dev/integrations-operator/internal/outbox"
	"github.com/voiceai-dev/integrations-operator/internal/ticket"
	"github.com/voiceai-dev/integrations-operator/internal/ticket/jira"
)

// +kubebuilder:rbac:groups=coordination.k8s.io,resources=leases,verbs=get;create;update,namespace=system

type flags struct {
	metrics, probes, pprof    string
	leaderElect               bool
	leaseNamespace            string
	leaseDuration             time.Duration
	maxEventAge, expiry, keep time.Duration
	dashboardURL              string
	edge, edgeCert, edgeKey   string
	api                       apiFlags
}

// apiFlags are those of the API's listener.
type apiFlags struct {
	address, cert, key     string
	namespace, slack, jira string
	requestsPerSecond      float64
}

func main() {
	var f flags
	flag.StringVar(&f.metrics, "metrics-bind-address", "0", "The address of the metrics endpoint; 0 turns it off.")
	flag.StringVar(&f.probes, "health-probe-bind-address", ":8081", "The address of /healthz and /readyz; 0 turns them off.")
	flag.BoolVar(&f.leaderElect, "leader-elect", false, "Hold a lease, so that of several replicas one acts.")
	flag.StringVar(&f.leaseNamespace, "leader-election-namespace", "", "The namespace of the lease; the Pod's own when empty.")
	flag.DurationVar(&f.leaseDuration, "lease-duration", 15*time.Second, "How long after its last renewal another replica may take the lease.")
	flag.DurationVar(&f.maxEventAge, "max-event-age", 24*time.Hour, "How old an event may be and still match a rule.")
	flag.DurationVar(&f.expiry, "notification-expiry", 24*time.Hour, "How old a Notification may be and still be sent.")
	flag.DurationVar(&f.keep, "notification-retention", 72*time.Hour, "How long a Notification is kept; must be longer than the two above.")
	flag.StringVar(&f.pprof, "pprof-bind-address", "0", "The address of Go's profiles, for finding out what takes time or memory; 0 turns it off.")
	flag.StringVar(&f.edge, "edge-bind-address", "0",
		"The address of the listener for signed webhooks from Jira, which may face the internet; 0 turns it off.")
	flag.StringVar(&f.edgeCert, "edge-tls-cert-file", "", "The certificate of that listener; it speaks plain HTTP when empty.")
	flag.StringVar(&f.edgeKey, "edge-tls-key-file", "", "The key of that certificate.")
	flag.StringVar(&f.api.address, "api-bind-address", "0", "The address of the REST API and the dashboard, for callers inside; 0 turns it off.")
	flag.StringVar(&f.api.cert, "api-tls-cert-file", "", "The certificate of the API; it speaks plain HTTP when empty.")
	flag.StringVar(&f.api.key, "api-tls-key-file", "", "The key of that certificate.")
	flag.StringVar(&f.api.namespace, "api-default-namespace", "default", "The namespace that a request means that names none.")
	flag.StringVar(&f.api.slack, "api-default-slack", "slack", "The SlackIntegration that a request means that names none.")
	flag.StringVar(&f.api.jira, "api-default-jira", "jira", "The JiraIntegration that a request means that names none.")
	flag.Float64Var(&f.api.requestsPerSecond, "api-requests-per-second", 100, "How much one caller of the API may ask; 50 times as many requests may bring events.")
	flag.StringVar(&f.dashboardURL, "dashboard-url", "", "Where people reach the dashboard; tickets get a link to their Defect there. None when empty.")
	logging := zap.Options{}
	logging.BindFlags(flag.CommandLine)
	flag.Parse()
	ctrl.SetLogger(zap.New(zap.UseFlagOptions(&logging)))

	if err := run(ctrl.SetupSignalHandler(), f); err != nil {
		ctrl.Log.Error(err, "Operator ended")
		os.Exit(1)
	}
}

func run(ctx context.Context, f flags) error {
	if f.keep <= f.maxEventAge || f.keep <= f.expiry {
		return fmt.Errorf("--notification-retention (%s) must be longer than --max-event-age (%s) and --notification-expiry (%s): a Notification that is gone can be sent again",
			f.keep, f.maxEventAge, f.expiry)
	}
	memory.AdaptGC()
	config, err := ctrl.GetConfig()
	if err != nil {
		return fmt.Errorf("finding the cluster: %w", err)
	}
	config.QPS = -1 // the API server's own priority and fairness decides

	scheme := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{clientgoscheme.AddToScheme, v1alpha1.AddToScheme} {
		if err := add(scheme); err != nil {
			return fmt.Errorf("setting up the scheme: %w", err)
		}
	}
	began := time.Now()
	fence, tookOver := func() error { return nil }, func() time.Time { return began }
	options := ctrl.Options{
		Scheme:                 scheme,
		Metrics:                metricsserver.Options{BindAddress: f.metrics},
		HealthProbeBindAddress: f.probes,
		PprofBindAddress:       f.pprof,
		Cache:                  cacheOptions(),
	}
	if f.leaderElect {
		lock, err := lease(config, f.leaseNamespace, f.leaseDuration)
		if err != nil {
			return err
		}
		if _, _, err := lock.Get(ctx); err != nil && !apierrors.IsNotFound(err) { // what is created from now on is nobody's, if nobody holds it
			return fmt.Errorf("reading the lease: %w", err)
		}
		fence, tookOver = lock.Fence, lock.LeaderSince
		options.LeaderElection = true
		options.LeaderElectionResourceLockInterface = lock
		options.LeaderElectionReleaseOnCancel = true
		times := leadership.TimesOf(f.leaseDuration)
		options.LeaseDuration, options.RenewDeadline, options.RetryPeriod = &times.Duration, &times.Deadline, &times.Period
	}
	mgr, err := ctrl.NewManager(config, options)
	if err != nil {
		return fmt.Errorf("setting up the manager: %w", err)
	}
	if err := setup(ctx, mgr, f, fence, tookOver); err != nil {
		return err
	}
	if err := mgr.AddHealthzCheck("ping", healthz.Ping); err != nil {
		return err
	}
	if err := mgr.AddReadyzCheck("begun", func(*http.Request) error { // the API server gives whole seconds: a Defect of this one may be older
		if now := time.Now(); now.Unix() == began.Unix() {
			return errors.New("it began in this very second")
		}
		return nil
	}); err != nil {
		return err
	}
	return mgr.Start(ctx)
}

// cacheOptions keep in memory what is needed: of Jobs and CronJobs, test runs and suites.
func cacheOptions() cache.Options {
	runs, err := labels.NewRequirement(v1alpha1.SuiteLabel, selection.Exists, nil)
	if err != nil {
		panic(err) // the label is a constant
	}
	return cache.Options{
		DefaultTransform: controller.StripForCache,
		ByObject: map[client.Object]cache.ByObject{
			&batchv1.Job{}: {Label: labels.NewSelector().Add(*runs)}, &batchv1.CronJob{}: {Label: labels.NewSelector().Add(*runs)},
		},
	}
}

func setup(ctx context.Context, mgr ctrl.Manager, f flags, fence func() error, tookOver func() time.Time) error {
	if err := controller.Index(ctx, mgr); err != nil {
		return err
	}
	var wakeSlack, wakeJira, wakeDefect connection.Enqueuer
	wakeNotification := connection.Enqueuer{Priority: controller.BehindNew}
	now := clock.RealClock{}
	slackPool := connection.NewPool[controller.SlackClient, chat.Posted](connection.Options{
		Clock: now, Fence: fence, EnqueueItem: wakeNotification.Enqueue, EnqueueIntegration: wakeSlack.Enqueue, CountedAction: controller.ActionPost,
	})
	jiraPool := connection.NewPool[controller.JiraClient, ticket.Ticket](connection.Options{
		Clock: now, Fence: fence, EnqueueItem: wakeDefect.Enqueue, EnqueueIntegration: wakeJira.Enqueue, CountedAction: controller.ActionCreate,
	})
	for _, r := range []interface{ Start(context.Context) error }{slackPool, jiraPool} {
		if err := mgr.Add(r); err != nil {
			return err
		}
	}
	var news controller.PendingUpdates
	c, live, recorder := mgr.GetClient(), mgr.GetAPIReader(), mgr.GetEventRecorder("voiceai-integrations")
	tally := &controller.RuleStats{Client: c, Clock: now}
	box := &outbox.Outbox{Client: c, Live: live, Clock: now, LeaderSince: tookOver, MaxEventAge: f.maxEventAge, OnMatch: tally.RecordMatch, OnEvalError: tally.RecordEvalError}

	notifications := &controller.NotificationReconciler{Client: c, Recorder: recorder, Clock: now, Slack: slackPool, Outbox: box, Enqueuer: &wakeNotification, LeaderSince: tookOver,
		Expiry: f.expiry, Retention: f.keep, RecordDelivery: tally.RecordDelivery, DashboardURL: f.dashboardURL}
	for _, m := range []prometheus.Collector{slackPool.Metrics(v1alpha1.KindSlackIntegration), jiraPool.Metrics(v1alpha1.KindJiraIntegration), notifications.Metrics()} {
		if err := metrics.Registry.Register(m); err != nil {
			return fmt.Errorf("registering metrics: %w", err)
		}
	}

	if f.edge != "" && f.edge != "0" {
		hook := jirahook.Route(jirahook.Options{Client: c, Live: live, Clock: now, FindDefects: controller.DefectsOf(c)})
		listener := edge.New(f.edge, hook)
		listener.CertFile, listener.KeyFile = f.edgeCert, f.edgeKey
		if err := serve(mgr, "edge", listener); err != nil {
			return err
		}
	}

	if f.api.address != "" && f.api.address != "0" {
		if err := addAPI(mgr, f, box); err != nil {
			return err
		}
	}

	for name, add := range map[string]func() error{
		v1alpha1.KindSlackIntegration: func() error {
			return (&controller.SlackIntegrationReconciler{Client: c, Live: live, Recorder: recorder, Clock: now, Slack: slackPool, Outbox: box, Enqueuer: &wakeSlack, Dial: controller.Measured(slack.Dialer{Fence: fence}.Dial)}).
				SetupWithManager(mgr, workers(64))
		},
		v1alpha1.KindJiraIntegration: func() error {
			return (&controller.JiraIntegrationReconciler{Client: c, Live: live, Recorder: recorder, Clock: now, Jira: jiraPool, Outbox: box, Enqueuer: &wakeJira, Dial: jira.Dialer{Fence: fence}.Dial,
				PendingUpdates: &news, EnqueueDefect: wakeDefect.Enqueue, LeaderSince: tookOver}).
				SetupWithManager(mgr, workers(64))
		},
		v1alpha1.KindNotificationRule: func() error {
			return (&controller.NotificationRuleReconciler{Client: c, Recorder: recorder, Outbox: box, Stats: tally}).SetupWithManager(mgr, workers(4))
		},
		"rules' counts": func() error { return tally.SetupWithManager(mgr, workers(1)) },
		v1alpha1.KindDefect: func() error {
			return (&controller.DefectReconciler{Client: c, Recorder: recorder, Clock: now, Outbox: box, Jira: jiraPool, Enqueuer: &wakeDefect, LeaderSince: tookOver,
				PendingUpdates: &news, DashboardURL: f.dashboardURL}).
				SetupWithManager(mgr, workers(12))
		},
		v1alpha1.KindNotification: func() error {
			return notifications.SetupWithManager(mgr, workers(2)) // what they write is what was done: more would keep the API server from storing news
		},
		"test runs": func() error {
			return (&controller.RunReconciler{Client: c, Live: live, Clock: now, Outbox: box}).SetupWithManager(mgr, workers(4))
		},
	} {
		if err := add(); err != nil {
			return fmt.Errorf("setting up the controller of %s: %w", name, err)
		}
	}
	return nil
}

// addAPI adds the REST API, and the dashboard on it.
func addAPI(mgr ctrl.Manager, f flags, box *outbox.Outbox) error {
	who, err := identity.New(mgr.GetConfig())
	if err != nil {
		return fmt.Errorf("setting up who may call the API: %w", err)
	}
	api, err := apiserver.New(apiserver.Options{
		Addr: f.api.address, CertFile: f.api.cert, KeyFile: f.api.key, Identity: who, Client: mgr.GetClient(), Live: mgr.GetAPIReader(), Cache: mgr.GetCache(),
		Clock: clock.RealClock{}, Outbox: box, Namespace: f.api.namespace, SlackName: f.api.slack, JiraName: f.api.jira,
		RequestsPerSecond: f.api.requestsPerSecond, DashboardURL: f.dashboardURL,
		Pages: func(api http.Handler) http.Handler { return dashboard.New(dashboard.Options{API: api}) },
	})
	if err != nil {
		return fmt.Errorf("setting up the API: %w", err)
	}
	return serve(mgr, "api", api)
}

// serve adds what listens. The Pod is ready only once it does.
func serve(mgr ctrl.Manager, name string, l interface {
	Start(context.Context) error
	Check(*http.Request) error
}) error {
	if err := mgr.AddReadyzCheck(name, l.Check); err != nil {
		return fmt.Errorf("adding the readiness check of the %s listener: %w", name, err)
	}
	return mgr.Add(l)
}

// workers are as many reconciles at once. Those of the integrations wait for an answer to their probe, the others never wait.
func workers(n int) crcontroller.Options {
	return crcontroller.Options{
		MaxConcurrentReconciles: n,
		RateLimiter:             workqueue.NewTypedItemExponentialFailureRateLimiter[reconcile.Request](time.Second, 5*time.Minute),
		ReconciliationTimeout:   2 * time.Minute,
	}
}

// lease is the lock of the leader.
func lease(config *rest.Config, namespace string, duration time.Duration) (*leadership.Lock, error) {
	if namespace == "" {
		raw, err := os.ReadFile("/var/run/secrets/kubernetes.io/serviceaccount/namespace")
		if err != nil {
			return nil, fmt.Errorf("finding the Pod's namespace; outside a Pod name one with --leader-election-namespace: %w", err)
		}
		namespace = string(raw)
	}
	host, err := os.Hostname()
	if err != nil {
		return nil, fmt.Errorf("finding the host's name: %w", err)
	}
	core, err := corev1.NewForConfig(config)
	if err != nil {
		return nil, err
	}
	coordination, err := coordinationv1.NewForConfig(config)
	if err != nil {
		return nil, err
	}
	lock, err := resourcelock.New(resourcelock.LeasesResourceLock, namespace, "voiceai-integrations", core, coordination,
		resourcelock.ResourceLockConfig{Identity: host + "_" + string(uuid.NewUUID())})
	if err != nil {
		return nil, fmt.Errorf("setting up the lease: %w", err)
	}
	return leadership.NewLock(lock, duration, time.Now), nil
}
