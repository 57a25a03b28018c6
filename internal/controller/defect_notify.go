package controller

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	ctrl "sigs.k8s.io/controller-runtime"

	"github.com/voiceai-dev/integrations-operator/api/v1alpha1"
	"github.com/voiceai-dev/integrations-operator/internal/condition"
	"github.com/voiceai-dev/integrations-operator/internal/event"
)

// reannounceFor is how long after an event rules are asked again, so that a rule that the cache learns of a moment after the event is not passed
// over. Asking again costs no call.
const reannounceFor = time.Minute

// notify has everyone told who should know, and sums up how far that is.
func (r *DefectReconciler) notify(ctx context.Context, s *defectScope) *outcome {
	d := s.defect
	told := []event.Event{event.DefectCreated(d)}
	if j := d.Status.Jira; j != nil && j.Key != "" && j.CreatedTime != nil {
		told = append(told, event.DefectTicketed(d, j.CreatedTime.Time))
	}
	if s.before.Status.StateChange != nil { // of a change that is written down; one that is not may yet be another
		told = append(told, event.DefectStateChanged(s.before))
	}
	var created []string
	for i := range told {
		e := &told[i]
		if slices.Contains(d.Status.Events, v1alpha1.EventID(e.ID)) && s.now.Sub(e.Time) > reannounceFor {
			continue
		}
		stored, mistakes, err := r.Outbox.Announce(ctx, d.Namespace, e)
		created = append(created, stored...)
		if mistakes != nil {
			ctrl.LoggerFrom(ctx).Error(mistakes, "Matching rules", "Event", e.ID)
		}
		if err != nil && !apierrors.HasStatusCause(err, corev1.NamespaceTerminatingCause) {
			o := outcomeOf(err)
			condition.False(d, v1alpha1.ConditionNotified, o.reason, o.message)
			return o
		}
		s.handled(v1alpha1.EventID(e.ID))
	}
	return r.delivered(ctx, s, created)
}

// maxEvents is how many handled events a status keeps: the first two for ever, and the last changes of state.
const maxEvents = 16

// handled notes that an event was told.
func (s *defectScope) handled(id v1alpha1.EventID) {
	known := &s.defect.Status.Events
	if slices.Contains(*known, id) {
		return
	}
	if len(*known) == maxEvents {
		*known = slices.Delete(*known, 2, 3)
	}
	*known = append(*known, id)
}

// unshown is when to look again for a Notification that was stored and is not shown by the cache: it may have been deleted.
const unshown = 15 * time.Second

// delivered draws the Notified condition, and where the Defect is shown, from its Notifications, of which the cache may not show yet those that
// were created just now.
func (r *DefectReconciler) delivered(ctx context.Context, s *defectScope, created []string) *outcome {
	d := s.defect
	list, err := notificationsAbout(ctx, r.Client, d.Namespace, string(d.UID))
	if err != nil {
		return outcomeOf(fmt.Errorf("listing the Notifications of the Defect: %w", err))
	}
	slices.SortFunc(list, func(a, b *v1alpha1.Notification) int {
		if c := a.Spec.Event.Time.Compare(b.Spec.Event.Time.Time); c != 0 {
			return c
		}
		return strings.Compare(a.Name, b.Name)
	})
	pending, spoken, failed := 0, false, (*v1alpha1.Notification)(nil)
	total := len(list)
	for _, n := range list {
		switch {
		case condition.Is(n, v1alpha1.ConditionDelivered, metav1.ConditionTrue, ""):
			s.shown(n)
		case condition.Get(n, v1alpha1.ConditionStalled) != nil:
			failed = n
		default:
			pending++
			spoken = spoken || condition.Get(n, v1alpha1.ConditionDelivered) != nil
		}
	}
	for _, name := range created { // each of them has the Defect reconciled again
		if !slices.ContainsFunc(list, func(n *v1alpha1.Notification) bool { return n.Name == name }) {
			pending, total = pending+1, total+1
			s.next = sooner(s.next, unshown)
		}
	}
	switch {
	case failed != nil:
		o := &outcome{progress: condition.Stalled, reason: v1alpha1.ReasonDeliveryFailed,
			message: fmt.Sprintf("Notification %s: %s", failed.Name, condition.Get(failed, v1alpha1.ConditionStalled).Message)}
		condition.False(d, v1alpha1.ConditionNotified, o.reason, o.message)
		return o
	case pending > 0:
		s.silent = !spoken
		o := &outcome{reason: v1alpha1.ReasonDelivering, message: fmt.Sprintf("%d of %d notifications are under way", pending, total)}
		condition.False(d, v1alpha1.ConditionNotified, o.reason, o.message)
		return o
	case len(list) > 0:
		condition.True(d, v1alpha1.ConditionNotified, v1alpha1.ReasonNotified, deliveredMessage(len(list)))
	case condition.Is(d, v1alpha1.ConditionNotified, metav1.ConditionFalse, v1alpha1.ReasonDeliveryFailed): // and was removed since, which mends nothing
		return &outcome{progress: condition.Stalled, reason: v1alpha1.ReasonDeliveryFailed, message: condition.Get(d, v1alpha1.ConditionNotified).Message}
	case !condition.Is(d, v1alpha1.ConditionNotified, metav1.ConditionTrue, ""): // what was delivered long ago has been removed since
		condition.True(d, v1alpha1.ConditionNotified, v1alpha1.ReasonNoRuleMatched, "No rule of this namespace matched")
	}
	return nil
}

func deliveredMessage(n int) string {
	if n == 1 {
		return "1 notification was delivered"
	}
	return fmt.Sprintf("%d notifications were delivered", n)
}

// maxMessages is how many rules' messages a status keeps.
const maxMessages = 32

// shown notes where a rule's first message of the Defect is. A digest is not the Defect's alone.
func (s *defectScope) shown(n *v1alpha1.Notification) {
	m := n.Status.Message
	known := slices.ContainsFunc(s.defect.Status.Messages, func(k v1alpha1.DefectMessage) bool { return k.Rule == n.Spec.Rule.Name })
	if m == nil || n.Status.Digest != "" || known || len(s.defect.Status.Messages) == maxMessages {
		return
	}
	s.defect.Status.Messages = append(s.defect.Status.Messages, v1alpha1.DefectMessage{
		Rule: n.Spec.Rule.Name, Integration: m.Integration, Channel: m.Channel, TS: m.TS, Permalink: m.Permalink,
	})
}
