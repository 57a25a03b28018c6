// SPDX-License-Identifier: Apache-2.0

package slackapp_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	"github.com/voiceai-dev/integrations-operator/api/v1alpha1"
	"github.com/voiceai-dev/integrations-operator/internal/chat"
	"github.com/voiceai-dev/integrations-operator/internal/condition"
	"github.com/voiceai-dev/integrations-operator/internal/slackapp"
	"github.com/voiceai-dev/integrations-operator/internal/slackapp/button"
)

// TestAWriteWithoutAnswer checks that the answer does not claim that nothing was done when the API server gave no answer to the
// write.
func TestAWriteWithoutAnswer(t *testing.T) {
	w := newWorldWith(t, allow(everything()...), interceptor.Funcs{
		Update: func(context.Context, client.WithWatch, client.Object, ...client.UpdateOption) error {
			return apierrors.NewTimeoutError("the connection broke", 1)
		},
	}, slackIntegration(), secret(), defect("a"))
	got := w.send(0, click(button.Resolve, about("a")))
	if !strings.Contains(got, "not known whether this was done") || strings.Contains(got, "nothing was done") {
		t.Errorf("the answer is %q", got)
	}
}

// TestCauses checks that a person reads what happened and what to do, whatever keeps a click from its effect.
func TestCauses(t *testing.T) {
	const id = button.Resolve
	for name, c := range map[string]struct {
		change func(*world)
		value  button.Object
		id     string
		want   []string
	}{
		"no permission": {func(w *world) { w.review.allowed = nil }, about("a"), id,
			[]string{"You may not update defects.integrations.voiceai.dev in namespace qa", "You are the user `slack:T1:U1`.",
				"kind: RoleBinding", "name: slack:T1:U1"}},
		"object gone": {func(w *world) { w.delete(defect("a")) }, about("a"), id,
			[]string{"Nothing was done: Defect qa/a was deleted"}},
		"another object of the name": {func(*world) {}, button.Object{Integration: "uid-slack", Namespace: "qa", Name: "a", UID: "old"}, id,
			[]string{"Nothing was done: Defect qa/a was deleted"}},
		"integration suspended": {func(w *world) {
			w.updateSlack(func(i *v1alpha1.SlackIntegration) { i.Spec.Suspend = true })
		}, about("a"), id, []string{"SlackIntegration qa/slack is suspended", "Set spec.suspend to false"}},
		"stale message": {func(w *world) {
			d := w.defect()
			d.Status.State = v1alpha1.StateResolved
			w.update(d)
		}, about("a"), id, []string{"Nothing was done: the Defect is resolved already"}},
		"unknown workspace": {func(w *world) {
			w.updateSlack(func(i *v1alpha1.SlackIntegration) { i.Status.TeamID = "T9" })
		}, about("a"), id, []string{"This workspace (T1) is not connected", "Create a SlackIntegration"}},
		"Jira down": {func(w *world) {
			jira := &v1alpha1.JiraIntegration{ObjectMeta: meta("jira"), Spec: v1alpha1.JiraIntegrationSpec{Default: true}}
			condition.NotReady(jira, condition.Reconciling, v1alpha1.ReasonUnavailable, "Jira does not answer")
			w.create(jira)
		}, about("a"), button.CreateTicket,
			[]string{"Ticket requested", "Jira cannot be used now: Jira does not answer", "created once Jira works"}},
		"no Jira, as the Defect says already": {func(w *world) {
			d := w.defect()
			d.Annotations = map[string]string{v1alpha1.TicketRequestedAtAnnotation: noon.Format(time.RFC3339)}
			condition.False(d, v1alpha1.ConditionTicketed, v1alpha1.ReasonIntegrationNotFound, "Namespace qa has no default JiraIntegration")
			w.update(d)
		}, about("a"), button.CreateTicket, []string{"^:warning: No ticket can be created: Namespace qa has no default JiraIntegration"}},
		"Jira down, as the Defect says already": {func(w *world) {
			jira := &v1alpha1.JiraIntegration{ObjectMeta: meta("jira"), Spec: v1alpha1.JiraIntegrationSpec{Default: true}}
			condition.NotReady(jira, condition.Reconciling, v1alpha1.ReasonUnavailable, "Jira does not answer")
			w.create(jira)
			d := w.defect()
			d.Annotations = map[string]string{v1alpha1.TicketRequestedAtAnnotation: noon.Format(time.RFC3339)}
			condition.False(d, v1alpha1.ConditionTicketed, v1alpha1.ReasonIntegrationPaused, "JiraIntegration qa/jira: Jira does not answer")
			w.update(d)
		}, about("a"), button.CreateTicket, []string{"^:warning: Jira cannot be used now: Jira does not answer"}},
		"API server down": {func(w *world) { w.review.err = errUnreachable }, about("a"), id,
			[]string{"API server did not answer whether you may do this, so nothing was done", "Try again in a minute"}},
		"wrong cluster": {func(*world) {}, button.Object{Integration: "elsewhere", Namespace: "qa", Name: "a", UID: "uid-a"}, id,
			[]string{"posted by another cluster"}},
		"another namespace": {func(w *world) { w.create(defectIn("other")) },
			button.Object{Integration: "uid-slack", Namespace: "other", Name: "a", UID: "uid-a"}, id,
			[]string{"SlackIntegration qa/slack reaches the namespaces qa, and not other", "a NotificationRule there that names it."}},
		"another version": {func(*world) {}, about("a"), "voiceai_teleport", []string{"This button is not known here"}},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, allow(everything()...), slackIntegration(), secret(), defect("a"))
			c.change(w)
			got := "^" + w.send(0, click(c.id, c.value))
			for _, part := range c.want {
				if !strings.Contains(got, part) {
					t.Errorf("the answer is\n%s\nwithout %q", got, part)
				}
			}
			d := &v1alpha1.Defect{}
			if err := w.client.Get(t.Context(), types.NamespacedName{Namespace: "qa", Name: "a"}, d); err == nil && d.Spec.State != "" {
				t.Errorf("the Defect was moved to %s", d.Spec.State)
			}
		})
	}
}

// TestOtherButtons checks that a button that the operator does not understand says what to do instead.
func TestOtherButtons(t *testing.T) {
	w := newWorld(t, allow(everything()...), slackIntegration(), secret(), defect("a"), booking())
	for at, c := range []struct{ id, value string }{
		{"voiceai_teleport", about("a").Encode()}, {button.Resolve, "{"}, {button.CreateTicket, ""}, {button.Rerun, "null?"},
	} {
		got := w.send(0, clickOn(c.id, c.value, fmt.Sprint(at)))
		for _, part := range []string{"This button is not known here, so nothing was done", "defects` and ", "runs` show what there is by now"} {
			if !strings.Contains(got, part) {
				t.Errorf("%s with %q is answered\n%s\nwithout %q", c.id, c.value, got, part)
			}
		}
	}
	if len(w.jobs()) > 0 || w.defect().Spec.State != "" {
		t.Error("something was done")
	}
}

func defectIn(namespace string) *v1alpha1.Defect {
	return defect("a", func(d *v1alpha1.Defect) { d.Namespace = namespace })
}

func (w *world) delete(o client.Object) {
	w.t.Helper()
	if err := w.client.Delete(w.t.Context(), o); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) create(o client.Object) {
	w.t.Helper()
	if err := w.client.Create(w.t.Context(), o); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) update(o client.Object) {
	w.t.Helper()
	if err := w.client.Update(w.t.Context(), o); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) updateSlack(change func(*v1alpha1.SlackIntegration)) {
	w.t.Helper()
	i := &v1alpha1.SlackIntegration{}
	if err := w.client.Get(w.t.Context(), types.NamespacedName{Namespace: "qa", Name: "slack"}, i); err != nil {
		w.t.Fatal(err)
	}
	change(i)
	w.update(i)
}

// TestReplay answers a request that arrives again, and does nothing.
func TestReplay(t *testing.T) {
	w := newWorld(t, allow(everything()...), slackIntegration(), secret(), defect("a"), booking())
	w.send(0, click(button.Resolve, about("a")))
	d := w.defect()
	d.Spec.State = v1alpha1.StateOpen
	w.update(d)
	w.clock.Step(time.Hour)
	for range 2 {
		if got := w.send(0, click(button.Resolve, about("a"))); !strings.Contains(got, "This arrived twice") {
			t.Errorf("the answer is\n%s", got)
		}
	}
	if s := w.defect().Spec.State; s != v1alpha1.StateOpen {
		t.Errorf("a replay moved the Defect to %s", s)
	}
	w.send(0, command("run booking"))
	if got := w.send(0, command("run booking")); !strings.Contains(got, "This arrived twice") || len(w.jobs()) != 1 {
		t.Errorf("the answer is\n%s\nand there are %d runs", got, len(w.jobs()))
	}
}

// TestTwoReplicasActOnce receives one request by two replicas: it has one effect, and both answer.
func TestTwoReplicasActOnce(t *testing.T) {
	w := newWorld(t, allow(everything()...), slackIntegration(), secret(), booking())
	for replica, want := range []string{"was started.", "was started before."} {
		if got := w.send(replica, command("run booking")); !strings.Contains(got, want) {
			t.Errorf("replica %d answers\n%s", replica, got)
		}
	}
	if n := len(w.jobs()); n != 1 {
		t.Errorf("%d runs, want 1", n)
	}
}

// TestDoubleClick clicks twice: the second click finds nothing to do and says so.
func TestDoubleClick(t *testing.T) {
	w := newWorld(t, allow(everything()...), slackIntegration(), secret(), defect("a"), booking())
	value := about("a").Encode()
	if got := w.send(0, clickOn(button.Resolve, value, "1")); !strings.Contains(got, "You moved the Defect") {
		t.Errorf("the first click is answered\n%s", got)
	}
	if got := w.send(1, clickOn(button.Resolve, value, "2")); !strings.Contains(got, "the Defect is resolved already") {
		t.Errorf("the second click is answered\n%s", got)
	}
	value = about("booking").Encode()
	w.send(0, clickOn(button.Rerun, value, "3"))
	if got := w.send(1, clickOn(button.Rerun, value, "4")); !strings.Contains(got, "started again before") || len(w.jobs()) != 1 {
		t.Errorf("the second rerun is answered\n%s\nand there are %d runs", got, len(w.jobs()))
	}
}

// TestRerunOfTheSameCronJob reruns a run of a suite that two CronJobs run.
func TestRerunOfTheSameCronJob(t *testing.T) {
	other := booking()
	other.Name = "booking-canary"
	other.UID = "uid-canary"
	run := &batchv1.Job{ObjectMeta: meta("booking-1")}
	run.OwnerReferences = []metav1.OwnerReference{{APIVersion: "batch/v1", Kind: "CronJob", Name: other.Name, UID: other.UID,
		Controller: ptr.To(true)}}
	run.Labels = booking().Labels
	w := newWorld(t, allow(everything()...), slackIntegration(), secret(), booking(), other, run)
	of := about("booking-1")
	of.Suite = "booking"
	if got := w.send(0, click(button.Rerun, of)); !strings.Contains(got, "Run qa/booking-canary-") || !strings.Contains(got, "was started") {
		t.Errorf("the click is answered\n%s", got)
	}
}

// TestStorm clicks 200 times on one button, at two replicas: one ticket is requested, and each click is answered.
func TestStorm(t *testing.T) {
	var writes atomic.Int32
	w := newWorldWith(t, allow(everything()...), interceptor.Funcs{
		Update: func(ctx context.Context, c client.WithWatch, o client.Object, options ...client.UpdateOption) error {
			err := c.Update(ctx, o, options...)
			if err == nil {
				writes.Add(1)
			}
			return err
		},
	}, slackIntegration(), secret(), defect("a"))
	i := slackIntegration()
	var all sync.WaitGroup
	for n := range 200 {
		all.Go(func() {
			r := clickOn(button.CreateTicket, about("a").Encode(), fmt.Sprint(n))
			if _, err := w.dispatchers[n%2].Receive(t.Context(), slackapp.Delivery{
				Request: r, Integrations: []*v1alpha1.SlackIntegration{i},
			}); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if n := writes.Load(); n != 1 {
		t.Errorf("the Defect was written %d times, want once", n)
	}
	if n := len(w.slack.Responses()); n != 200 {
		t.Errorf("%d of 200 clicks were answered", n)
	}
}

// TestTheMessageIsRepaired edits the message of a click to show the Defect as it is.
func TestTheMessageIsRepaired(t *testing.T) {
	w := newWorld(t, allow(everything()...), slackIntegration(), secret(), defect("a"))
	w.slack.Keep(chat.Message{}) // the message with the button
	w.send(0, clickOn(button.StartWork, about("a").Encode(), "1"))
	w.send(0, clickOn(button.StartWork, about("a").Encode(), "2"))
	updates := w.slack.Updates()
	if len(updates) != 2 {
		t.Fatalf("%d edits, want one for each click", len(updates))
	}
	for _, u := range updates {
		got := textOf(u.Message)
		if !strings.Contains(got, "in progress") || strings.Contains(got, "[Start work]") || !strings.Contains(got, "[Resolve]") {
			t.Errorf("the message shows\n%s", got)
		}
	}
	w.delete(w.defect())
	w.send(0, clickOn(button.Resolve, about("a").Encode(), "3"))
	updates = w.slack.Updates()
	got := textOf(updates[len(updates)-1].Message)
	if strings.Contains(got, "[") || !strings.Contains(got, "It was deleted") || !strings.Contains(got, "Defect found") {
		t.Errorf("the message of a deleted Defect shows\n%s", got)
	}
}

// TestAskAnAdmin posts the RoleBinding to the admins' channel.
func TestAskAnAdmin(t *testing.T) {
	i := slackIntegration()
	i.Spec.AdminChannel = "#platform"
	w := newWorld(t, allow(), i, secret(), defect("a"))
	if got := w.send(0, click(button.Resolve, about("a"))); !strings.Contains(got, "[Ask an admin]") {
		t.Fatalf("the refusal is\n%s", got)
	}
	refusal := w.slack.Responses()[0]
	ask := refusal.Blocks[len(refusal.Blocks)-1].Buttons[0]
	if got := w.send(0, clickOn(ask.ID, ask.Value, "2")); !strings.Contains(got, "Your request was posted to #platform") {
		t.Errorf("the request is answered\n%s", got)
	}
	posted := w.slack.Messages()
	if len(posted) != 1 || posted[0].Channel != "#platform" || !strings.Contains(textOf(posted[0]), "<@U1>") ||
		!strings.Contains(textOf(posted[0]), "- update\n") || !strings.Contains(textOf(posted[0]), "namespace: qa") {
		t.Errorf("the admins read %v", posted)
	}
	got := w.send(0, clickOn(ask.ID, ask.Value, "2b"))
	if !strings.Contains(got, "You asked for this before") || len(w.slack.Messages()) != 1 {
		t.Errorf("the second request is answered\n%s\nwith %d messages", got, len(w.slack.Messages()))
	}
	forged := button.Permission{Integration: "uid-slack", Verb: "*", Group: "*", Resource: "*", Namespace: "qa"}
	if got := w.send(0, clickOn(ask.ID, forged.Encode(), "3")); len(w.slack.Messages()) != 1 || !strings.Contains(got, "not valid any more") {
		t.Errorf("a request for another permission than those of acts in Slack is answered\n%s", got)
	}
	w.updateSlack(func(i *v1alpha1.SlackIntegration) { i.Spec.Suspend = true })
	other := button.Permission{Integration: "uid-slack", Verb: "list", Group: "batch", Resource: "jobs", Namespace: "qa"}
	if got := w.send(0, clickOn(ask.ID, other.Encode(), "4")); len(w.slack.Messages()) != 1 || !strings.Contains(got, "is suspended") {
		t.Errorf("while the integration is suspended, a request is answered\n%s", got)
	}
}

// TestAClickCostsOneRead reads the Defect of a click once from the API server, where the time goes, unless the cache is behind.
func TestAClickCostsOneRead(t *testing.T) {
	for name, c := range map[string]struct {
		cached *v1alpha1.Defect
		live   *v1alpha1.Defect
		reads  int
		want   string
	}{
		"as the cache has it":    {defect("a"), defect("a"), 1, "You moved the Defect: it is resolved."},
		"new":                    {nil, defect("a"), 2, "You moved the Defect: it is resolved."},
		"resolved meanwhile":     {defect("a"), defect("a", inState(v1alpha1.StateResolved)), 1, "Nothing was done: the Defect is resolved already"},
		"opened again meanwhile": {defect("a", inState(v1alpha1.StateResolved)), defect("a"), 2, "You moved the Defect: it is resolved."},
		"deleted meanwhile":      {defect("a"), nil, 1, "Nothing was done: Defect qa/a was deleted"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, allow(everything()...), slackIntegration(), secret())
			if c.live != nil {
				w.create(c.live)
			}
			reads := 0
			o := w.dispatchers[0].Options
			o.Live = interceptor.NewClient(w.client.(client.WithWatch), interceptor.Funcs{
				Get: func(ctx context.Context, live client.WithWatch, key client.ObjectKey, o client.Object, options ...client.GetOption) error {
					if key.Name == "a" {
						reads++
					}
					return live.Get(ctx, key, o, options...)
				},
			})
			o.Client = interceptor.NewClient(w.client.(client.WithWatch), interceptor.Funcs{
				Get: func(ctx context.Context, cache client.WithWatch, key client.ObjectKey, o client.Object, options ...client.GetOption) error {
					d, ok := o.(*v1alpha1.Defect)
					switch {
					case ok && c.cached == nil:
						return apierrors.NewNotFound(schema.GroupResource{Resource: "defects"}, key.Name)
					case ok:
						c.cached.DeepCopyInto(d)
						return nil
					}
					return cache.Get(ctx, key, o, options...)
				},
			})
			w.dispatchers[0] = slackapp.New(o)
			if got := w.send(0, click(button.Resolve, about("a"))); !strings.Contains(got, c.want) || reads != c.reads {
				t.Errorf("after %d reads, the answer is %s", reads, got)
			}
		})
	}
}
