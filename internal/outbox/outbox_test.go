package outbox_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	testingclock "k8s.io/utils/clock/testing"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"
	"sigs.k8s.io/controller-runtime/pkg/metrics"

	"github.com/voiceai-dev/integrations-operator/api/v1alpha1"
	"github.com/voiceai-dev/integrations-operator/internal/event"
	"github.com/voiceai-dev/integrations-operator/internal/outbox"
)

var now = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// world is a cluster with rules, in which Notifications are stored unless onCreate has something against it.
type world struct {
	client.Client
	onCreate func(client.Object) error
}

func newWorld(t *testing.T, rules ...*v1alpha1.NotificationRule) *world {
	t.Helper()
	scheme := runtime.NewScheme()
	if err := v1alpha1.AddToScheme(scheme); err != nil {
		t.Fatal(err)
	}
	w := &world{}
	b := fake.NewClientBuilder().WithScheme(scheme).WithReturnManagedFields().WithInterceptorFuncs(interceptor.Funcs{
		Create: func(ctx context.Context, c client.WithWatch, o client.Object, options ...client.CreateOption) error {
			if w.onCreate != nil {
				if err := w.onCreate(o); err != nil {
					return err
				}
			}
			return c.Create(ctx, o, options...)
		},
	})
	for _, r := range rules {
		b.WithObjects(r)
	}
	w.Client = b.Build()
	return w
}

// outbox is one as a process has it that began just now.
func (w *world) outbox() *outbox.Outbox {
	return &outbox.Outbox{Client: w, Live: w, Clock: testingclock.NewFakeClock(now), MaxEventAge: 24 * time.Hour, LeaderSince: func() time.Time { return now }}
}

func (w *world) stored(t *testing.T) (out []v1alpha1.Notification) {
	t.Helper()
	list := &v1alpha1.NotificationList{}
	if err := w.List(t.Context(), list); err != nil {
		t.Fatal(err)
	}
	return list.Items
}

func ruleFor(name string, events ...v1alpha1.EventType) *v1alpha1.NotificationRule {
	r := &v1alpha1.NotificationRule{Spec: v1alpha1.NotificationRuleSpec{EventTypes: events}}
	r.Namespace, r.Name, r.UID, r.Generation = "voice", name, types.UID("uid-of-"+name), 1
	r.CreationTimestamp = metav1.NewTime(now.Add(-20 * time.Hour))
	return r
}

// What the cluster refuses of one rule is stored for the others, and nothing is believed to be told that is not.
func TestARefusalStopsNobodyElse(t *testing.T) {
	w := newWorld(t, ruleFor("a", v1alpha1.EventSystemAlertFiring), ruleFor("b", v1alpha1.EventSystemAlertFiring))
	for name, refusal := range map[string]error{
		"forbidden": apierrors.NewForbidden(schema.GroupResource{Resource: "notifications"}, "n", errors.New("exceeded quota")),
		"invalid":   apierrors.NewInvalid(schema.GroupKind{Kind: "Notification"}, "n", nil),
	} {
		w.onCreate = func(o client.Object) error {
			if strings.HasPrefix(o.GetName(), "a-") {
				return refusal
			}
			return nil
		}
		box := w.outbox()
		e := &event.Event{ID: name, Type: v1alpha1.EventSystemAlertFiring, Time: now}
		created, mistakes, err := box.Announce(t.Context(), "voice", e)
		if len(created) != 1 || mistakes != nil || !errors.Is(err, refusal) || !outbox.IsRejected(err) {
			t.Errorf("%s: created %v, %v, %v; want one and the refusal", name, created, mistakes, err)
		}
		w.onCreate = nil
		if created, _, err := box.Announce(t.Context(), "voice", e); len(created) != 1 || err != nil {
			t.Errorf("%s: the second time created %v, %v; want the one that was refused", name, created, err)
		}
	}
	if n := len(w.stored(t)); n != 4 {
		t.Errorf("%d are stored, want 4", n)
	}
}

// A process that begins looks at all runs of a day again. It tells none of them by a rule that wanted something else, or nothing, when they ended.
func TestAChangedRuleDoesNotTellOfThePast(t *testing.T) {
	changed := now.Add(-time.Hour)
	run := func(at time.Time) *event.Event {
		return &event.Event{ID: "run", Type: v1alpha1.EventTestRunCompleted, Time: at, Subject: &v1alpha1.EventSubject{Kind: event.KindJob, Name: "run"}}
	}
	edited := func(status v1alpha1.NotificationRuleStatus) *v1alpha1.NotificationRule {
		r := ruleFor("runs", v1alpha1.EventTestRunCompleted, v1alpha1.EventSystemAlertFiring)
		r.Generation, r.Status = 3, status
		by := func(subresource string, at time.Time) metav1.ManagedFieldsEntry {
			then := metav1.NewTime(at)
			return metav1.ManagedFieldsEntry{Manager: "m" + subresource, Operation: metav1.ManagedFieldsOperationUpdate, Subresource: subresource,
				APIVersion: v1alpha1.GroupVersion.String(), FieldsType: "FieldsV1", FieldsV1: metav1.NewFieldsV1("{}"), Time: &then}
		}
		r.ManagedFields = []metav1.ManagedFieldsEntry{by("", changed), by("status", now)}
		return r
	}
	at := metav1.NewTime(changed)
	known, unseen := v1alpha1.NotificationRuleStatus{ObservedGeneration: 3, Since: &at}, v1alpha1.NotificationRuleStatus{ObservedGeneration: 2}
	before, after := changed.Add(-time.Second), changed.Add(time.Second)
	alert := &event.Event{ID: "alert", Type: v1alpha1.EventSystemAlertFiring, Time: before}
	for name, c := range map[string]struct {
		status   v1alpha1.NotificationRuleStatus
		event    *event.Event
		tookOver time.Time
		want     int
	}{
		"before the change":                              {known, run(before), now, 0},
		"in the second of the change":                    {known, run(changed), now, 1},
		"after the change":                               {known, run(after), now, 1},
		"before a change that no status tells yet":       {unseen, run(before), now, 0},
		"after a change that no status tells yet":        {unseen, run(after), now, 1},
		"a rule that never changed":                      {v1alpha1.NotificationRuleStatus{ObservedGeneration: 3}, run(before), now, 1},
		"a rule that has no status yet":                  {v1alpha1.NotificationRuleStatus{ObservedGeneration: -1}, run(before), now, 1},
		"before the change, and seen by this process":    {known, run(before), before, 1},
		"what came from outside, and comes no more":      {known, alert, now, 1},
		"a change that no status tells, and this is new": {unseen, alert, now, 1},
	} {
		w := newWorld(t, edited(c.status))
		box := w.outbox()
		box.LeaderSince = func() time.Time { return c.tookOver }
		created, mistakes, err := box.Announce(t.Context(), "voice", c.event)
		if len(created) != c.want || mistakes != nil || err != nil {
			t.Errorf("%s: created %v, %v, %v; want %d", name, created, mistakes, err, c.want)
		}
	}
}

// An expression is not held against runs of before it was written.
func TestAnExpressionIsNotTriedOnThePast(t *testing.T) {
	changed := metav1.NewTime(now.Add(-time.Hour))
	r := ruleFor("runs", v1alpha1.EventTestRunCompleted)
	r.Spec.When, r.Status = `event.data.nothing == ""`, v1alpha1.NotificationRuleStatus{ObservedGeneration: 1, Since: &changed}
	box := newWorld(t, r).outbox()
	for ago, want := range map[time.Duration]bool{2 * time.Hour: false, time.Minute: true} {
		e := &event.Event{ID: ago.String(), Type: v1alpha1.EventTestRunCompleted, Time: now.Add(-ago), Subject: &v1alpha1.EventSubject{Kind: event.KindJob, Name: "run"}}
		if _, mistakes, err := box.Announce(t.Context(), "voice", e); (mistakes != nil) != want || err != nil {
			t.Errorf("%s ago: %v, %v; want a mistake: %v", ago, mistakes, err, want)
		}
	}
}

// What somebody deleted stays deleted, for a process too that does not remember having told it.
func TestWhatWasCalledOffIsNotToldAgain(t *testing.T) {
	r := ruleFor("runs", v1alpha1.EventTestRunCompleted)
	r.Status.CalledOff = []v1alpha1.EventID{"deleted"}
	box := newWorld(t, r, ruleFor("others", v1alpha1.EventTestRunCompleted)).outbox()
	for id, want := range map[string]int{"deleted": 1, "another": 2} {
		if created, _, err := box.Announce(t.Context(), "voice", &event.Event{ID: id, Type: v1alpha1.EventTestRunCompleted, Time: now}); len(created) != want || err != nil {
			t.Errorf("%s: created %v, %v; want %d", id, created, err, want)
		}
	}
	about := func(kind string, age time.Duration, members ...v1alpha1.NotificationName) *v1alpha1.Notification {
		n := &v1alpha1.Notification{Spec: v1alpha1.NotificationSpec{Members: members}}
		n.Spec.Event.Time = metav1.NewTime(now.Add(-age))
		if kind != "" {
			n.Spec.Event.Subject = &v1alpha1.EventSubject{Kind: kind}
		}
		return n
	}
	for name, c := range map[string]struct {
		n    *v1alpha1.Notification
		want bool
	}{
		"a run":           {about(event.KindJob, time.Hour), true},
		"an alert":        {about("", time.Hour), true},
		"a Defect":        {about(v1alpha1.KindDefect, time.Hour), false},
		"a run of before": {about(event.KindJob, 25*time.Hour), false},
		"a digest":        {about("", time.Hour, "n"), false},
	} {
		if got := box.MayRecur(c.n); got != c.want {
			t.Errorf("%s: got %v, want %v", name, got, c.want)
		}
	}
}

// An event is one event, however often it is put and whoever wants to know of it.
func TestAnEventIsCountedOnce(t *testing.T) {
	counted := func() float64 {
		families, err := metrics.Registry.Gather()
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range families {
			for _, m := range f.GetMetric() {
				if f.GetName() == "voiceai_events_total" && m.GetLabel()[0].GetValue() == string(v1alpha1.EventEdgeCaseDiscovered) {
					return m.GetCounter().GetValue()
				}
			}
		}
		return 0
	}
	box, before := newWorld(t, ruleFor("a", v1alpha1.EventEdgeCaseDiscovered), ruleFor("b", v1alpha1.EventEdgeCaseDiscovered)).outbox(), counted()
	for range 3 {
		if _, _, err := box.Announce(t.Context(), "voice", &event.Event{ID: "once", Type: v1alpha1.EventEdgeCaseDiscovered, Time: now}); err != nil {
			t.Fatal(err)
		}
	}
	if got := counted() - before; got != 1 {
		t.Errorf("counted %g times, want once", got)
	}
}
