// SPDX-License-Identifier: Apache-2.0

package jirahook

import (
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
)

const (
	// maxIssueID bounds the ID and the key of an issue, as in DefectTicket, and the name of an event.
	maxIssueID = 64
	// maxLabels bounds how many labels of an issue are used.
	maxLabels = 100
	// maxLabel bounds a label of an issue, as Jira does.
	maxLabel = 255
)

// event is the part of a webhook's body that is used. Jira sends much more, and Cloud, Data Center and old Servers
// differ (https://developer.atlassian.com/server/jira/platform/webhooks/).
type event struct {
	// Name is such as jira:issue_updated or comment_created.
	Name      string `json:"webhookEvent"`
	Timestamp millis `json:"timestamp"`
	// User made the change; absent from comment_* events.
	User  *user `json:"user"`
	Issue struct {
		ID     digits `json:"id"`
		Key    string `json:"key"`
		Fields struct {
			Labels []string `json:"labels"`
		} `json:"fields"`
	} `json:"issue"`
	Comment struct {
		Author       *user `json:"author"`
		UpdateAuthor *user `json:"updateAuthor"`
	} `json:"comment"`
}

// user is identified by accountId on Cloud, and by name and key on Data Center.
type user struct {
	AccountID string `json:"accountId"`
	Name      string `json:"name"`
	Key       string `json:"key"`
}

// digits is an ID made of digits, which Jira sends as a string and other clients as a number.
type digits string

// UnmarshalJSON accepts a string and a number, and ignores any other value.
func (d *digits) UnmarshalJSON(raw []byte) error {
	text := strings.Trim(string(raw), `"`)
	if text != "" && strings.Trim(text, "0123456789") == "" {
		*d = digits(text)
	}
	return nil
}

// millis is a time in milliseconds since 1970.
type millis int64

// UnmarshalJSON accepts a number and a string that contains one, and ignores any other value.
func (m *millis) UnmarshalJSON(raw []byte) error {
	if at, err := strconv.ParseInt(strings.Trim(string(raw), `"`), 10, 64); err == nil {
		*m = millis(at)
	}
	return nil
}

// decode returns the event in a body, or an error if the body is not JSON. It ignores values of an unexpected type.
func decode(body []byte) (*event, error) {
	e := &event{}
	var mismatch *json.UnmarshalTypeError // json.Unmarshal decodes the rest nevertheless
	if err := json.Unmarshal(body, e); err != nil && !errors.As(err, &mismatch) {
		return nil, fmt.Errorf("decoding the body of the webhook: %w", err)
	}
	e.Name = e.Name[:min(len(e.Name), maxIssueID)]
	if len(e.Issue.ID) > maxIssueID {
		e.Issue.ID = ""
	}
	if len(e.Issue.Key) > maxIssueID {
		e.Issue.Key = ""
	}
	var labels []string
	for _, l := range e.Issue.Fields.Labels {
		if l != "" && len(l) <= maxLabel && len(labels) < maxLabels {
			labels = append(labels, l)
		}
	}
	e.Issue.Fields.Labels = labels
	return e, nil
}

// hasIssue reports whether an event is about an issue.
func (e *event) hasIssue() bool {
	return e.Issue.ID != "" || e.Issue.Key != "" || e.Issue.Fields.Labels != nil
}

// actor returns the user who made the change; nil if the body names none.
func (e *event) actor() *user {
	switch {
	case e.User != nil:
		return e.User
	case e.Comment.UpdateAuthor != nil:
		return e.Comment.UpdateAuthor
	default:
		return e.Comment.Author
	}
}

// isEcho reports whether an event is about an issue or a comment that the operator's account created: nothing in Jira
// can be newer for that. Other changes by the account may be a person's, whose token the operator has.
func (e *event) isEcho(accountID string) bool {
	isCreated := e.Name == "jira:issue_created" || e.Name == "issue_created" || strings.HasPrefix(e.Name, "comment_")
	return isCreated && e.actor().hasAccount(accountID)
}

// hasAccount reports whether a user is the account in the status of a JiraIntegration.
func (u *user) hasAccount(accountID string) bool {
	return u != nil && accountID != "" && (u.AccountID == accountID || u.Name == accountID || u.Key == accountID)
}
