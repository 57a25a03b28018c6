// SPDX-License-Identifier: Apache-2.0

package issue

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"github.com/voiceai-dev/integrations-operator/internal/sandbox/jira/catalog"
	"github.com/voiceai-dev/integrations-operator/internal/sandbox/jira/jql"
)

// Matches reports whether an issue matches a clause.
func Matches(is *Issue, c jql.Clause, now time.Time) bool {
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
		p, _ := catalog.FindProject(value)
		return p.Key == is.Project
	case "labels":
		return slices.Contains(is.Labels, value)
	case "key":
		return strings.EqualFold(value, is.Key) || value == is.ID ||
			slices.ContainsFunc(is.FormerKeys, func(key string) bool { return strings.EqualFold(value, key) })
	case "status":
		return strings.EqualFold(value, is.Status)
	case "statusCategory":
		st, _ := catalog.FindStatus(is.Status)
		return st.Category.Matches(value)
	case "issuetype":
		return strings.EqualFold(value, is.Type)
	case "priority":
		return strings.EqualFold(value, is.Priority)
	case "assignee", "reporter":
		name := is.Assignee
		if field == "reporter" {
			name = is.Reporter
		}
		u, found := catalog.FindUser(value, value)
		return found && u.Name == name
	}
	return false
}

// Compare compares issues by a field.
func Compare(field string, a, b *Issue) int {
	switch field {
	case "key":
		return cmp.Or(cmp.Compare(a.Project, b.Project), cmp.Compare(a.Number, b.Number))
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
	return slices.IndexFunc(catalog.Priorities, func(n catalog.Object) bool { return n.Name == is.Priority })
}
