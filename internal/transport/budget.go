// SPDX-License-Identifier: Apache-2.0

package transport

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"golang.org/x/sync/semaphore"
)

const (
	// smallAnswer is how much of an answer, in bytes, every call may read. Most answers are smaller.
	smallAnswer = 16 << 10
	// maxAnswer bounds the body of an answer, in bytes. The longest ones are pages of a search or of a channel's history.
	maxAnswer = 4 << 20
	// maxCalls bounds the calls that the process makes at once, maxNamespaceCalls those for one namespace.
	maxCalls          = 1024
	maxNamespaceCalls = 256
	// maxLong bounds the memory for answers that are not small, in bytes, maxNamespaceLong that for one namespace.
	maxLong          = 32 << 20
	maxNamespaceLong = maxAnswer
	// maxDecoding bounds how many answers are decoded at once: an answer may take much more memory then.
	maxDecoding = 2
)

// Budget bounds what the clients of a process read at once, and how much of it is for one namespace. What waits for
// the share of its namespace keeps nothing from others.
type Budget struct {
	calls, long, decoding *semaphore.Weighted

	mu     sync.Mutex
	shares map[string]*share
}

// share is what the calls for one namespace may use at once.
type share struct {
	calls, long *semaphore.Weighted
	users       int
}

// NewBudget returns the budget of a process.
func NewBudget() *Budget {
	return &Budget{
		calls: semaphore.NewWeighted(maxCalls), long: semaphore.NewWeighted(maxLong),
		decoding: semaphore.NewWeighted(maxDecoding), shares: map[string]*share{},
	}
}

// enter waits until a call for a namespace may be made, and returns its lease.
func (b *Budget) enter(ctx context.Context, namespace string) (*lease, error) {
	b.mu.Lock()
	s := b.shares[namespace]
	if s == nil {
		s = &share{calls: semaphore.NewWeighted(maxNamespaceCalls), long: semaphore.NewWeighted(maxNamespaceLong)}
		b.shares[namespace] = s
	}
	s.users++
	b.mu.Unlock()
	l := &lease{budget: b}
	l.onRelease(func() { b.leave(namespace, s) })
	if err := l.acquire(ctx, s.calls, b.calls, 1); err != nil {
		l.release()
		return nil, fmt.Errorf("waiting for other calls of namespace %q: %w", namespace, err)
	}
	l.share = s
	return l, nil
}

// leave drops the share of a namespace that no call uses.
func (b *Budget) leave(namespace string, s *share) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if s.users--; s.users == 0 {
		delete(b.shares, namespace)
	}
}

// lease is what one call uses of a Budget. It is released once.
type lease struct {
	budget *Budget
	share  *share

	mu       sync.Mutex
	released bool
	undo     []func()
}

// acquire takes n of the namespace's share and of the process's budget.
func (l *lease) acquire(ctx context.Context, share, process *semaphore.Weighted, n int64) error {
	for _, s := range []*semaphore.Weighted{share, process} {
		if err := s.Acquire(ctx, n); err != nil {
			return err
		}
		l.onRelease(func() { s.Release(n) })
	}
	return nil
}

// growTo waits until the call may read a long answer of n bytes. A call takes all that it needs at once, so that no two
// wait for each other.
func (l *lease) growTo(ctx context.Context, n int64) error {
	return l.acquire(ctx, l.share.long, l.budget.long, n)
}

// decode waits until the answer may be decoded.
func (l *lease) decode(ctx context.Context) error {
	if err := l.budget.decoding.Acquire(ctx, 1); err != nil {
		return err
	}
	l.onRelease(func() { l.budget.decoding.Release(1) })
	return nil
}

// onRelease calls undo when the lease is released, or now if it is.
func (l *lease) onRelease(undo func()) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.released {
		undo()
		return
	}
	l.undo = append(l.undo, undo)
}

// release returns everything to the budget.
func (l *lease) release() {
	l.mu.Lock()
	undo := l.undo
	l.undo = nil
	l.released = true
	l.mu.Unlock()
	for i := len(undo) - 1; i >= 0; i-- {
		undo[i]()
	}
}

// allowance is how much an operation of several calls may read.
type allowance struct {
	perAnswer int64

	mu   sync.Mutex
	left int64
}

// allowanceKey is the key of a context's *allowance.
type allowanceKey struct{}

const (
	// probeAnswer and probeTotal bound what a probe reads: each answer, and all of them.
	probeAnswer = 256 << 10
	probeTotal  = 4 << 20
	// searchTotal bounds what a search of several pages reads.
	searchTotal = 8 << 20
)

// ForProbe returns a context for the calls of one probe, whose answers are small.
func ForProbe(ctx context.Context) context.Context {
	return context.WithValue(ctx, allowanceKey{}, &allowance{perAnswer: probeAnswer, left: probeTotal})
}

// ForSearch returns a context for the calls of one search.
func ForSearch(ctx context.Context) context.Context {
	return context.WithValue(ctx, allowanceKey{}, &allowance{perAnswer: maxAnswer, left: searchTotal})
}

// limitOf returns how much the next call with a context may read, and a function that counts what it read.
func limitOf(ctx context.Context) (limit int64, count func(int)) {
	a, ok := ctx.Value(allowanceKey{}).(*allowance)
	if !ok {
		return maxAnswer, func(int) {}
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	return min(a.perAnswer, a.left), func(n int) {
		a.mu.Lock()
		defer a.mu.Unlock()
		a.left -= int64(n)
	}
}

// TooLongError is the error for an answer that is longer, or consists of more parts, than is read.
type TooLongError struct {
	limit int64
	what  string
}

// Error says what the limit is.
func (e *TooLongError) Error() string {
	return fmt.Sprintf("the answer is longer than %d %s, the most that is read", e.limit, e.what)
}

// IsTooLong reports whether a call failed because its answer was too long.
func IsTooLong(err error) bool { return errors.As(err, new(*TooLongError)) }
