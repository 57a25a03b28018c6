// SPDX-License-Identifier: Apache-2.0

package notification

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/voiceai-dev/integrations-operator/api/v1alpha1"
	"github.com/voiceai-dev/integrations-operator/internal/condition"
	"github.com/voiceai-dev/integrations-operator/internal/controller/kit"
	"github.com/voiceai-dev/integrations-operator/internal/digest"
	"github.com/voiceai-dev/integrations-operator/internal/event"
	"github.com/voiceai-dev/integrations-operator/internal/index"
	"github.com/voiceai-dev/integrations-operator/internal/outbox"
	"github.com/voiceai-dev/integrations-operator/internal/rule"
)

// digestOf returns the digest that has a Notification as a member, if there is one. The cache owns it: callers must
// not change it. A digest that the cache does not show yet has only its name.
func (r *Reconciler) digestOf(ctx context.Context, n *v1alpha1.Notification) (*v1alpha1.Notification, bool) {
	if found, err := index.DigestsWith(ctx, r.Client, n.Namespace, n.Name); err == nil && len(found) > 0 {
		return found[0], true
	}
	if name, ok := r.groups.AssignedTo(client.ObjectKeyFromObject(n)); ok {
		return &v1alpha1.Notification{ObjectMeta: metav1.ObjectMeta{Namespace: name.Namespace, Name: name.Name}}, true
	}
	return nil, false
}

// followDigest copies the outcome of a digest to its member.
func (r *Reconciler) followDigest(s *scope, d *v1alpha1.Notification) *kit.Outcome {
	r.lane(s).Forget(s.key()) // from which it was withdrawn; if the digest is deleted the member is sent alone
	n := s.notification
	n.Status.Digest = d.Name
	c := condition.Get(d, v1alpha1.ConditionDelivered)
	switch {
	case c == nil || c.Status != metav1.ConditionTrue && condition.Get(d, v1alpha1.ConditionStalled) == nil:
		if d.UID == "" {
			s.next = kit.Sooner(s.next, digest.CacheLag)
		}
		if s.before.Status.Digest == "" { // the digest's name is written together with its outcome
			n.Status.Digest = ""
		}
		if c != nil && condition.Get(n, v1alpha1.ConditionDelivered) != nil { // what it says of the group is over
			return &kit.Outcome{Reason: c.Reason, Message: fmt.Sprintf("In digest %s: %s", d.Name, c.Message)}
		}
		return kit.Waiting()
	case c.Status != metav1.ConditionTrue:
		return &kit.Outcome{Progress: condition.Stalled, Reason: c.Reason, Message: fmt.Sprintf("In digest %s: %s", d.Name, c.Message)}
	case c.Reason == v1alpha1.ReasonSent:
		n.Status.Message = d.Status.Message.DeepCopy()
		s.channel = d.Status.Channel
		condition.True(
			n,
			v1alpha1.ConditionDelivered,
			v1alpha1.ReasonDigested,
			fmt.Sprintf("Sent in digest %s, together with others", d.Name),
		)
	default:
		condition.True(n, v1alpha1.ConditionDelivered, c.Reason, c.Message)
	}
	r.groups.Remove(s.key())
	r.requeueForRemoval(s)
	return nil
}

// holdForDigest holds a Notification to be sent together with others, when its rule groups or when its channel has a
// larger backlog than it sends in time. It reports whether the Notification is held.
func (r *Reconciler) holdForDigest(ctx context.Context, s *scope) (o *kit.Outcome, held bool) {
	lane := r.lane(s)
	if lane.Has(s.key(), s.notification.UID) {
		return nil, false
	}
	capacity := lane.Capacity(digest.StormAfter)
	key, due, grouped := r.groupOf(s)
	if !grouped && !r.groups.Contains(s.key()) && lane.Backlog() < capacity && !r.groups.IsStorming(key) {
		return nil, false
	}
	waiting := kit.Waiting()
	integration := client.ObjectKeyFromObject(s.integration)
	if f := r.Slack.Get(integration).PauseFault(); f != nil {
		waiting = kit.PausedOutcome(v1alpha1.KindSlackIntegration, integration.String(), f)
	}
	if !r.groups.Add(key, s.key(), due) {
		if waiting.KeepStatus && grouped {
			waiting = s.waitForGroup(due)
		}
		return waiting, true
	}
	if lane.PriorityBacklog() > 0 || grouped && lane.Backlog() >= capacity {
		// The next digest waits for the last one. More may join it meanwhile.
		r.groups.Postpone(key, s.now.Add(digest.Window))
		return waiting, true
	}
	alone, err := r.storeDigests(ctx, s, key)
	if err != nil {
		return kit.Retry(err), true
	}
	return kit.Waiting(), !alone
}

// groupStatusDelay is how long a Notification waits for its group before its status says so.
const groupStatusDelay = 10 * time.Second

// waitForGroup returns the outcome of a Notification that waits for others of its group.
func (s *scope) waitForGroup(due time.Time) *kit.Outcome {
	if from := s.notification.CreationTimestamp.Add(groupStatusDelay); s.now.Before(from) {
		s.next = kit.Sooner(s.next, kit.Until(from, s.now))
		return kit.Waiting()
	}
	return &kit.Outcome{Reason: v1alpha1.ReasonPending, Message: fmt.Sprintf(
		"Waits until %s for other notifications of its group", due.UTC().Format(time.RFC3339))}
}

// groupOf returns the group in which a Notification waits, until when, and whether its rule asks for it.
func (r *Reconciler) groupOf(s *scope) (key digest.Key, due time.Time, grouped bool) {
	key = digest.Key{Namespace: s.notification.Namespace, Integration: client.ObjectKeyFromObject(s.integration), Channel: s.channel}
	if s.rule != nil {
		if group, window, ok := s.rule.GroupKey(&s.event); ok {
			window = min(window, r.Expiry-r.Expiry/8) // what waits longer would expire
			key.RuleUID = s.notification.Spec.Rule.UID
			key.RuleGroup = group
			due = s.notification.CreationTimestamp.Add(window)
			if due.Before(r.LeaderSince().Local.Add(digest.CacheLag)) {
				due = s.now.Add(digest.Window) // the window ended while no replica led: the others come in a moment
			}
			return key, due, true
		}
	}
	return key, s.now.Add(digest.Window), false
}

// storeDigests stores digests of all Notifications that wait in a group and, in a storm, of those that wait in the
// channel's lane to be sent alone. It reports whether the Notification of the scope is left to be sent alone.
func (r *Reconciler) storeDigests(ctx context.Context, s *scope, key digest.Key) (alone bool, err error) {
	if err := r.storeUnconfirmed(ctx, s, key); err != nil {
		return false, err
	}
	var withdrawn []types.NamespacedName
	if key.RuleUID == "" {
		withdrawn = r.lane(s).Withdraw(func(n types.NamespacedName) bool { return n.Namespace == s.notification.Namespace })
		defer r.resubmitUnassigned(s, withdrawn)
	}
	names := r.groups.Take(key, withdrawn)
	defer r.groups.Release(names)
	waiting, err := r.undigested(ctx, names)
	if err != nil {
		r.groups.Return(key, names, s.now.Add(digest.Window))
		return false, err
	}
	for part := range slices.Chunk(waiting, digest.MaxMembers) {
		if len(part) == 1 {
			if alone = part[0].Name == s.notification.Name; !alone {
				r.Enqueuer.EnqueueFirst(client.ObjectKeyFromObject(part[0])) // by now there is room for it
			}
			continue
		}
		d := newDigest(part)
		if err := r.storeDigest(ctx, key, d); err != nil {
			if !outbox.IsRejected(err) {
				r.unconfirmed.Store(key, d)
			}
			r.groups.Return(key, names, s.now.Add(digest.Window))
			return false, err
		}
	}
	return alone, nil
}

// storeUnconfirmed stores the digest of a group again that may have been stored, without the answer having arrived. It
// must be the same one: its members could otherwise be in two.
func (r *Reconciler) storeUnconfirmed(ctx context.Context, s *scope, key digest.Key) error {
	d, ok := r.unconfirmed.Load(key)
	if !ok {
		return nil
	}
	err := r.storeDigest(ctx, key, d.(*v1alpha1.Notification).DeepCopy())
	if err != nil && !outbox.IsRejected(err) {
		r.groups.Postpone(key, s.now.Add(digest.Window))
		return err
	}
	r.unconfirmed.Delete(key)
	return nil
}

// storeDigest stores a digest, unless it is stored already, and assigns its members to it.
func (r *Reconciler) storeDigest(ctx context.Context, key digest.Key, d *v1alpha1.Notification) error {
	name := client.ObjectKeyFromObject(d)
	members := make([]types.NamespacedName, len(d.Spec.Members))
	for i, m := range d.Spec.Members {
		members[i] = types.NamespacedName{Namespace: d.Namespace, Name: string(m)}
	}
	d.ResourceVersion = ""
	d.UID = ""
	err := r.Client.Create(ctx, d)
	if err != nil && !apierrors.IsAlreadyExists(err) {
		return fmt.Errorf("storing digest %s: %w", name, err)
	}
	if err == nil { // otherwise it was counted before, and the answer was lost
		digestSizes.Observe(float64(len(members)))
	}
	r.groups.Assign(key, name, members)
	return nil
}

// resubmitUnassigned enqueues the Notifications that were withdrawn from a lane and are in no digest.
func (r *Reconciler) resubmitUnassigned(s *scope, withdrawn []types.NamespacedName) {
	lane := r.lane(s)
	for _, n := range withdrawn {
		if _, assigned := r.groups.AssignedTo(n); !assigned {
			lane.Forget(n)
			r.Enqueuer.EnqueueFirst(n)
		}
	}
}

// undigested returns those of some Notifications that are still to be sent and are in no digest, in the order of their
// creation.
func (r *Reconciler) undigested(ctx context.Context, names []types.NamespacedName) ([]*v1alpha1.Notification, error) {
	var out []*v1alpha1.Notification
	for _, name := range names {
		n := &v1alpha1.Notification{}
		if err := r.Client.Get(ctx, name, n); apierrors.IsNotFound(err) {
			continue
		} else if err != nil {
			return nil, fmt.Errorf("reading Notification %s: %w", name, err)
		}
		digests, err := index.DigestsWith(ctx, r.Client, name.Namespace, name.Name)
		if err != nil {
			return nil, fmt.Errorf("finding the digest of Notification %s: %w", name, err)
		}
		_, assigned := r.groups.AssignedTo(name)
		if !assigned && len(digests) == 0 && !condition.IsSettled(n) && n.DeletionTimestamp.IsZero() {
			out = append(out, n)
		}
	}
	slices.SortFunc(out, func(a, b *v1alpha1.Notification) int {
		return cmp.Or(a.CreationTimestamp.Compare(b.CreationTimestamp.Time), strings.Compare(a.Name, b.Name))
	})
	return out, nil
}

// newDigest returns the Notification that sends others together. Its name depends on the members alone.
func newDigest(members []*v1alpha1.Notification) *v1alpha1.Notification {
	first := members[0]
	newest := first
	worst := first.Spec.Event.Severity
	hash := sha256.New()
	d := &v1alpha1.Notification{
		ObjectMeta: metav1.ObjectMeta{Namespace: first.Namespace, Labels: map[string]string{v1alpha1.DigestLabel: "true"}},
	}
	for _, m := range members {
		d.Spec.Members = append(d.Spec.Members, v1alpha1.NotificationName(m.Name))
		_, _ = hash.Write([]byte(m.UID))
		if m.Spec.Event.Severity.Rank() > worst.Rank() {
			worst = m.Spec.Event.Severity
		}
		if m.Spec.Event.Time.After(newest.Spec.Event.Time.Time) {
			newest = m
		}
	}
	slices.Sort(d.Spec.Members) // index.DigestsWith searches them
	sum := hex.EncodeToString(hash.Sum(nil)[:10])
	d.Name = "digest-" + sum
	d.Spec.Rule = first.Spec.Rule
	d.Spec.IntegrationRef = first.Place().IntegrationRef
	d.Spec.Channel = first.Place().Channel
	d.Spec.Event = v1alpha1.NotificationEvent{
		ID: v1alpha1.EventID("digest." + sum), Type: newest.Spec.Event.Type, Time: newest.Spec.Event.Time, Severity: worst,
	}
	return d
}

// membersEvents returns the events of a digest's members, each once, and whom the rules that matched them mention. It
// leaves out members that were deleted or delivered otherwise.
func (r *Reconciler) membersEvents(
	ctx context.Context,
	d *v1alpha1.Notification,
) (out []event.Event, mentions []v1alpha1.Mention, err error) {
	members, err := r.unsentMembers(ctx, d)
	if err != nil {
		return nil, nil, err
	}
	known := map[v1alpha1.EventID]bool{}
	rules := map[string]*v1alpha1.NotificationRule{}
	for _, n := range members {
		e, err := event.Of(n)
		if err != nil {
			return nil, nil, err
		}
		if !known[n.Spec.Event.ID] {
			known[n.Spec.Event.ID] = true
			out = append(out, e)
		}
		definition, read := rules[n.Spec.Rule.Name]
		if !read {
			if definition, err = r.definition(ctx, n); err != nil {
				return nil, nil, err
			}
			rules[n.Spec.Rule.Name] = definition
		}
		mentions = rule.AddMentions(mentions, rule.Mentions(&definition.Spec, &e))
	}
	return out, mentions, nil
}

// unsentMembers returns the members of a digest, without those that were deleted or delivered otherwise.
func (r *Reconciler) unsentMembers(ctx context.Context, d *v1alpha1.Notification) (out []*v1alpha1.Notification, err error) {
	for _, name := range d.Spec.Members {
		n := &v1alpha1.Notification{}
		err := r.Client.Get(ctx, types.NamespacedName{Namespace: d.Namespace, Name: string(name)}, n)
		if apierrors.IsNotFound(err) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("reading Notification %s of a digest: %w", name, err)
		}
		if !condition.IsSettled(n) || n.Status.Digest == d.Name {
			out = append(out, n)
		}
	}
	return out, nil
}

// definition returns the rule of a Notification; an empty one if it was deleted.
func (r *Reconciler) definition(ctx context.Context, n *v1alpha1.Notification) (*v1alpha1.NotificationRule, error) {
	out := &v1alpha1.NotificationRule{}
	err := r.Client.Get(ctx, types.NamespacedName{Namespace: n.Namespace, Name: n.Spec.Rule.Name}, out)
	if client.IgnoreNotFound(err) != nil {
		return nil, fmt.Errorf("reading NotificationRule %s: %w", n.Spec.Rule.Name, err)
	}
	return out, nil
}
