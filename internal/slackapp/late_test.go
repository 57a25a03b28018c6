// SPDX-License-Identifier: Apache-2.0

package slackapp_test

import (
	"context"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/voiceai-dev/integrations-operator/api/v1alpha1"
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
			for !w.clock.HasWaiters() {
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
