// SPDX-License-Identifier: Apache-2.0

package defect

import (
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	ctrl "sigs.k8s.io/controller-runtime"
	kevent "sigs.k8s.io/controller-runtime/pkg/event"

	"github.com/voiceai-dev/integrations-operator/api/v1alpha1"
	"github.com/voiceai-dev/integrations-operator/internal/controller/kit"
	"github.com/voiceai-dev/integrations-operator/internal/leadership"
	"github.com/voiceai-dev/integrations-operator/internal/ticket"
)

// restart makes another process lead, which knows of no ticket of a deleted Defect.
func (f *filer) restart() {
	f.t.Helper()
	time.Sleep(time.Second)
	start := leadership.Start{Local: time.Now(), Server: time.Now()}
	f.LeaderSince = func() leadership.Start { return start }
	f.KnownTickets = &kit.KnownTickets{}
}

// forgetTickets makes the process remember so many tickets of other deleted Defects that it forgets the former ones.
func (f *filer) forgetTickets() {
	integration := types.NamespacedName{Namespace: "a", Name: "jira"}
	f.KnownTickets.MarkRead(integration, oldSite)
	for k := range 5000 {
		key := kit.TicketKey{Integration: integration, Site: oldSite, Identity: fmt.Sprint("other-", k)}
		f.KnownTickets.Put(key, kit.KnownTicket{ID: fmt.Sprint(k)})
	}
}

// createAgain deletes Defect d and creates it again, as a change makes it.
func (f *filer) createAgain(change func(*v1alpha1.Defect)) {
	f.t.Helper()
	d := f.defect("d")
	f.rememberDeleted(f.t.Context(), kevent.DeleteEvent{Object: d}, nil)
	if err := f.Client.Delete(f.t.Context(), d); err != nil {
		f.t.Fatal(err)
	}
	f.settle("d")
	time.Sleep(2 * time.Hour)
	again := finding("d", d.Spec.Fingerprint)
	again.UID = "another"
	change(again)
	if err := f.Client.Create(f.t.Context(), again); err != nil {
		f.t.Fatal(err)
	}
}

// done closes the ticket as a person would.
func (f *filer) done() { f.jira.Edit("VOICE-1", "Done", "done", nil) }

// TestCreatedAgainAfterTheTicketChanged has a Defect created again whose ticket was done, deleted or has lost its labels
// meanwhile. The operator was restarted between the deletion and the creation, or afterwards, or not at all, or has seen
// many others deleted.
func TestCreatedAgainAfterTheTicketChanged(t *testing.T) {
	occurred := func(d *v1alpha1.Defect) { d.Spec.Occurrence = &v1alpha1.Occurrence{Time: metav1.NewTime(time.Now())} }
	same := func(*v1alpha1.Defect) {}
	for name, c := range map[string]struct {
		fingerprint string
		change      func(*filer)
		again       func(*v1alpha1.Defect)
		key         string
		state       v1alpha1.State
		category    string
		comments    int
		// lost is the ticket when the operator was restarted, if it is another one.
		lost string
	}{
		"open":                          {"f", func(*filer) {}, same, "VOICE-1", v1alpha1.StateOpen, "new", 0, ""},
		"done":                          {"f", (*filer).done, same, "VOICE-1", v1alpha1.StateResolved, "done", 0, ""},
		"done, then it occurred again":  {"f", (*filer).done, occurred, "VOICE-1", v1alpha1.StateOpen, "done", 1, ""},
		"deleted":                       {"f", func(f *filer) { f.jira.Edit("VOICE-1", "", "", nil) }, same, "VOICE-2", v1alpha1.StateOpen, "new", 0, ""},
		"without its labels":            {"f", func(f *filer) { f.jira.Hide("VOICE-1") }, same, "VOICE-1", v1alpha1.StateOpen, "new", 0, "VOICE-2"},
		"open, by name":                 {"", func(*filer) {}, same, "VOICE-1", v1alpha1.StateOpen, "new", 0, ""},
		"done, and the name used again": {"", (*filer).done, same, "VOICE-2", v1alpha1.StateOpen, "new", 0, ""},
	} {
		for _, restarted := range []string{"", "between", "afterwards", "forgotten"} {
			t.Run(name+" "+restarted, func(t *testing.T) {
				file(t, func() []*v1alpha1.Defect { return []*v1alpha1.Defect{finding("d", c.fingerprint)} }, func(f *filer) {
					f.settle("d")
					f.createAgain(func(d *v1alpha1.Defect) {
						c.change(f)
						switch restarted {
						case "between":
							f.restart()
						case "forgotten":
							f.forgetTickets()
						}
						time.Sleep(time.Minute)
						d.CreationTimestamp = metav1.NewTime(time.Now())
						c.again(d)
					})
					key := c.key
					if restarted == "afterwards" {
						f.restart()
						f.settle("d")
						time.Sleep(4 * time.Minute) // Jira's search has settled
					}
					if restarted != "" && c.lost != "" {
						key = c.lost
					}
					f.settle("d")
					d := f.defect("d")
					if d.Status.Jira.Key != key || d.Status.State != c.state {
						t.Errorf("%s has %s", d.Status.State, d.Status.Jira.Key)
					}
					if is, comments, _ := f.jira.Issue(key); is.StatusCategory != c.category || len(comments) != c.comments {
						t.Errorf("%s is %s with %d comments", key, is.StatusCategory, len(comments))
					}
				})
			})
		}
	}
}

// TestReopenPolicyOfAnAdoptedTicket has a finding that occurred again after its ticket was done, with a policy that reopens.
func TestReopenPolicyOfAnAdoptedTicket(t *testing.T) {
	file(t, func() []*v1alpha1.Defect { return []*v1alpha1.Defect{finding("d", "f")} }, func(f *filer) {
		i := &v1alpha1.JiraIntegration{}
		if err := f.Client.Get(t.Context(), types.NamespacedName{Namespace: "a", Name: "jira"}, i); err != nil {
			t.Fatal(err)
		}
		i.Spec.Reopen = &v1alpha1.JiraReopen{Policy: v1alpha1.JiraReopenReopen}
		if err := f.Client.Update(t.Context(), i); err != nil {
			t.Fatal(err)
		}
		f.settle("d")
		f.done()
		f.createAgain(func(d *v1alpha1.Defect) { d.Spec.Occurrence = &v1alpha1.Occurrence{Time: metav1.NewTime(time.Now())} })
		f.settle("d")
		d := f.defect("d")
		is, comments, _ := f.jira.Issue("VOICE-1")
		if is.StatusCategory != "new" || len(comments) != 1 || d.Status.Regressions != 1 || f.jira.Creates() != 1 {
			t.Errorf("%s with %d comments, %+v", is.StatusCategory, len(comments), d.Status)
		}
	})
}

// TestSameFingerprintAtTheSameMoment reconciles Defects with one fingerprint concurrently, in many orders.
func TestSameFingerprintAtTheSameMoment(t *testing.T) {
	names := []string{"one", "two", "three", "four"}
	for seed := range uint64(20) {
		file(t, func() []*v1alpha1.Defect {
			var out []*v1alpha1.Defect
			for _, name := range names {
				out = append(out, finding(name, "no-sound"))
			}
			return out
		}, func(f *filer) {
			order := rand.New(rand.NewPCG(seed, 0))
			answersAfter := time.Duration(order.IntN(50)) * time.Millisecond
			f.jira.OnCreate(func(ticket.Draft) error { time.Sleep(answersAfter); return nil })
			for range 8 {
				var all sync.WaitGroup
				for _, at := range order.Perm(len(names)) {
					wait := time.Duration(order.IntN(2)) * time.Millisecond
					all.Go(func() {
						time.Sleep(wait)
						_, err := f.Reconcile(t.Context(), ctrl.Request{NamespacedName: types.NamespacedName{Namespace: "a", Name: names[at]}})
						if err != nil {
							t.Error(err)
						}
					})
				}
				all.Wait()
				synctest.Wait()
				time.Sleep(time.Duration(order.IntN(60)) * time.Millisecond)
			}
			for _, name := range names {
				f.wantTicket(name, "VOICE-1", "VOICE-1")
			}
			if f.jira.Creates() != 1 {
				t.Errorf("seed %d: %d creates", seed, f.jira.Creates())
			}
		})
	}
}
