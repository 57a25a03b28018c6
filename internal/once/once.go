// SPDX-License-Identifier: Apache-2.0

// Package once makes something outside the cluster exist exactly once, where creating it has no idempotency key: a
// ticket in Jira, a message in Slack. The protocol is in docs/decisions/0001-exactly-once.md.
//
// An object needs no lookup when this process has led since before the object was created and no call for it ended in
// doubt. Otherwise the ticket or message may exist already. The object is then held until the other side's search shows
// what was created. One lookup serves all held objects. What it finds is adopted, and the rest is created.
package once

import "time"

// Margin is added to how far back a lookup searches: the clocks of both sides differ, and a call takes its time.
const Margin = 2 * time.Minute

// DefaultSettle is how long the other side's search may take to show what exists, unless an integration says
// otherwise.
const DefaultSettle = 180 * time.Second

// CallEnd returns how long after it began a call with a timeout can still have an effect: what was given up may be on
// its way.
func CallEnd(timeout time.Duration) time.Duration { return timeout + timeout/6 }

// SettleTime returns how long after a call in doubt a lookup is conclusive: the settle time that an integration asks
// for in seconds, or DefaultSettle for 0, and never less than a call may take.
func SettleTime(seconds int32, callTimeout time.Duration) time.Duration {
	settle := DefaultSettle
	if seconds > 0 {
		settle = time.Duration(seconds) * time.Second
	}
	return max(settle, CallEnd(callTimeout))
}

// Leader is the moment at which this process became the leader, on two clocks.
type Leader struct {
	// Since is by this machine's clock.
	Since time.Time
	// ServerTime is no earlier than the moment by the API server's clock, with a margin.
	ServerTime time.Time
}

// Intent is what is known about a ticket or message that must exist exactly once.
type Intent struct {
	// Created is when the object that requires it was created, in whole seconds of the API server's clock.
	Created time.Time
	// UncertainSince is when a call ended in doubt; zero when none did.
	UncertainSince time.Time
	// Leader is the leader that acts. A former leader may have acted for objects that are not newer.
	Leader Leader
}

// Since returns the time since which the thing may exist without the object's status showing it, by this machine's
// clock, or the zero time when it cannot.
func (i Intent) Since() time.Time {
	since := i.UncertainSince
	// The API server gives whole seconds: only an object of a later second is certainly newer than the leader.
	if !i.Created.After(i.Leader.ServerTime) && i.Leader.Since.After(since) {
		since = i.Leader.Since
	}
	return since
}
