// Package jira is the sandbox's Jira: one site with the REST API v2 of Cloud or of Data Center, as strict as the real one.
// What it accepts follows Atlassian's published OpenAPI description; its error texts are those that Jira gives.
package jira

import (
	"encoding/json"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// Mode is the kind of Jira.
type Mode string

// The kinds of Jira.
const (
	Cloud      Mode = "cloud"
	DataCenter Mode = "datacenter"
)

// What exists on a fresh site.
const (
	// BotUser and BotToken are good for basic authentication, BearerToken as a bearer token.
	BotUser     = "bot@example.com"
	BotToken    = "jira-sandbox"
	BearerToken = "pat-sandbox"

	// VoiceProject has every field on its screens; OpsProject has no priority.
	VoiceProject = "VOICE"
	OpsProject   = "OPS"

	// BasePath is where the site is: the REST API below it, and pages such as /jira/browse/VOICE-1.
	BasePath = "/jira"
)

const (
	maxIssues      = 20_000
	maxIssueBytes  = 256 << 20
	maxCredentials = 200
)

// Options of a site.
type Options struct {
	// Mode is Cloud when empty.
	Mode Mode
	// Clock tells the time; time.Now when nil.
	Clock func() time.Time
}

// State of a credential.
type State string

// The states of a credential. A revoked one answers 401, a forbidden one 403.
const (
	Valid     State = "valid"
	Revoked   State = "revoked"
	Forbidden State = "forbidden"
)

// Counts are what was accepted.
type Counts struct {
	Creates     int `json:"creates"`
	Edits       int `json:"edits"`
	Transitions int `json:"transitions"`
	Comments    int `json:"comments"`
	RemoteLinks int `json:"remoteLinks"`
	Searches    int `json:"searches"`
	Reads       int `json:"reads"`
	// RateLimited is how many requests the built-in rate limit refused.
	RateLimited int `json:"rateLimited"`
}

// Issue is an issue. Those that a Site hands out are never changed afterwards.
type Issue struct {
	ID          string                     `json:"id"`
	Key         string                     `json:"key"`
	FormerKeys  []string                   `json:"formerKeys,omitempty"`
	Project     string                     `json:"project"`
	Type        string                     `json:"type"`
	Summary     string                     `json:"summary"`
	Description string                     `json:"description,omitempty"`
	Priority    string                     `json:"priority,omitempty"`
	Labels      []string                   `json:"labels,omitempty"`
	Status      string                     `json:"status"`
	Resolution  string                     `json:"resolution,omitempty"`
	Assignee    string                     `json:"assignee,omitempty"`
	Reporter    string                     `json:"reporter"`
	Created     time.Time                  `json:"created"`
	Updated     time.Time                  `json:"updated"`
	Resolved    time.Time                  `json:"resolved,omitzero"`
	Fields      map[string]json.RawMessage `json:"fields,omitempty"`
	Properties  map[string]json.RawMessage `json:"properties,omitempty"`
	Comments    []Comment                  `json:"comments,omitempty"`
	RemoteLinks []RemoteLink               `json:"remoteLinks,omitempty"`

	serial int // its ID as a number
	number int // its number within the project
}

// Comment is a comment on an issue.
type Comment struct {
	ID      string    `json:"id"`
	Body    string    `json:"body"`
	Author  string    `json:"author"`
	Created time.Time `json:"created"`
}

// RemoteLink is a link from an issue to somewhere else.
type RemoteLink struct {
	ID       int    `json:"id"`
	GlobalID string `json:"globalId,omitempty"`
	URL      string `json:"url"`
	Title    string `json:"title"`
}

// Site is a Jira site. It is safe for concurrent use.
type Site struct {
	mode  Mode
	clock func() time.Time
	base  atomic.Pointer[string] // the address that it was last called by
	rate  limiter
	hook  outbox

	mu          sync.RWMutex
	credentials map[string]State
	issues      []*Issue // in the order they were made
	byKey       map[string]*Issue
	byID        map[string]*Issue
	formerly    map[string]string // keys that issues had before they moved to another project, to their IDs
	numbers     map[string]int    // the last issue number of each project
	lastID      int
	lastComment int
	lastChange  int
	bytes       int
	counts      Counts
	workflows   map[string]Workflow
	mostResults int // of one page of a search; 0 for what the mode allows
	past        past
}

// New makes a site with the projects and credentials of the constants above.
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

// Reset forgets everything that happened, and every setting.
func (s *Site) Reset() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.credentials = map[string]State{BotToken: Valid, BearerToken: Valid}
	s.issues, s.byKey, s.byID, s.formerly = nil, map[string]*Issue{}, map[string]*Issue{}, map[string]string{}
	s.numbers, s.lastID, s.lastComment, s.lastChange, s.bytes = map[string]int{}, 10_000, 20_000, 30_000, 0
	s.counts = Counts{}
	s.workflows, s.mostResults, s.past = map[string]Workflow{}, 0, past{}
	s.rate.set(0)
	s.hook.reset(Webhook{})
}

// Mode is the kind of Jira that it is.
func (s *Site) Mode() Mode { return s.mode }

// PutToken adds a token, good for basic (with BotUser) and bearer authentication, or changes what one may do. BotToken stays for basic
// and BearerToken for bearer authentication only.
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
	if _, known := s.credentials[token]; !known && len(s.credentials) >= maxCredentials {
		return fmt.Errorf("the site holds %d tokens at most", maxCredentials)
	}
	s.credentials[token] = state
	return nil
}

// Issues are all issues, oldest first.
func (s *Site) Issues() []*Issue {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return slices.Clone(s.issues)
}

// Issue looks an issue up by key or ID.
func (s *Site) Issue(keyOrID string) (*Issue, bool) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	is := s.find(keyOrID)
	return is, is != nil
}

// Counts tells what was accepted so far.
func (s *Site) Counts() Counts {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.counts
}
