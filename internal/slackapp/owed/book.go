// SPDX-License-Identifier: Apache-2.0

package owed

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/voiceai-dev/integrations-operator/api/v1alpha1"
	"github.com/voiceai-dev/integrations-operator/internal/action"
)

const (
	// writeEvery is how soon after a write of an integration the next begins, and maxConcurrentWrites how many are made at
	// once. What comes meanwhile is written together, so that many acts do not overload an API server that is slow already.
	writeEvery          = 100 * time.Millisecond
	maxConcurrentWrites = 6
	// writeTimeout bounds a write.
	writeTimeout = 5 * time.Second
	// firstTook is how long a record is expected to take before there was one.
	firstTook = 500 * time.Millisecond
)

// ErrFull is the error of an answer that cannot be recorded because the integration owes too many.
var ErrFull = errors.New("too many answers are owed")

// Book records answers. It is safe for concurrent use.
type Book struct {
	client client.Client
	mu     sync.Mutex
	queues map[types.NamespacedName]*queue
	// took is how long a change takes: as long as the slowest of the last ones, which count less and less.
	took time.Duration
}

// queue has the writes of an integration.
type queue struct {
	// next has the changes of the next write; nil if there are none.
	next *write
	// running counts the writes under way, of which the last began at began.
	running int
	began   time.Time
}

// write is a write of annotations.
type write struct {
	annotations map[string]any
	// done is closed once it ended with err.
	done chan struct{}
	err  error
}

// NewBook returns a Book.
func NewBook(c client.Client) *Book {
	return &Book{client: c, queues: map[types.NamespacedName]*queue{}, took: firstTook}
}

// Takes returns how long recording an answer is expected to take.
func (b *Book) Takes() time.Duration {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.took
}

// measure records how long a change took.
func (b *Book) measure(took time.Duration) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.took = max(took, b.took*3/4)
}

// Record records an answer of an integration, by an ID that is the same when it is recorded again. After an error other than
// ErrFull it may have been recorded.
func (b *Book) Record(ctx context.Context, i *v1alpha1.SlackIntegration, id string, a Answer) error {
	if count(i) >= maxOwed {
		return ErrFull
	}
	raw, err := json.Marshal(a)
	if err != nil {
		return err
	}
	return b.set(ctx, client.ObjectKeyFromObject(i), key(id), string(raw))
}

// Remove removes the record of an answer that was given.
func (b *Book) Remove(ctx context.Context, i *v1alpha1.SlackIntegration, id string) error {
	return b.set(ctx, client.ObjectKeyFromObject(i), key(id), nil)
}

// set sets an annotation of an integration, or removes it, together with others that wait.
func (b *Book) set(ctx context.Context, name types.NamespacedName, annotation string, value any) error {
	began := time.Now()
	w := b.add(name, annotation, value)
	defer func() { b.measure(time.Since(began)) }()
	select {
	case <-w.done:
		return w.err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// add adds a change to the next write of an integration, and starts that if not too many are under way.
func (b *Book) add(name types.NamespacedName, annotation string, value any) *write {
	b.mu.Lock()
	defer b.mu.Unlock()
	q := b.queues[name]
	if q == nil {
		q = &queue{}
		b.queues[name] = q
	}
	if q.next == nil {
		q.next = &write{annotations: map[string]any{}, done: make(chan struct{})}
	}
	q.next.annotations[annotation] = value
	if q.running < maxConcurrentWrites {
		q.running++
		go b.run(name, q)
	}
	return q.next
}

// run makes the writes of an integration until none are left.
func (b *Book) run(name types.NamespacedName, q *queue) {
	for {
		w, wait := b.take(name, q)
		switch {
		case wait > 0:
			time.Sleep(wait)
		case w == nil:
			return
		default:
			w.err = b.patch(name, w.annotations)
			close(w.done)
		}
	}
}

// take returns the next write of an integration, or how long to wait for it; nil if there is none.
func (b *Book) take(name types.NamespacedName, q *queue) (w *write, wait time.Duration) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if q.next == nil {
		if q.running--; q.running == 0 {
			delete(b.queues, name)
		}
		return nil, 0
	}
	if wait := writeEvery - time.Since(q.began); wait > 0 {
		return nil, wait
	}
	w = q.next
	q.next = nil
	q.began = time.Now()
	return w, 0
}

// patch sets annotations of an integration, and removes those that are nil. It does not end with a request: others have
// changes in it, too.
func (b *Book) patch(name types.NamespacedName, annotations map[string]any) error {
	patch, err := json.Marshal(map[string]any{"metadata": map[string]any{"annotations": annotations}})
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), writeTimeout)
	defer cancel()
	o := &v1alpha1.SlackIntegration{}
	o.Namespace = name.Namespace
	o.Name = name.Name
	err = b.client.Patch(ctx, o, client.RawPatch(types.MergePatchType, patch), action.FieldOwner)
	if client.IgnoreNotFound(err) != nil {
		return fmt.Errorf("recording answers on SlackIntegration %s: %w", name, err)
	}
	return nil
}
