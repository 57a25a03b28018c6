// SPDX-License-Identifier: Apache-2.0

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
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	authenticationclient "k8s.io/client-go/kubernetes/typed/authentication/v1"
	"k8s.io/client-go/rest"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/healthz"
	"sigs.k8s.io/controller-runtime/pkg/log/zap"

	"github.com/voiceai-dev/integrations-operator/api/v1alpha1"
	"github.com/voiceai-dev/integrations-operator/internal/chat/slack"
	"github.com/voiceai-dev/integrations-operator/internal/controller"
	"github.com/voiceai-dev/integrations-operator/internal/controller/integration"
	"github.com/voiceai-dev/integrations-operator/internal/leadership"
	"github.com/voiceai-dev/integrations-operator/internal/memory"
	"github.com/voiceai-dev/integrations-operator/internal/ticket/jira"
	"github.com/voiceai-dev/integrations-operator/internal/tracing"
	"github.com/voiceai-dev/integrations-operator/internal/transport"
)

func main() {
	var f flags
	f.register(flag.CommandLine)
	logging := zap.Options{}
	logging.BindFlags(flag.CommandLine)
	printVersion := flag.Bool("version", false, "Print the version and exit, as the command version does.")
	if code, ends := parse(flag.CommandLine, os.Args[1:], os.Stderr); ends {
		os.Exit(code)
	}
	if *printVersion || flag.Arg(0) == "version" {
		fmt.Println(versionText())
		return
	}
	if flag.Arg(0) == manifestCommand {
		os.Exit(printManifest(flag.Args()[1:], os.Stdout, os.Stderr))
	}
	if flag.NArg() > 0 {
		fmt.Fprintf(os.Stderr, "There is no command %q. The commands are version and %s.\n", flag.Arg(0), manifestCommand)
		os.Exit(2)
	}
	ctrl.SetLogger(newLogger(&logging))

	ctrl.Log.Info("Operator starts", "version", operatorVersion())
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
	memory.LimitHeap(ctrl.Log)
	memory.AdaptGC()
	config, err := ctrl.GetConfig()
	if err != nil {
		return fmt.Errorf("finding the cluster: run the operator in a Pod, or set KUBECONFIG or --kubeconfig: %w", err)
	}
	return operate(ctx, config, f, ctrl.Options{})
}

// cacheSyncTimeout bounds how long the cache may take to read all objects at the start. A busy machine takes minutes for a
// hundred thousand, and ending would only begin again.
const cacheSyncTimeout = 15 * time.Minute

// operate runs the operator in a cluster until ctx ends. It adds what the flags say to the options of the manager.
func operate(ctx context.Context, config *rest.Config, f flags, options ctrl.Options) error {
	stopTraces, err := tracing.Start(ctx, operatorVersion(), ctrl.Log)
	if err != nil {
		return err
	}
	defer stopTraces()
	config.QPS = -1 // the API server's own priority and fairness decides
	clock := leadership.NewServerClock(time.Now)
	config.Wrap(clock.Wrap)

	scheme := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{clientgoscheme.AddToScheme, v1alpha1.AddToScheme} {
		if err := add(scheme); err != nil {
			return fmt.Errorf("setting up the scheme: %w", err)
		}
	}
	options.Scheme = scheme
	options.Metrics = metricsOptions(f.metrics)
	options.HealthProbeBindAddress = f.probes
	options.PprofBindAddress = f.pprof
	options.Cache = cacheOptions(f.leader.watch)
	options.NewClient = newClient(f.leader.watch)
	options.Controller.CacheSyncTimeout = cacheSyncTimeout
	lead, err := electLeader(ctx, config, f.leader, clock, &options)
	if err != nil {
		return err
	}
	mgr, err := ctrl.NewManager(config, options)
	if err != nil {
		return fmt.Errorf("setting up the manager: %w", err)
	}
	if err := checkMemory(ctx, mgr.GetAPIReader(), f.leader.watch, memory.Limit(), !f.api.isOff()); err != nil {
		return err
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

// leadsNewObjects returns a readiness check that fails while an object that is created may be older than this leader, and
// while another installation acts on the same objects.
func leadsNewObjects(lead leader) healthz.Checker {
	started := time.Now()
	return func(*http.Request) error {
		now := time.Now()
		since := lead.since()
		if since.Local.IsZero() && lead.conflict != nil {
			if err := lead.conflict(); err != nil {
				return err
			}
		}
		if now.Before(since.NewerFrom) || now.Unix() == started.Unix() {
			return errors.New("an object that is created now may be older than this process")
		}
		return nil
	}
}

// setup registers the reconcilers and the listeners with the manager.
func setup(ctx context.Context, mgr ctrl.Manager, f flags, lead leader) error {
	reviews, err := authenticationclient.NewForConfig(mgr.GetConfig())
	if err != nil {
		return err
	}
	account, err := ownAccount(ctx, reviews)
	if err != nil {
		return err
	}
	outgoing := transport.Options{Fence: lead.fence, Timeout: f.callTimeout, Reach: f.outgoing.reach(), Budget: transport.NewBudget()}
	options := controller.Options{
		DialSlack:             slack.Dialer{Options: outgoing}.Dial,
		RefreshSlack:          slack.Dialer{Options: outgoing}.Refresh,
		RevokeSlack:           slack.Dialer{Options: outgoing}.Revoke,
		Account:               account,
		DialJira:              jira.Dialer{Options: outgoing}.Dial,
		Fence:                 lead.fence,
		LeaderSince:           lead.since,
		CallTimeout:           f.callTimeout,
		MaxEventAge:           f.maxEventAge,
		NotificationExpiry:    f.expiry,
		NotificationRetention: f.retention,
		DashboardURL:          f.dashboardURL,
		ReceivesClicks:        f.receivesClicks,
	}
	app, err := addSlackApp(mgr, f, lead.fence)
	if err != nil {
		return err
	}
	sockets := newSockets(mgr, app, slack.Dialer{Options: outgoing}.OpenSocket)
	if err := mgr.Add(sockets); err != nil {
		return fmt.Errorf("adding Socket Mode: %w", err)
	}
	options.Sockets = func(enqueue func(types.NamespacedName)) integration.Sockets {
		sockets.Enqueue = enqueue
		return sockets
	}
	box := controller.NewOutbox(mgr, options)
	if err := controller.Setup(ctx, delayedManager{mgr, lead.since}, box, options); err != nil {
		return err
	}
	if !f.edge.isOff() {
		if err := addEdge(mgr, f, app); err != nil {
			return err
		}
	}
	if !f.api.isOff() {
		return addAPI(mgr, f, box)
	}
	return nil
}
