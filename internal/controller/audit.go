package controller

import (
	"context"
	"slices"
	"strings"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/voiceai-dev/integrations-operator/api/v1alpha1"
	"github.com/voiceai-dev/integrations-operator/internal/ticket"
)

// auditEvery is which query of an integration looks for some of its tickets, instead of asking what changed.
const auditEvery = 5

// audit looks for some of the tickets that are open, the next ones each time, with one query however many there are. Of a ticket that was deleted
// Jira says nothing when it is asked what changed, and a webhook may be missed. A ticket that is not found may have lost its label, or moved to
// where the query does not see it: its Defect is told to read it.
//
// It says whether there was anything to look for.
func (r *JiraIntegrationReconciler) audit(ctx context.Context, i *v1alpha1.JiraIntegration, c JiraClient, q *queries) (bool, error) {
	name, now := client.ObjectKeyFromObject(i), r.Clock.Now()
	followed := &v1alpha1.DefectList{}
	if err := r.Client.List(ctx, followed, client.MatchingFields{IntegrationIndex: name.String()}, client.UnsafeDisableDeepCopy); err != nil {
		return false, err
	}
	part := nextToAudit(followed.Items, q.after, now.Add(-settle(i)-margin))
	if len(part) == 0 {
		return false, nil
	}
	markers := make([]string, len(part))
	for at, d := range part {
		markers[at] = d.Marker()
	}
	found, err := c.Find(ctx, markers, 0)
	if err != nil {
		return true, err
	}
	for _, d := range part {
		t, ok := found[d.Marker()]
		if !ok {
			key := client.ObjectKeyFromObject(d)
			r.PendingUpdates.AddDoubt(key, d.UID, now)
			r.EnqueueDefect(key)
		} else if err := r.updateDefects(ctx, name, t); err != nil {
			return true, err
		}
	}
	q.after = client.ObjectKeyFromObject(part[len(part)-1]).String()
	return true, nil
}

// nextToAudit are the Defects with an open ticket that come after one, by name, and after the last one the first. Tickets made after a time are
// left out: Jira's search may not show them yet.
func nextToAudit(all []v1alpha1.Defect, after string, before time.Time) []*v1alpha1.Defect {
	var open []*v1alpha1.Defect
	for i := range all {
		d := &all[i]
		j := d.Status.Jira
		if j.MissingSince == nil && j.StatusCategory != "done" && j.CreatedTime != nil && j.CreatedTime.Time.Before(before) {
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
