// Package jira files tickets in Jira, Cloud or Data Center, and follows them. It is the only package that knows go-jira, which it uses for
// requests; bodies are our own, because go-jira's have members that Jira's schema forbids and none for entity properties.
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

	jira "github.com/andygrunwald/go-jira"

	"github.com/voiceai-dev/integrations-operator/internal/fault"
	"github.com/voiceai-dev/integrations-operator/internal/text"
	"github.com/voiceai-dev/integrations-operator/internal/ticket"
	"github.com/voiceai-dev/integrations-operator/internal/transport"
)

const (
	// pageSize is how many issue types or fields are asked for at once; Jira gives at most 200.
	pageSize = 200
	// maxPages bounds how many pages of issue types or fields are read.
	maxPages = 20
)

// What the ID and the key of an issue look like. go-jira puts them into paths as they are.
var (
	issueID  = regexp.MustCompile(`^[0-9]{1,20}$`)
	issueKey = regexp.MustCompile(`^[A-Z][A-Z0-9_]{1,254}-[0-9]{1,20}$`)
)

// Dialer makes clients.
type Dialer struct {
	// Fence is asked right before anything is sent, which is not when it returns an error; nil lets everything through.
	Fence func() error
}

// Dial is a client for a project. It does not call Jira. Its error is a fault.
func (d Dialer) Dial(c ticket.Config) (ticket.Tracker, error) {
	base := strings.TrimRight(c.APIURL, "/")
	if u, err := url.Parse(base); err != nil || u.Host == "" {
		return nil, fault.New(fault.Invalid, "apiURL %q is not a URL", c.APIURL)
	}
	http := transport.New(d.Fence)
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

// known is what was found out about the server and the project. It is replaced, never changed.
type known struct {
	deployment  ticket.Deployment
	issueTypeID string
	// form says how to fill in a ticket; nil when it is not known yet.
	form *form
}

// call makes one request. once says that repeating it would do harm, so that it is Ambiguous when it was sent and not answered.
func (t *tracker) call(ctx context.Context, method, path string, body, into any, once bool) error {
	ctx, sent := transport.Trace(ctx)
	if !once {
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

// get makes a request that changes nothing.
func (t *tracker) get(ctx context.Context, path string, into any) error {
	return t.call(ctx, http.MethodGet, path, nil, into, false)
}

// Probe asks who we are, whether the project and its issue type are there, and what the type's create screen has: five calls.
func (t *tracker) Probe(ctx context.Context) (ticket.Project, error) {
	server, err := t.server(ctx)
	if err != nil {
		return ticket.Project{}, at("Credentials", err)
	}
	out := ticket.Project{Deployment: server.deployment, Version: server.version}
	var me struct{ AccountID, Name, DisplayName string }
	if err := t.get(ctx, "rest/api/2/myself", &me); err != nil {
		if f := fault.From(err); f.Kind == fault.NotFound || f.Kind == fault.Unauthorized {
			f.Kind, f.Scope = fault.Unauthorized, fault.Connection
		}
		return ticket.Project{}, at("Credentials", err)
	}
	out.Account, out.AccountID = me.DisplayName, me.AccountID
	if out.AccountID == "" {
		out.AccountID = me.Name
	}
	if out.AccountID == "" {
		return ticket.Project{}, incomplete("who the account is")
	}
	var project struct{ Key, Name string }
	if err := t.get(ctx, "rest/api/2/project/"+url.PathEscape(t.config.Project), &project); err != nil {
		if f := fault.From(err); f.Kind == fault.NotFound {
			f.Scope, f.Message = fault.Connection, fmt.Sprintf("project %q does not exist, or the account may not see it: mend spec.projectKey or the account's permissions", t.config.Project)
		}
		return ticket.Project{}, at("Project", err)
	}
	if project.Key == "" {
		return ticket.Project{}, incomplete("the project")
	}
	out.Name = project.Name
	is, err := t.learn(ctx, out.Deployment)
	if err != nil {
		return ticket.Project{}, at("IssueType", err)
	}
	out.Priorities, out.Problems = is.form.priorities, is.form.problems
	return out, nil
}

// at says to which part of a probe Jira said no.
func at(part string, err error) error {
	f := fault.From(err)
	if f.Kind.Permanent() {
		f.Field = part
	}
	return f
}

type server struct {
	deployment ticket.Deployment
	version    string
}

// server is what the server is: as it is configured, or else as it says. One that does not say, to anybody or to these credentials, is as it is
// configured; whether the credentials are good is for others to find out.
func (t *tracker) server(ctx context.Context) (server, error) {
	var info struct{ DeploymentType, Version string }
	if err := t.get(ctx, "rest/api/2/serverInfo", &info); err != nil {
		if t.config.Deployment != "" && (fault.Is(err, fault.NotFound) || fault.Is(err, fault.Unauthorized)) {
			return server{deployment: t.config.Deployment}, nil
		}
		return server{}, err
	}
	if info.Version == "" && info.DeploymentType == "" {
		return server{}, incomplete("what it is")
	}
	out := server{t.config.Deployment, info.Version}
	if out.deployment == "" {
		out.deployment = ticket.DataCenter
		if strings.EqualFold(info.DeploymentType, "Cloud") {
			out.deployment = ticket.Cloud
		}
	}
	return out, nil
}

// deployment is the kind of server. The server is asked when it is not known, and never again.
func (t *tracker) deployment(ctx context.Context) (ticket.Deployment, error) {
	was := t.known.Load()
	if was.deployment != "" {
		return was.deployment, nil
	}
	s, err := t.server(ctx)
	if err != nil {
		return "", err
	}
	is := *was
	is.deployment = s.deployment
	t.known.CompareAndSwap(was, &is) // otherwise somebody else found out, and more
	return s.deployment, nil
}

// learn finds out how to fill in tickets, and remembers it. A server that does not say, as old ones do not, takes the issue type by its name.
func (t *tracker) learn(ctx context.Context, d ticket.Deployment) (*known, error) {
	id, screen, err := t.createScreen(ctx)
	is := &known{deployment: d, issueTypeID: id}
	switch f := fault.From(err); {
	case f == nil:
		is.form = newForm(t.config, screen)
	case f.Code != "" && (f.Kind == fault.NotFound || f.Kind == fault.Unauthorized && f.Scope != fault.Connection): // Jira's own; that there is no such issue type is ours
		is.form = blankForm(t.config, f.Message)
	default:
		return nil, err
	}
	t.known.Store(is)
	return is, nil
}

// createScreen is the ID of the configured issue type, and the fields that its create screen has.
func (t *tracker) createScreen(ctx context.Context) (issueTypeID string, screen []screenField, err error) {
	type issueType struct {
		ID, Name string
		Subtask  bool
	}
	path := "rest/api/2/issue/createmeta/" + url.PathEscape(t.config.Project) + "/issuetypes"
	types, err := paged[issueType](ctx, t, path)
	if err != nil {
		return "", nil, err
	}
	i := slices.IndexFunc(types, func(it issueType) bool { return it.Name == t.config.IssueType })
	if i < 0 {
		var names []string
		for _, it := range types {
			if !it.Subtask {
				names = append(names, it.Name)
			}
		}
		return "", nil, &fault.Fault{Kind: fault.NotFound, Scope: fault.Connection, Field: "issuetype", Message: fmt.Sprintf(
			"project %s has no issue type %q that the account may create; it has %s: mend spec.issueType",
			t.config.Project, t.config.IssueType, text.Truncate(strings.Join(names, ", "), 300))}
	}
	if types[i].ID == "" {
		return "", nil, incomplete("the ID of the issue type")
	}
	screen, err = paged[screenField](ctx, t, path+"/"+url.PathEscape(types[i].ID))
	return types[i].ID, screen, err
}

// paged reads a list of the createmeta resources, which has a name of its own on Cloud and is called values on Data Center.
func paged[T any](ctx context.Context, t *tracker, path string) ([]T, error) {
	var all []T
	for range maxPages {
		var got struct {
			IssueTypes, Fields, Values *[]T
			Total                      *int
			IsLast                     bool
		}
		if err := t.get(ctx, fmt.Sprintf("%s?startAt=%d&maxResults=%d", path, len(all), pageSize), &got); err != nil {
			return nil, err
		}
		var part *[]T
		for _, p := range []*[]T{got.IssueTypes, got.Fields, got.Values} {
			if p != nil {
				part = p
			}
		}
		if part == nil {
			return nil, incomplete("what issues can be created")
		}
		all = append(all, *part...)
		if len(*part) == 0 || got.IsLast || got.Total != nil && len(all) >= *got.Total {
			return all, nil
		}
	}
	return nil, fault.New(fault.Unavailable, "Jira lists more than %d issue types or fields for project %s, which is more than are read", len(all), t.config.Project)
}

// incomplete is the fault of an answer that lacks what was asked for.
func incomplete(what string) *fault.Fault {
	return fault.New(fault.Unavailable, "Jira answered without saying %s: is apiURL right, or is a proxy in between?", what)
}

func (t *tracker) browse(key string) string { return t.site + "/browse/" + key }
