package defect

import (
	"context"
	"fmt"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/voiceai-dev/integrations-operator/api/v1alpha1"
	"github.com/voiceai-dev/integrations-operator/internal/condition"
	"github.com/voiceai-dev/integrations-operator/internal/connection"
	"github.com/voiceai-dev/integrations-operator/internal/controller/kit"
	"github.com/voiceai-dev/integrations-operator/internal/fault"
	"github.com/voiceai-dev/integrations-operator/internal/lifecycle"
	"github.com/voiceai-dev/integrations-operator/internal/text"
	"github.com/voiceai-dev/integrations-operator/internal/ticket"
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
	integration := &v1alpha1.JiraIntegration{}
	if err := r.Client.Get(ctx, name, integration); client.IgnoreNotFound(err) != nil {
		return kit.OutcomeOf(fmt.Errorf("reading JiraIntegration %s: %w", name, err))
	} else if err != nil {
		return s.notSynced(&kit.Outcome{Progress: condition.Stalled, Reason: v1alpha1.ReasonIntegrationNotFound, Message: fmt.Sprintf(
			"JiraIntegration %s, with which %s was filed, does not exist. Create it again to sync the ticket.", name, j.Key)})
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
		return s.nothingToSync()
	}
	return r.actionOutcome(s, integration, action, lane.Submit(connection.Request[connection.JiraClient, ticket.Ticket]{
		Key:       key,
		UID:       d.UID,
		Operation: action.id,
		Version:   fmt.Sprintf("%d/%s", integration.Generation, updatedTime(j)),
		Call:      action.callFor(j),
	}))
}

func updatedTime(j *v1alpha1.DefectTicket) string {
	if j.UpdatedTime == nil {
		return ""
	}
	return j.UpdatedTime.String()
}

// nothingToSync reports a ticket with which nothing is to be done.
func (s *scope) nothingToSync() *kit.Outcome {
	if j := s.defect.Status.Jira; j.MissingSince != nil {
		return s.notSynced(&kit.Outcome{Progress: condition.Stalled, Reason: v1alpha1.ReasonTicketMissing, Message: fmt.Sprintf(
			"Jira does not have %s any more, or the account may not see it. Restore the ticket or the permission, or delete the Defect.",
			j.Key,
		)})
	}
	s.synced()
	return nil
}

// actionOutcome records what came of an action, and returns its outcome.
func (r *Reconciler) actionOutcome(s *scope, integration *v1alpha1.JiraIntegration, action *ticketAction, a answer) *kit.Outcome {
	j := s.defect.Status.Jira
	switch {
	case a.Done && fault.Is(a.Err, fault.NotFound):
		return r.recordMissing(s, a)
	case a.Done && a.Err == nil:
		action.record(a.Result, a.At)
		r.dropObsoleteMove(s, integration)
		next, wait := r.nextAction(s, integration)
		s.next = kit.Sooner(s.next, wait)
		if next != nil { // the status that is written enqueues the Defect
			return s.notSynced(&kit.Outcome{Reason: v1alpha1.ReasonSyncing, Message: j.Key + " is being updated"})
		}
		s.synced()
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
func (r *Reconciler) recordMissing(s *scope, a answer) *kit.Outcome {
	j := s.defect.Status.Jira
	if j.MissingSince == nil {
		j.MissingSince = &metav1.Time{Time: a.At}
	}
	j.JiraChangedAt = changedAt(s.defect)
	r.PendingUpdates.ResolveDoubt(client.ObjectKeyFromObject(s.defect))
	return s.notSynced(kit.OutcomeOf(a.Err))
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

func (s *scope) synced() {
	condition.True(s.defect, v1alpha1.ConditionSynced, v1alpha1.ReasonInStep, "Defect and ticket are in sync")
}

func (s *scope) notSynced(o *kit.Outcome) *kit.Outcome {
	condition.False(s.defect, v1alpha1.ConditionSynced, o.Reason, o.Message)
	return o
}

// dropObsoleteMove drops the reopening of a ticket after a regression that the integration's policy does not want.
func (r *Reconciler) dropObsoleteMove(s *scope, i *v1alpha1.JiraIntegration) {
	j := s.defect.Status.Jira
	_, doubted := r.PendingUpdates.DoubtedAt(client.ObjectKeyFromObject(s.defect), s.defect.UID)
	if changedAt(s.defect) != j.JiraChangedAt || j.MissingSince != nil || doubted {
		return // the ticket is read first
	}
	if isUnsentRegression(s.defect) && j.MoveTo != "" && !lifecycle.Reopens(i.Spec.Reopen, s.defect, s.now) {
		j.MoveTo = ""
	}
}

// nextAction returns the next action on the ticket, or nil, and how long it is until another is due; 0 for never.
func (r *Reconciler) nextAction(s *scope, i *v1alpha1.JiraIntegration) (action *ticketAction, wait time.Duration) {
	d := s.defect
	j := d.Status.Jira
	key := client.ObjectKeyFromObject(d)
	regression := isUnsentRegression(d)
	if at := changedAt(d); at != j.JiraChangedAt {
		return r.read(d, i, "read/"+at, func() { j.JiraChangedAt = at }), 0
	}
	if j.MissingSince != nil {
		return nil, 0
	}
	if at, ok := r.PendingUpdates.DoubtedAt(key, d.UID); ok {
		return r.read(d, i, fmt.Sprintf("look/%d", at.UnixNano()), func() { r.PendingUpdates.ResolveDoubt(key) }), 0
	}
	if j.MoveTo != "" {
		return r.move(s, i, regression), 0
	}
	if d.Status.Occurrences > j.ToldOccurrences {
		due := nextComment(j)
		if regression || !s.now.Before(due) {
			return r.comment(d, i, regression), 0
		}
		wait = kit.Until(due, s.now)
	}
	if link := r.backlink(d); link != "" && link != j.Backlink {
		return r.link(d, i, link), wait
	}
	return nil, wait
}

// isUnsentRegression reports whether the Defect came back and the ticket does not have a comment about it yet.
func isUnsentRegression(d *v1alpha1.Defect) bool {
	c := d.Status.StateChange
	j := d.Status.Jira
	return c != nil && c.Cause == v1alpha1.CauseRegression && j.CreatedTime.Before(&c.Time) &&
		(j.LastCommentTime == nil || j.LastCommentTime.Before(&c.Time))
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
	return text.Truncate(d.Annotations[v1alpha1.JiraChangedAtAnnotation], 64)
}

// recordOf returns the record of an integration.
func (r *Reconciler) recordOf(i *v1alpha1.JiraIntegration) *connection.Record {
	return r.Jira.Get(types.NamespacedName{Namespace: i.Namespace, Name: i.Name}).Record
}
