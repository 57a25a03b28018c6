// SPDX-License-Identifier: Apache-2.0

package outbox

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/voiceai-dev/integrations-operator/api/v1alpha1"
	"github.com/voiceai-dev/integrations-operator/internal/event"
	"github.com/voiceai-dev/integrations-operator/internal/rule"
)

// showDelay is how long the cache may take to show a Notification that was stored.
const showDelay = 10 * time.Second

// evaluation is the evaluation of a namespace's rules for one event.
type evaluation struct {
	outbox *Outbox
	event  *event.Event
	input  *rule.Input
	begin  time.Time
	last   announcement
	// created names the Notifications that the cache may not show yet.
	created []string
	// evalErrs joins the errors of expressions, rejections those of Notifications that the API server refused.
	evalErrs   error
	rejections error
}

// Announce stores a Notification for each rule in a namespace that matches an event. If it returns no error, all of
// them are stored. It may be called again for the same event: then it evaluates the rules that are new since. A rule
// whose expression cannot be evaluated does not match; evalErrs joins these errors. Neither such a rule nor a
// Notification that the API server refuses keeps other rules from being evaluated. created names the Notifications
// that were just stored: a cache may not show them yet.
func (o *Outbox) Announce(ctx context.Context, namespace string, e *event.Event) (created []string, evalErrs, err error) {
	begin := o.Clock.Now()
	key := announcementKey(namespace, e.ID)
	last := o.lastAnnouncement(key)
	if !e.FromOutside && o.Clock.Since(e.Time) > o.MaxEventAge {
		return nil, nil, nil
	}
	rules := &v1alpha1.NotificationRuleList{} // shared with the cache: they must not be changed
	if err := o.Client.List(ctx, rules, client.InNamespace(namespace), client.UnsafeDisableDeepCopy); err != nil {
		return nil, nil, fmt.Errorf("listing the rules of namespace %s: %w", namespace, err)
	}
	ev := &evaluation{outbox: o, event: e, input: rule.NewInput(e), begin: begin, last: last}
	for i := range rules.Items {
		if err := ev.evaluate(ctx, &rules.Items[i]); err != nil {
			return ev.created, ev.evalErrs, err
		}
	}
	if ev.rejections != nil {
		return ev.created, ev.evalErrs, ev.rejections
	}
	ev.addUnseen(ctx, namespace)
	if last.at.IsZero() {
		eventsTotal.WithLabelValues(string(e.Type)).Inc()
	}
	o.announced.Add(key, announcement{at: begin, stored: ev.created})
	return ev.created, ev.evalErrs, nil
}

// evaluate evaluates one rule and stores its Notification if it matches. It returns an error that stops the
// announcement.
func (ev *evaluation) evaluate(ctx context.Context, r *v1alpha1.NotificationRule) error {
	if r.Spec.Suspend || !r.DeletionTimestamp.IsZero() {
		return nil
	}
	c := ev.outbox.compile(r, ev.begin)
	if c.err != nil { // the rule's Accepted condition reports it
		return nil
	}
	if !c.since.After(ev.last.at) { // evaluated before: a Notification deleted since was cancelled
		return ev.collect(ev.outbox.keepStored(ctx, r, ev.event))
	}
	past, err := ev.outbox.isPast(ctx, r, ev.event)
	if past || err != nil {
		return err
	}
	matches, err := c.rule.Matches(ctx, ev.input)
	if err != nil {
		ev.recordEvalError(r, err)
		return nil
	}
	if !matches {
		return nil
	}
	return ev.store(ctx, r)
}

func (ev *evaluation) recordEvalError(r *v1alpha1.NotificationRule, err error) {
	ev.evalErrs = errors.Join(ev.evalErrs, fmt.Errorf("rule %s: %w", r.Name, err))
	errorsTotal.WithLabelValues(string(ev.event.Type)).Inc()
	if ev.outbox.OnEvalError != nil {
		ev.outbox.OnEvalError(r, ev.event, ev.begin, err)
	}
}

func (ev *evaluation) store(ctx context.Context, r *v1alpha1.NotificationRule) error {
	result, err := ev.outbox.store(ctx, r, ev.event)
	if err != nil {
		return ev.collect(err)
	}
	if result == stored {
		matchesTotal.WithLabelValues(string(ev.event.Type)).Inc()
	}
	if result != shownByCache {
		ev.created = append(ev.created, NotificationName(r, ev.event.ID))
	}
	return nil
}

// collect collects an error that says nothing about other Notifications, and returns any other.
func (ev *evaluation) collect(err error) error {
	if IsRejected(err) {
		ev.rejections = errors.Join(ev.rejections, err)
		return nil
	}
	return err
}

// addUnseen adds to created what the last announcement stored if the cache does not show it yet.
func (ev *evaluation) addUnseen(ctx context.Context, namespace string) {
	if ev.begin.Sub(ev.last.at) >= showDelay {
		return
	}
	for _, name := range ev.last.stored {
		key := types.NamespacedName{Namespace: namespace, Name: name}
		if err := ev.outbox.Client.Get(ctx, key, &v1alpha1.Notification{}); apierrors.IsNotFound(err) {
			ev.created = append(ev.created, name)
		}
	}
}

// isPast reports whether a rule must not match an event: its Notification was cancelled, or the event is a run that
// ended before the rule got its current spec, and may have been announced by an earlier leader. Events of Defects are
// recorded in their status, and those from outside are as old as their arrival.
func (o *Outbox) isPast(ctx context.Context, r *v1alpha1.NotificationRule, e *event.Event) (bool, error) {
	if slices.Contains(r.Status.CalledOff, v1alpha1.EventID(e.ID)) {
		return true, nil
	}
	if e.Subject == nil || e.Subject.Kind != event.KindJob || !e.Time.Before(o.LeaderSince()) {
		return false, nil
	}
	changed, err := o.SpecChangedAt(ctx, r)
	if apierrors.IsNotFound(err) {
		return true, nil
	}
	return e.Time.Before(changed), err
}

// SpecChangedAt returns when a rule got its current spec. It is zero if the spec is not known to have changed. The
// rule's status has the time soon after a change. Until then it is read from the managed fields, which only the API
// server has: the cache drops them.
func (o *Outbox) SpecChangedAt(ctx context.Context, r *v1alpha1.NotificationRule) (time.Time, error) {
	if seen := r.Status.ObservedGeneration; seen <= 0 || seen == r.Generation {
		if r.Status.Since == nil {
			return time.Time{}, nil
		}
		return r.Status.Since.Time, nil
	}
	key := client.ObjectKeyFromObject(r)
	live := &v1alpha1.NotificationRule{}
	if err := o.Live.Get(ctx, key, live); err != nil {
		return time.Time{}, fmt.Errorf("reading when NotificationRule %s was changed: %w", key, err)
	}
	var changed time.Time
	for _, by := range live.ManagedFields {
		if by.Subresource == "" && by.Time != nil && by.Time.After(changed) {
			changed = by.Time.Time
		}
	}
	return changed, nil
}
