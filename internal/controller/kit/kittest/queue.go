// SPDX-License-Identifier: Apache-2.0

// Package kittest runs reconcilers in tests as a controller does, on the clock of a synctest bubble.
package kittest

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// Queue is the queue of a controller with one worker: it holds every item once, retries errors with a delay that
// doubles, and adds items again when they are due.
type Queue[T comparable] struct {
	// Reconcile reconciles an item.
	Reconcile func(T) (ctrl.Result, error)
	// MaxRetryDelay is the longest delay before a retry.
	MaxRetryDelay time.Duration
	// MaxPasses is how often Settle reconciles before the test fails.
	MaxPasses int

	mu     sync.Mutex
	items  []T
	due    map[T]time.Time
	errors map[T]int
	wake   chan struct{}
}

// NewQueue returns an empty Queue.
func NewQueue[T comparable](maxRetryDelay time.Duration) *Queue[T] {
	return &Queue[T]{
		MaxRetryDelay: maxRetryDelay, MaxPasses: 20_000,
		due: map[T]time.Time{}, errors: map[T]int{}, wake: make(chan struct{}, 1),
	}
}

// Add adds an item unless it is in the queue.
func (q *Queue[T]) Add(item T) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if !slices.Contains(q.items, item) {
		q.items = append(q.items, item)
	}
	select {
	case q.wake <- struct{}{}:
	default:
	}
}

// Drain returns the items in the queue, and empties it.
func (q *Queue[T]) Drain() []T {
	q.mu.Lock()
	defer q.mu.Unlock()
	out := q.items
	q.items = nil
	return out
}

// Clear empties the queue, as a restart does.
func (q *Queue[T]) Clear() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.items = nil
	clear(q.due)
	clear(q.errors)
}

// Settle reconciles items until the queue is empty. Those that are due later stay.
func (q *Queue[T]) Settle(t testing.TB) {
	t.Helper()
	for range q.MaxPasses {
		synctest.Wait()
		next, ok := q.next()
		if !ok {
			return
		}
		result, err := q.Reconcile(next)
		q.done(next, result, err)
	}
	t.Fatal("the operator reconciles on and on")
}

func (q *Queue[T]) next() (item T, ok bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.items) == 0 {
		return item, false
	}
	item = q.items[0]
	q.items = q.items[1:]
	delete(q.due, item)
	return item, true
}

func (q *Queue[T]) done(item T, result ctrl.Result, err error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	switch {
	case err != nil:
		q.due[item] = time.Now().Add(min(time.Second<<q.errors[item], q.MaxRetryDelay))
		q.errors[item] = min(q.errors[item]+1, 10)
	case result.RequeueAfter > 0:
		q.due[item] = time.Now().Add(result.RequeueAfter)
	}
	if err == nil {
		delete(q.errors, item)
	}
}

// Run reconciles items for a while, those included that become due.
func (q *Queue[T]) Run(t testing.TB, d time.Duration) {
	t.Helper()
	end := time.Now().Add(d)
	for {
		q.Settle(t)
		if !time.Now().Before(end) {
			return
		}
		select {
		case <-q.wake:
		case <-time.After(max(q.untilDue(end), 0)):
		}
		q.addDue()
	}
}

func (q *Queue[T]) untilDue(end time.Time) time.Duration {
	q.mu.Lock()
	defer q.mu.Unlock()
	wait := time.Until(end)
	for _, at := range q.due {
		wait = min(wait, time.Until(at))
	}
	return wait
}

// addDue adds the items that are due, in the order of their names.
func (q *Queue[T]) addDue() {
	for _, item := range q.dueNow() {
		q.Add(item)
	}
}

func (q *Queue[T]) dueNow() []T {
	q.mu.Lock()
	defer q.mu.Unlock()
	var due []T
	for item, at := range q.due {
		if !time.Now().Before(at) {
			due = append(due, item)
		}
	}
	slices.SortFunc(due, func(a, b T) int { return cmp.Compare(fmt.Sprint(a), fmt.Sprint(b)) })
	return due
}

// Listed returns what a list is of, such as "list NotificationList by member".
func Listed(l client.ObjectList, opts []client.ListOption) string {
	out := "list " + strings.TrimPrefix(fmt.Sprintf("%T", l), "*v1alpha1.")
	for _, o := range opts {
		if by, ok := o.(client.MatchingFields); ok {
			for field := range by {
				out += " by " + field
			}
		}
	}
	return out
}
