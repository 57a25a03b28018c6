// SPDX-License-Identifier: Apache-2.0

// Package ticket is the port to the issue tracker: it describes the tickets that the operator files, independently of
// Jira's API.
package ticket

import (
	"cmp"
	"context"
	"io"
	"slices"
	"time"
)

// Tracker files tickets in one project and follows them. Its errors are faults (package fault) and never contain a
// credential. A ticket is identified by its ID, which it keeps when it moves to another project.
type Tracker interface {
	// Probe checks the credentials, the project, the issue type and the configured fields. The Field of its fault names
	// the part that was refused: Credentials, Project or IssueType.
	Probe(ctx context.Context) (Project, error)
	// Create files a ticket. After an Ambiguous fault the ticket may have been filed. The Fields of an Invalid fault
	// are those that were refused, and Omitted of the ticket returned with it lists those that were left out.
	Create(ctx context.Context, d Draft) (Ticket, error)
	// Find returns the tickets that carry one of the markers, by marker. If several carry the same one, it returns the
	// oldest. The result may include tickets with other markers. A label with IdentityPrefix counts as a marker. Of several
	// tickets with it, Find returns an open one rather than one that is done, and the newest.
	//
	// With more than MaxMarkers markers, the result may lack tickets that were created longer ago than within. A ticket
	// that was created a moment ago may not be found yet. Find makes a few searches, and one more for every hundred or
	// more tickets found.
	Find(ctx context.Context, markers []string, within time.Duration) (map[string]Ticket, error)
	// Changed returns the tickets with any marker that changed within the given time, with the oldest change first. A
	// change made a moment ago may be missing. If there are too many to read, it returns those with the newest
	// changes.
	Changed(ctx context.Context, within time.Duration) ([]Ticket, error)
	// Open returns the tickets with any marker that are not done, and those that changed within the given time. If there are
	// too many to read, it returns the newest.
	Open(ctx context.Context, within time.Duration) ([]Ticket, error)
	// Get reads a ticket. The result is always current.
	Get(ctx context.Context, id string) (Ticket, error)
	// Move transitions a ticket to a status unless it already has it, and returns the updated ticket. It returns an
	// Invalid fault if no transition leads to the status, or only one that requires fields, or if several statuses fit.
	// A repeated call does no harm.
	Move(ctx context.Context, id string, to Target) (Ticket, error)
	// Comment adds a comment, unless the ticket has one with the same Ref.
	Comment(ctx context.Context, id string, c Comment) error
	// Link adds a link to another page, or replaces the one with the same GlobalID.
	Link(ctx context.Context, id string, l Link) error
	// Attach attaches a file, unless the ticket has one with the same name and size. What becomes of an upload without an
	// answer shows after AttachSettles, so the RetryAfter of its fault is that long. An Invalid fault means that Jira does not
	// accept this file, or none.
	// It returns where people open the file; empty when that is not known.
	Attach(ctx context.Context, id string, a Attachment) (url string, err error)
}

// AttachSettles is how long after a lost connection Jira may still store a file that it was sent.
const AttachSettles = time.Minute

// CommonLabel is a label that every ticket carries in addition to its marker.
const CommonLabel = "voice-ai-testing"

// MaxMarkers is the maximum number of markers in one query. That makes 10 KB, which is fine in a body, though not in
// a URL, and well below Cloud's limit of 1,000 values
// (https://developer.atlassian.com/platform/forge/working-around-jql-1000-limit).
const MaxMarkers = 200

// IdentityPrefix is the prefix of the label that identifies a ticket's finding when it is reported again.
const IdentityPrefix = "voice-ai-defect-"

// CategoryDone is the StatusCategory of a ticket that is done.
const CategoryDone = "done"

// MarkerPrefix is the prefix of every marker.
const MarkerPrefix = "defect-"

// Deployment is the kind of server.
type Deployment string

// The kinds of server.
const (
	Cloud      Deployment = "Cloud"
	DataCenter Deployment = "DataCenter"
)

// Config describes how to reach a project.
type Config struct {
	// APIURL is the base of the REST API.
	APIURL string
	// Namespace is the namespace on whose behalf the calls are made.
	Namespace string
	// SiteURL is the base of the pages of issues. Empty means what the server says, or else APIURL.
	SiteURL string
	// Deployment is the kind of server. If it is empty, the server is queried for it.
	Deployment Deployment
	// Username is set for basic authentication, empty for a bearer token.
	Username string
	// Token is an API token, password or bearer token. It is a secret.
	Token string
	// Project is the project's key.
	Project string
	// IssueType is the name of the issue type of tickets, in any case, in the account's language or in English.
	IssueType string
	// Fields are the additional fields of tickets.
	Fields []Field
}

// FieldType is the format of a field's value.
type FieldType string

// The types of fields. The values of a MultiOption are separated by commas. A User is an account ID on Cloud and a
// name on Data Center. A Date has the form 2006-01-02.
const (
	Text        FieldType = "Text"
	Number      FieldType = "Number"
	Option      FieldType = "Option"
	MultiOption FieldType = "MultiOption"
	User        FieldType = "User"
	Date        FieldType = "Date"
)

// Field is an additional field of a ticket, by name or ID.
type Field struct {
	Name string
	Type FieldType
}

// Project is the project that Probe found.
type Project struct {
	Deployment Deployment
	Version    string
	// Account is the display name of the user.
	Account string
	// AccountID is the user's account ID (Cloud) or name (Data Center).
	AccountID string
	// Name is the name of the project.
	Name string
	// Priorities are the names that the issue type allows. They are empty if it has no priority, and nil if they are
	// unknown.
	Priorities []string
	// PriorityRequired reports that tickets without a priority are refused.
	PriorityRequired bool
	// Problems describes, for people, problems with Config.Fields. Fields with problems are omitted from tickets.
	Problems []string
	// Blockers describes, for people, why every ticket is refused, such as a required field that nothing fills in.
	Blockers []string
	// Form identifies what the project asks of tickets: the issue type and its fields. It changes with any of them, and
	// is empty when they are unknown.
	Form string
}

// Draft is a ticket to be filed.
type Draft struct {
	// Summary has at most 255 UTF-16 units and no line breaks.
	Summary string
	// Description is wiki markup, at most 32,767 UTF-16 units.
	Description string
	// Priority is the name of the priority. Empty means none.
	Priority string
	// Labels have at most 255 UTF-16 units and contain no white space.
	Labels []string
	// Fields has the values of Config.Fields by name. Empty ones are omitted.
	Fields map[string]string
	// Markup has the values of the Fields of type Text as wiki markup. Jira renders markup in multi-line fields only.
	Markup map[string]string
	// Marker identifies the Defect. It is written as a label and as an entity property.
	Marker string
}

// Ticket is an issue in the tracker.
type Ticket struct {
	// Key is the ticket's key, such as VOICE-42.
	Key string
	// ID is the ticket's number, which it keeps when it moves to another project.
	ID string
	// URL opens the ticket.
	URL string
	// Status is the name of the status. It is empty when unknown, as after Create.
	Status string
	// StatusCategory is new, indeterminate or done. It is empty when unknown, as after Create.
	StatusCategory       string
	Resolution, Assignee string
	Created, Updated     time.Time
	// Resolved is when the ticket got its resolution. It is zero when there is none.
	Resolved time.Time
	// Priority is the priority that the ticket was filed with. It is empty for none, or when Found.
	Priority string
	// Omitted lists the draft's fields that the ticket was filed without, each with the reason.
	Omitted []string
	// Found reports that the ticket already existed.
	Found bool
	// Markers are the markers that the ticket carries. There are several when a person cloned a ticket with its labels.
	Markers []string
	// Identity identifies the finding when it is reported again. It is empty when the ticket has no label with
	// IdentityPrefix.
	Identity string
}

// Has reports whether the ticket carries a marker.
func (t Ticket) Has(marker string) bool { return slices.Contains(t.Markers, marker) }

// IsDone reports whether the ticket is done.
func (t Ticket) IsDone() bool { return t.StatusCategory == CategoryDone }

// MovedAt returns when the ticket got its status, at the latest. A comment on one that is done, such as that it occurred
// again, is a change of the ticket, but does not move it.
func (t Ticket) MovedAt() time.Time {
	if t.IsDone() && !t.Resolved.IsZero() {
		return t.Resolved
	}
	return t.Updated
}

// IsLaterThan reports whether t is the ticket of a finding rather than o: an open one rather than one that is done, and the
// newest.
func (t Ticket) IsLaterThan(o Ticket) bool {
	if t.IsDone() != o.IsDone() {
		return o.IsDone()
	}
	return t.Created.After(o.Created)
}

// WithoutCopies returns those of some tickets that are no copies of others among them. When a person clones a ticket, Jira
// copies its labels, so that an older ticket has the same marker.
func WithoutCopies(all []Ticket) []Ticket {
	oldest := map[string]Ticket{} // by marker
	for _, t := range all {
		for _, m := range t.Markers {
			if o, ok := oldest[m]; !ok || t.IsOlderThan(o) {
				oldest[m] = t
			}
		}
	}
	var out []Ticket
	for _, t := range all {
		if !slices.ContainsFunc(t.Markers, func(m string) bool { return oldest[m].ID != t.ID }) {
			out = append(out, t)
		}
	}
	return out
}

// Latest returns the latest of some tickets of a finding, without copies; the zero Ticket when there is none.
func Latest(all []Ticket) (latest Ticket) {
	for _, t := range WithoutCopies(all) {
		if latest.ID == "" || t.IsLaterThan(latest) {
			latest = t
		}
	}
	return latest
}

// IsOlderThan reports whether t was created before o.
func (t Ticket) IsOlderThan(o Ticket) bool {
	return cmp.Or(t.Created.Compare(o.Created), cmp.Compare(len(t.ID), len(o.ID)), cmp.Compare(t.ID, o.ID)) < 0
}

// Target is the status to move a ticket to: the one named Status, or one of Category (new, indeterminate or done) if
// Status is empty. A ticket that has any status of Category has reached it.
type Target struct {
	Status, Category string
	// State is the state of the Defect. A status of its name is preferred to the others of Category.
	State string
}

// Comment is a comment on a ticket.
type Comment struct {
	// Ref identifies the comment. It has at most 100 letters, digits and hyphens, and is shown in small print.
	Ref string
	// Body is wiki markup.
	Body string
}

// Attachment is a file to attach to a ticket.
type Attachment struct {
	// Name has letters, digits, '.', '_' and '-' only. ContentType is its type.
	Name, ContentType string
	// Bytes is the size of Content.
	Bytes int64
	// Content is read at most once.
	Content io.Reader
}

// Link is a link from a ticket to another page.
type Link struct {
	// GlobalID identifies the link.
	GlobalID string
	// URL is the address of the page, Title the text of the link.
	URL, Title string
}
