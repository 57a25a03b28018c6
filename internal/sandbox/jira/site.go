// Package jira is the sandbox's Jira: one site with the REST API v2 of Cloud or of Data Center, as strict as the real one.
// What it accepts follows Atlassian's published OpenAPI description; its error texts are those that Jira gives.
package jira

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
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
}

// Issue is an issue. Those that a Site hands out are never changed afterwards.
type Issue struct {
	ID          string                     `json:"id"`
	Key         string                     `json:"key"`
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

	number int
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

	mu          sync.RWMutex
	credentials map[string]State
	issues      []*Issue // in the order they were made
	byKey       map[string]*Issue
	byID        map[string]*Issue
	numbers     map[string]int // the last issue number of each project
	lastID      int
	bytes       int
	counts      Counts
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

// Reset forgets everything that happened.
func (s *Site) Reset() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.credentials = map[string]State{BotToken: Valid, BearerToken: Valid}
	s.issues, s.byKey, s.byID = nil, map[string]*Issue{}, map[string]*Issue{}
	s.numbers, s.lastID, s.bytes = map[string]int{}, 10_000, 0
	s.counts = Counts{}
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

// find needs the lock.
func (s *Site) find(keyOrID string) *Issue {
	if is := s.byKey[strings.ToUpper(keyOrID)]; is != nil {
		return is
	}
	return s.byID[keyOrID]
}

// insert gives a new issue its key and ID and stores it. It needs the lock.
func (s *Site) insert(is *Issue) {
	s.lastID++
	s.numbers[is.Project]++
	is.ID = strconv.Itoa(s.lastID)
	is.number = s.numbers[is.Project]
	is.Key = fmt.Sprintf("%s-%d", is.Project, is.number)
	is.Created = s.now()
	is.Updated = is.Created
	s.issues = append(s.issues, is)
	s.byKey[is.Key], s.byID[is.ID] = is, is
	s.bytes += is.size()
	s.makeRoom(is)
}

// makeRoom lets the oldest issues go when the site is full, but never the one that was just written. It needs the lock.
func (s *Site) makeRoom(written *Issue) {
	for len(s.issues) > maxIssues || s.bytes > maxIssueBytes {
		oldest := s.issues[0]
		if oldest == written && len(s.issues) == 1 {
			return
		} else if oldest == written {
			oldest = s.issues[1]
		}
		s.drop(oldest)
	}
}

// drop forgets an issue. It needs the lock.
func (s *Site) drop(is *Issue) {
	i := slices.Index(s.issues, is)
	if i == 0 {
		s.issues = s.issues[1:] // cheap: this is how a full site makes room
	} else {
		s.issues = slices.Delete(slices.Clone(s.issues), i, i+1)
	}
	delete(s.byKey, is.Key)
	delete(s.byID, is.ID)
	s.bytes -= is.size()
}

// change replaces an issue by what edit makes of a copy, so that whoever reads the old one is not disturbed. When edit refuses, nothing
// changes. It needs the lock.
func (s *Site) change(old *Issue, edit func(*Issue) *problem) *problem {
	is := *old
	if p := edit(&is); p != nil {
		return p
	}
	is.Updated = s.now()
	s.bytes += is.size() - old.size()
	s.issues[slices.IndexFunc(s.issues, func(x *Issue) bool { return x.ID == is.ID })] = &is
	s.byKey[is.Key], s.byID[is.ID] = &is, &is
	s.makeRoom(&is)
	return nil
}

// now has the precision that Jira shows.
func (s *Site) now() time.Time { return s.clock().UTC().Truncate(time.Millisecond) }

func (is *Issue) size() int {
	n := 1024 + len(is.Summary) + len(is.Description)
	for _, l := range is.Labels {
		n += len(l)
	}
	for _, fields := range []map[string]json.RawMessage{is.Fields, is.Properties} {
		for k, v := range fields {
			n += len(k) + len(v)
		}
	}
	for _, c := range is.Comments {
		n += 256 + len(c.Body)
	}
	for _, l := range is.RemoteLinks {
		n += 256 + len(l.GlobalID) + len(l.URL) + len(l.Title)
	}
	return n
}

// Delete removes an issue, as an administrator would.
func (s *Site) Delete(key string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	is := s.find(key)
	if is == nil {
		return false
	}
	s.drop(is)
	return true
}
