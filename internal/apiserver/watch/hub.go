// SPDX-License-Identifier: Apache-2.0

// Package watch notifies watchers of the REST API that objects of a kind have changed.
package watch

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"encoding/base64"
	"encoding/binary"
	"net/http"
	"slices"
	"sync"

	"github.com/voiceai-dev/integrations-operator/internal/apiserver/problem"
)

// maxWatchers bounds the watchers, and maxWatchersPerCaller those of one caller.
const (
	maxWatchers          = 512
	maxWatchersPerCaller = 16
)

// maxPlaces bounds the places whose last change is known.
const maxPlaces = 4096

// Hub notifies watchers. It is safe for use by several goroutines.
type Hub struct {
	// positions encrypts positions, so that only this process can read them. The number of changes shows how much
	// happens in namespaces that a caller may not see.
	positions cipher.AEAD

	mu       sync.Mutex
	watchers map[*Watcher]struct{}
	// changes counts the changes, and last has the number of the last one at each place.
	changes uint64
	last    map[place]uint64
	// forgotten is the number of the last change at a place of which nothing is known any more.
	forgotten uint64
}

// place is where objects change. All namespaces together are a place too, with an empty namespace.
type place struct{ kind, namespace string }

// NewHub returns a Hub without watchers.
func NewHub() *Hub {
	key := make([]byte, 32)
	_, _ = rand.Read(key) // never fails
	block, err := aes.NewCipher(key)
	if err != nil {
		panic(err) // the key has the wrong length
	}
	positions, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		panic(err) // it is AES
	}
	return &Hub{positions: positions, watchers: map[*Watcher]struct{}{}, last: map[place]uint64{}}
}

// Position returns the present position in the stream of changes. A client that reads an object afterwards, and then
// watches from this position, misses no change of it.
func (h *Hub) Position() string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.position()
}

func (h *Hub) position() string {
	plain := binary.BigEndian.AppendUint64(nil, h.changes)
	return base64.RawURLEncoding.EncodeToString(h.positions.Seal(nil, nil, plain, nil))
}

// parse returns the number of changes at a position. ok is false when it is none of this process.
func (h *Hub) parse(position string) (changes uint64, ok bool) {
	sealed, err := base64.RawURLEncoding.DecodeString(position)
	if err != nil {
		return 0, false
	}
	plain, err := h.positions.Open(nil, nil, sealed, nil)
	if err != nil || len(plain) != 8 {
		return 0, false
	}
	return binary.BigEndian.Uint64(plain), true
}

// Watcher watches some kinds in a namespace.
type Watcher struct {
	// Caller is the name of the caller, Namespace is empty for all, and Kinds are in the order in which Pending
	// returns them.
	Caller, Namespace string
	Kinds             []string

	wake    chan struct{}
	changed map[string]struct{} // guarded by the hub
}

// Wake returns a channel that has an element when there are pending kinds.
func (w *Watcher) Wake() <-chan struct{} { return w.wake }

// Join adds a watcher, unless there are too many. It must leave.
func (h *Hub) Join(caller, namespace string, kinds ...string) (*Watcher, error) {
	w := &Watcher{
		Caller: caller, Namespace: namespace, Kinds: kinds, wake: make(chan struct{}, 1), changed: map[string]struct{}{},
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	own := 0
	for other := range h.watchers {
		if other.Caller == caller {
			own++
		}
	}
	if own >= maxWatchersPerCaller {
		return nil, problem.Temporary(http.StatusTooManyRequests, 5, "you watch changes %d times already; close one", own)
	}
	if len(h.watchers) >= maxWatchers {
		return nil, problem.Temporary(http.StatusServiceUnavailable, 30, "too many clients watch changes; try again later")
	}
	h.watchers[w] = struct{}{}
	return w, nil
}

// Leave removes a watcher.
func (h *Hub) Leave(w *Watcher) {
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.watchers, w)
}

// Resume notifies a watcher of the kinds that changed after a position: of all its kinds when the position is none of
// this process, or too old.
func (h *Hub) Resume(w *Watcher, position string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	seen, ok := h.parse(position)
	for _, kind := range w.Kinds {
		if !ok || seen < h.forgotten || h.last[place{kind, w.Namespace}] > seen {
			w.add(kind)
		}
	}
}

// Notify notifies the watchers of a change of an object. It never blocks.
func (h *Hub) Notify(kind, namespace string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.last) >= maxPlaces { // such as of namespaces that were deleted
		clear(h.last)
		h.forgotten = h.changes
	}
	h.changes++
	h.last[place{kind, namespace}] = h.changes
	h.last[place{kind: kind}] = h.changes
	for w := range h.watchers {
		if (w.Namespace == "" || w.Namespace == namespace) && slices.Contains(w.Kinds, kind) {
			w.add(kind)
		}
	}
}

// add adds a pending kind. The hub is locked.
func (w *Watcher) add(kind string) {
	w.changed[kind] = struct{}{}
	select {
	case w.wake <- struct{}{}:
	default:
	}
}

// Pending returns the kinds that changed since the last call, and the position after these changes.
func (h *Hub) Pending(w *Watcher) (kinds []string, position string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, kind := range w.Kinds {
		if _, ok := w.changed[kind]; ok {
			kinds = append(kinds, kind)
		}
	}
	clear(w.changed)
	return kinds, h.position()
}
