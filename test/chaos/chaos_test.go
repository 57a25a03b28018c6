// SPDX-License-Identifier: Apache-2.0

package chaos_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/voiceai-dev/integrations-operator/api/v1alpha1"
	"github.com/voiceai-dev/integrations-operator/hack/stage"
	"github.com/voiceai-dev/integrations-operator/internal/condition"
)

// waitForKeys waits until at least n Defects have a ticket key, and returns the keys by the Defects' markers.
func (w *world) waitForKeys(n int) map[string]string {
	w.t.Helper()
	var keys map[string]string
	err := testbed.Poll(w.t.Context(), fmt.Sprintf("%d Defects to have a key", n), func() (bool, error) {
		list := &v1alpha1.DefectList{}
		if err := cluster.List(w.t.Context(), list, client.InNamespace(w.namespace)); err != nil {
			return false, err
		}
		keys = map[string]string{}
		for _, d := range list.Items {
			if d.Status.Jira != nil && d.Status.Jira.Key != "" {
				keys[d.Marker()] = d.Status.Jira.Key
			}
		}
		return len(keys) >= n, nil
	})
	if err != nil {
		w.t.Fatalf("%v: %d have one, Jira has %d issues", err, len(keys), len(w.jira.Issues()))
	}
	return keys
}

// expectOneTicketEach waits until every Defect has a key. It fails unless Jira has exactly one ticket for each Defect,
// with that key.
func (w *world) expectOneTicketEach() {
	w.t.Helper()
	keys := w.waitForKeys(w.defects)
	byMarker := map[string][]string{}
	for _, i := range w.jira.Issues() {
		for _, l := range i.Labels {
			if strings.HasPrefix(l, "defect-") {
				byMarker[l] = append(byMarker[l], i.Key)
			}
		}
	}
	for marker, key := range keys {
		if got := byMarker[marker]; len(got) != 1 || got[0] != key {
			w.t.Errorf("%s has the key %s in its status, and the tickets %v in Jira", marker, key, got)
		}
	}
	if n := len(w.jira.Issues()); n != w.defects {
		w.t.Errorf("%d tickets for %d Defects", n, w.defects)
	}
}

func TestLostAnswers(t *testing.T) {
	w := newJiraWorld(t)
	loseSome := func(n int64, m moment) bool { return n%5 == 0 && m == done || n%7 == 0 && m == arrived }
	w.onCall.Store(&loseSome)
	w.startOperator()
	w.createDefects(100)
	w.expectOneTicketEach()
}

func TestKilledAtAnyMoment(t *testing.T) {
	w := newJiraWorld(t)
	w.killAtAnyMoment()
	w.expectOneTicketEach()
}

// killAtAnyMoment kills twenty operators, each during a call: at each moment of the first three calls, and then at
// random moments of a burst. It starts one more operator and leaves it running.
func (w *world) killAtAnyMoment() {
	w.t.Helper()
	moments := []moment{arrived, done, answered}
	for _, m := range moments {
		for nth := range int64(3) {
			w.killAt(4, nth, m)
		}
	}
	seed := uint64(time.Now().UnixNano())
	w.t.Logf("random moments of seed %d", seed)
	for random := rand.New(rand.NewPCG(seed, 0)); w.replicas < 20; {
		w.killAt(10, random.Int64N(10), moments[random.IntN(len(moments))])
	}
	w.onCall.Store(nil)
	w.startOperator()
}

// killAt starts an operator, creates Defects, and kills the operator at a moment of its nth call.
func (w *world) killAt(defects int, nth int64, m moment) {
	t := w.t
	t.Helper()
	p := w.startOperator()
	w.createDefects(defects)
	killed := make(chan struct{})
	first := w.calls.Load() + 1
	kill := func(n int64, at moment) bool {
		if n != first+nth || at != m {
			return false
		}
		p.Kill()
		close(killed)
		return true
	}
	w.onCall.Store(&kill)
	select {
	case <-killed:
	case err := <-testbed.Exited:
		t.Fatal(err)
	case <-time.After(stage.Timeout):
		t.Fatalf("call %d never %s", first+nth, m)
	}
}

func TestLeaderIsKilled(t *testing.T) {
	w := newJiraWorld(t)
	first := w.startReplica()
	w.createDefects(20)
	w.waitForKeys(1)
	w.startReplica()
	w.createDefects(40)
	first.Kill()
	w.createDefects(20)
	w.expectOneTicketEach()
}

func TestLeaderIsFrozenAndThawed(t *testing.T) {
	w := newJiraWorld(t)
	first := w.startReplica()
	w.createDefects(20)
	w.waitForKeys(1)
	w.startReplica()
	callsBefore := w.calls.Load()
	var once sync.Once
	frozen := make(chan struct{})
	freeze := func(n int64, m moment) bool { // when some calls have ended, and others are at every stage
		if n > callsBefore+10 && m == arrived {
			once.Do(func() {
				defer close(frozen)
				if err := first.Signal(syscall.SIGSTOP); err != nil {
					t.Error(err)
				}
			})
		}
		return false
	}
	w.onCall.Store(&freeze)
	w.createDefects(60)
	<-frozen
	w.waitForKeys(w.defects) // the other replica has taken over
	w.createDefects(20)
	first.ExpectExit() // it exits when it notices that it has lost the lease
	w.signal(first, syscall.SIGCONT)
	w.createDefects(20)
	w.expectOneTicketEach()
}

// TestNoLookupOnceReady creates Defects as soon as the integration is Ready, possibly in the same second in which the
// leader took over. No earlier leader can have created their tickets, so the operator must not wait to look them up.
func TestNoLookupOnceReady(t *testing.T) {
	w := newJiraWorld(t)
	i := &v1alpha1.JiraIntegration{ObjectMeta: w.meta("jira")}
	for range 3 {
		w.patch(i, func() { i.Spec.SettleSeconds = 600 }) // longer than the test waits
		p := w.startOperator("--call-timeout=1m")         // a call without an answer would be looked up
		if err := testbed.Poll(t.Context(), "the integration to be checked", func() (bool, error) {
			err := cluster.Get(t.Context(), client.ObjectKeyFromObject(i), i)
			isReady := condition.Is(i, v1alpha1.ConditionReady, metav1.ConditionTrue, "")
			return i.Status.LastProbeTime != nil && isReady, err
		}); err != nil {
			t.Fatal(err)
		}
		w.createDefects(3)
		w.expectOneTicketEach()
		p.Kill()
		before := i.DeepCopy()
		i.Status = v1alpha1.JiraIntegrationStatus{}
		if err := cluster.Status().Patch(t.Context(), i, client.MergeFrom(before)); err != nil {
			t.Fatal(err)
		}
	}
}

func TestLookupsShareSearches(t *testing.T) {
	w := newJiraWorld(t)
	w.createDefects(300)
	w.startOperator()
	w.expectOneTicketEach()
	// Two read the tickets, and each lookup has two or three for all labels. The slower the machine is, the more Defects miss
	// the first one.
	if n := w.jira.Counts().Searches; n > 60 {
		t.Errorf("%d searches for 300 Defects that wait for a lookup, want a few that they share", n)
	}
}
