// Command operator connects a voice AI testing framework to Slack and Jira, by the custom resources in api/v1alpha1.
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

	_ "golang.org/x/crypto/x509roots/fallback" // nor CA roots
	batchv1 "k8s.io/api/batch/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/selection"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/healthz"
	"sigs.k8s.io/controller-runtime/pkg/log/zap"
	metricsserver "sigs.k8s.io/controller-runtime/pkg/metrics/server"

	"github.com/voiceai-dev/integrations-operator/api/v1alpha1"
	"github.com/voiceai-dev/integrations-operator/internal/chat/slack"
	"github.com/voiceai-dev/integrations-operator/internal/controller"
	"github.com/voiceai-dev/integrations-operator/internal/index"
	"github.com/voiceai-dev/integrations-operator/internal/leadership"
	"github.com/voiceai-dev/integrations-operator/internal/memory"
	"github.com/voiceai-dev/integrations-operator/internal/ticket/jira"
)

func main() {
	var f flags
	f.register(flag.CommandLine)
	logging := zap.Options{}
	logging.BindFlags(flag.CommandLine)
	flag.Parse()
	ctrl.SetLogger(zap.New(zap.UseFlagOptions(&logging)))

	if err := run(ctrl.SetupSignalHandler(), f); err != nil {
		ctrl.Log.Error(err, "Operator ended")
		os.Exit(1)
	}
}

// run runs the operator until ctx ends.
func run(ctx context.Context, f flags) error {
	if err := f.validate(); err != nil {
		return err
	}
	memory.AdaptGC()
	config, err := ctrl.GetConfig()
	if err != nil {
		return fmt.Errorf("finding the cluster: %w", err)
	}
	config.QPS = -1 // the API server's own priority and fairness decides
	clock := leadership.NewServerClock(time.Now)
	config.Wrap(clock.Wrap)

	scheme := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{clientgoscheme.AddToScheme, v1alpha1.AddToScheme} {
		if err := add(scheme); err != nil {
			return fmt.Errorf("setting up the scheme: %w", err)
		}
	}
	options := ctrl.Options{
		Scheme:                 scheme,
		Metrics:                metricsserver.Options{BindAddress: f.metrics},
		HealthProbeBindAddress: f.probes,
		PprofBindAddress:       f.pprof,
		Cache:                  cacheOptions(),
	}
	lead, err := electLeader(ctx, config, f.leader, clock, &options)
	if err != nil {
		return err
	}
	mgr, err := ctrl.NewManager(config, options)
	if err != nil {
		return fmt.Errorf("setting up the manager: %w", err)
	}
	if err := setup(ctx, mgr, f, lead); err != nil {
		return err
	}
	if err := mgr.AddHealthzCheck("ping", healthz.Ping); err != nil {
		return err
	}
	if err := mgr.AddReadyzCheck("leader", leadsNewObjects(lead)); err != nil {
		return err
	}
	return mgr.Start(ctx)
}

// leadsNewObjects returns a readiness check that fails while an object that is created may be older than this leader.
func leadsNewObjects(lead leader) healthz.Checker {
	started := time.Now()
	return func(*http.Request) error {
		now := time.Now()
		if since := lead.since(); now.Before(since.NewerFrom) || now.Unix() == started.Unix() {
			return errors.New("an object that is created now may be older than this process")
		}
		return nil
	}
}

// cacheOptions returns options that keep in memory what is needed: of Jobs and CronJobs only test runs and suites.
func cacheOptions() cache.Options {
	hasSuite, err := labels.NewRequirement(v1alpha1.SuiteLabel, selection.Exists, nil)
	if err != nil {
		panic(err) // the label is a constant
	}
	suites := cache.ByObject{Label: labels.NewSelector().Add(*hasSuite)}
	return cache.Options{
		DefaultTransform: index.StripForCache,
		ByObject:         map[client.Object]cache.ByObject{&batchv1.Job{}: suites, &batchv1.CronJob{}: suites},
	}
}

// setup registers the reconcilers and the listeners with the manager.
func setup(ctx context.Context, mgr ctrl.Manager, f flags, lead leader) error {
	options := controller.Options{
		DialSlack:             slack.Dialer{Fence: lead.fence, Timeout: f.callTimeout}.Dial,
		DialJira:              jira.Dialer{Fence: lead.fence, Timeout: f.callTimeout}.Dial,
		Fence:                 lead.fence,
		LeaderSince:           lead.since,
		CallTimeout:           f.callTimeout,
		MaxEventAge:           f.maxEventAge,
		NotificationExpiry:    f.expiry,
		NotificationRetention: f.retention,
		DashboardURL:          f.dashboardURL,
	}
	box := controller.NewOutbox(mgr, options)
	if err := controller.Setup(ctx, delayedManager{mgr, lead.since}, box, options); err != nil {
		return err
	}
	if !f.edge.isOff() {
		if err := addEdge(mgr, f); err != nil {
			return err
		}
	}
	if !f.api.isOff() {
		return addAPI(mgr, f, box)
	}
	return nil
}
