// SPDX-License-Identifier: Apache-2.0

// Package manifest writes the manifest of the app in Slack: its settings, with the scopes that its features need and no
// others. See https://docs.slack.dev/reference/app-manifest.
package manifest

import (
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/voiceai-dev/integrations-operator/internal/slackapp/inbound"
	"github.com/voiceai-dev/integrations-operator/internal/slackapp/install"
)

// Mode is how Slack sends to the app.
type Mode string

// The modes of an app.
const (
	HTTP       Mode = "http"
	SocketMode Mode = "socket"
)

const (
	shortcutName = "File a defect"
	// maxName bounds the name of an app, in characters.
	maxName = 35
)

// Options describe an app.
type Options struct {
	// Name is the name of the app and of its bot.
	Name string
	Mode Mode
	// URL is the address of the edge from outside. Socket Mode does not need it.
	URL string
	// DashboardURL is where people reach the dashboard; empty if the app is not installed from there.
	DashboardURL string
	Features     []Feature
	// TokenRotation makes bot tokens expire after 12 hours. Only an app that is installed from the dashboard can have it.
	TokenRotation bool
}

// validate returns what is wrong with the options.
func (o Options) validate() error {
	for _, f := range o.Features {
		if !slices.Contains(Features(), f) {
			return fmt.Errorf("--features: there is no feature %q. The features are %s", f, join(Features()))
		}
	}
	if o.DashboardURL != "" {
		if err := install.CheckRedirectURL(o.DashboardURL); err != nil {
			return fmt.Errorf("--dashboard-url: %w", err)
		}
	}
	if o.TokenRotation && o.DashboardURL == "" {
		return errors.New("--token-rotation needs --dashboard-url: only a token that is installed from there is refreshed")
	}
	switch n := utf8.RuneCountInString(o.Name); {
	case n < 1 || n > maxName:
		return fmt.Errorf("--name %q: must have 1 to %d characters", o.Name, maxName)
	case o.Mode != HTTP && o.Mode != SocketMode:
		return fmt.Errorf("--mode %q: must be %s or %s", o.Mode, HTTP, SocketMode)
	case o.URL == "" && o.Mode == HTTP:
		return errors.New("--url is missing: set it to the address of the edge from outside, such as https://edge.example.com")
	case o.URL == "":
		return nil
	}
	u, err := url.Parse(o.URL)
	if err != nil || u.Scheme != "https" || u.Hostname() == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		return fmt.Errorf("--url %q: must be https://, a host and at most a path, such as https://edge.example.com", o.URL)
	}
	return nil
}

// join returns features as a list.
func join(features []Feature) string {
	var names []string
	for _, f := range features {
		names = append(names, string(f))
	}
	return strings.Join(names, ", ")
}

// document returns the settings of an app.
func (o Options) document() document {
	d := document{
		Display: display{Name: o.Name, Description: "Shows what voice AI tests find, and lets you act on it."},
		Features: features{
			BotUser: botUser{DisplayName: o.Name},
		},
		Settings: settings{
			Events:       events{BotEvents: Events(o.Features)},
			Interactions: interactivity{IsEnabled: true},
			SocketMode:   o.Mode == SocketMode,
			Rotation:     o.TokenRotation,
		},
	}
	for _, s := range Scopes(o.Features) {
		d.OAuth.Scopes.Bot = append(d.OAuth.Scopes.Bot, s.Name)
	}
	if o.DashboardURL != "" {
		d.OAuth.RedirectURLs = []string{strings.TrimRight(o.DashboardURL, "/") + install.RedirectPath}
	}
	at := func(path string) string { return strings.TrimRight(o.URL, "/") + path }
	if o.Mode == SocketMode {
		at = func(string) string { return "" }
	}
	d.Settings.Events.RequestURL = at(inbound.EventsPath)
	d.Settings.Interactions.RequestURL = at(inbound.InteractionsPath)
	if slices.Contains(o.Features, Commands) {
		d.Features.SlashCommands = []slashCommand{{
			Command: inbound.SlashCommand, URL: at(inbound.CommandsPath),
			Description: "Shows integrations, runs and defects, and acts on them", UsageHint: "help",
		}}
		d.Features.Shortcuts = []shortcut{{
			Name: shortcutName, Type: "message", CallbackID: inbound.FileDefect, Description: "Makes a defect of this message",
		}}
	}
	return d
}
