package controller

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
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

// createLane is the lane of creates. What follows a ticket has a lane of its own: each of Jira's endpoints has a limit of its own.
const createLane = "create"

// defaultSettle is spec.settleSeconds when empty.
const defaultSettle = 180 * time.Second

// fileTicket sees to it that a Defect that should have a ticket gets exactly one.
func (r *DefectReconciler) fileTicket(ctx context.Context, s *defectScope) *outcome {
	d := s.defect
	key := client.ObjectKeyFromObject(d)
	if j := d.Status.Jira; j != nil && j.Key != "" {
		r.filed(key, d)
		return nil
	}
	integration, why, err := r.inFlightIntegration(ctx, s)
	if integration == nil && err == nil {
		integration, why, err = r.wanted(ctx, d)
	}
	if err != nil {
		o := outcomeOf(err)
		s.next = o.again()
		return s.notTicketed(o)
	}
	if integration == nil {
		condition.True(d, v1alpha1.ConditionTicketed, v1alpha1.ReasonNotWanted, why)
		return nil
	}

	name := client.ObjectKeyFromObject(integration)
	lane := r.Jira.Get(name).Lane(createLane)
	if a, ok := lane.Peek(key, d.UID); ok && fault.Is(a.Err, fault.Ambiguous) {
		// Put down first that a ticket may be there. What is tried next is tried with that in mind, whoever tries it.
		at := metav1.NewTime(a.At.Truncate(time.Second))
		if j := d.Status.Jira; j == nil || j.UncertainSince == nil || !j.UncertainSince.Equal(&at) {
			s.jira().UncertainSince, s.jira().Integration = &at, name.String()
			s.next = until(at.Add(settle(integration)), s.now)
			return s.notTicketed(&outcome{reason: v1alpha1.ReasonAmbiguous, message: fmt.Sprintf(
				"%v: whether the ticket was made is looked up in %s", a.Err, settle(integration))})
		}
	}
	since := r.uncertainSince(d)
	search := r.lookupOf(name)
	if !since.IsZero() {
		search.hold(key, d.Marker(), d.CreationTimestamp.Time)
		if end := since.Add(settle(integration)); s.now.Before(end) {
			s.next = until(end, s.now)
			return s.notTicketed(&outcome{reason: v1alpha1.ReasonSearching, message: fmt.Sprintf(
				"A ticket may have been made already; Jira is asked for it at %s, when its search has had time to settle", end.UTC().Format(time.TimeOnly+" UTC"))})
		}
	}
	answer := lane.Submit(connection.Request[JiraClient, ticket.Ticket]{
		Key: key, UID: d.UID, Operation: "create",
		Version: fmt.Sprintf("%d/%d/%d", d.Generation, integration.Generation, since.Unix()),
		Call:    r.file(key, d.UID, integration, search, since),
	})
	switch {
	case answer.Done && answer.Err == nil:
		r.ticketed(s, name, integration, answer)
		return nil
	case answer.Done:
		if !answer.RetryAt.IsZero() {
			s.next = until(answer.RetryAt, s.now)
		}
		return s.notTicketed(outcomeOf(answer.Err))
	case answer.Pause != nil:
		return s.notTicketed(pausedOutcome(v1alpha1.KindJiraIntegration, name.String(), answer.Pause))
	case answer.Slow:
		return s.notTicketed(&outcome{reason: v1alpha1.ReasonFiling, message: "Jira has been asked for a ticket and has not answered yet"})
	default:
		s.soon = true
		return s.notTicketed(&outcome{reason: v1alpha1.ReasonFiling, message: "A ticket is being filed"})
	}
}

// inFlightIntegration is the integration with which a ticket is being made, or may have been made, already: whatever is wanted now, that is brought to its end
// first. nil when there is none.
func (r *DefectReconciler) inFlightIntegration(ctx context.Context, s *defectScope) (*v1alpha1.JiraIntegration, string, error) {
	d := s.defect
	name, _, ok := r.Jira.InFlight(client.ObjectKeyFromObject(d), d.UID, followLane)
	if j := d.Status.Jira; !ok && j != nil && j.UncertainSince != nil && j.Integration != "" {
		namespace, n, _ := strings.Cut(j.Integration, "/")
		name, ok = types.NamespacedName{Namespace: namespace, Name: n}, true
	}
	if !ok {
		return nil, "", nil
	}
	integration := &v1alpha1.JiraIntegration{}
	err := r.Client.Get(ctx, name, integration)
	if client.IgnoreNotFound(err) != nil {
		return nil, "", fmt.Errorf("reading JiraIntegration %s: %w", name, err)
	}
	if err != nil { // it was deleted; what it did is known all the same
		a, answered := r.Jira.Get(name).Lane(createLane).Peek(client.ObjectKeyFromObject(d), d.UID)
		if !answered || a.Err != nil {
			return nil, "", nil
		}
		integration.Namespace, integration.Name = name.Namespace, name.Name
	}
	return integration, "", nil
}

// wanted is the integration with which a Defect is to get a ticket, or nil and why it gets none.
func (r *DefectReconciler) wanted(ctx context.Context, d *v1alpha1.Defect) (*v1alpha1.JiraIntegration, string, error) {
	create := v1alpha1.TicketAuto
	var ref *v1alpha1.IntegrationReference
	if j := d.Spec.Jira; j != nil {
		ref = j.IntegrationRef
		if j.Create != "" {
			create = j.Create
		}
	}
	requested := d.Annotations[v1alpha1.TicketRequestedAtAnnotation] != ""
	if create == v1alpha1.TicketNever && !requested {
		return nil, "spec.jira.create is Never", nil
	}
	integration, err := connection.ResolveJira(ctx, r.Client, d.Namespace, ref)
	if err != nil {
		var refusal *connection.Refusal
		if errors.As(err, &refusal) && refusal.Reason == v1alpha1.ReasonIntegrationNotFound && ref == nil && create == v1alpha1.TicketAuto && !requested {
			return nil, "No JiraIntegration of this namespace is marked as default", nil
		}
		return nil, "", err
	}
	if create == v1alpha1.TicketAlways || requested {
		return integration, "", nil
	}
	auto := integration.Spec.AutoCreate
	categories := []v1alpha1.Category{v1alpha1.CategoryDefect}
	if auto != nil && len(auto.Categories) > 0 {
		categories = auto.Categories
	}
	name := client.ObjectKeyFromObject(integration)
	switch {
	case auto == nil || !auto.Enabled:
		return nil, fmt.Sprintf("JiraIntegration %s has no autoCreate that is enabled", name), nil
	case auto.MinSeverity != "" && d.Spec.Severity.Rank() < auto.MinSeverity.Rank():
		return nil, fmt.Sprintf("JiraIntegration %s makes tickets from severity %s on", name, auto.MinSeverity), nil
	case !slices.Contains(categories, d.Spec.Category):
		return nil, fmt.Sprintf("JiraIntegration %s makes no tickets for category %s", name, d.Spec.Category), nil
	case auto.Selector != nil:
		selector, err := metav1.LabelSelectorAsSelector(auto.Selector.AsMeta())
		if err != nil {
			return nil, "", &connection.Refusal{Reason: v1alpha1.ReasonInvalid,
				Message: fmt.Sprintf("spec.autoCreate.selector of JiraIntegration %s is invalid: %v", name, err)}
		}
		if !selector.Matches(labels.Set(d.Labels)) {
			return nil, fmt.Sprintf("spec.autoCreate.selector of JiraIntegration %s does not choose this Defect", name), nil
		}
	}
	return integration, "", nil
}

// uncertainSince is since when a ticket may be there that the status does not know of; zero when there cannot be one.
func (r *DefectReconciler) uncertainSince(d *v1alpha1.Defect) time.Time {
	var since time.Time
	if j := d.Status.Jira; j != nil && j.UncertainSince != nil {
		since = j.UncertainSince.Time
	}
	// The API server gives whole seconds: only a later second is surely later.
	if tookOver := r.LeaderSince(); !d.CreationTimestamp.After(tookOver) && tookOver.After(since) {
		since = tookOver
	}
	return since
}

func settle(i *v1alpha1.JiraIntegration) time.Duration {
	if s := i.Spec.SettleSeconds; s > 0 {
		return time.Duration(s) * time.Second
	}
	return defaultSettle
}

// file is the call that files a ticket, or finds the one that is there. It keeps little: many may wait for their turn.
func (r *DefectReconciler) file(key types.NamespacedName, uid types.UID, i *v1alpha1.JiraIntegration, known *lookup[ticket.Ticket], since time.Time) connection.Call[JiraClient, ticket.Ticket] {
	record, spec, due := r.Jira.Get(client.ObjectKeyFromObject(i)).Record, i.Spec, since.Add(settle(i))
	return func(ctx context.Context, c JiraClient) (ticket.Ticket, error) {
		d := &v1alpha1.Defect{}
		if err := r.Client.Get(ctx, key, d); client.IgnoreNotFound(err) != nil {
			return ticket.Ticket{}, fault.New(fault.Unavailable, "reading Defect %s: %v", key, err)
		} else if err != nil || d.UID != uid {
			return ticket.Ticket{}, fault.New(fault.NotFound, "Defect %s was deleted", key)
		}
		object := objectOf(d)
		if !since.IsZero() {
			t, ok, err := known.find(ctx, c.Find, key, due, r.Clock.Now)
			if ok || err != nil {
				record.Add(actionLookup, object, t.Key, err)
				t.Found = ok
				return t, err
			}
		}
		draft, omitted := render.Draft(d, &spec, c.Project.Priorities)
		t, err := c.Create(ctx, draft)
		for f := fault.From(err); f != nil && f.Kind == fault.Invalid; f = fault.From(err) { // refused, so that nothing was made
			switch {
			case f.Field == "priority" && draft.Priority != "":
				draft.Priority = ""
			case draft.Fields[f.Field] != "":
				omitted = append(omitted, fmt.Sprintf("%s: %v", f.Field, f))
				delete(draft.Fields, f.Field)
			default:
				record.Add(ActionCreate, object, "", err)
				return t, err
			}
			t, err = c.Create(ctx, draft)
		}
		t.Priority, t.Omitted = draft.Priority, append(omitted, t.Omitted...)
		record.Add(ActionCreate, object, t.Key, err)
		return t, err
	}
}

// filed drops what is kept of the making of a ticket that the status shows.
func (r *DefectReconciler) filed(key types.NamespacedName, d *v1alpha1.Defect) {
	j := d.Status.Jira
	if name, ok := integrationOf(j); ok {
		r.Jira.Get(name).Lane(createLane).Forget(key)
		r.lookupOf(name).release(key)
	}
	j.TicketRequestedAt = requestedAt(d)
	if !condition.Is(d, v1alpha1.ConditionTicketed, metav1.ConditionTrue, "") {
		condition.True(d, v1alpha1.ConditionTicketed, v1alpha1.ReasonFiled, "The ticket is "+j.Key)
	}
}

// moved says when the ticket has another key than before: somebody moved it to another project, or it was converted.
func (s *defectScope) moved() {
	was, is := s.before.Status.Jira, s.defect.Status.Jira
	if was != nil && was.Key != "" && is.Key != was.Key {
		condition.True(s.defect, v1alpha1.ConditionTicketed, v1alpha1.ReasonFiled, fmt.Sprintf("The ticket is %s, which was %s before it was moved in Jira", is.Key, was.Key))
	}
}

func requestedAt(d *v1alpha1.Defect) string {
	return text.Truncate(d.Annotations[v1alpha1.TicketRequestedAtAnnotation], 64)
}

// lookupOf is what searches for the tickets of an integration's Defects.
func (r *DefectReconciler) lookupOf(integration types.NamespacedName) *lookup[ticket.Ticket] {
	l, ok := r.lookups.Load(integration)
	if !ok {
		l, _ = r.lookups.LoadOrStore(integration, newLookup[ticket.Ticket]())
	}
	return l.(*lookup[ticket.Ticket])
}

// ticketed puts the ticket into the status.
func (r *DefectReconciler) ticketed(s *defectScope, integration types.NamespacedName, i *v1alpha1.JiraIntegration, a connection.Answer[ticket.Ticket]) {
	d, j, t := s.defect, s.jira(), a.Result
	lifecycle.Filed(d, i.Spec.States, t, a.At)
	j.Integration, j.UncertainSince, j.TicketRequestedAt = integration.String(), nil, requestedAt(d)
	s.filed = &t
	switch {
	case t.Found || t.Priority != "" && len(t.Omitted) == 0:
		condition.True(d, v1alpha1.ConditionTicketed, v1alpha1.ReasonFiled, "The ticket is "+t.Key)
	case len(t.Omitted) > 0:
		condition.True(d, v1alpha1.ConditionTicketed, v1alpha1.ReasonFiledWithoutFields, fmt.Sprintf(
			"The ticket is %s, without some of spec.fields of JiraIntegration %s: %s", t.Key, integration, strings.Join(t.Omitted, "; ")))
	default:
		condition.True(d, v1alpha1.ConditionTicketed, v1alpha1.ReasonFiledWithoutPriority, fmt.Sprintf(
			"The ticket is %s, without the priority %q, which the project does not take for this issue type: mend spec.priorities of JiraIntegration %s",
			t.Key, i.Spec.Priorities.For(d.Spec.Severity), integration))
	}
}

func (s *defectScope) jira() *v1alpha1.DefectTicket {
	if s.defect.Status.Jira == nil {
		s.defect.Status.Jira = &v1alpha1.DefectTicket{}
	}
	return s.defect.Status.Jira
}

func (s *defectScope) notTicketed(o *outcome) *outcome {
	condition.False(s.defect, v1alpha1.ConditionTicketed, o.reason, o.message)
	return o
}
