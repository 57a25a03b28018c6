// Package fault names the ways in which a call to the outside can fail. Adapters classify every failure into one of them; what follows
// from it is decided in one place, by the controllers.
package fault

import (
	"errors"
	"fmt"
	"time"
)

// Kind says what a failure means for whoever wants to try again.
type Kind int

const (
	// Unavailable: no sensible answer, and nothing was done. Try again later.
	Unavailable Kind = iota
	// Invalid: refused for what the request says. The same request will be refused again.
	Invalid
	// Unauthorized: the credentials were refused. Nothing will work until they change.
	Unauthorized
	// NotFound: what was named does not exist, or the credentials may not see it.
	NotFound
	// Conflict: somebody changed the same thing. Read again, then try again.
	Conflict
	// RateLimited: refused for now; RetryAfter says how long, if known. Nothing was done.
	RateLimited
	// Ambiguous: no answer, and it may have been done. Find out before trying again.
	Ambiguous
)

var names = [...]string{"Unavailable", "Invalid", "Unauthorized", "NotFound", "Conflict", "RateLimited", "Ambiguous"}

// String is the kind as it stands in the reason of a condition.
func (k Kind) String() string {
	if k < 0 || int(k) >= len(names) {
		return fmt.Sprintf("Kind(%d)", int(k))
	}
	return names[k]
}

// Permanent says whether nothing will change by trying again: somebody has to act.
func (k Kind) Permanent() bool { return k == Invalid || k == Unauthorized || k == NotFound }

// Scope says how much of a connection a fault stops.
type Scope int

const (
	// Item: this one request.
	Item Scope = iota
	// Endpoint: every request of this sort, or to this channel.
	Endpoint
	// Connection: every request with these credentials.
	Connection
)

// Fault is a classified failure. Its text is for people and never holds a secret.
type Fault struct {
	Kind Kind
	// Scope says what else it stops. Unauthorized is always the whole connection's.
	Scope Scope
	// Code is what the other side calls it, such as channel_not_found or 503. It may be empty.
	Code string
	// Field is the part of the request that was refused, when the other side named exactly one.
	Field string
	// Message names the thing, what was wrong and what to do.
	Message string
	// RetryAfter is how long to wait before the next try; 0 when unknown.
	RetryAfter time.Duration
	// Err is the cause, if it may be shown.
	Err error
}

// Error is the message, and the cause if there is one.
func (f *Fault) Error() string {
	if f.Err == nil {
		return f.Message
	}
	if f.Message == "" {
		return f.Err.Error()
	}
	return f.Message + ": " + f.Err.Error()
}

// Unwrap is the cause.
func (f *Fault) Unwrap() error { return f.Err }

// New is a fault with a message.
func New(kind Kind, format string, args ...any) *Fault {
	return &Fault{Kind: kind, Message: fmt.Sprintf(format, args...)}
}

// From finds the fault in an error. An error that nobody classified is Unavailable; no error is nil.
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

// Is says whether an error is a fault of a kind.
func Is(err error, kind Kind) bool { return err != nil && From(err).Kind == kind }
