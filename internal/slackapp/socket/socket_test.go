// SPDX-License-Identifier: Apache-2.0

package socket

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/clock"

	"github.com/voiceai-dev/integrations-operator/internal/chat"
	"github.com/voiceai-dev/integrations-operator/internal/fault"
	"github.com/voiceai-dev/integrations-operator/internal/slackapp"
)

const (
	command = `{"team_id":"T1","api_app_id":"A1","user_id":"U1","command":"/voiceai","text":"help","trigger_id":"1"}`
	click   = `{"type":"block_actions","team":{"id":"T1"},"user":{"id":"U1"},"actions":[{"action_id":"a","action_ts":"1"}]}`
	mention = `{"type":"event_callback","team_id":"T1","event_id":"Ev1","event":{"type":"app_mention","user":"U1"}}`
)

// TestEnvelopes checks what is handed over of each message, and the reply to it.
func TestEnvelopes(t *testing.T) {
	const ack = `{"envelope_id":"e"}`
	for name, c := range map[string]struct {
		message string
		answer  string
		err     error
		// kind is that of what is handed over; empty for nothing.
		kind, reply string
	}{
		"command":               {`{"envelope_id":"e","type":"slash_commands","accepts_response_payload":true,"payload":` + command + `}`, `{"text":"x"}`, nil, "command", `{"envelope_id":"e","payload":{"text":"x"}}`},
		"command without body":  {`{"envelope_id":"e","type":"slash_commands","accepts_response_payload":true,"payload":` + command + `}`, "", nil, "command", ack},
		"click":                 {`{"envelope_id":"e","type":"interactive","accepts_response_payload":true,"payload":` + click + `}`, "", nil, "interaction", ack},
		"event":                 {`{"envelope_id":"e","type":"events_api","accepts_response_payload":false,"retry_attempt":1,"retry_reason":"timeout","payload":` + mention + `}`, "", nil, "event", ack},
		"not received":          {`{"envelope_id":"e","type":"events_api","payload":` + mention + `}`, "", slackapp.ErrBusy, "event", ""},
		"other members":         {`{"envelope_id":"e","type":"events_api","accepts_response_payload":"no","retry_attempt":"x","payload":` + mention + `,"new":[1]}`, "", nil, "event", ack},
		"payload of no form":    {`{"envelope_id":"e","type":"interactive","payload":[1,2]}`, "", nil, "", ack},
		"payload that is text":  {`{"envelope_id":"e","type":"slash_commands","payload":"x"}`, "", nil, "", ack},
		"empty payload":         {`{"envelope_id":"e","type":"events_api","payload":{}}`, "", nil, "", ack},
		"no payload":            {`{"envelope_id":"e","type":"events_api"}`, "", nil, "", ack},
		"type that is new":      {`{"envelope_id":"e","type":"huddles","payload":{}}`, "", nil, "", ack},
		"type that is a number": {`{"envelope_id":"e","type":7,"payload":{}}`, "", nil, "", ack},
		"no JSON, with an ID":   {`{"type":"events_api","payload":{"text":"\x"}, "envelope_id" : "e"}`, "", nil, "", ack},
		"cut off":               {`{"envelope_id":"e","type":"events_api","payload":{"te`, "", nil, "", ack},
		"no ID":                 {`{"type":"events_api","payload":` + mention + `}`, "", nil, "", ""},
		"nothing":               {``, "", nil, "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			inWorld(t, func(w *world) {
				var got []slackapp.Delivery
				w.receive = func(_ context.Context, d slackapp.Delivery) (json.RawMessage, error) {
					got = append(got, d)
					return json.RawMessage(c.answer), c.err
				}
				first := w.keep("a", "1", "xapp-1")[0]
				first.say("%s", c.message)
				switch {
				case len(got) == 0 && c.kind != "", len(got) > 0 && string(got[0].Kind()) != c.kind:
					t.Errorf("handed over %+v, want %s", got, c.kind)
				}
				if replies := strings.Join(first.hear(), " "); replies != c.reply {
					t.Errorf("the reply is %s, want %s", replies, c.reply)
				}
				if first.isClosed() {
					t.Error("the connection is closed")
				}
			})
		})
	}
}

// TestLengthOfReplies bounds the body of an answer, so that Slack does not drop the reply.
func TestLengthOfReplies(t *testing.T) {
	inWorld(t, func(w *world) {
		var bounds []int
		w.receive = func(_ context.Context, d slackapp.Delivery) (json.RawMessage, error) {
			bounds = append(bounds, d.MaxBody)
			return json.Marshal(strings.Repeat("x", d.MaxBody-2))
		}
		first := w.keep("a", "1", "xapp-1")[0]
		id := strings.Repeat("i", 255)
		first.say(`{"envelope_id":%q,"type":"slash_commands","accepts_response_payload":true,"payload":%s}`, id, command)
		if got := first.hear(); len(got) != 1 || len(got[0]) > 20_000 || len(got[0]) < 19_000 {
			t.Errorf("the replies are %d long, of %v", len(got), bounds)
		}
		w.receive = func(_ context.Context, d slackapp.Delivery) (json.RawMessage, error) {
			bounds = append(bounds, d.MaxBody)
			return nil, nil
		}
		first.say(`{"envelope_id":"e","type":"interactive","payload":%s}`, click)
		if len(bounds) != 2 || bounds[1] != 1 {
			t.Errorf("a reply without a payload has the bound %v", bounds)
		}
	})
}

// TestAPanicEndsOneEnvelope keeps the connection.
func TestAPanicEndsOneEnvelope(t *testing.T) {
	inWorld(t, func(w *world) {
		w.receive = func(context.Context, slackapp.Delivery) (json.RawMessage, error) { panic("x") }
		first := w.keep("a", "1", "xapp-1")[0]
		first.say(`{"envelope_id":"e","type":"interactive","payload":%s}`, click)
		w.receive = func(context.Context, slackapp.Delivery) (json.RawMessage, error) { return nil, nil }
		first.say(`{"envelope_id":"f","type":"interactive","payload":%s}`, click)
		if got := first.hear(); len(got) != 1 || got[0] != `{"envelope_id":"f"}` {
			t.Errorf("the replies are %v", got)
		}
	})
}

// TestAnAppIsShared opens two connections for all integrations with the same token. Those of the workspace come first.
func TestAnAppIsShared(t *testing.T) {
	inWorld(t, func(w *world) {
		var order []string
		w.receive = func(_ context.Context, d slackapp.Delivery) (json.RawMessage, error) {
			order = nil
			for _, i := range d.Integrations {
				order = append(order, i.Namespace)
			}
			return nil, nil
		}
		opened := w.keep("a", "1", "xapp-1")
		w.keep("b", "1", "xapp-1")
		w.keep("gone", "1", "xapp-1")
		if len(opened) != 2 || len(w.connections()) != 2 {
			t.Fatalf("%d connections are open", len(w.connections()))
		}
		opened[1].say(`{"envelope_id":"e","type":"interactive","payload":%s}`, click)
		if !slices.Equal(order, []string{"b", "a"}) {
			t.Errorf("the integrations are %v", order)
		}
		w.keep("other", "1", "xapp-2")
		if len(w.connections()) != 4 {
			t.Errorf("another token has %d connections", len(w.connections())-2)
		}
		w.Drop(name("a"))
		w.Drop(name("gone"))
		pass(time.Minute)
		if opened[0].isClosed() || opened[1].isClosed() {
			t.Error("a connection of b is closed")
		}
		w.Drop(name("b"))
		pass(time.Second)
		if !opened[0].isClosed() || !opened[1].isClosed() || w.State(name("b")).Connected || !w.State(name("other")).Connected {
			t.Error("the connections of b are open, or those of another are closed")
		}
	})
}

// TestAppsOfANamespace has a namespace with more apps than it may connect: the others stay connected.
func TestAppsOfANamespace(t *testing.T) {
	inWorld(t, func(w *world) {
		nameOf := func(k int) types.NamespacedName { return types.NamespacedName{Namespace: "a", Name: fmt.Sprint(k)} }
		keep := func(k int, version, token string) {
			w.Keep(nameOf(k), version, chat.SocketConfig{Token: token, Namespace: "a"})
			synctest.Wait()
		}
		for k := range maxAppsPerNamespace + 1 {
			keep(k, "1", fmt.Sprint("xapp-", k))
		}
		last := nameOf(maxAppsPerNamespace)
		if n := len(w.connections()); n != 2*maxAppsPerNamespace {
			t.Fatalf("%d connections", n)
		}
		if s := w.State(last); s.Connected || s.Fault == nil || s.Fault.Code != chat.CodeTooManyApps || w.Version(last) != "" {
			t.Errorf("the state is %+v for version %q", s, w.Version(last))
		}
		if opened := w.keep("b", "1", "xapp-b"); len(opened) != 2 {
			t.Error("another namespace cannot connect")
		}
		keep(0, "2", "xapp-new") // replaces that of the same integration
		if s := w.State(nameOf(0)); s.Fault != nil {
			t.Errorf("a token cannot be replaced: %v", s.Fault)
		}
		keep(maxAppsPerNamespace, "1", "xapp-1") // shares that of another integration
		if s := w.State(last); s.Fault != nil {
			t.Errorf("an app cannot be shared: %v", s.Fault)
		}
		w.Drop(nameOf(2))
		keep(maxAppsPerNamespace, "2", "xapp-last")
		if s := w.State(last); s.Fault != nil {
			t.Errorf("a free place is not used: %v", s.Fault)
		}
	})
}

// TestReplaced opens the next connection before Slack closes the old one, which is read until then.
func TestReplaced(t *testing.T) {
	for _, reason := range []string{"warning", "refresh_requested"} {
		inWorld(t, func(w *world) {
			opened := w.keep("a", "1", "xapp-1")
			w.events()
			pass(time.Minute)
			for _, c := range opened {
				c.say(`{"type":"disconnect","reason":%q}`, reason)
			}
			all := w.connections()
			if len(all) != 4 || opened[0].isClosed() || !w.State(name("a")).Connected {
				t.Fatalf("after %s: %d connections, %+v", reason, len(all), w.State(name("a")))
			}
			all[2].say(`{"type":"hello"}`)
			all[3].say(`{"type":"hello"}`)
			opened[0].say(`{"envelope_id":"late","type":"interactive","payload":%s}`, click)
			if got := opened[0].hear(); len(got) != 1 {
				t.Errorf("after %s: an envelope by the old connection is answered %v", reason, got)
			}
			_ = opened[0].Close() // Slack closes it
			pass(time.Minute)
			if !opened[1].isClosed() || all[2].isClosed() || len(w.connections()) != 4 {
				t.Errorf("after %s: the old connection that Slack did not close is open, or %d connections were made",
					reason, len(w.connections()))
			}
			if got := w.events(); len(got) > 0 {
				t.Errorf("after %s: enqueued for %v", reason, got)
			}
		})
	}
}

// TestClosedAtOnce takes the reason into account if Slack closes the connection with it.
func TestClosedAtOnce(t *testing.T) {
	for range 50 { // which of the two is seen first is left to chance
		l := newLink(&app{hub: &Hub{Options: Options{Clock: clock.RealClock{}}}}, nil)
		l.leave <- chat.CodeLinkDisabled
		close(l.ended)
		if f := l.end(t.Context()); f.Code != chat.CodeLinkDisabled {
			t.Fatalf("the fault is %v", f)
		}
	}
}

// TestReplacedAgainAndAgain opens at most a connection a second.
func TestReplacedAgainAndAgain(t *testing.T) {
	inWorld(t, func(w *world) {
		w.keep("a", "1", "xapp-1")
		for range 100 {
			for _, c := range w.connections() {
				if !c.isClosed() && len(c.sent) == 0 {
					c.say(`{"type":"disconnect","reason":"refresh_requested"}`)
				}
			}
			pass(100 * time.Millisecond)
		}
		if n := len(w.connections()); n < 15 || n > 24 {
			t.Errorf("%d connections were opened in ten seconds", n)
		}
	})
}

// TestReplyByTheOtherConnection takes the other connection when the one of the envelope broke.
func TestReplyByTheOtherConnection(t *testing.T) {
	inWorld(t, func(w *world) {
		opened := w.keep("a", "1", "xapp-1")
		opened[0].broken = true
		opened[0].say(`{"envelope_id":"e","type":"interactive","payload":%s}`, click)
		if got := opened[1].hear(); len(got) != 1 || got[0] != `{"envelope_id":"e"}` {
			t.Errorf("the replies are %v", got)
		}
	})
}

// TestTheEnd waits for the envelopes that are being handled, and no longer than Slack does.
func TestTheEnd(t *testing.T) {
	for took, want := range map[time.Duration]int{time.Second: 1, time.Minute: 0} {
		inWorld(t, func(w *world) {
			w.receive = func(context.Context, slackapp.Delivery) (json.RawMessage, error) {
				time.Sleep(took)
				return nil, nil
			}
			first := w.keep("a", "1", "xapp-1")[0]
			first.say(`{"envelope_id":"e","type":"interactive","payload":%s}`, click)
			w.stop()
			<-w.ended
			if got := first.hear(); len(got) != want {
				t.Errorf("an act of %s is acknowledged %v", took, got)
			}
			time.Sleep(time.Minute)
		})
	}
}

// TestBackOff checks when connections are opened again, by why there is none.
func TestBackOff(t *testing.T) {
	unauthorized := &fault.Fault{Kind: fault.Unauthorized, Code: "invalid_auth", Message: "no"}
	limited := &fault.Fault{Kind: fault.RateLimited, Code: "429", RetryAfter: 100 * time.Second}
	hostile := &fault.Fault{Kind: fault.RateLimited, RetryAfter: 1000 * time.Hour}
	for name, c := range map[string]struct {
		f *fault.Fault
		// waits are the longest waits in seconds. They are at most a fifth shorter.
		waits []float64
	}{
		"no answer":           {fault.New(fault.Unavailable, "no answer"), []float64{1, 2, 4, 8, 16, 30, 30}},
		"link_disabled":       {faultOf("link_disabled"), []float64{30, 60, 120, 240, 300, 300}},
		"too_many_websockets": {faultOf("too_many_websockets"), []float64{30, 60, 120, 240, 300, 300}},
		"wrong token":         {unauthorized, []float64{60, 120, 240, 480, 600, 600}},
		"rate limit":          {limited, []float64{100, 100, 120, 240}},
		"endless rate limit":  {hostile, []float64{600, 600}},
	} {
		var b backoff
		for i, most := range c.waits {
			got := b.after(c.f, 0).Seconds()
			if got > most || got < most*0.8 {
				t.Errorf("%s: wait %d is %.1f s, want up to %.0f", name, i, got, most)
			}
		}
		if got := b.after(c.f, time.Minute); got > time.Duration(c.waits[0])*time.Second {
			t.Errorf("%s: after a connection that worked the wait is %s", name, got)
		}
		if b.after(nil, time.Minute) != 0 || b.failures != 0 {
			t.Errorf("%s: a connection that is replaced waits", name)
		}
	}
}

// TestReasonsOfSlack backs off, and reports why, when Slack closes connections for good.
func TestReasonsOfSlack(t *testing.T) {
	for _, reason := range []string{chat.CodeLinkDisabled, chat.CodeTooManyWebSockets} {
		inWorld(t, func(w *world) {
			opened := w.keep("a", "1", "xapp-1")
			for _, c := range opened {
				c.say(`{"type":"disconnect","reason":%q}`, reason)
				_ = c.Close()
			}
			synctest.Wait()
			if s := w.State(name("a")); s.Connected || s.Fault == nil || s.Fault.Code != reason {
				t.Errorf("%s: the state is %+v", reason, s)
			}
			pass(20 * time.Second)
			if n := len(w.connections()); n != 2 {
				t.Errorf("%s: %d connections after 20 s", reason, n)
			}
			pass(10 * time.Second)
			all := w.connections()
			if len(all) != 4 {
				t.Fatalf("%s: %d connections after 30 s", reason, len(all))
			}
			all[2].say(`{"type":"hello"}`)
			if s := w.State(name("a")); !s.Connected || s.Fault == nil {
				t.Errorf("%s: with one connection the state is %+v", reason, s)
			}
			all[3].say(`{"type":"hello"}`)
			if s := w.State(name("a")); !s.Connected || s.Fault != nil {
				t.Errorf("%s: with both the state is %+v", reason, s)
			}
			if got := w.events(); got[len(got)-1] != "a true <nil>" {
				t.Errorf("%s: enqueued for %q", reason, got)
			}
		})
	}
}

// TestBrokenConnections is reported only if none can be opened again.
func TestBrokenConnections(t *testing.T) {
	inWorld(t, func(w *world) {
		opened := w.keep("a", "1", "xapp-1")
		pass(time.Minute)
		w.events()
		for _, c := range opened {
			_ = c.Close()
		}
		synctest.Wait()
		w.setRefuse(fault.New(fault.Unavailable, "no answer"))
		if got := w.events(); !w.State(name("a")).Connected || len(got) > 0 {
			t.Errorf("once broken, enqueued for %q", got)
		}
		pass(30 * time.Second)
		if got, want := w.events(), []string{"a false no answer"}; !slices.Equal(got, want) {
			t.Errorf("after 30 s, enqueued for %q, want %q", got, want)
		}
	})
}

// TestANewSecret ends every wait.
func TestANewSecret(t *testing.T) {
	inWorld(t, func(w *world) {
		w.setRefuse(&fault.Fault{Kind: fault.Unauthorized, Code: "invalid_auth", Message: "wrong token"})
		w.keep("a", "1", "xapp-1")
		if s := w.State(name("a")); s.Connected || s.Fault == nil || w.Version(name("a")) != "1" {
			t.Errorf("the state is %+v", s)
		}
		pass(10 * time.Second)
		w.keep("a", "1", "xapp-1")
		if got := w.refusals(); len(got) != 2 {
			t.Errorf("the same version: connections at %v", got)
		}
		w.keep("a", "2", "xapp-1") // the token may be valid by now
		if got := w.refusals(); len(got) != 4 || got[3] != 10*time.Second {
			t.Errorf("a new version of the Secret: connections at %v", got)
		}
		w.setRefuse(nil)
		if opened := w.keep("a", "3", "xapp-2"); len(opened) != 2 || !w.State(name("a")).Connected || opened[0].config.Token != "xapp-2" {
			t.Errorf("a new token: %d connections, %+v", len(opened), w.State(name("a")))
		}
		pass(time.Hour)
		if got := w.refusals(); len(got) != 4 || len(w.connections()) != 2 {
			t.Errorf("the old token is used: connections at %v", got)
		}
	})
}

// TestARotatedToken keeps the old connections until the new ones are open.
func TestARotatedToken(t *testing.T) {
	inWorld(t, func(w *world) {
		before := w.keep("a", "1", "xapp-1")
		w.Keep(name("a"), "2", chat.SocketConfig{Token: "xapp-2"})
		pass(time.Second)
		if before[0].isClosed() {
			t.Error("the old connection is closed before the new one is ready")
		}
		before[0].say(`{"envelope_id":"e","type":"interactive","payload":%s}`, click)
		if got := before[0].hear(); len(got) != 1 {
			t.Errorf("an envelope by the old connection is answered %v", got)
		}
		w.connections()[2].say(`{"type":"hello"}`)
		if !before[0].isClosed() || !before[1].isClosed() {
			t.Error("the old connections are open")
		}
		w.Keep(name("a"), "3", chat.SocketConfig{Token: "xapp-3"})
		pass(10 * time.Second)
		if !w.connections()[2].isClosed() {
			t.Error("the old connections stay open for a new token that does not work")
		}
	})
}

// TestBounds handles only so much at the same time.
func TestBounds(t *testing.T) {
	inWorld(t, func(w *world) {
		release := make(chan struct{})
		started := 0
		w.receive = func(context.Context, slackapp.Delivery) (json.RawMessage, error) {
			w.mu.Lock()
			started++
			w.mu.Unlock()
			<-release
			return nil, errors.New("busy")
		}
		first := w.keep("a", "1", "xapp-1")[0]
		go func() {
			for range 500 {
				first.sent <- []byte(`{"envelope_id":"e","type":"interactive","payload":` + click + `}`)
			}
		}()
		synctest.Wait()
		if want := maxHandled / minEnvelope; started != want {
			t.Errorf("%d envelopes are handled at the same time, want %d", started, want)
		}
		close(release)
		synctest.Wait()
		if started != 500 {
			t.Errorf("%d of 500 envelopes were handled", started)
		}
	})
}
