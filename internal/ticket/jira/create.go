// SPDX-License-Identifier: Apache-2.0

package jira

import (
	"cmp"
	"context"
	"net/http"
	"slices"
	"strings"

	"github.com/voiceai-dev/integrations-operator/internal/fault"
	"github.com/voiceai-dev/integrations-operator/internal/ticket"
)

// propertyKey is the entity property that identifies the Defect of an issue. Unlike labels, people do not edit it.
const propertyKey = "voiceai-defect"

// named identifies an object of Jira by one of its members.
type named struct {
	ID   string `json:"id,omitempty"`
	Name string `json:"name,omitempty"`
	Key  string `json:"key,omitempty"`
}

// createBody is the body of POST /rest/api/2/issue
// (https://developer.atlassian.com/cloud/jira/platform/rest/v2/api-group-issues/#api-rest-api-2-issue-post).
type createBody struct {
	Fields     map[string]any `json:"fields"`
	Properties []property     `json:"properties"`
}

type property struct {
	Key   string            `json:"key"`
	Value map[string]string `json:"value"`
}

// Create files a ticket by one call. If there are fields to fill in and the create screen is not known yet, it also
// makes the calls of Probe that read it. A fault's Field is the configured name of a configured field.
func (t *tracker) Create(ctx context.Context, d ticket.Draft) (ticket.Ticket, error) {
	meta, err := t.metadataWithForm(ctx)
	if err != nil {
		return ticket.Ticket{}, err
	}
	fields := map[string]any{
		"project": named{Key: t.config.Project}, "issuetype": named{Name: t.config.IssueType},
		"summary": d.Summary, "description": d.Description, "labels": labels(d),
	}
	if meta.issueTypeID != "" {
		fields["issuetype"] = named{ID: meta.issueTypeID}
	}
	if d.Priority != "" {
		fields["priority"] = named{Name: d.Priority}
	}
	out := ticket.Ticket{Priority: d.Priority}
	for _, f := range t.config.Fields {
		value := strings.TrimSpace(d.Fields[f.Name])
		if value == "" {
			continue
		}
		id, encoded, problem := meta.form.fill(f, value, strings.TrimSpace(d.Markup[f.Name]), meta.deployment)
		if problem != "" {
			out.Omitted = append(out.Omitted, f.Name+": "+problem)
			continue
		}
		fields[id] = encoded
	}
	body := createBody{Fields: fields, Properties: []property{{propertyKey, map[string]string{"marker": d.Marker}}}}
	var got struct{ ID, Key string }
	if err := t.callOnce(ctx, http.MethodPost, "rest/api/2/issue", body, &got); err != nil {
		return ticket.Ticket{Omitted: out.Omitted}, meta.withNames(fault.From(err))
	}
	if !issueKey.MatchString(got.Key) || !issueID.MatchString(got.ID) {
		return ticket.Ticket{}, fault.New(fault.Ambiguous, "Jira's answer to the creation of an issue has no ID and key")
	}
	out.ID = got.ID
	out.Key = got.Key
	out.URL = t.browse(got.Key)
	out.Markers = []string{d.Marker}
	return out, nil
}

// withNames returns a fault with the configured names of fields instead of their IDs.
func (m *metadata) withNames(f *fault.Fault) *fault.Fault {
	if m.form == nil || f.Fields == nil {
		return f
	}
	named := *f
	named.Field = cmp.Or(m.form.names[f.Field], f.Field)
	named.Fields = map[string]string{}
	for id, why := range f.Fields {
		named.Fields[cmp.Or(m.form.names[id], id)] = why
	}
	return &named
}

// labels returns the draft's labels, and those that the ticket is found by.
func labels(d ticket.Draft) []string {
	all := slices.Clone(d.Labels)
	for _, l := range []string{ticket.CommonLabel, d.Marker} {
		if l != "" && !slices.Contains(all, l) {
			all = append(all, l)
		}
	}
	return all
}
