// Package jira files tickets in Jira, Cloud or Data Center. It is the only package that knows go-jira, which it uses for requests and for
// reading errors; bodies are our own, because go-jira's have members that Jira's schema forbids and none for entity properties.
package jira

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	jira "github.com/andygrunwald/go-jira"

	"github.com/voiceai-dev/integrations-operator/internal/condition"
	"github.com/voiceai-dev/integrations-operator/internal/fault"
	"github.com/voiceai-dev/integrations-operator/internal/ticket"
	"github.com/voiceai-dev/integrations-operator/internal/transport"
)

const (
	// propertyKey is the entity property that says which Defect an issue belongs to. Unlike labels, people do not edit it.
	propertyKey = "voiceai-defect"
	// pageSize is how many issue types or fields are asked for at once; Jira gives at most 200.
	pageSize = 200
	// maxPages bounds each paged read.
	maxPages = 20
)

// issueKey is what an issue's key looks like. go-jira puts keys into paths as they are.
var issueKey = regexp.MustCompile(`^[A-Z][A-Z0-9_]+-[0-9]+$`)

// New is a client for a project. It does not call Jira. Its error is a fault.
func New(c ticket.Config) (ticket.Tracker, error) {
	base := strings.TrimRight(c.APIURL, "/")
	if u, err := url.Parse(base); err != nil || u.Host == "" {
		return nil, fault.New(fault.Invalid, "apiURL %q is not a URL", c.APIURL)
	}
	http := transport.New()
	http.Transport = &authorized{next: http.Transport, config: c}
	api, err := jira.NewClient(http, base)
	if err != nil {
		return nil, fault.New(fault.Invalid, "apiURL %q: %v", c.APIURL, err)
	}
	t := &tracker{api: api, config: c, site: strings.TrimRight(c.SiteURL, "/")}
	if t.site == "" {
		t.site = base
	}
	t.known.Store(&known{deployment: c.Deployment})
	return t, nil
}

// authorized adds the credentials to each request. Redirects to another host are refused before they come here.
type authorized struct {
	next   http.RoundTripper
	config ticket.Config
}

// RoundTrip sends a request with the credentials.
func (a *authorized) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	if a.config.Username != "" {
		r.SetBasicAuth(a.config.Username, a.config.Token)
	} else {
		r.Header.Set("Authorization", "Bearer "+a.config.Token)
	}
	r.Header.Set("Accept", "application/json")
	r.Header.Set("Accept-Language", "en") // messages, and names of what is built in, in one language
	return a.next.RoundTrip(r)
}

type tracker struct {
	api    *jira.Client
	config ticket.Config
	site   string
	known  atomic.Pointer[known]
}

// known is what Probe found and later calls use.
type known struct {
	deployment  ticket.Deployment
	issueTypeID string
}

// call makes one request. sent is for classifying a failure, and nil for a request that has no effect when it is repeated.
func (t *tracker) call(ctx context.Context, method, path string, body, into any, changes bool) error {
	ctx, sent := transport.Trace(ctx)
	if !changes {
		sent = func() bool { return false }
	}
	req, err := t.api.NewRequestWithContext(ctx, method, path, body)
	if err != nil {
		return fault.New(fault.Invalid, "making the request: %v", err)
	}
	res, err := t.api.Do(req, into)
	if res != nil {
		defer func() { _ = res.Body.Close() }()
	}
	if err != nil {
		return classify(res, err, sent)
	}
	return nil
}

// Probe asks who we are, whether the project and its issue type are there, and which priorities the type takes: five calls.
func (t *tracker) Probe(ctx context.Context) (ticket.Project, error) {
	var server struct{ DeploymentType, Version string }
	if err := t.call(ctx, http.MethodGet, "rest/api/2/serverInfo", nil, &server, false); err != nil {
		return ticket.Project{}, err
	}
	out := ticket.Project{Deployment: t.config.Deployment, Version: server.Version}
	if out.Deployment == "" {
		out.Deployment = ticket.DataCenter
		if strings.EqualFold(server.DeploymentType, "Cloud") {
			out.Deployment = ticket.Cloud
		}
	}
	var me struct{ AccountID, Name, DisplayName string }
	if err := t.call(ctx, http.MethodGet, "rest/api/2/myself", nil, &me, false); err != nil {
		if f := fault.From(err); f.Kind == fault.NotFound || f.Kind == fault.Unauthorized {
			f.Kind, f.Scope = fault.Unauthorized, fault.Connection
		}
		return ticket.Project{}, err
	}
	out.Account, out.AccountID = me.DisplayName, me.AccountID
	if out.AccountID == "" {
		out.AccountID = me.Name
	}
	key := url.PathEscape(t.config.Project)
	var project struct{ Name string }
	if err := t.call(ctx, http.MethodGet, "rest/api/2/project/"+key, nil, &project, false); err != nil {
		if f := fault.From(err); f.Kind == fault.NotFound {
			f.Scope, f.Message = fault.Connection, fmt.Sprintf("project %q does not exist, or the account may not see it: mend spec.projectKey or the account's permissions", t.config.Project)
		}
		return ticket.Project{}, err
	}
	out.Name = project.Name
	id, err := t.issueType(ctx, key)
	if err != nil {
		return ticket.Project{}, err
	}
	if out.Priorities, err = t.priorities(ctx, key, id); err != nil {
		return ticket.Project{}, err
	}
	t.known.Store(&known{deployment: out.Deployment, issueTypeID: id})
	return out, nil
}

// issueType is the id of the issue type that is configured.
func (t *tracker) issueType(ctx context.Context, project string) (string, error) {
	type issueType struct {
		ID, Name string
		Subtask  bool
	}
	var names []string
	for start, page := 0, 0; page < maxPages; page++ {
		var got struct {
			IssueTypes, Values []issueType // Cloud and Data Center
			Total              int
		}
		path := fmt.Sprintf("rest/api/2/issue/createmeta/%s/issuetypes?startAt=%d&maxResults=%d", project, start, pageSize)
		if err := t.call(ctx, http.MethodGet, path, nil, &got, false); err != nil {
			return "", err
		}
		types := slices.Concat(got.IssueTypes, got.Values)
		for _, it := range types {
			if it.Name == t.config.IssueType {
				return it.ID, nil
			}
			if !it.Subtask {
				names = append(names, it.Name)
			}
		}
		if start += len(types); len(types) == 0 || start >= got.Total {
			break
		}
	}
	return "", &fault.Fault{Kind: fault.NotFound, Scope: fault.Connection, Field: "issuetype", Message: fmt.Sprintf(
		"project %s has no issue type %q that the account may create; it has %s: mend spec.issueType",
		t.config.Project, t.config.IssueType, condition.Bound(strings.Join(names, ", "), 300))}
}

// priorities are those that the issue type takes, or nil when its create screen has no such field.
func (t *tracker) priorities(ctx context.Context, project, issueTypeID string) ([]string, error) {
	type field struct {
		FieldID, Key  string
		AllowedValues []struct{ Name string }
	}
	for start, page := 0, 0; page < maxPages; page++ {
		var got struct {
			Fields, Values []field // Cloud and Data Center
			Total          int
		}
		path := fmt.Sprintf("rest/api/2/issue/createmeta/%s/issuetypes/%s?startAt=%d&maxResults=%d", project, url.PathEscape(issueTypeID), start, pageSize)
		if err := t.call(ctx, http.MethodGet, path, nil, &got, false); err != nil {
			return nil, err
		}
		fields := slices.Concat(got.Fields, got.Values)
		for _, f := range fields {
			if f.FieldID != "priority" && f.Key != "priority" {
				continue
			}
			names := []string{}
			for _, v := range f.AllowedValues {
				names = append(names, v.Name)
			}
			return names, nil
		}
		if start += len(fields); len(fields) == 0 || start >= got.Total {
			break
		}
	}
	return nil, nil
}

type named struct {
	ID   string `json:"id,omitempty"`
	Name string `json:"name,omitempty"`
	Key  string `json:"key,omitempty"`
}

// createBody is POST /rest/api/2/issue
// (https://developer.atlassian.com/cloud/jira/platform/rest/v2/api-group-issues/#api-rest-api-2-issue-post).
type createBody struct {
	Fields     createFields `json:"fields"`
	Properties []property   `json:"properties"`
}

type createFields struct {
	Project     named    `json:"project"`
	IssueType   named    `json:"issuetype"`
	Summary     string   `json:"summary"`
	Description string   `json:"description"`
	Labels      []string `json:"labels"`
	Priority    *named   `json:"priority,omitempty"`
}

type property struct {
	Key   string            `json:"key"`
	Value map[string]string `json:"value"`
}

// Create files a ticket: one call.
func (t *tracker) Create(ctx context.Context, d ticket.Draft) (ticket.Ticket, error) {
	body := createBody{
		Fields: createFields{
			Project: named{Key: t.config.Project}, IssueType: named{Name: t.config.IssueType},
			Summary: d.Summary, Description: d.Description, Labels: d.Labels,
		},
		Properties: []property{{propertyKey, map[string]string{"marker": d.Marker}}},
	}
	if id := t.known.Load().issueTypeID; id != "" {
		body.Fields.IssueType = named{ID: id}
	}
	if d.Priority != "" {
		body.Fields.Priority = &named{Name: d.Priority}
	}
	var got struct{ ID, Key string }
	if err := t.call(ctx, http.MethodPost, "rest/api/2/issue", body, &got, true); err != nil {
		return ticket.Ticket{}, err
	}
	if !issueKey.MatchString(got.Key) {
		return ticket.Ticket{}, fault.New(fault.Ambiguous, "Jira answered the creation of an issue without its key")
	}
	return ticket.Ticket{Key: got.Key, ID: got.ID, URL: t.browse(got.Key)}, nil
}

func (t *tracker) browse(key string) string { return t.site + "/browse/" + key }

// issue is what is read of an issue.
type issue struct {
	ID, Key string
	Fields  struct {
		Created string
		Labels  []string
		Status  *struct {
			Name           string
			StatusCategory struct{ Key string }
		}
		Resolution *struct{ Name string }
		Assignee   *struct{ DisplayName string }
	}
}

var issueFields = []string{"status", "resolution", "assignee", "labels", "created"}

func (t *tracker) ticket(i *issue) ticket.Ticket {
	out := ticket.Ticket{Key: i.Key, ID: i.ID, URL: t.browse(i.Key)}
	if s := i.Fields.Status; s != nil {
		out.Status, out.StatusCategory = condition.Bound(s.Name, 255), condition.Bound(s.StatusCategory.Key, 64)
	}
	if r := i.Fields.Resolution; r != nil {
		out.Resolution = condition.Bound(r.Name, 255)
	}
	if a := i.Fields.Assignee; a != nil {
		out.Assignee = condition.Bound(a.DisplayName, 255)
	}
	out.Created, _ = time.Parse("2006-01-02T15:04:05.999-0700", i.Fields.Created) // the zero time when Jira says none
	return out
}

// Get reads a ticket: one call.
func (t *tracker) Get(ctx context.Context, key string) (ticket.Ticket, error) {
	if !issueKey.MatchString(key) {
		return ticket.Ticket{}, fault.New(fault.Invalid, "%q is not the key of an issue", key)
	}
	var got issue
	if err := t.call(ctx, http.MethodGet, "rest/api/2/issue/"+key+"?fields="+strings.Join(issueFields, ","), nil, &got, false); err != nil {
		return ticket.Ticket{}, err
	}
	return t.ticket(&got), nil
}

// marker is what a marker looks like, so that it needs no escape in JQL.
var marker = regexp.MustCompile(`^[A-Za-z0-9-]{1,255}$`)

// Find searches by label: one call for each hundred tickets found.
func (t *tracker) Find(ctx context.Context, markers []string) (map[string]ticket.Ticket, error) {
	if len(markers) == 0 || len(markers) > ticket.MaxMarkers {
		return nil, fault.New(fault.Invalid, "between 1 and %d markers are looked for at once, not %d", ticket.MaxMarkers, len(markers))
	}
	for _, m := range markers {
		if !marker.MatchString(m) {
			return nil, fault.New(fault.Invalid, "%q is not a marker", m)
		}
	}
	out := map[string]ticket.Ticket{}
	jql := `labels in ("` + strings.Join(markers, `","`) + `") ORDER BY created ASC, key ASC`
	err := t.search(ctx, jql, func(i *issue) {
		for _, l := range i.Fields.Labels {
			if _, older := out[l]; !older && slices.Contains(markers, l) && issueKey.MatchString(i.Key) {
				out[l] = t.ticket(i)
			}
		}
	})
	return out, err
}

// search reads all issues that a query finds, by the way that the deployment has: Cloud took /search away, Data Center never had
// /search/jql.
func (t *tracker) search(ctx context.Context, jql string, each func(*issue)) error {
	path, body := "rest/api/2/search", map[string]any{"jql": jql, "fields": issueFields, "maxResults": 100}
	if t.known.Load().deployment == ticket.Cloud {
		path = "rest/api/2/search/jql"
	}
	for start, page := 0, 0; page < maxPages; page++ {
		var got struct {
			Issues        []issue
			Total         int
			NextPageToken string
		}
		if err := t.call(ctx, http.MethodPost, path, body, &got, false); err != nil {
			return err
		}
		for i := range got.Issues {
			each(&got.Issues[i])
		}
		start += len(got.Issues)
		switch {
		case got.NextPageToken != "":
			body["nextPageToken"] = got.NextPageToken
		case start < got.Total && len(got.Issues) > 0:
			body["startAt"] = start
		default:
			return nil
		}
	}
	return nil
}
