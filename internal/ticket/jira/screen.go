// SPDX-License-Identifier: Apache-2.0

package jira

import (
	"cmp"
	"encoding/json"
	"slices"
	"strings"

	"github.com/voiceai-dev/integrations-operator/internal/ticket"
)

// preset are the fields that the operator or Jira itself always fills in.
var preset = []string{"project", "issuetype", "summary", "description", "labels", "priority", "reporter"}

// screenField is a field of a create screen
// (https://developer.atlassian.com/cloud/jira/platform/rest/v2/api-group-issues/, FieldCreateMetadata).
type screenField struct {
	FieldID, Key, Name        string
	Required, HasDefaultValue bool
	Schema                    struct{ Type, Items, Custom string }
	AllowedValues             []choice
}

// id returns the field's ID.
func (f *screenField) id() string { return cmp.Or(f.FieldID, f.Key) }

// isRequired reports whether a ticket without the field is refused.
func (f *screenField) isRequired() bool { return f.Required && !f.HasDefaultValue }

// kind returns the field's type as the configuration names it, or "" if such fields are not supported.
func (f *screenField) kind() ticket.FieldType {
	switch f.Schema.Type {
	case "string":
		return ticket.Text
	case "number":
		return ticket.Number
	case "user":
		return ticket.User
	case "date":
		return ticket.Date
	case "array":
		if slices.Contains([]string{"option", "component", "version", "string"}, f.Schema.Items) {
			return ticket.MultiOption
		}
		return ""
	case "option", "option-with-child", "priority", "version", "securitylevel":
		return ticket.Option
	default:
		if len(f.AllowedValues) > 0 {
			return ticket.Option
		}
		return ""
	}
}

// jiraType returns the field's type as Jira names it.
func (f *screenField) jiraType() string {
	if f.Schema.Type == "array" {
		return "array of " + cmp.Or(f.Schema.Items, "unknown")
	}
	return cmp.Or(f.Schema.Type, "unknown")
}

// choice is an allowed value of a field. Options have a value. Components, versions and priorities have a name.
type choice struct{ ID, Value, Name string }

// UnmarshalJSON ignores what it does not understand, because fields of apps allow values of any form.
func (c *choice) UnmarshalJSON(raw []byte) error {
	var v struct{ ID, Value, Name json.RawMessage }
	_ = json.Unmarshal(raw, &v) // a value that is not an object leaves the choice empty
	*c = choice{ID: strings.Trim(string(v.ID), `"`)}
	_ = json.Unmarshal(v.Value, &c.Value)
	_ = json.Unmarshal(v.Name, &c.Name)
	return nil
}

// label returns the text of a choice.
func (c choice) label() string { return cmp.Or(c.Value, c.Name) }

// maxPriorities bounds how many priorities are kept.
const maxPriorities = 200

// priorities returns the names that a screen allows. They are empty if it has no priority, and nil if it does not
// list them.
func priorities(screen []screenField) []string {
	i := slices.IndexFunc(screen, func(f screenField) bool { return f.id() == "priority" })
	if i < 0 {
		return []string{}
	}
	var names []string
	for _, c := range screen[i].AllowedValues {
		if len(names) == maxPriorities {
			break
		}
		if c.Name != "" {
			names = append(names, c.Name)
		}
	}
	return names
}
