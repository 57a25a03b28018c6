// SPDX-License-Identifier: Apache-2.0

package packed

import (
	"fmt"
	"time"

	"k8s.io/apimachinery/pkg/runtime"
	toolscache "k8s.io/client-go/tools/cache"
)

// NewInformer returns an informer that holds packed objects, and shows them unpacked.
func NewInformer(
	from toolscache.ListerWatcher, example runtime.Object, resync time.Duration, by toolscache.Indexers,
) toolscache.SharedIndexInformer {
	x := &indexes{}
	compact, err := x.add(by)
	if err != nil {
		panic(err) // it has no objects yet
	}
	return &informer{toolscache.NewSharedIndexInformer(from, example, resync, compact), x}
}

type informer struct {
	toolscache.SharedIndexInformer
	indexes *indexes
}

// AddEventHandler adds a handler of unpacked objects.
func (i *informer) AddEventHandler(h toolscache.ResourceEventHandler) (toolscache.ResourceEventHandlerRegistration, error) {
	return i.SharedIndexInformer.AddEventHandler(handler{h})
}

// AddEventHandlerWithResyncPeriod adds a handler of unpacked objects.
func (i *informer) AddEventHandlerWithResyncPeriod(
	h toolscache.ResourceEventHandler, resync time.Duration,
) (toolscache.ResourceEventHandlerRegistration, error) {
	return i.SharedIndexInformer.AddEventHandlerWithResyncPeriod(handler{h}, resync)
}

// AddEventHandlerWithOptions adds a handler of unpacked objects.
func (i *informer) AddEventHandlerWithOptions(
	h toolscache.ResourceEventHandler, o toolscache.HandlerOptions,
) (toolscache.ResourceEventHandlerRegistration, error) {
	return i.SharedIndexInformer.AddEventHandlerWithOptions(handler{h}, o)
}

// SetTransform sets a transform, which may pack objects. What a packed object is indexed by is computed while the object
// is at hand.
func (i *informer) SetTransform(transform toolscache.TransformFunc) error {
	return i.SharedIndexInformer.SetTransform(func(in any) (any, error) {
		if _, ok := in.(packed); ok {
			return in, nil // a list of what was transformed
		}
		out, err := transform(in)
		if p, ok := out.(packed); ok {
			i.indexes.tagsOf(p)
		}
		return out, err
	})
}

// AddIndexers adds indexes of unpacked objects, before the informer has any.
func (i *informer) AddIndexers(by toolscache.Indexers) error {
	compact, err := i.indexes.add(by)
	if err != nil {
		return err
	}
	return i.SharedIndexInformer.AddIndexers(compact)
}

// GetStore returns the objects.
func (i *informer) GetStore() toolscache.Store { return i.GetIndexer() }

// GetIndexer returns the objects.
func (i *informer) GetIndexer() toolscache.Indexer {
	return indexer{i.SharedIndexInformer.GetIndexer(), i.indexes}
}

// handler unpacks the objects of events.
type handler struct {
	toolscache.ResourceEventHandler
}

// OnAdd passes on a new object, unpacked.
func (h handler) OnAdd(o any, isInInitialList bool) {
	h.ResourceEventHandler.OnAdd(Unpack(o), isInInitialList)
}

// OnUpdate passes on an object that changed, unpacked.
func (h handler) OnUpdate(before, after any) {
	h.ResourceEventHandler.OnUpdate(Unpack(before), Unpack(after))
}

// OnDelete passes on a deleted object, unpacked.
func (h handler) OnDelete(o any) {
	if unknown, ok := o.(toolscache.DeletedFinalStateUnknown); ok {
		unknown.Obj = Unpack(unknown.Obj)
		o = unknown
	}
	h.ResourceEventHandler.OnDelete(Unpack(o))
}

// indexer shows the objects of an informer's store unpacked. Only the informer changes them.
type indexer struct {
	toolscache.Indexer
	indexes *indexes
}

// List returns all objects.
func (i indexer) List() []any { return unpackAll(i.Indexer.List()) }

// Get returns the object with the key of another one.
func (i indexer) Get(o any) (item any, exists bool, err error) {
	item, exists, err = i.Indexer.Get(o)
	return Unpack(item), exists, err
}

// GetByKey returns an object.
func (i indexer) GetByKey(key string) (item any, exists bool, err error) {
	item, exists, err = i.Indexer.GetByKey(key)
	return Unpack(item), exists, err
}

// Index returns the objects that have a value of an index in common with another one.
func (i indexer) Index(name string, o any) ([]any, error) {
	by, ok := i.GetIndexers()[name]
	if !ok {
		return nil, fmt.Errorf("there is no index %s", name)
	}
	values, err := by(Unpack(o))
	var out []any
	for _, v := range values {
		found, err := i.ByIndex(name, v)
		if err != nil {
			return nil, err
		}
		out = append(out, found...)
	}
	return out, err
}

// ByIndex returns the objects that an index finds by a value.
func (i indexer) ByIndex(name, value string) ([]any, error) {
	among, err := i.Indexer.ByIndex(name, (tag{hash: hashOf(value)}).bucket())
	if err != nil {
		return nil, err
	}
	return i.indexes.find(name, value, among)
}

// IndexKeys returns the keys of the objects that an index finds by a value.
func (i indexer) IndexKeys(name, value string) ([]string, error) {
	found, err := i.ByIndex(name, value)
	if err != nil {
		return nil, err
	}
	out := make([]string, len(found))
	for k, o := range found {
		if out[k], err = toolscache.MetaNamespaceKeyFunc(o); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// GetIndexers returns the indexes of unpacked objects.
func (i indexer) GetIndexers() toolscache.Indexers {
	i.indexes.mu.RLock()
	defer i.indexes.mu.RUnlock()
	out := toolscache.Indexers{}
	for name, number := range i.indexes.numbers {
		out[name] = i.indexes.all[number]
	}
	return out
}

// AddIndexers adds indexes of unpacked objects, before the informer has any.
func (i indexer) AddIndexers(by toolscache.Indexers) error {
	compact, err := i.indexes.add(by)
	if err != nil {
		return err
	}
	return i.Indexer.AddIndexers(compact)
}

func unpackAll(in []any) []any {
	for i := range in {
		in[i] = Unpack(in[i])
	}
	return in
}
