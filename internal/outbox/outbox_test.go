// SPDX-License-Identifier: Apache-2.0

package outbox_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	"github.com/voiceai-dev/integrations-operator/api/v1alpha1"
	"github.com/voiceai-dev/integrations-operator/internal/event"
	"github.com/voiceai-dev/integrations-operator/internal/outbox"
)

// TestRejection makes sure that a Notification that the API server refuses does not keep those of other rules from
// being stored, and is stored when the event is announced again.
func TestRejection(t *testing.T) {
	w := newWorld(t, ruleFor("a", alert), ruleFor("b", alert))
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
		created, evalErrs, err := box.Announce(t.Context(), "voice", alertEvent(name))
		if len(created) != 1 || evalErrs != nil || !errors.Is(err, refusal) || !outbox.IsRejected(err) {
			t.Errorf("%s: created %v, %v, %v; want one and the refusal", name, created, evalErrs, err)
		}
		if box.Announced("voice", name) {
			t.Errorf("%s: counts as announced", name)
		}
		w.onCreate = nil
		if created, _, err := box.Announce(t.Context(), "voice", alertEvent(name)); len(created) != 1 || err != nil {
			t.Errorf("%s: the second time created %v, %v; want the refused one", name, created, err)
		}
	}
	if n := len(w.stored(t)); n != 4 {
		t.Errorf("%d are stored, want 4", n)
	}
}

// TestFailure makes sure that an error that may pass stops the announcement.
func TestFailure(t *testing.T) {
	broken := errors.New("connection lost")
	w := newWorld(t, ruleFor("a", alert), ruleFor("b", alert))
	w.onCreate = func(client.Object) error { return broken }
	box := w.outbox()
	created, _, err := box.Announce(t.Context(), "voice", alertEvent("e"))
	if created != nil || !errors.Is(err, broken) || outbox.IsRejected(err) {
		t.Errorf("a failed create: created %v, %v", created, err)
	}
	w.onCreate = nil
	box.Client = interceptor.NewClient(w.Client.(client.WithWatch), interceptor.Funcs{
		List: func(context.Context, client.WithWatch, client.ObjectList, ...client.ListOption) error { return broken },
	})
	if _, _, err := box.Announce(t.Context(), "voice", alertEvent("e")); !errors.Is(err, broken) {
		t.Errorf("a failed list: %v", err)
	}
	box.Client = w
	large := alertEvent("e")
	large.Data = map[string]any{"text": strings.Repeat("x", event.MaxDataBytes)}
	if _, _, err := box.Announce(t.Context(), "voice", large); err == nil {
		t.Error("an event that is too large was stored")
	}
	if created, _, err := box.Announce(t.Context(), "voice", alertEvent("e")); len(created) != 2 || err != nil {
		t.Errorf("created %v, %v; want both in the end", created, err)
	}
}

func TestIsRejected(t *testing.T) {
	for name, c := range map[string]struct {
		err  error
		want bool
	}{
		"invalid":     {apierrors.NewInvalid(schema.GroupKind{}, "n", nil), true},
		"bad request": {apierrors.NewBadRequest("no"), true},
		"forbidden":   {apierrors.NewForbidden(schema.GroupResource{}, "n", nil), true},
		"too large":   {apierrors.NewRequestEntityTooLargeError("no"), true},
		"conflict":    {apierrors.NewConflict(schema.GroupResource{}, "n", nil), false},
		"unavailable": {apierrors.NewServiceUnavailable("no"), false},
		"another":     {errors.New("connection lost"), false},
	} {
		if got := outbox.IsRejected(c.err); got != c.want {
			t.Errorf("%s: got %t, want %t", name, got, c.want)
		}
	}
}

// TestIsForbidden has the errors of quotas and policies, and those of the schema.
func TestIsForbidden(t *testing.T) {
	status := func(reason metav1.StatusReason, code int32, message string, causes ...metav1.StatusCause) error {
		return &apierrors.StatusError{ErrStatus: metav1.Status{
			Reason: reason, Code: code, Message: message, Details: &metav1.StatusDetails{Causes: causes},
		}}
	}
	quota := apierrors.NewForbidden(schema.GroupResource{}, "n", errors.New("exceeded quota"))
	invalid := status(metav1.StatusReasonInvalid, 422, "is invalid", metav1.StatusCause{Field: "spec.channel", Message: "is wrong"})
	for name, c := range map[string]struct {
		err  error
		want bool
	}{
		"a quota":             {quota, true},
		"wrapped":             {fmt.Errorf("storing: %w", quota), true},
		"the first of two":    {errors.Join(quota, invalid), true},
		"the second of two":   {errors.Join(invalid, quota), true},
		"of several, wrapped": {errors.Join(errors.Join(invalid), fmt.Errorf("storing: %w", quota)), true},
		"a policy": {status(metav1.StatusReasonInvalid, 422, "ValidatingAdmissionPolicy 'p' denied request",
			metav1.StatusCause{Message: "no"}), true},
		"a webhook":     {status("", 400, `admission webhook "w" denied the request`), true},
		"a schema":      {invalid, false},
		"a bad request": {apierrors.NewBadRequest("no"), false},
		"too large":     {apierrors.NewRequestEntityTooLargeError("no"), false},
		"no answer":     {errors.New("connection lost"), false},
		"none":          {nil, false},
	} {
		if got := outbox.IsForbidden(c.err); got != c.want {
			t.Errorf("%s: got %t, want %t", name, got, c.want)
		}
	}
}

// TestWhichRulesAreEvaluated covers rules that match no event.
func TestWhichRulesAreEvaluated(t *testing.T) {
	suspended := ruleFor("suspended", alert)
	suspended.Spec.Suspend = true
	deleted := ruleFor("deleted", alert)
	deleted.Finalizers = []string{"example.com/f"}
	deleted.DeletionTimestamp = &metav1.Time{Time: now}
	invalid := ruleFor("invalid", alert)
	invalid.Spec.When = "event."
	elsewhere := ruleFor("elsewhere", alert)
	elsewhere.Namespace = "other"
	w := newWorld(t, suspended, deleted, invalid, elsewhere, ruleFor("good", alert), ruleFor("runs", v1alpha1.EventTestRunCompleted))
	created, evalErrs, err := w.outbox().Announce(t.Context(), "voice", alertEvent("e"))
	if len(created) != 1 || !strings.HasPrefix(created[0], "good-") || evalErrs != nil || err != nil {
		t.Errorf("created %v, %v, %v", created, evalErrs, err)
	}
}

// TestAge makes sure that an event matches up to its maximum age.
func TestAge(t *testing.T) {
	box := newWorld(t, ruleFor("a", alert)).outbox()
	for age, want := range map[time.Duration]int{0: 1, 24 * time.Hour: 1, 24*time.Hour + 1: 0} {
		e := alertEvent(age.String())
		e.Time = now.Add(-age)
		if created, _, err := box.Announce(t.Context(), "voice", e); len(created) != want || err != nil {
			t.Errorf("%s old: created %v, %v; want %d", age, created, err, want)
		}
	}
	for _, age := range []time.Duration{24*time.Hour + 1, 47 * time.Hour, 90 * 24 * time.Hour} {
		e := alertEvent("outside " + age.String())
		e.Time = now.Add(-age) // the last one is older than the rule
		e.FromOutside = true
		if created, _, err := box.Announce(t.Context(), "voice", e); len(created) != 1 || err != nil {
			t.Errorf("%s old, arrived now: created %v, %v", age, created, err)
		}
	}
}

// TestRepeatedEventKeepsItsNotification makes sure that an alert that fires for days is announced once, by this
// process and the next one, and that its repetitions seldom cost a call.
func TestRepeatedEventKeepsItsNotification(t *testing.T) {
	w := newWorld(t, ruleFor("a", alert), ruleFor("runs", v1alpha1.EventTestRunCompleted))
	w.created = metav1.NewTime(now)
	box := w.outbox()
	repeat := func(step string, box *outbox.Outbox, after time.Duration, wantPatches int, wantSince time.Duration) {
		t.Helper()
		w.clock.Step(after)
		w.patches = 0
		e := alertEvent("fires")
		e.Time = now.Add(-time.Hour)
		e.FromOutside = true
		if created, _, err := box.Announce(t.Context(), "voice", e); len(created) != 0 || err != nil {
			t.Errorf("%s: created %v, %v", step, created, err)
		}
		stored := w.stored(t)
		if len(stored) != 1 || w.patches != wantPatches || !outbox.KeptSince(&stored[0]).Equal(now.Add(wantSince)) {
			t.Errorf("%s: %d patches, %+v; want %d, kept since %s", step, w.patches, stored, wantPatches, wantSince)
		}
	}
	first := alertEvent("fires")
	first.FromOutside = true
	if created, _, err := box.Announce(t.Context(), "voice", first); len(created) != 1 || err != nil {
		t.Fatalf("created %v, %v", created, err)
	}
	repeat("soon", box, 4*time.Hour, 0, 0)
	repeat("after half the maximum age", box, 8*time.Hour, 1, 12*time.Hour)
	repeat("again", box, 4*time.Hour, 0, 12*time.Hour)
	repeat("by the next process", w.outbox(), 30*time.Hour, 1, 46*time.Hour)
	repeat("by the former one", box, 12*time.Hour, 1, 58*time.Hour)

	w.clock.Step(12 * time.Hour)
	w.onPatch = apierrors.NewForbidden(schema.GroupResource{Resource: "notifications"}, "n", errors.New("no"))
	if _, _, err := box.Announce(t.Context(), "voice", first); !outbox.IsRejected(err) {
		t.Errorf("the patch was refused: %v", err)
	}
	w.onPatch = apierrors.NewNotFound(schema.GroupResource{Resource: "notifications"}, "n")
	if _, _, err := box.Announce(t.Context(), "voice", first); err != nil {
		t.Errorf("deleted meanwhile: %v", err)
	}
	w.onPatch = errors.New("connection lost")
	if _, _, err := w.outbox().Announce(t.Context(), "voice", first); !errors.Is(err, w.onPatch) || outbox.IsRejected(err) {
		t.Errorf("the patch got no answer: %v", err)
	}
}

// TestKeptSince makes sure that an annotation only lengthens how long a Notification is kept.
func TestKeptSince(t *testing.T) {
	for value, want := range map[string]time.Time{
		"": now, "yesterday": now, "2026-03-01T11:00:00Z": now, "2026-03-01T13:00:00Z": now.Add(time.Hour),
	} {
		n := &v1alpha1.Notification{ObjectMeta: metav1.ObjectMeta{
			CreationTimestamp: metav1.NewTime(now), Annotations: map[string]string{v1alpha1.LastArrivedAtAnnotation: value},
		}}
		if got := outbox.KeptSince(n); !got.Equal(want) {
			t.Errorf("%q: %s, want %s", value, got, want)
		}
	}
}

// TestChangedRule makes sure that a new leader, which announces the runs of the last day again, notifies of none of
// them by a rule whose spec was another one when they ended.
func TestChangedRule(t *testing.T) {
	changed := now.Add(-time.Hour)
	edited := func(status v1alpha1.NotificationRuleStatus) *v1alpha1.NotificationRule {
		r := ruleFor("runs", v1alpha1.EventTestRunCompleted, alert)
		r.Generation = 3
		r.Status = status
		by := func(subresource string, at time.Time) metav1.ManagedFieldsEntry {
			return metav1.ManagedFieldsEntry{
				Manager: "m" + subresource + at.String(), Operation: metav1.ManagedFieldsOperationUpdate, Subresource: subresource,
				APIVersion: v1alpha1.GroupVersion.String(), FieldsType: "FieldsV1", FieldsV1: metav1.NewFieldsV1("{}"),
				Time: &metav1.Time{Time: at},
			}
		}
		r.ManagedFields = []metav1.ManagedFieldsEntry{by("", changed.Add(-time.Hour)), by("", changed), by("status", now)}
		return r
	}
	observed := func(generation int64) v1alpha1.NotificationRuleStatus {
		return v1alpha1.NotificationRuleStatus{ObservedGeneration: generation}
	}
	known := observed(3)
	known.Since = &metav1.Time{Time: changed}
	before := changed.Add(-time.Second)
	after := changed.Add(time.Second)
	past := alertEvent("alert")
	past.Time = before
	ofDefect := runEvent("defect", before)
	ofDefect.Subject.Kind = v1alpha1.KindDefect
	for name, c := range map[string]struct {
		status      v1alpha1.NotificationRuleStatus
		event       *event.Event
		leaderSince time.Time
		want        int
	}{
		"before the change":                      {known, runEvent("run", before), now, 0},
		"in the second of the change":            {known, runEvent("run", changed), now, 1},
		"after the change":                       {known, runEvent("run", after), now, 1},
		"before a change not observed yet":       {observed(2), runEvent("run", before), now, 0},
		"after a change not observed yet":        {observed(2), runEvent("run", after), now, 1},
		"before a change since the first":        {observed(1), runEvent("run", before), now, 0},
		"a rule that never changed":              {observed(3), runEvent("run", before), now, 1},
		"a rule without a status":                {observed(0), runEvent("run", before), now, 1},
		"a rule not observed yet":                {observed(-1), runEvent("run", before), now, 1},
		"before the change, by the leader":       {known, runEvent("run", before), before, 1},
		"before the change, by an earlier one":   {known, runEvent("run", before), before.Add(1), 0},
		"an alert":                               {known, past, now, 1},
		"an alert before a change not observed":  {observed(2), past, now, 1},
		"an event of a Defect before the change": {known, ofDefect, now, 1},
	} {
		box := newWorld(t, edited(c.status)).outbox()
		box.LeaderSince = func() time.Time { return c.leaderSince }
		created, evalErrs, err := box.Announce(t.Context(), "voice", c.event)
		if len(created) != c.want || evalErrs != nil || err != nil {
			t.Errorf("%s: created %v, %v, %v; want %d", name, created, evalErrs, err, c.want)
		}
	}
}

// TestChangedRuleUnreadable covers a rule whose managed fields cannot be read.
func TestChangedRuleUnreadable(t *testing.T) {
	r := ruleFor("runs", v1alpha1.EventTestRunCompleted)
	r.Generation = 3
	r.Status.ObservedGeneration = 2
	w := newWorld(t, r)
	box := w.outbox()
	box.Live = newWorld(t) // where the rule was deleted
	if created, _, err := box.Announce(t.Context(), "voice", runEvent("run", now.Add(-time.Minute))); created != nil || err != nil {
		t.Errorf("a deleted rule: created %v, %v", created, err)
	}
	broken := errors.New("connection lost")
	box.Live = interceptor.NewClient(w.Client.(client.WithWatch), interceptor.Funcs{
		Get: func(context.Context, client.WithWatch, client.ObjectKey, client.Object, ...client.GetOption) error {
			return broken
		},
	})
	created, _, err := box.Announce(t.Context(), "voice", runEvent("another", now.Add(-time.Minute)))
	if created != nil || !errors.Is(err, broken) {
		t.Errorf("a rule that cannot be read: created %v, %v", created, err)
	}
}

// TestEvaluationErrors makes sure that an expression that cannot be evaluated is reported, stops no other rule, and
// is not evaluated for runs from before it was written.
func TestEvaluationErrors(t *testing.T) {
	changed := metav1.NewTime(now.Add(-time.Hour))
	r := ruleFor("runs", v1alpha1.EventTestRunCompleted)
	r.Spec.When = `event.data.nothing == ""`
	r.Status = v1alpha1.NotificationRuleStatus{ObservedGeneration: 1, Since: &changed}
	other := ruleFor("to-the-others", v1alpha1.EventTestRunCompleted)
	for ago, want := range map[time.Duration]float64{2 * time.Hour: 0, time.Minute: 1} {
		for _, observed := range []bool{true, false} {
			box := newWorld(t, r, other).outbox()
			reported := 0.0
			if observed {
				box.OnEvalError = func(*v1alpha1.NotificationRule, *event.Event, time.Time, error) { reported++ }
			}
			before := counter(t, "voiceai_rule_errors_total", v1alpha1.EventTestRunCompleted)
			created, evalErrs, err := box.Announce(t.Context(), "voice", runEvent(ago.String(), now.Add(-ago)))
			if (evalErrs != nil) != (want == 1) || len(created) != 1 || err != nil {
				t.Errorf("%s ago: created %v, %v, %v; want %g errors", ago, created, evalErrs, err, want)
			}
			counted := counter(t, "voiceai_rule_errors_total", v1alpha1.EventTestRunCompleted) - before
			if counted != want || observed && reported != want {
				t.Errorf("%s ago: counted %g, reported %g, want %g", ago, counted, reported, want)
			}
		}
	}
}

// TestCancelled makes sure that a Notification that a user deleted is not stored again, even by a process that does
// not remember having announced the event.
func TestCancelled(t *testing.T) {
	r := ruleFor("runs", v1alpha1.EventTestRunCompleted)
	r.Status.CalledOff = []v1alpha1.EventID{"deleted"}
	box := newWorld(t, r, ruleFor("others", v1alpha1.EventTestRunCompleted)).outbox()
	for id, want := range map[string]int{"deleted": 1, "another": 2} {
		if created, _, err := box.Announce(t.Context(), "voice", runEvent(id, now)); len(created) != want || err != nil {
			t.Errorf("%s: created %v, %v; want %d", id, created, err, want)
		}
	}
}

func TestMayRecur(t *testing.T) {
	box := newWorld(t).outbox()
	notification := func(kind string, age time.Duration, members ...v1alpha1.NotificationName) *v1alpha1.Notification {
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
		"a run":                {notification(event.KindJob, time.Hour), true},
		"an alert":             {notification("", time.Hour), true},
		"a Defect":             {notification(v1alpha1.KindDefect, time.Hour), false},
		"a run of a day ago":   {notification(event.KindJob, 24*time.Hour), true},
		"a run of before that": {notification(event.KindJob, 24*time.Hour+1), false},
		"a digest":             {notification("", time.Hour, "n"), false},
	} {
		if got := box.MayRecur(c.n); got != c.want {
			t.Errorf("%s: got %t, want %t", name, got, c.want)
		}
	}
	box.Retention = 72 * time.Hour
	for arrived, want := range map[time.Duration]bool{0: true, 71 * time.Hour: true, 72 * time.Hour: false} {
		n := notification("", 200*time.Hour)
		n.CreationTimestamp = metav1.NewTime(now.Add(-100 * time.Hour))
		n.Annotations = map[string]string{v1alpha1.LastArrivedAtAnnotation: now.Add(-arrived).Format(time.RFC3339)}
		if got := box.MayRecur(n); got != want {
			t.Errorf("an alert that last arrived %s ago: got %t, want %t", arrived, got, want)
		}
	}
}

// TestEventIsCountedOnce makes sure that an event counts once, however often it is announced and many rules match.
func TestEventIsCountedOnce(t *testing.T) {
	const discovered = v1alpha1.EventEdgeCaseDiscovered
	w := newWorld(t, ruleFor("a", discovered), ruleFor("b", discovered))
	box := w.outbox()
	events, matches := counter(t, "voiceai_events_total", discovered), counter(t, "voiceai_matches_total", discovered)
	for range 3 {
		if _, _, err := box.Announce(t.Context(), "voice", &event.Event{ID: "once", Type: discovered, Time: now}); err != nil {
			t.Fatal(err)
		}
	}
	if got := counter(t, "voiceai_events_total", discovered) - events; got != 1 {
		t.Errorf("%g events, want 1", got)
	}
	if got := counter(t, "voiceai_matches_total", discovered) - matches; got != 2 {
		t.Errorf("%g matches, want one for each rule", got)
	}
	// Another process, whose cache does not show what the first one stored.
	w.lags = true
	other := w.outbox()
	created, _, err := other.Announce(t.Context(), "voice", &event.Event{ID: "once", Type: discovered, Time: now})
	if len(created) != 2 || err != nil || counter(t, "voiceai_matches_total", discovered)-matches != 2 {
		t.Errorf("created %v, %v; want both Notifications, and no match", created, err)
	}
	if n := len(w.stored(t)); n != 2 {
		t.Errorf("%d are stored, want 2", n)
	}
}

// TestLaggingCache makes sure that an announcement returns what it stored until the cache shows it, for 10 seconds.
func TestLaggingCache(t *testing.T) {
	w := newWorld(t, ruleFor("a", alert))
	box := w.outbox()
	for i, step := range []struct {
		after time.Duration
		lags  bool
		want  int
	}{{0, true, 1}, {0, true, 1}, {9999 * time.Millisecond, true, 1}, {10 * time.Second, true, 0}, {0, true, 0}} {
		w.clock.Step(step.after)
		w.lags = step.lags
		if created, _, err := box.Announce(t.Context(), "voice", alertEvent("e")); len(created) != step.want || err != nil {
			t.Errorf("step %d: created %v, %v; want %d", i, created, err, step.want)
		}
	}
	w.lags = true
	if created, _, _ := box.Announce(t.Context(), "voice", alertEvent("shown")); len(created) != 1 {
		t.Errorf("created %v, want one", created)
	}
	w.lags = false
	if created, _, _ := box.Announce(t.Context(), "voice", alertEvent("shown")); len(created) != 0 {
		t.Errorf("created %v, which the cache shows", created)
	}
}

// TestForgetEvents makes sure that nothing is left of the events of a Defect that was deleted.
func TestForgetEvents(t *testing.T) {
	box := newWorld(t, ruleFor("a", alert)).outbox()
	for _, id := range []string{"gone", "kept"} {
		if _, _, err := box.Announce(t.Context(), "voice", alertEvent(id)); err != nil {
			t.Fatal(err)
		}
	}
	box.ForgetEvents("voice", []v1alpha1.EventID{"gone", "unknown"})
	if box.Announced("voice", "gone") || !box.Announced("voice", "kept") {
		t.Error("the event is not forgotten, or others are")
	}
}

// TestAnnouncedAgain makes sure that an event that is announced again is evaluated by new rules alone.
func TestAnnouncedAgain(t *testing.T) {
	w := newWorld(t, ruleFor("a", alert))
	box := w.outbox()
	announce := func(step string, want int) {
		t.Helper()
		w.clock.Step(time.Minute)
		for i := range w.stored(t) {
			if err := w.Delete(t.Context(), &w.stored(t)[0]); err != nil {
				t.Fatal(i, err)
			}
		}
		if created, _, err := box.Announce(t.Context(), "voice", alertEvent("e")); len(created) != want || err != nil {
			t.Errorf("%s: created %v, %v; want %d", step, created, err, want)
		}
	}
	if box.Announced("voice", "e") {
		t.Error("announced before it was")
	}
	announce("at first", 1)
	if !box.Announced("voice", "e") || box.Announced("other", "e") || box.Announced("voice", "f") {
		t.Error("not announced, or elsewhere")
	}
	announce("again", 0)
	w.put(t, ruleFor("b", alert))
	announce("with a new rule", 1)
	announce("again", 0)
	edited := ruleFor("b", alert)
	edited.Generation = 2
	w.put(t, edited)
	announce("with an edited rule", 0)
	recreated := edited.DeepCopy()
	recreated.UID = "another"
	w.put(t, recreated)
	announce("with a rule that was deleted and created", 1)
	box.Forget(client.ObjectKeyFromObject(recreated))
	announce("with a rule that was forgotten", 1)
}

// TestCompile makes sure that a rule is compiled once for each generation of it.
func TestCompile(t *testing.T) {
	box := newWorld(t).outbox()
	compile := func(change func(*v1alpha1.NotificationRule)) (any, error) {
		r := ruleFor("a", alert)
		change(r)
		return box.Compile(r)
	}
	first, err := compile(func(*v1alpha1.NotificationRule) {})
	if err != nil {
		t.Fatal(err)
	}
	if again, _ := compile(func(*v1alpha1.NotificationRule) {}); again != first {
		t.Error("compiled twice")
	}
	for name, change := range map[string]func(*v1alpha1.NotificationRule){
		"another generation": func(r *v1alpha1.NotificationRule) { r.Generation = 2 },
		"another rule":       func(r *v1alpha1.NotificationRule) { r.UID = "another" },
	} {
		if other, _ := compile(change); other == first {
			t.Errorf("%s: not compiled", name)
		}
		first, _ = compile(func(*v1alpha1.NotificationRule) {})
	}
	if _, err := compile(func(r *v1alpha1.NotificationRule) { r.Generation, r.Spec.When = 3, "event." }); err == nil {
		t.Error("an invalid expression was compiled")
	}
}

// TestAnnouncementsAreBounded makes sure that the latest 16,384 events are remembered.
func TestAnnouncementsAreBounded(t *testing.T) {
	w := newWorld(t)
	box := w.outbox()
	box.Client = interceptor.NewClient(w.Client.(client.WithWatch), interceptor.Funcs{
		List: func(context.Context, client.WithWatch, client.ObjectList, ...client.ListOption) error { return nil },
	})
	for i := range 16_385 {
		if i == 16_384 && !box.Announced("voice", "1") { // keeps it in front of the others
			t.Error("an event was forgotten too early")
		}
		if _, _, err := box.Announce(t.Context(), "voice", alertEvent(fmt.Sprint(i))); err != nil {
			t.Fatal(err)
		}
	}
	for id, want := range map[string]bool{"0": false, "1": true, "16384": true} {
		if got := box.Announced("voice", id); got != want {
			t.Errorf("event %s is remembered: %t", id, got)
		}
	}
}

func TestNotification(t *testing.T) {
	long := strings.Repeat("x", 39) + "-" + strings.Repeat("y", 30)
	for name, c := range map[string]struct {
		rule, suite                   string
		prefix, ruleLabel, suiteLabel string
	}{
		"short":               {"rule", "suite", "rule-", "rule", "suite"},
		"no suite":            {"rule", "", "rule-", "rule", ""},
		"a long name":         {long, strings.Repeat("s", 70), long[:39] + "-", long[:63], strings.Repeat("s", 63)},
		"40 characters":       {strings.Repeat("r", 41), "s", strings.Repeat("r", 40) + "-", strings.Repeat("r", 41), "s"},
		"cut before a hyphen": {"rule", strings.Repeat("s", 62) + "-t", "rule-", "rule", strings.Repeat("s", 62)},
		"no label value":      {"rule", "my suite", "rule-", "rule", ""},
	} {
		w := newWorld(t, ruleFor(c.rule, alert))
		e := alertEvent("e")
		e.Labels = map[string]string{v1alpha1.SuiteLabel: c.suite}
		created, _, err := w.outbox().Announce(t.Context(), "voice", e)
		stored := w.stored(t)
		if err != nil || len(stored) != 1 || len(created) != 1 || stored[0].Name != created[0] {
			t.Fatalf("%s: created %v, %v", name, created, err)
		}
		n := stored[0]
		if hash, ok := strings.CutPrefix(n.Name, c.prefix); !ok || len(hash) != 20 {
			t.Errorf("%s: the name is %s", name, n.Name)
		}
		suite, ok := n.Labels[v1alpha1.SuiteLabel]
		if n.Labels[v1alpha1.RuleLabel] != c.ruleLabel || suite != c.suiteLabel || ok != (c.suiteLabel != "") {
			t.Errorf("%s: labels %v", name, n.Labels)
		}
		if n.Labels[v1alpha1.EventTypeLabel] != string(alert) || n.Spec.Event.ID != "e" || n.Spec.Rule.Name != c.rule {
			t.Errorf("%s: %+v", name, n.Spec)
		}
	}
}
