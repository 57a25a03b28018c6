package integration

import (
	"context"
	"slices"
	"strings"
	"time"

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
	filed := &v1alpha1.DefectList{}
	err := r.Client.List(
		ctx,
		filed,
		client.MatchingFields{index.DefectByJiraIntegration: name.String()},
		client.UnsafeDisableDeepCopy,
	)
	if err != nil {
		return false, err
	}
	part := nextToAudit(filed.Items, state.auditedTo, now.Add(-once.SettleTime(i.Spec.SettleSeconds, r.CallTimeout)-once.Margin))
	if len(part) == 0 {
		return false, nil
	}
	markers := make([]string, len(part))
	for at, d := range part {
		markers[at] = d.TicketMarker()
	}
	found, err := c.Find(ctx, markers, 0)
	if err != nil {
		return true, err
	}
	for _, d := range part {
		t, ok := found[d.TicketMarker()]
		if !ok {
			key := client.ObjectKeyFromObject(d)
			r.PendingUpdates.AddDoubt(key, d.UID, now)
			r.EnqueueDefect(key)
		} else if err := r.enqueueDefects(ctx, i, t); err != nil {
			return true, err
		}
	}
	state.auditedTo = client.ObjectKeyFromObject(part[len(part)-1]).String()
	return true, nil
}

// nextToAudit returns the Defects with an open ticket that come after one by name, and after the last one the first.
// It leaves out tickets filed after a time: Jira's search may not show them yet.
func nextToAudit(all []v1alpha1.Defect, after string, filedBefore time.Time) []*v1alpha1.Defect {
	var open []*v1alpha1.Defect
	for i := range all {
		d := &all[i]
		j := d.Status.Jira
		if j.MissingSince == nil && j.StatusCategory != "done" && j.CreatedTime != nil && j.CreatedTime.Time.Before(filedBefore) {
			open = append(open, d)
		}
	}
	slices.SortFunc(open, func(a, b *v1alpha1.Defect) int {
		return strings.Compare(client.ObjectKeyFromObject(a).String(), client.ObjectKeyFromObject(b).String())
	})
	from, _ := slices.BinarySearchFunc(open, after+"\x00", func(d *v1alpha1.Defect, after string) int {
		return strings.Compare(client.ObjectKeyFromObject(d).String(), after)
	})
	if from == len(open) {
		from = 0
	}
	return open[from:min(len(open), from+ticket.MaxMarkers)]
}
