package controller

import (
	"context"
	"slices"
	"strings"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/voiceai-dev/integrations-operator/api/v1alpha1"
	"github.com/voiceai-dev/integrations-operator/internal/ticket"
)

// auditEvery is with each which poll some of an integration's tickets are looked for.
const auditEvery = 5

// audits are where an integration's audit is.
type audits struct {
	mu  sync.Mutex
	all map[types.NamespacedName]audit
}

type audit struct {
	next time.Time
	// after is the last Defect that was looked at, as namespace/name.
	after string
}

// due says whether an integration's next part is to be looked at, and after which Defect. The first one is not at once: a start costs no calls.
func (a *audits) due(integration types.NamespacedName, now time.Time, interval time.Duration) (after string, ok bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.all == nil {
		a.all = map[types.NamespacedName]audit{}
	}
	at, known := a.all[integration]
	ok = known && !now.Before(at.next)
	if !known || ok {
		a.all[integration] = audit{now.Add(interval), at.after}
	}
	return at.after, ok
}

func (a *audits) looked(integration types.NamespacedName, last string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	at := a.all[integration]
	at.after = last
	a.all[integration] = at
}

func (a *audits) forget(integration types.NamespacedName) {
	a.mu.Lock()
	defer a.mu.Unlock()
	delete(a.all, integration)
}

// audit looks for some of the tickets that are open, the next ones each time, with one query however many there are. Of a ticket that was deleted
// Jira says nothing when it is asked what changed, and a webhook may be missed. A ticket that is not found may have lost its label, or moved to
// where the query does not see it: its Defect is told to read it.
func (r *JiraIntegrationReconciler) audit(ctx context.Context, i *v1alpha1.JiraIntegration, c JiraClient, poll time.Duration) error {
	name, now := client.ObjectKeyFromObject(i), r.Clock.Now()
	interval := r.AuditInterval
	if interval == 0 {
		interval = auditEvery * poll
	}
	after, due := r.audits.due(name, now, interval)
	if !due {
		return nil
	}
	followed := &v1alpha1.DefectList{}
	if err := r.Client.List(ctx, followed, client.MatchingFields{IntegrationIndex: name.String()}, client.UnsafeDisableDeepCopy); err != nil {
		return err
	}
	part := nextToAudit(followed.Items, after, now.Add(-settle(i)-margin))
	if len(part) == 0 {
		return nil
	}
	markers := make([]string, len(part))
	for at, d := range part {
		markers[at] = d.Marker()
	}
	found, err := c.Find(ctx, markers, 0)
	if err != nil {
		return err
	}
	for _, d := range part {
		if _, ok := found[d.Marker()]; !ok {
			key := client.ObjectKeyFromObject(d)
			r.News.Doubt(key, d.UID, now)
			r.WakeDefect(key)
		}
	}
	r.audits.looked(name, client.ObjectKeyFromObject(part[len(part)-1]).String())
	return nil
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
