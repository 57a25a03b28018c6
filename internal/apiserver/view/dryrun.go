// SPDX-License-Identifier: Apache-2.0

package view

import (
	"context"
	"fmt"
	"slices"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"

	"github.com/voiceai-dev/integrations-operator/api/v1alpha1"
	"github.com/voiceai-dev/integrations-operator/internal/apiserver/rows"
	"github.com/voiceai-dev/integrations-operator/internal/event"
	"github.com/voiceai-dev/integrations-operator/internal/render"
	"github.com/voiceai-dev/integrations-operator/internal/rule"
	"github.com/voiceai-dev/integrations-operator/internal/text"
)

// DryRun is whether a rule matches an event.
type DryRun struct {
	Matches bool         `json:"matches" doc:"Whether the rule matches this event."`
	Why     string       `json:"why" doc:"Why, or why not."`
	Message *MessageBody `json:"message,omitempty" doc:"What Slack would get, whether it matches or not; none when the rule is not valid."`
}

// DryRun evaluates a rule for an event as if it happened now: its age does not matter. Nothing is sent.
func (m *Model) DryRun(ctx context.Context, r *v1alpha1.NotificationRule, e *event.Event, now time.Time) DryRun {
	compiled, err := rule.Compile(r)
	if err != nil {
		return DryRun{Why: "The rule is not valid: " + err.Error()}
	}
	var out DryRun
	recent := *e
	recent.Time = now
	out.Matches, out.Why = verdict(ctx, r, compiled, &recent)
	if out.Matches {
		out.Why += delayReason(r, compiled, &recent)
	}
	out.Message = messageBodyOf(render.Message(e, render.Options{
		Channel: string(r.Spec.Channel), Mentions: rule.Mentions(&r.Spec, e), Template: compiled.Template(), DashboardURL: m.dashboardURL,
	}))
	return out
}

// verdict reports whether a rule matches an event, and why, or the first condition that is not met.
func verdict(ctx context.Context, r *v1alpha1.NotificationRule, compiled *rule.Compiled, e *event.Event) (bool, string) {
	ok, err := compiled.Matches(ctx, rule.NewInput(e))
	spec := &r.Spec
	switch {
	case err != nil:
		return false, err.Error()
	case spec.Suspend:
		return false, "spec.suspend is true: the rule matches nothing until it is false"
	case ok:
		return true, "The event meets every condition of the rule"
	case !slices.Contains(spec.EventTypes, e.Type):
		return false, fmt.Sprintf("spec.eventTypes has no %s", e.Type)
	case spec.MinSeverity != "" && e.Severity != "" && e.Severity.Rank() < spec.MinSeverity.Rank():
		return false, fmt.Sprintf("Its severity, %s, is lower than spec.minSeverity, %s", e.Severity, spec.MinSeverity)
	}
	selector, err := metav1.LabelSelectorAsSelector(spec.Selector.AsMeta())
	if spec.Selector != nil && err == nil && !selector.Matches(labels.Set(e.Labels)) {
		return false, "spec.selector does not match its labels"
	}
	return false, "spec.when is false for it"
}

// delayReason returns, as a further sentence, why the message of an event that matches is not sent at once; empty
// when it is.
func delayReason(r *v1alpha1.NotificationRule, compiled *rule.Compiled, e *event.Event) string {
	if end, muted := compiled.MutedUntil(e.Time); muted {
		return fmt.Sprintf(". The rule is muted until %s. Until then a Notification is recorded and not sent",
			text.Time(end))
	}
	_, window, grouped := compiled.GroupKey(e)
	if !grouped {
		return ""
	}
	group := "all events of the rule"
	if len(r.Spec.Grouping.By) > 0 {
		group = fmt.Sprintf("the events of the same %v", r.Spec.Grouping.By)
	}
	return fmt.Sprintf(". It is sent together with %s, %s after the first of them", group, window)
}

// RecentEvent returns the newest event of a namespace, of those with a Notification that selects. A digest has no event
// of its own. ok is false when there is none.
func (m *Model) RecentEvent(
	ctx context.Context, namespace string, selects func(*rows.Notification) bool,
) (e event.Event, ok bool, err error) {
	for _, row := range m.Notifications.Newest() {
		if row.GetNamespace() != namespace || row.Members > 0 || !selects(row) {
			continue
		}
		n, err := m.Notification(ctx, row.Key())
		if apierrors.IsNotFound(err) {
			continue // it was deleted meanwhile
		}
		if err != nil {
			return e, false, err
		}
		e, err = event.Of(n)
		return e, true, err
	}
	return event.Event{}, false, nil
}
