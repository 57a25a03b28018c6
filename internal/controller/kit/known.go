// SPDX-License-Identifier: Apache-2.0

package kit

import (
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/lru"

	"github.com/voiceai-dev/integrations-operator/internal/ticket"
)

// maxKnownTickets is how many tickets are remembered whose Defects may be created again.
const maxKnownTickets = 16_384

// KnownTickets remembers tickets whose Defects may be created again: of Defects that were deleted, and those that an
// integration read when it was first used. It is safe for use by several goroutines; the zero value is ready for use.
type KnownTickets struct {
	once sync.Once
	lru  *lru.Cache
	// left has the tickets of Defects that were deleted, by FindingKey.
	left *lru.Cache
	// read has the site from which the tickets of an integration were read.
	read sync.Map
}

// MarkRead records that the tickets of an integration were read from a site.
func (k *KnownTickets) MarkRead(integration types.NamespacedName, site string) {
	k.read.Store(integration, site)
}

// IsRead reports whether this process has read the tickets of an integration from a site: those that are not known do not
// exist, or were done long ago.
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

func (k *KnownTickets) init() {
	k.once.Do(func() {
		k.lru = lru.New(maxKnownTickets)
		k.left = lru.New(maxKnownTickets)
	})
}

func (k *KnownTickets) cache() *lru.Cache {
	k.init()
	return k.lru
}

// KnownTicket is what is remembered of a ticket whose Defect may be created again. There may be many.
type KnownTicket struct {
	ID, Key, URL   string
	StatusCategory string
	Created        time.Time
	// DeletedAt is when this process saw its Defect deleted. It is zero when the ticket was read from Jira.
	DeletedAt time.Time
}

// Known returns what is remembered of a ticket.
func Known(t ticket.Ticket) KnownTicket {
	return KnownTicket{ID: t.ID, Key: t.Key, URL: t.URL, StatusCategory: t.StatusCategory, Created: t.Created}
}

// GivesWayTo reports whether another ticket, which was read from Jira too, is rather that of the finding.
func (k KnownTicket) GivesWayTo(t ticket.Ticket) bool {
	return k.DeletedAt.IsZero() && t.IsLaterThan(ticket.Ticket{StatusCategory: k.StatusCategory, Created: k.Created})
}

// Put remembers a ticket.
func (k *KnownTickets) Put(key TicketKey, t KnownTicket) { k.cache().Add(key, t) }

// Get returns the ticket of a finding, if it is remembered.
func (k *KnownTickets) Get(key TicketKey) (KnownTicket, bool) {
	if t, ok := k.cache().Get(key); ok {
		return t.(KnownTicket), true
	}
	return KnownTicket{}, false
}

// FindingKey identifies a finding in any namespace whose tickets are at a site.
type FindingKey struct{ Site, Finding string }

// LeftTicket is the ticket of a Defect that was deleted, perhaps because it was moved to another namespace.
type LeftTicket struct {
	KnownTicket
	Defect types.NamespacedName
}

// Leave remembers the ticket that a Defect left.
func (k *KnownTickets) Leave(key FindingKey, t LeftTicket) {
	k.init()
	k.left.Add(key, t)
}

// Left returns the ticket that a Defect left, if it is remembered.
func (k *KnownTickets) Left(key FindingKey) (LeftTicket, bool) {
	k.init()
	if t, ok := k.left.Get(key); ok {
		return t.(LeftTicket), true
	}
	return LeftTicket{}, false
}

// Take forgets the ticket that a Defect left: another Defect has it, or links to it.
func (k *KnownTickets) Take(key FindingKey, ticketID string) {
	if left, ok := k.Left(key); ok && left.ID == ticketID {
		k.left.Remove(key)
	}
}
