package controller

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/voiceai-dev/integrations-operator/api/v1alpha1"
	"github.com/voiceai-dev/integrations-operator/internal/condition"
	"github.com/voiceai-dev/integrations-operator/internal/event"
)

const (
	// stormAfter is how long a channel may take for what is pending before the rest leaves in digests.
	stormAfter = 10 * time.Second
	// gather is how long what comes during a storm is gathered into one digest.
	gather = 2 * time.Second
	// calm is how long after a digest what comes is sent alone again.
	calm = 2 * gather
	// maxMembers bounds a digest, maxMentions whom it pings.
	maxMembers, maxMentions = 1000, 10
	// shownAfter is how long the cache may take to show a digest that was stored.
	shownAfter = 15 * time.Second
)

// groups holds the Notifications that wait to be told together. It is in memory only: who is in a digest stands in the digest, which is stored
// before it is sent, and who is in none is held again after a restart.
type groups struct {
	clock clock.WithDelayedExecution
	// wake has a member reconciled that nobody was told of yet: it comes before those of which it is only to be written down that they were.
	wake func(types.NamespacedName)

	mu   sync.Mutex
	byID map[string]*group
	of   map[types.NamespacedName]string
	// storms are when what waited for a channel was last put into a digest.
	storms map[string]time.Time
	// digests are those that were made just now, by member: the cache may not show them yet.
	digests map[types.NamespacedName]assignment
}

// assignment is a digest that was stored at a time.
type assignment struct {
	digest types.NamespacedName
	at     time.Time
}

type group struct {
	members map[types.NamespacedName]bool
	due     time.Time
	timer   clock.Timer
}

// add has a Notification wait in a group, until due at first, and returns whether it is time for the group.
func (g *groups) add(id string, n types.NamespacedName, due time.Time) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	in := g.byID[id]
	if in == nil {
		in = &group{members: map[types.NamespacedName]bool{}, due: due}
		g.byID[id] = in
		g.arm(id, in, due.Sub(g.clock.Now()))
	}
	in.members[n] = true
	g.of[n] = id
	return !g.clock.Now().Before(in.due)
}

// waits says whether a Notification is in a group.
func (g *groups) waits(n types.NamespacedName) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	_, ok := g.of[n]
	return ok
}

// storm notes that what waited was put into a digest.
func (g *groups) storm(id string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.storms[id] = g.clock.Now()
}

// storming says whether there is a storm: something waits to be told together, or was put into a digest just now.
func (g *groups) storming(id string) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.byID[id] != nil {
		return true
	}
	at, ok := g.storms[id]
	if ok && g.clock.Since(at) >= calm {
		delete(g.storms, id)
		ok = false
	}
	return ok
}

// later puts off a group's time.
func (g *groups) later(id string, due time.Time) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if in := g.byID[id]; in != nil {
		in.due = due
		g.arm(id, in, due.Sub(g.clock.Now()))
	}
}

// arm has one of the members reconciled after a while, and then another now and then, as long as the group is there.
func (g *groups) arm(id string, in *group, wait time.Duration) {
	if in.timer != nil {
		in.timer.Stop()
	}
	in.timer = g.clock.AfterFunc(max(wait, 0), func() {
		g.mu.Lock()
		defer g.mu.Unlock()
		if g.byID[id] != in {
			return
		}
		for n := range in.members {
			g.wake(n)
			break
		}
		g.arm(id, in, gather) // that one may have nothing to tell any more: then it is another's turn
	})
}

// take empties a group. Its members count as waiting until they are free.
func (g *groups) take(id string) []types.NamespacedName {
	g.mu.Lock()
	defer g.mu.Unlock()
	in := g.byID[id]
	if in == nil {
		return nil
	}
	in.timer.Stop()
	delete(g.byID, id)
	var out []types.NamespacedName
	for n := range in.members {
		out = append(out, n)
	}
	return out
}

// free lets Notifications that were taken go their ways.
func (g *groups) free(names []types.NamespacedName) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, n := range names {
		if in := g.byID[g.of[n]]; in == nil || !in.members[n] {
			delete(g.of, n)
		}
	}
}

// assign notes the digest of its members.
func (g *groups) assign(digest types.NamespacedName, members []v1alpha1.NotificationName) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, m := range members {
		g.digests[types.NamespacedName{Namespace: digest.Namespace, Name: string(m)}] = assignment{digest, g.clock.Now()}
	}
}

// assigned is the digest of a Notification that was made just now.
func (g *groups) assigned(n types.NamespacedName) (types.NamespacedName, bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	a, ok := g.digests[n]
	if ok && g.clock.Since(a.at) > shownAfter { // the cache shows it by now, or it was deleted
		delete(g.digests, n)
		return types.NamespacedName{}, false
	}
	return a.digest, ok
}

// remove drops a Notification that waits no more.
func (g *groups) remove(n types.NamespacedName) {
	g.mu.Lock()
	defer g.mu.Unlock()
	delete(g.digests, n)
	id, ok := g.of[n]
	if !ok {
		return
	}
	delete(g.of, n)
	in := g.byID[id]
	if in == nil {
		return
	}
	delete(in.members, n)
	if len(in.members) == 0 {
		in.timer.Stop()
		delete(g.byID, id)
	}
}

// digestOf is the digest that tells a Notification, if there is one. It is the cache's: nobody may change it.
func (r *NotificationReconciler) digestOf(ctx context.Context, s *notificationScope) (*v1alpha1.Notification, bool) {
	if found, err := digestsWith(ctx, r.Client, s.n.Namespace, s.n.Name); err == nil && len(found) > 0 {
		return found[0], true
	}
	if name, ok := r.groups.assigned(s.key()); ok {
		return &v1alpha1.Notification{ObjectMeta: metav1.ObjectMeta{Namespace: name.Namespace, Name: name.Name}}, true
	}
	return nil, false
}

// followDigest takes over what became of the digest.
func (r *NotificationReconciler) followDigest(s *notificationScope, digest *v1alpha1.Notification) *outcome {
	r.lane(s).Forget(s.key()) // from which it was withdrawn; should somebody delete the digest, it goes its own way
	s.n.Status.Digest = digest.Name
	c := condition.Get(digest, v1alpha1.ConditionDelivered)
	switch {
	case c == nil || c.Status != metav1.ConditionTrue && condition.Get(digest, v1alpha1.ConditionStalled) == nil:
		if digest.UID == "" {
			s.next = sooner(s.next, shownAfter)
		}
		if s.before.Status.Digest == "" { // what becomes of it is written once
			s.n.Status.Digest = ""
		}
		return &outcome{}
	case c.Status == metav1.ConditionTrue && c.Reason == v1alpha1.ReasonSent:
		r.groups.remove(s.key())
		s.n.Status.Message = digest.Status.Message.DeepCopy()
		condition.True(s.n, v1alpha1.ConditionDelivered, v1alpha1.ReasonDigested, "Told by Notification "+digest.Name+", together with others")
		s.next = until(s.n.CreationTimestamp.Add(r.Retention), s.now)
		return nil
	case c.Status == metav1.ConditionTrue:
		r.groups.remove(s.key())
		condition.True(s.n, v1alpha1.ConditionDelivered, c.Reason, c.Message)
		s.next = until(s.n.CreationTimestamp.Add(r.Retention), s.now)
		return nil
	default:
		return &outcome{progress: condition.Stalled, reason: c.Reason, message: fmt.Sprintf("In digest %s: %s", digest.Name, c.Message)}
	}
}

// hold has a Notification wait to be told together with others, when its rule groups or when more is pending for its channel than fits.
func (r *NotificationReconciler) hold(ctx context.Context, s *notificationScope) (held bool, o *outcome) {
	lane := r.lane(s)
	if lane.Has(s.key(), s.n.UID) {
		return false, nil
	}
	capacity := lane.Capacity(stormAfter)
	id, due, grouped := r.groupOf(s)
	if !grouped && !r.groups.waits(s.key()) && lane.Backlog() < capacity && !r.groups.storming(id) {
		return false, nil
	}
	waits := &outcome{}
	if f := r.Slack.Get(client.ObjectKeyFromObject(s.integration)).PauseFault(); f != nil {
		waits = pausedOutcome(v1alpha1.KindSlackIntegration, client.ObjectKeyFromObject(s.integration).String(), f)
	}
	if !r.groups.add(id, s.key(), due) {
		return true, waits
	}
	if lane.PriorityBacklog() > 0 || grouped && lane.Backlog() >= capacity { // what is in front of it has to leave first; more may join it meanwhile
		r.groups.later(id, s.now.Add(gather))
		return true, waits
	}
	if err := r.gather(ctx, s, id, grouped); err != nil {
		r.groups.later(id, s.now.Add(gather))
		return true, &outcome{err: err}
	}
	_, ok := r.groups.assigned(s.key())
	return ok, &outcome{}
}

// groupOf is the group in which a Notification waits, and until when.
func (r *NotificationReconciler) groupOf(s *notificationScope) (id string, due time.Time, grouped bool) {
	if s.rule != nil {
		if key, window, ok := s.rule.GroupKey(&s.event); ok {
			window = min(window, r.Expiry-r.Expiry/8) // what waits longer would expire
			return strings.Join([]string{s.n.Namespace, s.n.Spec.Rule.UID, key}, "\x00"), s.n.CreationTimestamp.Add(window), true
		}
	}
	return strings.Join([]string{s.n.Namespace, client.ObjectKeyFromObject(s.integration).String(), s.channel}, "\x00"), s.now.Add(gather), false
}

// gather stores digests of all that wait in a group; in a storm of all that wait for the channel and were to be sent alone, too. One that waits
// alone is sent as it is.
func (r *NotificationReconciler) gather(ctx context.Context, s *notificationScope, id string, grouped bool) error {
	names := r.groups.take(id)
	defer r.groups.free(names)
	if !grouped {
		lane := r.lane(s)
		alone := lane.Withdraw(func(n types.NamespacedName) bool { return n.Namespace == s.n.Namespace })
		names = append(names, alone...)
		defer func() {
			for _, n := range alone {
				if _, told := r.groups.assigned(n); !told {
					lane.Forget(n)
					r.Enqueuer.EnqueueFirst(n)
				}
			}
		}()
	}
	var waiting []*v1alpha1.Notification
	for _, name := range names {
		n := &v1alpha1.Notification{}
		err := r.Client.Get(ctx, name, n)
		if _, told := r.groups.assigned(name); told {
			continue
		}
		if err == nil && !isSettled(n) && n.DeletionTimestamp.IsZero() {
			waiting = append(waiting, n)
		} else if client.IgnoreNotFound(err) != nil {
			r.regroup(id, names, s.now)
			return fmt.Errorf("reading Notification %s: %w", name, err)
		}
	}
	slices.SortFunc(waiting, func(a, b *v1alpha1.Notification) int {
		return cmp.Or(a.CreationTimestamp.Compare(b.CreationTimestamp.Time), strings.Compare(a.Name, b.Name))
	})
	for part := range slices.Chunk(waiting, maxMembers) {
		if len(part) == 1 {
			r.Enqueuer.EnqueueFirst(client.ObjectKeyFromObject(part[0])) // by now there is room for it
			continue
		}
		d := digestOf(part)
		err := r.Client.Create(ctx, d)
		if err != nil && !apierrors.IsAlreadyExists(err) {
			r.regroup(id, names, s.now)
			return fmt.Errorf("storing digest %s: %w", d.Name, err)
		}
		if err == nil { // else it was stored and counted before, and the answer was lost
			digestSizes.Observe(float64(len(part)))
		}
		r.groups.assign(client.ObjectKeyFromObject(d), d.Spec.Members)
		r.groups.storm(id)
	}
	return nil
}

// regroup has Notifications wait again.
func (r *NotificationReconciler) regroup(id string, names []types.NamespacedName, now time.Time) {
	for _, n := range names {
		if _, ok := r.groups.assigned(n); !ok {
			r.groups.add(id, n, now.Add(gather))
		}
	}
}

// digestOf is the Notification that tells others together. They alone decide its name.
func digestOf(members []*v1alpha1.Notification) *v1alpha1.Notification {
	first, worst, newest := members[0], members[0].Spec.Event.Severity, members[0]
	hash := sha256.New()
	d := &v1alpha1.Notification{ObjectMeta: metav1.ObjectMeta{Namespace: first.Namespace, Labels: map[string]string{v1alpha1.DigestLabel: "true"}}}
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
	slices.Sort(d.Spec.Members) // so that one is found in them at once
	sum := hex.EncodeToString(hash.Sum(nil)[:10])
	d.Name = "digest-" + sum
	d.Spec.Rule, d.Spec.IntegrationRef, d.Spec.Channel = first.Spec.Rule, first.Spec.IntegrationRef, first.Spec.Channel
	d.Spec.Event = v1alpha1.NotificationEvent{
		ID: v1alpha1.EventID("digest." + sum), Type: newest.Spec.Event.Type, Time: newest.Spec.Event.Time, Severity: worst,
	}
	return d
}

// membersEvents are the events that a digest tells, each once, and those whom the rules that matched them mention. A member that was told otherwise
// is none of them.
func (r *NotificationReconciler) membersEvents(ctx context.Context, digest *v1alpha1.Notification) (out []event.Event, mentions []v1alpha1.Mention, err error) {
	known, rules := map[string]bool{}, map[string]bool{}
	for _, name := range digest.Spec.Members {
		n := &v1alpha1.Notification{}
		err := r.Client.Get(ctx, types.NamespacedName{Namespace: digest.Namespace, Name: string(name)}, n)
		if apierrors.IsNotFound(err) {
			continue // somebody called it off
		}
		if err != nil {
			return nil, nil, fmt.Errorf("reading Notification %s of a digest: %w", name, err)
		}
		if isSettled(n) && n.Status.Digest != digest.Name {
			continue
		}
		if !known[string(n.Spec.Event.ID)] {
			known[string(n.Spec.Event.ID)] = true
			e, err := event.FromAPI(n.Spec.Event)
			if err != nil {
				return nil, nil, err
			}
			out = append(out, e)
		}
		if rules[n.Spec.Rule.Name] {
			continue
		}
		rules[n.Spec.Rule.Name] = true
		rule := &v1alpha1.NotificationRule{}
		if err := r.Client.Get(ctx, types.NamespacedName{Namespace: digest.Namespace, Name: n.Spec.Rule.Name}, rule); client.IgnoreNotFound(err) != nil {
			return nil, nil, fmt.Errorf("reading NotificationRule %s: %w", n.Spec.Rule.Name, err)
		}
		for _, m := range rule.Spec.Mentions {
			if !slices.Contains(mentions, m) && len(mentions) < maxMentions {
				mentions = append(mentions, m)
			}
		}
	}
	return out, mentions, nil
}
