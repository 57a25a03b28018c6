// Package once makes something outside the cluster exist exactly once, where creating it has no idempotency key: a
// ticket in Jira, a message in Slack. The protocol is in docs/decisions/0001-exactly-once.md.
//
// An object needs no lookup when this process has led since before the object was created and no call for it ended in
// doubt. Otherwise the thing may exist already. Then the object is held until the other side's search has settled,
// looked up together with all others that are held, adopted when it is found and created when it is not.
package once

import "time"

// Margin is added to how far back a lookup searches: the clocks of both sides differ, and a call takes its time.
const Margin = 2 * time.Minute

// DefaultSettle is how long the other side's search may take to show what exists, unless an integration says
// otherwise.
const DefaultSettle = 180 * time.Second

// SettleTime returns the settle time that an integration asks for in seconds, or DefaultSettle for 0.
func SettleTime(seconds int32) time.Duration {
	if seconds > 0 {
		return time.Duration(seconds) * time.Second
	}
	return DefaultSettle
}

// Intent is what is known about one thing that is to exist exactly once.
type Intent struct {
	// Created is when the object that asks for it was created, in the API server's whole seconds.
	Created time.Time
	// UncertainSince is when a call ended without telling whether it succeeded; zero when none did.
	UncertainSince time.Time
	// LeaderSince is when this process became the leader. A former leader may have acted for objects that are not newer.
	LeaderSince time.Time
}

// Since returns the time since which the thing may exist without the object's status showing it, or the zero time
// when it cannot.
func (i Intent) Since() time.Time {
	since := i.UncertainSince
	// The API server gives whole seconds: only an object of a later second is certainly newer than the leader.
	if !i.Created.After(i.LeaderSince) && i.LeaderSince.After(since) {
		since = i.LeaderSince
	}
	return since
}
