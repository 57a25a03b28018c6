// SPDX-License-Identifier: Apache-2.0

// Package controller registers the reconcilers of all kinds with a manager. Each kind has a package of its own below
// this one; what they share is in kit.
package controller

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"k8s.io/apimachinery/pkg/types"
	toolscache "k8s.io/client-go/tools/cache"
	"k8s.io/client-go/tools/events"
	"k8s.io/client-go/util/workqueue"
	"k8s.io/utils/clock"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	crcontroller "sigs.k8s.io/controller-runtime/pkg/controller"
	"sigs.k8s.io/controller-runtime/pkg/metrics"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/voiceai-dev/integrations-operator/api/v1alpha1"
	"github.com/voiceai-dev/integrations-operator/internal/chat"
	"github.com/voiceai-dev/integrations-operator/internal/connection"
	"github.com/voiceai-dev/integrations-operator/internal/controller/defect"
	"github.com/voiceai-dev/integrations-operator/internal/controller/defect/attach"
	"github.com/voiceai-dev/integrations-operator/internal/controller/integration"
	"github.com/voiceai-dev/integrations-operator/internal/controller/integration/rotation"
	"github.com/voiceai-dev/integrations-operator/internal/controller/integration/statusmetrics"
	"github.com/voiceai-dev/integrations-operator/internal/controller/kit"
	"github.com/voiceai-dev/integrations-operator/internal/controller/notification"
	"github.com/voiceai-dev/integrations-operator/internal/controller/notificationrule"
	"github.com/voiceai-dev/integrations-operator/internal/controller/run"
	"github.com/voiceai-dev/integrations-operator/internal/index"
	"github.com/voiceai-dev/integrations-operator/internal/leadership"
	"github.com/voiceai-dev/integrations-operator/internal/outbox"
	"github.com/voiceai-dev/integrations-operator/internal/ticket"
)

// Options are what the reconcilers need from the program that runs them.
type Options struct {
	// DialSlack and DialJira make clients, without calling the other side.
	DialSlack func(chat.Config) (chat.Poster, error)
	DialJira  func(ticket.Config) (ticket.Tracker, error)
	// Fence returns an error when this process must not act any more. It is called right before each call to the other
	// side; nil means it always may.
	Fence func() error
	// LeaderSince returns when this process became the leader.
	LeaderSince func() leadership.Start
	// CallTimeout is the clients' timeout: a call of a former leader may have an effect for about as long.
	CallTimeout time.Duration
	// MaxEventAge is how old an event may be and still match a rule. One from outside is as old as its arrival.
	MaxEventAge time.Duration
	// NotificationExpiry is how old a Notification may be and still be sent, NotificationRetention how old it gets
	// before it is removed.
	NotificationExpiry, NotificationRetention time.Duration
	// DashboardURL is where people reach the dashboard; empty when there is none.
	DashboardURL string
	// ReceivesClicks reports whether the clicks on the buttons of an integration's messages are received; nil means none are.
	ReceivesClicks func(*v1alpha1.SlackIntegration) bool
	// Sockets returns what keeps the connections of Socket Mode, which enqueues integrations; nil for no Socket Mode.
	Sockets func(enqueue func(types.NamespacedName)) integration.Sockets
	// RefreshSlack exchanges the refresh token of a Slack app for the next token; nil if tokens are not refreshed.
	RefreshSlack chat.Refresh
	// RevokeSlack revokes a token of a Slack app.
	RevokeSlack chat.Revoke
	// Account is the user name of this process at the API server.
	Account string
	// AuditEvery is which query of a JiraIntegration looks for deleted tickets; 0 for the default.
	AuditEvery int
	// Controller returns the options of a controller with so many workers, which retries within a time at the latest; nil
	// for the defaults.
	Controller func(workers int, retryWithin time.Duration) crcontroller.Options
}

// NewOutbox returns the outbox of a manager. All announcers of events share it.
func NewOutbox(mgr ctrl.Manager, o Options) *outbox.Outbox {
	return &outbox.Outbox{
		Client:      mgr.GetClient(),
		Live:        mgr.GetAPIReader(),
		Clock:       clock.RealClock{},
		LeaderSince: func() time.Time { return o.LeaderSince().Server },
		MaxEventAge: o.MaxEventAge,
		Retention:   o.NotificationRetention,
	}
}

// registration is one reconciler, and how many objects it reconciles at once. Only the reconcilers of integrations
// wait for calls, see connection.Lane.
type registration struct {
	name    string
	workers int
	// probes is set for integrations, whose failed probes are retried.
	probes bool
	setup  func(ctrl.Manager, crcontroller.Options) error
}

// Setup registers the indexes, the connections and the reconcilers with a manager. It sets box.OnEvalError.
func Setup(ctx context.Context, mgr ctrl.Manager, box *outbox.Outbox, o Options) error {
	if o.Controller == nil {
		o.Controller = controllerOptions
	}
	if err := index.Setup(ctx, mgr); err != nil {
		return err
	}
	p := newPools(o)
	for _, runnable := range []interface{ Start(context.Context) error }{p.slack, p.jira} {
		if err := mgr.Add(runnable); err != nil {
			return err
		}
	}
	stats := notificationrule.NewStats(p.clock)
	box.OnEvalError = stats.RecordEvalError
	if err := forgetRules(ctx, mgr.GetCache(), box, stats); err != nil {
		return err
	}
	notifications := &notification.Reconciler{
		Client: mgr.GetClient(), Recorder: recorder(mgr), Clock: p.clock, Slack: p.slack, Outbox: box, Enqueuer: &p.notifications,
		LeaderSince: o.LeaderSince, CallTimeout: o.CallTimeout, Expiry: o.NotificationExpiry, Retention: o.NotificationRetention,
		RecordDelivery: stats.RecordDelivery, RecordFailure: stats.RecordFailure, DashboardURL: o.DashboardURL,
		ReceivesClicks: o.ReceivesClicks,
	}
	if err := p.registerMetrics(notifications.Metrics(), statusmetrics.New(mgr.GetCache())); err != nil {
		return err
	}
	var pending kit.PendingUpdates
	var known kit.KnownTickets
	for _, r := range []registration{
		{v1alpha1.KindSlackIntegration, 64, true, (&integration.SlackReconciler{
			Client: mgr.GetClient(), Live: mgr.GetAPIReader(), Recorder: recorder(mgr), Clock: p.clock, Slack: p.slack, Outbox: box,
			Enqueuer: &p.slackIntegrations, Dial: notification.CountPosts(o.DialSlack), Sockets: p.sockets, Rotator: newRotator(mgr, p.clock, o),
		}).SetupWithManager},
		{v1alpha1.KindJiraIntegration, 64, true, (&integration.JiraReconciler{
			Client: mgr.GetClient(), Live: mgr.GetAPIReader(), Recorder: recorder(mgr), Clock: p.clock, Jira: p.jira, Outbox: box,
			Enqueuer: &p.jiraIntegrations, Dial: o.DialJira, PendingUpdates: &pending, KnownTickets: &known, EnqueueDefect: p.defects.Enqueue,
			AuditEvery: o.AuditEvery, CallTimeout: o.CallTimeout,
		}).SetupWithManager},
		{v1alpha1.KindNotificationRule, 4, false, (&notificationrule.Reconciler{
			Client: mgr.GetClient(), Recorder: recorder(mgr), Outbox: box, Stats: stats,
		}).SetupWithManager},
		{v1alpha1.KindDefect, 12, false, (&defect.Reconciler{
			Client: mgr.GetClient(), Recorder: recorder(mgr), Clock: p.clock, Outbox: box, Jira: p.jira, Enqueuer: &p.defects,
			LeaderSince: o.LeaderSince, CallTimeout: o.CallTimeout, PendingUpdates: &pending, KnownTickets: &known, DashboardURL: o.DashboardURL,
			Files: attach.New(mgr.GetClient(), mgr.GetAPIReader(), p.jira, p.slack),
		}).SetupWithManager},
		// Two, because they record what was done: more would keep the API server from storing what is new.
		{v1alpha1.KindNotification, 2, false, notifications.SetupWithManager},
		{"test runs", 4, false, (&run.Reconciler{
			Client: mgr.GetClient(), Live: mgr.GetAPIReader(), Clock: p.clock, Outbox: box,
		}).SetupWithManager},
	} {
		within := retryWithin
		if r.probes {
			within = probeWithin
		}
		if err := r.setup(mgr, o.Controller(r.workers, within)); err != nil {
			return fmt.Errorf("setting up the controller of %s: %w", r.name, err)
		}
	}
	return nil
}

// newRotator returns what refreshes the tokens of Slack apps; nil if nothing does.
func newRotator(mgr ctrl.Manager, c clock.PassiveClock, o Options) *rotation.Rotator {
	if o.RefreshSlack == nil {
		return nil
	}
	return &rotation.Rotator{
		Client: mgr.GetClient(), Live: mgr.GetAPIReader(), Clock: c, Refresh: o.RefreshSlack, Revoke: o.RevokeSlack, Account: o.Account,
	}
}

// forgetRules drops what is kept of a rule when it is deleted, on every replica: only the leader reconciles rules.
func forgetRules(ctx context.Context, c cache.Informers, box *outbox.Outbox, stats *notificationrule.Stats) error {
	informer, err := c.GetInformer(ctx, &v1alpha1.NotificationRule{})
	if err != nil {
		return fmt.Errorf("watching NotificationRules: %w", err)
	}
	_, err = informer.AddEventHandler(toolscache.ResourceEventHandlerFuncs{DeleteFunc: func(o any) {
		name, err := toolscache.DeletionHandlingObjectToName(o)
		if err == nil {
			box.Forget(name.AsNamespacedName())
			stats.Forget(name.AsNamespacedName())
		}
	}})
	if err != nil {
		return fmt.Errorf("watching NotificationRules: %w", err)
	}
	return nil
}

func recorder(mgr ctrl.Manager) events.EventRecorder {
	return mgr.GetEventRecorder("voiceai-integrations")
}

const (
	// retryWithin bounds the delay between retries after failures of the API server.
	retryWithin = 5 * time.Minute
	// probeWithin bounds the delay between probes that fail: work resumes soon after the other side works again, however
	// long it was away.
	probeWithin = 20 * time.Second
)

// controllerOptions returns the options of a controller with so many workers, which retries within a time at the latest.
func controllerOptions(workers int, within time.Duration) crcontroller.Options {
	return crcontroller.Options{
		MaxConcurrentReconciles: workers,
		RateLimiter:             workqueue.NewTypedItemExponentialFailureRateLimiter[reconcile.Request](time.Second, within),
		ReconciliationTimeout:   2 * time.Minute,
	}
}

// pools holds the connections, and what enqueues the objects that wait for their calls.
type pools struct {
	clock clock.RealClock
	slack *connection.SlackPool
	jira  *connection.JiraPool
	// sockets is nil without Socket Mode.
	sockets integration.Sockets

	slackIntegrations, jiraIntegrations, defects, notifications kit.Enqueuer
}

func newPools(o Options) *pools {
	p := &pools{notifications: kit.Enqueuer{Priority: kit.BehindNew}}
	p.slack = connection.NewSlackPool(connection.Options{
		Clock: p.clock, Fence: o.Fence, EnqueueItem: p.enqueueForSlack, EnqueueIntegration: p.slackIntegrations.Enqueue,
	})
	p.jira = connection.NewJiraPool(connection.Options{
		Clock: p.clock, Fence: o.Fence, EnqueueItem: p.defects.Enqueue, EnqueueIntegration: p.jiraIntegrations.Enqueue,
	})
	if o.Sockets != nil {
		p.sockets = o.Sockets(p.slackIntegrations.Enqueue)
	}
	return p
}

// registerMetrics registers the metrics of the pools and others. A program has one manager; tests have several, of
// which the last is measured.
func (p *pools) registerMetrics(others ...prometheus.Collector) error {
	for _, c := range append(others, p.slack.Metrics(v1alpha1.KindSlackIntegration), p.jira.Metrics(v1alpha1.KindJiraIntegration)) {
		var registered prometheus.AlreadyRegisteredError
		err := metrics.Registry.Register(c)
		if errors.As(err, &registered) {
			metrics.Registry.Unregister(registered.ExistingCollector)
			err = metrics.Registry.Register(c)
		}
		if err != nil {
			return fmt.Errorf("registering metrics: %w", err)
		}
	}
	return nil
}

// enqueueForSlack enqueues the object whose call to Slack was answered: a Notification, or the Defect of a recording.
func (p *pools) enqueueForSlack(key types.NamespacedName) {
	if defect, ok := attach.DefectOfClip(key); ok {
		p.defects.Enqueue(defect)
		return
	}
	p.notifications.Enqueue(key)
}
