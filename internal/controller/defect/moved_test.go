// SPDX-License-Identifier: Apache-2.0

package defect

import (
	"slices"
	"strings"
	"testing"
	"time"

	"k8s.io/client-go/util/workqueue"
	"sigs.k8s.io/controller-runtime/pkg/client"
	kevent "sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/voiceai-dev/integrations-operator/api/v1alpha1"
	"github.com/voiceai-dev/integrations-operator/internal/fault"
	"github.com/voiceai-dev/integrations-operator/internal/ticket"
)

// queued records what is added to a queue.
type queued struct {
	workqueue.TypedRateLimitingInterface[reconcile.Request]
	names *[]string
}

func (q queued) Add(r reconcile.Request) { *q.names = append(*q.names, r.String()) }

// TestMovedDefectLinksItsTickets has Defect b/d with the ticket VOICE-1 deleted, and a/d of the same finding created, which
// gets another ticket.
func TestMovedDefectLinksItsTickets(t *testing.T) {
	moved := func(f *filer, old *v1alpha1.Defect) { f.deleted(old); f.settle("d") }
	for name, c := range map[string]struct {
		old   func(*v1alpha1.Defect)
		story func(*filer, *v1alpha1.Defect)
		// linked is whether the tickets are linked, by a comment and a link on each.
		linked bool
		links  int
	}{
		"deleted, then created": {nil, moved, true, 1},
		"created, then deleted": {nil, func(f *filer, old *v1alpha1.Defect) {
			f.settle("d")
			time.Sleep(time.Hour)
			if names := f.deleted(old); !slices.Equal(names, []string{"a/d"}) {
				f.t.Errorf("enqueued %q", names)
			}
		}, true, 1},
		"links are not allowed": {nil, func(f *filer, old *v1alpha1.Defect) {
			f.jira.OnLink(func() error { return fault.New(fault.Invalid, "no permission to link") })
			moved(f, old)
		}, true, 0},
		"the former ticket was deleted": {nil, func(f *filer, old *v1alpha1.Defect) {
			f.jira.Edit("VOICE-1", "", "", nil)
			moved(f, old)
		}, false, 0},
		"by name and title": {func(d *v1alpha1.Defect) { d.Spec.Fingerprint = "" }, func(f *filer, old *v1alpha1.Defect) {
			f.change(func(d *v1alpha1.Defect) { d.Spec.Fingerprint = "" })
			moved(f, old)
		}, true, 1},
		"another finding":       {func(d *v1alpha1.Defect) { d.Spec.Fingerprint = "other" }, moved, false, 0},
		"on another site":       {func(d *v1alpha1.Defect) { d.Status.Jira.Site = newSite }, moved, false, 0},
		"created there again":   {nil, func(f *filer, old *v1alpha1.Defect) { f.settle("d"); f.deleted(old); f.restored(old) }, false, 0},
		"another one has it":    {nil, func(f *filer, old *v1alpha1.Defect) { f.restored(old); f.deleted(old); f.settle("d") }, false, 0},
		"a day before, or more": {nil, func(f *filer, old *v1alpha1.Defect) { f.settle("d"); time.Sleep(25 * time.Hour); f.deleted(old) }, false, 0},
	} {
		t.Run(name, func(t *testing.T) {
			file(t, func() []*v1alpha1.Defect { return []*v1alpha1.Defect{finding("d", "f")} }, func(f *filer) {
				kept := f.jira.Keep(ticket.Draft{Marker: "defect-old"})
				old := finding("d", "f")
				old.Namespace = "b"
				old.UID = "old"
				old.Status.Jira = &v1alpha1.DefectTicket{Integration: "a/jira", Site: oldSite, Key: kept.Key, ID: kept.ID, URL: kept.URL}
				if c.old != nil {
					c.old(old)
				}
				c.story(f, old)
				time.Sleep(2 * time.Minute)
				f.settle("d")
				time.Sleep(time.Hour)
				f.settle("d")
				for key, other := range map[string]string{"VOICE-1": "VOICE-2", "VOICE-2": "VOICE-1"} {
					_, comments, links := f.jira.Issue(key)
					if c.linked != (len(comments) == 1) || len(links) != c.links {
						t.Errorf("%s has the comments %v and the links %v", key, comments, links)
					}
					if c.linked && !strings.HasSuffix(comments[0].Body, "reports the same finding. Its ticket: "+other) {
						t.Errorf("%s has the comment %q", key, comments[0].Body)
					}
				}
				if d := f.defect("d"); !strings.Contains(d.Status.Jira.Key, "VOICE-2") {
					t.Errorf("%+v", d.Status.Jira)
				}
			})
		})
	}
}

// deleted deletes a Defect, and returns which were enqueued.
func (f *filer) deleted(d *v1alpha1.Defect) (names []string) {
	f.rememberDeleted(f.t.Context(), kevent.DeleteEvent{Object: d}, queued{names: &names})
	return names
}

// restored creates a Defect again, which adopted its ticket.
func (f *filer) restored(d *v1alpha1.Defect) {
	f.t.Helper()
	again := d.DeepCopy()
	again.UID = "again"
	status := again.Status
	if err := f.Client.Create(f.t.Context(), again); err != nil {
		f.t.Fatal(err)
	}
	again.Status = status
	if err := f.Client.Status().Update(f.t.Context(), again); err != nil {
		f.t.Fatal(err)
	}
	f.KnownTickets.Take(leftKey(again, oldSite), again.Status.Jira.ID)
}

// change replaces Defect d by one that a change makes.
func (f *filer) change(change func(*v1alpha1.Defect)) {
	f.t.Helper()
	if err := f.Client.Delete(f.t.Context(), f.defect("d")); client.IgnoreNotFound(err) != nil {
		f.t.Fatal(err)
	}
	d := finding("d", "")
	change(d)
	if err := f.Client.Create(f.t.Context(), d); err != nil {
		f.t.Fatal(err)
	}
}
