// SPDX-License-Identifier: Apache-2.0

// Package outbox turns events into Notifications: one for each rule that matches, with a name derived from the rule
// and the event. A Notification that exists marks the event as handled, across restarts and replicas.
package outbox

import (
	"cmp"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/clock"
	"k8s.io/utils/lru"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/voiceai-dev/integrations-operator/api/v1alpha1"
	"github.com/voiceai-dev/integrations-operator/internal/event"
	"github.com/voiceai-dev/integrations-operator/internal/rule"
)

// maxAnnounced is the number of events that are remembered.
const maxAnnounced = 16_384

// Outbox stores Notifications. It is safe for concurrent use.
type Outbox struct {
	// Client reads rules and Notifications from a cache, and creates Notifications.
	Client client.Client
	// Live reads rules from the API server.
	Live  client.Reader
	Clock clock.PassiveClock
	// LeaderSince returns when this process became the leader. From then on it announces runs.
	LeaderSince func() time.Time
	// MaxEventAge is how old an event may be to match, unless it is from outside. Notifications must be kept for longer.
	MaxEventAge time.Duration
	// Retention is how long a Notification is kept; as long as an event may match when zero.
	Retention time.Duration
	// OnEvalError is called for each event for which a rule's expression could not be evaluated. It may be nil.
	OnEvalError func(r *v1alpha1.NotificationRule, e *event.Event, at time.Time, evalErr error)

	once      sync.Once
	announced *lru.Cache

	mu       sync.Mutex
	compiled map[types.NamespacedName]compiled
}

// compiled is a rule as compiled for one generation.
type compiled struct {
	uid        types.UID
	generation int64
	// since is when the rule was first seen.
	since time.Time
	rule  *rule.Compiled
	err   error
}

// Compile compiles a rule, once for each generation of it. Its error is a *rule.Error.
func (o *Outbox) Compile(r *v1alpha1.NotificationRule) (*rule.Compiled, error) {
	c := o.compile(r, o.Clock.Now())
	return c.rule, c.err
}

func (o *Outbox) compile(r *v1alpha1.NotificationRule, now time.Time) compiled {
	o.mu.Lock()
	defer o.mu.Unlock()
	key := client.ObjectKeyFromObject(r)
	c, ok := o.compiled[key]
	if ok && c.uid == r.UID && c.generation == r.Generation {
		return c
	}
	if !ok || c.uid != r.UID {
		c = compiled{uid: r.UID, since: now}
	}
	c.generation = r.Generation
	c.rule, c.err = rule.Compile(r)
	if o.compiled == nil {
		o.compiled = map[types.NamespacedName]compiled{}
	}
	o.compiled[key] = c
	return c
}

// Forget drops what is kept of a deleted rule.
func (o *Outbox) Forget(name types.NamespacedName) {
	o.mu.Lock()
	defer o.mu.Unlock()
	delete(o.compiled, name)
}

// announcement is the latest announcement of an event.
type announcement struct {
	at time.Time
	// stored are the names of the Notifications that the cache may not have shown at that time.
	stored []string
}

// Announced reports whether this process remembers having announced an event.
func (o *Outbox) Announced(namespace, id string) bool {
	return !o.lastAnnouncement(announcementKey(namespace, id)).at.IsZero()
}

func (o *Outbox) remembered() *lru.Cache {
	o.once.Do(func() { o.announced = lru.New(maxAnnounced) })
	return o.announced
}

// lastAnnouncement returns the latest announcement of an event. It is zero when none is remembered.
func (o *Outbox) lastAnnouncement(key string) announcement {
	if found, ok := o.remembered().Get(key); ok {
		return found.(announcement)
	}
	return announcement{}
}

// ForgetEvents drops that events were announced which cannot occur again.
func (o *Outbox) ForgetEvents(namespace string, ids []v1alpha1.EventID) {
	for _, id := range ids {
		o.remembered().Remove(announcementKey(namespace, string(id)))
	}
}

func announcementKey(namespace, id string) string { return namespace + "/" + id }

// MayRecur reports whether the event of a Notification may be announced again, which would bring the Notification
// back after a user deleted it. Events of Defects do not recur: a Defect's status records them. Those from outside
// recur as long as their sender repeats them.
func (o *Outbox) MayRecur(n *v1alpha1.Notification) bool {
	e := n.Spec.Event
	switch {
	case len(n.Spec.Members) > 0:
		return false
	case e.Subject != nil:
		return e.Subject.Kind != v1alpha1.KindDefect && o.Clock.Since(e.Time.Time) <= o.MaxEventAge
	}
	last := KeptSince(n)
	if e.Time.After(last) {
		last = e.Time.Time
	}
	return o.Clock.Since(last) < cmp.Or(o.Retention, o.MaxEventAge)
}
