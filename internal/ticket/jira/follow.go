package jira

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/voiceai-dev/integrations-operator/internal/fault"
	"github.com/voiceai-dev/integrations-operator/internal/text"
	"github.com/voiceai-dev/integrations-operator/internal/ticket"
)

// issuePath is the path of an issue, by ID or key.
func issuePath(id string) (string, error) {
	if !issueID.MatchString(id) && !issueKey.MatchString(id) {
		return "", fault.New(fault.Invalid, "%q is not the ID or key of an issue", text.Truncate(id, 100))
	}
	return "rest/api/2/issue/" + id, nil
}

// Get reads a ticket by its ID or key: one call.
func (t *tracker) Get(ctx context.Context, id string) (ticket.Ticket, error) {
	path, err := issuePath(id)
	if err != nil {
		return ticket.Ticket{}, err
	}
	var got issue
	if err := t.get(ctx, path+"?fields="+strings.Join(issueFields, ","), &got); err != nil {
		return ticket.Ticket{}, err
	}
	if !got.complete() {
		return ticket.Ticket{}, incomplete("the ID, key and fields of an issue")
	}
	return t.ticket(&got), nil
}

// transition leads an issue to a status.
type transition struct {
	ID, Name string
	To       struct {
		Name           string
		StatusCategory struct{ Key string }
	}
	Fields map[string]struct {
		Name                      string
		Required, HasDefaultValue bool
	}
}

// asks is which fields a transition cannot do without.
func (t *transition) asks() []string {
	var names []string
	for id, f := range t.Fields {
		if f.Required && !f.HasDefaultValue {
			names = append(names, fmt.Sprintf("%q (%s)", text.Truncate(f.Name, 100), id))
		}
	}
	slices.Sort(names)
	return names
}

// reached says whether a status is what is wanted.
func reached(to ticket.Target, status, category string) bool {
	if to.Status != "" {
		return strings.EqualFold(to.Status, status)
	}
	return strings.EqualFold(to.Category, category)
}

// Move reads the ticket and, unless it is there, its transitions, makes one and reads it again: one call or four. A call that is not answered
// is Unavailable, because doing it again begins with looking.
func (t *tracker) Move(ctx context.Context, id string, to ticket.Target) (ticket.Ticket, error) {
	if to == (ticket.Target{}) {
		return ticket.Ticket{}, fault.New(fault.Invalid, "no status is named to move the ticket to")
	}
	path, err := issuePath(id)
	if err != nil {
		return ticket.Ticket{}, err
	}
	is, err := t.Get(ctx, id)
	if err != nil || reached(to, is.Status, is.StatusCategory) {
		return is, err
	}
	var got struct{ Transitions *[]transition }
	if err := t.get(ctx, path+"/transitions?expand=transitions.fields", &got); err != nil {
		return ticket.Ticket{}, err
	}
	if got.Transitions == nil {
		return ticket.Ticket{}, incomplete("the transitions of an issue")
	}
	by, err := choose(*got.Transitions, is, to)
	if err != nil {
		return ticket.Ticket{}, err
	}
	body := map[string]any{"transition": named{ID: by}}
	if err := t.call(ctx, http.MethodPost, path+"/transitions", body, nil, false); err != nil {
		return ticket.Ticket{}, err
	}
	return t.Get(ctx, id)
}

// choose is the ID of the first transition that leads where it is wanted and asks for nothing.
func choose(all []transition, from ticket.Ticket, to ticket.Target) (string, error) {
	wanted := fmt.Sprintf("status %q", to.Status)
	if to.Status == "" {
		wanted = fmt.Sprintf("a status of the category %q", to.Category)
	}
	var offered, asking []string
	for i := range all {
		by := &all[i]
		if status := text.Truncate(by.To.Name, 100); !slices.Contains(offered, status) {
			offered = append(offered, status)
		}
		if !reached(to, by.To.Name, by.To.StatusCategory.Key) {
			continue
		}
		asks := by.asks()
		if len(asks) == 0 {
			return by.ID, nil
		}
		asking = append(asking, fmt.Sprintf("transition %q asks for %s", text.Truncate(by.Name, 100), list(asks)))
	}
	switch {
	case asking != nil:
		return "", fault.New(fault.Invalid, "%s cannot be moved from %q to %s without more: %s: give the fields a default, or move it by hand",
			from.Key, from.Status, wanted, list(asking))
	case offered == nil:
		return "", fault.New(fault.Invalid, "%s cannot be moved from %q to %s: Jira offers no transition: give the account the permission to transition issues",
			from.Key, from.Status, wanted)
	default:
		return "", fault.New(fault.Invalid, "%s cannot be moved from %q to %s: Jira offers %s: mend spec.transitions or the workflow",
			from.Key, from.Status, wanted, list(offered))
	}
}

// commentRef is what a comment's Ref looks like. commentPage is how many comments are looked at; a repeated one is among the newest.
var commentRef = regexp.MustCompile(`^[A-Za-z0-9-]{1,100}$`)

const commentPage = 100

// Comment reads the newest comments and, unless one has the reference, adds one: one call or two.
func (t *tracker) Comment(ctx context.Context, id string, c ticket.Comment) error {
	path, err := issuePath(id)
	if err != nil {
		return err
	}
	if !commentRef.MatchString(c.Ref) {
		return fault.New(fault.Invalid, "%q is not the reference of a comment", text.Truncate(c.Ref, 100))
	}
	path += "/comment"
	var got struct{ Comments *[]struct{ Body string } }
	if err := t.get(ctx, fmt.Sprintf("%s?orderBy=-created&maxResults=%d", path, commentPage), &got); err != nil {
		return err
	}
	if got.Comments == nil {
		return incomplete("the comments of an issue")
	}
	footer := "Voice AI Testing Framework, ref " + c.Ref
	for _, there := range *got.Comments {
		if hasLine(there.Body, footer) {
			return nil
		}
	}
	small := "\n\n~" + footer + "~"
	body := map[string]string{"body": text.Truncate(c.Body, maxText-utf8.RuneCountInString(small)) + small}
	return t.add(ctx, path, body, "a comment")
}

// hasLine says whether a text has a line, whatever markup is around it and whatever Cloud, which keeps another format and translates, has
// escaped.
func hasLine(text, line string) bool {
	for l := range strings.Lines(text) {
		if strings.Trim(strings.ReplaceAll(l, `\`, ""), "~{}* \t\r\n") == line {
			return true
		}
	}
	return false
}

// Link adds or replaces a remote link, which Jira knows by its global ID: one call
// (https://developer.atlassian.com/cloud/jira/platform/rest/v2/api-group-issue-remote-links/).
func (t *tracker) Link(ctx context.Context, id string, l ticket.Link) error {
	path, err := issuePath(id)
	if err != nil {
		return err
	}
	if l.GlobalID == "" || l.URL == "" || l.Title == "" || utf8.RuneCountInString(l.GlobalID) > maxLine {
		return fault.New(fault.Invalid, "a link needs a global ID of at most %d characters, a URL and a title", maxLine)
	}
	body := map[string]any{
		"globalId": l.GlobalID,
		"object":   map[string]string{"url": l.URL, "title": text.Truncate(l.Title, maxLine)},
	}
	return t.add(ctx, path+"/remotelink", body, "a link")
}

// add posts what does no harm when it is posted twice. The answer has to have the ID of what was made: a page of a proxy has none.
func (t *tracker) add(ctx context.Context, path string, body any, what string) error {
	var got struct{ ID json.RawMessage }
	if err := t.call(ctx, http.MethodPost, path, body, &got, false); err != nil {
		return err
	}
	if len(got.ID) == 0 {
		return incomplete("the ID of " + what + " that it was to add")
	}
	return nil
}
