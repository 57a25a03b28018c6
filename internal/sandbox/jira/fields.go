package jira

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// Limits of an issue, in Unicode code points except where said.
const (
	maxSummary       = 255
	maxText          = 32_767
	maxLabel         = 255
	maxPropertyKey   = 255
	maxPropertyValue = 32_768
)

const (
	notOnScreen = "Field '%s' cannot be set. It is not on the appropriate screen, or unknown."
	notAString  = "Operation value must be a string"
	tooLong     = "The entered text is too long. It exceeds the allowed limit of 32,767 characters."
)

// field is what a screen has.
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

// screen is what may be set on an issue of a project.
func screen(p project) []field {
	return slices.DeleteFunc(slices.Clone(fields), func(f field) bool { return f.id == "priority" && p.NoPriority })
}

func (f field) schema() object {
	s := object{"type": f.kind, "system": f.id}
	if f.array {
		s["type"], s["items"] = "array", f.kind
	}
	if strings.HasPrefix(f.id, "customfield_") {
		delete(s, "system")
		s["custom"] = "com.atlassian.jira.plugin.system.customfieldtypes:" + map[string]string{"string": "textfield", "option": "select", "number": "float"}[f.kind]
	}
	return s
}

func (f field) operations() []string {
	if f.array {
		return []string{"add", "set", "remove"}
	}
	return []string{"set"}
}

// setFields writes fields into an issue and says, field by field, what is wrong. When an issue is created everything required must be
// among them.
func (s *Site) setFields(is *Issue, values map[string]json.RawMessage, creating bool) map[string]string {
	wrong := map[string]string{}
	p, _ := findProject(is.Project)
	if creating {
		var found bool
		if p, found = readProject(values["project"]); !found {
			return map[string]string{"project": "Specify a valid project ID or key"}
		}
		is.Project = p.Key
		for _, id := range []string{"issuetype", "summary"} {
			if values[id] == nil {
				s.setField(is, field{id: id}, json.RawMessage(`null`), wrong)
			}
		}
		if !p.NoPriority {
			is.Priority = defaultPriority
		}
	}
	onScreen := screen(p)
	for _, id := range slices.Sorted(maps.Keys(values)) {
		i := slices.IndexFunc(onScreen, func(f field) bool { return f.id == id })
		switch {
		case i < 0:
			wrong[id] = fmt.Sprintf(notOnScreen, id)
		case id == "project":
			if !creating {
				wrong[id] = fmt.Sprintf(notOnScreen, id)
			}
		default:
			s.setField(is, onScreen[i], values[id], wrong)
		}
	}
	return wrong
}

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

func (s *Site) setField(is *Issue, f field, raw json.RawMessage, wrong map[string]string) {
	var complaint string
	switch f.id {
	case "summary":
		is.Summary, complaint = readSummary(raw)
	case "description":
		is.Description, complaint = readText(raw)
	case "labels":
		is.Labels, complaint = readLabels(raw)
	case "issuetype":
		is.Type, complaint = readNamed(raw, issueTypes, "Specify an issue type", "Specify a valid issue type")
	case "priority":
		is.Priority, complaint = readNamed(raw, priorities, "", "Specify a valid priority ID or name")
	case "assignee":
		is.Assignee, complaint = s.readUser(raw)
	case "reporter":
		is.Reporter, complaint = s.readUser(raw)
	default:
		if complaint = checkOther(f, raw); complaint == "" {
			is.Fields = maps.Clone(is.Fields)
			if is.Fields == nil {
				is.Fields = map[string]json.RawMessage{}
			}
			is.Fields[f.id] = raw
		}
	}
	if complaint != "" {
		wrong[f.id] = complaint
	}
}

func readSummary(raw json.RawMessage) (string, string) {
	var text *string
	switch {
	case json.Unmarshal(raw, &text) != nil:
		return "", notAString
	case text == nil || strings.TrimSpace(*text) == "":
		return "", "You must specify a summary of the issue."
	case strings.ContainsAny(*text, "\r\n"):
		return "", "The summary is invalid because it contains newline characters."
	case utf8.RuneCountInString(*text) > maxSummary:
		return "", "Summary must be less than 255 characters."
	}
	return *text, ""
}

func readText(raw json.RawMessage) (string, string) {
	var text *string
	switch {
	case json.Unmarshal(raw, &text) != nil:
		return "", notAString
	case text == nil:
		return "", ""
	case utf8.RuneCountInString(*text) > maxText:
		return "", tooLong
	}
	return *text, ""
}

func readLabels(raw json.RawMessage) ([]string, string) {
	var labels []string
	if json.Unmarshal(raw, &labels) != nil {
		return nil, "data was not an array"
	}
	var kept []string
	for _, l := range labels {
		if complaint := checkLabel(l); complaint != "" {
			return nil, complaint
		}
		if !slices.Contains(kept, l) {
			kept = append(kept, l)
		}
	}
	slices.Sort(kept)
	return kept, ""
}

func checkLabel(l string) string {
	switch {
	case l == "":
		return "The label '' is empty which is invalid."
	case strings.IndexFunc(l, unicode.IsSpace) >= 0:
		return fmt.Sprintf("The label '%s' contains spaces which is invalid.", l)
	case utf8.RuneCountInString(l) > maxLabel:
		return fmt.Sprintf("The label '%s' exceeds the maximum length for a single label of 255 characters.", l)
	}
	return ""
}

// readNamed reads a reference by ID or name; missing is the complaint about none, which is fine when empty.
func readNamed(raw json.RawMessage, list []named, missing, invalid string) (string, string) {
	var ref *struct{ ID, Name string }
	switch err := json.Unmarshal(raw, &ref); {
	case err != nil:
		return "", invalid
	case ref == nil:
		return "", missing
	}
	n, found := match(list, ref.ID, ref.Name)
	if !found {
		return "", invalid
	}
	return n.Name, ""
}

// userWritable are the members that may be sent to name a user; the others are read only.
var userWritable = map[Mode][]string{Cloud: {"accountId", "id"}, DataCenter: {"name", "key"}}

func (s *Site) readUser(raw json.RawMessage) (string, string) {
	var ref map[string]*string
	if json.Unmarshal(raw, &ref) != nil {
		return "", "expected Object containing a user"
	}
	if ref == nil {
		return "", ""
	}
	var id string
	for _, member := range slices.Sorted(maps.Keys(ref)) {
		if !slices.Contains(userWritable[s.mode], member) {
			return "", fmt.Sprintf("The member '%s' of a user cannot be set.", member)
		}
		if ref[member] != nil {
			id = *ref[member]
		}
	}
	if id == "" {
		return "", ""
	}
	u, found := findUser(id, "")
	if s.mode == DataCenter {
		u, found = findUser("", strings.TrimPrefix(id, "JIRAUSER-"))
	}
	if !found {
		return "", fmt.Sprintf("User '%s' does not exist.", id)
	}
	return u.Name, ""
}

// checkOther checks the fields of which only the JSON is kept.
func checkOther(f field, raw json.RawMessage) string {
	if string(raw) == "null" {
		return ""
	}
	switch f.kind {
	case "string":
		text, complaint := readText(raw)
		if complaint == "" && f.id != "environment" && utf8.RuneCountInString(text) > 255 {
			return "The entered text is too long. It exceeds the allowed limit of 255 characters."
		}
		return complaint
	case "number":
		var n float64
		if json.Unmarshal(raw, &n) != nil {
			return "Operation value must be a number"
		}
	case "date":
		var day string
		if json.Unmarshal(raw, &day) != nil {
			return notAString
		}
		if _, err := time.Parse(time.DateOnly, day); err != nil {
			return fmt.Sprintf("Error parsing date string: %s", day)
		}
	case "option":
		var ref struct{ ID, Value string }
		if json.Unmarshal(raw, &ref) != nil {
			return "Specify a valid 'id' or 'name' for " + f.name
		}
		if _, found := match(f.options, ref.ID, ref.Value); !found {
			return fmt.Sprintf("Option value '%s' is not valid", ref.Value+ref.ID)
		}
	case "component":
		var refs []struct{ ID, Name string }
		if json.Unmarshal(raw, &refs) != nil {
			return "data was not an array"
		}
		for _, ref := range refs {
			if _, found := match(f.options, ref.ID, ref.Name); !found {
				return fmt.Sprintf("Component name '%s' is not valid", ref.Name+ref.ID)
			}
		}
	}
	return ""
}

// entityProperty is a property as create takes it.
type entityProperty struct {
	Key   string          `json:"key"`
	Value json.RawMessage `json:"value"`
}

func (p entityProperty) check() *problem {
	switch {
	case p.Key == "" || utf8.RuneCountInString(p.Key) > maxPropertyKey:
		return refuse(http.StatusBadRequest, "The property key must have 1 to 255 characters.")
	case len(p.Value) == 0:
		return refuse(http.StatusBadRequest, "The property value must not be empty.")
	case utf8.RuneCount(p.Value) > maxPropertyValue:
		return refuse(http.StatusBadRequest, "The property value is too long. It exceeds the allowed limit of 32768 characters.")
	}
	return nil
}
