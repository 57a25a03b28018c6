// SPDX-License-Identifier: Apache-2.0

// Package packed keeps objects of the cache compressed while nothing happens to them. An object that waits for nothing
// is read seldom, and takes a fraction of the memory as compressed JSON.
//
// A transform of the cache packs objects, see Kind.Pack. NewInformer makes informers that unpack them again, so that
// nothing else knows of it.
package packed

import (
	"sync"
	"weak"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// A packed object stands for another one. The informer and its store see it, and nothing else.
type packed interface {
	// unpack returns the object. It is shared: callers must not change it.
	unpack() client.Object
	// tags returns what the object is indexed by, see tag. set sets it if it is not known.
	tags(set func(client.Object) []tag) []tag
}

// object is a packed object.
type object[T any, P interface {
	*T
	client.Object
}] struct {
	kind *Kind[T, P]
	// names has the namespace, name and resource version, which informers read often.
	names names
	data  string

	mu      sync.Mutex
	indexed []tag
	// last is the object that was unpacked last, as long as it is in use.
	last weak.Pointer[T]
}

// names identifies an object and its version.
type names struct{ namespace, name, resourceVersion string }

// GetObjectMeta returns the metadata that informers read: the namespace, the name and the resource version.
func (o *object[T, P]) GetObjectMeta() metav1.Object {
	return &metav1.ObjectMeta{Namespace: o.names.namespace, Name: o.names.name, ResourceVersion: o.names.resourceVersion}
}

func (o *object[T, P]) unpack() client.Object {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.unpackLocked()
}

func (o *object[T, P]) unpackLocked() client.Object {
	if last := o.last.Value(); last != nil {
		return P(last)
	}
	out := o.kind.decode(o.data)
	o.last = weak.Make((*T)(out))
	return out
}

func (o *object[T, P]) tags(set func(client.Object) []tag) []tag {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.indexed == nil {
		o.indexed = set(o.unpackLocked())
	}
	return o.indexed
}

// Unpack returns the object that a packed one stands for, and everything else as it is. The object is shared: callers
// must not change it.
func Unpack(in any) any {
	if p, ok := in.(packed); ok {
		return p.unpack()
	}
	return in
}
