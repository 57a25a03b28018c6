// SPDX-License-Identifier: Apache-2.0

package jira

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/voiceai-dev/integrations-operator/internal/fault"
	"github.com/voiceai-dev/integrations-operator/internal/text"
	"github.com/voiceai-dev/integrations-operator/internal/ticket"
	"github.com/voiceai-dev/integrations-operator/internal/transport"
)

const (
	// searchPage is the number of issues requested in a page. Servers reduce it to their maximum.
	searchPage = 1000
	// maxSearchPages bounds how many pages of a search are read.
	maxSearchPages = 200
	// maxByLabel is the number of searches by label above which one search by creation time is cheaper.
	maxByLabel = 5
	// searchMargin is added to the time that is searched: the search index lags behind, and JQL's unit is the minute.
	searchMargin = 2 * time.Minute
)

// issueFields are the fields that are read of an issue.
var issueFields = []string{"labels", "status", "resolution", "assignee", "created", "updated", "resolutiondate"}

// issue is an issue as it is read.
type issue struct {
	ID, Key string
	Fields  *struct {
		Created, Updated string
		ResolutionDate   string
		Labels           []string
		Status           *struct {
			Name           string
			StatusCategory struct{ Key string }
		}
		Resolution *struct{ Name string }
		Assignee   *struct{ DisplayName string }
	}
	// Properties has the property that Get asks for.
	Properties map[string]json.RawMessage
}

// isComplete reports whether an issue has an ID, a key and fields.
func (i *issue) isComplete() bool {
	return issueID.MatchString(i.ID) && issueKey.MatchString(i.Key) && i.Fields != nil
}

// ticket returns the ticket that an issue is.
func (t *tracker) ticket(i *issue) ticket.Ticket {
	out := ticket.Ticket{
		Key: i.Key, ID: i.ID, URL: t.browse(i.Key),
		Created: parseTime(i.Fields.Created), Updated: parseTime(i.Fields.Updated),
		Resolved: parseTime(i.Fields.ResolutionDate),
	}
	out.Markers = i.markers()
	for _, l := range i.Fields.Labels {
		if identity, ok := strings.CutPrefix(l, ticket.IdentityPrefix); ok {
			out.Identity = identity
		}
	}
	if s := i.Fields.Status; s != nil {
		out.Status = text.Truncate(s.Name, 255)
		out.StatusCategory = text.Truncate(s.StatusCategory.Key, 64)
	}
	if r := i.Fields.Resolution; r != nil {
		out.Resolution = text.Truncate(r.Name, 255)
	}
	if a := i.Fields.Assignee; a != nil {
		out.Assignee = text.Truncate(a.DisplayName, 255)
	}
	return out
}

// markers returns the markers in an issue's labels and its property.
func (i *issue) markers() []string {
	var out []string
	for _, l := range i.Fields.Labels {
		if strings.HasPrefix(l, ticket.MarkerPrefix) && len(l) <= maxLine {
			out = append(out, l)
		}
	}
	var value struct{ Marker string }
	if raw := i.Properties[propertyKey]; raw != nil && json.Unmarshal(raw, &value) == nil && value.Marker != "" {
		out = append(out, value.Marker)
	}
	return out
}

// parseTime parses a time of Jira. It returns the zero time if there is none.
func parseTime(s string) time.Time {
	out, _ := time.Parse("2006-01-02T15:04:05.999-0700", s)
	return out
}

// Find searches by label. For more than maxByLabel queries' worth of labels, it first searches by creation time, and
// falls back on the labels if that finds too much or is refused. It returns all tickets or an error, because the
// caller would take a part for all.
func (t *tracker) Find(ctx context.Context, markers []string, within time.Duration) (map[string]ticket.Ticket, error) {
	out := map[string]ticket.Ticket{}
	ofFinding := map[string][]ticket.Ticket{} // by the label that identifies the finding
	add := func(i *issue) {
		found := t.ticket(i)
		for _, l := range i.Fields.Labels {
			other, exists := out[l]
			switch {
			case strings.HasPrefix(l, ticket.MarkerPrefix) && (!exists || found.IsOlderThan(other)):
				out[l] = found
			case strings.HasPrefix(l, ticket.IdentityPrefix):
				ofFinding[l] = append(ofFinding[l], found)
			}
		}
	}
	if len(markers) > maxByLabel*ticket.MaxMarkers {
		more, err := t.search(ctx, query("created", within), add)
		if err == nil && !more { // what identifies a finding may be on an older ticket
			markers = slices.DeleteFunc(slices.Clone(markers), func(m string) bool { return strings.HasPrefix(m, ticket.MarkerPrefix) })
		}
		if err != nil && !fault.Is(err, fault.Invalid) {
			return nil, err
		}
	}
	for part := range slices.Chunk(markers, ticket.MaxMarkers) {
		labels := make([]string, len(part))
		for i, m := range part {
			labels[i] = quote(m)
		}
		more, err := t.search(ctx, "labels in ("+strings.Join(labels, ", ")+") ORDER BY created DESC, key DESC", add)
		if err != nil {
			return nil, err
		}
		if more {
			return nil, fault.New(fault.Unavailable, "Jira finds more than %d pages of tickets for %d labels, the most that are read",
				maxSearchPages, len(part))
		}
	}
	for l, all := range ofFinding {
		out[l] = ticket.Latest(all)
	}
	return out, nil
}

// compareAge compares tickets by creation, the oldest first.
func compareAge(a, b ticket.Ticket) int {
	switch {
	case a.IsOlderThan(b):
		return -1
	case b.IsOlderThan(a):
		return 1
	}
	return 0
}

// Changed searches by update time. If the search is refused or takes too long after some pages, it returns those: a
// retry would fail in the same way, with even more to read, and the newest changes are better than none.
func (t *tracker) Changed(ctx context.Context, within time.Duration) ([]ticket.Ticket, error) {
	byID := map[string]ticket.Ticket{}
	_, err := t.search(ctx, query("updated", within), func(i *issue) {
		found := t.ticket(i)
		if other, exists := byID[i.ID]; !exists || !found.Updated.Before(other.Updated) {
			byID[i.ID] = found
		}
	})
	retryFails := errors.Is(ctx.Err(), context.DeadlineExceeded) || fault.Is(err, fault.Invalid)
	if err != nil && (len(byID) == 0 || !retryFails) {
		return nil, err
	}
	return slices.SortedFunc(maps.Values(byID), func(a, b ticket.Ticket) int {
		return cmp.Or(a.Updated.Compare(b.Updated), compareAge(a, b))
	}), nil
}

// Open searches by status category and by update time. It returns the newest tickets if there are more than it reads.
func (t *tracker) Open(ctx context.Context, within time.Duration) ([]ticket.Ticket, error) {
	byID := map[string]ticket.Ticket{}
	open := "labels = " + quote(ticket.CommonLabel) + " AND statusCategory != Done ORDER BY created DESC, key DESC"
	for _, jql := range []string{query("updated", within), open} {
		if _, err := t.search(ctx, jql, func(i *issue) { byID[i.ID] = t.ticket(i) }); err != nil {
			return nil, err
		}
	}
	return slices.SortedFunc(maps.Values(byID), compareAge), nil
}

// query returns the JQL for the operator's tickets that were created or updated within the given time. The time is
// relative, so that the clocks and time zones of server and operator need not agree. The order is newest first: an
// issue that arrives between two pages then shows another one twice, whereas with the oldest first one could be
// skipped.
func query(field string, within time.Duration) string {
	minutes := int64((max(within, 0) + searchMargin + time.Minute - 1) / time.Minute)
	since := fmt.Sprintf("-%dm", minutes)
	return fmt.Sprintf("labels = %s AND %s >= %s ORDER BY %s DESC, key DESC", quote(ticket.CommonLabel), field, quote(since), field)
}

var escapes = strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`, "\r", `\r`)

// quote returns a value as a string of JQL.
func quote(value string) string { return `"` + escapes.Replace(value) + `"` }

// search reads the issues that a query finds, and reports whether there are more than it reads. It uses the endpoint
// of the deployment: Cloud has removed /search, and Data Center has no /search/jql.
func (t *tracker) search(ctx context.Context, jql string, each func(*issue)) (more bool, err error) {
	ctx = transport.ForSearch(ctx)
	deployment, err := t.deployment(ctx)
	if err != nil {
		return false, err
	}
	path := "rest/api/2/search"
	if deployment == ticket.Cloud {
		path = "rest/api/2/search/jql"
	}
	body := map[string]any{"jql": jql, "fields": issueFields, "maxResults": searchPage}
	read := 0
	for range maxSearchPages {
		var got foundPage
		err := t.call(ctx, http.MethodPost, path, body, &got)
		if read > 0 && transport.IsTooLong(err) {
			return true, nil
		}
		if err != nil {
			return false, adviseDeployment(err, deployment)
		}
		if got.Issues == nil {
			return false, incomplete("the issues found")
		}
		if len(*got.Issues) > searchPage {
			return false, fault.New(fault.Unavailable, "Jira returned %d issues in a page of at most %d. %s", len(*got.Issues), searchPage, checkURL)
		}
		for i := range *got.Issues {
			found := &(*got.Issues)[i]
			if !found.isComplete() {
				return false, incomplete("the ID, key and fields of an issue found")
			}
			each(found)
		}
		read += len(*got.Issues)
		if more, err = got.next(deployment, read, body); err != nil || !more {
			return false, err
		}
	}
	return true, nil
}

// adviseDeployment adds advice to the fault of a server without the search of its deployment: it may be the other
// one, and Jira does not say so.
func adviseDeployment(err error, deployment ticket.Deployment) error {
	f := fault.From(err)
	if f.Kind != fault.NotFound {
		return err
	}
	other := ticket.Cloud
	if deployment == ticket.Cloud {
		other = ticket.DataCenter
	}
	g := *f
	g.Message = fmt.Sprintf("%s. The request was for %s. If Jira is %s, set spec.deployment to it.",
		strings.TrimSuffix(f.Message, "."), deployment, other)
	return &g
}

// foundPage is a page of a search's result. Which members are present depends on the deployment.
type foundPage struct {
	Issues        *[]issue
	Total         *int
	NextPageToken string
	IsLast        *bool
}

// next reports whether there are more pages. If so, it makes body the request for the next one.
func (p *foundPage) next(d ticket.Deployment, read int, body map[string]any) (bool, error) {
	if d == ticket.Cloud {
		if p.NextPageToken == "" && p.IsLast != nil && !*p.IsLast {
			return false, incomplete("the token of the next page")
		}
		body["nextPageToken"] = p.NextPageToken
		return p.NextPageToken != "", nil
	}
	switch {
	case p.Total == nil:
		return false, incomplete("the total of issues found")
	case read >= *p.Total:
		return false, nil
	case len(*p.Issues) == 0:
		return false, fault.New(fault.Unavailable, "Jira found %d issues but returned only %d", *p.Total, read)
	}
	body["startAt"] = read
	return true, nil
}
