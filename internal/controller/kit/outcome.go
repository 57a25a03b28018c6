// SPDX-License-Identifier: Apache-2.0

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

const (
	// referencePatience is how long an object waits for a Secret or an integration before it is Stalled. Objects that
	// are applied together arrive in any order.
	referencePatience = time.Minute
	// OutagePatience is how long an integration waits for the other side to answer before it is Stalled.
	OutagePatience = 5 * time.Minute
)

// Outcome is the result of one phase of a reconcile that is not done, in the terms of a status.
type Outcome struct {
	Progress condition.Progress
	// Patience is how long the object may be Reconciling before it is Stalled; 0 for ever.
	Patience time.Duration
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
		o := &Outcome{Progress: condition.Stalled, Reason: refusal.Reason, Message: refusal.Message}
		if isMissing(refusal.Reason) {
			o.Progress = condition.Reconciling
			o.Patience = referencePatience
		}
		return o
	}
	var f *fault.Fault
	if errors.As(err, &f) {
		o := &Outcome{Progress: condition.Reconciling, Reason: reasonOf(f), Message: f.Error()}
		if f.Kind.Permanent() || f.Persistent {
			o.Progress = condition.Stalled
		}
		if f.Code == v1alpha1.ReasonSuspended {
			o.Progress = condition.Suspended
		}
		return o
	}
	return &Outcome{Progress: condition.Reconciling, Reason: v1alpha1.ReasonProgressing, Message: err.Error(), Err: err}
}

// isMissing reports whether a reason is that of a reference to an object that may still arrive. A watch enqueues the
// object that refers to it.
func isMissing(reason string) bool {
	switch reason {
	case v1alpha1.ReasonSecretNotFound, v1alpha1.ReasonSecretKeyNotFound, v1alpha1.ReasonIntegrationNotFound,
		v1alpha1.ReasonIntegrationNotAllowed, v1alpha1.ReasonIntegrationAmbiguous:
		return true
	}
	return false
}

// Summarise sets Ready, Reconciling and Stalled to the outcome. It returns how soon to do that again because the
// object's patience ends; 0 for never.
func (o *Outcome) Summarise(object condition.Object, now time.Time) time.Duration {
	if o.Progress == condition.Reconciling && o.Patience > 0 {
		return condition.NotReadyFor(object, o.Patience, now, o.Reason, o.Message)
	}
	condition.NotReady(object, o.Progress, o.Reason, o.Message)
	return 0
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

// PausedOutcome returns the outcome of a call that waits because its integration is paused. What has to be fixed, and
// for how long, is in the integration's own status.
func PausedOutcome(kind, name string, f *fault.Fault) *Outcome {
	o := OutcomeOf(f)
	if o.Reason != v1alpha1.ReasonSuspended {
		o.Progress = condition.Reconciling
		o.Reason = ReasonOfWaiting(o.Reason)
	}
	o.Message = kind + " " + name + ": " + o.Message
	return o
}

// ReasonOfWaiting returns the reason of what waits for an integration that is not ready for a reason: that of its Secret, which
// a person has to fix, or else that it is paused.
func ReasonOfWaiting(reason string) string {
	switch reason {
	case v1alpha1.ReasonSecretNotFound, v1alpha1.ReasonSecretKeyNotFound, v1alpha1.ReasonSecretInvalid:
		return reason
	}
	return v1alpha1.ReasonIntegrationPaused
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
