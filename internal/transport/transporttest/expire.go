// SPDX-License-Identifier: Apache-2.0

// Package transporttest helps to test what calls Slack and Jira.
package transporttest

import (
	"context"
	"sync"
)

// Expire returns a context whose deadline passes when expire is called. A test need not wait for a deadline, nor does a slow
// machine pass it too early.
func Expire(parent context.Context) (ctx context.Context, expire func()) {
	e := expiring{Context: parent, done: make(chan struct{})}
	return e, sync.OnceFunc(func() { close(e.done) })
}

type expiring struct {
	context.Context
	done chan struct{}
}

// Done implements context.Context.
func (e expiring) Done() <-chan struct{} { return e.done }

// Err implements context.Context.
func (e expiring) Err() error {
	select {
	case <-e.done:
		return context.DeadlineExceeded
	default:
		return nil
	}
}
