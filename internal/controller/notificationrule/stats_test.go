// SPDX-License-Identifier: Apache-2.0

package notificationrule

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	testingclock "k8s.io/utils/clock/testing"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"
	"sigs.k8s.io/controller-runtime/pkg/controller/priorityqueue"
	kevent "sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"context"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/voiceai-dev/integrations-operator/api/v1alpha1"
	"github.com/voiceai-dev/integrations-operator/internal/condition"
	"github.com/voiceai-dev/integrations-operator/internal/event"
	"github.com/voiceai-dev/integrations-operator/internal/index"
	"github.com/voiceai-dev/integrations-operator/internal/outbox"
)

var (
	noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	name = types.NamespacedName{Namespace: "voice", Name: "rule"}
)

// world is a Reconciler in a cluster with one rule and a SlackIntegration.
type world struct {
	*Reconciler
	t     *testing.T
	clock *testingclock.FakeClock
	// conflict makes status writes fail as if the cache were behind.
	conflict bool
	queue    priorityqueue.PriorityQueue[reconcile.Request]
}

func newWorld(t *testing.T, change ...func(*v1alpha1.NotificationRule)) *world {
	t.Helper()
	scheme := runtime.NewScheme()
	if err := v1alpha1.AddToScheme(scheme); err != nil {
		t.Fatal(err)
	}
	w := &world{t: t, clock: testingclock.NewFakeClock(noon), queue: priorityqueue.New[reconcile.Request](t.Name())}
	t.Cleanup(w.queue.ShutDown)
	rule := &v1alpha1.NotificationRule{
		ObjectMeta: metav1.ObjectMeta{Namespace: name.Namespace, Name: name.Name, UID: "r1", Generation: 1},
		Spec:       v1alpha1.NotificationRuleSpec{EventTypes: []v1alpha1.EventType{v1alpha1.EventDefectCreated}},
	}
	for _, f := range change {
		f(rule)
	}
	slack := &v1alpha1.SlackIntegration{ObjectMeta: metav1.ObjectMeta{Namespace: name.Namespace, Name: "slack"},
		Spec: v1alpha1.SlackIntegrationSpec{Default: true, Bot: &v1alpha1.SlackBot{}, DefaultChannel: "#alerts"}}
	builder := fake.NewClientBuilder().WithScheme(scheme).WithObjects(rule, slack).WithStatusSubresource(rule).
		WithInterceptorFuncs(interceptor.Funcs{SubResourceUpdate: func(
			ctx context.Context, c client.Client, sub string, o client.Object, opts ...client.SubResourceUpdateOption,
		) error {
			if w.conflict {
				return apierrors.NewConflict(schema.GroupResource{}, o.GetName(), errors.New("behind"))
			}
			return c.SubResource(sub).Update(ctx, o, opts...)
		}})
	for _, f := range index.Fields() {
		builder = builder.WithIndex(f.Object, f.Name, f.Values)
	}
	c := builder.Build()
	w.Reconciler = &Reconciler{
		Client: c, Stats: NewStats(w.clock),
		Outbox: &outbox.Outbox{Client: c, Live: c, Clock: w.clock, MaxEventAge: 24 * time.Hour, LeaderSince: func() time.Time { return noon }},
	}
	if err := w.Stats.enqueuer.Source().Start(t.Context(), w.queue); err != nil {
		t.Fatal(err)
	}
	return w
}

// reconcile reconciles the rule and returns it.
func (w *world) reconcile() *v1alpha1.NotificationRule {
	w.t.Helper()
	if _, err := w.Reconcile(w.t.Context(), ctrl.Request{NamespacedName: name}); err != nil {
		w.t.Fatal(err)
	}
	n := &v1alpha1.NotificationRule{}
	if err := w.Client.Get(w.t.Context(), name, n); err != nil {
		w.t.Fatal(err)
	}
	return n
}

func totals(n *v1alpha1.NotificationRule) string {
	s := n.Status
	return fmt.Sprintf("%d matched, %d sent, %d failed, %d errors", s.MatchedTotal, s.SentTotal, s.FailedTotal, s.ErrorsTotal)
}

// notification returns one of the rule, created some time after noon.
func notification(id string, after time.Duration) *v1alpha1.Notification {
	return &v1alpha1.Notification{
		ObjectMeta: metav1.ObjectMeta{Namespace: name.Namespace, Name: "n-" + id, CreationTimestamp: metav1.NewTime(noon.Add(after))},
		Spec: v1alpha1.NotificationSpec{Rule: v1alpha1.RuleReference{Name: name.Name, UID: "r1"},
			Event: v1alpha1.NotificationEvent{ID: v1alpha1.EventID(id), Time: metav1.NewTime(noon.Add(after))}},
	}
}

func TestReconcileRecordsStats(t *testing.T) {
	w := newWorld(t)
	n := notification("a", time.Minute)
	w.Stats.recordMatch(n)
	w.Stats.RecordDelivery(n, true)
	w.Stats.RecordDelivery(n, true)
	w.Stats.RecordDelivery(n, false)
	w.Stats.recordCancelled(n)
	w.Stats.recordCancelled(n)
	rule := w.reconcile()
	if got := totals(rule); got != "1 matched, 2 sent, 1 failed, 0 errors" {
		t.Error(got)
	}
	if at := rule.Status.LastMatchTime; at == nil || !at.Equal(&metav1.Time{Time: noon.Add(time.Minute)}) ||
		fmt.Sprint(rule.Status.CalledOff) != "[a]" {
		t.Errorf("last match at %v, cancelled %v", at, rule.Status.CalledOff)
	}
	if got := totals(w.reconcile()); got != "1 matched, 2 sent, 1 failed, 0 errors" {
		t.Errorf("counted again: %s", got)
	}
}

// TestConflictLosesNoCounts checks that what could not be written is written the next time.
func TestConflictLosesNoCounts(t *testing.T) {
	w := newWorld(t)
	w.Stats.RecordDelivery(notification("a", 0), true)
	w.conflict = true
	if got := totals(w.reconcile()); got != "0 matched, 0 sent, 0 failed, 0 errors" {
		t.Fatalf("%s although the write failed", got)
	}
	w.conflict = false
	w.Stats.RecordDelivery(notification("b", 0), false)
	if got := totals(w.reconcile()); got != "0 matched, 1 sent, 1 failed, 0 errors" {
		t.Error(got)
	}
}

func TestStatsEnqueueAfterAWhile(t *testing.T) {
	w := newWorld(t)
	w.Stats.RecordDelivery(notification("a", 0), true)
	w.Stats.RecordDelivery(notification("b", 0), true)
	w.clock.Step(writeInterval - 1)
	if w.queue.Len() != 0 {
		t.Error("enqueued too early")
	}
	w.clock.Step(1)
	if w.queue.Len() != 1 {
		t.Errorf("%d requests, want 1", w.queue.Len())
	}
}

func TestEvalErrors(t *testing.T) {
	when := func(n *v1alpha1.NotificationRule) { n.Generation = 2 }
	at := func(seconds int) time.Time { return noon.Add(time.Duration(seconds) * time.Second) }
	for test, c := range map[string]struct {
		generations []int64
		seconds     []int
		errors      int64
		last        string
		accepted    string
	}{
		"none":                   {nil, nil, 0, "", "The rule is valid"},
		"one":                    {[]int64{2}, []int{1}, 1, "error 0", "last 0"},
		"the latest is kept":     {[]int64{2, 2, 2}, []int{1, 5, 3}, 3, "error 1", "last 1"},
		"of the same second":     {[]int64{2, 2}, []int{1, 1}, 2, "error 1", "last 1"},
		"of a former generation": {[]int64{1}, []int{1}, 1, "", "The rule is valid"},
	} {
		w := newWorld(t, when)
		rule := w.reconcile()
		for i, generation := range c.generations {
			rule.Generation = generation
			w.Stats.RecordEvalError(
				rule,
				&event.Event{ID: fmt.Sprint(i), Type: v1alpha1.EventDefectCreated},
				at(c.seconds[i]),
				fmt.Errorf("error %d: last %d", i, i),
			)
		}
		rule = w.reconcile()
		last := ""
		if e := rule.Status.LastError; e != nil {
			last = e.Message
		}
		accepted := condition.Get(rule, v1alpha1.ConditionAccepted).Message
		if rule.Status.ErrorsTotal != c.errors || !strings.HasPrefix(last, c.last) || !strings.Contains(accepted, c.accepted) ||
			(c.last == "") != (last == "") {
			t.Errorf("%s: %d errors, last %q, accepted %q", test, rule.Status.ErrorsTotal, last, accepted)
		}
	}
}

func TestNewSpecClearsTheLastError(t *testing.T) {
	w := newWorld(t)
	rule := w.reconcile()
	w.Stats.RecordEvalError(rule, &event.Event{ID: "1", Type: v1alpha1.EventDefectCreated}, noon, errors.New("no such key"))
	if rule = w.reconcile(); rule.Status.LastError == nil {
		t.Fatal("no error recorded")
	}
	rule.Generation = 2
	if err := w.Client.Update(t.Context(), rule); err != nil {
		t.Fatal(err)
	}
	if rule = w.reconcile(); rule.Status.LastError != nil || rule.Status.ErrorsTotal != 1 {
		t.Errorf("last error %v of %d", rule.Status.LastError, rule.Status.ErrorsTotal)
	}
}

// TestObserveNotifications checks which Notifications that the leader sees in its cache count as matches and as
// cancelled.
func TestObserveNotifications(t *testing.T) {
	digest := notification("digest.1", 0)
	digest.Spec.Members = []v1alpha1.NotificationName{"a", "b"}
	ofDefect := notification("d", 0)
	ofDefect.Spec.Event.Subject = &v1alpha1.EventSubject{Kind: v1alpha1.KindDefect}
	ofFormerRule := notification("f", time.Hour)
	ofFormerRule.Spec.Rule.UID = "r0"
	ofDeletedRule := notification("x", time.Hour)
	ofDeletedRule.Spec.Rule.Name = "x"
	counted := func(n *v1alpha1.NotificationRule) { n.Status.LastMatchTime = &metav1.Time{Time: noon} }
	for test, c := range map[string]struct {
		n       *v1alpha1.Notification
		change  func(*v1alpha1.NotificationRule)
		initial bool
		matched int64
	}{
		"created while this process leads":          {notification("a", 0), counted, false, 1},
		"a digest":                                  {digest, counted, false, 0},
		"existed, and was counted":                  {notification("a", 0), counted, true, 0},
		"existed, later than the last count":        {notification("a", time.Second), counted, true, 1},
		"existed, of a rule that never counted":     {notification("a", 0), func(*v1alpha1.NotificationRule) {}, true, 1},
		"existed, of a former rule of the name":     {ofFormerRule, counted, true, 0},
		"existed, of a rule that was deleted":       {ofDeletedRule, counted, true, 0},
		"created, of an object that is no Defect's": {ofDefect, counted, false, 1},
	} {
		w := newWorld(t, c.change)
		w.observeNotifications().Create(t.Context(), kevent.CreateEvent{Object: c.n, IsInInitialList: c.initial}, w.queue)
		if got := w.reconcile().Status.MatchedTotal; got != c.matched {
			t.Errorf("%s: %d matched, want %d", test, got, c.matched)
		}
	}
	for test, c := range map[string]struct {
		n         *v1alpha1.Notification
		cancelled string
	}{
		"an alert's":       {notification("a", 0), "[a]"},
		"a Defect's":       {ofDefect, "[]"},
		"a digest":         {digest, "[]"},
		"too old to recur": {notification("old", -25*time.Hour), "[]"},
	} {
		w := newWorld(t)
		w.observeNotifications().Delete(t.Context(), kevent.DeleteEvent{Object: c.n}, w.queue)
		if got := fmt.Sprint(w.reconcile().Status.CalledOff); got != c.cancelled {
			t.Errorf("%s: cancelled %s, want %s", test, got, c.cancelled)
		}
	}
}

func TestAppendNew(t *testing.T) {
	var known []v1alpha1.EventID
	for i := range maxCancelled + 2 {
		known = appendNew(known, []v1alpha1.EventID{v1alpha1.EventID(fmt.Sprint(i)), "0"})
	}
	if len(known) != maxCancelled || known[len(known)-2] != v1alpha1.EventID(fmt.Sprint(maxCancelled+1)) {
		t.Errorf("%d kept, the last %v", len(known), known[len(known)-2:])
	}
}

func TestDeletedRule(t *testing.T) {
	w := newWorld(t)
	if err := w.Client.Delete(t.Context(), w.reconcile()); err != nil {
		t.Fatal(err)
	}
	w.Stats.RecordDelivery(notification("a", 0), true)
	if _, err := w.Reconcile(t.Context(), ctrl.Request{NamespacedName: name}); err != nil || len(w.Stats.counts) != 0 {
		t.Errorf("%v, %d counts kept", err, len(w.Stats.counts))
	}
}
