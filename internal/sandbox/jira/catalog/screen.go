// SPDX-License-Identifier: Apache-2.0

package catalog

import (
	"slices"
	"strings"
)

// Field is a field of a screen.
type Field struct {
	ID, Name, Kind string
	Required       bool
	array          bool
	Options        []Object
}

// Fields are the fields of all screens.
var Fields = []Field{
	{ID: "project", Name: "Project", Kind: "project", Required: true},
	{ID: "issuetype", Name: "Issue Type", Kind: "issuetype", Required: true},
	{ID: "summary", Name: "Summary", Kind: "string", Required: true},
	{ID: "description", Name: "Description", Kind: "string"},
	{ID: "priority", Name: "Priority", Kind: "priority", Options: Priorities},
	{ID: "labels", Name: "Labels", Kind: "string", array: true},
	{ID: "assignee", Name: "Assignee", Kind: "user"},
	{ID: "reporter", Name: "Reporter", Kind: "user"},
	{ID: "environment", Name: "Environment", Kind: "string"},
	{ID: "duedate", Name: "Due date", Kind: "date"},
	{ID: "components", Name: "Components", Kind: "component", array: true, Options: components},
	{ID: "customfield_10050", Name: "Found by", Kind: "string"},
	{ID: "customfield_10051", Name: "Owning team", Kind: "option", Options: teams},
	{ID: "customfield_10052", Name: "Occurrences", Kind: "number"},
}

// Screen returns the fields that can be set on an issue of a project.
func Screen(p Project) []Field {
	return slices.DeleteFunc(slices.Clone(Fields), func(f Field) bool { return f.ID == "priority" && p.NoPriority })
}

// Schema returns the field's schema.
func (f Field) Schema() map[string]any {
	s := map[string]any{"type": f.Kind, "system": f.ID}
	if f.array {
		s["type"] = "array"
		s["items"] = f.Kind
	}
	if strings.HasPrefix(f.ID, "customfield_") {
		delete(s, "system")
		custom := map[string]string{"string": "textfield", "option": "select", "number": "float"}[f.Kind]
		s["custom"] = "com.atlassian.jira.plugin.system.customfieldtypes:" + custom
	}
	return s
}

// Operations returns the operations that the field supports.
func (f Field) Operations() []string {
	if f.array {
		return []string{"add", "set", "remove"}
	}
	return []string{"set"}
}
