// SPDX-License-Identifier: Apache-2.0

package notification

import (
	"context"
	"fmt"
	"slices"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/voiceai-dev/integrations-operator/api/v1alpha1"
	"github.com/voiceai-dev/integrations-operator/internal/condition"
	"github.com/voiceai-dev/integrations-operator/internal/controller/kit"
	"github.com/voiceai-dev/integrations-operator/internal/event"
	"github.com/voiceai-dev/integrations-operator/internal/index"
)

// continueFormer goes on with what was announced for another Defect of the same finding, such as a former one that was
// deleted and created again: its message is edited, so that the finding is announced once. Where there is no message to
// edit, nothing is sent. It reports whether the Notification is such a repetition, or waits to know.
func (r *Reconciler) continueFormer(ctx context.Context, s *scope) (o *kit.Outcome, done bool) {
	before, first, err := r.announcedBefore(ctx, s)
	switch {
	case err != nil:
		return kit.Retry(err), true
	case before == nil && first != nil:
		return r.waitFor(first), true
	case before == nil:
		return nil, false
	}
	head, ok := r.thread(ctx, s)
	switch {
	case ok:
		s.continues = true
		return r.send(ctx, s), true
	case head.TS != "" || r.hasThread(s):
		return nil, false // the message is gone, or not where the rule's messages go now
	}
	r.mute(s, fmt.Sprintf("Notification %s announced it before, for Defect %s of the same finding",
		before.Name, before.Subject().Name))
	return nil, true
}

// hasThread reports whether it is known what became of the thread's first message.
func (r *Reconciler) hasThread(s *scope) bool {
	if !isThreaded(s) {
		return false
	}
	_, ok := r.threads.Get(threadOf(s))
	return ok
}

// announcedBefore returns the Notification by which the same rule announced the same about another Defect of the finding,
// nil when there is none, and one that is still to be sent first.
func (r *Reconciler) announcedBefore(
	ctx context.Context, s *scope,
) (before, first *v1alpha1.Notification, err error) {
	n := s.notification
	formers, err := r.formers(ctx, n)
	if err != nil {
		return nil, nil, err
	}
	for _, o := range formers {
		delivered := condition.Get(o, v1alpha1.ConditionDelivered)
		switch {
		case !isSameAnnouncement(o, n):
		case delivered != nil && delivered.Status == metav1.ConditionTrue:
			if delivered.Reason != v1alpha1.ReasonMuted {
				before = o
			}
		case r.goesFirst(ctx, s, o):
			first = o
		}
	}
	return before, first, nil
}

// isSameAnnouncement reports whether two Notifications say the same about a finding: that it exists, or has a ticket.
func isSameAnnouncement(a, b *v1alpha1.Notification) bool {
	if a.Spec.Event.Type != b.Spec.Event.Type {
		return false
	}
	switch a.Spec.Event.Type {
	case v1alpha1.EventDefectCreated, v1alpha1.EventEdgeCaseDiscovered:
		return true
	case v1alpha1.EventDefectTicketed:
		return ticketOf(a) != "" && ticketOf(a) == ticketOf(b)
	}
	return false
}

// ticketOf returns the key of the ticket that a Notification is about.
func ticketOf(n *v1alpha1.Notification) string {
	e, err := event.Of(n)
	if err != nil {
		return ""
	}
	return e.Text("ticketKey")
}

// formers returns the Notifications of the same rule about other Defects of the same finding. The cache owns them: callers
// must not change them.
func (r *Reconciler) formers(ctx context.Context, n *v1alpha1.Notification) ([]*v1alpha1.Notification, error) {
	finding := n.Labels[v1alpha1.FindingLabel]
	if finding == "" || n.Subject() == nil {
		return nil, nil
	}
	list, err := index.NotificationsOfFinding(ctx, r.Client, n.Namespace, finding)
	if err != nil {
		return nil, fmt.Errorf("listing the Notifications of the finding of Defect %s: %w", n.Subject().Name, err)
	}
	return slices.DeleteFunc(list, func(o *v1alpha1.Notification) bool {
		return o.Spec.Rule.UID != n.Spec.Rule.UID || o.Subject() == nil || o.Subject().UID == n.Subject().UID
	}), nil
}
