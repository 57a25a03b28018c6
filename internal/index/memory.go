// SPDX-License-Identifier: Apache-2.0

package index

import (
	"encoding/json"
	"fmt"

	toolscache "k8s.io/client-go/tools/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// inQueues is how many bytes an object takes in the queues of the cache and of a controller when the operator starts.
const inQueues = 400

// A Keeping is a way in which the cache keeps objects.
type Keeping int

const (
	// Packed is the way of PackForCache.
	Packed Keeping = iota
	// Stripped is the way of StripForCache.
	Stripped
)

// Transform returns the transform of the cache.
func (k Keeping) Transform() toolscache.TransformFunc {
	if k == Packed {
		return PackForCache
	}
	return StripForCache
}

// MemoryOf returns about how many bytes of memory a Defect or Notification takes, by the length of its JSON.
func MemoryOf(o client.Object, keeping Keeping) (int, error) {
	o.SetManagedFields(nil)
	raw, err := json.Marshal(o)
	if err != nil {
		return 0, fmt.Errorf("encoding %s: %w", client.ObjectKeyFromObject(o), err)
	}
	if keeping == Packed && isAtRest(o) {
		return len(raw)*3/5 + inQueues, nil
	}
	return len(raw)*3/2 + inQueues, nil
}
