// SPDX-License-Identifier: Apache-2.0

package defect

import (
	"context"
	"errors"
	"fmt"
	"strings"
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
	"github.com/voiceai-dev/integrations-operator/internal/tracing"
)

// createLane is the lane of creates. Calls to tickets that exist have a lane of their own: each of Jira's endpoints
// has a limit of its own.
const createLane = "create"

// answer is how far a call to Jira is.
type answer = connection.Answer[ticket.Ticket]

// fileTicket files exactly one ticket for a Defect that is to have one.
func (r *Reconciler) fileTicket(ctx context.Context, s *scope) *kit.Outcome {
	d := s.defect
	key := client.ObjectKeyFromObject(d)
	if j := d.Status.Jira; j != nil && j.Key != "" {
		r.forgetFiling(key, d)
		return nil
	}
	integration, why, err := r.ticketIntegration(ctx, d)
	if err != nil {
		o := kit.OutcomeOf(err)
		s.next = o.RequeueAfter()
		return s.notTicketed(o)
	}
	if integration == nil {
		condition.True(d, v1alpha1.ConditionTicketed, v1alpha1.ReasonNotWanted, why)
		return nil
	}
	name := client.ObjectKeyFromObject(integration)
	lane := r.Jira.Get(name).Lane(createLane)
	last, answered := lane.Peek(key, d.UID)
	if answered && fault.Is(last.Err, fault.Ambiguous) {
		if o := s.recordDoubt(integration, last, r.settleTime(integration)); o != nil {
			return s.notTicketed(o)
		}
	}
	f := filing{key: key, uid: d.UID, integration: integration, since: r.intentOf(d, integration).Since()}
	f.findings = r.holdFinding(integration, d)
	if !f.since.IsZero() {
		f.lookup = r.lookups.Hold(name, key, d.Marker(), d.CreationTimestamp.Time)
		f.due = f.since.Add(r.settleTime(integration))
		if s.now.Before(f.due) {
			s.next = kit.Until(f.due, s.now)
			if isPersistent(last.Err) {
				return s.notTicketed(kit.OutcomeOf(last.Err))
			}
			return s.notTicketed(&kit.Outcome{Reason: v1alpha1.ReasonSearching, Message: fmt.Sprintf(
				"The Defect may have a ticket already. Jira is searched for it at %s, when its search has settled.",
				f.due.UTC().Format(time.TimeOnly+" UTC"))})
		}
	}
	a, o := r.submitFiling(ctx, s, f)
	if o != nil || a == nil {
		return o
	}
	return r.filingOutcome(s, integration, *a)
}

// submitFiling submits the call that files the ticket, unless the Defect shares the ticket of another or waits for it. It
// returns neither an answer nor an outcome when the ticket was adopted.
func (r *Reconciler) submitFiling(ctx context.Context, s *scope, f filing) (*answer, *kit.Outcome) {
	d := s.defect
	lane := r.Jira.Get(client.ObjectKeyFromObject(f.integration)).Lane(createLane)
	r.filing.Lock()
	defer r.filing.Unlock()
	if !lane.Has(f.key, f.uid) {
		with, waitFor, err := r.shared(ctx, d, f.integration)
		switch {
		case err != nil:
			return nil, s.notTicketed(kit.OutcomeOf(err))
		case with != nil:
			r.adopt(s, f.integration, with)
			return nil, nil
		case waitFor != "":
			return nil, s.notTicketed(&kit.Outcome{Reason: v1alpha1.ReasonFiling, Message: fmt.Sprintf(
				"Waiting for the ticket of Defect %s, which has the same fingerprint", waitFor)})
		}
	}
	f.former = r.former(d, f.integration)
	a := lane.Submit(connection.Request[connection.JiraClient, ticket.Ticket]{
		Key: f.key, UID: f.uid, Operation: connection.Operation{Name: "create"}, Endpoint: connection.ActionCreate,
		// A request by annotation retries what was refused.
		Version: fmt.Sprintf("%d/%d/%s", d.Generation, f.integration.Generation, requestedAt(d)),
		Doubt:   fmt.Sprint(f.since.Unix()),
		Origin:  tracing.OriginOf(ctx),
		Call:    r.fileCall(f),
	})
	return &a, nil
}

// filingOutcome returns the outcome of the call that files a ticket.
func (r *Reconciler) filingOutcome(s *scope, integration *v1alpha1.JiraIntegration, a answer) *kit.Outcome {
	switch {
	case a.Done && a.Err == nil:
		r.recordTicket(s, integration, a)
		return nil
	case a.Done:
		if !a.RetryAt.IsZero() {
			s.next = kit.Until(a.RetryAt, s.now)
		}
		return s.notTicketed(kit.OutcomeOf(a.Err))
	case a.Pause != nil:
		return s.notTicketed(kit.PausedOutcome(v1alpha1.KindJiraIntegration, client.ObjectKeyFromObject(integration).String(), a.Pause))
	case a.Slow:
		return s.notTicketed(&kit.Outcome{Reason: v1alpha1.ReasonFiling, Message: "Waiting for Jira to create the ticket"})
	default:
		s.answerSoon = true
		return s.notTicketed(&kit.Outcome{Reason: v1alpha1.ReasonFiling, Message: "The ticket is being created"})
	}
}

// recordDoubt records that a create ended in doubt before another attempt, so that the next attempt, perhaps by another
// leader, looks up the ticket. It returns nil when the status already records it.
func (s *scope) recordDoubt(integration *v1alpha1.JiraIntegration, a answer, settle time.Duration) *kit.Outcome {
	at := metav1.NewTime(a.At.Truncate(time.Second))
	if j := s.defect.Status.Jira; j != nil && j.UncertainSince != nil && j.UncertainSince.Equal(&at) {
		return nil
	}
	s.jira().UncertainSince = &at
	s.jira().Integration = client.ObjectKeyFromObject(integration).String()
	s.next = kit.Until(at.Add(settle), s.now)
	if isPersistent(a.Err) {
		return kit.OutcomeOf(a.Err)
	}
	return &kit.Outcome{
		Reason:  v1alpha1.ReasonAmbiguous,
		Message: fmt.Sprintf("%v. Jira is searched for the ticket in %s.", a.Err, settle),
	}
}

// isPersistent reports whether a call failed again and again although others succeeded.
func isPersistent(err error) bool { return err != nil && fault.From(err).Persistent }

// ticketIntegration returns the integration with which a Defect gets its ticket, or nil and why it gets none. A
// create that is in flight or in doubt comes first, even if the Defect names another integration now.
func (r *Reconciler) ticketIntegration(
	ctx context.Context,
	d *v1alpha1.Defect,
) (i *v1alpha1.JiraIntegration, why string, err error) {
	i, err = r.inFlightIntegration(ctx, d)
	if i != nil || err != nil {
		return i, "", err
	}
	return r.wantedIntegration(ctx, d)
}

// inFlightIntegration returns the integration with which a ticket is being created or may have been created already,
// or nil.
func (r *Reconciler) inFlightIntegration(ctx context.Context, d *v1alpha1.Defect) (*v1alpha1.JiraIntegration, error) {
	key := client.ObjectKeyFromObject(d)
	name, _, ok := r.Jira.InFlight(key, d.UID, followLane)
	if j := d.Status.Jira; !ok && j != nil && j.UncertainSince != nil && j.Integration != "" {
		name = parseName(j.Integration)
		ok = true
	}
	if !ok {
		return nil, nil
	}
	ref := &v1alpha1.IntegrationReference{Namespace: name.Namespace, Name: name.Name}
	integration, err := connection.ResolveJira(ctx, r.Client, d.Namespace, ref)
	var refusal *connection.Refusal
	switch {
	case err == nil:
		return integration, nil
	case !errors.As(err, &refusal):
		return nil, err
	}
	// The integration was deleted, or does not allow the namespace any more. A ticket that it created is recorded all the
	// same, for which its name is enough. Nothing else is done with it.
	if !r.isFiled(name, key, d.UID) {
		if refusal.Reason == v1alpha1.ReasonIntegrationNotFound {
			return nil, nil
		}
		return nil, refusal
	}
	return &v1alpha1.JiraIntegration{ObjectMeta: metav1.ObjectMeta{Namespace: name.Namespace, Name: name.Name}}, nil
}

// isFiled reports whether a call created or adopted a ticket that is not recorded yet.
func (r *Reconciler) isFiled(integration, defect types.NamespacedName, uid types.UID) bool {
	conn := r.Jira.Find(integration)
	if conn == nil {
		return false
	}
	a, answered := conn.Lane(createLane).Peek(defect, uid)
	return answered && a.Err == nil
}

// forgetFiling drops what is kept of filing a ticket that the status shows.
func (r *Reconciler) forgetFiling(key types.NamespacedName, d *v1alpha1.Defect) {
	j := d.Status.Jira
	if name, ok := integrationOf(j); ok {
		if conn := r.Jira.Find(name); conn != nil {
			conn.Lane(createLane).Forget(key)
		}
		r.release(key)
		r.creates.take(d.UID)
	}
	j.TicketRequestedAt = requestedAt(d)
	if !condition.Is(d, v1alpha1.ConditionTicketed, metav1.ConditionTrue, "") {
		condition.True(d, v1alpha1.ConditionTicketed, v1alpha1.ReasonFiled, "The ticket is "+j.Key)
	}
}

// recordTicket writes the ticket to the status.
func (r *Reconciler) recordTicket(s *scope, i *v1alpha1.JiraIntegration, a answer) {
	d := s.defect
	t := a.Result
	name := client.ObjectKeyFromObject(i)
	j := s.jira()
	lifecycle.Filed(d, i.Spec.States, t, a.At)
	j.Integration = name.String()
	j.Site = string(i.Spec.APIURL)
	j.UncertainSince = nil
	j.TicketRequestedAt = requestedAt(d)
	s.filed = &t
	r.KnownTickets.Take(leftKey(d, j.Site), t.ID)
	if len(t.Markers) > 0 && !t.Has(d.Marker()) {
		j.Marker = t.Markers[0]
	}
	switch {
	case t.Found && j.Marker != "":
		condition.True(d, v1alpha1.ConditionTicketed, v1alpha1.ReasonFiled, fmt.Sprintf(
			"The ticket is %s: a former Defect with the same fingerprint or name had it", t.Key))
	case t.Found || t.Priority != "" && len(t.Omitted) == 0:
		condition.True(d, v1alpha1.ConditionTicketed, v1alpha1.ReasonFiled, "The ticket is "+t.Key)
	case len(t.Omitted) > 0:
		condition.True(d, v1alpha1.ConditionTicketed, v1alpha1.ReasonFiledWithoutFields, fmt.Sprintf(
			"The ticket is %s, without some of spec.fields of JiraIntegration %s: %s", t.Key, name, strings.Join(t.Omitted, "; ")))
	default:
		condition.True(d, v1alpha1.ConditionTicketed, v1alpha1.ReasonFiledWithoutPriority, fmt.Sprintf(
			"The ticket is %s, without the priority %q, which the project does not have for this issue type. "+
				"Fix spec.priorities of JiraIntegration %s.",
			t.Key,
			i.Spec.Priorities.For(d.Spec.Severity),
			name,
		))
	}
}

// reportMove reports that the ticket has another key than before: a person moved it to another project, or it was
// converted.
func (s *scope) reportMove() {
	was := s.before.Status.Jira
	is := s.defect.Status.Jira
	if was != nil && was.Key != "" && is.Key != was.Key {
		condition.True(s.defect, v1alpha1.ConditionTicketed, v1alpha1.ReasonFiled,
			fmt.Sprintf("The ticket is %s, which was %s before it was moved in Jira", is.Key, was.Key))
	}
}

// requestedAt returns when the ticket was requested, as the annotation on the Defect has it.
func requestedAt(d *v1alpha1.Defect) string {
	return text.Truncate(text.OneLine(d.Annotations[v1alpha1.TicketRequestedAtAnnotation]), 64)
}

// jira returns the ticket's part of the status, which it creates when it is missing.
func (s *scope) jira() *v1alpha1.DefectTicket {
	if s.defect.Status.Jira == nil {
		s.defect.Status.Jira = &v1alpha1.DefectTicket{}
	}
	return s.defect.Status.Jira
}

func (s *scope) notTicketed(o *kit.Outcome) *kit.Outcome {
	condition.False(s.defect, v1alpha1.ConditionTicketed, o.Reason, o.Message)
	return o
}

// parseName returns the name that a status holds as namespace/name.
func parseName(s string) types.NamespacedName {
	namespace, name, _ := strings.Cut(s, "/")
	return types.NamespacedName{Namespace: namespace, Name: name}
}

// integrationOf returns the integration with which a ticket was filed, and whether there is a ticket.
func integrationOf(j *v1alpha1.DefectTicket) (types.NamespacedName, bool) {
	if j == nil || j.Key == "" {
		return types.NamespacedName{}, false
	}
	return parseName(j.Integration), true
}

func objectOf(d *v1alpha1.Defect) string {
	return v1alpha1.KindDefect + "/" + d.Namespace + "/" + d.Name
}
