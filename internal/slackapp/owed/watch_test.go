// SPDX-License-Identifier: Apache-2.0

package owed

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/voiceai-dev/integrations-operator/internal/fault"
)

// TestNothingPolls checks when the leader looks again: when the next answer is due, and not at all without any.
func TestNothingPolls(t *testing.T) {
	away := func(w *world) { w.slack.OnEphemeral = func() error { return fault.New(fault.Unavailable, "503") } }
	limited := func(w *world) {
		w.slack.OnEphemeral = func() error { return &fault.Fault{Kind: fault.RateLimited, RetryAfter: time.Minute} }
	}
	for name, c := range map[string]struct {
		answers []Answer
		job     *batchv1.Job
		change  func(*world)
		after   time.Duration
		want    time.Duration
	}{
		"nothing is owed":         {},
		"an act":                  {answers: []Answer{act()}, after: 3 * time.Second, want: 27 * time.Second},
		"an act that is answered": {answers: []Answer{act()}, after: time.Minute},
		"Slack is away":           {answers: []Answer{act()}, change: away, after: time.Minute, want: retryAfter},
		"Slack names a time":      {answers: []Answer{act()}, change: limited, after: time.Minute, want: time.Minute},
		"given up":                {answers: []Answer{act()}, change: away, after: 2 * time.Hour},
		"a run":                   {answers: []Answer{resultOf()}, job: run(false), after: time.Hour, want: 23 * time.Hour},
		"a run that ended":        {answers: []Answer{resultOf()}, job: run(true), after: time.Hour},
		"a run not seen yet":      {answers: []Answer{resultOf()}, after: 50 * time.Second, want: 10 * time.Second},
		"an act and a run":        {answers: []Answer{resultOf(), act()}, job: run(false), after: time.Second, want: 29 * time.Second},
		"a record that stays": {answers: []Answer{act()}, after: time.Minute, want: retryAfter, change: func(w *world) {
			w.client = interceptor.NewClient(w.client.(client.WithWatch), interceptor.Funcs{
				Patch: func(context.Context, client.WithWatch, client.Object, client.Patch, ...client.PatchOption) error {
					return errors.New("no connection")
				},
			})
			w.restart()
		}},
	} {
		w := newWorld(t)
		if c.job != nil {
			w = newWorld(t, c.job)
		}
		book := NewBook(w.client)
		for _, a := range c.answers {
			if err := book.Record(t.Context(), integration(), a.Asked, a); err != nil {
				t.Fatal(err)
			}
		}
		if c.change != nil {
			c.change(w)
		}
		if got := w.after(c.after); got != c.want {
			t.Errorf("%s: the leader looks again after %s, want %s", name, got, c.want)
		}
		asked := len(w.texts())
		if got := w.after(0); got != c.want || len(w.texts()) != asked {
			t.Errorf("%s: looked at again too soon, the leader sends %q and looks again after %s", name, w.texts(), got)
		}
	}
}

// TestManyAnswers gives an integration with many answers several turns, so that others have theirs.
func TestManyAnswers(t *testing.T) {
	w := newWorld(t)
	book := NewBook(w.client)
	for _, id := range []string{"1", "2", "3"} {
		if err := book.Record(t.Context(), integration(), id, act()); err != nil {
			t.Fatal(err)
		}
	}
	w.slack.OnEphemeral = func() error { w.clock.Step(turnTime); return nil } // a slow Slack
	for n := 1; n <= 3; n++ {
		want := time.Millisecond
		if n == 3 {
			want = 0
		}
		if next := w.after(time.Minute); next != want || len(w.texts()) != n {
			t.Errorf("turn %d ends with %d answers, the next one comes after %s", n, len(w.texts()), next)
		}
	}
}

// TestRunsThatEnd checks which events of Jobs lead to the integration that owes their result.
func TestRunsThatEnd(t *testing.T) {
	w := newWorld(t)
	if err := NewBook(w.client).Record(t.Context(), integration(), RunID(types.NamespacedName{Namespace: "qa", Name: "smoke-1"}),
		resultOf()); err != nil {
		t.Fatal(err)
	}
	other := run(true)
	other.Name = "smoke-2"
	want := []reconcile.Request{{NamespacedName: client.ObjectKeyFromObject(integration())}}
	if got := w.leader.owing(t.Context(), run(true)); !slices.Equal(got, want) {
		t.Errorf("the run leads to %v", got)
	}
	if got := w.leader.owing(t.Context(), other); len(got) > 0 {
		t.Errorf("another run leads to %v", got)
	}
	noSuite := run(true)
	noSuite.Labels = nil
	p := ends()
	for name, c := range map[string]struct{ got, want bool }{
		"ends":              {p.Update(event.UpdateEvent{ObjectOld: run(false), ObjectNew: run(true)}), true},
		"has ended":         {p.Update(event.UpdateEvent{ObjectOld: run(true), ObjectNew: run(true)}), false},
		"goes on":           {p.Update(event.UpdateEvent{ObjectOld: run(false), ObjectNew: run(false)}), false},
		"is deleted":        {p.Delete(event.DeleteEvent{Object: run(false)}), true},
		"begins":            {p.Create(event.CreateEvent{Object: run(false)}), false},
		"begins and ends":   {p.Create(event.CreateEvent{Object: run(true)}), true},
		"had ended before":  {p.Create(event.CreateEvent{Object: run(true), IsInInitialList: true}), false},
		"is not of a suite": {p.Update(event.UpdateEvent{ObjectOld: run(false), ObjectNew: noSuite}), false},
	} {
		if c.got != c.want {
			t.Errorf("a run that %s: %v", name, c.got)
		}
	}
}
