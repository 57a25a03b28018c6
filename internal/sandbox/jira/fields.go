// SPDX-License-Identifier: Apache-2.0

package jira

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
)

// Limits of an issue in UTF-16 units.
const (
	maxSummary       = 255
	maxText          = 32_767
	maxLabel         = 255
	maxPropertyKey   = 255
	maxPropertyValue = 32_768
)

// Messages of Jira.
const (
	notOnScreen = "Field '%s' cannot be set. It is not on the appropriate screen, or unknown."
	notAString  = "Operation value must be a string"
	tooLong     = "The entered text is too long. It exceeds the allowed limit of 32,767 characters."
)

// field is a field of a screen.
type field struct {
	id, name, kind string
	required       bool
	array          bool
	options        []named
}

var (
	priorityField = field{id: "priority", name: "Priority", kind: "priority", options: priorities}
	fields        = []field{
		{id: "project", name: "Project", kind: "project", required: true},
		{id: "issuetype", name: "Issue Type", kind: "issuetype", required: true},
		{id: "summary", name: "Summary", kind: "string", required: true},
		{id: "description", name: "Description", kind: "string"},
		priorityField,
		{id: "labels", name: "Labels", kind: "string", array: true},
		{id: "assignee", name: "Assignee", kind: "user"},
		{id: "reporter", name: "Reporter", kind: "user"},
		{id: "environment", name: "Environment", kind: "string"},
		{id: "duedate", name: "Due date", kind: "date"},
		{id: "components", name: "Components", kind: "component", array: true, options: components},
		{id: "customfield_10050", name: "Found by", kind: "string"},
		{id: "customfield_10051", name: "Owning team", kind: "option", options: teams},
		{id: "customfield_10052", name: "Occurrences", kind: "number"},
	}
)

// screen returns the fields that can be set on an issue of a project.
func screen(p project) []field {
	return slices.DeleteFunc(slices.Clone(fields), func(f field) bool { return f.id == "priority" && p.NoPriority })
}

// schema returns the field's schema.
func (f field) schema() object {
	s := object{"type": f.kind, "system": f.id}
	if f.array {
		s["type"] = "array"
		s["items"] = f.kind
	}
	if strings.HasPrefix(f.id, "customfield_") {
		delete(s, "system")
		custom := map[string]string{"string": "textfield", "option": "select", "number": "float"}[f.kind]
		s["custom"] = "com.atlassian.jira.plugin.system.customfieldtypes:" + custom
	}
	return s
}

// operations returns the operations that the field supports.
func (f field) operations() []string {
	if f.array {
		return []string{"add", "set", "remove"}
	}
	return []string{"set"}
}

// initFields sets the fields of a new issue, which include the required ones. It returns the errors by field.
func (s *Site) initFields(is *Issue, values map[string]json.RawMessage) map[string]string {
	p, found := readProject(values["project"])
	if !found {
		return map[string]string{"project": "Specify a valid project ID or key"}
	}
	is.Project = p.Key
	if !p.NoPriority {
		is.Priority = defaultPriority
	}
	values = maps.Clone(values)
	delete(values, "project")
	for _, id := range []string{"issuetype", "summary"} {
		if values[id] == nil {
			values[id] = json.RawMessage(`null`)
		}
	}
	return s.setFields(is, values)
}

// setFields sets fields of an issue. It returns the errors by field.
func (s *Site) setFields(is *Issue, values map[string]json.RawMessage) map[string]string {
	errs := map[string]string{}
	p, _ := findProject(is.Project)
	onScreen := screen(p)
	for _, id := range slices.Sorted(maps.Keys(values)) {
		i := slices.IndexFunc(onScreen, func(f field) bool { return f.id == id })
		if i < 0 || id == "project" {
			errs[id] = fmt.Sprintf(notOnScreen, id)
			continue
		}
		if message := s.setField(is, onScreen[i], values[id]); message != "" {
			errs[id] = message
		}
	}
	return errs
}

// readProject returns the project that a reference names.
func readProject(raw json.RawMessage) (project, bool) {
	var ref struct{ ID, Key string }
	if json.Unmarshal(raw, &ref) != nil {
		return project{}, false
	}
	if ref.ID != "" {
		return findProject(ref.ID)
	}
	return findProject(ref.Key)
}

// setField sets a field of an issue. It returns the error message, or "".
func (s *Site) setField(is *Issue, f field, raw json.RawMessage) (message string) {
	switch f.id {
	case "summary":
		is.Summary, message = readSummary(raw)
	case "description":
		is.Description, message = readText(raw)
	case "labels":
		is.Labels, message = readLabels(raw)
	case "issuetype":
		is.Type, message = readNamed(raw, issueTypes, "Specify an issue type", "Specify a valid issue type")
	case "priority":
		is.Priority, message = readNamed(raw, priorities, "", "Specify a valid priority ID or name")
	case "assignee":
		is.Assignee, message = s.readUser(raw)
	case "reporter":
		is.Reporter, message = s.readUser(raw)
	default:
		if message = checkOther(f, raw); message == "" {
			is.Fields = maps.Clone(is.Fields)
			if is.Fields == nil {
				is.Fields = map[string]json.RawMessage{}
			}
			is.Fields[f.id] = raw
		}
	}
	return message
}

// entityProperty is an entity property in a request.
type entityProperty struct {
	Key   string          `json:"key"`
	Value json.RawMessage `json:"value"`
}

// check returns the refusal of an invalid property, or nil.
func (p entityProperty) check() *problem {
	switch {
	case p.Key == "" || units(p.Key) > maxPropertyKey:
		return refuse(http.StatusBadRequest, "The property key must have 1 to 255 characters.")
	case len(p.Value) == 0:
		return refuse(http.StatusBadRequest, "The property value must not be empty.")
	case units(string(p.Value)) > maxPropertyValue:
		return refuse(http.StatusBadRequest, "The property value is too long. It exceeds the allowed limit of 32768 characters.")
	}
	return nil
}
