// SPDX-License-Identifier: Apache-2.0

package kit

import (
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/types"

	"github.com/voiceai-dev/integrations-operator/internal/ticket"
)

// PendingUpdates holds what polls found about tickets until the status of their Defects shows it. It is safe for use
// by several goroutines; the zero value is ready for use.
type PendingUpdates struct {
	tickets perDefect[ticket.Ticket]
	// doubts has when a ticket was not found where it should be.
	doubts perDefect[time.Time]
}

// Put records what a poll found of a Defect's ticket.
func (p *PendingUpdates) Put(d types.NamespacedName, uid types.UID, t ticket.Ticket) {
	p.tickets.put(d, uid, t)
}

// Get returns what was found of a Defect's ticket, if anything.
func (p *PendingUpdates) Get(d types.NamespacedName, uid types.UID) (ticket.Ticket, bool) {
	return p.tickets.get(d, uid)
}

// Drop forgets what was found of a Defect's ticket.
func (p *PendingUpdates) Drop(d types.NamespacedName) { p.tickets.drop(d) }

// AddDoubt records that a Defect's ticket was not found where it should be.
func (p *PendingUpdates) AddDoubt(d types.NamespacedName, uid types.UID, at time.Time) {
	p.doubts.put(d, uid, at)
}

// DoubtedAt returns when a Defect's ticket was not found, if it has not been read since.
func (p *PendingUpdates) DoubtedAt(d types.NamespacedName, uid types.UID) (time.Time, bool) {
	return p.doubts.get(d, uid)
}

// ResolveDoubt records that a ticket was read of which there was a doubt.
func (p *PendingUpdates) ResolveDoubt(d types.NamespacedName) { p.doubts.drop(d) }

// perDefect holds a value for each of some Defects.
type perDefect[T any] struct {
	mu     sync.Mutex
	values map[types.NamespacedName]ofDefect[T]
}

// ofDefect is a value for the Defect with a UID.
type ofDefect[T any] struct {
	uid   types.UID
	value T
}

func (p *perDefect[T]) put(d types.NamespacedName, uid types.UID, value T) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.values == nil {
		p.values = map[types.NamespacedName]ofDefect[T]{}
	}
	p.values[d] = ofDefect[T]{uid, value}
}

// get returns the value for a Defect, unless it is for another Defect of its name.
func (p *perDefect[T]) get(d types.NamespacedName, uid types.UID) (T, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	found, ok := p.values[d]
	return found.value, ok && found.uid == uid
}

func (p *perDefect[T]) drop(d types.NamespacedName) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.values, d)
}
