// SPDX-License-Identifier: Apache-2.0

package defect

import (
	"testing"
	"testing/synctest"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	ctrl "sigs.k8s.io/controller-runtime"
	kevent "sigs.k8s.io/controller-runtime/pkg/event"

	"github.com/voiceai-dev/integrations-operator/api/v1alpha1"
	"github.com/voiceai-dev/integrations-operator/internal/fault"
	"github.com/voiceai-dev/integrations-operator/internal/ticket"
)

// TestReplacedDuringTheCreate deletes a Defect whose ticket is being created, or was and is in no status yet, and creates one
// of the same finding at once: it gets that ticket, also when the answer to the create was lost.
func TestReplacedDuringTheCreate(t *testing.T) {
	for name, c := range map[string]struct {
		fingerprint, again string
		deletedAfter       time.Duration
	}{
		"during the call":                            {"f", "d", time.Second},
		"during the call, without a fingerprint":     {"", "d", time.Second},
		"during the call, and another name is used":  {"f", "e", time.Second},
		"before the status":                          {"f", "d", time.Minute},
		"before the status, without a fingerprint":   {"", "d", time.Minute},
		"before the status and another name is used": {"f", "e", time.Minute},
	} {
		for _, answer := range []string{"arrives", "is lost"} {
			t.Run(name+", the answer "+answer, func(t *testing.T) {
				file(t, func() []*v1alpha1.Defect { return []*v1alpha1.Defect{finding("d", c.fingerprint)} }, func(f *filer) {
					f.jira.OnCreate(func(d ticket.Draft) error {
						time.Sleep(10 * time.Second)
						if answer == "is lost" {
							f.jira.Keep(d)
							return fault.New(fault.Ambiguous, "no answer")
						}
						return nil
					})
					f.reconcile("d")
					time.Sleep(c.deletedAfter)
					f.replace("d", finding(c.again, c.fingerprint))
					for range 600 {
						f.reconcile(c.again)
						time.Sleep(time.Second)
					}
					f.wantTicket(c.again, "VOICE-1", "VOICE-1")
					if n := len(f.jira.Drafts()); n != 1 {
						t.Errorf("there are %d tickets", n)
					}
					if n := len(f.creates.filed) + len(f.creates.underway); n != 0 {
						t.Errorf("%d tickets and calls are kept", n)
					}
				})
			})
		}
	}
}

// replace deletes a Defect, and creates another one at once.
func (f *filer) replace(name string, again *v1alpha1.Defect) {
	f.t.Helper()
	synctest.Wait()
	d := f.defect(name)
	if err := f.Client.Delete(f.t.Context(), d); err != nil {
		f.t.Fatal(err)
	}
	f.rememberDeleted(f.t.Context(), kevent.DeleteEvent{Object: d}, nil)
	f.reconcile(name)
	again.UID = "another"
	again.CreationTimestamp = metav1.NewTime(time.Now())
	if err := f.Client.Create(f.t.Context(), again); err != nil {
		f.t.Fatal(err)
	}
}

// reconcile reconciles a Defect once.
func (f *filer) reconcile(name string) {
	f.t.Helper()
	if _, err := f.Reconcile(f.t.Context(), ctrl.Request{NamespacedName: types.NamespacedName{Namespace: "a", Name: name}}); err != nil {
		f.t.Fatal(err)
	}
}
