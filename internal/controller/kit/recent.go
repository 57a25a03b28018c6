// SPDX-License-Identifier: Apache-2.0

package kit

import (
	"crypto/sha256"
	"strings"
)

// digest identifies what has some texts in common.
type digest [16]byte

// digestOf returns the digest of texts without NUL.
func digestOf(texts ...string) digest {
	sum := sha256.Sum256([]byte(strings.Join(texts, "\x00")))
	return digest(sum[:len(digest{})])
}

// recent keeps the latest values by the digests of their keys. It allocates its memory when it is made, so that it does not
// grow with what it has seen.
type recent[V any] struct {
	at    map[digest]int32
	slots []slot[V]
	next  int32
}

type slot[V any] struct {
	key   digest
	used  bool
	value V
}

func newRecent[V any](size int) *recent[V] {
	return &recent[V]{at: make(map[digest]int32, size), slots: make([]slot[V], size)}
}

func (r *recent[V]) get(key digest) (value V, ok bool) {
	i, ok := r.at[key]
	if !ok {
		return value, false
	}
	return r.slots[i].value, true
}

// put keeps a value as the latest one. It returns the key of the value that had to make room, if one had to.
func (r *recent[V]) put(key digest, value V) (dropped digest, full bool) {
	r.remove(key)
	old := r.slots[r.next]
	if old.used {
		delete(r.at, old.key)
	}
	r.slots[r.next] = slot[V]{key: key, used: true, value: value}
	r.at[key] = r.next
	r.next = (r.next + 1) % int32(len(r.slots))
	return old.key, old.used
}

func (r *recent[V]) remove(key digest) {
	if i, ok := r.at[key]; ok {
		r.slots[i] = slot[V]{}
		delete(r.at, key)
	}
}
