// SPDX-License-Identifier: Apache-2.0

package kit

import (
	"sync"
	"time"

	"github.com/bits-and-blooms/bloom/v3"
	"k8s.io/apimachinery/pkg/types"

	"github.com/voiceai-dev/integrations-operator/internal/ticket"
)

const (
	// maxKnownTickets is how many tickets are remembered whose Defects may be created again.
	maxKnownTickets = 4096
	// maxLeftTickets is how many of these are linked to those of Defects in other namespaces.
	maxLeftTickets = 1024
	// maxForgotten is how many more findings are known to have a ticket, which is not remembered, until the share of other
	// findings that are taken for one of them exceeds falseMatches.
	maxForgotten = 200_000
	falseMatches = 0.001
)

// KnownTickets remembers tickets whose Defects may be created again: of Defects that were deleted, and those that an
// integration read when it was first used. Of older ones it only knows that they may exist. Its memory does not grow. It is
// safe for use by several goroutines; the zero value is ready for use.
type KnownTickets struct {
	once    sync.Once
	mu      sync.Mutex
	tickets *recent[KnownTicket]
	// forgotten has the TicketKeys of tickets that made room for others. It has none that it does not find.
	forgotten *bloom.BloomFilter
	// left has the tickets of Defects that were deleted, by FindingKey.
	left *recent[LeftTicket]
	// read has the site from which the tickets of an integration were read.
	read sync.Map
}

// lock locks k, which is made at first use, and returns what unlocks it.
func (k *KnownTickets) lock() (unlock func()) {
	k.once.Do(func() {
		k.tickets = newRecent[KnownTicket](maxKnownTickets)
		k.left = newRecent[LeftTicket](maxLeftTickets)
		k.forgotten = bloom.NewWithEstimates(maxForgotten, falseMatches)
	})
	k.mu.Lock()
	return k.mu.Unlock
}

// MarkRead records that the tickets of an integration were read from a site.
func (k *KnownTickets) MarkRead(integration types.NamespacedName, site string) {
	k.read.Store(integration, site)
}

// IsRead reports whether this process has read the tickets of an integration from a site.
func (k *KnownTickets) IsRead(integration types.NamespacedName, site string) bool {
	from, ok := k.read.Load(integration)
	return ok && from == site
}

// Forget drops that the tickets of an integration were read.
func (k *KnownTickets) Forget(integration types.NamespacedName) { k.read.Delete(integration) }

// TicketKey identifies the ticket of a finding.
type TicketKey struct {
	Integration types.NamespacedName
	// Site is spec.apiURL of the integration.
	Site string
	// Identity is that of the Defect.
	Identity string
}

func (k TicketKey) digest() digest { return digestOf(k.Integration.String(), k.Site, k.Identity) }

// KnownTicket is what is remembered of a ticket whose Defect may be created again. There may be many.
type KnownTicket struct {
	// ID is empty for one that was perhaps created, by a call in doubt.
	ID string
	// UncertainSince is when that call was made.
	UncertainSince time.Time

	Done    bool
	Created time.Time
	// DeletedAt is when this process saw its Defect deleted. It is zero when the ticket was read from Jira.
	DeletedAt time.Time
}

// Known returns what is remembered of a ticket.
func Known(t ticket.Ticket) KnownTicket {
	return KnownTicket{ID: t.ID, Done: t.IsDone(), Created: t.Created}
}

// GivesWayTo reports whether another ticket, which was read from Jira too, is rather that of the finding.
func (k KnownTicket) GivesWayTo(t ticket.Ticket) bool {
	if k.ID == "" {
		return true
	}
	if !k.DeletedAt.IsZero() {
		return false
	}
	if k.Done != t.IsDone() {
		return k.Done
	}
	return t.Created.After(k.Created)
}

// Put remembers a ticket.
func (k *KnownTickets) Put(key TicketKey, t KnownTicket) {
	defer k.lock()()
	if dropped, full := k.tickets.put(key.digest(), t); full {
		k.forgotten.Add(dropped[:])
	}
}

// Get returns the ticket of a finding, if it is remembered.
func (k *KnownTickets) Get(key TicketKey) (KnownTicket, bool) {
	defer k.lock()()
	return k.tickets.get(key.digest())
}

// KnowsWhether reports whether this process knows whether a finding has a ticket: a former one that Get does not return does
// not exist then, or was done long ago.
func (k *KnownTickets) KnowsWhether(key TicketKey) bool {
	if !k.IsRead(key.Integration, key.Site) {
		return false
	}
	defer k.lock()()
	id := key.digest()
	t, remembered := k.tickets.get(id)
	if remembered {
		return t.ID != ""
	}
	return !k.forgotten.Test(id[:])
}

// FindingKey identifies a finding in any namespace whose tickets are at a site.
type FindingKey struct{ Site, Finding string }

func (k FindingKey) digest() digest { return digestOf(k.Site, k.Finding) }

// LeftTicket is the ticket of a Defect that was deleted, perhaps because it was moved to another namespace.
type LeftTicket struct {
	// ID is that of the ticket, Namespace that of the Defect.
	ID, Namespace string
	DeletedAt     time.Time
}

// Leave remembers the ticket that a Defect left.
func (k *KnownTickets) Leave(key FindingKey, t LeftTicket) {
	defer k.lock()()
	k.left.put(key.digest(), t)
}

// Left returns the ticket that a Defect left, if it is remembered.
func (k *KnownTickets) Left(key FindingKey) (LeftTicket, bool) {
	defer k.lock()()
	return k.left.get(key.digest())
}

// Take forgets the ticket that a Defect left: another Defect has it, or links to it.
func (k *KnownTickets) Take(key FindingKey, ticketID string) {
	defer k.lock()()
	if left, ok := k.left.get(key.digest()); ok && left.ID == ticketID {
		k.left.remove(key.digest())
	}
}
