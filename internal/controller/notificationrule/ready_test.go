// SPDX-License-Identifier: Apache-2.0

package notificationrule

import (
	"errors"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	kevent "sigs.k8s.io/controller-runtime/pkg/event"

	"github.com/voiceai-dev/integrations-operator/api/v1alpha1"
	"github.com/voiceai-dev/integrations-operator/internal/condition"
	"github.com/voiceai-dev/integrations-operator/internal/event"
)

// readiness returns Ready of the world's rule, and Reconciling or Stalled.
func (w *world) readiness() (state, message string) {
	w.t.Helper()
	if _, err := w.Reconcile(w.t.Context(), ctrl.Request{NamespacedName: name}); err != nil {
		w.t.Fatal(err)
	}
	n := w.rule()
	c := condition.Get(n, v1alpha1.ConditionReady)
	state = string(c.Status) + "/" + c.Reason
	for _, progress := range []string{v1alpha1.ConditionReconciling, v1alpha1.ConditionStalled} {
		if condition.Get(n, progress) != nil {
			state += " " + progress
		}
	}
	return state, c.Message
}

// rule returns the world's rule.
func (w *world) rule() *v1alpha1.NotificationRule {
	w.t.Helper()
	n := &v1alpha1.NotificationRule{}
	if err := w.Client.Get(w.t.Context(), name, n); err != nil {
		w.t.Fatal(err)
	}
	return n
}

// setReady sets the conditions of the world's integration.
func (w *world) setReady(set func(*v1alpha1.SlackIntegration)) {
	w.t.Helper()
	i := &v1alpha1.SlackIntegration{}
	if err := w.Client.Get(w.t.Context(), client.ObjectKey{Namespace: name.Namespace, Name: "slack"}, i); err != nil {
		w.t.Fatal(err)
	}
	if set != nil {
		set(i)
	}
	if err := w.Client.Update(w.t.Context(), i); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) wantReady(want string) {
	w.t.Helper()
	if got, message := w.readiness(); got != want {
		w.t.Errorf("the rule is %s: %q, want %s", got, message, want)
	}
}

// TestReadyOfARule checks that a rule is as Ready as the integration that delivers for it.
func TestReadyOfARule(t *testing.T) {
	for name, c := range map[string]struct {
		integration func(*v1alpha1.SlackIntegration)
		rule        func(*v1alpha1.NotificationRule)
		want        string
	}{
		"works":           {func(i *v1alpha1.SlackIntegration) { condition.Ready(i, v1alpha1.ReasonReady, "") }, nil, "True/Ready"},
		"not checked yet": {nil, nil, "False/Progressing Reconciling"},
		"down": {func(i *v1alpha1.SlackIntegration) {
			condition.NotReady(i, condition.Reconciling, v1alpha1.ReasonUnavailable, "no answer")
		}, nil, "False/IntegrationPaused Reconciling"},
		"revoked": {func(i *v1alpha1.SlackIntegration) {
			condition.NotReady(i, condition.Stalled, v1alpha1.ReasonUnauthorized, "the token was revoked")
		}, nil, "False/IntegrationPaused Stalled"},
		"without its Secret": {func(i *v1alpha1.SlackIntegration) {
			condition.NotReady(i, condition.Stalled, v1alpha1.ReasonSecretNotFound, "create it")
		}, nil, "False/SecretNotFound Stalled"},
		"suspended": {func(i *v1alpha1.SlackIntegration) {
			condition.NotReady(i, condition.Suspended, v1alpha1.ReasonSuspended, "spec.suspend is true")
		}, nil, "True/Suspended"},
		"rule suspended, revoked": {func(i *v1alpha1.SlackIntegration) {
			condition.NotReady(i, condition.Stalled, v1alpha1.ReasonUnauthorized, "the token was revoked")
		}, func(n *v1alpha1.NotificationRule) { n.Spec.Suspend = true }, "True/Suspended"},
		"rule invalid and suspended": {nil, func(n *v1alpha1.NotificationRule) {
			n.Spec.Suspend = true
			n.Spec.When = "event."
		}, "False/InvalidExpression Stalled"},
	} {
		t.Run(name, func(t *testing.T) {
			var change []func(*v1alpha1.NotificationRule)
			if c.rule != nil {
				change = append(change, c.rule)
			}
			w := newWorld(t, change...)
			w.setReady(c.integration)
			w.wantReady(c.want)
		})
	}
}

// TestMissingIntegration checks that a rule waits for its integration for a minute before it stalls.
func TestMissingIntegration(t *testing.T) {
	w := newWorld(t, func(n *v1alpha1.NotificationRule) {
		n.Spec.IntegrationRef = &v1alpha1.IntegrationReference{Name: "late"}
	})
	w.wantReady("False/IntegrationNotFound Reconciling")
	w.clock.Step(59 * time.Second)
	w.wantReady("False/IntegrationNotFound Reconciling")
	w.clock.Step(2 * time.Second)
	w.wantReady("False/IntegrationNotFound Stalled")
}

// TestUndelivered checks that a rule is not Ready after a notification that was not delivered, and when that is over.
func TestUndelivered(t *testing.T) {
	n := func(name string) *v1alpha1.Notification { return notification(name, 0) }
	for name, heal := range map[string]func(*world){
		"another is delivered": func(w *world) { w.Stats.RecordDelivery(n("b"), true) },
		"it is delivered":      func(w *world) { w.Stats.RecordDelivery(n("a"), true) },
		"it is removed":        func(w *world) { w.Stats.recordRemoved(n("a")) },
		"the rule is changed": func(w *world) {
			r := w.rule()
			r.Generation++
			r.Spec.Channel = "#right"
			if err := w.Client.Update(w.t.Context(), r); err != nil {
				w.t.Fatal(err)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.setReady(func(i *v1alpha1.SlackIntegration) { condition.Ready(i, v1alpha1.ReasonReady, "") })
			w.Stats.RecordFailure(n("a"), "channel #wrong does not exist")
			w.Stats.recordRemoved(n("c"))
			w.conflict = true
			if _, err := w.Reconcile(t.Context(), ctrl.Request{NamespacedName: client.ObjectKeyFromObject(w.rule())}); err != nil {
				t.Fatal(err)
			}
			w.conflict = false
			w.wantReady("False/NotDelivered Stalled")
			w.wantReady("False/NotDelivered Stalled") // as the status says
			heal(w)
			w.wantReady("True/Ready")
		})
	}
	t.Run("and another is not delivered", func(t *testing.T) {
		w := newWorld(t)
		w.setReady(func(i *v1alpha1.SlackIntegration) { condition.Ready(i, v1alpha1.ReasonReady, "") })
		w.Stats.RecordFailure(n("a"), "refused")
		w.Stats.RecordDelivery(n("b"), true)
		w.Stats.RecordFailure(n("c"), "refused")
		w.wantReady("False/NotDelivered Stalled")
		if f := w.rule().Status.LastFailure; f == nil || f.Notification != "n-c" {
			t.Errorf("the last failure is %+v, want that of c", f)
		}
	})
}

// TestReadyChanged checks which updates of an integration concern its rules.
func TestReadyChanged(t *testing.T) {
	of := func(set func(*v1alpha1.SlackIntegration)) *v1alpha1.SlackIntegration {
		i := &v1alpha1.SlackIntegration{}
		if set != nil {
			set(i)
		}
		return i
	}
	ready := func(message string) func(*v1alpha1.SlackIntegration) {
		return func(i *v1alpha1.SlackIntegration) { condition.Ready(i, v1alpha1.ReasonReady, message) }
	}
	down := func(progress condition.Progress, message string) func(*v1alpha1.SlackIntegration) {
		return func(i *v1alpha1.SlackIntegration) {
			condition.NotReady(i, progress, v1alpha1.ReasonUnavailable, message)
		}
	}
	for name, c := range map[string]struct {
		before, after func(*v1alpha1.SlackIntegration)
		want          bool
	}{
		"first":           {nil, ready(""), true},
		"the same":        {ready("a"), ready("a"), false},
		"another note":    {ready("a"), ready("b"), false},
		"down":            {ready("a"), down(condition.Reconciling, "a"), true},
		"another failure": {down(condition.Reconciling, "a"), down(condition.Reconciling, "b"), true},
		"stalls":          {down(condition.Reconciling, "a"), down(condition.Stalled, "a"), true},
		"sent another": {ready("a"), func(i *v1alpha1.SlackIntegration) {
			ready("a")(i)
			i.Status.SentTotal++
			i.Status.LastSuccessTime = &metav1.Time{}
		}, false},
	} {
		if got := readyChanged().Update(kevent.UpdateEvent{ObjectOld: of(c.before), ObjectNew: of(c.after)}); got != c.want {
			t.Errorf("%s: got %t, want %t", name, got, c.want)
		}
	}
}

// TestEvaluationFails checks that a rule is not Ready when its expression fails, until an event matches.
func TestEvaluationFails(t *testing.T) {
	w := newWorld(t)
	w.setReady(func(i *v1alpha1.SlackIntegration) { condition.Ready(i, v1alpha1.ReasonReady, "") })
	w.wantReady("True/Ready")
	fails := func(after time.Duration, message string) {
		w.Stats.RecordEvalError(w.rule(), &event.Event{ID: "1", Type: v1alpha1.EventDefectCreated}, noon.Add(after), errors.New(message))
	}
	fails(0, "no such key: team") // other events may have it
	w.wantReady("True/Ready")
	fails(0, "no such overload")
	w.wantReady("False/EvaluationFailed Stalled")
	w.Stats.recordMatch(notification("a", time.Minute))
	w.wantReady("True/Ready")
	fails(2*time.Minute, "no such overload")
	w.wantReady("False/EvaluationFailed Stalled")
}

// TestEvents checks that kubectl get shows the types of a rule's events in words.
func TestEvents(t *testing.T) {
	n := &v1alpha1.NotificationRule{}
	n.Spec.EventTypes = []v1alpha1.EventType{v1alpha1.EventDefectCreated, v1alpha1.EventDefectTicketed}
	if got := eventsOf(n); got != "DefectCreated, DefectTicketed" {
		t.Errorf("got %q", got)
	}
}
