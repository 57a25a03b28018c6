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
	mu      sync.Mutex
	tickets map[types.NamespacedName]pendingUpdate
	doubts  map[types.NamespacedName]doubt
}

type pendingUpdate struct {
	uid    types.UID
	ticket ticket.Ticket
}

// doubt is that a ticket was not found where it should be, and when.
type doubt struct {
	uid types.UID
	at  time.Time
}

// Put records what a poll found of a Defect's ticket.
func (p *PendingUpdates) Put(d types.NamespacedName, uid types.UID, t ticket.Ticket) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.tickets == nil {
		p.tickets = map[types.NamespacedName]pendingUpdate{}
	}
	p.tickets[d] = pendingUpdate{uid, t}
}

// Get returns what was found of a Defect's ticket, if anything.
func (p *PendingUpdates) Get(d types.NamespacedName, uid types.UID) (ticket.Ticket, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	found, ok := p.tickets[d]
	return found.ticket, ok && found.uid == uid
}

// Drop forgets what was found of a Defect's ticket.
func (p *PendingUpdates) Drop(d types.NamespacedName) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.tickets, d)
}

// AddDoubt records that a Defect's ticket was not found where it should be.
func (p *PendingUpdates) AddDoubt(d types.NamespacedName, uid types.UID, at time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.doubts == nil {
		p.doubts = map[types.NamespacedName]doubt{}
	}
	p.doubts[d] = doubt{uid, at}
}

// DoubtedAt returns when a Defect's ticket was not found, if it has not been read since.
func (p *PendingUpdates) DoubtedAt(d types.NamespacedName, uid types.UID) (time.Time, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	found, ok := p.doubts[d]
	return found.at, ok && found.uid == uid
}

// ResolveDoubt records that a ticket was read of which there was a doubt.
func (p *PendingUpdates) ResolveDoubt(d types.NamespacedName) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.doubts, d)
}
