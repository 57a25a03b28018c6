package apiserver

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

// shelf is what a cache holds of a kind, newest first. Listing through the cache copies every object each time; from the shelf, ten thousand are
// looked through without copying one. What it hands out is shared: nobody may change it.
type shelf[T client.Object] struct {
	keep func(T) bool // nil keeps all

	mu      sync.Mutex
	items   map[types.NamespacedName]T
	sorted  []T    // newest first, once somebody has asked
	shared  bool   // sorted was handed out: it is not changed any more, but its copy
	changes uint64 // how often anything changed
}

func newShelf[T client.Object](keep func(T) bool) *shelf[T] {
	return &shelf[T]{keep: keep, items: map[types.NamespacedName]T{}}
}

// fill has the shelf follow a cache, and tells of each change.
func (s *shelf[T]) fill(ctx context.Context, from cache.Cache, example T, changed func(T)) error {
	informer, err := from.GetInformer(ctx, example)
	if err != nil {
		return fmt.Errorf("following %T: %w", example, err)
	}
	handle := func(o any, gone bool) {
		if t, ok := o.(toolscache.DeletedFinalStateUnknown); ok {
			o = t.Obj
		}
		if item, ok := o.(T); ok && s.put(item, gone) {
			changed(item)
		}
	}
	registration, err := informer.AddEventHandler(toolscache.ResourceEventHandlerFuncs{
		AddFunc:    func(o any) { handle(o, false) },
		UpdateFunc: func(_, o any) { handle(o, false) },
		DeleteFunc: func(o any) { handle(o, true) },
	})
	if err != nil {
		return fmt.Errorf("following %T: %w", example, err)
	}
	if !toolscache.WaitForCacheSync(ctx.Done(), registration.HasSynced) {
		return fmt.Errorf("following %T: %w", example, ctx.Err())
	}
	return nil
}

// put takes an object in, or out, and says whether anything changed by it.
func (s *shelf[T]) put(item T, gone bool) bool {
	gone = gone || s.keep != nil && !s.keep(item)
	key := client.ObjectKeyFromObject(item)
	s.mu.Lock()
	defer s.mu.Unlock()
	was, known := s.items[key]
	switch {
	case gone && !known, known && !gone && was.GetResourceVersion() == item.GetResourceVersion():
		return false
	case gone:
		delete(s.items, key)
	default:
		s.items[key] = item
	}
	if s.sorted != nil {
		s.sortIn(was, known, item, gone)
	}
	s.changes++
	return true
}

// sortIn keeps sorted in order when an object is put in place of another, which is known when there was one, or is gone. To sort ten thousand again
// takes a hundred times as long as to copy where they are.
func (s *shelf[T]) sortIn(was T, known bool, item T, gone bool) {
	if s.shared {
		s.sorted, s.shared = slices.Clone(s.sorted), false
	}
	if known {
		at, _ := slices.BinarySearchFunc(s.sorted, was, newer[T])
		if !gone && newer(was, item) == 0 {
			s.sorted[at] = item
			return
		}
		s.sorted = slices.Delete(s.sorted, at, at+1)
	}
	if !gone {
		at, _ := slices.BinarySearchFunc(s.sorted, item, newer[T])
		s.sorted = slices.Insert(s.sorted, at, item)
	}
}

// newer orders the newest first, and those of one moment by name.
func newer[T client.Object](a, b T) int {
	return cmp.Or(b.GetCreationTimestamp().Compare(a.GetCreationTimestamp().Time), cmp.Compare(a.GetNamespace(), b.GetNamespace()), cmp.Compare(a.GetName(), b.GetName()))
}

// version is another one after each change, and never an earlier one again.
func (s *shelf[T]) version() uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.changes
}

// get is one object, if it is there.
func (s *shelf[T]) get(key types.NamespacedName) (T, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	item, ok := s.items[key]
	return item, ok
}

// each goes through all objects, in no order. Nothing can be put on the shelf meanwhile: what is done to each must be quick, and not ask this shelf.
func (s *shelf[T]) each() iter.Seq[T] {
	return func(yield func(T) bool) {
		s.mu.Lock()
		defer s.mu.Unlock()
		for _, item := range s.items {
			if !yield(item) {
				return
			}
		}
	}
}

// newest are all objects, the newest first.
func (s *shelf[T]) newest() []T {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.sorted == nil {
		sorted := make([]T, 0, len(s.items))
		for _, item := range s.items {
			sorted = append(sorted, item)
		}
		slices.SortFunc(sorted, newer[T])
		s.sorted = sorted
	}
	s.shared = true
	return s.sorted
}

// in are those of a namespace, newest first; of every namespace when it is empty.
func (s *shelf[T]) in(namespace string) []T {
	all := s.newest()
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

// namespaces adds those that have something on the shelf.
func (s *shelf[T]) namespaces(to map[string]struct{}) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for key := range s.items {
		to[key.Namespace] = struct{}{}
	}
}
