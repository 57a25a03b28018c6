package controller

import (
	"context"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	ctrl "sigs.k8s.io/controller-runtime"

	"github.com/voiceai-dev/integrations-operator/api/v1alpha1"
	"github.com/voiceai-dev/integrations-operator/internal/condition"
	"github.com/voiceai-dev/integrations-operator/internal/event"
	"github.com/voiceai-dev/integrations-operator/internal/outbox"
)

// announceAfter is how long an integration must not have worked before anybody is told: most trouble is over by then.
const announceAfter = 30 * time.Second

// announceHealth has those told who want to know that an integration stopped working, and that it works again. told is when the former was told,
// nil when it was not or when it works again. It returns when to look again, 0 for never.
func announceHealth(ctx context.Context, box *outbox.Outbox, o object, kind string, told **metav1.Time, now time.Time) (time.Duration, error) {
	ready := condition.Get(o, v1alpha1.ConditionReady)
	if ready == nil || ready.Reason == v1alpha1.ReasonSuspended {
		return 0, nil
	}
	since := ready.LastTransitionTime.Time
	switch {
	case ready.Status != metav1.ConditionTrue && *told == nil:
		if due := since.Add(announceAfter); now.Before(due) {
			return until(due, now), nil
		}
		e := event.IntegrationUnhealthy(kind, o, ready.Reason, ready.Message, since)
		if err := announce(ctx, box, o.GetNamespace(), &e); err != nil {
			return 0, err
		}
		at := metav1.NewTime(now)
		*told = &at
	case ready.Status == metav1.ConditionTrue && *told != nil:
		e := event.IntegrationRecovered(kind, o, ready.Reason, ready.Message, since)
		if err := announce(ctx, box, o.GetNamespace(), &e); err != nil {
			return 0, err
		}
		*told = nil
	}
	return 0, nil
}

// announce has an event told. What is wrong with a rule is logged: it is said in the rule's status too.
func announce(ctx context.Context, box *outbox.Outbox, namespace string, e *event.Event) error {
	_, mistakes, err := box.Announce(ctx, namespace, e)
	if mistakes != nil {
		ctrl.LoggerFrom(ctx).Error(mistakes, "Matching rules", "Event", e.ID)
	}
	return err
}
