// SPDX-License-Identifier: Apache-2.0

package slackapp_test

import (
	"context"
	"errors"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	"github.com/voiceai-dev/integrations-operator/api/v1alpha1"
	"github.com/voiceai-dev/integrations-operator/internal/action"
	"github.com/voiceai-dev/integrations-operator/internal/chat"
	"github.com/voiceai-dev/integrations-operator/internal/fault"
	"github.com/voiceai-dev/integrations-operator/internal/identity"
	"github.com/voiceai-dev/integrations-operator/internal/slackapp"
	"github.com/voiceai-dev/integrations-operator/internal/slackapp/button"
	"github.com/voiceai-dev/integrations-operator/internal/slackapp/inbound"
)

// slowReviewer answers once it is released.
type slowReviewer struct {
	*reviewer
	release chan struct{}
}

func (r slowReviewer) Allowed(ctx context.Context, c identity.Caller, a identity.Access) (bool, error) {
	<-r.release
	return r.reviewer.Allowed(ctx, c, a)
}

// slow returns a dispatcher of a world whose API server answers reviews once it is released.
func (w *world) slow() (*slackapp.Dispatcher, chan struct{}) {
	release := make(chan struct{})
	o := w.dispatchers[0].Options
	o.Authorizer = slowReviewer{w.review, release}
	return slackapp.New(o), release
}

// TestASlowAct is acknowledged in time, and answered by response URL. A process that ends waits for it.
func TestASlowAct(t *testing.T) {
	for name, request := range map[string]inbound.Request{
		"command": command("defect a"), "click": click(button.Resolve, about("a")),
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, allow(everything()...), slackIntegration(), secret(), defect("a"))
			d, release := w.slow()
			acknowledged := make(chan []byte)
			go func() {
				body, err := d.Receive(t.Context(), slackapp.Delivery{
					Request: request, Integrations: []*v1alpha1.SlackIntegration{slackIntegration()},
				})
				if err != nil {
					t.Error(err)
				}
				acknowledged <- body
			}()
			for w.clock.Waiters() < 3 {
				runtime.Gosched()
			}
			w.clock.Step(time.Second)
			if body := <-acknowledged; body != nil {
				t.Errorf("a slow act is acknowledged with %s", body)
			}
			ctx, cancel := context.WithCancel(t.Context())
			cancel()
			ended := make(chan error)
			go func() { ended <- d.Start(ctx) }()
			close(release)
			if err := <-ended; err != nil {
				t.Fatal(err)
			}
			if all := w.slack.Responses(); len(all) != 1 || !strings.Contains(textOf(all[0].Message), "efect") {
				t.Errorf("the response URL got %v", all)
			}
			if _, err := d.Receive(t.Context(), slackapp.Delivery{Request: request}); err == nil {
				t.Error("a process that ended accepts a request")
			}
		})
	}
}

// TestAPanic is answered too.
func TestAPanic(t *testing.T) {
	w := newWorld(t, allow(everything()...), slackIntegration(), secret())
	o := w.dispatchers[0].Options
	o.Authorizer = nil
	w.dispatchers[0] = slackapp.New(o)
	if got := w.send(0, command("defects")); !strings.Contains(got, "internal error") {
		t.Errorf("the answer is\n%s", got)
	}
}

// TestMentions does in a thread what the command does elsewhere. Messages of apps are ignored.
func TestMentions(t *testing.T) {
	w := newWorld(t, allow(everything()...), slackIntegration(), secret(), defect("a"))
	r := inbound.Request{Origin: inbound.Origin{TeamID: team}, Event: &inbound.Event{
		User: inbound.User{ID: ann, TeamID: team}, ID: "Ev1", Type: inbound.AppMention, ChannelID: "C1", TS: "1.1", ThreadTS: "1.0",
		Text: "<@U0BOT> defects high",
	}}
	for range 2 { // Slack repeats events
		w.send(0, r)
	}
	got := w.slack.Ephemeral()
	if len(got) != 1 || got[0].ThreadTS != "1.0" || got[0].Channel != "C1" || !strings.Contains(textOf(got[0]), "hangs up: a") {
		t.Errorf("the mention is answered %v", got)
	}
	r.Event.ID = "Ev2"
	r.Event.IsBot = true
	if w.send(0, r); len(w.slack.Ephemeral()) != 1 {
		t.Error("a message of an app is answered")
	}
	r.Event.IsBot = false
	for _, text := range []string{
		"<@U0BOT>: defect a", "hey <@U0BOT>, defect a", "defect a <@U0BOT>", "<@U0BOT|voice>\ndefect a", " <@U0BOT>defect  a",
	} {
		r.Event.ID = text
		r.Event.Text = text
		w.send(0, r)
		all := w.slack.Ephemeral()
		if last := textOf(all[len(all)-1]); !strings.Contains(last, "hangs up: a") {
			t.Errorf("%q is answered\n%s", text, last)
		}
	}
}

// TestALongAnswer goes to the response URL, if the transport cannot send it back.
func TestALongAnswer(t *testing.T) {
	for bound, inBody := range map[int]bool{0: true, 10_000: true, 100: false} {
		w := newWorld(t, allow(everything()...), slackIntegration(), secret(), defect("a"))
		body, err := w.dispatchers[0].Receive(t.Context(), slackapp.Delivery{
			Request: command("defects"), Integrations: []*v1alpha1.SlackIntegration{slackIntegration()}, MaxBody: bound,
		})
		if err != nil || (body != nil) != inBody || (len(w.slack.Responses()) == 0) != inBody {
			t.Errorf("with a bound of %d: the body is %s, %d answers by response URL, %v", bound, body, len(w.slack.Responses()), err)
		}
	}
}

// owed returns how many answers are recorded as owed.
func (w *world) owed() (n int) {
	w.t.Helper()
	i := slackIntegration()
	if err := w.client.Get(w.t.Context(), client.ObjectKeyFromObject(i), i); err != nil {
		w.t.Fatal(err)
	}
	for k := range i.Annotations {
		if strings.HasPrefix(k, v1alpha1.SlackAnswerAnnotationPrefix) {
			n++
		}
	}
	return n
}

// TestASlowActIsRecorded records that an answer is owed before the act is acknowledged, and removes the record once the
// answer was given. It checks that an act which is answered soon costs no write.
func TestASlowActIsRecorded(t *testing.T) {
	for name, r := range map[string]inbound.Request{"command": command("defect a"), "click": click(button.Resolve, about("a"))} {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t, allow(everything()...), slackIntegration(), secret(), defect("a"))
			w.dispatchers[0].Clock = clock.RealClock{}
			began := time.Now()
			if w.send(0, r); time.Since(began) > 0 || w.patches.Load() > 0 {
				t.Errorf("%s: what is answered at once takes %s, and costs %d writes", name, time.Since(began), w.patches.Load())
			}
			o := w.dispatchers[0].Options
			o.Authorizer = &sleepyReviewer{w.review, 2 * time.Second}
			w.dispatchers[0] = slackapp.New(o)
			began = time.Now()
			if got := w.send(0, r); got != "" || time.Since(began) != 900*time.Millisecond {
				t.Errorf("%s: the act is acknowledged with %q after %s", name, got, time.Since(began))
			}
			if n := w.owed(); n != 1 {
				t.Errorf("%s: when it is acknowledged, %d answers are owed", name, n)
			}
			time.Sleep(10 * time.Second)
			if n, answers := w.owed(), len(w.slack.Responses()); n != 0 || answers == 0 {
				t.Errorf("%s: after %d answers, %d are owed", name, answers, n)
			}
		})
	}
}

// sleepyReviewer takes a time for each review, or as long as it has.
type sleepyReviewer struct {
	*reviewer
	takes time.Duration
}

func (r *sleepyReviewer) Allowed(ctx context.Context, c identity.Caller, a identity.Access) (bool, error) {
	select {
	case <-time.After(r.takes):
		return r.reviewer.Allowed(ctx, c, a)
	case <-ctx.Done():
		return false, &action.AuthorizationError{Err: ctx.Err()}
	}
}

// TestAnActWithoutEnd checks that an act which has used up its time is answered.
func TestAnActWithoutEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, allow(everything()...), slackIntegration(), secret(), defect("a"))
		o := w.dispatchers[0].Options
		o.Clock = clock.RealClock{}
		o.Authorizer = &sleepyReviewer{w.review, time.Hour}
		w.dispatchers[0] = slackapp.New(o)
		w.send(0, click(button.Resolve, about("a")))
		time.Sleep(time.Minute)
		if all := w.slack.Responses(); len(all) != 1 || !strings.Contains(textOf(all[0].Message), "so nothing was done") {
			t.Errorf("the answers are %v", all)
		}
	})
}

// TestARecordThatTakesLong delays the acknowledgement, but not for longer than Slack waits.
func TestARecordThatTakesLong(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, allow(everything()...), slackIntegration(), secret(), defect("a"))
		w.patchTakes = time.Hour
		o := w.dispatchers[0].Options
		o.Clock = clock.RealClock{}
		o.Authorizer = &sleepyReviewer{w.review, 2 * time.Second}
		w.dispatchers[0] = slackapp.New(o)
		began := time.Now()
		_, err := w.dispatchers[0].Receive(t.Context(), slackapp.Delivery{
			Request: command("defect a"), Integrations: []*v1alpha1.SlackIntegration{slackIntegration()},
		})
		if took := time.Since(began); err != nil || took != 1500*time.Millisecond {
			t.Errorf("acknowledged after %s, %v", took, err)
		}
		time.Sleep(time.Minute)
	})
}

// TestAnAnswerThatFails goes by a message and, if that fails too, is left to the leader.
func TestAnAnswerThatFails(t *testing.T) {
	down := fault.New(fault.Unavailable, "503")
	for name, c := range map[string]struct {
		ephemeral error
		post      error
		messages  int
		owed      int
	}{
		"the response URL":                {nil, nil, 1, 0},
		"and the channel is closed to it": {fault.New(fault.NotFound, "channel_not_found"), nil, 1, 0},
		"and Slack is down":               {down, down, 0, 1},
	} {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t, allow(everything()...), slackIntegration(), secret(), defect("a"))
			w.slack.OnRespond = func() error { return down }
			w.slack.OnEphemeral = func() error { return c.ephemeral }
			w.slack.OnPost(func(chat.Message) error { return c.post })
			w.send(0, click(button.Resolve, about("a")))
			synctest.Wait()
			if n := len(w.slack.Ephemeral()) + len(w.slack.Messages()); n != c.messages || w.owed() != c.owed {
				t.Errorf("%s: %d messages, %d answers are owed", name, n, w.owed())
			}
		})
	}
}

// TestTheResultOfARun checks that the result is recorded as owed before the run is created, and no longer if it is not created.
func TestTheResultOfARun(t *testing.T) {
	w := newWorld(t, allow(everything()...), slackIntegration(), secret(), booking())
	if got := w.send(0, command("run booking")); !strings.Contains(got, "Its result comes here when it has ended.") || w.owed() != 1 {
		t.Errorf("the answer is %s, and %d answers are owed", got, w.owed())
	}
	r := inbound.Request{Origin: inbound.Origin{TeamID: team}, Event: &inbound.Event{
		User: inbound.User{ID: ann, TeamID: team}, ID: "Ev1", Type: inbound.AppMention, ChannelID: "C1", TS: "1.1", Text: "<@U0BOT> run booking",
	}}
	w.send(0, r)
	i := slackIntegration()
	if err := w.client.Get(t.Context(), client.ObjectKeyFromObject(i), i); err != nil {
		t.Fatal(err)
	}
	threads := 0
	for _, raw := range i.Annotations {
		threads += strings.Count(raw, `"channel":"C1","thread":"1.1"`)
	}
	if len(i.Annotations) != 2 || threads != 1 {
		t.Errorf("the answers that are owed: %v", i.Annotations)
	}

	refused := apierrors.NewForbidden(schema.GroupResource{Resource: "jobs"}, "x", errors.New("exceeded quota"))
	w = newWorldWith(t, allow(everything()...), interceptor.Funcs{
		Create: func(context.Context, client.WithWatch, client.Object, ...client.CreateOption) error { return refused },
	}, slackIntegration(), secret(), booking())
	if got := w.send(0, command("run booking")); strings.Contains(got, "Its result") || w.owed() != 0 {
		t.Errorf("the answer is %s, and %d answers are owed", got, w.owed())
	}

	webhook := slackIntegration()
	webhook.Spec.Bot = nil
	webhook.Spec.Webhook = &v1alpha1.SlackWebhook{URLSecretRef: v1alpha1.SecretKeyReference{Name: "slack", Key: "bot-token"}}
	w = newWorld(t, allow(everything()...), webhook, secret(), booking())
	got := w.send(0, command("run booking"))
	if !strings.Contains(got, "was started.") || strings.Contains(got, "Its result") || w.owed() != 0 {
		t.Errorf("without a bot, the answer is %s, and %d answers are owed", got, w.owed())
	}
}

// TestARefusedRecord checks that a record is not tried again and again when the operator lacks the right to write it.
func TestARefusedRecord(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		patches := 0
		w := newWorldWith(t, allow(everything()...), interceptor.Funcs{
			Patch: func(context.Context, client.WithWatch, client.Object, client.Patch, ...client.PatchOption) error {
				patches++
				return apierrors.NewForbidden(schema.GroupResource{Resource: "slackintegrations"}, "slack", nil)
			},
		}, slackIntegration(), secret(), defect("a"))
		o := w.dispatchers[0].Options
		o.Clock = clock.RealClock{}
		o.Authorizer = &sleepyReviewer{w.review, 2 * time.Second}
		w.dispatchers[0] = slackapp.New(o)
		w.send(0, command("defect a"))
		time.Sleep(time.Minute)
		if patches != 1 || len(w.slack.Responses()) != 1 {
			t.Errorf("%d writes, %d answers", patches, len(w.slack.Responses()))
		}
	})
}
