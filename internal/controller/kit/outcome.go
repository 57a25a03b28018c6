// Package kit holds what the reconcilers of all kinds share: what a failure leads to, how a status is written, and
// how objects are enqueued.
package kit

import (
	"errors"
	"time"

	"github.com/voiceai-dev/integrations-operator/api/v1alpha1"
	"github.com/voiceai-dev/integrations-operator/internal/condition"
	"github.com/voiceai-dev/integrations-operator/internal/connection"
	"github.com/voiceai-dev/integrations-operator/internal/fault"
)

// Outcome is the result of one phase of a reconcile that is not done, in the terms of a status.
type Outcome struct {
	Progress condition.Progress
	Reason   string
	Message  string
	// Err makes the queue retry, with growing delay. Only failures of the API server itself are returned here.
	Err error
	// KeepStatus leaves the status as it is: the work goes on and there is nothing new to report.
	KeepStatus bool
}

// Waiting returns the outcome of work that goes on and has nothing new to report.
func Waiting() *Outcome { return &Outcome{KeepStatus: true} }

// Retry returns the outcome of a failure of the API server that needs no report: the queue retries.
func Retry(err error) *Outcome { return &Outcome{KeepStatus: true, Err: err} }

// OutcomeOf returns what an error leads to, nil for no error. Only this function decides that: a lane decides when
// its call is retried, and watches enqueue what waits for a change.
func OutcomeOf(err error) *Outcome {
	if err == nil {
		return nil
	}
	var refusal *connection.Refusal
	if errors.As(err, &refusal) {
		return &Outcome{Progress: condition.Stalled, Reason: refusal.Reason, Message: refusal.Message}
	}
	var f *fault.Fault
	if errors.As(err, &f) {
		o := &Outcome{Progress: condition.Reconciling, Reason: reasonOf(f), Message: f.Error()}
		if f.Kind.Permanent() || f.Persistent {
			o.Progress = condition.Stalled
		}
		if f.Code == v1alpha1.ReasonSuspended {
			o.Progress = condition.Resting
		}
		return o
	}
	return &Outcome{Progress: condition.Reconciling, Reason: v1alpha1.ReasonProgressing, Message: err.Error(), Err: err}
}

// reasonOf returns a fault as the reason of a condition.
func reasonOf(f *fault.Fault) string {
	switch f.Code {
	case v1alpha1.ReasonSuspended, v1alpha1.ReasonSecretNotFound, v1alpha1.ReasonSecretKeyNotFound, v1alpha1.ReasonSecretInvalid,
		v1alpha1.ReasonAddressRefused:
		return f.Code
	}
	return f.Kind.String()
}

// PausedOutcome returns the outcome of a call that waits because its integration is paused.
func PausedOutcome(kind, name string, f *fault.Fault) *Outcome {
	o := OutcomeOf(f)
	if o.Reason != v1alpha1.ReasonSuspended {
		o.Reason = v1alpha1.ReasonIntegrationPaused
	}
	o.Message = kind + " " + name + ": " + o.Message
	return o
}

// namespaceCheckInterval is how soon a reference is resolved again that the other namespace does not allow: its
// labels are not watched.
const namespaceCheckInterval = 5 * time.Minute

// RequeueAfter returns when to reconcile again for an outcome that no watch reports a change of; 0 for never.
func (o *Outcome) RequeueAfter() time.Duration {
	if o != nil && o.Reason == v1alpha1.ReasonIntegrationNotAllowed {
		return namespaceCheckInterval
	}
	return 0
}
