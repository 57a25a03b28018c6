// SPDX-License-Identifier: Apache-2.0

// Package issue is the content of an issue in the sandbox's Jira: setting its fields as Jira does, and comparing it with JQL.
package issue

import (
	"cmp"
	"encoding/json"
	"time"

	"github.com/voiceai-dev/integrations-operator/internal/sandbox/jira/wiki"
)

// Issue is an issue. An issue that a Site has returned never changes.
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
	Attachments []Attachment               `json:"attachments,omitempty"`

	// Serial is the ID as a number, Number the number within the project.
	Serial int `json:"-"`
	Number int `json:"-"`
}

// Comment is a comment on an issue.
type Comment struct {
	ID      string    `json:"id"`
	Body    string    `json:"body"`
	Author  string    `json:"author"`
	Created time.Time `json:"created"`
}

// RemoteLink is a link from an issue to another page.
type RemoteLink struct {
	ID       int    `json:"id"`
	GlobalID string `json:"globalId,omitempty"`
	URL      string `json:"url"`
	Title    string `json:"title"`
}

// Attachment is a file on an issue. Its content is not kept.
type Attachment struct {
	ID          string    `json:"id"`
	Filename    string    `json:"filename"`
	ContentType string    `json:"mimeType"`
	Size        int64     `json:"size"`
	SHA256      string    `json:"sha256"`
	Created     time.Time `json:"created"`
}

// BySerial compares issues by ID.
func BySerial(a, b *Issue) int { return cmp.Compare(a.Serial, b.Serial) }

// Active returns the parts of an issue's and its comments' texts that Jira acts on, such as mentions and macros.
func (is *Issue) Active() []string {
	found := wiki.Active(is.Description)
	for _, c := range is.Comments {
		found = append(found, wiki.Active(c.Body)...)
	}
	return found
}

// Size returns the approximate size of an issue in memory.
func (is *Issue) Size() int {
	n := 1024 + len(is.Summary) + len(is.Description)
	for _, list := range [][]string{is.Labels, is.FormerKeys} {
		for _, l := range list {
			n += 16 + len(l)
		}
	}
	for _, fields := range []map[string]json.RawMessage{is.Fields, is.Properties} {
		for k, v := range fields {
			n += len(k) + len(v)
		}
	}
	for _, c := range is.Comments {
		n += 256 + len(c.Body)
	}
	for _, a := range is.Attachments {
		n += 256 + len(a.Filename) + len(a.ContentType)
	}
	for _, l := range is.RemoteLinks {
		n += 256 + len(l.GlobalID) + len(l.URL) + len(l.Title)
	}
	return n
}
