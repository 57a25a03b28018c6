// SPDX-License-Identifier: Apache-2.0

// Package jql parses the subset of Jira's query language that the sandbox supports.
package jql

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// maxLength is the maximum length of a query in bytes.
const maxLength = 20_000

// Error is an error in Jira's words.
type Error string

func (e Error) Error() string { return string(e) }

// errorf returns an error in Jira's words.
func errorf(format string, a ...any) error { return Error(fmt.Sprintf(format, a...)) }

// Query is a parsed query.
type Query struct {
	// Clauses are the conditions, which must all hold.
	Clauses []Clause
	Order   []Ordering
}

// Clause is a condition.
type Clause struct {
	// Field is the field's name in this package, Name the name in the query.
	Field, Name string
	// Op is one of =, !=, in, not in, <, <=, > and >=.
	Op     string
	Values []string
}

// Ordering is a field to sort by.
type Ordering struct {
	Field string
	Desc  bool
}

// fields are the supported fields by their lower-case names in queries.
var fields = map[string]string{
	"project": "project", "labels": "labels", "key": "key", "issuekey": "key", "issue": "key", "id": "key", "status": "status",
	"statuscategory": "statusCategory", "issuetype": "issuetype", "type": "issuetype", "priority": "priority", "updated": "updated",
	"created": "created", "reporter": "reporter", "assignee": "assignee",
}

// IsTime reports whether the values of a field are times.
func IsTime(field string) bool { return field == "updated" || field == "created" }

// String returns the query as JQL. Parsing it gives the same query.
func (q Query) String() string {
	var parts []string
	for _, c := range q.Clauses {
		values := make([]string, len(c.Values))
		for i, v := range c.Values {
			values[i] = `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(v) + `"`
		}
		list := strings.Join(values, ", ")
		if c.Op == "in" || c.Op == "not in" {
			list = "(" + list + ")"
		}
		parts = append(parts, c.Name+" "+c.Op+" "+list)
	}
	text := strings.Join(parts, " AND ")
	for i, o := range q.Order {
		if i == 0 {
			text += " ORDER BY " + o.Field
		} else {
			text += ", " + o.Field
		}
		if o.Desc {
			text += " DESC"
		} else {
			text += " ASC"
		}
	}
	return text
}

var (
	timeLayouts   = []string{"2006/01/02 15:04", "2006-01-02 15:04", "2006/01/02", "2006-01-02"}
	periodPattern = regexp.MustCompile(`^([+-]?)(\d{1,6}[wdhm])(\s+\d{1,6}[wdhm])*$`)
	periodUnits   = map[byte]time.Duration{'w': 7 * 24 * time.Hour, 'd': 24 * time.Hour, 'h': time.Hour, 'm': time.Minute}
)

// Time parses a value of a time: a date or a minute in UTC, a period relative to now, or milliseconds since 1970.
func Time(v string, now time.Time) (time.Time, bool) {
	v = strings.TrimSpace(v)
	for _, layout := range timeLayouts {
		if t, err := time.Parse(layout, v); err == nil {
			return t, true
		}
	}
	if periodPattern.MatchString(v) {
		var d time.Duration
		for part := range strings.FieldsSeq(strings.TrimLeft(v, "+-")) {
			n, _ := strconv.Atoi(part[:len(part)-1])
			d += time.Duration(n) * periodUnits[part[len(part)-1]]
		}
		if v[0] == '-' {
			d = -d
		}
		return now.Add(d), true
	}
	if ms, err := strconv.ParseInt(v, 10, 64); err == nil {
		return time.UnixMilli(ms), true
	}
	return time.Time{}, false
}
