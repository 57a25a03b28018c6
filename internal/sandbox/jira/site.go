// SPDX-License-Identifier: Apache-2.0

// Package jira is the sandbox's Jira: a site with the REST API v2 of Cloud or Data Center, as strict as the real one.
// Requests follow Atlassian's published OpenAPI description. Error texts are Jira's.
package jira

import (
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/voiceai-dev/integrations-operator/internal/sandbox/jira/catalog"
	"github.com/voiceai-dev/integrations-operator/internal/sandbox/jira/issue"
	"github.com/voiceai-dev/integrations-operator/internal/sandbox/jira/webhook"
)

// Mode is the kind of Jira.
type Mode string

// The kinds of Jira.
const (
	Cloud      Mode = "cloud"
	DataCenter Mode = "datacenter"
)

// The content of a new site.
const (
	// BotUser and BotToken are valid for basic authentication, BearerToken as a bearer token.
	BotUser     = catalog.BotEmail
	BotToken    = "jira-sandbox"
	BearerToken = "pat-sandbox"

	// VoiceProject has every field on its screens. OpsProject has no priority.
	VoiceProject = catalog.VoiceKey
	OpsProject   = catalog.OpsKey

	// BasePath is the path of the site, with the REST API and pages such as /jira/browse/VOICE-1 below it.
	BasePath = "/jira"
)

const (
	maxIssues      = 20_000
	maxIssueBytes  = 256 << 20
	maxCredentials = 200
)

// Options are the options of a site.
type Options struct {
	// Mode is the kind of Jira. Empty means Cloud.
	Mode Mode
	// Clock returns the time. nil means time.Now.
	Clock func() time.Time
}

// State is the state of a credential.
type State string

// The states of a credential. A revoked one answers 401, a forbidden one 403.
const (
	Valid     State = "valid"
	Revoked   State = "revoked"
	Forbidden State = "forbidden"
)

// Counts are the numbers of accepted calls.
type Counts struct {
	Creates     int `json:"creates"`
	Edits       int `json:"edits"`
	Transitions int `json:"transitions"`
	Comments    int `json:"comments"`
	RemoteLinks int `json:"remoteLinks"`
	Attachments int `json:"attachments"`
	Searches    int `json:"searches"`
	Reads       int `json:"reads"`
	// RateLimited is the number of requests that the built-in rate limit refused.
	RateLimited int `json:"rateLimited"`
}

// Site is a Jira site. It is safe for concurrent use.
type Site struct {
	mode  Mode
	clock func() time.Time
	base  atomic.Pointer[string] // the address of the last call
	rate  limiter
	hook  webhook.Hook

	mu          sync.RWMutex
	credentials map[string]State
	issues      []*issue.Issue // in the order of creation
	byKey       map[string]*issue.Issue
	byID        map[string]*issue.Issue
	formerly    map[string]string // the IDs of issues that moved to another project, by former key
	numbers     map[string]int    // the last issue number of each project
	lastID      int
	lastComment int
	lastChange  int
	bytes       int
	counts      Counts
	workflows   map[string]Workflow
	maxResults  int // the maximum size of a page of a search; 0 means the mode's maximum
	past        issue.Past
}

// New returns a site with the projects and credentials of the constants above.
func New(o Options) *Site {
	if o.Clock == nil {
		o.Clock = time.Now
	}
	if o.Mode == "" {
		o.Mode = Cloud
	}
	s := &Site{mode: o.Mode, clock: o.Clock}
	s.Reset()
	return s
}

// Reset restores the content and settings of a new site.
func (s *Site) Reset() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.credentials = map[string]State{BotToken: Valid, BearerToken: Valid}
	s.issues = nil
	s.byKey = map[string]*issue.Issue{}
	s.byID = map[string]*issue.Issue{}
	s.formerly = map[string]string{}
	s.numbers = map[string]int{}
	s.lastID = 10_000
	s.lastComment = 20_000
	s.lastChange = 30_000
	s.bytes = 0
	s.counts = Counts{}
	s.workflows = map[string]Workflow{}
	s.maxResults = 0
	s.past = issue.Past{}
	s.rate.set(0)
	s.hook.Set(webhook.Settings{})
}

// Mode returns the kind of Jira.
func (s *Site) Mode() Mode { return s.mode }

// PutToken adds a token for basic authentication with BotUser and for bearer authentication, or updates the state of
// one. BotToken remains for basic and BearerToken for bearer authentication only.
func (s *Site) PutToken(token string, state State) error {
	if token == "" || len(token) > 255 {
		return fmt.Errorf("token must have 1 to 255 characters")
	}
	switch state {
	case Valid, Revoked, Forbidden:
	default:
		return fmt.Errorf("state %q: must be valid, revoked or forbidden", state)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, ok := s.credentials[token]; !ok && len(s.credentials) >= maxCredentials {
		return fmt.Errorf("a site has at most %d tokens", maxCredentials)
	}
	s.credentials[token] = state
	return nil
}

// Issues returns all issues, oldest first.
func (s *Site) Issues() []*issue.Issue {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return slices.Clone(s.issues)
}

// Issue returns an issue by key or ID.
func (s *Site) Issue(keyOrID string) (*issue.Issue, bool) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	is := s.find(keyOrID)
	return is, is != nil
}

// Counts returns the counts so far.
func (s *Site) Counts() Counts {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.counts
}
