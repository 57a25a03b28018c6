// SPDX-License-Identifier: Apache-2.0

package issue

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"

	"github.com/voiceai-dev/integrations-operator/internal/sandbox/jira/catalog"
)

// Limits of an issue in UTF-16 units.
const (
	maxSummary = 255
	MaxText    = 32_767
	maxLabel   = 255
)

// Messages of Jira.
const (
	NotOnScreen = "Field '%s' cannot be set. It is not on the appropriate screen, or unknown."
	notAString  = "Operation value must be a string"
	TooLong     = "The entered text is too long. It exceeds the allowed limit of 32,767 characters."
)

// userReader reads a reference to a user. It returns the user's name or an error message.
type userReader func(raw json.RawMessage) (value, message string)

// Init sets the fields of a new issue, which include the required ones. It returns the errors by field.
func Init(is *Issue, values map[string]json.RawMessage, users userReader) map[string]string {
	p, found := readProject(values["project"])
	if !found {
		return map[string]string{"project": "Specify a valid project ID or key"}
	}
	is.Project = p.Key
	if !p.NoPriority {
		is.Priority = catalog.DefaultPriority
	}
	values = maps.Clone(values)
	delete(values, "project")
	for _, id := range []string{"issuetype", "summary"} {
		if values[id] == nil {
			values[id] = json.RawMessage(`null`)
		}
	}
	return Set(is, values, users)
}

// Set sets fields of an issue. It returns the errors by field.
func Set(is *Issue, values map[string]json.RawMessage, users userReader) map[string]string {
	errs := map[string]string{}
	p, _ := catalog.FindProject(is.Project)
	onScreen := catalog.Screen(p)
	for _, id := range slices.Sorted(maps.Keys(values)) {
		i := slices.IndexFunc(onScreen, func(f catalog.Field) bool { return f.ID == id })
		if i < 0 || id == "project" {
			errs[id] = fmt.Sprintf(NotOnScreen, id)
			continue
		}
		if message := setField(is, onScreen[i], values[id], users); message != "" {
			errs[id] = message
		}
	}
	return errs
}

// readProject returns the project that a reference names.
func readProject(raw json.RawMessage) (catalog.Project, bool) {
	var ref struct{ ID, Key string }
	if json.Unmarshal(raw, &ref) != nil {
		return catalog.Project{}, false
	}
	if ref.ID != "" {
		return catalog.FindProject(ref.ID)
	}
	return catalog.FindProject(ref.Key)
}

// setField sets a field of an issue. It returns the error message, or "".
func setField(is *Issue, f catalog.Field, raw json.RawMessage, users userReader) (message string) {
	switch f.ID {
	case "summary":
		is.Summary, message = readSummary(raw)
	case "description":
		is.Description, message = readText(raw)
	case "labels":
		is.Labels, message = readLabels(raw)
	case "issuetype":
		is.Type, message = ReadNamed(raw, catalog.IssueTypes, "Specify an issue type", "Specify a valid issue type")
	case "priority":
		is.Priority, message = ReadNamed(raw, catalog.Priorities, "", "Specify a valid priority ID or name")
	case "assignee":
		is.Assignee, message = users(raw)
	case "reporter":
		is.Reporter, message = users(raw)
	default:
		if message = checkOther(f, raw); message == "" {
			is.Fields = maps.Clone(is.Fields)
			if is.Fields == nil {
				is.Fields = map[string]json.RawMessage{}
			}
			is.Fields[f.ID] = raw
		}
	}
	return message
}

// UpdateLabel adds or removes a label. It returns the error message, or "".
func (is *Issue) UpdateLabel(verb, label string) (message string) {
	labels := slices.DeleteFunc(slices.Clone(is.Labels), func(l string) bool { return l == label })
	if verb == "add" {
		message = checkLabel(label)
		labels = append(labels, label)
	}
	slices.Sort(labels)
	is.Labels = labels
	return message
}
