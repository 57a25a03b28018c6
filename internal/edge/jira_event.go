package edge

import (
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
)

const (
	// maxIssueID bounds an issue's id and key, as in DefectTicket.
	maxIssueID = 64
	// maxLabels and maxLabel bound the labels of an issue; Jira's own bound of a label is 255.
	maxLabels, maxLabel = 100, 255
)

// jiraEvent is what is used of a webhook's body. Jira sends much more, and not the same from Cloud, Data Center and old Servers
// (https://developer.atlassian.com/server/jira/platform/webhooks/).
type jiraEvent struct {
	// Name is such as jira:issue_updated or comment_created.
	Name string `json:"webhookEvent"`
	// Timestamp is in milliseconds since 1970.
	Timestamp millis `json:"timestamp"`
	// User did it; absent from comment_* events.
	User  *jiraUser `json:"user"`
	Issue struct {
		ID     number `json:"id"`
		Key    string `json:"key"`
		Fields struct {
			Labels []string `json:"labels"`
		} `json:"fields"`
	} `json:"issue"`
	Comment struct {
		Author       *jiraUser `json:"author"`
		UpdateAuthor *jiraUser `json:"updateAuthor"`
	} `json:"comment"`
}

// jiraUser is known by accountId on Cloud, by name and key on Data Center.
type jiraUser struct {
	AccountID string `json:"accountId"`
	Name      string `json:"name"`
	Key       string `json:"key"`
}

// number is digits, which Jira writes as a string and others as a number.
type number string

// UnmarshalJSON takes both, and takes anything else as absent.
func (n *number) UnmarshalJSON(raw []byte) error {
	digits := strings.Trim(string(raw), `"`)
	if digits != "" && strings.Trim(digits, "0123456789") == "" {
		*n = number(digits)
	}
	return nil
}

// millis is a time in milliseconds, as a number or as a string of one.
type millis int64

// UnmarshalJSON takes both, and takes anything else as absent.
func (m *millis) UnmarshalJSON(raw []byte) error {
	if at, err := strconv.ParseInt(strings.Trim(string(raw), `"`), 10, 64); err == nil {
		*m = millis(at)
	}
	return nil
}

// decodeJira reads a body. Its error says that it is not JSON; a value of an unexpected type is taken as absent.
func decodeJira(body []byte) (*jiraEvent, error) {
	e := &jiraEvent{}
	var mismatch *json.UnmarshalTypeError // the rest is decoded nevertheless
	if err := json.Unmarshal(body, e); err != nil && !errors.As(err, &mismatch) {
		return nil, fmt.Errorf("decoding the webhook's body: %w", err)
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

// by is who did it; nil when the body does not say.
func (e *jiraEvent) by() *jiraUser {
	switch {
	case e.User != nil:
		return e.User
	case e.Comment.UpdateAuthor != nil:
		return e.Comment.UpdateAuthor
	default:
		return e.Comment.Author
	}
}

// is says whether a user is the one of JiraIntegration.status.accountID.
func (u *jiraUser) is(accountID string) bool {
	return u != nil && accountID != "" && (u.AccountID == accountID || u.Name == accountID || u.Key == accountID)
}
