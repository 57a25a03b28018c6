// SPDX-License-Identifier: Apache-2.0

package jira

import (
	"cmp"
	"context"
	"fmt"
	"net/url"
	"strings"

	"github.com/voiceai-dev/integrations-operator/internal/fault"
	"github.com/voiceai-dev/integrations-operator/internal/ticket"
	"github.com/voiceai-dev/integrations-operator/internal/transport"
)

const (
	// pageSize is the number of issue types or fields in a page. Jira returns at most 200.
	pageSize = 200
	// minPageSize is the number in a page from which on a page that is too long is not split.
	minPageSize = 2
	// maxPages bounds how many pages of issue types or fields are read.
	maxPages = 20
	// maxSite bounds a base URL.
	maxSite = 1000
)

// Probe reads the server's information, the account, the project, and the issue type with its create screen: five
// calls.
func (t *tracker) Probe(ctx context.Context) (ticket.Project, error) {
	ctx = transport.ForProbe(ctx)
	server, err := t.server(ctx)
	if err != nil {
		return ticket.Project{}, inPart("Credentials", err)
	}
	out := ticket.Project{Deployment: server.deployment, Version: server.version}
	if err := t.probeAccount(ctx, &out); err != nil {
		return ticket.Project{}, inPart("Credentials", err)
	}
	types, err := t.probeProject(ctx, &out)
	if err != nil {
		return ticket.Project{}, inPart("Project", err)
	}
	meta, err := t.readMetadata(ctx, server, types)
	if err != nil {
		return ticket.Project{}, inPart("IssueType", err)
	}
	out.Priorities = meta.form.priorities
	out.PriorityRequired = meta.form.priorityRequired
	out.Problems = meta.form.problems
	out.Blockers = meta.form.blockers
	out.Form = meta.form.version
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

// probeProject reads the project and returns its issue types.
func (t *tracker) probeProject(ctx context.Context, out *ticket.Project) ([]issueType, error) {
	var project struct {
		Key, Name  string
		IssueTypes []issueType
	}
	if err := t.get(ctx, "rest/api/2/project/"+url.PathEscape(t.config.Project), &project); err != nil {
		if transport.IsTooLong(err) { // the project exists, and its many versions do not matter
			return nil, nil
		}
		if f := fault.From(err); f.Kind == fault.NotFound {
			f.Scope = fault.Connection
			f.Message = fmt.Sprintf("Project %q does not exist, or the account may not see it. "+
				"Fix spec.projectKey or the account's permissions.", t.config.Project)
		}
		return nil, err
	}
	if project.Key == "" {
		return nil, incomplete("the project's key")
	}
	out.Name = project.Name
	return project.IssueTypes, nil
}

// server is what a server says about itself.
type server struct {
	deployment ticket.Deployment
	version    string
	// site is the base of the pages that people open; empty when unknown.
	site string
}

// server reads the server's information. The configured deployment takes precedence. A server that refuses the
// request is what the configuration says: the next call finds out whether the credentials are valid.
func (t *tracker) server(ctx context.Context) (server, error) {
	var info struct{ BaseURL, DeploymentType, Version string }
	if err := t.get(ctx, "rest/api/2/serverInfo", &info); err != nil {
		if t.config.Deployment != "" && (fault.Is(err, fault.NotFound) || fault.Is(err, fault.Unauthorized)) {
			return server{deployment: t.config.Deployment}, nil
		}
		return server{}, err
	}
	if info.Version == "" && info.DeploymentType == "" {
		return server{}, incomplete("the server's version or deployment type")
	}
	out := server{t.config.Deployment, info.Version, siteOf(info.BaseURL)}
	if out.deployment == "" {
		out.deployment = ticket.DataCenter
		if strings.EqualFold(info.DeploymentType, "Cloud") {
			out.deployment = ticket.Cloud
		}
	}
	return out, nil
}

// siteOf returns the base URL that a server reports, or an empty string if pages cannot be opened with it.
func siteOf(baseURL string) string {
	u, err := url.Parse(baseURL)
	if err != nil || len(baseURL) > maxSite || u.Scheme != "https" && u.Scheme != "http" || u.Host == "" ||
		u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		return ""
	}
	return u.String()
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
	updated.server = s
	t.metadata.CompareAndSwap(old, &updated) // if another goroutine was faster, it stored more
	return s.deployment, nil
}
