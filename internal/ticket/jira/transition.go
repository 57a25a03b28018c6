// SPDX-License-Identifier: Apache-2.0

package jira

import (
	"fmt"
	"slices"
	"strings"
	"unicode"

	"github.com/voiceai-dev/integrations-operator/internal/fault"
	"github.com/voiceai-dev/integrations-operator/internal/text"
	"github.com/voiceai-dev/integrations-operator/internal/ticket"
)

// transition is a transition of an issue to a status.
type transition struct {
	ID, Name string
	To       struct {
		Name           string
		StatusCategory struct{ Key string }
	}
	Fields map[string]struct {
		Name                      string
		Required, HasDefaultValue bool
	}
}

// requires returns the fields that a transition requires.
func (t *transition) requires() []string {
	var names []string
	for id, f := range t.Fields {
		if f.Required && !f.HasDefaultValue {
			names = append(names, fmt.Sprintf("%q (%s)", text.Truncate(f.Name, 100), id))
		}
	}
	slices.Sort(names)
	return names
}

// isReached reports whether a status is the target.
func isReached(to ticket.Target, status, category string) bool {
	if to.Status != "" {
		return strings.EqualFold(to.Status, status)
	}
	return strings.EqualFold(to.Category, category)
}

// isNamed reports whether a status has the name of a state. Case, spaces and marks do not count: the state InProgress
// is the status "In progress".
func isNamed(status, state string) bool {
	letters := func(s string) string {
		return strings.Map(func(r rune) rune {
			if unicode.IsLetter(r) || unicode.IsDigit(r) {
				return unicode.ToLower(r)
			}
			return -1
		}, s)
	}
	return state != "" && letters(status) == letters(state)
}

// choose returns the ID of the first transition that leads to the target and requires no field. If the target is a
// category, several of its statuses may be offered, such as Done and Rejected. Then the target is the one with the
// state's name, because only the user knows which of the others is meant.
func choose(all []transition, from ticket.Ticket, to ticket.Target) (string, error) {
	var offered, fitting []string
	for i := range all {
		status := all[i].To.Name
		if !slices.Contains(offered, status) {
			offered = append(offered, status)
			if isReached(to, status, all[i].To.StatusCategory.Key) {
				fitting = append(fitting, status)
			}
		}
	}
	if i := slices.IndexFunc(fitting, func(status string) bool { return isNamed(status, to.State) }); i >= 0 && to.Status == "" {
		fitting = fitting[i : i+1]
	}
	if len(fitting) > 1 && to.Status == "" {
		return "", impossible(from, to, "Jira offers %s. Set spec.transitions for the state %s to one of them.", quotedList(fitting), to.State)
	}
	var requiring []string
	for i := range all {
		by := &all[i]
		if !slices.Contains(fitting, by.To.Name) {
			continue
		}
		required := by.requires()
		if len(required) == 0 {
			return by.ID, nil
		}
		requiring = append(requiring, fmt.Sprintf("Transition %q requires %s", text.Truncate(by.Name, 100), list(required)))
	}
	switch {
	case requiring != nil:
		return "", impossible(from, to, "%s. Give the fields a default, or move the ticket in Jira.", list(requiring))
	case offered == nil:
		return "", impossible(from, to, "Jira offers no transition. Grant the account the permission to transition issues.")
	default:
		return "", impossible(from, to, "Jira offers %s. Fix spec.transitions or the workflow.", quotedList(offered))
	}
}

// impossible returns the fault of a move that cannot be made, with the reason.
func impossible(from ticket.Ticket, to ticket.Target, why string, args ...any) error {
	target := fmt.Sprintf("status %q", to.Status)
	if to.Status == "" {
		target = fmt.Sprintf("a status of the category %q", to.Category)
	}
	return fault.New(fault.Invalid, "%s cannot be moved from %q to %s. %s", from.Key, from.Status, target, fmt.Sprintf(why, args...))
}

// quotedList lists names in quotes.
func quotedList(names []string) string {
	quoted := make([]string, len(names))
	for i, n := range names {
		quoted[i] = fmt.Sprintf("%q", text.Truncate(n, 100))
	}
	return list(quoted)
}
