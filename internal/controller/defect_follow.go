package controller

import (
	"context"
	"fmt"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/voiceai-dev/integrations-operator/api/v1alpha1"
	"github.com/voiceai-dev/integrations-operator/internal/condition"
	"github.com/voiceai-dev/integrations-operator/internal/connection"
	"github.com/voiceai-dev/integrations-operator/internal/fault"
	"github.com/voiceai-dev/integrations-operator/internal/lifecycle"
	"github.com/voiceai-dev/integrations-operator/internal/render"
	"github.com/voiceai-dev/integrations-operator/internal/text"
	"github.com/voiceai-dev/integrations-operator/internal/ticket"
)

const (
	// followLane is the lane of what is read from, and said to, tickets that are there.
	followLane = "follow"
	// commentInterval is how long after a comment further occurrences are gathered into the next one.
	commentInterval = 15 * time.Minute
)

// ticketAction is something to do with a ticket that is there.
type ticketAction struct {
	// id says what it is. What succeeded is not done again under the same id.
	id string
	// says is what the status says while it is under way; empty when it need not be said.
	says string
	// reads says that the call reads the ticket: when that is not there, the ticket is gone.
	reads bool
	// extra is something that Defect and ticket are in step without.
	extra bool
	call  connection.Call[JiraClient, ticket.Ticket]
	// done takes the answer over.
	done func(t ticket.Ticket, at time.Time)
}

// follow keeps Defect and ticket in step: what Jira says moves the Defect, and the ticket is told what Jira does not know. One thing is done at
// a time; the status that follows from it leads to the next.
func (r *DefectReconciler) follow(ctx context.Context, s *defectScope) *outcome {
	d := s.defect
	j := d.Status.Jira
	name, ok := integrationOf(j)
	if !ok {
		condition.True(d, v1alpha1.ConditionSynced, v1alpha1.ReasonNoTicket, "There is no ticket to be in step with")
		return nil
	}
	integration := &v1alpha1.JiraIntegration{}
	if err := r.Client.Get(ctx, name, integration); client.IgnoreNotFound(err) != nil {
		return outcomeOf(fmt.Errorf("reading JiraIntegration %s: %w", name, err))
	} else if err != nil {
		return s.outOfStep(&outcome{progress: condition.Stalled, reason: v1alpha1.ReasonIntegrationNotFound, message: fmt.Sprintf(
			"JiraIntegration %s, with which %s was made, does not exist: create it again to go on following the ticket", name, j.Key)})
	}
	key := client.ObjectKeyFromObject(d)
	if t, ok := r.PendingUpdates.Get(key, d.UID); ok && !lifecycle.FromJira(d, integration.Spec.States, t, false, s.now) {
		r.PendingUpdates.Drop(key) // the status shows it
	}
	lane := r.Jira.Get(name).Lane(followLane)
	a := r.nextAct(s, integration)
	if a == nil {
		lane.Forget(key)
		if j.MissingSince != nil {
			return s.outOfStep(&outcome{progress: condition.Stalled, reason: v1alpha1.ReasonTicketMissing, message: fmt.Sprintf(
				"Jira does not have %s any more, or the account may not see it: restore it or the permission, or delete the Defect", j.Key)})
		}
		condition.True(d, v1alpha1.ConditionSynced, v1alpha1.ReasonInStep, "Defect and ticket agree")
		return nil
	}
	version := ""
	if j.UpdatedTime != nil {
		version = j.UpdatedTime.String()
	}
	call := a.call
	if !a.reads {
		call = unlessGone(j, a.call)
	}
	answer := lane.Submit(connection.Request[JiraClient, ticket.Ticket]{
		Key: key, UID: d.UID, Operation: a.id, Version: fmt.Sprintf("%d/%s", integration.Generation, version), Call: call,
	})
	switch {
	case answer.Done && fault.Is(answer.Err, fault.NotFound):
		if j.MissingSince == nil {
			j.MissingSince = &metav1.Time{Time: answer.At}
		}
		j.JiraChangedAt = changedAt(d)
		r.PendingUpdates.ResolveDoubt(key)
		return s.outOfStep(outcomeOf(answer.Err))
	case answer.Done && answer.Err == nil:
		a.done(answer.Result, answer.At)
		if r.nextAct(s, integration) != nil { // the status that is written has it done
			return s.outOfStep(&outcome{reason: v1alpha1.ReasonSyncing, message: "More is to be said to " + j.Key})
		}
		condition.True(d, v1alpha1.ConditionSynced, v1alpha1.ReasonInStep, "Defect and ticket agree")
		return nil
	case answer.Done:
		if !answer.RetryAt.IsZero() {
			s.next = sooner(s.next, until(answer.RetryAt, s.now))
		}
		o := outcomeOf(answer.Err)
		if a.extra && o.progress == condition.Stalled {
			condition.True(d, v1alpha1.ConditionSynced, v1alpha1.ReasonInStep, "Defect and ticket agree; the link back to the Defect could not be made: "+o.message)
			return nil
		}
		return s.outOfStep(o)
	case answer.Pause != nil:
		return s.outOfStep(pausedOutcome(v1alpha1.KindJiraIntegration, name.String(), answer.Pause))
	case a.says == "":
		return nil
	default:
		return s.outOfStep(&outcome{reason: v1alpha1.ReasonSyncing, message: a.says})
	}
}

// nextAct is what has to be done next, or nil. It asks to look again when something is to be done later.
func (r *DefectReconciler) nextAct(s *defectScope, i *v1alpha1.JiraIntegration) *ticketAction {
	d := s.defect
	j := d.Status.Jira
	if at := changedAt(d); at != j.JiraChangedAt {
		return r.read(d, i, "read/"+at, func() { j.JiraChangedAt = at })
	}
	if j.MissingSince != nil {
		return nil
	}
	key := client.ObjectKeyFromObject(d)
	if at, ok := r.PendingUpdates.DoubtedAt(key, d.UID); ok {
		return r.read(d, i, fmt.Sprintf("look/%d", at.UnixNano()), func() { r.PendingUpdates.ResolveDoubt(key) })
	}
	regression := isUnsentRegression(d)
	if regression && j.MoveTo != "" && !lifecycle.Reopens(i.Spec.Reopen, d, s.now) {
		j.MoveTo = ""
	}
	if j.MoveTo != "" {
		return r.move(s, i, regression)
	}
	if d.Status.Occurrences > j.ToldOccurrences {
		due := nextComment(j)
		if regression || !s.now.Before(due) {
			return r.comment(d, i, regression)
		}
		s.next = sooner(s.next, until(due, s.now))
	}
	if link := r.backlink(d); link != "" && link != j.Backlink {
		return r.link(d, i, link)
	}
	return nil
}

// read reads the ticket, because of a hint or a doubt.
func (r *DefectReconciler) read(d *v1alpha1.Defect, i *v1alpha1.JiraIntegration, why string, done func()) *ticketAction {
	id := idOf(d.Status.Jira)
	return &ticketAction{
		id: why, reads: true,
		call: func(ctx context.Context, c JiraClient) (ticket.Ticket, error) { return c.Get(ctx, id) },
		done: func(t ticket.Ticket, at time.Time) {
			lifecycle.FromJira(d, i.Spec.States, t, true, at)
			done()
		},
	}
}

// move moves the ticket to where the Defect is, and says there who wanted it.
func (r *DefectReconciler) move(s *defectScope, i *v1alpha1.JiraIntegration, regression bool) *ticketAction {
	d := s.defect
	j := d.Status.Jira
	id, told := idOf(j), d.Status.Occurrences
	target := lifecycle.Target(i.Spec.Transitions, j.MoveTo)
	note := ticket.Comment{Ref: ref(d, "state", changeNumber(d)), Body: render.MoveComment(d)}
	if regression {
		note = ticket.Comment{Ref: ref(d, "occurrence", told), Body: render.OccurrenceComment(d, told, true)}
	}
	record, object, before := r.Jira.Get(client.ObjectKeyFromObject(i)).Record, objectOf(d), j.Status
	return &ticketAction{
		id: fmt.Sprintf("move/%s/%d", j.MoveTo, changeNumber(d)), says: fmt.Sprintf("%s is being moved to %s", j.Key, j.MoveTo),
		call: func(ctx context.Context, c JiraClient) (ticket.Ticket, error) {
			t, err := c.Move(ctx, id, target)
			if err == nil && !strings.EqualFold(t.Status, before) {
				err = c.Comment(ctx, id, note)
			}
			record.Add(actionMove, object, strings.TrimSpace(t.Key+" "+t.Status), err)
			return t, err
		},
		done: func(t ticket.Ticket, at time.Time) {
			lifecycle.Moved(d, t, at)
			if regression {
				j.ToldOccurrences, j.LastCommentTime = told, &metav1.Time{Time: at}
			}
		},
	}
}

// comment tells the ticket of occurrences.
func (r *DefectReconciler) comment(d *v1alpha1.Defect, i *v1alpha1.JiraIntegration, regression bool) *ticketAction {
	j := d.Status.Jira
	id, told := idOf(j), d.Status.Occurrences
	// A comment that is under way is brought to its end before there is another, whatever occurred since.
	var asked int64
	under := r.Jira.Get(client.ObjectKeyFromObject(i)).Lane(followLane).Operation(client.ObjectKeyFromObject(d), d.UID)
	if _, err := fmt.Sscanf(under, "comment/occurrence-%d-", &asked); err == nil && asked > j.ToldOccurrences && asked < told {
		told = asked
	}
	c := ticket.Comment{Ref: ref(d, "occurrence", told), Body: render.OccurrenceComment(d, told, regression)}
	record, object, key := r.Jira.Get(client.ObjectKeyFromObject(i)).Record, objectOf(d), j.Key
	return &ticketAction{
		id: "comment/" + c.Ref, says: j.Key + " is being told of another occurrence",
		call: func(ctx context.Context, client JiraClient) (ticket.Ticket, error) {
			err := client.Comment(ctx, id, c)
			record.Add(actionComment, object, key, err)
			return ticket.Ticket{}, err
		},
		done: func(_ ticket.Ticket, at time.Time) {
			j.ToldOccurrences, j.LastCommentTime, j.LastSyncTime = told, &metav1.Time{Time: at}, &metav1.Time{Time: at}
		},
	}
}

// link puts a link to the Defect on the ticket.
func (r *DefectReconciler) link(d *v1alpha1.Defect, i *v1alpha1.JiraIntegration, url string) *ticketAction {
	j := d.Status.Jira
	id, link := idOf(j), ticket.Link{GlobalID: d.Marker(), URL: url, Title: "Defect " + d.Namespace + "/" + d.Name}
	record, object, key := r.Jira.Get(client.ObjectKeyFromObject(i)).Record, objectOf(d), j.Key
	return &ticketAction{
		id: "link/" + url, extra: true,
		call: func(ctx context.Context, c JiraClient) (ticket.Ticket, error) {
			err := c.Link(ctx, id, link)
			record.Add(actionLink, object, key, err)
			return ticket.Ticket{}, err
		},
		done: func(ticket.Ticket, time.Time) { j.Backlink = url },
	}
}

// unlessGone is a call that tells a ticket that is gone from one to which something cannot be done: Jira says of both that it does not have it.
func unlessGone(j *v1alpha1.DefectTicket, call connection.Call[JiraClient, ticket.Ticket]) connection.Call[JiraClient, ticket.Ticket] {
	id, key := idOf(j), j.Key
	return func(ctx context.Context, c JiraClient) (ticket.Ticket, error) {
		t, err := call(ctx, c)
		if !fault.Is(err, fault.NotFound) {
			return t, err
		}
		if _, gone := c.Get(ctx, id); gone != nil {
			return t, gone
		}
		f := *fault.From(err)
		f.Kind, f.Message = fault.Invalid, fmt.Sprintf("%s is there, but %s: is the feature switched off, or a proxy in between?", key, f.Message)
		return t, &f
	}
}

// backlink is the Defect's page, or empty when there is no dashboard.
func (r *DefectReconciler) backlink(d *v1alpha1.Defect) string {
	if r.DashboardURL == "" {
		return ""
	}
	return strings.TrimRight(r.DashboardURL, "/") + "/defects/" + d.Namespace + "/" + d.Name
}

func (s *defectScope) outOfStep(o *outcome) *outcome {
	condition.False(s.defect, v1alpha1.ConditionSynced, o.reason, o.message)
	return o
}

// isUnsentRegression says that the defect came back and the ticket was not told yet.
func isUnsentRegression(d *v1alpha1.Defect) bool {
	c, j := d.Status.StateChange, d.Status.Jira
	return c != nil && c.Cause == v1alpha1.CauseRegression && j.CreatedTime.Before(&c.Time) && (j.LastCommentTime == nil || j.LastCommentTime.Before(&c.Time))
}

// nextComment is when the ticket may be told of further occurrences.
func nextComment(j *v1alpha1.DefectTicket) time.Time {
	if j.LastCommentTime == nil {
		return time.Time{}
	}
	return j.LastCommentTime.Add(commentInterval)
}

// ref names a comment, so that it is made once.
func ref(d *v1alpha1.Defect, what string, number int64) string {
	return fmt.Sprintf("%s-%d-%s", what, number, d.UID)
}

func changeNumber(d *v1alpha1.Defect) int64 {
	if c := d.Status.StateChange; c != nil {
		return c.Number
	}
	return 0
}

func changedAt(d *v1alpha1.Defect) string {
	return text.Truncate(d.Annotations[v1alpha1.JiraChangedAtAnnotation], 64)
}

// idOf is what names a ticket to Jira: its ID, which stays when it is moved.
func idOf(j *v1alpha1.DefectTicket) string {
	if j.ID != "" {
		return j.ID
	}
	return j.Key
}

// integrationOf is the integration with which a ticket was made, and whether there is a ticket.
func integrationOf(j *v1alpha1.DefectTicket) (types.NamespacedName, bool) {
	if j == nil || j.Key == "" {
		return types.NamespacedName{}, false
	}
	namespace, name, _ := strings.Cut(j.Integration, "/")
	return types.NamespacedName{Namespace: namespace, Name: name}, true
}

func objectOf(d *v1alpha1.Defect) string {
	return v1alpha1.KindDefect + "/" + d.Namespace + "/" + d.Name
}
