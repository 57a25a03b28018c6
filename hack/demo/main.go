// SPDX-License-Identifier: Apache-2.0

// Command demo runs a control plane, the sandbox and the operator on this machine. It applies config/samples, creates
// a critical Defect and prints each condition as it changes. The environment can name a real Slack and Jira instead
// of the sandbox. With ONCE=1 it exits when the Defect is done, with status 1 if anything is wrong.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	"go.uber.org/zap/zapcore"
	"k8s.io/apimachinery/pkg/runtime"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"
	ctrllog "sigs.k8s.io/controller-runtime/pkg/log"
	"sigs.k8s.io/controller-runtime/pkg/log/zap"

	"github.com/voiceai-dev/integrations-operator/api/v1alpha1"
	"github.com/voiceai-dev/integrations-operator/hack/stage"
)

func main() {
	ctrllog.SetLogger(zap.New(zap.WriteTo(os.Stderr), zap.Level(zapcore.ErrorLevel)))
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx)
	stop()
	if err != nil && !errors.Is(err, context.Canceled) {
		fmt.Fprintf(os.Stderr, "\nThe demo failed: %v\n", err)
		os.Exit(1)
	}
}

func run(ctx context.Context) (err error) {
	began := time.Now()
	dir, err := filepath.Abs(".demo")
	if err != nil {
		return err
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	processes := &stage.Stage{Dir: dir, Root: "."}
	defer func() { err = cleanUp(dir, errors.Join(err, processes.Stop())) }()

	step("Starting the control plane")
	cluster, err := processes.ControlPlane()
	if err != nil {
		return err
	}
	c, err := newClient(cluster)
	if err != nil {
		return err
	}
	if err := installRoles(ctx, processes, c); err != nil {
		return err
	}
	services, err := startServices(ctx, processes)
	if err != nil {
		return err
	}
	app := &slackApp{}
	dashboard, err := startOperator(ctx, processes, app)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, app.disconnect(context.WithoutCancel(ctx), c)) }()
	if err := app.connect(ctx, c, services); err != nil {
		return err
	}
	if err := showDefect(ctx, c, services); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, stage.DeleteAccount(context.WithoutCancel(ctx), c, namespace, account)) }()
	if err := dashboard.createAccount(ctx, c); err != nil {
		return err
	}
	if err := app.offerInstall(ctx, c, services); err != nil {
		return err
	}
	step("The demo took %s.", time.Since(began).Round(time.Second))
	printLinks(processes, services, dashboard)
	if os.Getenv("ONCE") != "" {
		return nil
	}
	step("Press Ctrl-C to stop. Nothing is left behind.")
	select {
	case <-ctx.Done():
		return nil
	case err := <-processes.Exited:
		return err
	}
}

// cleanUp removes the demo's files. After a failure they stay, because they have the logs.
func cleanUp(dir string, err error) error {
	if err != nil && !errors.Is(err, context.Canceled) {
		return fmt.Errorf("%w (the logs are in %s)", err, dir)
	}
	return errors.Join(err, os.RemoveAll(dir))
}

// newClient returns a client for a cluster that knows the operator's kinds.
func newClient(cluster *rest.Config) (client.WithWatch, error) {
	scheme := runtime.NewScheme()
	if err := errors.Join(clientgoscheme.AddToScheme(scheme), v1alpha1.AddToScheme(scheme)); err != nil {
		return nil, err
	}
	return client.NewWithWatch(cluster, client.Options{Scheme: scheme})
}

// startOperator starts the operator, with the dashboard and the app in Slack on free ports.
func startOperator(ctx context.Context, processes *stage.Stage, app *slackApp) (*dashboard, error) {
	step("Starting the operator")
	d := &dashboard{}
	flags, err := d.flags(ctx)
	if err != nil {
		return nil, err
	}
	more, err := app.flags(ctx)
	if err != nil {
		return nil, err
	}
	_, err = processes.Operator(ctx, "operator", nil, append(flags, more...)...)
	return d, err
}

// showDefect applies the samples, creates the Defect, waits until it is done and prints the result.
func showDefect(ctx context.Context, c client.WithWatch, services *services) error {
	step("Applying config/samples")
	watching, cancel := context.WithCancel(ctx)
	defer cancel()
	log := &conditionLog{began: time.Now()}
	if err := log.follow(watching, c); err != nil {
		return err
	}
	defect, err := apply(ctx, c, services)
	if err != nil {
		return err
	}
	step("Creating Defect %s", defect.Name)
	created := time.Now()
	if err := c.Create(ctx, defect); err != nil {
		return fmt.Errorf("creating the Defect: %w", err)
	}
	if err := waitForDefect(ctx, c, defect); err != nil {
		return err
	}
	took := time.Since(created)
	if err := report(ctx, c, services, defect); err != nil {
		return err
	}
	step("The Defect was done %s after it was created.", took.Round(time.Millisecond))
	return nil
}

// step prints what the demo does next.
func step(format string, args ...any) { fmt.Printf("==> "+format+"\n", args...) }
