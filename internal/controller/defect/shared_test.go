// SPDX-License-Identifier: Apache-2.0

package defect

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	kevent "sigs.k8s.io/controller-runtime/pkg/event"

	"github.com/voiceai-dev/integrations-operator/api/v1alpha1"
	"github.com/voiceai-dev/integrations-operator/internal/condition"
	"github.com/voiceai-dev/integrations-operator/internal/controller/kit"
	"github.com/voiceai-dev/integrations-operator/internal/ticket"
	"github.com/voiceai-dev/integrations-operator/internal/ticket/tickettest"
)

// finding returns a Defect of namespace a that is to get a ticket, with a fingerprint unless it is empty.
func finding(name, fingerprint string) *v1alpha1.Defect {
	return &v1alpha1.Defect{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: "a", Name: name, UID: types.UID("uid-" + name), Generation: 1, CreationTimestamp: metav1.NewTime(time.Now()),
		},
		Spec: v1alpha1.DefectSpec{
			Title: name, Severity: v1alpha1.SeverityHigh, Fingerprint: fingerprint,
			Jira: &v1alpha1.DefectJira{Create: v1alpha1.TicketAlways},
		},
	}
}

// filer is a Reconciler of some Defects, whose JiraIntegration a/jira is the default and leads to a fake.
type filer struct {
	*Reconciler
	t    *testing.T
	jira *tickettest.Fake
}

// file runs a test of a filer of Defects, in a bubble of synctest.
func file(t *testing.T, defects func() []*v1alpha1.Defect, test func(*filer)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		integration := &v1alpha1.JiraIntegration{
			ObjectMeta: metav1.ObjectMeta{Namespace: "a", Name: "jira", UID: "i1", Generation: 1},
			Spec:       v1alpha1.JiraIntegrationSpec{APIURL: oldSite, Default: true},
		}
		all := defects()
		var more []client.Object
		for _, d := range all[1:] {
			more = append(more, d)
		}
		f := &filer{t: t, jira: &tickettest.Fake{}}
		f.Reconciler = newFollowing(t, f.jira, all[0], integration, more...)
		test(f)
	})
}

// settle reconciles Defects in turn until nothing more is done at once.
func (f *filer) settle(names ...string) {
	f.t.Helper()
	for range 6 {
		for _, name := range names {
			if _, err := f.Reconcile(f.t.Context(), ctrl.Request{NamespacedName: types.NamespacedName{Namespace: "a", Name: name}}); err != nil {
				f.t.Fatal(err)
			}
		}
		synctest.Wait()
	}
}

func (f *filer) defect(name string) *v1alpha1.Defect {
	f.t.Helper()
	d := &v1alpha1.Defect{}
	if err := f.Client.Get(f.t.Context(), types.NamespacedName{Namespace: "a", Name: name}, d); err != nil {
		f.t.Fatal(err)
	}
	return d
}

// wantTicket checks a Defect's ticket and what the Ticketed condition says.
func (f *filer) wantTicket(name, key, says string) {
	f.t.Helper()
	d := f.defect(name)
	c := condition.Get(d, v1alpha1.ConditionTicketed)
	if d.Status.Jira == nil || d.Status.Jira.Key != key || c == nil || !strings.Contains(c.Message, says) {
		f.t.Errorf("%s has %+v, %+v, want %s with %q", name, d.Status.Jira, c, key, says)
	}
}

func TestOneTicketPerFingerprint(t *testing.T) {
	for name, order := range map[string][]string{"the older first": {"first", "second"}, "the younger first": {"second", "first"}} {
		t.Run(name, func(t *testing.T) {
			file(t, func() []*v1alpha1.Defect {
				first := finding("first", "no-sound")
				first.CreationTimestamp = metav1.NewTime(time.Now().Add(-time.Minute))
				return []*v1alpha1.Defect{first, finding("second", "no-sound"), finding("third", "other")}
			}, func(f *filer) {
				f.settle(order...)
				f.settle("third")
				f.wantTicket("first", "VOICE-1", "VOICE-1")
				f.wantTicket("second", "VOICE-1", "Defect first has it, with the same fingerprint")
				f.wantTicket("third", "VOICE-2", "VOICE-2")
				if n := f.jira.Creates(); n != 2 {
					t.Errorf("%d creates", n)
				}
				if j := f.defect("second").Status.Jira; j.Marker != "defect-uid-first" {
					t.Errorf("the shared ticket is known by %q", j.Marker)
				}
			})
		})
	}
}

// TestCreatedAgain has a Defect deleted and created again, as by kubectl replace --force: by fingerprint, and by name.
func TestCreatedAgain(t *testing.T) {
	for name, fingerprint := range map[string]string{"by fingerprint": "no-sound", "by name": ""} {
		t.Run(name, func(t *testing.T) {
			file(t, func() []*v1alpha1.Defect { return []*v1alpha1.Defect{finding("d", fingerprint)} }, func(f *filer) {
				f.settle("d")
				d := f.defect("d")
				f.rememberDeleted(t.Context(), kevent.DeleteEvent{Object: d}, nil)
				if err := f.Client.Delete(t.Context(), d); err != nil {
					t.Fatal(err)
				}
				f.settle("d")
				again := finding("d", fingerprint)
				again.UID = "another"
				if err := f.Client.Create(t.Context(), again); err != nil {
					t.Fatal(err)
				}
				f.settle("d")
				f.wantTicket("d", "VOICE-1", "a former Defect")
				if f.jira.Creates() != 1 || f.jira.Gets("VOICE-1") != 1 {
					t.Errorf("%d creates, read %d times", f.jira.Creates(), f.jira.Gets("VOICE-1"))
				}
			})
		})
	}
}

// TestRebuiltCluster has a Defect that is created again in a cluster whose integration has read the open tickets.
func TestRebuiltCluster(t *testing.T) {
	file(t, func() []*v1alpha1.Defect { return []*v1alpha1.Defect{finding("d", "no-sound")} }, func(f *filer) {
		kept := f.jira.Keep(ticket.Draft{
			Marker: "defect-of-the-old-cluster", Labels: []string{ticket.IdentityPrefix + finding("x", "no-sound").Identity()},
		})
		f.KnownTickets.Put(kit.TicketKey{
			Integration: types.NamespacedName{Namespace: "a", Name: "jira"}, Site: oldSite, Identity: kept.Identity,
		}, kit.Known(kept))
		f.settle("d")
		f.wantTicket("d", "VOICE-1", "a former Defect")
		if f.jira.Creates() != 0 || f.defect("d").Status.Jira.Marker != "defect-of-the-old-cluster" {
			t.Errorf("%d creates, %+v", f.jira.Creates(), f.defect("d").Status.Jira)
		}
	})
}

// TestStalledDefectHoldsNobodyUp has the older Defect's ticket refused: the younger one files it.
func TestStalledDefectHoldsNobodyUp(t *testing.T) {
	file(t, func() []*v1alpha1.Defect {
		first := finding("first", "no-sound")
		first.CreationTimestamp = metav1.NewTime(time.Now().Add(-time.Minute))
		condition.NotReady(first, condition.Stalled, v1alpha1.ReasonInvalid, "refused")
		return []*v1alpha1.Defect{first, finding("second", "no-sound")}
	}, func(f *filer) {
		f.settle("second")
		f.wantTicket("second", "VOICE-1", "VOICE-1")
	})
}
