// Package ticket is the port to the issue tracker: what the operator wants filed, without a word of how Jira takes it.
package ticket

import (
	"context"
	"time"
)

// Tracker files tickets in one project. Its errors are faults (package fault) and never hold a credential.
type Tracker interface {
	// Probe checks the credentials, the project and the issue type.
	Probe(ctx context.Context) (Project, error)
	// Create files a ticket. An Ambiguous fault means that it may have been filed; Invalid with Field "priority" that it was refused
	// for its priority.
	Create(ctx context.Context, d Draft) (Ticket, error)
	// Find returns the tickets that carry one of the markers, by marker. A ticket made a moment ago may not be found yet. When several
	// carry the same marker, it is the oldest.
	Find(ctx context.Context, markers []string) (map[string]Ticket, error)
	// Get reads a ticket by key.
	Get(ctx context.Context, key string) (Ticket, error)
}

// MaxMarkers is how many markers one Find takes.
const MaxMarkers = 50

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
}

// Project is what Probe found.
type Project struct {
	Deployment Deployment
	Version    string
	// Account is the display name of the user, AccountID its account ID (Cloud) or name (Data Center).
	Account, AccountID string
	// Name of the project.
	Name string
	// Priorities that the issue type takes; nil when it has no such field.
	Priorities []string
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
	Created                time.Time
	// Priority it was filed with; empty when without, or when Found.
	Priority string
	// Found says that it was there already.
	Found bool
}
