// SPDX-License-Identifier: Apache-2.0

package jira

import (
	"cmp"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/voiceai-dev/integrations-operator/internal/fault"
	"github.com/voiceai-dev/integrations-operator/internal/text"
	"github.com/voiceai-dev/integrations-operator/internal/ticket"
)

// form describes how to fill in a ticket.
type form struct {
	// priorities, priorityRequired, problems, blockers and version are those of ticket.Project.
	priorities       []string
	priorityRequired bool
	problems         []string
	blockers         []string
	version          string
	// fields are the configured fields that can be filled in, by their configured name.
	fields map[string]screenField
	// unusable has the problems of the other configured fields, by their configured name.
	unusable map[string]string
	// names has the configured names of fields on the screen, by ID.
	names map[string]string
}

// newForm compares the configured fields with the screen of an issue type.
func newForm(c ticket.Config, issueTypeID string, screen []screenField) *form {
	out := &form{
		priorities: priorities(screen), version: versionOf(issueTypeID, screen),
		fields: map[string]screenField{}, unusable: map[string]string{}, names: map[string]string{},
	}
	filled := slices.Clone(preset)
	for _, f := range c.Fields {
		on, problem := match(c, f, screen)
		if on.id() != "" && !isPreset(on) {
			if other, ok := out.names[on.id()]; ok && problem == "" {
				problem = fmt.Sprintf("is the same field as %q: remove one of them", other)
			} else {
				out.names[on.id()] = f.Name
			}
		}
		if problem != "" {
			out.unusable[f.Name] = problem
			out.problems = append(out.problems, fmt.Sprintf("field %q %s", f.Name, problem))
			continue
		}
		out.fields[f.Name] = on
		filled = append(filled, on.id())
	}
	for _, f := range screen {
		if f.id() == "priority" {
			out.priorityRequired = f.isRequired()
		}
	}
	if missing := unfilled(screen, filled); missing != nil {
		out.blockers = append(out.blockers, fmt.Sprintf(
			"Jira requires %s, which spec.fields does not fill in: add or fix it, or make it optional for %s in Jira",
			list(missing), c.IssueType))
	}
	if lacking := lackingFields(screen); lacking != nil {
		out.blockers = append(out.blockers, fmt.Sprintf("the create screen of %s in %s has no %s, which every ticket needs: add it to the screen",
			c.IssueType, c.Project, strings.Join(lacking, " and no ")))
	}
	return out
}

// versionOf returns what identifies an issue type and its screen.
func versionOf(issueTypeID string, screen []screenField) string {
	sorted := slices.SortedFunc(slices.Values(screen), func(a, b screenField) int { return cmp.Compare(a.id(), b.id()) })
	raw, err := json.Marshal(sorted)
	if err != nil {
		return issueTypeID // texts and flags can always be encoded
	}
	return fmt.Sprintf("%s/%x", issueTypeID, sha256.Sum256(raw))
}

// unfilled returns the required fields of a screen that are not among the IDs of those that are filled in.
func unfilled(screen []screenField, filled []string) []string {
	var names []string
	for _, f := range screen {
		if f.isRequired() && !slices.Contains(filled, f.id()) {
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
func unknownForm(c ticket.Config, why *fault.Fault) *form {
	problem := fmt.Sprintf("Jira does not list the fields of %s in %s", c.IssueType, c.Project)
	reason := why.Error()
	if why.Scope == fault.Connection { // its advice is for wrong credentials
		reason = fmt.Sprintf("it answers %s, though it accepts the credentials elsewhere. "+
			"A scope may be missing from the token, such as read:jira-work", why.Code)
	}
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
	case isPreset(on):
		problem = "is always filled in: remove it"
	case kind == "":
		problem = fmt.Sprintf("has the unsupported type %s in Jira: remove it", on.jiraType())
	case kind != f.Type:
		problem = fmt.Sprintf("has the type %s in Jira, not %s: set its type to %s", on.jiraType(), f.Type, kind)
	}
	return on, problem
}

// isPreset reports whether a field is always filled in, and cannot be configured. A reporter can.
func isPreset(f screenField) bool { return f.id() != "reporter" && slices.Contains(preset, f.id()) }

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
