// SPDX-License-Identifier: Apache-2.0

package index

import (
	"encoding/json"
	"fmt"

	"sigs.k8s.io/controller-runtime/pkg/client"
)

// inQueues is how many bytes an object takes in the queues of the cache and of a controller when the operator starts.
const inQueues = 400

// MemoryOf returns about how many bytes of memory a Defect or Notification takes in the cache, by the length of its JSON.
func MemoryOf(o client.Object) (int, error) {
	strip(o)
	raw, err := json.Marshal(o)
	if err != nil {
		return 0, fmt.Errorf("encoding %s: %w", client.ObjectKeyFromObject(o), err)
	}
	if isAtRest(o) {
		return len(raw)*3/5 + inQueues, nil
	}
	return len(raw)*3/2 + inQueues, nil
}
