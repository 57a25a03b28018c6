// SPDX-License-Identifier: Apache-2.0

// Package sandbox is a local Slack and Jira for demonstrations and tests. It answers like the real services, is as
// strict as they are, fails as scripted, and shows what happened on web pages. It neither stores data permanently nor
// protects it.
package sandbox

import (
	"net/http"
	"time"

	"github.com/voiceai-dev/integrations-operator/internal/sandbox/jira"
	"github.com/voiceai-dev/integrations-operator/internal/sandbox/slack"
)

// The paths of the services.
const (
	SlackAPIPath = "/api/"
	JiraPath     = jira.BasePath
)

// Options are the options of a sandbox. The zero value is a Jira Cloud without latency and rate limit.
type Options struct {
	// Latency is the duration of each call to Slack and Jira.
	Latency time.Duration
	// JiraMode is the kind of Jira. Empty means jira.Cloud.
	JiraMode jira.Mode
	// Clock returns the time of messages and issues. nil means time.Now.
	Clock func() time.Time
	// SlackRate limits the posts to each channel, in messages per second. 0 means no limit.
	SlackRate float64
	// SlackBurst is the number of posts that may exceed SlackRate at once.
	SlackBurst int
	// SlackPatience is how long Slack waits for the app, see slack.Options. 0 means as long as the real Slack.
	SlackPatience time.Duration
}

// Sandbox is a Slack workspace and a Jira site under one address. It is safe for concurrent use.
type Sandbox struct {
	slack   *slack.Workspace
	jira    *jira.Site
	faults  *Faults
	traffic *traffic
	handler http.Handler
}

// New returns a sandbox with the channels, projects and credentials that the constants of packages slack and jira
// name.
func New(o Options) *Sandbox {
	s := &Sandbox{
		slack: slack.New(slack.Options{
			Clock: o.Clock, RatePerSecond: o.SlackRate, Burst: o.SlackBurst, Patience: o.SlackPatience,
		}),
		jira:   jira.New(jira.Options{Mode: o.JiraMode, Clock: o.Clock}),
		faults: &Faults{},
	}
	s.traffic = &traffic{latency: o.Latency, faults: s.faults, counts: map[Request]int{}}
	mux := http.NewServeMux()
	mux.Handle(SlackAPIPath, s.traffic.wrap(Slack, s.slack.API()))
	mux.Handle("/services/", s.traffic.wrap(Webhook, s.slack.Webhooks()))
	mux.Handle("GET "+slack.SocketPath, s.slack.Sockets())
	mux.Handle(slack.ResponsePath, s.traffic.wrap(Slack, s.slack.Responses()))
	mux.Handle(JiraPath+"/rest/", s.traffic.wrap(Jira, s.jira.API()))
	s.addControls(mux)
	s.addAppControls(mux)
	s.addPages(mux)
	// Requests that a page of another site makes a browser send must not change anything.
	s.handler = http.NewCrossOriginProtection().Handler(mux)
	return s
}

// ServeHTTP serves Slack, Jira, the controls and the pages.
func (s *Sandbox) ServeHTTP(w http.ResponseWriter, r *http.Request) { s.handler.ServeHTTP(w, r) }

// Slack returns the workspace.
func (s *Sandbox) Slack() *slack.Workspace { return s.slack }

// Jira returns the site.
func (s *Sandbox) Jira() *jira.Site { return s.jira }

// Faults returns the scripted failures.
func (s *Sandbox) Faults() *Faults { return s.faults }

// Requests returns the number of requests so far by service, route and status. A dropped request has the status 0.
func (s *Sandbox) Requests() map[Request]int { return s.traffic.requests() }

// Reset removes all content, counts and faults.
func (s *Sandbox) Reset() {
	s.slack.Reset()
	s.jira.Reset()
	s.faults.Clear()
	s.traffic.reset()
}
