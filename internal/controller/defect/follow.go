// SPDX-License-Identifier: Apache-2.0

package defect

import (
	"context"
	"errors"
	"fmt"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/voiceai-dev/integrations-operator/api/v1alpha1"
	"github.com/voiceai-dev/integrations-operator/internal/activity"
	"github.com/voiceai-dev/integrations-operator/internal/condition"
	"github.com/voiceai-dev/integrations-operator/internal/connection"
	"github.com/voiceai-dev/integrations-operator/internal/controller/kit"
	"github.com/voiceai-dev/integrations-operator/internal/fault"
	"github.com/voiceai-dev/integrations-operator/internal/lifecycle"
	"github.com/voiceai-dev/integrations-operator/internal/text"
	"github.com/voiceai-dev/integrations-operator/internal/ticket"
	"github.com/voiceai-dev/integrations-operator/internal/tracing"
)

const (
	// followLane is the lane of reads and changes of tickets that exist.
	followLane = "follow"
	// commentInterval is how long after a comment further occurrences are collected into the next one.
	commentInterval = 15 * time.Minute
)

// followTicket keeps Defect and ticket in sync: what Jira reports moves the Defect, and the ticket gets what Jira
// does not know. One action is made at a time; the status that records it leads to the next.
func (r *Reconciler) followTicket(ctx context.Context, s *scope) *kit.Outcome {
	d := s.defect
	j := d.Status.Jira
	name, ok := integrationOf(j)
	if !ok {
		condition.True(d, v1alpha1.ConditionSynced, v1alpha1.ReasonNoTicket, "There is no ticket to sync with")
		return nil
	}
	integration, o := r.followedIntegration(ctx, s, name)
	if o != nil {
		return o
	}
	key := client.ObjectKeyFromObject(d)
	if t, ok := r.PendingUpdates.Get(key, d.UID); ok && !lifecycle.FromJira(d, integration.Spec.States, t, false, s.now) {
		r.PendingUpdates.Drop(key) // the status shows it
	}
	lane := r.Jira.Get(name).Lane(followLane)
	r.dropObsoleteMove(s, integration)
	action, wait := r.nextAction(s, integration)
	s.next = kit.Sooner(s.next, wait)
	if action == nil {
		lane.Forget(key)
		return s.nothingToSync(integration)
	}
	return r.actionOutcome(s, integration, action, lane.Submit(connection.Request[connection.JiraClient, ticket.Ticket]{
		Key:       key,
		UID:       d.UID,
		Operation: action.operation,
		Endpoint:  action.endpoint,
		Version:   fmt.Sprintf("%d/%s", integration.Generation, updatedTime(j)),
		Origin:    tracing.OriginOf(ctx),
		Call:      action.callFor(j),
	}))
}

// followedIntegration returns the integration with which the ticket was filed, or the outcome when it cannot be used.
func (r *Reconciler) followedIntegration(
	ctx context.Context, s *scope, name types.NamespacedName,
) (*v1alpha1.JiraIntegration, *kit.Outcome) {
	ref := &v1alpha1.IntegrationReference{Namespace: name.Namespace, Name: name.Name}
	integration, err := connection.ResolveJira(ctx, r.Client, s.defect.Namespace, ref)
	var refusal *connection.Refusal
	switch {
	case err == nil:
		return integration, nil
	case !errors.As(err, &refusal):
		return nil, kit.OutcomeOf(err)
	case refusal.Reason == v1alpha1.ReasonIntegrationNotFound:
		return nil, s.notSynced(&kit.Outcome{
			Progress: condition.Stalled, Reason: v1alpha1.ReasonIntegrationNotFound, Message: fmt.Sprintf(
				"JiraIntegration %s, with which %s was filed, does not exist. Create it again to sync the ticket.",
				name, s.defect.Status.Jira.Key)})
	}
	o := kit.OutcomeOf(refusal)
	s.next = kit.Sooner(s.next, o.RequeueAfter())
	return nil, s.notSynced(o)
}

func updatedTime(j *v1alpha1.DefectTicket) string {
	if j.UpdatedTime == nil {
		return ""
	}
	return j.UpdatedTime.String()
}

// nothingToSync reports a ticket with which nothing is to be done now.
func (s *scope) nothingToSync(i *v1alpha1.JiraIntegration) *kit.Outcome {
	if s.defect.Status.Jira.MissingSince != nil {
		return s.notSynced(s.missing(i))
	}
	s.synced(i)
	return nil
}

// missing returns the outcome of a ticket that Jira does not have.
func (s *scope) missing(i *v1alpha1.JiraIntegration) *kit.Outcome {
	j := s.defect.Status.Jira
	_, next := missingLook(j.MissingSince.Time, s.now)
	again := "It is looked for again at " + next.UTC().Format("15:04 UTC") + "."
	message := fmt.Sprintf("Jira does not have %s any more, or the account may not see it. "+
		"Restore the ticket or the permission, or delete the Defect. %s", j.Key, again)
	if j.Site != "" && j.Site != string(i.Spec.APIURL) {
		message = fmt.Sprintf("%s is at %s, and JiraIntegration %s leads to %s now, where no issue is this Defect's ticket. "+
			"Point spec.apiURL at the ticket's site, or delete the Defect. %s",
			j.Key, j.Site, client.ObjectKeyFromObject(i), i.Spec.APIURL, again)
	}
	return &kit.Outcome{Progress: condition.Stalled, Reason: v1alpha1.ReasonTicketMissing, Message: message}
}

// missingLooks are how long after a ticket went missing it is looked for again. After the last one it is looked for as
// often as that took.
var missingLooks = []time.Duration{5 * time.Minute, 20 * time.Minute, time.Hour}

// missingLook returns how many looks for a ticket that has been missing since a time are due by now, and when the next
// one is.
func missingLook(since, now time.Time) (due int, next time.Time) {
	for due < len(missingLooks) {
		if next = since.Add(missingLooks[due]); now.Before(next) {
			return due, next
		}
		due++
	}
	every := missingLooks[len(missingLooks)-1]
	due += int((now.Sub(since) - every) / every)
	return due, since.Add(time.Duration(due-len(missingLooks)+2) * every)
}

// actionOutcome records what came of an action, and returns its outcome.
func (r *Reconciler) actionOutcome(s *scope, integration *v1alpha1.JiraIntegration, action *ticketAction, a answer) *kit.Outcome {
	j := s.defect.Status.Jira
	switch {
	case a.Done && fault.Is(a.Err, fault.NotFound):
		return r.recordMissing(s, integration, a)
	case a.Done && a.Err == nil && action.reads && !isTicketOf(s.defect, integration, a.Result):
		return r.recordMissing(s, integration, a)
	case a.Done && a.Err == nil:
		action.record(a.Result, a.At)
		j.Site = string(integration.Spec.APIURL)
		r.dropObsoleteMove(s, integration)
		next, wait := r.nextAction(s, integration)
		s.next = kit.Sooner(s.next, wait)
		if next != nil { // the status that is written enqueues the Defect
			return s.notSynced(&kit.Outcome{Reason: v1alpha1.ReasonSyncing, Message: j.Key + " is being updated"})
		}
		s.synced(integration)
		return nil
	case a.Done:
		return s.actionFailed(action, a)
	case a.Pause != nil:
		return s.notSynced(kit.PausedOutcome(v1alpha1.KindJiraIntegration, client.ObjectKeyFromObject(integration).String(), a.Pause))
	case action.progress == "":
		return nil
	default:
		return s.notSynced(&kit.Outcome{Reason: v1alpha1.ReasonSyncing, Message: action.progress})
	}
}

// recordMissing records that Jira does not have the ticket.
func (r *Reconciler) recordMissing(s *scope, i *v1alpha1.JiraIntegration, a answer) *kit.Outcome {
	j := s.defect.Status.Jira
	if j.MissingSince == nil {
		j.MissingSince = &metav1.Time{Time: a.At}
	}
	j.JiraChangedAt = changedAt(s.defect)
	r.PendingUpdates.ResolveDoubt(client.ObjectKeyFromObject(s.defect))
	_, next := missingLook(j.MissingSince.Time, s.now)
	s.next = kit.Sooner(s.next, kit.Until(next, s.now))
	return s.notSynced(s.missing(i))
}

// isTicketOf reports whether an issue that was read is the Defect's ticket: it carries the Defect's marker, or it has the
// known key on the known site. An issue of another site may have the same number.
func isTicketOf(d *v1alpha1.Defect, i *v1alpha1.JiraIntegration, t ticket.Ticket) bool {
	j := d.Status.Jira
	return t.Has(d.TicketMarker()) || t.Key == j.Key && (j.Site == "" || j.Site == string(i.Spec.APIURL))
}

// actionFailed returns the outcome of an action that failed, which is none when the Defect is in sync without it.
func (s *scope) actionFailed(action *ticketAction, a answer) *kit.Outcome {
	if !a.RetryAt.IsZero() {
		s.next = kit.Sooner(s.next, kit.Until(a.RetryAt, s.now))
	}
	o := kit.OutcomeOf(a.Err)
	if action.optional && o.Progress == condition.Stalled {
		condition.True(s.defect, v1alpha1.ConditionSynced, v1alpha1.ReasonInStep,
			"Defect and ticket are in sync. The link back to the Defect could not be created: "+o.Message)
		return nil
	}
	return s.notSynced(o)
}

func (s *scope) synced(i *v1alpha1.JiraIntegration) {
	message := "Defect and ticket are in sync"
	if d := s.defect; lifecycle.LeavesTicket(d, i.Spec.States) {
		field := "spec.resolve"
		if d.Status.State == v1alpha1.StateOpen || d.Status.State == v1alpha1.StateInProgress {
			field = "spec.reopen"
		}
		message = fmt.Sprintf("The Defect is %s. The ticket stays %q, as %s of the JiraIntegration decides.",
			d.Status.State, d.Status.Jira.Status, field)
	}
	condition.True(s.defect, v1alpha1.ConditionSynced, v1alpha1.ReasonInStep, message)
}

func (s *scope) notSynced(o *kit.Outcome) *kit.Outcome {
	condition.False(s.defect, v1alpha1.ConditionSynced, o.Reason, o.Message)
	return o
}

// dropObsoleteMove drops the move of a ticket that the integration's policy does not want: after a regression, and when
// the test passes again.
func (r *Reconciler) dropObsoleteMove(s *scope, i *v1alpha1.JiraIntegration) {
	j := s.defect.Status.Jira
	_, doubted := r.PendingUpdates.DoubtedAt(client.ObjectKeyFromObject(s.defect), s.defect.UID)
	if changedAt(s.defect) != j.JiraChangedAt || j.MissingSince != nil || doubted || j.Site != string(i.Spec.APIURL) {
		return // the ticket is read first
	}
	if isUnsentRegression(s.defect) && j.MoveTo != "" && !lifecycle.Reopens(i.Spec.Reopen, s.defect, s.now) {
		j.MoveTo = ""
	}
	if isUnsentPass(s.defect) && i.Spec.Resolve != nil && i.Spec.Resolve.Policy == v1alpha1.JiraResolveComment {
		j.MoveTo = ""
	}
}

// nextAction returns the next action on the ticket, or nil, and how long it is until another is due; 0 for never.
func (r *Reconciler) nextAction(s *scope, i *v1alpha1.JiraIntegration) (action *ticketAction, wait time.Duration) {
	d := s.defect
	j := d.Status.Jira
	if at := changedAt(d); at != j.JiraChangedAt {
		return r.read(d, i, connection.Operation{Name: "read/" + at}, func() { j.JiraChangedAt = at }), 0
	}
	if j.MissingSince != nil {
		due, next := missingLook(j.MissingSince.Time, s.now)
		if due == 0 {
			return nil, kit.Until(next, s.now)
		}
		return r.read(d, i, connection.Operation{Name: "missing", Number: int64(due)}, func() {}), kit.Until(next, s.now)
	}
	key := client.ObjectKeyFromObject(d)
	if at, ok := r.PendingUpdates.DoubtedAt(key, d.UID); ok {
		return r.read(d, i, connection.Operation{Name: "look", Number: at.UnixNano()}, func() { r.PendingUpdates.ResolveDoubt(key) }), 0
	}
	action, wait = r.nextWrite(s, i)
	if site := string(i.Spec.APIURL); j.Site != site && (action != nil || j.Site != "") {
		return r.read(d, i, connection.Operation{Name: "site/" + site}, func() {}), wait
	}
	return action, wait
}

// nextWrite returns the next change of the ticket, or nil, and how long it is until another is due; 0 for never.
func (r *Reconciler) nextWrite(s *scope, i *v1alpha1.JiraIntegration) (action *ticketAction, wait time.Duration) {
	d := s.defect
	j := d.Status.Jira
	regression := isUnsentRegression(d)
	if j.MoveTo != "" {
		return r.move(s, i, regression), 0
	}
	if isUnsentPass(d) {
		return r.passed(d, i), 0
	}
	if d.Status.Occurrences > j.ToldOccurrences {
		due := nextComment(j)
		if regression || !s.now.Before(due) {
			return r.comment(d, i, regression), 0
		}
		wait = kit.Until(due, s.now)
	}
	moved, due := r.linkMoved(s, i)
	wait = kit.Sooner(wait, due)
	if moved != nil {
		return moved, wait
	}
	if link := r.backlink(d); link != "" && link != j.Backlink {
		return r.link(d, i, link), wait
	}
	return nil, wait
}

// isUnsentRegression reports whether the Defect came back and the ticket does not have a comment about it yet.
func isUnsentRegression(d *v1alpha1.Defect) bool { return isUnsent(d, v1alpha1.CauseRegression) }

// isUnsentPass reports whether the test passes again and the ticket does not have a comment about it yet.
func isUnsentPass(d *v1alpha1.Defect) bool { return isUnsent(d, v1alpha1.CausePassed) }

func isUnsent(d *v1alpha1.Defect, cause v1alpha1.StateChangeCause) bool {
	c := d.Status.StateChange
	j := d.Status.Jira
	return c != nil && c.Cause == cause && !c.Time.Before(j.CreatedTime) && j.ToldChange < c.Number
}

// nextComment returns when the ticket may get a comment about further occurrences.
func nextComment(j *v1alpha1.DefectTicket) time.Time {
	if j.LastCommentTime == nil {
		return time.Time{}
	}
	return j.LastCommentTime.Add(commentInterval)
}

// changedAt returns when a webhook last reported a change of the ticket, as the annotation on the Defect holds it.
func changedAt(d *v1alpha1.Defect) string {
	return text.Truncate(text.OneLine(d.Annotations[v1alpha1.JiraChangedAtAnnotation]), 64)
}

// recordOf returns the record of an integration.
func (r *Reconciler) recordOf(i *v1alpha1.JiraIntegration) *activity.Record {
	return r.Jira.Get(types.NamespacedName{Namespace: i.Namespace, Name: i.Name}).Record
}
