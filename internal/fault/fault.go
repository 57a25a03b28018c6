// SPDX-License-Identifier: Apache-2.0

// Package fault classifies the failures of calls to Slack and Jira. Adapters classify every failure as one of its
// kinds. The controllers decide, in one place, what follows from a kind.
package fault

import (
	"errors"
	"fmt"
	"time"
)

// Kind is what a failure means for a retry.
type Kind int

const (
	// Unavailable: the other side gave no usable answer, and the call had no effect. Retry it later.
	Unavailable Kind = iota
	// Invalid: the request was refused for its content. The same request will be refused again.
	Invalid
	// Unauthorized: the credentials were refused. Every call will fail until they change.
	Unauthorized
	// NotFound: the object in the request does not exist, or is hidden from these credentials.
	NotFound
	// Conflict: another client changed the same object. Read it again, then retry.
	Conflict
	// RateLimited: the call was refused for now and had no effect. RetryAfter is how long, if known.
	RateLimited
	// Ambiguous: there was no answer, and the call may have had an effect. Look it up before a retry.
	Ambiguous
)

var kindNames = [...]string{"Unavailable", "Invalid", "Unauthorized", "NotFound", "Conflict", "RateLimited", "Ambiguous"}

// String returns the kind as it appears in the reason of a condition.
func (k Kind) String() string {
	if k < 0 || int(k) >= len(kindNames) {
		return fmt.Sprintf("Kind(%d)", int(k))
	}
	return kindNames[k]
}

// Permanent reports whether a retry is pointless until a user changes something.
func (k Kind) Permanent() bool { return k == Invalid || k == Unauthorized || k == NotFound }

// Scope is how much of a connection a fault stops.
type Scope int

const (
	// Item: only this request.
	Item Scope = iota
	// Endpoint: every request to this endpoint of the API, or to this channel.
	Endpoint
	// Connection: every request with these credentials.
	Connection
)

// Fault is a classified failure. Its text is for users and never contains a secret.
type Fault struct {
	Kind Kind
	// Scope is what else the failure stops, as far as the answer shows.
	Scope Scope
	// Code is the other side's code for the failure, such as channel_not_found or 503. It may be empty.
	Code string
	// Field is the part of the request that was refused, when the other side named exactly one.
	Field string
	// Fields has all parts of the request that were refused, each with the reason, if the other side named them.
	Fields map[string]string
	// Message says what failed, why, and what to do about it.
	Message string
	// RetryAfter is how long to wait before a retry; 0 if unknown.
	RetryAfter time.Duration
	// MaxAttempts is how often a request may be made that fails like this; 0 if it is not limited.
	MaxAttempts int
	// Persistent is set when the same request failed again and again although others succeeded.
	Persistent bool
	// Err is the cause, if users may see it.
	Err error
}

// Error returns the message, followed by the cause if there is one.
func (f *Fault) Error() string {
	if f.Err == nil {
		return f.Message
	}
	if f.Message == "" {
		return f.Err.Error()
	}
	return f.Message + ": " + f.Err.Error()
}

// Unwrap returns the cause.
func (f *Fault) Unwrap() error { return f.Err }

// New returns a fault with a formatted message.
func New(kind Kind, format string, args ...any) *Fault {
	return &Fault{Kind: kind, Message: fmt.Sprintf(format, args...)}
}

// From returns the fault in an error: an Unavailable one if the error is not classified, nil if it is nil.
func From(err error) *Fault {
	if err == nil {
		return nil
	}
	var f *Fault
	if errors.As(err, &f) {
		return f
	}
	return &Fault{Kind: Unavailable, Err: err}
}

// Is reports whether an error is a fault of a kind. An error that is not classified is Unavailable.
func Is(err error, kind Kind) bool { return err != nil && From(err).Kind == kind }
