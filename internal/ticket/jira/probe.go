package jira

import (
	"cmp"
	"context"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"github.com/voiceai-dev/integrations-operator/internal/fault"
	"github.com/voiceai-dev/integrations-operator/internal/text"
	"github.com/voiceai-dev/integrations-operator/internal/ticket"
)

const (
	// pageSize is the number of issue types or fields in a page. Jira returns at most 200.
	pageSize = 200
	// maxPages bounds how many pages of issue types or fields are read.
	maxPages = 20
)

// Probe reads the server's information, the account, the project, and the issue type with its create screen: five
// calls.
func (t *tracker) Probe(ctx context.Context) (ticket.Project, error) {
	server, err := t.server(ctx)
	if err != nil {
		return ticket.Project{}, inPart("Credentials", err)
	}
	out := ticket.Project{Deployment: server.deployment, Version: server.version}
	if err := t.probeAccount(ctx, &out); err != nil {
		return ticket.Project{}, inPart("Credentials", err)
	}
	if err := t.probeProject(ctx, &out); err != nil {
		return ticket.Project{}, inPart("Project", err)
	}
	meta, err := t.readMetadata(ctx, out.Deployment)
	if err != nil {
		return ticket.Project{}, inPart("IssueType", err)
	}
	out.Priorities = meta.form.priorities
	out.Problems = meta.form.problems
	return out, nil
}

// inPart names the part of a probe that Jira refused.
func inPart(part string, err error) error {
	f := fault.From(err)
	if f.Kind.Permanent() {
		f.Field = part
	}
	return f
}

// probeAccount reads the account that the credentials belong to.
func (t *tracker) probeAccount(ctx context.Context, out *ticket.Project) error {
	var me struct{ AccountID, Name, DisplayName string }
	if err := t.get(ctx, "rest/api/2/myself", &me); err != nil {
		if f := fault.From(err); f.Kind == fault.NotFound || f.Kind == fault.Unauthorized {
			f.Kind = fault.Unauthorized
			f.Scope = fault.Connection
		}
		return err
	}
	out.Account = me.DisplayName
	if out.AccountID = cmp.Or(me.AccountID, me.Name); out.AccountID == "" {
		return incomplete("the account's ID or name")
	}
	return nil
}

// probeProject reads the project.
func (t *tracker) probeProject(ctx context.Context, out *ticket.Project) error {
	var project struct{ Key, Name string }
	if err := t.get(ctx, "rest/api/2/project/"+url.PathEscape(t.config.Project), &project); err != nil {
		if f := fault.From(err); f.Kind == fault.NotFound {
			f.Scope = fault.Connection
			f.Message = fmt.Sprintf("Project %q does not exist, or the account may not see it. "+
				"Fix spec.projectKey or the account's permissions.", t.config.Project)
		}
		return err
	}
	if project.Key == "" {
		return incomplete("the project's key")
	}
	out.Name = project.Name
	return nil
}

// server is what a server says about itself.
type server struct {
	deployment ticket.Deployment
	version    string
}

// server reads the server's information. The configured deployment takes precedence. A server that refuses the
// request is what the configuration says: the next call finds out whether the credentials are valid.
func (t *tracker) server(ctx context.Context) (server, error) {
	var info struct{ DeploymentType, Version string }
	if err := t.get(ctx, "rest/api/2/serverInfo", &info); err != nil {
		if t.config.Deployment != "" && (fault.Is(err, fault.NotFound) || fault.Is(err, fault.Unauthorized)) {
			return server{deployment: t.config.Deployment}, nil
		}
		return server{}, err
	}
	if info.Version == "" && info.DeploymentType == "" {
		return server{}, incomplete("the server's version or deployment type")
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

// deployment returns the kind of server. It queries the server once, if the configuration does not name it.
func (t *tracker) deployment(ctx context.Context) (ticket.Deployment, error) {
	old := t.metadata.Load()
	if old.deployment != "" {
		return old.deployment, nil
	}
	s, err := t.server(ctx)
	if err != nil {
		return "", err
	}
	updated := *old
	updated.deployment = s.deployment
	t.metadata.CompareAndSwap(old, &updated) // if another goroutine was faster, it stored more
	return s.deployment, nil
}

// metadataWithForm returns the metadata. If there are fields to fill in, it includes the form.
func (t *tracker) metadataWithForm(ctx context.Context) (*metadata, error) {
	meta := t.metadata.Load()
	if meta.form != nil || len(t.config.Fields) == 0 {
		return meta, nil
	}
	deployment, err := t.deployment(ctx)
	if err != nil {
		return nil, err
	}
	return t.readMetadata(ctx, deployment)
}

// readMetadata reads how to fill in tickets, and stores it. Old servers do not describe the create screen. Their
// issue type is used by name.
func (t *tracker) readMetadata(ctx context.Context, d ticket.Deployment) (*metadata, error) {
	id, screen, err := t.createScreen(ctx)
	meta := &metadata{deployment: d, issueTypeID: id}
	switch {
	case err == nil:
		meta.form = newForm(t.config, screen)
	case isUndescribed(fault.From(err)):
		meta.form = unknownForm(t.config, fault.From(err).Message)
	default:
		return nil, err
	}
	t.metadata.Store(meta)
	return meta, nil
}

// isUndescribed reports whether f is Jira's refusal to describe the create screen. A fault without a code is
// createScreen's own.
func isUndescribed(f *fault.Fault) bool {
	return f.Code != "" && (f.Kind == fault.NotFound || f.Kind == fault.Unauthorized && f.Scope != fault.Connection)
}

// createScreen returns the ID of the configured issue type, and the fields of its create screen.
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
			"Project %s has no issue type %q that the account may create. Set spec.issueType to one of: %s.",
			t.config.Project, t.config.IssueType, text.Truncate(strings.Join(names, ", "), 300))}
	}
	if types[i].ID == "" {
		return "", nil, incomplete("the ID of the issue type")
	}
	screen, err = paged[screenField](ctx, t, path+"/"+url.PathEscape(types[i].ID))
	return types[i].ID, screen, err
}

// paged reads a list of the createmeta resources. Cloud names it after its elements, Data Center names it values.
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
			return nil, incomplete("the issue types or their fields")
		}
		all = append(all, *part...)
		if len(*part) == 0 || got.IsLast || got.Total != nil && len(all) >= *got.Total {
			return all, nil
		}
	}
	return nil, fault.New(fault.Unavailable, "Project %s has more than %d issue types or fields, the most that are read",
		t.config.Project, len(all))
}
