// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"strings"

	"github.com/voiceai-dev/integrations-operator/internal/slackapp/manifest"
)

// manifestCommand is the command that prints the manifest of the app in Slack.
const manifestCommand = "slack-manifest"

// manifestFlags are the flags of the command.
type manifestFlags struct {
	manifest.Options
	output string
}

// parseManifestFlags parses the arguments of the command. It writes the usage to errs.
func parseManifestFlags(arguments []string, errs io.Writer) (manifestFlags, error) {
	f := manifestFlags{}
	var mode, features string
	set := flag.NewFlagSet("operator "+manifestCommand, flag.ContinueOnError)
	set.SetOutput(errs)
	set.StringVar(&f.URL, "url", "", "The address of the edge from outside, such as https://edge.example.com. Socket Mode needs none.")
	set.StringVar(&f.DashboardURL, "dashboard-url", "", "Where people reach the dashboard, to install the app from there.")
	set.BoolVar(&f.TokenRotation, "token-rotation", false,
		"Have tokens expire after 12 hours. The operator refreshes them. Slack does not let you turn this off again.")
	set.StringVar(&mode, "mode", string(manifest.HTTP), "How Slack sends to the app: http or socket.")
	set.StringVar(&f.Name, "name", "Voice AI", "The name of the app and of its bot.")
	set.StringVar(&features, "features", joinFeatures(),
		"What the app does besides posting messages with buttons, as a list with commas.")
	set.StringVar(&f.output, "output", "yaml", "The format: yaml or json. Only YAML explains the scopes.")
	if err := set.Parse(arguments); err != nil {
		return f, err
	}
	f.Mode = manifest.Mode(mode)
	for name := range strings.SplitSeq(features, ",") {
		if name = strings.TrimSpace(name); name != "" {
			f.Features = append(f.Features, manifest.Feature(name))
		}
	}
	switch {
	case set.NArg() > 0:
		return f, fmt.Errorf("unexpected argument %q", set.Arg(0))
	case f.output != "yaml" && f.output != "json":
		return f, fmt.Errorf("--output %q: must be yaml or json", f.output)
	}
	return f, nil
}

// joinFeatures returns all features as a list with commas.
func joinFeatures() string {
	var names []string
	for _, f := range manifest.Features() {
		names = append(names, string(f))
	}
	return strings.Join(names, ",")
}

// printManifest prints the manifest that the arguments describe. It returns the exit code.
func printManifest(arguments []string, out, errs io.Writer) int {
	f, err := parseManifestFlags(arguments, errs)
	if errors.Is(err, flag.ErrHelp) {
		return 0
	}
	encode := manifest.YAML
	if f.output == "json" {
		encode = manifest.JSON
	}
	var raw []byte
	if err == nil {
		raw, err = encode(f.Options)
	}
	if err == nil {
		_, err = out.Write(raw)
	}
	if err != nil {
		_, _ = fmt.Fprintln(errs, err)
		return 2
	}
	return 0
}
