// SPDX-License-Identifier: Apache-2.0

package index

import (
	"context"
	"reflect"
	"slices"

	"sigs.k8s.io/controller-runtime/pkg/client"
)

// Reader reads whole objects of a cache: one that the cache holds cut is read from the API server. Lists have such objects as
// the cache holds them.
type Reader struct {
	client.Reader
	// Live reads from the API server.
	Live client.Reader
}

// Get returns an object. With AsCached it may be cut.
func (r Reader) Get(ctx context.Context, key client.ObjectKey, o client.Object, opts ...client.GetOption) error {
	if err := r.Reader.Get(ctx, key, o, opts...); err != nil || !IsCut(o) || slices.Contains(opts, AsCached) {
		return err
	}
	kind := o.GetObjectKind().GroupVersionKind()
	reflect.ValueOf(o).Elem().SetZero() // decoding leaves fields that an answer does not have
	o.GetObjectKind().SetGroupVersionKind(kind)
	if err := r.Live.Get(ctx, key, o); err != nil {
		return err
	}
	stripMeta(o)
	return nil
}

// AsCached is an option of Get for those who need no more of an object than lists have.
var AsCached client.GetOption = asCached{}

type asCached struct{}

// ApplyToGet changes nothing: only a Reader knows the option.
func (asCached) ApplyToGet(*client.GetOptions) {}
