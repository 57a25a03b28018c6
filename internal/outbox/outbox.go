// Package outbox turns events into Notifications: for each rule that matches, one, with a name that the rule and the event alone decide.
// That it exists is what says that the event was handled, across restarts and replicas.
package outbox

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/utils/clock"
	"k8s.io/utils/lru"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/metrics"

	"github.com/voiceai-dev/integrations-operator/api/v1alpha1"
	"github.com/voiceai-dev/integrations-operator/internal/event"
	"github.com/voiceai-dev/integrations-operator/internal/rule"
)

// The metrics have few label values: the event types.
var (
	eventsTotal = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "voiceai_events_total", Help: "Events by type, each once in a process: one that begins looks at the runs of a day again.",
	}, []string{"type"})
	matchesTotal = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "voiceai_matches_total", Help: "Matches of events with rules, by event type. Each is a Notification.",
	}, []string{"type"})
	errorsTotal = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "voiceai_rule_errors_total", Help: "Events for which a rule's spec.when could not be worked out, by event type: status.lastError of the rule says why.",
	}, []string{"type"})
)

func init() { metrics.Registry.MustRegister(eventsTotal, matchesTotal, errorsTotal) }

// maxAnnounced is how many events are remembered.
const maxAnnounced = 16_384

// Outbox stores Notifications. It is safe for use by several goroutines.
type Outbox struct {
	// Client reads rules and Notifications, from a cache, and creates Notifications.
	Client client.Client
	// Live reads rules past the cache.
	Live  client.Reader
	Clock clock.PassiveClock
	// LeaderSince is when this process became the one that acts, and looks at runs.
	LeaderSince func() time.Time
	// MaxEventAge is how old an event may be to match. Notifications must be kept for longer.
	MaxEventAge time.Duration
	// OnMatch is called for each Notification that was stored, Mistaken for each event for which a rule's expression could not be worked out; nil
	// when nobody counts.
	OnMatch     func(rule types.NamespacedName, at time.Time)
	OnEvalError func(r *v1alpha1.NotificationRule, e *event.Event, at time.Time, mistake error)

	once      sync.Once
	announced *lru.Cache

	mu       sync.Mutex
	compiled map[types.NamespacedName]compiled
}

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

// Forget drops what is kept of a rule that was deleted.
func (o *Outbox) Forget(name types.NamespacedName) {
	o.mu.Lock()
	defer o.mu.Unlock()
	delete(o.compiled, name)
}

// Announce stores a Notification for each rule of a namespace that matches an event. When it returns without an error, everything the event leads
// to is stored. It may be called again for the same event: rules that were not known before are asked then. A rule whose expression cannot be
// worked out for the event does not match; such errors come back joined as mistakes and do not stop the others, and neither does a Notification
// that the cluster refuses. created names the Notifications that were stored just now: a cache may not show them yet.
func (o *Outbox) Announce(ctx context.Context, namespace string, e *event.Event) (created []string, mistakes, err error) {
	begin := o.Clock.Now()
	key := namespace + "/" + e.ID
	asked := o.lastAnnouncement(key)
	if o.Clock.Since(e.Time) > o.MaxEventAge {
		return nil, nil, nil
	}
	rules := &v1alpha1.NotificationRuleList{} // they are shared with the cache: nothing here changes them
	if err := o.Client.List(ctx, rules, client.InNamespace(namespace), client.UnsafeDisableDeepCopy); err != nil {
		return nil, nil, fmt.Errorf("listing the rules of namespace %s: %w", namespace, err)
	}
	in := rule.NewInput(e)
	for i := range rules.Items {
		r := &rules.Items[i]
		if r.Spec.Suspend || !r.DeletionTimestamp.IsZero() {
			continue
		}
		c := o.compile(r, begin)
		if c.err != nil || !c.since.After(asked.at) { // its Accepted condition says so; or it was asked before, and what was deleted since was called off
			continue
		}
		past, pastErr := o.isPast(ctx, r, e)
		if pastErr != nil {
			return created, mistakes, pastErr
		}
		if past {
			continue
		}
		switch ok, mistake := c.rule.Matches(ctx, in); {
		case mistake != nil:
			mistakes = errors.Join(mistakes, fmt.Errorf("rule %s: %w", r.Name, mistake))
			errorsTotal.WithLabelValues(string(e.Type)).Inc()
			if o.OnEvalError != nil {
				o.OnEvalError(r, e, begin, mistake)
			}
		case ok:
			unseen, made, storeErr := o.store(ctx, r, e)
			if storeErr != nil && !IsRejected(storeErr) {
				return created, mistakes, storeErr
			}
			err = errors.Join(err, storeErr)
			if made {
				matchesTotal.WithLabelValues(string(e.Type)).Inc()
				if o.OnMatch != nil {
					o.OnMatch(client.ObjectKeyFromObject(r), o.Clock.Now())
				}
			}
			if unseen {
				created = append(created, NotificationName(r, e.ID))
			}
		}
	}
	if err != nil {
		return created, mistakes, err
	}
	if begin.Sub(asked.at) < cacheLag { // what was stored a moment ago, and is not shown yet
		for _, name := range asked.stored {
			if err := o.Client.Get(ctx, types.NamespacedName{Namespace: namespace, Name: name}, &v1alpha1.Notification{}); apierrors.IsNotFound(err) {
				created = append(created, name)
			}
		}
	}
	if asked.at.IsZero() {
		eventsTotal.WithLabelValues(string(e.Type)).Inc()
	}
	o.announced.Add(key, announcement{begin, created})
	return created, mistakes, nil
}

// isPast says that a rule is not to hear of an event: what it told of it was called off, or it is a run that ended before the rule got its present
// spec, and another process than this may have asked it then. What happens to Defects is noted on them, and what comes from outside comes once.
func (o *Outbox) isPast(ctx context.Context, r *v1alpha1.NotificationRule, e *event.Event) (bool, error) {
	if slices.Contains(r.Status.CalledOff, v1alpha1.EventID(e.ID)) {
		return true, nil
	}
	if e.Subject == nil || e.Subject.Kind != event.KindJob || !e.Time.Before(o.LeaderSince()) {
		return false, nil
	}
	since, err := o.SpecChangedAt(ctx, r)
	if apierrors.IsNotFound(err) {
		return true, nil
	}
	return e.Time.Before(since), err
}

// SpecChangedAt is when a rule got its present spec; zero when it never had another, as far as is known. Its status says so a moment after the change. Until
// then the API server is asked, which keeps who changed the spec when; the cache does not.
func (o *Outbox) SpecChangedAt(ctx context.Context, r *v1alpha1.NotificationRule) (time.Time, error) {
	seen := r.Status.ObservedGeneration
	switch {
	case seen > 0 && seen != r.Generation:
	case r.Status.Since != nil:
		return r.Status.Since.Time, nil
	default:
		return time.Time{}, nil
	}
	key, now := client.ObjectKeyFromObject(r), &v1alpha1.NotificationRule{}
	if err := o.Live.Get(ctx, key, now); err != nil {
		return time.Time{}, fmt.Errorf("reading when NotificationRule %s was changed: %w", key, err)
	}
	var since time.Time
	for _, by := range now.ManagedFields {
		if by.Subresource == "" && by.Time != nil && by.Time.After(since) {
			since = by.Time.Time
		}
	}
	return since, nil
}

// IsRejected says that an error is the cluster's refusal to store one thing for what it is or where it is to be, which says nothing of others.
func IsRejected(err error) bool {
	return apierrors.IsInvalid(err) || apierrors.IsBadRequest(err) || apierrors.IsForbidden(err) || apierrors.IsRequestEntityTooLargeError(err)
}

// cacheLag is how long the cache may take to show what was stored.
const cacheLag = 10 * time.Second

// announcement is when the rules that were known then were asked about an event, and what was stored.
type announcement struct {
	at     time.Time
	stored []string
}

// Announced says whether rules were asked about an event before, as far as this process remembers.
func (o *Outbox) Announced(namespace, id string) bool {
	return !o.lastAnnouncement(namespace + "/" + id).at.IsZero()
}

// lastAnnouncement is the last asking about an event that is remembered.
func (o *Outbox) lastAnnouncement(key string) announcement {
	o.once.Do(func() { o.announced = lru.New(maxAnnounced) })
	if found, ok := o.announced.Get(key); ok {
		return found.(announcement)
	}
	return announcement{}
}

// store stores a Notification. unseen says that the cache did not show it before, made that nobody had stored it.
func (o *Outbox) store(ctx context.Context, r *v1alpha1.NotificationRule, e *event.Event) (unseen, made bool, err error) {
	key := types.NamespacedName{Namespace: r.Namespace, Name: NotificationName(r, e.ID)}
	if err := o.Client.Get(ctx, key, &v1alpha1.Notification{}); err == nil {
		return false, false, nil
	}
	told, err := e.ToAPI()
	if err != nil {
		return false, false, err
	}
	n := &v1alpha1.Notification{
		ObjectMeta: metav1.ObjectMeta{Namespace: key.Namespace, Name: key.Name, Labels: map[string]string{
			v1alpha1.RuleLabel:      labelValue(r.Name),
			v1alpha1.EventTypeLabel: string(e.Type),
		}},
		Spec: v1alpha1.NotificationSpec{
			Rule:           v1alpha1.RuleReference{Name: r.Name, UID: string(r.UID)},
			IntegrationRef: r.Spec.IntegrationRef,
			Channel:        r.Spec.Channel,
			Event:          told,
		},
	}
	if suite := labelValue(e.Labels[v1alpha1.SuiteLabel]); suite != "" {
		n.Labels[v1alpha1.SuiteLabel] = suite
	}
	err = o.Client.Create(ctx, n)
	if err != nil && !apierrors.IsAlreadyExists(err) {
		return false, false, fmt.Errorf("storing Notification %s: %w", key, err)
	}
	return true, err == nil, nil
}

// MayRecur says whether the event of a Notification may be put again, so that the Notification would come back that somebody deletes. What happens to
// Defects is noted on them.
func (o *Outbox) MayRecur(n *v1alpha1.Notification) bool {
	e := n.Spec.Event
	return len(n.Spec.Members) == 0 && o.Clock.Since(e.Time.Time) <= o.MaxEventAge && (e.Subject == nil || e.Subject.Kind != v1alpha1.KindDefect)
}

// NotificationName is the name of the Notification by which a rule tells an event.
func NotificationName(r *v1alpha1.NotificationRule, eventID string) string {
	sum := sha256.Sum256([]byte(string(r.UID) + "/" + eventID))
	prefix := strings.TrimRight(r.Name[:min(len(r.Name), 40)], "-.")
	return prefix + "-" + hex.EncodeToString(sum[:10])
}

// labelValue is a text as the value of a label: shortened, or empty when it cannot be one.
func labelValue(s string) string {
	s = strings.TrimRight(s[:min(len(s), validation.LabelValueMaxLength)], "-_.")
	if len(validation.IsValidLabelValue(s)) > 0 {
		return ""
	}
	return s
}
