// SPDX-License-Identifier: Apache-2.0

// Command sandbox runs a local Slack and Jira.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	"github.com/voiceai-dev/integrations-operator/internal/sandbox"
	"github.com/voiceai-dev/integrations-operator/internal/sandbox/jira"
)

// stopTimeout is the maximum time to finish calls at shutdown.
const stopTimeout = 5 * time.Second

// config is the configuration from the flags.
type config struct {
	listen, urlFile string
	options         sandbox.Options
}

func main() {
	c, err := parse(os.Args[1:])
	if errors.Is(err, flag.ErrHelp) {
		return
	}
	if err == nil {
		ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
		err = run(ctx, c)
		stop()
	}
	if err != nil {
		slog.Error("Sandbox stopped", "err", err)
		os.Exit(1)
	}
}

// parse parses and validates the flags.
func parse(arguments []string) (config, error) {
	var c config
	var mode string
	flags := flag.NewFlagSet("sandbox", flag.ContinueOnError)
	flags.StringVar(&c.listen, "listen", "127.0.0.1:0", "address to listen on; port 0 means a free port")
	flags.StringVar(&c.urlFile, "url-file", "", "file to write the base URL to once the sandbox listens")
	flags.DurationVar(&c.options.Latency, "latency", 20*time.Millisecond, "duration of each call to Slack and Jira")
	flags.StringVar(&mode, "jira-mode", string(jira.Cloud), "kind of Jira: cloud or datacenter")
	flags.Float64Var(&c.options.SlackRate, "slack-rate", 0, "posts per second that each channel accepts; 0 means no limit")
	flags.IntVar(&c.options.SlackBurst, "slack-burst", 1, "posts that may exceed --slack-rate at once")
	if err := flags.Parse(arguments); err != nil {
		return c, err
	}
	c.options.JiraMode = jira.Mode(mode)
	switch {
	case flags.NArg() > 0:
		return c, fmt.Errorf("unexpected argument %q", flags.Arg(0))
	case c.options.JiraMode != jira.Cloud && c.options.JiraMode != jira.DataCenter:
		return c, fmt.Errorf("--jira-mode %q: must be cloud or datacenter", mode)
	case c.options.Latency < 0 || c.options.Latency > time.Minute:
		return c, fmt.Errorf("--latency %s: must be from 0s to 1m", c.options.Latency)
	case c.options.SlackRate < 0 || c.options.SlackBurst < 1:
		return c, errors.New("--slack-rate must not be negative and --slack-burst must be at least 1")
	}
	return c, nil
}

// run serves until the context is done.
func run(ctx context.Context, c config) error {
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", c.listen)
	if err != nil {
		return fmt.Errorf("listening: %w", err)
	}
	calls, endCalls := context.WithCancel(context.WithoutCancel(ctx))
	defer endCalls()
	server := &http.Server{
		Handler:           sandbox.New(c.options),
		ReadHeaderTimeout: 10 * time.Second,
		ReadTimeout:       30 * time.Second,
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    64 << 10,
		BaseContext:       func(net.Listener) context.Context { return calls },
	}
	served := make(chan error, 1)
	go func() { served <- server.Serve(listener) }()

	url := "http://" + listener.Addr().String()
	slog.Info("Sandbox listening", "url", url, "jiraMode", c.options.JiraMode)
	if c.urlFile != "" {
		err = writeFile(c.urlFile, url)
	}
	if err == nil {
		select {
		case err = <-served:
			return fmt.Errorf("serving: %w", err)
		case <-ctx.Done():
		}
	}
	endCalls() // ends delayed calls
	timeout, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopTimeout)
	defer cancel()
	if stopped := server.Shutdown(timeout); stopped != nil {
		_ = server.Close()
		err = errors.Join(err, fmt.Errorf("stopping: %w", stopped))
	}
	if served := <-served; served != nil && !errors.Is(served, http.ErrServerClosed) {
		err = errors.Join(err, served)
	}
	return err
}

// writeFile writes a file atomically, so that a process that waits for it never reads a part.
func writeFile(path, content string) error {
	f, err := os.CreateTemp(filepath.Dir(path), ".url-*")
	if err != nil {
		return fmt.Errorf("writing the URL file: %w", err)
	}
	_, err = f.WriteString(content)
	err = errors.Join(err, f.Close())
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		_ = os.Remove(f.Name())
		return fmt.Errorf("writing the URL file: %w", err)
	}
	return nil
}
