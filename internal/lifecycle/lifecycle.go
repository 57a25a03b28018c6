// SPDX-License-Identifier: Apache-2.0

// Package lifecycle decides the state of a Defect. A change of spec.state, a change in Jira and a new occurrence of a
// resolved defect each move it, and the newest of them counts; a test that passes again resolves its defect. It is pure.
package lifecycle

import (
	"cmp"
	"slices"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/voiceai-dev/integrations-operator/api/v1alpha1"
	"github.com/voiceai-dev/integrations-operator/internal/text"
	"github.com/voiceai-dev/integrations-operator/internal/ticket"
)

// The categories of Jira's statuses
// (https://developer.atlassian.com/cloud/jira/platform/rest/v2/api-group-workflow-status-categories/).
const (
	categoryNew        = "new"
	categoryInProgress = "indeterminate"
	categoryDone       = "done"
)

const (
	// maxName bounds a status, resolution or assignee in a Defect's status, in characters.
	maxName = 255
	// maxCategory bounds a status category.
	maxCategory = 64
)

// Observe updates a Defect's status for what is new in its spec: the Defect itself, what runs report, a change of state.
func Observe(d *v1alpha1.Defect, now time.Time) {
	if d.Status.State == "" {
		initState(d, now)
	}
	observeRuns(d, now)
	wanted := d.PendingState()
	d.SetWantedState()
	if wanted != "" && wanted != d.Status.State {
		move(d, wanted, v1alpha1.CauseSpec, now)
	}
}

// initState sets the state of a Defect that has none yet.
func initState(d *v1alpha1.Defect, now time.Time) {
	s := &d.Status
	s.State = cmp.Or(d.Spec.State, v1alpha1.StateOpen)
	d.SetWantedState()
	if isResolved(s.State) {
		s.ResolvedTime = &metav1.Time{Time: now}
	}
}

// Filed records a ticket that was created for a Defect or adopted. An adopted ticket keeps the state that people gave it,
// unless the Defect's state changed later. If the Defect occurred again after its ticket was done, it is a regression.
func Filed(d *v1alpha1.Defect, states []v1alpha1.JiraStateMapping, t ticket.Ticket, at time.Time) {
	j := d.Status.Jira
	j.CreatedTime = &metav1.Time{Time: at}
	j.LastSyncTime = &metav1.Time{Time: at}
	j.ToldOccurrences = d.Status.Occurrences
	record(j, t)
	there := stateOf(states, t.Status, t.StatusCategory)
	switch {
	case category(d.Status.State) == category(there):
	case !t.Found && d.Status.State == v1alpha1.StateOpen && d.Status.StateChange == nil && !isResolved(there):
		// The first status of the workflow is where a new ticket belongs, whatever its category.
	case t.Found && isNewer(t, d):
		move(d, there, v1alpha1.CauseJira, t.MovedAt())
		j.MoveTo = ""
	case t.Found && isResolved(there) && occurredAfter(t, d):
		d.Status.State = there
		d.Status.ResolvedTime = &metav1.Time{Time: t.MovedAt()}
		d.Status.Regressions++
		j.ToldOccurrences--
		move(d, v1alpha1.StateOpen, v1alpha1.CauseRegression, at)
	default:
		j.MoveTo = d.Status.State // the Defect moved before there was a ticket
	}
}

// isNewer reports whether an adopted ticket was moved by a person, after the last change of the Defect's state. A ticket
// in its first status was not moved.
func isNewer(t ticket.Ticket, d *v1alpha1.Defect) bool {
	if t.StatusCategory == "" || t.StatusCategory == categoryNew || t.MovedAt().IsZero() {
		return false
	}
	if c := d.Status.StateChange; c != nil && !t.MovedAt().After(c.Time.Time) {
		return false
	}
	at := lastReported(d) // a finding that occurred again after the ticket was closed is open
	return at.IsZero() || t.MovedAt().After(at)
}

// occurredAfter reports whether an open Defect that no one has moved yet occurred after its ticket was moved.
func occurredAfter(t ticket.Ticket, d *v1alpha1.Defect) bool {
	return !t.MovedAt().IsZero() && lastReported(d).After(t.MovedAt()) &&
		d.Status.StateChange == nil && d.Status.State == v1alpha1.StateOpen
}

// FromJira updates a Defect's status for its ticket in Jira, and reports whether anything was new. A ticket that is
// older than the one recorded is ignored. One that is as old counts only if it was read from the ticket itself: two
// changes within one second may have the same time.
func FromJira(d *v1alpha1.Defect, states []v1alpha1.JiraStateMapping, t ticket.Ticket, read bool, now time.Time) bool {
	j := d.Status.Jira
	if age := Age(j, t); age < 0 || age == 0 && !read {
		return false
	}
	before := stateOf(states, j.Status, j.StatusCategory)
	after := stateOf(states, t.Status, t.StatusCategory)
	moved := movedAt(j, t)
	if !record(j, t) {
		return false
	}
	j.LastSyncTime = &metav1.Time{Time: now}
	if after == before {
		return true
	}
	if c := d.Status.StateChange; j.MoveTo != "" && c != nil && !moved.IsZero() && moved.Before(c.Time.Time) {
		return true // the state that the ticket is about to be moved to is newer
	}
	j.MoveTo = "" // a user moved the ticket since
	if after != d.Status.State && (category(after) != category(d.Status.State) || isMapped(states, t.Status)) {
		at := now
		if !moved.IsZero() && moved.Before(now) {
			at = moved
		}
		move(d, after, v1alpha1.CauseJira, at)
		j.MoveTo = ""
		if isResolved(after) && recurredAfter(d, at) {
			d.Status.Regressions++
			move(d, v1alpha1.StateOpen, v1alpha1.CauseRegression, now)
		}
	}
	return true
}

// movedAt returns when a ticket got its status, at the latest. The resolution counts only if it is newer than what is recorded:
// a ticket that moves on from one status that is done to another keeps the former resolution.
func movedAt(j *v1alpha1.DefectTicket, t ticket.Ticket) time.Time {
	if j.UpdatedTime != nil && !t.Resolved.After(j.UpdatedTime.Time) {
		return t.Updated
	}
	return t.MovedAt()
}

// recurredAfter reports whether a Defect was seen again after it was resolved in Jira, of which the operator learns now.
func recurredAfter(d *v1alpha1.Defect, resolved time.Time) bool {
	s := &d.Status
	return s.Occurrences > 1 && s.LastSeenTime != nil && s.LastSeenTime.After(resolved)
}

// Age reports whether a ticket is newer than the one recorded (1), as old (0) or older (-1). A ticket that was
// missing is newer.
func Age(j *v1alpha1.DefectTicket, t ticket.Ticket) int {
	if j.MissingSince != nil || j.UpdatedTime == nil {
		return 1
	}
	return t.Updated.Compare(j.UpdatedTime.Time)
}

// Differs reports whether a ticket differs from the one recorded.
func Differs(j *v1alpha1.DefectTicket, t ticket.Ticket) bool {
	recorded := *j
	return record(&recorded, t)
}

// Moved records a ticket that the operator moved to a target. If it is elsewhere already, because a rule in Jira moved it
// on, the Defect follows it.
func Moved(d *v1alpha1.Defect, states []v1alpha1.JiraStateMapping, to ticket.Target, t ticket.Ticket, now time.Time) {
	j := d.Status.Jira
	record(j, t)
	j.MoveTo = ""
	j.LastSyncTime = &metav1.Time{Time: now}
	there := stateOf(states, t.Status, t.StatusCategory)
	if to.Status != "" && strings.EqualFold(t.Status, to.Status) || t.StatusCategory == "" || category(there) == category(d.Status.State) {
		return
	}
	move(d, there, v1alpha1.CauseJira, now)
	j.MoveTo = ""
}

// Target returns the status that a ticket is moved to for a state.
func Target(transitions []v1alpha1.JiraTransitionMapping, to v1alpha1.State) ticket.Target {
	for _, t := range transitions {
		if t.State == to {
			return ticket.Target{Status: string(t.Status), Category: category(to), State: string(to)}
		}
	}
	return ticket.Target{Category: category(to), State: string(to)}
}

// Reopens reports whether the ticket of a defect that occurred again is reopened. If not, it gets a comment.
func Reopens(policy *v1alpha1.JiraReopen, d *v1alpha1.Defect, now time.Time) bool {
	switch {
	case policy == nil || policy.Policy != v1alpha1.JiraReopenReopen:
		return false
	case slices.ContainsFunc(policy.ExceptResolutions, func(n v1alpha1.JiraName) bool {
		return strings.EqualFold(string(n), d.Status.Jira.Resolution)
	}):
		return false
	}
	within := time.Duration(policy.WithinSeconds) * time.Second
	return within == 0 || d.Status.ResolvedTime == nil || now.Sub(d.Status.ResolvedTime.Time) <= within
}

// move sets a Defect's state, and the one that its ticket is to be moved to.
func move(d *v1alpha1.Defect, to v1alpha1.State, cause v1alpha1.StateChangeCause, now time.Time) {
	s := &d.Status
	change := &v1alpha1.StateChange{Number: 1, From: s.State, Cause: cause, Time: metav1.Time{Time: now}}
	if s.StateChange != nil {
		change.Number = s.StateChange.Number + 1
	}
	if isResolved(to) && !isResolved(s.State) {
		s.ResolvedTime = &metav1.Time{Time: now}
	}
	s.State = to
	s.StateChange = change
	if s.Jira != nil && s.Jira.Key != "" {
		s.Jira.MoveTo = to
	}
}

// record records a ticket, and reports whether anything in it is new.
func record(j *v1alpha1.DefectTicket, t ticket.Ticket) bool {
	before := *j
	j.Key = t.Key
	j.ID = t.ID
	j.URL = t.URL
	j.Status = text.Truncate(t.Status, maxName)
	j.StatusCategory = text.Truncate(t.StatusCategory, maxCategory)
	j.Resolution = text.Truncate(t.Resolution, maxName)
	j.Assignee = text.Truncate(t.Assignee, maxName)
	j.MissingSince = nil
	if *j == before {
		return false // a change that is not recorded, such as one of the summary, or a comment of the operator
	}
	if !t.Updated.IsZero() {
		j.UpdatedTime = &metav1.MicroTime{Time: t.Updated}
	}
	return true
}

// isResolved reports whether nothing is left to be done in a state.
func isResolved(s v1alpha1.State) bool {
	return s == v1alpha1.StateResolved || s == v1alpha1.StateClosed
}

// category returns the category of Jira's statuses that a state belongs to.
func category(s v1alpha1.State) string {
	switch s {
	case v1alpha1.StateInProgress:
		return categoryInProgress
	case v1alpha1.StateResolved, v1alpha1.StateClosed:
		return categoryDone
	default:
		return categoryNew
	}
}

// LeavesTicket reports whether only one of a Defect and its ticket is resolved, as a policy of the integration has it.
func LeavesTicket(d *v1alpha1.Defect, states []v1alpha1.JiraStateMapping) bool {
	j := d.Status.Jira
	return j.StatusCategory != "" && isResolved(stateOf(states, j.Status, j.StatusCategory)) != isResolved(d.Status.State)
}

// isMapped reports whether the integration maps a Jira status to a state.
func isMapped(states []v1alpha1.JiraStateMapping, status string) bool {
	return slices.ContainsFunc(states, func(m v1alpha1.JiraStateMapping) bool {
		return strings.EqualFold(string(m.Status), status)
	})
}

// stateOf returns the state that a Jira status stands for. A ticket without a known status is open.
func stateOf(states []v1alpha1.JiraStateMapping, status, statusCategory string) v1alpha1.State {
	for _, m := range states {
		if strings.EqualFold(string(m.Status), status) {
			return m.State
		}
	}
	switch statusCategory {
	case categoryInProgress:
		return v1alpha1.StateInProgress
	case categoryDone:
		return v1alpha1.StateResolved
	default:
		return v1alpha1.StateOpen
	}
}
