// Command demo runs everything on this machine: a control plane, the sandbox (or the real Slack and Jira), the operator. It applies the
// samples, creates a critical Defect and prints what happens as it happens. With ONCE=1 it ends when it has, with 1 if it has not.
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
	here := &stage.Stage{Dir: dir, Root: "."}
	defer func() { err = errors.Join(err, here.Stop()) }()

	step("Starting the control plane")
	cluster, err := here.ControlPlane()
	if err != nil {
		return err
	}
	services, err := startServices(ctx, here)
	if err != nil {
		return err
	}
	step("Starting the operator")
	board := &dashboard{}
	flags, err := board.flags(ctx)
	if err != nil {
		return err
	}
	if _, err := here.Operator(ctx, "operator", nil, flags...); err != nil {
		return err
	}
	scheme := runtime.NewScheme()
	if err := errors.Join(clientgoscheme.AddToScheme(scheme), v1alpha1.AddToScheme(scheme)); err != nil {
		return err
	}
	c, err := client.NewWithWatch(cluster, client.Options{Scheme: scheme})
	if err != nil {
		return err
	}

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
	defer func() { err = errors.Join(err, stage.DeleteAccount(context.WithoutCancel(ctx), c, namespace, account)) }()
	if err := board.createAccount(ctx, c); err != nil {
		return err
	}
	step("From kubectl apply to done: %s. The whole demo: %s.", took.Round(time.Millisecond), time.Since(began).Round(time.Second))
	printLinks(here, services, board)
	if os.Getenv("ONCE") != "" {
		return nil
	}
	step("Press Ctrl-C to end; nothing stays.")
	select {
	case <-ctx.Done():
		return nil
	case err := <-here.Exited:
		return err
	}
}

func step(format string, args ...any) { fmt.Printf("==> "+format+"\n", args...) }
