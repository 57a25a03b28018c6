// SPDX-License-Identifier: Apache-2.0

package jira

import (
	"cmp"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/voiceai-dev/integrations-operator/internal/sandbox/jira/jql"
)

// query returns the issues that match a query, as they were before the search lag, and the maximum size of a page. A
// strict query must not name projects, keys or other values that do not exist.
func (s *Site) query(text string, strict bool, most int) ([]*Issue, int, *problem) {
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
	var found []*Issue
	for _, is := range s.past.view(now, s.issues) {
		if !slices.ContainsFunc(q.Clauses, func(c jql.Clause) bool { return !matches(is, c, now) }) {
			found = append(found, is)
		}
	}
	slices.Reverse(found) // the newest first, unless the query has an order
	slices.SortStableFunc(found, func(a, b *Issue) int {
		for _, o := range q.Order {
			if n := compareBy(o.Field, a, b); n != 0 && o.Desc {
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
		_, known = findProject(value)
	case "status":
		_, known = findStatus(value)
	case "statusCategory":
		known = slices.ContainsFunc(statuses, func(st status) bool { return st.category.matches(value) })
	case "issuetype":
		_, known = match(issueTypes, "", value)
	case "priority":
		_, known = match(priorities, "", value)
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

// matches reports whether an issue matches a clause.
func matches(is *Issue, c jql.Clause, now time.Time) bool {
	if jql.IsTime(c.Field) {
		t := is.Updated
		if c.Field == "created" {
			t = is.Created
		}
		limit, _ := jql.Time(c.Values[0], now)
		switch n := t.Compare(limit); c.Op {
		case "<":
			return n < 0
		case "<=":
			return n <= 0
		case ">":
			return n > 0
		default:
			return n >= 0
		}
	}
	has := slices.ContainsFunc(c.Values, func(v string) bool { return is.has(c.Field, v) })
	if c.Op == "!=" || c.Op == "not in" {
		return !has
	}
	return has
}

// has reports whether a field of an issue has a value.
func (is *Issue) has(field, value string) bool {
	switch field {
	case "project":
		p, _ := findProject(value)
		return p.Key == is.Project
	case "labels":
		return slices.Contains(is.Labels, value)
	case "key":
		return strings.EqualFold(value, is.Key) || value == is.ID ||
			slices.ContainsFunc(is.FormerKeys, func(key string) bool { return strings.EqualFold(value, key) })
	case "status":
		return strings.EqualFold(value, is.Status)
	case "statusCategory":
		st, _ := findStatus(is.Status)
		return st.category.matches(value)
	case "issuetype":
		return strings.EqualFold(value, is.Type)
	case "priority":
		return strings.EqualFold(value, is.Priority)
	case "assignee", "reporter":
		name := is.Assignee
		if field == "reporter" {
			name = is.Reporter
		}
		u, found := findUser(value, value)
		return found && u.Name == name
	}
	return false
}

// compareBy compares issues by a field.
func compareBy(field string, a, b *Issue) int {
	switch field {
	case "key":
		return cmp.Or(cmp.Compare(a.Project, b.Project), cmp.Compare(a.number, b.number))
	case "created":
		return a.Created.Compare(b.Created)
	case "updated":
		return a.Updated.Compare(b.Updated)
	case "priority": // the first is the highest
		return cmp.Compare(priorityRank(b), priorityRank(a))
	case "status":
		return cmp.Compare(a.Status, b.Status)
	case "issuetype":
		return cmp.Compare(a.Type, b.Type)
	}
	return 0
}

// priorityRank returns the position of an issue's priority, which is 0 for the highest.
func priorityRank(is *Issue) int {
	return slices.IndexFunc(priorities, func(n named) bool { return n.Name == is.Priority })
}
