// SPDX-License-Identifier: Apache-2.0

package connection

import (
	"context"
	"time"

	"k8s.io/apimachinery/pkg/types"

	"github.com/voiceai-dev/integrations-operator/internal/fault"
	"github.com/voiceai-dev/integrations-operator/internal/tracing"
)

// Call makes one call to Slack or Jira with the connection's current client.
type Call[C, R any] func(context.Context, C) (R, error)

// Operation names what a call does.
type Operation struct {
	Name string
	// Number distinguishes operations of one name, such as comments by the occurrences that they are about.
	Number int64
}

// Request describes the call that an object needs.
type Request[C, R any] struct {
	Key types.NamespacedName
	UID types.UID
	// Operation is what the call does. A call that succeeded is not made again for the same operation.
	Operation Operation
	// Endpoint names what is called in Slack or Jira: calls that fail for the same reason have the same endpoint.
	Endpoint string
	// Version identifies the input of the call. A call that failed is made again when it changes.
	Version string
	// Doubt identifies the doubt that the call resolves. A call that ended in doubt is not made again before it changes.
	Doubt string
	// Unmetered exempts the call from the rate limits, such as one that rarely makes a request.
	Unmetered bool
	// First puts the call in front of those that wait, such as a digest that replaces them.
	First bool
	// Alone keeps the call from being withdrawn: nothing that is sent for many does what it does, such as an edit.
	Alone bool
	// Origin is the reconcile that needs the call, for traces.
	Origin tracing.Origin
	Call   Call[C, R]
}

// Answer is the state of a call.
type Answer[R any] struct {
	// Done is set when the call was made, at At. Then Result or Err is set.
	Done   bool
	Result R
	Err    error
	At     time.Time
	// Attempts counts the calls made for this operation since the object was last forgotten.
	Attempts int
	// RetryAt is when a failed call is made again on request. It is zero if it is not, unless Version or Doubt changes.
	RetryAt time.Time
	// Retrying is set while a failed call is being made again. Err is its last failure, which was returned before.
	Retrying bool
	// Pause is why the call is not made now. It is nil when the call is in flight or waits for its turn.
	Pause *fault.Fault
	// Slow is set when the call has been in flight for a while.
	Slow bool
}

// entry is the call of one object in a lane.
type entry[C, R any] struct {
	Request[C, R]
	state    entryState
	attempts int
	answer   Answer[R]
	// reportedPause is the Pause of the last answer that the object got.
	reportedPause *fault.Fault
	// isTrial is set while the call in flight is the trial of its endpoint.
	isTrial bool
	// failing is set from a first failure on that may be the endpoint's. othersBefore is how many calls the endpoint had
	// answered by then, ownFailures how often the call has failed since others were answered.
	failing      bool
	othersBefore int
	ownFailures  int
}

type entryState int

const (
	queued entryState = iota
	started
	slow
	done
	// withdrawn calls are not made until their object is forgotten.
	withdrawn
)

// isRunning reports whether the call is in flight.
func (e *entry[C, R]) isRunning() bool { return e.state == started || e.state == slow }

// isInFlight reports whether the call is in flight, or has an answer, not handled yet, by which something was or may
// have been done in Slack or Jira.
func (e *entry[C, R]) isInFlight() bool {
	return e.isRunning() || e.state == done && (e.answer.Err == nil || fault.Is(e.answer.Err, fault.Ambiguous))
}

// isRetryDue reports whether a call that failed is to be made again for a request.
func (e *entry[C, R]) isRetryDue(r *Request[C, R], now time.Time) bool {
	switch {
	case e.state != done || e.answer.Err == nil:
		return false
	case e.Version != r.Version:
		return true
	case fault.Is(e.answer.Err, fault.Ambiguous):
		return e.Doubt != r.Doubt && !now.Before(e.answer.RetryAt)
	default:
		return !e.answer.RetryAt.IsZero() && !now.Before(e.answer.RetryAt)
	}
}

// answerDuring returns the answer for the object. p is why the call is not made now, if it is not.
func (e *entry[C, R]) answerDuring(p *pause) Answer[R] {
	switch {
	case e.state == done:
		return e.answer
	case e.state == queued && p != nil:
		e.reportedPause = p.reported()
		return Answer[R]{Attempts: e.attempts, Pause: e.reportedPause}
	case e.answer.Err != nil && e.reportedPause == nil:
		return Answer[R]{Done: true, Retrying: true, Err: e.answer.Err, At: e.answer.At, Attempts: e.attempts}
	default:
		return Answer[R]{Attempts: e.attempts, Slow: e.state == slow}
	}
}
