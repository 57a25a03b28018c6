// SPDX-License-Identifier: Apache-2.0

package jira

import (
	"bytes"
	"cmp"
	"encoding/json"
	"maps"
	"slices"
	"strings"

	"github.com/voiceai-dev/integrations-operator/internal/sandbox/jira/catalog"
	"github.com/voiceai-dev/integrations-operator/internal/sandbox/jira/issue"
)

// changeItem is a changed field in a webhook's changelog, with the ID and the text of the old and new values.
type changeItem struct {
	Field      string  `json:"field"`
	FieldType  string  `json:"fieldtype"`
	FieldID    string  `json:"fieldId,omitempty"`
	From       *string `json:"from"`
	FromString *string `json:"fromString"`
	To         *string `json:"to"`
	ToString   *string `json:"toString"`
}

// value is a value of a field in a changelog. The ID may be empty.
type value struct{ id, text string }

// namedValue returns a named object as a value.
func namedValue(list []catalog.Object, name string) value {
	n, _ := catalog.Find(list, "", name)
	return value{n.ID, n.Name}
}

// userValue returns a user as a value.
func (s *Site) userValue(name string) value {
	u, _ := catalog.FindUser("", name)
	if s.mode == DataCenter {
		return value{u.Name, u.Display}
	}
	return value{u.AccountID, u.Display}
}

// changes returns the changed fields between two versions of an issue. A changelog does not include comments and
// properties.
func (s *Site) changes(old, is *issue.Issue) []changeItem {
	var items []changeItem
	compare := func(field, id string, from, to value) {
		if from == to {
			return
		}
		kind := "jira"
		if strings.HasPrefix(id, "customfield_") {
			kind = "custom"
		}
		items = append(items, changeItem{field, kind, id, optional(from.id), optional(from.text), optional(to.id), optional(to.text)})
	}
	text := func(s string) value { return value{"", s} }
	before, _ := catalog.FindProject(old.Project)
	after, _ := catalog.FindProject(is.Project)
	compare("project", "project", value{before.ID, before.Title}, value{after.ID, after.Title})
	compare("Key", "", text(old.Key), text(is.Key))
	compare("summary", "summary", text(old.Summary), text(is.Summary))
	compare("description", "description", text(old.Description), text(is.Description))
	compare("issuetype", "issuetype", namedValue(catalog.IssueTypes, old.Type), namedValue(catalog.IssueTypes, is.Type))
	compare("priority", "priority", namedValue(catalog.Priorities, old.Priority), namedValue(catalog.Priorities, is.Priority))
	compare("labels", "labels", text(strings.Join(old.Labels, " ")), text(strings.Join(is.Labels, " ")))
	compare("assignee", "assignee", s.userValue(old.Assignee), s.userValue(is.Assignee))
	compare("reporter", "reporter", s.userValue(old.Reporter), s.userValue(is.Reporter))
	compare("resolution", "resolution", namedValue(catalog.Resolutions, old.Resolution), namedValue(catalog.Resolutions, is.Resolution))
	from, _ := catalog.FindStatus(old.Status)
	to, _ := catalog.FindStatus(is.Status)
	compare("status", "status", value{from.ID, from.Name}, value{to.ID, to.Name})
	for _, f := range catalog.Fields {
		if a, b := old.Fields[f.ID], is.Fields[f.ID]; !bytes.Equal(a, b) {
			compare(f.Name, f.ID, text(plainText(a)), text(plainText(b)))
		}
	}
	for i, l := range is.RemoteLinks {
		if i >= len(old.RemoteLinks) {
			compare("RemoteIssueLink", "", value{}, text(`This issue links to "`+l.Title+`"`))
		}
	}
	return items
}

// optional returns nil for an empty string.
func optional(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

// plainText returns a field's text: an option by its name, and other values as JSON.
func plainText(raw json.RawMessage) string {
	var text *string
	if json.Unmarshal(raw, &text) == nil {
		if text == nil {
			return ""
		}
		return *text
	}
	var option map[string]string
	if json.Unmarshal(raw, &option) == nil && len(option) > 0 {
		return cmp.Or(option["value"], option["name"], option[slices.Min(slices.Collect(maps.Keys(option)))])
	}
	return string(raw)
}
