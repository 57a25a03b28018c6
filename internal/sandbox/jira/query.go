// SPDX-License-Identifier: Apache-2.0

package jira

import (
	"fmt"
	"net/http"
	"slices"
	"strconv"

	"github.com/voiceai-dev/integrations-operator/internal/sandbox/jira/catalog"
	"github.com/voiceai-dev/integrations-operator/internal/sandbox/jira/issue"
	"github.com/voiceai-dev/integrations-operator/internal/sandbox/jira/jql"
)

// query returns the issues that match a query, as they were before the search lag, and the maximum size of a page. A
// strict query must not name projects, keys or other values that do not exist.
func (s *Site) query(text string, strict bool, most int) ([]*issue.Issue, int, *problem) {
	q, err := jql.Parse(text)
	if err != nil {
		return nil, 0, &problem{status: http.StatusBadRequest, messages: []string{err.Error()}}
	}
	if s.mode == Cloud && len(q.Clauses) == 0 {
		return nil, 0, refuse(http.StatusBadRequest, "Unbounded JQL queries are not allowed here. Please add a search restriction to your query.")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if strict {
		if p := s.checkValues(q); p != nil {
			return nil, 0, p
		}
	}
	s.counts.Searches++
	now := s.now()
	var found []*issue.Issue
	for _, is := range s.past.View(now, s.issues) {
		if !slices.ContainsFunc(q.Clauses, func(c jql.Clause) bool { return !issue.Matches(is, c, now) }) {
			found = append(found, is)
		}
	}
	slices.Reverse(found) // the newest first, unless the query has an order
	slices.SortStableFunc(found, func(a, b *issue.Issue) int {
		for _, o := range q.Order {
			if n := issue.Compare(o.Field, a, b); n != 0 && o.Desc {
				return -n
			} else if n != 0 {
				return n
			}
		}
		return 0
	})
	if s.maxResults > 0 {
		most = s.maxResults
	}
	return found, most, nil
}

// checkValues returns the refusal of a query with values that do not exist, or nil. It needs the lock.
func (s *Site) checkValues(q jql.Query) *problem {
	var messages []string
	for _, c := range q.Clauses {
		for _, v := range c.Values {
			switch {
			case c.Field == "key" && s.find(v) == nil:
				messages = append(messages, noSuchIssue(v, c.Name))
			case !isKnownValue(c.Field, v):
				messages = append(messages, fmt.Sprintf("The value '%s' does not exist for the field '%s'.", v, c.Name))
			}
		}
	}
	if messages != nil {
		return &problem{status: http.StatusBadRequest, messages: messages}
	}
	return nil
}

// isKnownValue reports whether a value of a field exists. The values of keys, labels, users and times are not
// checked.
func isKnownValue(field, value string) (known bool) {
	switch field {
	case "project":
		_, known = catalog.FindProject(value)
	case "status":
		_, known = catalog.FindStatus(value)
	case "statusCategory":
		known = slices.ContainsFunc(catalog.Statuses, func(st catalog.Status) bool { return st.Category.Matches(value) })
	case "issuetype":
		_, known = catalog.Find(catalog.IssueTypes, "", value)
	case "priority":
		_, known = catalog.Find(catalog.Priorities, "", value)
	default:
		known = true
	}
	return known
}

// noSuchIssue returns the message about an unknown key or ID.
func noSuchIssue(keyOrID, field string) string {
	if _, err := strconv.Atoi(keyOrID); err == nil {
		return fmt.Sprintf("A value with ID '%s' does not exist for the field '%s'.", keyOrID, field)
	}
	return fmt.Sprintf("An issue with key '%s' does not exist for field '%s'.", keyOrID, field)
}
