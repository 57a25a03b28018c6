package kit

import (
	"sync"

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
}

// TicketKey identifies the ticket of a finding.
type TicketKey struct {
	Integration types.NamespacedName
	// Site is spec.apiURL of the integration.
	Site string
	// Identity is that of the Defect.
	Identity string
}

func (k *KnownTickets) cache() *lru.Cache {
	k.once.Do(func() { k.lru = lru.New(maxKnownTickets) })
	return k.lru
}

// Put remembers a ticket.
func (k *KnownTickets) Put(key TicketKey, t ticket.Ticket) { k.cache().Add(key, t) }

// Get returns the ticket of a finding, if it is remembered.
func (k *KnownTickets) Get(key TicketKey) (ticket.Ticket, bool) {
	if t, ok := k.cache().Get(key); ok {
		return t.(ticket.Ticket), true
	}
	return ticket.Ticket{}, false
}
