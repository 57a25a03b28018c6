package controller

import (
	"maps"
	"testing"
	"testing/synctest"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/clock"

	"github.com/voiceai-dev/integrations-operator/api/v1alpha1"
	"github.com/voiceai-dev/integrations-operator/internal/event"
	"github.com/voiceai-dev/integrations-operator/internal/outbox"
)

// A member that has nothing to tell any more when its group's time comes, as one that was muted, does not leave the others waiting.
func TestAGroupIsWokenUntilItLeaves(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		woken := map[string]int{}
		g := &groups{clock: clock.RealClock{}, byID: map[string]*group{}, of: map[types.NamespacedName]string{}, storms: map[string]time.Time{}, digests: map[types.NamespacedName]assignment{}}
		g.wake = func(n types.NamespacedName) { woken[n.Name]++; go g.remove(n) }
		for _, name := range []string{"a", "b", "c"} {
			g.add("id", types.NamespacedName{Name: name}, time.Now().Add(time.Minute))
		}
		time.Sleep(59 * time.Second)
		synctest.Wait()
		times := func() map[string]int { g.mu.Lock(); defer g.mu.Unlock(); return maps.Clone(woken) }
		if early := times(); len(early) != 0 {
			t.Errorf("woken before the time: %v", early)
		}
		time.Sleep(time.Minute)
		synctest.Wait()
		if got := times(); !maps.Equal(got, map[string]int{"a": 1, "b": 1, "c": 1}) {
			t.Errorf("woken: %v, want each once", got)
		}
	})
}

// What happened before a mute window began is told, however late.
func TestWhatHappenedBeforeItIsNotMuted(t *testing.T) {
	rule := &v1alpha1.NotificationRule{Spec: v1alpha1.NotificationRuleSpec{
		EventTypes: []v1alpha1.EventType{v1alpha1.EventDefectCreated}, MuteWindows: []v1alpha1.MuteWindow{{Start: "22:00", End: "24:00"}},
	}}
	compiled, err := (&outbox.Outbox{Clock: clock.RealClock{}}).Compile(rule)
	if err != nil {
		t.Fatal(err)
	}
	for at, muted := range map[string]bool{"21:59": false, "22:00": true, "23:30": true} {
		created, _ := time.Parse(time.DateTime, "2026-03-01 "+at+":00")
		s := &notificationScope{
			n: &v1alpha1.Notification{ObjectMeta: metav1.ObjectMeta{CreationTimestamp: metav1.NewTime(created)}}, rule: compiled, event: event.Event{},
			now: time.Date(2026, 3, 1, 23, 30, 0, 0, time.UTC), integration: &v1alpha1.SlackIntegration{},
		}
		if why := (&NotificationReconciler{}).muteReason(s); (why != "") != muted {
			t.Errorf("created at %s: %q", at, why)
		}
	}
}
