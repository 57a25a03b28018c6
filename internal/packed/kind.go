// SPDX-License-Identifier: Apache-2.0

package packed

import (
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"weak"

	"github.com/klauspost/compress/s2"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// samples is how many objects of a kind make its dictionary. They are not packed themselves.
const samples = 8

// Kind packs the objects of a kind. What an object has in common with the first ones takes next to no memory.
type Kind[T any, P interface {
	*T
	client.Object
}] struct {
	// Clean is called with each object that is unpacked, before anything else sees it.
	Clean func(P)

	mu    sync.Mutex
	first []byte // the first objects
	seen  int
	dict  *s2.Dict
}

// Pack returns a packed object that stands for another one, which must not be changed any more. It returns the object
// itself if that has no JSON, or is one of the first.
func (k *Kind[T, P]) Pack(in P) any {
	raw, err := json.Marshal(in)
	if err != nil {
		return in
	}
	dict := k.dictionary(raw)
	if dict == nil {
		return in
	}
	// One text has the names and the data, because each allocation takes memory of its own.
	parts := []string{in.GetNamespace(), in.GetName(), in.GetResourceVersion(), string(dict.Encode(nil, raw))}
	rest := strings.Join(parts, "")
	next := func(n int) (part string) { part, rest = rest[:n], rest[n:]; return part }
	return &object[T, P]{
		kind:  k,
		names: names{next(len(parts[0])), next(len(parts[1])), next(len(parts[2]))},
		data:  rest,
		last:  weak.Make((*T)(in)),
	}
}

// dictionary returns the dictionary, and nil as long as it takes samples.
func (k *Kind[T, P]) dictionary(sample []byte) *s2.Dict {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.dict == nil {
		k.first = append(k.first, sample...)
		if k.seen++; k.seen >= samples {
			k.dict = s2.MakeDict(k.first, nil)
			k.first = nil
		}
		return nil
	}
	return k.dict
}

// decode returns the object with the given data.
func (k *Kind[T, P]) decode(data string) P {
	out := P(new(T))
	raw, err := k.dict.Decode(nil, []byte(data))
	if err == nil {
		err = json.Unmarshal(raw, out)
	}
	if err != nil {
		panic(fmt.Sprintf("memory is corrupt: unpacking a %T: %v", out, err)) // Pack made the data
	}
	k.Clean(out)
	return out
}
