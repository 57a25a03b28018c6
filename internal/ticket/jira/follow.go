// SPDX-License-Identifier: Apache-2.0

package jira

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"regexp"
	"strings"

	"github.com/voiceai-dev/integrations-operator/internal/fault"
	"github.com/voiceai-dev/integrations-operator/internal/text"
	"github.com/voiceai-dev/integrations-operator/internal/ticket"
)

// issuePath returns the path of an issue, by ID or key.
func issuePath(id string) (string, error) {
	if !issueID.MatchString(id) && !issueKey.MatchString(id) {
		return "", fault.New(fault.Invalid, "%q is not an issue ID or key", text.Truncate(id, 100))
	}
	return "rest/api/2/issue/" + id, nil
}

// Get reads a ticket by its ID or key with one call.
func (t *tracker) Get(ctx context.Context, id string) (ticket.Ticket, error) {
	path, err := issuePath(id)
	if err != nil {
		return ticket.Ticket{}, err
	}
	var got issue
	if err := t.get(ctx, path+"?fields="+strings.Join(issueFields, ",")+"&properties="+propertyKey, &got); err != nil {
		return ticket.Ticket{}, err
	}
	if !got.isComplete() {
		return ticket.Ticket{}, incomplete("the ID, key and fields of the issue")
	}
	return t.ticket(&got), nil
}

// Move reads the ticket. Unless it has reached the target, Move reads its transitions, makes one and reads the ticket
// again: one call or four. A call without an answer is Unavailable, because a retry starts by reading the ticket.
func (t *tracker) Move(ctx context.Context, id string, to ticket.Target) (ticket.Ticket, error) {
	if to.Status == "" && to.Category == "" {
		return ticket.Ticket{}, fault.New(fault.Invalid, "The target has neither a status nor a category")
	}
	path, err := issuePath(id)
	if err != nil {
		return ticket.Ticket{}, err
	}
	current, err := t.Get(ctx, id)
	if err != nil || isReached(to, current.Status, current.StatusCategory) {
		return current, err
	}
	var got struct{ Transitions *[]transition }
	if err := t.get(ctx, path+"/transitions?expand=transitions.fields", &got); err != nil {
		return ticket.Ticket{}, err
	}
	if got.Transitions == nil {
		return ticket.Ticket{}, incomplete("the transitions of the issue")
	}
	transitionID, err := choose(*got.Transitions, current, to)
	if err != nil {
		return ticket.Ticket{}, err
	}
	body := map[string]any{"transition": named{ID: transitionID}}
	if err := t.call(ctx, http.MethodPost, path+"/transitions", body, nil); err != nil {
		return ticket.Ticket{}, err
	}
	return t.Get(ctx, id)
}

// commentRef is the format of a comment's Ref.
var commentRef = regexp.MustCompile(`^[A-Za-z0-9-]{1,100}$`)

// commentPage is the number of comments that are searched. A repeated comment is among the newest.
const commentPage = 100

// Comment reads the newest comments, and adds one unless one of them has the Ref: one call or two.
func (t *tracker) Comment(ctx context.Context, id string, c ticket.Comment) error {
	path, err := issuePath(id)
	if err != nil {
		return err
	}
	if !commentRef.MatchString(c.Ref) {
		return fault.New(fault.Invalid, "%q is not a valid reference of a comment", text.Truncate(c.Ref, 100))
	}
	path += "/comment"
	var got struct{ Comments *[]struct{ Body string } }
	if err := t.get(ctx, fmt.Sprintf("%s?orderBy=-created&maxResults=%d", path, commentPage), &got); err != nil {
		return err
	}
	if got.Comments == nil {
		return incomplete("the comments of the issue")
	}
	footer := "Voice AI Testing Framework, ref " + c.Ref
	for _, existing := range *got.Comments {
		if hasLine(existing.Body, footer) {
			return nil
		}
	}
	small := "\n\n~" + footer + "~"
	body := map[string]string{"body": text.TruncateUTF16(c.Body, maxText-text.UTF16Len(small)) + small}
	return t.add(ctx, path, body, "comment")
}

// hasLine reports whether a text contains a line. It ignores markup around the line, and the escapes that Cloud adds
// when it converts the text from its own format.
func hasLine(text, line string) bool {
	for l := range strings.Lines(text) {
		if strings.Trim(strings.ReplaceAll(l, `\`, ""), "~{}* \t\r\n") == line {
			return true
		}
	}
	return false
}

// Link adds or replaces a remote link, which its global ID identifies, by one call
// (https://developer.atlassian.com/cloud/jira/platform/rest/v2/api-group-issue-remote-links/).
func (t *tracker) Link(ctx context.Context, id string, l ticket.Link) error {
	path, err := issuePath(id)
	if err != nil {
		return err
	}
	if l.GlobalID == "" || l.URL == "" || l.Title == "" || text.UTF16Len(l.GlobalID) > maxLine {
		return fault.New(fault.Invalid, "A link needs a global ID of at most %d characters, a URL and a title", maxLine)
	}
	body := map[string]any{
		"globalId": l.GlobalID,
		"object":   map[string]string{"url": l.URL, "title": text.TruncateUTF16(l.Title, maxLine)},
	}
	return t.add(ctx, path+"/remotelink", body, "link")
}

// add posts an object that may be posted twice. The answer must contain its ID, so that a proxy's page is
// not mistaken for Jira's answer.
func (t *tracker) add(ctx context.Context, path string, body any, what string) error {
	var got struct{ ID json.RawMessage }
	if err := t.call(ctx, http.MethodPost, path, body, &got); err != nil {
		return err
	}
	if len(got.ID) == 0 {
		return incomplete("the ID of the new " + what)
	}
	return nil
}
