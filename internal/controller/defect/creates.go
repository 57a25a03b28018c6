// SPDX-License-Identifier: Apache-2.0

package defect

import (
	"sync"

	"k8s.io/apimachinery/pkg/types"

	"github.com/voiceai-dev/integrations-operator/internal/controller/kit"
)

// creates has the calls that file tickets, and what they filed that no status shows yet. A Defect may be deleted while its
// call is under way, and one that is created again gets the ticket. The zero value is ready for use.
type creates struct {
	mu sync.Mutex
	// underway has the findings whose calls are under way.
	underway map[kit.TicketKey]struct{}
	// filed has what was filed, or perhaps was, and no status shows yet, by Defect.
	filed map[types.UID]filedTicket
}

// filedTicket is the ticket of a finding.
type filedTicket struct {
	finding kit.TicketKey
	ticket  kit.KnownTicket
}

// begin begins a call about a finding. It reports whether no other one is under way.
func (c *creates) begin(finding kit.TicketKey) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.underway == nil {
		c.underway = map[kit.TicketKey]struct{}{}
		c.filed = map[types.UID]filedTicket{}
	}
	if _, ok := c.underway[finding]; ok {
		return false
	}
	c.underway[finding] = struct{}{}
	return true
}

// end ends the call about a finding.
func (c *creates) end(finding kit.TicketKey) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.underway, finding)
}

// keep keeps the ticket of a Defect until it is taken.
func (c *creates) keep(defect types.UID, t filedTicket) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.filed[defect] = t
}

// take returns the ticket of a Defect, and drops it. It reports whether there is one.
func (c *creates) take(defect types.UID) (filedTicket, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	t, ok := c.filed[defect]
	delete(c.filed, defect)
	return t, ok
}
