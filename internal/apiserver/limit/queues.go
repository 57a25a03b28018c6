// SPDX-License-Identifier: Apache-2.0

package limit

import (
	"sync"
	"sync/atomic"
)

// queues let a number of requests of each source through at once.
type queues struct {
	size int

	mu  sync.Mutex
	all map[string]*queue
}

// queue is the requests of one source: slots has those that were let through.
type queue struct {
	slots chan struct{}
	total atomic.Int32
}

func newQueues(size int) queues { return queues{size: size, all: map[string]*queue{}} }

// join adds a request to the queue of a source until it leaves.
func (q *queues) join(source string) *queue {
	q.mu.Lock()
	defer q.mu.Unlock()
	of := q.all[source]
	if of == nil {
		of = &queue{slots: make(chan struct{}, q.size)}
		q.all[source] = of
	}
	of.total.Add(1)
	return of
}

// leave removes a request from the queue of a source.
func (q *queues) leave(source string, of *queue) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if of.total.Add(-1) == 0 {
		delete(q.all, source)
	}
}
