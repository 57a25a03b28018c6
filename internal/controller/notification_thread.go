package controller

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/types"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/voiceai-dev/integrations-operator/api/v1alpha1"
	"github.com/voiceai-dev/integrations-operator/internal/chat"
	"github.com/voiceai-dev/integrations-operator/internal/condition"
	"github.com/voiceai-dev/integrations-operator/internal/event"
)

// threaded says whether a Notification belongs into the thread of an earlier message: a bot tells the story of a Defect in one message for each
// rule and the thread below it.
func threaded(s *notificationScope) bool {
	subject := s.event.Subject
	return s.integration.Spec.Bot != nil && subject != nil && subject.Kind == v1alpha1.KindDefect && subject.UID != "" && len(s.n.Spec.Members) == 0
}

// threadOf identifies the thread that a Notification begins or goes into; empty when it has none.
func threadOf(s *notificationScope) string {
	if !threaded(s) {
		return ""
	}
	return s.n.Spec.Rule.UID + "/" + s.event.Subject.UID
}

// thread is the message at the head of the thread that a Notification goes into. The Defect's status says where it is; what was posted a moment
// ago is remembered until it does.
func (r *NotificationReconciler) thread(ctx context.Context, s *notificationScope) (chat.Posted, bool) {
	if !threaded(s) {
		return chat.Posted{}, false
	}
	if found, ok := r.threads.Get(threadOf(s)); ok {
		return found.(chat.Posted), true
	}
	by := client.ObjectKeyFromObject(s.integration).String()
	if d, ok := r.defect(ctx, s); ok {
		i := slices.IndexFunc(d.Status.Messages, func(m v1alpha1.DefectMessage) bool {
			return m.Rule == s.n.Spec.Rule.Name && m.Integration == by && m.TS != ""
		})
		if i >= 0 {
			m := d.Status.Messages[i]
			return chat.Posted{Channel: m.Channel, TS: m.TS, Permalink: m.Permalink}, true
		}
	}
	return r.head(ctx, s, by)
}

// head is the first message of the story as the Notifications themselves say, before the Defect's status shows it.
func (r *NotificationReconciler) head(ctx context.Context, s *notificationScope, by string) (chat.Posted, bool) {
	siblings, err := r.siblings(ctx, s.n)
	if err != nil {
		return chat.Posted{}, false
	}
	var first *v1alpha1.Notification
	for _, o := range siblings {
		if m := o.Status.Message; m != nil && m.TS != "" && m.Integration == by && o.Status.Digest == "" && (first == nil || earlier(o, first)) {
			first = o
		}
	}
	if first == nil {
		return chat.Posted{}, false
	}
	m := first.Status.Message
	return chat.Posted{Channel: m.Channel, TS: m.TS, Permalink: m.Permalink}, true
}

// present is the event of a Defect as things stand now, or the Notification's own when the Defect is gone. What is told may be newer than the cache.
func (r *NotificationReconciler) present(ctx context.Context, s *notificationScope) event.Event {
	d, ok := r.defect(ctx, s)
	if !ok {
		return s.event
	}
	now := event.DefectNow(d)
	if c := d.Status.StateChange; s.event.Type == v1alpha1.EventDefectStateChanged && (c == nil || c.Time.Time.Before(s.event.Time)) {
		now.Data["state"], now.Data["cause"] = s.event.Data["state"], s.event.Data["cause"]
	}
	for _, of := range []string{"ticketKey", "ticketURL"} {
		if told, ok := s.event.Data[of]; ok && now.Data[of] == nil {
			now.Data[of] = told
		}
	}
	return now
}

// defect is the Defect that a Notification is about, from the cache.
func (r *NotificationReconciler) defect(ctx context.Context, s *notificationScope) (*v1alpha1.Defect, bool) {
	d := &v1alpha1.Defect{}
	err := r.Client.Get(ctx, types.NamespacedName{Namespace: s.event.Subject.Namespace, Name: s.event.Subject.Name}, d)
	return d, err == nil && string(d.UID) == s.event.Subject.UID
}

// waitsForEarlier says whether an earlier Notification of the same thread is on its way: the story is told in its order.
func (r *NotificationReconciler) waitsForEarlier(ctx context.Context, s *notificationScope) (bool, error) {
	if !threaded(s) {
		return false, nil
	}
	siblings, err := r.siblings(ctx, s.n)
	for _, o := range siblings {
		if !isSettled(o) && condition.Get(o, v1alpha1.ConditionStalled) == nil && earlier(o, s.n) {
			return true, nil
		}
	}
	return false, err
}

// siblings are the other Notifications of the same rule about the same Defect. They are the cache's: nobody may change them.
func (r *NotificationReconciler) siblings(ctx context.Context, n *v1alpha1.Notification) ([]*v1alpha1.Notification, error) {
	list, err := notificationsAbout(ctx, r.Client, n.Namespace, n.Spec.Event.Subject.UID)
	if err != nil {
		return nil, fmt.Errorf("listing the Notifications of %s %s: %w", n.Spec.Event.Subject.Kind, n.Spec.Event.Subject.Name, err)
	}
	return slices.DeleteFunc(list, func(o *v1alpha1.Notification) bool {
		return o.Name == n.Name || o.Spec.Rule.UID != n.Spec.Rule.UID
	}), nil
}

// earlier says whether a comes before b in a thread.
func earlier(a, b *v1alpha1.Notification) bool {
	begins := func(n *v1alpha1.Notification) int {
		if n.Spec.Event.Type == v1alpha1.EventDefectCreated || n.Spec.Event.Type == v1alpha1.EventEdgeCaseDiscovered {
			return 0
		}
		return 1
	}
	return cmp.Or(cmp.Compare(begins(a), begins(b)), a.Spec.Event.Time.Compare(b.Spec.Event.Time.Time), strings.Compare(a.Name, b.Name)) < 0
}

// enqueueSiblings are the Notifications that wait for one that was settled.
func (r *NotificationReconciler) enqueueSiblings(ctx context.Context, o client.Object) []reconcile.Request {
	n, ok := o.(*v1alpha1.Notification)
	if !ok || n.Spec.Event.Subject == nil || n.Spec.Event.Subject.Kind != v1alpha1.KindDefect {
		return nil
	}
	siblings, err := r.siblings(ctx, n)
	if err != nil {
		ctrl.LoggerFrom(ctx).Error(err, "Finding the Notifications that wait for another", "Notification", client.ObjectKeyFromObject(o))
		return nil
	}
	return requests(slices.DeleteFunc(siblings, isSettled))
}
