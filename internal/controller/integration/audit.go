// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"context"
	"slices"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/voiceai-dev/integrations-operator/api/v1alpha1"
	"github.com/voiceai-dev/integrations-operator/internal/connection"
	"github.com/voiceai-dev/integrations-operator/internal/index"
	"github.com/voiceai-dev/integrations-operator/internal/once"
	"github.com/voiceai-dev/integrations-operator/internal/ticket"
)

// defaultAuditEvery is which query of an integration is an audit.
const defaultAuditEvery = 5

// audit looks up some of the open tickets, the next ones each time, with one query however many there are. Jira does
// not report a deleted ticket as changed, and a webhook may be missed. A ticket that is not found may have lost its
// label, or moved to where the query does not see it: its Defect reads it. audit reports whether there was anything
// to look up.
func (r *JiraReconciler) audit(
	ctx context.Context,
	i *v1alpha1.JiraIntegration,
	c connection.JiraClient,
	state *pollState,
) (bool, error) {
	name := client.ObjectKeyFromObject(i)
	now := r.Clock.Now()
	var open []openTicket
	filedBefore := now.Add(-once.SettleTime(i.Spec.SettleSeconds, r.CallTimeout) - once.Margin)
	if err := index.EachTicketed(ctx, r.Client, name, func(d *v1alpha1.Defect) bool {
		if isOpen(d.Status.Jira, filedBefore) {
			open = append(open, openTicket{client.ObjectKeyFromObject(d), d.UID, d.TicketMarker(), d.Status.Jira.ID})
		}
		return true
	}); err != nil {
		return false, err
	}
	part := nextToAudit(open, state.auditedTo)
	if len(part) == 0 {
		return false, nil
	}
	markers := make([]string, len(part))
	for at, t := range part {
		markers[at] = t.marker
	}
	found, err := c.Find(ctx, markers, 0)
	if err != nil {
		return true, err
	}
	for _, o := range part {
		t, ok := found[o.marker]
		if !ok || t.ID != o.id { // what is found is a copy of it
			r.PendingUpdates.AddDoubt(o.defect, o.uid, now)
			r.EnqueueDefect(o.defect)
		} else if err := r.enqueueDefects(ctx, i, t); err != nil {
			return true, err
		}
	}
	state.auditedTo = part[len(part)-1].defect.String()
	return true, nil
}

// openTicket is an open ticket of a Defect. It is much smaller than the Defect.
type openTicket struct {
	defect types.NamespacedName
	uid    types.UID
	marker string
	id     string
}

// isOpen reports whether a ticket is open and was filed before a time: Jira's search may not show later ones yet.
func isOpen(t *v1alpha1.DefectTicket, filedBefore time.Time) bool {
	return t.MissingSince == nil && t.StatusCategory != "done" && t.CreatedTime != nil && t.CreatedTime.Time.Before(filedBefore)
}

// nextToAudit sorts open tickets by their Defects' names and returns those that come after one, and after the last one
// the first.
func nextToAudit(open []openTicket, after string) []openTicket {
	slices.SortFunc(open, func(a, b openTicket) int { return strings.Compare(a.defect.String(), b.defect.String()) })
	from, _ := slices.BinarySearchFunc(open, after+"\x00", func(t openTicket, after string) int {
		return strings.Compare(t.defect.String(), after)
	})
	if from == len(open) {
		from = 0
	}
	return open[from:min(len(open), from+ticket.MaxMarkers)]
}
