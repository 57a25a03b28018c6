// SPDX-License-Identifier: Apache-2.0

package packed

import (
	"errors"
	"hash/fnv"
	"slices"
	"strconv"
	"strings"
	"sync"

	toolscache "k8s.io/client-go/tools/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// buckets is the number of values of an index in the informer's store. One value per name would take more memory for
// ten thousand names than the objects do.
const buckets = 2048

// A tag says that an index finds an object by a value: the number of the index and a hash of the value. Objects
// without the tag of a value need not be unpacked to see that they do not have it.
type tag struct {
	index uint32
	hash  uint32
}

// bucket returns the value of the index in the informer's store.
func (t tag) bucket() string { return strconv.Itoa(int(t.hash % buckets)) }

// hashOf returns the hash of a value of an index. The cache of controller-runtime indexes each value twice: as
// <namespace>/<value>, and for all namespaces. Both have the same hash, and so take the memory of one.
func hashOf(value string) uint32 {
	if _, after, ok := strings.Cut(value, "/"); ok {
		value = after
	}
	h := fnv.New32a()
	_, _ = h.Write([]byte(value))
	return h.Sum32()
}

// indexes are those of an informer. They have as many values as there are buckets: finding an object compares values.
type indexes struct {
	mu      sync.RWMutex
	numbers map[string]uint32
	all     []toolscache.IndexFunc
	inUse   bool // objects were indexed
}

// add adds indexes of objects. It returns what the informer's store is to index by.
func (x *indexes) add(in toolscache.Indexers) (toolscache.Indexers, error) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.inUse {
		return nil, errors.New("an index cannot be added to an informer that has objects")
	}
	if x.numbers == nil {
		x.numbers = map[string]uint32{}
	}
	out := toolscache.Indexers{}
	for name, values := range in {
		number := uint32(len(x.all))
		x.numbers[name] = number
		x.all = append(x.all, values)
		out[name] = func(o any) ([]string, error) { return x.bucketsOf(number, o) }
	}
	return out, nil
}

// bucketsOf returns the buckets of an object in an index.
func (x *indexes) bucketsOf(number uint32, o any) ([]string, error) {
	var out []string
	if p, ok := o.(packed); ok {
		for _, t := range x.tagsOf(p) {
			if t.index == number && !slices.Contains(out, t.bucket()) {
				out = append(out, t.bucket())
			}
		}
		return out, nil
	}
	values, err := x.function(number)(o)
	for _, v := range values {
		if b := (tag{hash: hashOf(v)}).bucket(); !slices.Contains(out, b) {
			out = append(out, b)
		}
	}
	return out, err
}

func (x *indexes) function(number uint32) toolscache.IndexFunc {
	x.mu.RLock()
	defer x.mu.RUnlock()
	return x.all[number]
}

// tagsOf returns the tags of a packed object.
func (x *indexes) tagsOf(p packed) []tag {
	return p.tags(func(o client.Object) []tag {
		x.mu.Lock()
		x.inUse = true
		all := x.all
		x.mu.Unlock()
		out := []tag{}
		for number, values := range all {
			of, err := values(o)
			if err != nil {
				continue // as if it had no value; those of controller-runtime return no error
			}
			for _, v := range of {
				if t := (tag{uint32(number), hashOf(v)}); !slices.Contains(out, t) {
					out = append(out, t)
				}
			}
		}
		return slices.Clip(out)
	})
}

// find returns those objects, among the ones of a bucket, that an index finds by a value.
func (x *indexes) find(name, value string, among []any) ([]any, error) {
	x.mu.RLock()
	wanted := tag{x.numbers[name], hashOf(value)}
	values := x.all[wanted.index]
	x.mu.RUnlock()
	var out []any
	for _, o := range among {
		if p, ok := o.(packed); ok && !slices.Contains(x.tagsOf(p), wanted) {
			continue
		}
		o = Unpack(o)
		of, err := values(o)
		if err != nil {
			return nil, err
		}
		if slices.Contains(of, value) {
			out = append(out, o)
		}
	}
	return out, nil
}
