package controller

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/types"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/voiceai-dev/integrations-operator/api/v1alpha1"
	"github.com/voiceai-dev/integrations-operator/internal/condition"
	"github.com/voiceai-dev/integrations-operator/internal/connection"
	"github.com/voiceai-dev/integrations-operator/internal/event"
	"github.com/voiceai-dev/integrations-operator/internal/fault"
	"github.com/voiceai-dev/integrations-operator/internal/render"
	"github.com/voiceai-dev/integrations-operator/internal/ticket"
)

const (
	// retellFor is how long after an event rules are asked again, so that a rule that the cache learns of a moment after the event is not
	// passed over. Asking again costs no call.
	retellFor = time.Minute
	// defaultSettle is spec.settleSeconds when empty.
	defaultSettle = 180 * time.Second
)

// observe takes over what the spec says of state and occurrences.
func (r *DefectReconciler) observe(s *defectScope) {
	d := s.defect
	if d.Status.State == "" {
		d.Status.State = v1alpha1.StateOpen
	}
	if d.Spec.State != "" {
		d.Status.State = d.Spec.State
	}
	seen := d.CreationTimestamp
	if d.Spec.Occurrence != nil {
		seen = d.Spec.Occurrence.Time
	}
	switch {
	case d.Status.Occurrences == 0:
		d.Status.Occurrences, d.Status.FirstSeenTime, d.Status.LastSeenTime = 1, &seen, &seen
	case d.Status.LastSeenTime == nil || seen.After(d.Status.LastSeenTime.Time):
		d.Status.Occurrences++
		d.Status.LastSeenTime = &seen
	}
}

// fileTicket sees to it that a Defect that should have a ticket gets exactly one.
func (r *DefectReconciler) fileTicket(ctx context.Context, s *defectScope) *outcome {
	d := s.defect
	key := client.ObjectKeyFromObject(d)
	if d.Status.Jira != nil && d.Status.Jira.Key != "" {
		r.Jira.Forget(key)
		if !condition.Is(d, v1alpha1.ConditionTicketed, metav1.ConditionTrue, "") {
			condition.True(d, v1alpha1.ConditionTicketed, v1alpha1.ReasonFiled, "The ticket is "+d.Status.Jira.Key)
		}
		return nil
	}
	integration, why, err := r.wanted(ctx, d)
	if err != nil {
		o := conclude(err)
		s.next = o.again()
		return s.notTicketed(o)
	}
	if integration == nil {
		condition.True(d, v1alpha1.ConditionTicketed, v1alpha1.ReasonNotWanted, why)
		return nil
	}

	name := client.ObjectKeyFromObject(integration)
	lane := r.Jira.Get(name).Lane("")
	if a, ok := lane.Peek(key, d.UID); ok && fault.Is(a.Err, fault.Ambiguous) {
		// Put down first that a ticket may be there. What is tried next is tried with that in mind, whoever tries it.
		at := metav1.NewTime(a.At.Truncate(time.Second))
		if j := d.Status.Jira; j == nil || j.UncertainSince == nil || !j.UncertainSince.Equal(&at) {
			s.jira().UncertainSince = &at
			s.next = until(at.Add(settle(integration)), s.now)
			return s.notTicketed(&outcome{reason: v1alpha1.ReasonAmbiguous, message: fmt.Sprintf(
				"%v: whether the ticket was made is looked up in %s", a.Err, settle(integration))})
		}
	}
	since := r.uncertainSince(d)
	if !since.IsZero() {
		if end := since.Add(settle(integration)); s.now.Before(end) {
			s.next = until(end, s.now)
			return s.notTicketed(&outcome{reason: v1alpha1.ReasonSearching, message: fmt.Sprintf(
				"A ticket may have been made already; Jira is asked for it at %s, when its search has had time to settle", end.UTC().Format(time.TimeOnly+" UTC"))})
		}
	}
	answer := lane.Ask(connection.Request[JiraClient, ticket.Ticket]{
		Key: key, UID: d.UID,
		Version: fmt.Sprintf("%d/%d/%d", d.Generation, integration.Generation, since.Unix()),
		Call:    r.file(d.DeepCopy(), integration.DeepCopy(), !since.IsZero()),
	})
	switch {
	case answer.Done && answer.Err == nil:
		r.ticketed(s, name, integration, answer)
		return nil
	case answer.Done:
		if !answer.RetryAt.IsZero() {
			s.next = until(answer.RetryAt, s.now)
		}
		return s.notTicketed(conclude(answer.Err))
	case answer.Pause != nil:
		return s.notTicketed(paused(v1alpha1.KindJiraIntegration, name.String(), answer.Pause))
	case answer.Slow:
		return s.notTicketed(&outcome{reason: v1alpha1.ReasonFiling, message: "Jira has been asked for a ticket and has not answered yet"})
	default:
		s.soon = true
		return s.notTicketed(&outcome{reason: v1alpha1.ReasonFiling, message: "A ticket is being filed"})
	}
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
	if tookOver := r.TookOver(); !d.CreationTimestamp.After(tookOver) && tookOver.After(since) {
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

// file is the call that files a ticket, or finds the one that is there.
func (r *DefectReconciler) file(d *v1alpha1.Defect, i *v1alpha1.JiraIntegration, lookFirst bool) connection.Call[JiraClient, ticket.Ticket] {
	record := r.Jira.Get(client.ObjectKeyFromObject(i)).Record
	object := v1alpha1.KindDefect + "/" + d.Namespace + "/" + d.Name
	return func(ctx context.Context, c JiraClient) (ticket.Ticket, error) {
		if lookFirst {
			found, err := c.Find(ctx, []string{d.Marker()})
			if t, ok := found[d.Marker()]; ok || err != nil {
				record.Add("FindIssue", object, t.Key, err)
				t.Found = ok
				return t, err
			}
		}
		draft := render.Draft(d, &i.Spec, c.Project.Priorities)
		t, err := c.Create(ctx, draft)
		if f := fault.From(err); f != nil && f.Kind == fault.Invalid && f.Field == "priority" && draft.Priority != "" {
			draft.Priority = "" // refused for it, so that nothing was made
			t, err = c.Create(ctx, draft)
		}
		t.Priority = draft.Priority
		record.Add("CreateIssue", object, t.Key, err)
		return t, err
	}
}

// ticketed puts the ticket into the status.
func (r *DefectReconciler) ticketed(s *defectScope, integration types.NamespacedName, i *v1alpha1.JiraIntegration, a connection.Answer[ticket.Ticket]) {
	d, j, t := s.defect, s.jira(), a.Result
	at := metav1.NewTime(a.At)
	j.Integration, j.Key, j.ID, j.URL = integration.String(), t.Key, t.ID, t.URL
	j.Status, j.StatusCategory, j.Resolution, j.Assignee = t.Status, t.StatusCategory, t.Resolution, t.Assignee
	j.LastSyncTime, j.UncertainSince = &at, nil
	j.TicketRequestedAt = condition.Bound(d.Annotations[v1alpha1.TicketRequestedAtAnnotation], 64)
	if t.Found || t.Priority != "" {
		condition.True(d, v1alpha1.ConditionTicketed, v1alpha1.ReasonFiled, "The ticket is "+t.Key)
		return
	}
	condition.True(d, v1alpha1.ConditionTicketed, v1alpha1.ReasonFiledWithoutPriority, fmt.Sprintf(
		"The ticket is %s, without the priority %q, which the project does not take for this issue type: mend spec.priorities of JiraIntegration %s",
		t.Key, i.Spec.Priorities.For(d.Spec.Severity), integration))
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

// notify has everyone told who should know, and sums up how far that is.
func (r *DefectReconciler) notify(ctx context.Context, s *defectScope) *outcome {
	d := s.defect
	told := []event.Event{event.DefectCreated(d)}
	if j := d.Status.Jira; j != nil && j.Key != "" && j.LastSyncTime != nil {
		told = append(told, event.DefectTicketed(d, j.LastSyncTime.Time))
	}
	var created []string
	for i := range told {
		e := &told[i]
		if slices.Contains(d.Status.Events, v1alpha1.EventID(e.ID)) && s.now.Sub(e.Time) > retellFor {
			continue
		}
		stored, mistakes, err := r.Outbox.Put(ctx, d.Namespace, e)
		created = append(created, stored...)
		if mistakes != nil {
			ctrl.LoggerFrom(ctx).Error(mistakes, "Matching rules", "Event", e.ID)
		}
		if err != nil && !apierrors.HasStatusCause(err, corev1.NamespaceTerminatingCause) {
			o := conclude(err)
			condition.False(d, v1alpha1.ConditionNotified, o.reason, o.message)
			return o
		}
		if !slices.Contains(d.Status.Events, v1alpha1.EventID(e.ID)) {
			d.Status.Events = append(d.Status.Events, v1alpha1.EventID(e.ID))
		}
	}
	return r.delivered(ctx, s, created)
}

// delivered draws the Notified condition, and where the Defect is shown, from its Notifications, of which the cache may not show yet those that
// were created just now.
func (r *DefectReconciler) delivered(ctx context.Context, s *defectScope, created []string) *outcome {
	d := s.defect
	list := &v1alpha1.NotificationList{}
	if err := r.Client.List(ctx, list, client.InNamespace(d.Namespace), client.MatchingFields{SubjectIndex: string(d.UID)}); err != nil {
		return conclude(fmt.Errorf("listing the Notifications of the Defect: %w", err))
	}
	slices.SortFunc(list.Items, func(a, b v1alpha1.Notification) int {
		if c := a.Spec.Event.Time.Compare(b.Spec.Event.Time.Time); c != 0 {
			return c
		}
		return strings.Compare(a.Name, b.Name)
	})
	pending, failed := 0, (*v1alpha1.Notification)(nil)
	total := len(list.Items)
	for i := range list.Items {
		n := &list.Items[i]
		switch {
		case condition.Is(n, v1alpha1.ConditionDelivered, metav1.ConditionTrue, ""):
			s.shown(n)
		case condition.Get(n, v1alpha1.ConditionStalled) != nil:
			failed = n
		default:
			pending++
		}
	}
	for _, name := range created { // each of them has the Defect reconciled again
		if !slices.ContainsFunc(list.Items, func(n v1alpha1.Notification) bool { return n.Name == name }) {
			pending, total = pending+1, total+1
		}
	}
	switch {
	case failed != nil:
		o := &outcome{progress: condition.Stalled, reason: v1alpha1.ReasonDeliveryFailed,
			message: fmt.Sprintf("Notification %s: %s", failed.Name, condition.Get(failed, v1alpha1.ConditionStalled).Message)}
		condition.False(d, v1alpha1.ConditionNotified, o.reason, o.message)
		return o
	case pending > 0:
		o := &outcome{reason: v1alpha1.ReasonDelivering, message: fmt.Sprintf("%d of %d notifications are under way", pending, total)}
		condition.False(d, v1alpha1.ConditionNotified, o.reason, o.message)
		return o
	case len(list.Items) > 0:
		condition.True(d, v1alpha1.ConditionNotified, v1alpha1.ReasonNotified, fmt.Sprintf("%d notifications were delivered", len(list.Items)))
	case !condition.Is(d, v1alpha1.ConditionNotified, metav1.ConditionTrue, ""): // what was delivered long ago has been removed since
		condition.True(d, v1alpha1.ConditionNotified, v1alpha1.ReasonNoRuleMatched, "No rule of this namespace matched")
	}
	return nil
}

// maxMessages is how many rules' messages a status keeps.
const maxMessages = 32

// shown notes where a rule's first message of the Defect is.
func (s *defectScope) shown(n *v1alpha1.Notification) {
	m := n.Status.Message
	known := slices.ContainsFunc(s.defect.Status.Messages, func(k v1alpha1.DefectMessage) bool { return k.Rule == n.Spec.Rule.Name })
	if m == nil || known || len(s.defect.Status.Messages) == maxMessages {
		return
	}
	s.defect.Status.Messages = append(s.defect.Status.Messages, v1alpha1.DefectMessage{
		Rule: n.Spec.Rule.Name, Integration: m.Integration, Channel: m.Channel, TS: m.TS, Permalink: m.Permalink,
	})
}
