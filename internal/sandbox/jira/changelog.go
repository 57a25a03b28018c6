package jira

import (
	"bytes"
	"cmp"
	"encoding/json"
	"maps"
	"slices"
	"strings"
)

// changeItem is one changed field as a webhook's changelog has it: the ID and the words, before and after.
type changeItem struct {
	Field      string  `json:"field"`
	FieldType  string  `json:"fieldtype"`
	FieldID    string  `json:"fieldId,omitempty"`
	From       *string `json:"from"`
	FromString *string `json:"fromString"`
	To         *string `json:"to"`
	ToString   *string `json:"toString"`
}

// worded is a value of a field: its ID, when it has one, and its words.
type worded struct{ id, words string }

func wordedNamed(list []named, name string) worded {
	n, _ := match(list, "", name)
	return worded{n.ID, n.Name}
}

func (s *Site) wordedUser(name string) worded {
	u, _ := findUser("", name)
	if s.mode == DataCenter {
		return worded{u.Name, u.Display}
	}
	return worded{u.AccountID, u.Display}
}

// changes are what differs between two versions of an issue, field by field. Comments and properties are no part of a changelog.
func (s *Site) changes(old, is *Issue) []changeItem {
	var items []changeItem
	differ := func(field, id string, from, to worded) {
		if from == to {
			return
		}
		kind := "jira"
		if strings.HasPrefix(id, "customfield_") {
			kind = "custom"
		}
		items = append(items, changeItem{field, kind, id, optional(from.id), optional(from.words), optional(to.id), optional(to.words)})
	}
	text := func(words string) worded { return worded{"", words} }
	before, _ := findProject(old.Project)
	after, _ := findProject(is.Project)
	differ("project", "project", worded{before.ID, before.Title}, worded{after.ID, after.Title})
	differ("Key", "", text(old.Key), text(is.Key))
	differ("summary", "summary", text(old.Summary), text(is.Summary))
	differ("description", "description", text(old.Description), text(is.Description))
	differ("issuetype", "issuetype", wordedNamed(issueTypes, old.Type), wordedNamed(issueTypes, is.Type))
	differ("priority", "priority", wordedNamed(priorities, old.Priority), wordedNamed(priorities, is.Priority))
	differ("labels", "labels", text(strings.Join(old.Labels, " ")), text(strings.Join(is.Labels, " ")))
	differ("assignee", "assignee", s.wordedUser(old.Assignee), s.wordedUser(is.Assignee))
	differ("reporter", "reporter", s.wordedUser(old.Reporter), s.wordedUser(is.Reporter))
	differ("resolution", "resolution", wordedNamed(resolutions, old.Resolution), wordedNamed(resolutions, is.Resolution))
	from, _ := findStatus(old.Status)
	to, _ := findStatus(is.Status)
	differ("status", "status", worded{from.ID, from.Name}, worded{to.ID, to.Name})
	for _, f := range fields {
		if a, b := old.Fields[f.id], is.Fields[f.id]; !bytes.Equal(a, b) {
			differ(f.name, f.id, text(plain(a)), text(plain(b)))
		}
	}
	for i, l := range is.RemoteLinks {
		if i >= len(old.RemoteLinks) {
			differ("RemoteIssueLink", "", worded{}, text(`This issue links to "`+l.Title+`"`))
		}
	}
	return items
}

func optional(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

// plain shows a value as words: text as it is, an option by its name, anything else as JSON.
func plain(raw json.RawMessage) string {
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
