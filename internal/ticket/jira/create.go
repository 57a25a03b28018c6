package jira

import (
	"context"
	"net/http"
	"slices"
	"strings"

	"github.com/voiceai-dev/integrations-operator/internal/fault"
	"github.com/voiceai-dev/integrations-operator/internal/ticket"
)

// propertyKey is the entity property that says which Defect an issue belongs to. Unlike labels, people do not edit it.
const propertyKey = "voiceai-defect"

type named struct {
	ID   string `json:"id,omitempty"`
	Name string `json:"name,omitempty"`
	Key  string `json:"key,omitempty"`
}

// createBody is POST /rest/api/2/issue
// (https://developer.atlassian.com/cloud/jira/platform/rest/v2/api-group-issues/#api-rest-api-2-issue-post).
type createBody struct {
	Fields     map[string]any `json:"fields"`
	Properties []property     `json:"properties"`
}

type property struct {
	Key   string            `json:"key"`
	Value map[string]string `json:"value"`
}

// Create files a ticket: a fault's Field is one of the configured ones by its configured name. It is one call, and those of Probe that read the create screen when there are fields to fill in and it is not known.
func (t *tracker) Create(ctx context.Context, d ticket.Draft) (ticket.Ticket, error) {
	known, err := t.knownForm(ctx)
	if err != nil {
		return ticket.Ticket{}, err
	}
	fields := map[string]any{
		"project": named{Key: t.config.Project}, "issuetype": named{Name: t.config.IssueType},
		"summary": d.Summary, "description": d.Description, "labels": labels(d),
	}
	if known.issueTypeID != "" {
		fields["issuetype"] = named{ID: known.issueTypeID}
	}
	if d.Priority != "" {
		fields["priority"] = named{Name: d.Priority}
	}
	out, filled := ticket.Ticket{Priority: d.Priority}, map[string]string{} // names by ID
	for _, f := range t.config.Fields {
		value := strings.TrimSpace(d.Fields[f.Name])
		if value == "" {
			continue
		}
		id, encoded, why := known.form.fill(f, value, strings.TrimSpace(d.Markup[f.Name]), known.deployment)
		if why != "" {
			out.Omitted = append(out.Omitted, f.Name+": "+why)
			continue
		}
		fields[id], filled[id] = encoded, f.Name
	}
	body := createBody{Fields: fields, Properties: []property{{propertyKey, map[string]string{"marker": d.Marker}}}}
	var got struct{ ID, Key string }
	if err := t.call(ctx, http.MethodPost, "rest/api/2/issue", body, &got, true); err != nil {
		if name, ours := filled[fault.From(err).Field]; ours {
			fault.From(err).Field = name
		}
		return ticket.Ticket{}, err
	}
	if !issueKey.MatchString(got.Key) || !issueID.MatchString(got.ID) {
		return ticket.Ticket{}, fault.New(fault.Ambiguous, "Jira answered the creation of an issue without its ID and key")
	}
	out.ID, out.Key, out.URL = got.ID, got.Key, t.browse(got.Key)
	return out, nil
}

// labels are the draft's, and always those that the ticket is found by.
func labels(d ticket.Draft) []string {
	all := slices.Clone(d.Labels)
	for _, l := range []string{ticket.CommonLabel, d.Marker} {
		if l != "" && !slices.Contains(all, l) {
			all = append(all, l)
		}
	}
	return all
}

// knownForm is what is known, with the form when there are fields to fill in.
func (t *tracker) knownForm(ctx context.Context) (*known, error) {
	was := t.known.Load()
	if was.form != nil || len(t.config.Fields) == 0 {
		return was, nil
	}
	deployment, err := t.deployment(ctx)
	if err != nil {
		return nil, err
	}
	return t.learn(ctx, deployment)
}
