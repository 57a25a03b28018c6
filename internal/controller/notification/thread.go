// SPDX-License-Identifier: Apache-2.0

package notification

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
	"github.com/voiceai-dev/integrations-operator/internal/controller/kit"
	"github.com/voiceai-dev/integrations-operator/internal/event"
	"github.com/voiceai-dev/integrations-operator/internal/index"
)

// isThreaded reports whether a Notification belongs to a thread: for each rule, a bot posts one message about a
// Defect and replies to it.
func isThreaded(s *scope) bool {
	subject := s.event.Subject
	return s.integration.Spec.Bot != nil && subject != nil && subject.Kind == v1alpha1.KindDefect && subject.UID != "" &&
		!isDigest(s.notification)
}

// threadKey identifies a thread in the messages of an integration: a rule's about a Defect. The UIDs are what the
// Notification says. Its namespace is certain, and others that may use the integration are kept out by it.
type threadKey struct {
	namespace           string
	integration         types.NamespacedName
	ruleUID, subjectUID string
}

// threadOf returns the thread that a threaded Notification starts or replies to.
func threadOf(s *scope) threadKey {
	key := threadKey{
		namespace:   s.notification.Namespace,
		integration: client.ObjectKeyFromObject(s.integration),
		ruleUID:     s.notification.Spec.Rule.UID,
	}
	if s.event.Subject != nil {
		key.subjectUID = s.event.Subject.UID
	}
	return key
}

// thread returns the first message of a Notification's thread, and whether there is one in the rule's channel. The
// Defect's status says where it is; what was posted a moment ago is remembered until it does. The thread of a former
// Defect of the same finding goes on.
func (r *Reconciler) thread(ctx context.Context, s *scope) (chat.Posted, bool) {
	if !isThreaded(s) {
		return chat.Posted{}, false
	}
	if found, ok := r.threads.Get(threadOf(s)); ok {
		posted := found.(chat.Posted) // without a TS when the former thread's place is gone
		return posted, posted.TS != "" && r.isRulesChannel(s, posted.Channel)
	}
	by := client.ObjectKeyFromObject(s.integration).String()
	if d, ok := r.defect(ctx, s); ok {
		i := slices.IndexFunc(d.Status.Messages, func(m v1alpha1.DefectMessage) bool {
			return m.Rule == s.notification.Spec.Rule.Name && m.Integration == by && m.TS != ""
		})
		if i >= 0 {
			m := d.Status.Messages[i]
			return chat.Posted{Channel: m.Channel, TS: m.TS, Permalink: m.Permalink}, r.isRulesChannel(s, m.Channel)
		}
	}
	for _, find := range []finder{r.siblings, r.formers} {
		if posted, ok := r.threadAmong(ctx, s, find, by); ok {
			return posted, r.isRulesChannel(s, posted.Channel)
		}
	}
	return chat.Posted{}, false
}

// finder returns Notifications that have to do with another one.
type finder = func(context.Context, *v1alpha1.Notification) ([]*v1alpha1.Notification, error)

// isRulesChannel reports whether a channel's ID is that of the channel to which the Notification goes. The rule may name
// another one than when the thread was started.
func (r *Reconciler) isRulesChannel(s *scope, id string) bool {
	wanted := r.channelID(s, chat.Posted{})
	if isUser := strings.HasPrefix(wanted, "U") || strings.HasPrefix(wanted, "W"); isUser && strings.HasPrefix(id, "D") {
		return true // Slack returns the ID of the conversation with the user
	}
	if !strings.HasPrefix(wanted, "#") {
		return wanted == id
	}
	// The name's ID is not known. It is another channel if the ID is known to have another name. The record was loaded from
	// the status, which may be older.
	return !slices.ContainsFunc(r.record(s).KnownChannels(), func(c v1alpha1.KnownChannel) bool { return c.ID == id && c.Name != wanted })
}

// threadAmong returns the last message that started a thread as the statuses of Notifications show it, before the Defect's
// status does, or else the first message.
func (r *Reconciler) threadAmong(ctx context.Context, s *scope, find finder, by string) (chat.Posted, bool) {
	siblings, err := find(ctx, s.notification)
	if err != nil {
		return chat.Posted{}, false
	}
	var head *v1alpha1.Notification
	for _, o := range siblings {
		m := o.Status.Message
		if m == nil || m.TS == "" || m.Integration != by || o.Status.Digest != "" {
			continue
		}
		if head == nil || isLaterHead(o, head) {
			head = o
		}
	}
	if head == nil {
		return chat.Posted{}, false
	}
	m := head.Status.Message
	return chat.Posted{Channel: m.Channel, TS: m.TS, Permalink: m.Permalink}, true
}

// isLaterHead reports whether a is the head of a thread rather than b: the last that started one or, of Notifications
// whose role is not known, the first.
func isLaterHead(a, b *v1alpha1.Notification) bool {
	aFirst := a.Status.Message.ThreadRole == v1alpha1.ThreadFirst
	bFirst := b.Status.Message.ThreadRole == v1alpha1.ThreadFirst
	switch {
	case aFirst != bFirst:
		return aFirst
	case aFirst:
		return isEarlier(b, a)
	default:
		return isEarlier(a, b)
	}
}

// presentEvent returns the event of a Defect as it is now, or the Notification's own when the Defect was deleted. The
// Notification may be newer than the cache.
func (r *Reconciler) presentEvent(ctx context.Context, s *scope) event.Event {
	d, ok := r.defect(ctx, s)
	if !ok {
		return s.event
	}
	now := event.DefectNow(d)
	if c := d.Status.StateChange; s.event.Type == v1alpha1.EventDefectStateChanged &&
		(c == nil || c.Time.Time.Before(s.event.Time)) {
		now.Data["state"] = s.event.Data["state"]
		now.Data["cause"] = s.event.Data["cause"]
	}
	for _, name := range []string{"ticketKey", "ticketURL"} {
		if value, ok := s.event.Data[name]; ok && now.Data[name] == nil {
			now.Data[name] = value
		}
	}
	return now
}

// defect returns the Defect that a Notification is about, from the cache.
func (r *Reconciler) defect(ctx context.Context, s *scope) (*v1alpha1.Defect, bool) {
	d := &v1alpha1.Defect{}
	err := r.Client.Get(ctx, types.NamespacedName{Namespace: s.notification.Namespace, Name: s.event.Subject.Name}, d)
	return d, err == nil && string(d.UID) == s.event.Subject.UID
}

// earlier returns a Notification of the same thread that is still to be sent before that of the scope, or nil: a thread keeps
// the order of events.
func (r *Reconciler) earlier(ctx context.Context, s *scope) (*v1alpha1.Notification, error) {
	if !isThreaded(s) {
		return nil, nil
	}
	siblings, err := r.siblings(ctx, s.notification)
	for _, o := range siblings {
		if r.goesFirst(ctx, s, o) {
			return o, nil
		}
	}
	return nil, err
}

// waitFor enqueues the Notification that another one waits for, as it may have waited for that one until now.
func (r *Reconciler) waitFor(o *v1alpha1.Notification) *kit.Outcome {
	r.Enqueuer.Enqueue(client.ObjectKeyFromObject(o))
	return kit.Waiting()
}

// siblings returns the other Notifications of the same rule about the same Defect. The cache owns them: callers must
// not change them.
func (r *Reconciler) siblings(ctx context.Context, n *v1alpha1.Notification) ([]*v1alpha1.Notification, error) {
	list, err := index.NotificationsAbout(ctx, r.Client, n.Namespace, n.Subject().UID)
	if err != nil {
		return nil, fmt.Errorf("listing the Notifications of %s %s: %w", n.Subject().Kind, n.Subject().Name, err)
	}
	return slices.DeleteFunc(list, func(o *v1alpha1.Notification) bool {
		return o.Name == n.Name || o.Spec.Rule.UID != n.Spec.Rule.UID
	}), nil
}

// goesFirst reports whether another Notification of a finding is still to be sent, and before that of the scope. One that
// may be on its way goes first: that of an earlier event may be stored after it, and what it posts is not known yet.
func (r *Reconciler) goesFirst(ctx context.Context, s *scope, o *v1alpha1.Notification) bool {
	if condition.IsSettled(o) || condition.Get(o, v1alpha1.ConditionStalled) != nil {
		return false
	}
	n := s.notification
	if begun := r.hasBegun(ctx, s, o); begun != r.hasBegun(ctx, s, n) {
		return begun
	}
	return isEarlier(o, n)
}

// hasBegun reports whether a Notification of the scope's rule waits for its call or its digest, or a call was made for it.
func (r *Reconciler) hasBegun(ctx context.Context, s *scope, n *v1alpha1.Notification) bool {
	key := client.ObjectKeyFromObject(n)
	if n.Status.Attempts > 0 || n.Status.UncertainSince != nil || r.groups.Contains(key) || r.lane(s).Has(key, n.UID) {
		return true
	}
	_, isMember := r.digestOf(ctx, n)
	return isMember
}

// isEarlier reports whether a comes before b in a thread.
func isEarlier(a, b *v1alpha1.Notification) bool {
	rank := func(n *v1alpha1.Notification) int {
		if n.Spec.Event.Type == v1alpha1.EventDefectCreated || n.Spec.Event.Type == v1alpha1.EventEdgeCaseDiscovered {
			return 0
		}
		return 1
	}
	return cmp.Or(
		cmp.Compare(rank(a), rank(b)),
		a.Spec.Event.Time.Compare(b.Spec.Event.Time.Time),
		strings.Compare(a.Name, b.Name),
	) < 0
}

// enqueueSiblings enqueues the Notifications that may wait for one whose outcome changed.
func (r *Reconciler) enqueueSiblings(ctx context.Context, o client.Object) []reconcile.Request {
	n, ok := o.(*v1alpha1.Notification)
	if !ok || n.Subject() == nil || n.Subject().Kind != v1alpha1.KindDefect {
		return nil
	}
	var waiting []*v1alpha1.Notification
	for _, find := range []finder{r.siblings, r.formers} {
		found, err := find(ctx, n)
		if err != nil {
			ctrl.LoggerFrom(ctx).
				Error(err, "Finding the Notifications that wait for another", "Notification", client.ObjectKeyFromObject(o))
			return nil
		}
		waiting = append(waiting, slices.DeleteFunc(found, condition.IsSettled)...)
	}
	return kit.Requests(waiting)
}
