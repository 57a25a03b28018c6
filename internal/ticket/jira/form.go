package jira

import (
	"fmt"
	"slices"
	"strings"

	"github.com/voiceai-dev/integrations-operator/internal/text"
	"github.com/voiceai-dev/integrations-operator/internal/ticket"
)

// form describes how to fill in a ticket.
type form struct {
	// priorities are those of ticket.Project.
	priorities []string
	// fields are the configured fields that can be filled in, by their configured name.
	fields map[string]screenField
	// unusable has the problems of the other configured fields, by their configured name.
	unusable map[string]string
	// problems are those of ticket.Project.
	problems []string
}

// newForm compares the configured fields with a screen.
func newForm(c ticket.Config, screen []screenField) *form {
	out := &form{priorities: priorities(screen), fields: map[string]screenField{}, unusable: map[string]string{}}
	configured := map[string]string{} // names by ID
	for _, f := range c.Fields {
		on, problem := match(c, f, screen)
		if on.id() != "" {
			if other, ok := configured[on.id()]; ok && problem == "" {
				problem = fmt.Sprintf("is the same field as %q: remove one of them", other)
			}
			configured[on.id()] = f.Name
		}
		if problem != "" {
			out.unusable[f.Name] = problem
			out.problems = append(out.problems, fmt.Sprintf("field %q %s", f.Name, problem))
			continue
		}
		out.fields[f.Name] = on
	}
	if missing := unfilled(screen, configured); missing != nil {
		out.problems = append(out.problems,
			fmt.Sprintf("Jira requires %s, which is not in spec.fields: add it, or make it optional for %s in Jira",
				list(missing), c.IssueType))
	}
	if lacking := lackingFields(screen); lacking != nil {
		out.problems = append(out.problems, fmt.Sprintf("the create screen of %s in %s has no %s, which every ticket needs: add it to the screen",
			c.IssueType, c.Project, strings.Join(lacking, " and no ")))
	}
	return out
}

// unfilled returns the required fields of a screen that nothing fills in. configured has the configured fields by ID.
func unfilled(screen []screenField, configured map[string]string) []string {
	var names []string
	for _, f := range screen {
		if _, ok := configured[f.id()]; f.Required && !f.HasDefaultValue && !ok && !slices.Contains(preset, f.id()) {
			names = append(names, fmt.Sprintf("%q (%s)", text.Truncate(f.Name, 100), f.id()))
		}
	}
	return names
}

// lackingFields returns the fields of every ticket that a screen lacks. A summary is on every screen.
func lackingFields(screen []screenField) []string {
	var ids []string
	for _, id := range []string{"description", "labels"} {
		if !slices.ContainsFunc(screen, func(f screenField) bool { return f.id() == id }) {
			ids = append(ids, id)
		}
	}
	return ids
}

// unknownForm returns the form for an issue type whose create screen Jira does not describe.
func unknownForm(c ticket.Config, reason string) *form {
	problem := fmt.Sprintf("Jira does not list the fields of %s in %s", c.IssueType, c.Project)
	out := &form{unusable: map[string]string{}, problems: []string{problem + ": " + reason}}
	for _, f := range c.Fields {
		out.unusable[f.Name] = problem
	}
	if c.Fields != nil {
		out.problems[0] += "; tickets are filed without spec.fields"
	}
	return out
}

// match returns the field of a screen that a configured field refers to, and the problem with it.
func match(c ticket.Config, f ticket.Field, screen []screenField) (on screenField, problem string) {
	candidates := candidates(f.Name, screen)
	switch len(candidates) {
	case 0:
		return on, fmt.Sprintf("is not on the create screen of %s in %s, which has %s: fix its name, or add it to the screen",
			c.IssueType, c.Project, list(usableNames(screen)))
	case 1:
		on = candidates[0]
	default:
		var ids []string
		for _, s := range candidates {
			ids = append(ids, s.id())
		}
		return on, fmt.Sprintf("is ambiguous: use the ID of one of %s", list(ids))
	}
	switch kind := on.kind(); {
	case on.id() != "reporter" && slices.Contains(preset, on.id()):
		problem = "is always filled in: remove it"
	case kind == "":
		problem = fmt.Sprintf("has the unsupported type %s in Jira: remove it", on.jiraType())
	case kind != f.Type:
		problem = fmt.Sprintf("has the type %s in Jira, not %s: set its type to %s", on.jiraType(), f.Type, kind)
	}
	return on, problem
}

// candidates returns the field with an ID, or else those with a name.
func candidates(nameOrID string, screen []screenField) []screenField {
	var named []screenField
	for _, s := range screen {
		if s.id() == nameOrID {
			return []screenField{s}
		}
		if strings.EqualFold(s.Name, nameOrID) {
			named = append(named, s)
		}
	}
	return named
}

// usableNames returns the names of the fields that can be configured, sorted.
func usableNames(screen []screenField) []string {
	var names []string
	for _, s := range screen {
		if !slices.Contains(preset, s.id()) {
			names = append(names, s.Name)
		}
	}
	slices.Sort(names)
	return names
}
