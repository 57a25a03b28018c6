// SPDX-License-Identifier: Apache-2.0

package kit

import (
	"fmt"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/types"

	"github.com/voiceai-dev/integrations-operator/internal/ticket"
)

const site = "https://jira.example.com"

var integration = types.NamespacedName{Namespace: "a", Name: "jira"}

func keyOf(k int) TicketKey {
	return TicketKey{Integration: integration, Site: site, Identity: fmt.Sprint(k)}
}

// TestEveryTicketIsKnownToExist checks that no ticket is taken for one that does not exist, however many there are, and that
// few findings without a ticket are taken for one with a ticket.
func TestEveryTicketIsKnownToExist(t *testing.T) {
	const tickets = 50_000
	k := &KnownTickets{}
	if k.KnowsWhether(keyOf(0)) {
		t.Error("known before the tickets were read")
	}
	k.MarkRead(integration, site)
	for i := range tickets {
		k.Put(keyOf(i), KnownTicket{ID: fmt.Sprint(i)})
	}
	remembered := 0
	for i := range tickets {
		switch found, ok := k.Get(keyOf(i)); {
		case ok && found.ID != fmt.Sprint(i):
			t.Fatalf("ticket %d is %s", i, found.ID)
		case ok:
			remembered++
		case k.KnowsWhether(keyOf(i)):
			t.Fatalf("ticket %d of %d is taken for one that does not exist", i, tickets)
		}
	}
	if _, latest := k.Get(keyOf(tickets - 1)); remembered != maxKnownTickets || !latest {
		t.Errorf("%d tickets are remembered, want the latest %d", remembered, maxKnownTickets)
	}
	unknown := 0
	for i := range tickets {
		if !k.KnowsWhether(keyOf(tickets + i)) {
			unknown++
		}
	}
	if unknown > tickets/500 {
		t.Errorf("%d of %d findings without a ticket are looked up", unknown, tickets)
	}
}

func TestLatestTicketOfAFinding(t *testing.T) {
	k := &KnownTickets{}
	k.Put(keyOf(1), KnownTicket{ID: "first"})
	for i := range maxKnownTickets - 1 {
		k.Put(keyOf(2+i), KnownTicket{ID: "other"})
	}
	k.Put(keyOf(1), KnownTicket{ID: "second"})
	k.Put(keyOf(0), KnownTicket{ID: "other"})
	if found, _ := k.Get(keyOf(1)); found.ID != "second" {
		t.Errorf("the ticket is %q", found.ID)
	}
}

func TestGivesWayTo(t *testing.T) {
	now := time.Now()
	open := ticket.Ticket{ID: "1", Created: now}
	done := ticket.Ticket{ID: "1", Created: now, StatusCategory: ticket.CategoryDone}
	deleted := Known(done)
	deleted.DeletedAt = now
	for name, c := range map[string]struct {
		known KnownTicket
		other ticket.Ticket
		want  bool
	}{
		"an open one":                {Known(done), open, true},
		"one that is done":           {Known(open), done, false},
		"a later one":                {Known(open), ticket.Ticket{Created: now.Add(1)}, true},
		"the same":                   {Known(open), open, false},
		"when a Defect had it":       {deleted, open, false},
		"one that was perhaps made":  {KnownTicket{UncertainSince: now, DeletedAt: now}, open, true},
		"a later one, but both done": {Known(done), ticket.Ticket{Created: now.Add(1), StatusCategory: ticket.CategoryDone}, true},
	} {
		if got := c.known.GivesWayTo(c.other); got != c.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}

func TestLeftTickets(t *testing.T) {
	k := &KnownTickets{}
	key := FindingKey{Site: site, Finding: "f"}
	k.Leave(key, LeftTicket{ID: "1", Namespace: "a"})
	k.Take(key, "2")
	if left, ok := k.Left(key); !ok || left.ID != "1" {
		t.Errorf("%+v, %v: another ticket was taken", left, ok)
	}
	k.Take(key, "1")
	if left, ok := k.Left(key); ok {
		t.Errorf("%+v was taken", left)
	}
	for i := range 3 * maxLeftTickets {
		k.Leave(FindingKey{Site: site, Finding: fmt.Sprint(i)}, LeftTicket{ID: fmt.Sprint(i)})
	}
	if len(k.left.at) != maxLeftTickets {
		t.Errorf("%d are remembered", len(k.left.at))
	}
}
