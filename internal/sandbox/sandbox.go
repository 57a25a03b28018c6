// Package sandbox is a local Slack and Jira for demonstrations and tests. It answers as the real ones do, is strict where they are strict,
// can be told to fail, and shows what happened on pages. It is not for anything that has to be kept or kept secret.
package sandbox

import (
	"net/http"
	"time"

	"github.com/voiceai-dev/integrations-operator/internal/sandbox/jira"
	"github.com/voiceai-dev/integrations-operator/internal/sandbox/slack"
)

// Where things are, below the sandbox's address.
const (
	SlackAPIPath = "/api/"
	JiraPath     = jira.BasePath
)

// Options of a sandbox. The zero value is a Cloud Jira without latency or rate limit.
type Options struct {
	// Latency is how long each call to Slack and Jira takes.
	Latency time.Duration
	// JiraMode is jira.Cloud when empty.
	JiraMode jira.Mode
	// Clock tells the time that messages and issues carry; time.Now when nil.
	Clock func() time.Time
	// SlackRate limits posts to each channel, in messages a second; 0 is no limit. SlackBurst may come at once.
	SlackRate  float64
	SlackBurst int
}

// Sandbox is a Slack workspace and a Jira site under one address. It is safe for concurrent use.
type Sandbox struct {
	slack   *slack.Workspace
	jira    *jira.Site
	faults  *Faults
	traffic *traffic
	handler http.Handler
}

// New makes a sandbox with the channels, projects and credentials that packages slack and jira name.
func New(o Options) *Sandbox {
	s := &Sandbox{
		slack:  slack.New(slack.Options{Clock: o.Clock, RatePerSecond: o.SlackRate, Burst: o.SlackBurst}),
		jira:   jira.New(jira.Options{Mode: o.JiraMode, Clock: o.Clock}),
		faults: &Faults{},
	}
	s.traffic = &traffic{latency: o.Latency, faults: s.faults, counts: map[Request]int{}}
	mux := http.NewServeMux()
	mux.Handle(SlackAPIPath, s.traffic.wrap(Slack, s.slack.API()))
	mux.Handle("/services/", s.traffic.wrap(Webhook, s.slack.Webhooks()))
	mux.Handle(JiraPath+"/rest/", s.traffic.wrap(Jira, s.jira.API()))
	s.addControls(mux)
	s.addPages(mux)
	// What a page on another site makes a browser send changes nothing here.
	s.handler = http.NewCrossOriginProtection().Handler(mux)
	return s
}

// ServeHTTP serves Slack, Jira, the controls and the pages.
func (s *Sandbox) ServeHTTP(w http.ResponseWriter, r *http.Request) { s.handler.ServeHTTP(w, r) }

// Slack is the workspace.
func (s *Sandbox) Slack() *slack.Workspace { return s.slack }

// Jira is the site.
func (s *Sandbox) Jira() *jira.Site { return s.jira }

// Faults are the scripted failures.
func (s *Sandbox) Faults() *Faults { return s.faults }

// Requests counts the requests so far by service, route and status; a dropped one has the status 0.
func (s *Sandbox) Requests() map[Request]int { return s.traffic.requests() }

// Reset forgets everything that happened, and every fault.
func (s *Sandbox) Reset() {
	s.slack.Reset()
	s.jira.Reset()
	s.faults.Clear()
	s.traffic.reset()
}
