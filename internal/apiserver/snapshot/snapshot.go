// SPDX-License-Identifier: Apache-2.0

// Package snapshot keeps what a cache holds in order, without copying it. Listing through a cache copies every object
// each time.
package snapshot

import (
	"cmp"
	"context"
	"fmt"
	"iter"
	"slices"
	"sync"

	"k8s.io/apimachinery/pkg/types"
	toolscache "k8s.io/client-go/tools/cache"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// Collection holds the objects of a kind, newest first. The objects and slices that it returns are shared: they must
// not be changed. It is safe for use by several goroutines.
type Collection[T client.Object] struct {
	keep func(T) bool // nil keeps all

	mu      sync.Mutex
	items   map[types.NamespacedName]T
	sorted  []T    // newest first; nil before it is first used
	shared  bool   // sorted was returned: a change is made to a copy of it
	version uint64 // the number of changes
}

// New returns an empty Collection of the objects that keep accepts; of all when it is nil.
func New[T client.Object](keep func(T) bool) *Collection[T] {
	return &Collection[T]{keep: keep, items: map[types.NamespacedName]T{}}
}

// Follow keeps the collection in sync with a cache until ctx ends. It returns when the collection holds what the cache
// does. It calls changed after each change.
func (c *Collection[T]) Follow(ctx context.Context, from cache.Cache, example T, changed func(T)) error {
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
func (c *Collection[T]) Put(item T) bool {
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
	c.items[key] = item
	c.version++
	if c.sorted == nil {
		return true
	}
	c.unshare()
	if known && newer(before, item) == 0 {
		c.sorted[c.position(before)] = item
		return true
	}
	if known {
		c.unsort(before)
	}
	c.sorted = slices.Insert(c.sorted, c.position(item), item)
	return true
}

// Delete removes an object, and reports whether it was there.
func (c *Collection[T]) Delete(item T) bool {
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
func (c *Collection[T]) unshare() {
	if c.shared {
		c.sorted = slices.Clone(c.sorted)
		c.shared = false
	}
}

func (c *Collection[T]) position(item T) int {
	at, _ := slices.BinarySearchFunc(c.sorted, item, newer[T])
	return at
}

func (c *Collection[T]) unsort(item T) {
	at := c.position(item)
	c.sorted = slices.Delete(c.sorted, at, at+1)
}

// newer orders the newest objects first, and those of the same time by name.
func newer[T client.Object](a, b T) int {
	return cmp.Or(
		b.GetCreationTimestamp().Compare(a.GetCreationTimestamp().Time),
		cmp.Compare(a.GetNamespace(), b.GetNamespace()),
		cmp.Compare(a.GetName(), b.GetName()),
	)
}

// Version returns a number that grows with each change.
func (c *Collection[T]) Version() uint64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.version
}

// Get returns an object, if it exists.
func (c *Collection[T]) Get(key types.NamespacedName) (T, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	item, ok := c.items[key]
	return item, ok
}

// All iterates over the objects, in no order. The collection is locked meanwhile: the loop must be quick, and must
// not use this collection.
func (c *Collection[T]) All() iter.Seq[T] {
	return func(yield func(T) bool) {
		c.mu.Lock()
		defer c.mu.Unlock()
		for _, item := range c.items {
			if !yield(item) {
				return
			}
		}
	}
}

// Newest returns all objects, the newest first.
func (c *Collection[T]) Newest() []T {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.sorted == nil {
		sorted := make([]T, 0, len(c.items))
		for _, item := range c.items {
			sorted = append(sorted, item)
		}
		slices.SortFunc(sorted, newer[T])
		c.sorted = sorted
	}
	c.shared = true
	return c.sorted
}

// In returns the objects of a namespace, the newest first; of all namespaces when it is empty.
func (c *Collection[T]) In(namespace string) []T {
	all := c.Newest()
	if namespace == "" {
		return all
	}
	out := make([]T, 0, len(all))
	for _, item := range all {
		if item.GetNamespace() == namespace {
			out = append(out, item)
		}
	}
	return out
}

// AddNamespaces adds the namespaces of the objects to a set.
func (c *Collection[T]) AddNamespaces(set map[string]struct{}) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for key := range c.items {
		set[key.Namespace] = struct{}{}
	}
}
