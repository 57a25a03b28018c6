// SPDX-License-Identifier: Apache-2.0

// Package snapshot keeps rows of what a cache holds, in order. Listing through a cache copies every object each time.
package snapshot

import (
	"cmp"
	"context"
	"fmt"
	"iter"
	"slices"
	"sync"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	toolscache "k8s.io/client-go/tools/cache"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// Row is what a collection holds of an object.
type Row interface {
	GetNamespace() string
	GetName() string
	GetResourceVersion() string
	GetCreationTimestamp() metav1.Time
}

// Collection holds rows of the objects of a kind, newest first. The rows and slices that it returns are shared: they
// must not be changed. It is safe for use by several goroutines.
type Collection[T client.Object, R Row] struct {
	keep  func(T) bool // nil keeps all
	rowOf func(T) R

	mu      sync.Mutex
	items   map[types.NamespacedName]R
	sorted  []R    // newest first; nil before it is first used
	shared  bool   // sorted was returned: a change is made to a copy of it
	version uint64 // the number of changes
}

// Objects is a Collection that holds the objects themselves.
type Objects[T client.Object] = Collection[T, T]

// NewObjects returns an empty collection of the objects that keep accepts; of all when it is nil.
func NewObjects[T client.Object](keep func(T) bool) *Objects[T] {
	return &Objects[T]{keep: keep, rowOf: func(o T) T { return o }, items: map[types.NamespacedName]T{}}
}

// NewRows returns an empty collection of rows.
func NewRows[T client.Object, R Row](rowOf func(T) R) *Collection[T, R] {
	return &Collection[T, R]{rowOf: rowOf, items: map[types.NamespacedName]R{}}
}

// Follow keeps the collection in sync with a cache until ctx ends. It returns when the collection holds what the cache
// does. It calls changed after each change.
func (c *Collection[T, R]) Follow(ctx context.Context, from cache.Cache, example T, changed func(T)) error {
	informer, err := from.GetInformer(ctx, example)
	if err != nil {
		return fmt.Errorf("following %T: %w", example, err)
	}
	apply := func(change func(T) bool) func(any) {
		return func(o any) {
			if t, ok := o.(toolscache.DeletedFinalStateUnknown); ok {
				o = t.Obj
			}
			if item, ok := o.(T); ok && change(item) {
				changed(item)
			}
		}
	}
	put := apply(c.Put)
	registration, err := informer.AddEventHandler(toolscache.ResourceEventHandlerFuncs{
		AddFunc:    put,
		UpdateFunc: func(_, o any) { put(o) },
		DeleteFunc: apply(c.Delete),
	})
	if err != nil {
		return fmt.Errorf("following %T: %w", example, err)
	}
	if !toolscache.WaitForCacheSync(ctx.Done(), registration.HasSynced) {
		return fmt.Errorf("following %T: %w", example, ctx.Err())
	}
	return nil
}

// Put adds or replaces an object, and reports whether anything changed.
func (c *Collection[T, R]) Put(item T) bool {
	if c.keep != nil && !c.keep(item) {
		return c.Delete(item)
	}
	key := client.ObjectKeyFromObject(item)
	c.mu.Lock()
	defer c.mu.Unlock()
	before, known := c.items[key]
	if known && before.GetResourceVersion() == item.GetResourceVersion() {
		return false
	}
	row := c.rowOf(item)
	c.items[key] = row
	c.version++
	if c.sorted == nil {
		return true
	}
	c.unshare()
	if known && newer(before, row) == 0 {
		c.sorted[c.position(before)] = row
		return true
	}
	if known {
		c.unsort(before)
	}
	c.sorted = slices.Insert(c.sorted, c.position(row), row)
	return true
}

// Delete removes an object, and reports whether it was there.
func (c *Collection[T, R]) Delete(item T) bool {
	key := client.ObjectKeyFromObject(item)
	c.mu.Lock()
	defer c.mu.Unlock()
	before, known := c.items[key]
	if !known {
		return false
	}
	delete(c.items, key)
	c.version++
	if c.sorted != nil {
		c.unshare()
		c.unsort(before)
	}
	return true
}

// unshare copies sorted if it was returned to a caller. Copying the order of ten thousand objects takes a hundredth
// of the time that sorting them takes.
func (c *Collection[T, R]) unshare() {
	if c.shared {
		c.sorted = slices.Clone(c.sorted)
		c.shared = false
	}
}

func (c *Collection[T, R]) position(row R) int {
	at, _ := slices.BinarySearchFunc(c.sorted, row, newer[R])
	return at
}

func (c *Collection[T, R]) unsort(row R) {
	at := c.position(row)
	c.sorted = slices.Delete(c.sorted, at, at+1)
}

// newer orders the newest objects first, and those of the same time by name.
func newer[R Row](a, b R) int {
	return cmp.Or(
		b.GetCreationTimestamp().Compare(a.GetCreationTimestamp().Time),
		cmp.Compare(a.GetNamespace(), b.GetNamespace()),
		cmp.Compare(a.GetName(), b.GetName()),
	)
}

// Version returns a number that grows with each change.
func (c *Collection[T, R]) Version() uint64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.version
}

// Get returns the row of an object, if it exists.
func (c *Collection[T, R]) Get(key types.NamespacedName) (R, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	item, ok := c.items[key]
	return item, ok
}

// All iterates over the rows, in no order. The collection is locked meanwhile: the loop must be quick, and must
// not use this collection.
func (c *Collection[T, R]) All() iter.Seq[R] {
	return func(yield func(R) bool) {
		c.mu.Lock()
		defer c.mu.Unlock()
		for _, item := range c.items {
			if !yield(item) {
				return
			}
		}
	}
}

// Newest returns the rows of all objects, the newest first.
func (c *Collection[T, R]) Newest() []R {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.sorted == nil {
		sorted := make([]R, 0, len(c.items))
		for _, item := range c.items {
			sorted = append(sorted, item)
		}
		slices.SortFunc(sorted, newer[R])
		c.sorted = sorted
	}
	c.shared = true
	return c.sorted
}

// In returns the rows of a namespace, the newest first; of all namespaces when it is empty.
func (c *Collection[T, R]) In(namespace string) []R {
	all := c.Newest()
	if namespace == "" {
		return all
	}
	out := make([]R, 0, len(all))
	for _, item := range all {
		if item.GetNamespace() == namespace {
			out = append(out, item)
		}
	}
	return out
}

// AddNamespaces adds the namespaces of the objects to a set.
func (c *Collection[T, R]) AddNamespaces(set map[string]struct{}) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for key := range c.items {
		set[key.Namespace] = struct{}{}
	}
}
