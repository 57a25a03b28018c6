// Package controller holds one reconciler for each kind.
package controller

import (
	"errors"
	"time"

	"github.com/voiceai-dev/integrations-operator/api/v1alpha1"
	"github.com/voiceai-dev/integrations-operator/internal/condition"
	"github.com/voiceai-dev/integrations-operator/internal/connection"
	"github.com/voiceai-dev/integrations-operator/internal/fault"
)

// outcome is what became of one thing that a reconciler tried, in the terms in which a status speaks of it.
type outcome struct {
	progress condition.Progress
	reason   string
	message  string
	// err has the queue try again, with growing delay. Only what went wrong with the API server itself comes here.
	err error
}

// outcomeOf turns an error into an outcome. It is the only place that knows what a failure leads to: when a call is made again is the lane's
// to say, and what waits for a change is woken by a watch.
func outcomeOf(err error) *outcome {
	if err == nil {
		return nil
	}
	var refusal *connection.Refusal
	if errors.As(err, &refusal) {
		return &outcome{progress: condition.Stalled, reason: refusal.Reason, message: refusal.Message}
	}
	var f *fault.Fault
	if errors.As(err, &f) {
		o := &outcome{progress: condition.Reconciling, reason: reasonOf(f), message: f.Error()}
		if f.Kind.Permanent() {
			o.progress = condition.Stalled
		}
		if f.Code == v1alpha1.ReasonSuspended {
			o.progress = condition.Resting
		}
		return o
	}
	return &outcome{progress: condition.Reconciling, reason: v1alpha1.ReasonProgressing, message: err.Error(), err: err}
}

// reasonOf is a fault as the reason of a condition.
func reasonOf(f *fault.Fault) string {
	switch f.Code {
	case v1alpha1.ReasonSuspended, v1alpha1.ReasonSecretNotFound, v1alpha1.ReasonSecretKeyNotFound, v1alpha1.ReasonSecretInvalid:
		return f.Code
	}
	return f.Kind.String()
}

// pausedOutcome is the outcome of a call that waits for its integration.
func pausedOutcome(kind, name string, f *fault.Fault) *outcome {
	o := outcomeOf(f)
	if o.reason != v1alpha1.ReasonSuspended {
		o.reason = v1alpha1.ReasonIntegrationPaused
	}
	o.message = kind + " " + name + ": " + o.message
	return o
}

// askAgain is how soon a reference is looked at again that another namespace does not admit: its labels are not watched.
const askAgain = 5 * time.Minute

// again is when to look again at an outcome that no watch may tell of; 0 for never.
func (o *outcome) again() time.Duration {
	if o != nil && o.reason == v1alpha1.ReasonIntegrationNotAllowed {
		return askAgain
	}
	return 0
}

// until is how long it is until a time, and at least a moment.
func until(t, now time.Time) time.Duration { return max(t.Sub(now), 10*time.Millisecond) }

// untilNextSecond is how long it is until whatever is created is surely newer than a time. The API server gives whole seconds.
func untilNextSecond(t, now time.Time) time.Duration {
	return t.Truncate(time.Second).Add(time.Second).Sub(now)
}

// sooner is the shorter of two delays, of which 0 means none.
func sooner(a, b time.Duration) time.Duration {
	if a == 0 || b != 0 && b < a {
		return b
	}
	return a
}
