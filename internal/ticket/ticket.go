// Package ticket is the port to the issue tracker: what the operator wants filed, without a word of how Jira takes it.
package ticket

import (
	"context"
	"time"
)

// Tracker files tickets in one project and follows them. Its errors are faults (package fault) and never hold a credential. A ticket is
// named by its ID, which stays when it is moved to another project.
type Tracker interface {
	// Probe checks the credentials, the project, the issue type and the fields that tickets are to have. The Field of its fault says to which of
	// Credentials, Project and IssueType the other side said no.
	Probe(ctx context.Context) (Project, error)
	// Create files a ticket. An Ambiguous fault means that it may have been filed; Invalid with Field says which field it was refused for.
	Create(ctx context.Context, d Draft) (Ticket, error)
	// Find returns the tickets that carry one of the markers, by marker, and perhaps others. When there are more than MaxMarkers, those may be
	// left out that were made longer ago than within. One made a moment ago may not be found yet. When several carry the same marker, it is
	// the oldest. It costs a handful of searches, and one more for each hundred tickets found or more.
	Find(ctx context.Context, markers []string, within time.Duration) (map[string]Ticket, error)
	// Changed returns the tickets that changed within the last so long, whatever their marker, oldest change first. A change made a moment ago
	// may be missing yet. When they are too many to be read, it is those that changed last.
	Changed(ctx context.Context, within time.Duration) ([]Ticket, error)
	// Get reads a ticket. It is never behind.
	Get(ctx context.Context, id string) (Ticket, error)
	// Move takes a ticket to a status, unless it is there, and returns it as it is then. Invalid when no transition leads there, or only one
	// that asks for fields. Doing it twice does no harm.
	Move(ctx context.Context, id string, to Target) (Ticket, error)
	// Comment adds a comment, unless the ticket has one with the same Ref.
	Comment(ctx context.Context, id string, c Comment) error
	// Link adds a link to somewhere else, or replaces the one with the same GlobalID.
	Link(ctx context.Context, id string, l Link) error
}

// CommonLabel is a label that every ticket carries, whatever its marker.
const CommonLabel = "voice-ai-testing"

// MaxMarkers is how many markers go into one query. That makes 10 KB, which is no matter in a body and would be too much in a URL, and is well below
// the 1,000 values where Cloud draws a line (https://developer.atlassian.com/platform/forge/working-around-jql-1000-limit).
const MaxMarkers = 200

// MarkerPrefix begins every marker.
const MarkerPrefix = "defect-"

// Deployment is the kind of server.
type Deployment string

// The kinds of server.
const (
	Cloud      Deployment = "Cloud"
	DataCenter Deployment = "DataCenter"
)

// Config says how to reach a project.
type Config struct {
	// APIURL is the base of the REST API, SiteURL where people open issues (APIURL when empty).
	APIURL, SiteURL string
	// Deployment is asked of the server by Probe when empty.
	Deployment Deployment
	// Username is set for basic authentication, empty for a bearer token.
	Username string
	// Token is an API token, password or bearer token. It is a secret.
	Token string
	// Project is the project's key, IssueType the name of the tickets' type.
	Project, IssueType string
	// Fields are those that tickets are to have beside the usual ones.
	Fields []Field
}

// FieldType says how a field's value is written.
type FieldType string

// The types of fields. A MultiOption's values are separated by commas; a User is an account ID on Cloud and a name on Data Center; a Date is
// 2006-01-02.
const (
	Text        FieldType = "Text"
	Number      FieldType = "Number"
	Option      FieldType = "Option"
	MultiOption FieldType = "MultiOption"
	User        FieldType = "User"
	Date        FieldType = "Date"
)

// Field is a further field of a ticket, by name or ID.
type Field struct {
	Name string
	Type FieldType
}

// Project is what Probe found.
type Project struct {
	Deployment Deployment
	Version    string
	// Account is the display name of the user, AccountID its account ID (Cloud) or name (Data Center).
	Account, AccountID string
	// Name of the project.
	Name string
	// Priorities that the issue type takes; empty when it has no such field, nil when Jira does not say.
	Priorities []string
	// Problems are what is wrong with Config.Fields, with fields that are asked for and not among them, or with what every ticket has, in words
	// to act on. Fields with problems are left out of tickets.
	Problems []string
}

// Draft is a ticket to be filed.
type Draft struct {
	// Summary has at most 255 characters and no line break.
	Summary string
	// Description is wiki markup, at most 32,767 characters.
	Description string
	// Priority by name; none when empty.
	Priority string
	// Labels have no white space.
	Labels []string
	// Fields are the values of Config.Fields by name; those that are empty are left out.
	Fields map[string]string
	// Markup has the values of those of the type Text as wiki markup too, for fields that show it: many lines have markup, a single one has none.
	Markup map[string]string
	// Marker says which Defect it is for. It is written as a label and as an entity property.
	Marker string
}

// Ticket is an issue in the tracker.
type Ticket struct {
	// Key such as VOICE-42, ID the number that stays when it is moved, URL what opens it.
	Key, ID, URL string
	// Status by name, StatusCategory new, indeterminate or done. Empty when unknown, as after Create.
	Status, StatusCategory string
	Resolution, Assignee   string
	Created, Updated       time.Time
	// Priority it was filed with; empty when without, or when Found.
	Priority string
	// Omitted says which of the draft's fields it was filed without, and why.
	Omitted []string
	// Found says that it was there already.
	Found bool
}

// Target is where to move a ticket: to the status of a name, or to any status of a category (new, indeterminate or done) when Status is empty.
type Target struct {
	Status, Category string
}

// Comment is a comment.
type Comment struct {
	// Ref says which comment it is, in at most 100 letters, digits and -. It is shown in small print.
	Ref string
	// Body is wiki markup.
	Body string
}

// Link leads from a ticket to somewhere else.
type Link struct {
	// GlobalID identifies the link, URL is where it leads, Title what it says.
	GlobalID, URL, Title string
}
