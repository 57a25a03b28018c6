// SPDX-License-Identifier: Apache-2.0

package defect

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/voiceai-dev/integrations-operator/api/v1alpha1"
	"github.com/voiceai-dev/integrations-operator/internal/condition"
	"github.com/voiceai-dev/integrations-operator/internal/controller/kit"
	"github.com/voiceai-dev/integrations-operator/internal/event"
	"github.com/voiceai-dev/integrations-operator/internal/index"
)

const (
	// maxEvents is how many announced events a status keeps: the first two for ever, and the last changes of state.
	maxEvents = 16
	// maxMessages is how many rules' messages a status keeps.
	maxMessages = 32
	// cacheCheckDelay is how soon to reconcile again when the cache does not show a Notification that was stored: it may
	// have been deleted.
	cacheCheckDelay = 15 * time.Second
)

// notify announces what happened to the Defect, and sums up the Notifications that came of it.
func (r *Reconciler) notify(ctx context.Context, s *scope) *kit.Outcome {
	d := s.defect
	events := []event.Event{event.DefectCreated(d)}
	if j := d.Status.Jira; j != nil && j.Key != "" && j.CreatedTime != nil {
		events = append(events, event.DefectTicketed(d, j.CreatedTime.Time))
	}
	if s.before.Status.StateChange != nil { // only a change that the status shows: another may still supersede one that it does not
		events = append(events, event.DefectStateChanged(s.before))
	}
	var created []string
	for i := range events {
		e := &events[i]
		if slices.Contains(d.Status.Events, v1alpha1.EventID(e.ID)) && s.now.Sub(e.Time) > kit.ReannounceFor {
			continue
		}
		stored, err := kit.Announce(ctx, r.Outbox, d.Namespace, e)
		created = append(created, stored...)
		if err != nil && !apierrors.HasStatusCause(err, corev1.NamespaceTerminatingCause) {
			o := kit.OutcomeOf(err)
			condition.False(d, v1alpha1.ConditionNotified, o.Reason, o.Message)
			return o
		}
		s.recordAnnounced(v1alpha1.EventID(e.ID))
	}
	return r.summariseDelivery(ctx, s, created)
}

// recordAnnounced records that an event was announced.
func (s *scope) recordAnnounced(id v1alpha1.EventID) {
	known := &s.defect.Status.Events
	if slices.Contains(*known, id) {
		return
	}
	if len(*known) == maxEvents {
		*known = slices.Delete(*known, 2, 3)
	}
	*known = append(*known, id)
}

// supersedesUnsentChange reports whether the state changed again before the change that the status shows was
// announced. The status must then keep the former change, or neither would be announced.
func (s *scope) supersedesUnsentChange() bool {
	was := s.before.Status.StateChange
	is := s.defect.Status.StateChange
	if was == nil || is.Number == was.Number {
		return false
	}
	former := event.DefectStateChanged(s.before)
	return !slices.Contains(s.defect.Status.Events, v1alpha1.EventID(former.ID))
}

// delivery counts the Notifications about a Defect.
type delivery struct {
	total, pending int
	// hasOutcome is set when a pending Notification has an outcome, such as a failed attempt.
	hasOutcome bool
	// failed counts those that are not delivered and wait for a change, lastFailed is the last of them.
	failed     int
	lastFailed *v1alpha1.Notification
}

// summariseDelivery derives Notified, and where in Slack the Defect is shown, from its Notifications. created names
// those that were stored just now, which the cache may not show yet.
func (r *Reconciler) summariseDelivery(ctx context.Context, s *scope, created []string) *kit.Outcome {
	d := s.defect
	list, err := index.NotificationsAbout(ctx, r.Client, d.Namespace, string(d.UID))
	if err != nil {
		return kit.OutcomeOf(fmt.Errorf("listing the Notifications of the Defect: %w", err))
	}
	n := s.count(list, created)
	notified := condition.Get(d, v1alpha1.ConditionNotified)
	switch {
	case n.failed > 0:
		condition.False(d, v1alpha1.ConditionNotified, v1alpha1.ReasonNotDelivered, fmt.Sprintf("%d of %s not delivered. Notification %s: %s",
			n.failed, notifications(n.total), n.lastFailed.Name, condition.Get(n.lastFailed, v1alpha1.ConditionReady).Message))
	case n.pending > 0:
		s.noOutcome = !n.hasOutcome
		condition.False(d, v1alpha1.ConditionNotified, v1alpha1.ReasonDelivering,
			fmt.Sprintf("%d of %s not delivered yet", n.pending, notifications(n.total)))
		if s.noOutcome { // usually they are delivered within a second
			c := condition.Get(d, v1alpha1.ConditionNotified)
			return &kit.Outcome{Reason: c.Reason, Message: c.Message}
		}
	case n.total > 0:
		condition.True(d, v1alpha1.ConditionNotified, v1alpha1.ReasonNotified, notifications(n.total)+" delivered")
	case notified != nil && notified.Status != metav1.ConditionTrue:
		condition.Unknown(d, v1alpha1.ConditionNotified, v1alpha1.ReasonRemoved, "The notifications that were not delivered were removed")
	case notified == nil: // Notifications that were delivered long ago are removed
		condition.True(d, v1alpha1.ConditionNotified, v1alpha1.ReasonNoRuleMatched, "No rule of this namespace matched")
	}
	return nil
}

// count counts the Defect's Notifications, in the order of their events, and records where the delivered ones are.
func (s *scope) count(list []*v1alpha1.Notification, created []string) delivery {
	slices.SortFunc(list, func(a, b *v1alpha1.Notification) int {
		if c := a.Spec.Event.Time.Compare(b.Spec.Event.Time.Time); c != 0 {
			return c
		}
		return strings.Compare(a.Name, b.Name)
	})
	out := delivery{total: len(list)}
	for _, n := range list {
		switch {
		case condition.Is(n, v1alpha1.ConditionDelivered, metav1.ConditionTrue, ""):
			s.recordMessage(n)
		case condition.Get(n, v1alpha1.ConditionStalled) != nil:
			out.failed++
			out.lastFailed = n
		default:
			out.pending++
			out.hasOutcome = out.hasOutcome || condition.Get(n, v1alpha1.ConditionDelivered) != nil
		}
	}
	for _, name := range created { // each of them enqueues the Defect once it has an outcome
		if !slices.ContainsFunc(list, func(n *v1alpha1.Notification) bool { return n.Name == name }) {
			out.pending++
			out.total++
			s.next = kit.Sooner(s.next, cacheCheckDelay)
		}
	}
	return out
}

// notifications returns a number of notifications with the verb that follows, such as "2 notifications were".
func notifications(n int) string {
	if n == 1 {
		return "1 notification was"
	}
	return fmt.Sprintf("%d notifications were", n)
}

// recordMessage records where a rule's message about the Defect is, to which later ones reply. A later one that starts a
// thread takes its place: the former place is gone, or is not the rule's any more. A digest is about others too.
func (s *scope) recordMessage(n *v1alpha1.Notification) {
	m := n.Status.Message
	if m == nil || n.Status.Digest != "" {
		return
	}
	messages := &s.defect.Status.Messages
	message := v1alpha1.DefectMessage{
		Rule: n.Spec.Rule.Name, Integration: m.Integration, Channel: m.Channel, TS: m.TS, Permalink: m.Permalink,
	}
	i := slices.IndexFunc(*messages, func(k v1alpha1.DefectMessage) bool { return k.Rule == message.Rule })
	switch {
	case i >= 0 && m.ThreadRole == v1alpha1.ThreadFirst:
		(*messages)[i] = message
	case i < 0 && len(*messages) < maxMessages:
		*messages = append(*messages, message)
	}
}
