// SPDX-License-Identifier: Apache-2.0

package owed

import (
	"errors"
	"strings"
	"testing"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	testingclock "k8s.io/utils/clock/testing"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/voiceai-dev/integrations-operator/api/v1alpha1"
	"github.com/voiceai-dev/integrations-operator/internal/chat"
	"github.com/voiceai-dev/integrations-operator/internal/chat/chattest"
	"github.com/voiceai-dev/integrations-operator/internal/fault"
)

var noon = time.Date(2026, 11, 28, 12, 0, 0, 0, time.UTC)

// world is a cluster and a workspace.
type world struct {
	t      *testing.T
	client client.Client
	slack  chattest.App
	clock  *testingclock.FakeClock
	leader *Leader
}

func newWorld(t *testing.T, objects ...client.Object) *world {
	t.Helper()
	scheme := runtime.NewScheme()
	if err := errors.Join(clientgoscheme.AddToScheme(scheme), v1alpha1.AddToScheme(scheme)); err != nil {
		t.Fatal(err)
	}
	i := integration()
	secret := &corev1.Secret{ObjectMeta: meta("slack"), Data: map[string][]byte{"token": []byte("xoxb-1")}}
	w := &world{t: t, clock: testingclock.NewFakeClock(noon)}
	w.client = fake.NewClientBuilder().WithScheme(scheme).WithObjects(i, secret).WithObjects(objects...).Build()
	w.restart()
	return w
}

// restart makes another process the leader.
func (w *world) restart() {
	w.leader = NewLeader(Options{Client: w.client, Live: w.client, Clock: w.clock, Dial: w.slack.DialApp})
}

func meta(name string) metav1.ObjectMeta { return metav1.ObjectMeta{Namespace: "qa", Name: name} }

func integration() *v1alpha1.SlackIntegration {
	return &v1alpha1.SlackIntegration{ObjectMeta: meta("slack"), Spec: v1alpha1.SlackIntegrationSpec{
		Bot: &v1alpha1.SlackBot{TokenSecretRef: v1alpha1.SecretKeyReference{Name: "slack", Key: "token"}},
	}}
}

// run returns a run that ended, or has not.
func run(ended bool) *batchv1.Job {
	j := &batchv1.Job{ObjectMeta: meta("smoke-1")}
	j.Labels = map[string]string{v1alpha1.SuiteLabel: "smoke"}
	j.Annotations = map[string]string{v1alpha1.ResultsAnnotation: `{"passed":3,"failed":1}`}
	if ended {
		j.Status.Conditions = []batchv1.JobCondition{
			{Type: batchv1.JobComplete, Status: corev1.ConditionTrue, LastTransitionTime: metav1.NewTime(noon)},
		}
	}
	return j
}

// act is the answer to a click, result the one with the result of a run.
func act() Answer {
	return Answer{User: "U1", Channel: "C1", ThreadTS: "1.0", Asked: "the button Resolve", At: noon, Due: noon.Add(30 * time.Second)}
}

func resultOf() Answer {
	return Answer{User: "U1", Channel: "C1", ThreadTS: "1.0", Asked: "the command run", At: noon, Due: noon, Namespace: "qa", Run: "smoke-1"}
}

// owe records an answer.
func (w *world) owe(a Answer) {
	w.t.Helper()
	if err := NewBook(w.client).Record(w.t.Context(), integration(), "1", a); err != nil {
		w.t.Fatal(err)
	}
}

// after lets the leader answer after a time. It returns when the leader looks again, from then on; 0 for after an event only.
func (w *world) after(d time.Duration) time.Duration {
	w.t.Helper()
	w.clock.Step(d)
	next, err := w.leader.Reconcile(w.t.Context(), reconcile.Request{NamespacedName: client.ObjectKeyFromObject(integration())})
	if err != nil {
		w.t.Fatal(err)
	}
	return next.RequeueAfter
}

// records returns how many answers are owed.
func (w *world) records() int {
	w.t.Helper()
	i := integration()
	if err := w.client.Get(w.t.Context(), client.ObjectKeyFromObject(i), i); err != nil {
		w.t.Fatal(err)
	}
	return count(i)
}

// texts returns what the person and the channel read: the messages for the person first.
func (w *world) texts() (all []string) {
	for _, m := range append(w.slack.Ephemeral(), w.slack.Messages()...) {
		words := m.Channel + " " + m.ThreadTS + " " + m.Text
		for _, b := range m.Blocks {
			words += " " + b.Section + strings.Join(b.Context, " ")
		}
		all = append(all, words)
	}
	return all
}

// expect checks that there is one text, which has certain words, or none, and how many answers are owed.
func (w *world) expect(records int, words ...string) {
	w.t.Helper()
	all := w.texts()
	if len(words) > 0 != (len(all) == 1) {
		w.t.Fatalf("the messages are %q", all)
	}
	for _, x := range words {
		if !strings.Contains(all[0], x) {
			w.t.Errorf("the message is %q, without %q", all[0], x)
		}
	}
	if n := w.records(); n != records {
		w.t.Errorf("%d answers are owed, want %d", n, records)
	}
}

// TestActs gives the answers that no replica gave in time, once.
func TestActs(t *testing.T) {
	w := newWorld(t)
	w.owe(act())
	w.after(29 * time.Second)
	w.expect(1)
	w.after(time.Second)
	w.after(time.Second)
	w.expect(0, "C1 1.0 ", "There is no answer to the button Resolve", "try again")
}

// TestActsWithoutAPlace writes to the person where the app cannot write, and for a form.
func TestActsWithoutAPlace(t *testing.T) {
	w := newWorld(t)
	w.slack.OnEphemeral = func() error { return fault.New(fault.NotFound, "channel_not_found") }
	w.owe(act())
	w.after(time.Minute)
	w.expect(0, "U1  ", "There is no answer to the button Resolve")

	w = newWorld(t)
	w.owe(Answer{User: "U1", Asked: "the form", At: noon, Due: noon})
	w.after(time.Minute)
	w.expect(0, "U1  ", "There is no answer to the form")
}

// TestRuns posts the result of a run once, or why there is none.
func TestRuns(t *testing.T) {
	elsewhere := resultOf()
	elsewhere.Namespace = "other"
	for name, c := range map[string]struct {
		job     *batchv1.Job
		answer  Answer
		after   time.Duration
		records int
		words   []string
	}{
		"ended":          {run(true), resultOf(), time.Second, 0, []string{"C1 1.0 ", "smoke", "<@U1>"}},
		"running":        {run(false), resultOf(), time.Hour, 1, nil},
		"without an end": {run(false), resultOf(), 24 * time.Hour, 0, []string{"<@U1> Run qa/smoke-1 has not ended within a day"}},
		"not seen yet":   {nil, resultOf(), 50 * time.Second, 1, nil},
		"deleted":        {nil, resultOf(), time.Minute, 0, []string{"<@U1> Run qa/smoke-1 was deleted before its result was read"}},
		"in a namespace that is not reached": {run(true), elsewhere, time.Second, 0,
			[]string{"The result of run other/smoke-1 cannot be shown"}},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			if c.job != nil {
				w = newWorld(t, c.job)
			}
			w.owe(c.answer)
			w.after(c.after)
			w.after(time.Second)
			w.expect(c.records, c.words...)
		})
	}
}

// TestResultOfAFormerLeader finds the message of a process that was killed after it posted one.
func TestResultOfAFormerLeader(t *testing.T) {
	w := newWorld(t, run(true))
	w.owe(resultOf())
	w.slack.OnPost(func(m chat.Message) error {
		w.slack.Keep(m)
		return fault.New(fault.Ambiguous, "the connection broke")
	})
	w.after(time.Second)
	w.expect(1, "smoke")
	w.slack.OnPost(nil)
	w.restart()
	w.after(time.Second)
	w.expect(0, "smoke")
}

// TestSlackIsDown retries after a while, and gives up after an hour.
func TestSlackIsDown(t *testing.T) {
	for name, c := range map[string]struct {
		err     error
		after   time.Duration
		records int
		words   []string
	}{
		"for a moment": {fault.New(fault.Unavailable, "503"), retryAfter, 0, []string{"no answer"}},
		"too soon":     {fault.New(fault.Unavailable, "503"), retryAfter - time.Second, 1, nil},
		"with a wait":  {&fault.Fault{Kind: fault.RateLimited, RetryAfter: time.Minute}, 59 * time.Second, 1, nil},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.slack.OnEphemeral = func() error { return c.err }
			w.owe(act())
			w.after(time.Minute)
			w.expect(1)
			w.slack.OnEphemeral = nil
			w.after(c.after)
			w.expect(c.records, c.words...)
		})
	}
	w := newWorld(t)
	w.slack.OnEphemeral = func() error { return fault.New(fault.Unavailable, "503") }
	w.owe(act())
	w.after(giveUpAfter + time.Minute)
	w.expect(0)
}

// TestForgedRecords are removed, and lead to no message.
func TestForgedRecords(t *testing.T) {
	for _, forged := range []string{
		"", "{}", "null", "[]", `"U1"`, strings.Repeat("x", maxRecord+1),
		`{"user":"U1","channel":"#general","asked":"x","at":"2026-11-28T12:00:00Z"}`,
		`{"user":"S1","channel":"C1","asked":"x","at":"2026-11-28T12:00:00Z"}`,
		`{"user":"U1> <!channel","channel":"C1","asked":"x","at":"2026-11-28T12:00:00Z"}`,
		`{"user":"U1","channel":"C1","thread":"now","asked":"x","at":"2026-11-28T12:00:00Z"}`,
		`{"user":"U1","channel":"C1","asked":"x","at":"2026-11-28T12:00:00Z","namespace":"..","run":"x"}`,
		`{"user":"U1","channel":"C1","asked":"x","at":"2026-11-28T12:00:00Z","run":"x"}`,
	} {
		w := newWorld(t)
		if err := NewBook(w.client).set(t.Context(), client.ObjectKeyFromObject(integration()), key("1"), forged); err != nil {
			t.Fatal(err)
		}
		w.after(time.Minute)
		if all := w.texts(); len(all) > 0 || w.records() > 0 {
			t.Errorf("%s leads to %q, and %d answers are owed", forged, all, w.records())
		}
	}
}

// TestFull records no more answers than the annotations of an integration have room for.
func TestFull(t *testing.T) {
	w := newWorld(t)
	i := integration()
	i.Annotations = map[string]string{}
	for n := range maxOwed {
		i.Annotations[key(strings.Repeat("x", n))] = "{}"
	}
	if err := NewBook(w.client).Record(t.Context(), i, "1", act()); !errors.Is(err, ErrFull) {
		t.Errorf("one more is recorded: %v", err)
	}
}
