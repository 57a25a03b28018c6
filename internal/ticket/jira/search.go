package jira

import (
	"cmp"
	"context"
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
)

const (
	// searchPage is how many issues are asked for at once. Servers cut it down to what they give.
	searchPage = 1000
	// maxSearchPages bounds a search.
	maxSearchPages = 200
	// maxByLabel is how many searches by label are made before one for all that was created is thought cheaper.
	maxByLabel = 5
	// slack is added to what is searched, for the seconds that a search is behind and for those that were cut off.
	slack = 2 * time.Minute
)

// issueFields are those that are read of an issue.
var issueFields = []string{"labels", "status", "resolution", "assignee", "created", "updated"}

// issue is what is read of an issue.
type issue struct {
	ID, Key string
	Fields  *struct {
		Created, Updated string
		Labels           []string
		Status           *struct {
			Name           string
			StatusCategory struct{ Key string }
		}
		Resolution *struct{ Name string }
		Assignee   *struct{ DisplayName string }
	}
}

// complete says whether an issue has what every issue has.
func (i *issue) complete() bool {
	return issueID.MatchString(i.ID) && issueKey.MatchString(i.Key) && i.Fields != nil
}

func (t *tracker) ticket(i *issue) ticket.Ticket {
	out := ticket.Ticket{Key: i.Key, ID: i.ID, URL: t.browse(i.Key), Created: jiraTime(i.Fields.Created), Updated: jiraTime(i.Fields.Updated)}
	if s := i.Fields.Status; s != nil {
		out.Status, out.StatusCategory = text.Truncate(s.Name, 255), text.Truncate(s.StatusCategory.Key, 64)
	}
	if r := i.Fields.Resolution; r != nil {
		out.Resolution = text.Truncate(r.Name, 255)
	}
	if a := i.Fields.Assignee; a != nil {
		out.Assignee = text.Truncate(a.DisplayName, 255)
	}
	return out
}

// jiraTime reads a time, which is the zero time when Jira says none.
func jiraTime(s string) time.Time {
	out, _ := time.Parse("2006-01-02T15:04:05.999-0700", s)
	return out
}

// Find searches by label. For very many labels it searches for all that was created, unless that is too much to read, or refused: one call for
// each page. A part of the tickets would be mistaken for all, so that it gives none when it cannot read all of them.
func (t *tracker) Find(ctx context.Context, markers []string, within time.Duration) (map[string]ticket.Ticket, error) {
	out := map[string]ticket.Ticket{}
	take := func(i *issue) {
		found := t.ticket(i)
		for _, l := range i.Fields.Labels {
			if !strings.HasPrefix(l, ticket.MarkerPrefix) {
				continue
			}
			if other, twice := out[l]; !twice || older(found, other) < 0 {
				out[l] = found
			}
		}
	}
	if len(markers) > maxByLabel*ticket.MaxMarkers {
		more, err := t.search(ctx, query("created", within), take)
		if err == nil && !more {
			return out, nil
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
		more, err := t.search(ctx, "labels in ("+strings.Join(labels, ", ")+") ORDER BY created DESC, key DESC", take)
		if err != nil {
			return nil, err
		}
		if more {
			return nil, fault.New(fault.Unavailable, "Jira finds more than %d pages of tickets for %d labels, which is more than are read", maxSearchPages, len(part))
		}
	}
	return out, nil
}

// older compares by creation.
func older(a, b ticket.Ticket) int {
	return cmp.Or(a.Created.Compare(b.Created), cmp.Compare(len(a.ID), len(b.ID)), cmp.Compare(a.ID, b.ID))
}

// Changed searches for what was updated: one call for each page. What cannot be read to its end, because it is too much or takes too long, could
// not be read the next time either, when there is even more of it. The newest changes are better than none for ever.
func (t *tracker) Changed(ctx context.Context, within time.Duration) ([]ticket.Ticket, error) {
	byID := map[string]ticket.Ticket{}
	_, err := t.search(ctx, query("updated", within), func(i *issue) {
		found := t.ticket(i)
		if other, twice := byID[i.ID]; !twice || !found.Updated.Before(other.Updated) {
			byID[i.ID] = found
		}
	})
	vain := errors.Is(ctx.Err(), context.DeadlineExceeded) || fault.Is(err, fault.Invalid)
	if err != nil && (len(byID) == 0 || !vain) {
		return nil, err
	}
	return slices.SortedFunc(maps.Values(byID), func(a, b ticket.Ticket) int {
		return cmp.Or(a.Updated.Compare(b.Updated), older(a, b))
	}), nil
}

// query is the JQL for all our tickets that were created or updated within the last so long. The time is relative, so that the server's clock
// and ours, and their time zones, need not agree. The newest come first: what comes in while pages are read then shows an issue twice, where
// with the oldest first one could slip away between two pages.
func query(field string, within time.Duration) string {
	minutes := int64((max(within, 0) + slack + time.Minute - 1) / time.Minute)
	return fmt.Sprintf("labels = %s AND %s >= %s ORDER BY %s DESC, key DESC", quote(ticket.CommonLabel), field, quote(fmt.Sprintf("-%dm", minutes)), field)
}

var escapes = strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`, "\r", `\r`)

// quote is a value as a string of JQL.
func quote(value string) string { return `"` + escapes.Replace(value) + `"` }

// search reads the issues that a query finds, by the way that the deployment has: Cloud took /search away, Data Center never had
// /search/jql. It says whether there are more than it reads.
func (t *tracker) search(ctx context.Context, jql string, each func(*issue)) (more bool, err error) {
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
		if err := t.call(ctx, http.MethodPost, path, body, &got, false); err != nil {
			return false, noSearch(err, deployment)
		}
		if got.Issues == nil {
			return false, incomplete("what it found")
		}
		for i := range *got.Issues {
			if is := &(*got.Issues)[i]; is.complete() {
				each(is)
				continue
			}
			return false, incomplete("the ID, key and fields of an issue that it found")
		}
		read += len(*got.Issues)
		if more, err = got.next(deployment, read, body); err != nil || !more {
			return false, err
		}
	}
	return true, nil
}

// noSearch adds what to mend when a server does not have the search of its deployment: it may be the other one, which it does not say itself.
func noSearch(err error, deployment ticket.Deployment) error {
	f := fault.From(err)
	if f.Kind != fault.NotFound {
		return err
	}
	other := ticket.Cloud
	if deployment == ticket.Cloud {
		other = ticket.DataCenter
	}
	g := *f
	g.Message = fmt.Sprintf("%s; it was asked as %s: set spec.deployment to %s if it is that", f.Message, deployment, other)
	return &g
}

// foundPage is a page of a search's answer. Its members are absent where the deployment has no such thing.
type foundPage struct {
	Issues        *[]issue
	Total         *int
	NextPageToken string
	IsLast        *bool
}

// next says whether there are more pages, and asks for the next one in the body.
func (p *foundPage) next(d ticket.Deployment, read int, body map[string]any) (bool, error) {
	if d == ticket.Cloud {
		if p.NextPageToken == "" && p.IsLast != nil && !*p.IsLast {
			return false, incomplete("where its search goes on")
		}
		body["nextPageToken"] = p.NextPageToken
		return p.NextPageToken != "", nil
	}
	switch {
	case p.Total == nil:
		return false, incomplete("how many issues it found")
	case read >= *p.Total:
		return false, nil
	case len(*p.Issues) == 0:
		return false, fault.New(fault.Unavailable, "Jira found %d issues and gave only %d", *p.Total, read)
	}
	body["startAt"] = read
	return true, nil
}
