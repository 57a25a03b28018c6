// SPDX-License-Identifier: Apache-2.0

// Package gate bounds the probes and polls of integrations, so that those of one namespace leave workers to the others.
package gate

import (
	"slices"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/types"
)

const (
	// maxProbes is how many probes and polls are made at once for one namespace, a small part of the workers.
	maxProbes = 8
	// maxFailingProbes is how many of these may be for integrations whose last probe failed: others do not wait behind
	// servers that do not answer.
	maxFailingProbes = 4
	// maxForSecond is how many probes and polls of all namespaces there may be for a namespace to begin a second one, half
	// of the workers: the first one of each namespace finds a worker, however many have servers that do not answer.
	maxForSecond = 32
	// Delay is how soon an integration that waits for others of its namespace is reconciled again at the latest.
	Delay = 15 * time.Second
)

// Gate bounds the probes and polls that are made at once for each namespace, so that a namespace with many servers that
// do not answer leaves workers to the others. An integration that has to wait does not keep a worker. The zero value is
// ready for use.
type Gate struct {
	mu         sync.Mutex
	namespaces map[string]*queue
	// running counts the probes and polls of all namespaces.
	running int
	// turns counts the turns that were given to namespaces.
	turns uint64
}

// queue is what the gate holds of one namespace.
type queue struct {
	running, failing int
	// lastTurn is the number of the last turn that oneOfAnother gave to the namespace.
	lastTurn uint64
	// waiting are the integrations that have to wait, the first one next.
	waiting []types.NamespacedName
}

// Enter reports whether an integration may call the other side now, and returns what it calls when it is done. isFailing
// is set if its last probe failed. An integration that has to wait is enqueued when its turn comes.
func (g *Gate) Enter(name types.NamespacedName, isFailing bool, enqueue func(types.NamespacedName)) (leave func(), ok bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.namespaces == nil {
		g.namespaces = map[string]*queue{}
	}
	q := g.namespaces[name.Namespace]
	if q == nil {
		q = &queue{}
		g.namespaces[name.Namespace] = q
	}
	if q.running >= maxProbes || isFailing && q.failing >= maxFailingProbes || q.running > 0 && g.running >= maxForSecond {
		if !slices.Contains(q.waiting, name) {
			q.waiting = append(q.waiting, name)
		}
		return nil, false
	}
	q.drop(name)
	g.running++
	q.running++
	if isFailing {
		q.failing++
	}
	return sync.OnceFunc(func() {
		g.mu.Lock()
		g.running--
		q.running--
		if isFailing {
			q.failing--
		}
		woken := q.next()
		if g.running < maxForSecond {
			woken = append(woken, g.oneOfAnother(q)...)
		}
		g.release(name.Namespace)
		g.mu.Unlock()
		for _, next := range woken {
			enqueue(next)
		}
	}), true
}

// oneOfAnother returns an integration of another namespace that waits: of the one whose last turn is the longest ago. The
// caller holds mu.
func (g *Gate) oneOfAnother(than *queue) []types.NamespacedName {
	var next *queue
	for _, q := range g.namespaces {
		if q != than && len(q.waiting) > 0 && (next == nil || q.lastTurn < next.lastTurn) {
			next = q
		}
	}
	if next == nil {
		return nil
	}
	g.turns++
	next.lastTurn = g.turns
	turn := next.waiting[0]
	next.waiting = append(next.waiting[1:], turn)
	return []types.NamespacedName{turn}
}

// next returns the integrations whose turn it is, and puts them last, in case they do not enter: one that fails may have
// to go on waiting where another can enter.
func (q *queue) next() []types.NamespacedName {
	turns := slices.Clone(q.waiting[:min(maxFailingProbes+1, len(q.waiting))])
	q.waiting = append(q.waiting[len(turns):], turns...)
	return turns
}

// Forget drops an integration that was deleted.
func (g *Gate) Forget(name types.NamespacedName) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if q := g.namespaces[name.Namespace]; q != nil {
		q.drop(name)
		g.release(name.Namespace)
	}
}

func (q *queue) drop(name types.NamespacedName) {
	q.waiting = slices.DeleteFunc(q.waiting, func(other types.NamespacedName) bool { return other == name })
}

// release drops a namespace for which nothing runs or waits. The caller holds mu.
func (g *Gate) release(namespace string) {
	if q := g.namespaces[namespace]; q != nil && q.running == 0 && len(q.waiting) == 0 {
		delete(g.namespaces, namespace)
	}
}
