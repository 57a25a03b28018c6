// Package lifecycle says what moves a Defect's state: a change of spec.state, a change in Jira, a new occurrence of a resolved defect; the
// newest of them counts. It is pure.
package lifecycle

import (
	"slices"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/voiceai-dev/integrations-operator/api/v1alpha1"
	"github.com/voiceai-dev/integrations-operator/internal/text"
	"github.com/voiceai-dev/integrations-operator/internal/ticket"
)

// The categories of Jira's statuses (https://developer.atlassian.com/cloud/jira/platform/rest/v2/api-group-workflow-status-categories/).
const (
	categoryNew        = "new"
	categoryInProgress = "indeterminate"
	categoryDone       = "done"
)

// maxAhead is how far a clock elsewhere may be ahead. An occurrence from further on is no occurrence: it would hide all that come.
const maxAhead = 5 * time.Minute

// Observe takes over what a Defect's spec says that its status does not show yet: its first look, a change of state, an occurrence.
func Observe(d *v1alpha1.Defect, now time.Time) {
	s := &d.Status
	seen, again := d.CreationTimestamp, false
	if d.Spec.Occurrence != nil && d.Spec.Occurrence.Time.Time.Before(now.Add(maxAhead)) {
		seen, again = d.Spec.Occurrence.Time, true // a Defect that was restored from a backup is younger than what was seen of it
	}
	if s.State == "" {
		s.State, s.WantedState = v1alpha1.StateOpen, d.Spec.State
		if d.Spec.State != "" {
			s.State = d.Spec.State
		}
		if resolved(s.State) {
			s.ResolvedTime = &metav1.Time{Time: now}
		}
	}
	switch {
	case s.Occurrences == 0:
		s.Occurrences, s.FirstSeenTime, s.LastSeenTime = 1, &seen, &seen
	case again && (s.LastSeenTime == nil || seen.After(s.LastSeenTime.Time)):
		s.Occurrences++
		s.LastSeenTime = &seen
		if resolved(s.State) && (s.ResolvedTime == nil || seen.After(s.ResolvedTime.Time)) {
			s.Regressions++
			move(d, v1alpha1.StateOpen, v1alpha1.CauseRegression, now)
		}
	}
	if d.Spec.State != s.WantedState {
		s.WantedState = d.Spec.State
		if d.Spec.State != "" && d.Spec.State != s.State {
			move(d, d.Spec.State, v1alpha1.CauseSpec, now)
		}
	}
}

// Filed takes over a ticket that was made for a Defect, or found.
func Filed(d *v1alpha1.Defect, states []v1alpha1.JiraStateMapping, t ticket.Ticket, at time.Time) {
	j := d.Status.Jira
	j.CreatedTime, j.LastSyncTime = &metav1.Time{Time: at}, &metav1.Time{Time: at}
	j.ToldOccurrences = d.Status.Occurrences
	take(j, t)
	if category(d.Status.State) != category(stateOf(states, t.Status, t.StatusCategory)) {
		j.MoveTo = d.Status.State // it was moved before there was a ticket
	}
}

// FromJira takes over what Jira says of a Defect's ticket, unless that is older than what is known. It says whether there was anything new. What was
// read from the ticket itself counts also when it is as old: two changes in one second may have the same time.
func FromJira(d *v1alpha1.Defect, states []v1alpha1.JiraStateMapping, t ticket.Ticket, read bool, now time.Time) bool {
	j := d.Status.Jira
	if age := Age(j, t); age < 0 || age == 0 && !read {
		return false
	}
	was, is := stateOf(states, j.Status, j.StatusCategory), stateOf(states, t.Status, t.StatusCategory)
	if !take(j, t) {
		return false
	}
	j.LastSyncTime = &metav1.Time{Time: now}
	if is == was {
		return true
	}
	if c := d.Status.StateChange; j.MoveTo != "" && c != nil && !t.Updated.IsZero() && t.Updated.Before(c.Time.Time) {
		return true // what was wanted since is newer, and on its way
	}
	j.MoveTo = "" // somebody moved it since
	if is != d.Status.State && (category(is) != category(d.Status.State) || mapped(states, t.Status)) {
		at := now
		if !t.Updated.IsZero() && t.Updated.Before(now) {
			at = t.Updated
		}
		move(d, is, v1alpha1.CauseJira, at)
		j.MoveTo = ""
	}
	return true
}

// Age says whether a ticket is newer (1), as old (0) or older (-1) than what is known of it. What is found again is news.
func Age(j *v1alpha1.DefectTicket, t ticket.Ticket) int {
	if j.MissingSince != nil || j.UpdatedTime == nil {
		return 1
	}
	return t.Updated.Compare(j.UpdatedTime.Time)
}

// Differs says whether a ticket says something else than what is known of it.
func Differs(j *v1alpha1.DefectTicket, t ticket.Ticket) bool {
	known := *j
	return take(&known, t)
}

// Moved takes over a ticket that the operator moved.
func Moved(d *v1alpha1.Defect, t ticket.Ticket, now time.Time) {
	j := d.Status.Jira
	take(j, t)
	j.MoveTo, j.LastSyncTime = "", &metav1.Time{Time: now}
}

// Target is where a ticket has to go for a state.
func Target(transitions []v1alpha1.JiraTransitionMapping, to v1alpha1.State) ticket.Target {
	for _, t := range transitions {
		if t.State == to {
			return ticket.Target{Status: string(t.Status), Category: category(to)}
		}
	}
	return ticket.Target{Category: category(to)}
}

// Reopens says whether the ticket of a defect that came back is reopened; otherwise it gets a comment.
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

// move moves a Defect's state, and has the ticket follow.
func move(d *v1alpha1.Defect, to v1alpha1.State, cause v1alpha1.StateChangeCause, now time.Time) {
	s := &d.Status
	change := &v1alpha1.StateChange{Number: 1, From: s.State, Cause: cause, Time: metav1.Time{Time: now}}
	if s.StateChange != nil {
		change.Number = s.StateChange.Number + 1
	}
	if resolved(to) && !resolved(s.State) {
		s.ResolvedTime = &metav1.Time{Time: now}
	}
	s.State, s.StateChange = to, change
	if s.Jira != nil && s.Jira.Key != "" {
		s.Jira.MoveTo = to
	}
}

// take copies what Jira says of a ticket, and says whether anything in it is new.
func take(j *v1alpha1.DefectTicket, t ticket.Ticket) bool {
	before := *j
	j.Key, j.ID, j.URL = t.Key, t.ID, t.URL
	j.Status, j.StatusCategory = text.Truncate(t.Status, 255), text.Truncate(t.StatusCategory, 64)
	j.Resolution, j.Assignee = text.Truncate(t.Resolution, 255), text.Truncate(t.Assignee, 255)
	j.MissingSince = nil
	if *j == before {
		return false // its summary was edited, or we commented on it
	}
	if !t.Updated.IsZero() {
		j.UpdatedTime = &metav1.MicroTime{Time: t.Updated}
	}
	return true
}

func resolved(s v1alpha1.State) bool {
	return s == v1alpha1.StateResolved || s == v1alpha1.StateClosed
}

// category is the category of Jira statuses that a state belongs to.
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

func mapped(states []v1alpha1.JiraStateMapping, status string) bool {
	return slices.ContainsFunc(states, func(m v1alpha1.JiraStateMapping) bool { return strings.EqualFold(string(m.Status), status) })
}

// stateOf is the state that a Jira status stands for. A ticket of which nothing is known yet is new.
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
