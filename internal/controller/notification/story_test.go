// SPDX-License-Identifier: Apache-2.0

package notification

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/voiceai-dev/integrations-operator/api/v1alpha1"
	"github.com/voiceai-dev/integrations-operator/internal/chat"
	"github.com/voiceai-dev/integrations-operator/internal/connection"
	"github.com/voiceai-dev/integrations-operator/internal/event"
	"github.com/voiceai-dev/integrations-operator/internal/fault"
)

var gone = fault.New(fault.NotFound, "the message no longer exists")

// story is a world with a Defect, a rule and a connected bot.
type story struct {
	*world
	integration *v1alpha1.SlackIntegration
	rule        *v1alpha1.NotificationRule
	defect      *v1alpha1.Defect
}

// inStory runs a test of the messages about a Defect.
func inStory(t *testing.T, test func(*story), with ...func(*v1alpha1.SlackIntegration)) {
	t.Helper()
	inWorld(t, func(w *world) {
		s := &story{world: w, integration: bot(with...), rule: ruleOf("rule"), defect: &v1alpha1.Defect{
			ObjectMeta: metav1.ObjectMeta{Name: "d"},
			Spec:       v1alpha1.DefectSpec{Title: "The bot hangs up", Severity: v1alpha1.SeverityHigh},
			Status:     v1alpha1.DefectStatus{State: v1alpha1.StateOpen},
		}}
		w.create(s.integration, s.rule, s.defect)
		w.connect(s.integration, limits)
		test(s)
	})
}

// notification returns a Notification about the Defect, by a rule.
func (s *story) notification(name string, by *v1alpha1.NotificationRule, e event.Event) *v1alpha1.Notification {
	s.t.Helper()
	api, err := e.ToAPI()
	if err != nil {
		s.t.Fatal(err)
	}
	return alert(name, by, func(n *v1alpha1.Notification) { n.Spec.Event = api })
}

// created stores the Notification "created" of the Defect's creation.
func (s *story) created() {
	s.t.Helper()
	s.create(s.notification("created", s.rule, event.DefectCreated(s.defect)))
}

// ticketed gives the Defect a ticket and stores the Notification "ticketed".
func (s *story) ticketed() {
	s.t.Helper()
	s.defect.Status.Jira = &v1alpha1.DefectTicket{Key: "VOICE-1", URL: "https://jira.example.com/browse/VOICE-1"}
	s.updateStatus(s.defect)
	s.create(s.notification("ticketed", s.rule, event.DefectTicketed(s.defect, time.Now())))
}

// moved moves the Defect to a state and stores a Notification of it.
func (s *story) moved(name string, state v1alpha1.State, cause v1alpha1.StateChangeCause) {
	s.t.Helper()
	number := int64(1)
	if c := s.defect.Status.StateChange; c != nil {
		number = c.Number + 1
	}
	s.defect.Status.StateChange = &v1alpha1.StateChange{
		Number: number, From: s.defect.Status.State, Cause: cause, Time: metav1.NewTime(time.Now().Truncate(time.Second)),
	}
	s.defect.Status.State = state
	s.updateStatus(s.defect)
	s.create(s.notification(name, s.rule, event.DefectStateChanged(s.defect)))
}

// wantRole fails the test unless a Notification's message has a place in a thread.
func (s *story) wantRole(name string, want v1alpha1.ThreadRole) {
	s.t.Helper()
	if m := s.get(name).Status.Message; m == nil || m.ThreadRole != want {
		s.t.Errorf("the message of %s is %+v, want %s", name, m, want)
	}
}

// lastUpdate returns the text of the last edit of the first message.
func (s *story) lastUpdate() string {
	s.t.Helper()
	all := s.slack.Updates()
	if len(all) == 0 {
		s.t.Fatal("the first message was not edited")
	}
	return textOf(all[len(all)-1].Message)
}

// TestStory checks that a rule's messages about a Defect are one message, which shows the present state, and its thread.
func TestStory(t *testing.T) {
	inStory(t, func(s *story) {
		s.created()
		s.run(time.Minute)
		s.wantPosted("created")
		s.wantRole("created", v1alpha1.ThreadFirst)
		s.ticketed()
		s.run(time.Minute)
		if got := s.lastUpdate(); !strings.Contains(got, "VOICE-1") {
			t.Errorf("the first message says %q", got)
		}
		s.moved("fixed", v1alpha1.StateResolved, v1alpha1.CauseSpec)
		s.run(time.Minute)
		s.wantPosted("created", "ticketed in 1", "fixed in 1")
		s.wantRole("fixed", v1alpha1.ThreadReply)
		s.wantCalls(3, 2, 1)
		if got := s.lastUpdate(); !strings.Contains(got, "*resolved*") {
			t.Errorf("the first message says %q", got)
		}
		s.moved("again", v1alpha1.StateOpen, v1alpha1.CauseRegression)
		s.run(time.Minute)
		for at, m := range s.slack.Messages() {
			if want := at == 3; m.Broadcast != want {
				t.Errorf("message %d is shown in the channel too: %v", at, m.Broadcast)
			}
			if m.ThreadTS != "" && m.Channel != "C1" {
				t.Errorf("a reply went to %s", m.Channel)
			}
		}
		health, _, _ := s.Slack.Get(client.ObjectKeyFromObject(s.integration)).Record.Snapshot()
		if last := health.Activities[0]; len(health.Activities) != 4 || last.Object != "Notification/a/again" ||
			last.Action != connection.ActionPost {
			t.Errorf("recorded %+v", health.Activities)
		}
	})
}

// TestStoryByWebhook checks that an incoming webhook posts each message by itself: it cannot edit or reply.
func TestStoryByWebhook(t *testing.T) {
	inStory(t, func(s *story) {
		s.created()
		s.ticketed()
		s.run(time.Minute)
		s.wantPosted("created", "ticketed")
		s.wantCalls(2, 0, 0)
	}, webhook)
}

// TestStoriesAreSeparate checks what shares no thread: another rule's, another Defect's and other objects' messages.
func TestStoriesAreSeparate(t *testing.T) {
	inStory(t, func(s *story) {
		s.created()
		s.run(time.Minute)
		other := ruleOf("other")
		s.create(other, s.notification("by-other", other, event.DefectTicketed(s.defect, time.Now())))
		second := s.defect.DeepCopy()
		second.Name = "second"
		second.ResourceVersion = ""
		s.create(second)
		s.create(s.notification("of-second", s.rule, event.DefectTicketed(second, time.Now())))
		run := func(n *v1alpha1.Notification) {
			n.Spec.Event.Subject = &v1alpha1.EventSubject{Kind: "Job", Name: "d", Namespace: "a", UID: string(s.defect.UID)}
		}
		nameless := func(n *v1alpha1.Notification) {
			n.Spec.Event.Subject = &v1alpha1.EventSubject{Kind: v1alpha1.KindDefect, Name: "d", Namespace: "a"}
		}
		s.create(alert("run", s.rule, run), alert("nameless", s.rule, nameless), alert("nameless2", s.rule, nameless))
		s.run(time.Minute)
		s.wantPosted("created", "by-other", "of-second", "run", "nameless", "nameless2")
	})
}

// TestOrderOfStory checks that the messages of a thread keep the order of events, although their lane makes several calls
// at once and they were stored in another order.
func TestOrderOfStory(t *testing.T) {
	for name, c := range map[string]struct {
		// create stores Notifications while the integration is not connected.
		create func(*story)
		want   []string
	}{
		"by time": {func(s *story) {
			s.moved("b", v1alpha1.StateInProgress, v1alpha1.CauseJira)
			time.Sleep(2 * time.Second)
			s.moved("a", v1alpha1.StateResolved, v1alpha1.CauseJira)
		}, []string{"b", "a in 1"}},
		"by name in the same second": {func(s *story) {
			s.moved("b", v1alpha1.StateInProgress, v1alpha1.CauseJira)
			s.moved("a", v1alpha1.StateResolved, v1alpha1.CauseJira)
		}, []string{"a", "b in 1"}},
		"the creation first": {func(s *story) {
			s.moved("a", v1alpha1.StateInProgress, v1alpha1.CauseJira)
			e := event.DefectCreated(s.defect)
			e.Time = time.Now().Add(time.Hour)
			s.create(s.notification("created", s.rule, e))
		}, []string{"created", "a in 1"}},
		"the edge case first": {func(s *story) {
			s.moved("a", v1alpha1.StateInProgress, v1alpha1.CauseJira)
			e := event.DefectCreated(s.defect)
			e.Time = time.Now().Add(time.Hour)
			e.Type = v1alpha1.EventEdgeCaseDiscovered
			s.create(s.notification("edge", s.rule, e))
		}, []string{"edge", "a in 1"}},
	} {
		t.Run(name, func(t *testing.T) {
			inStory(t, func(s *story) {
				s.restart()
				c.create(s)
				s.slack.OnPost(func(chat.Message) error { time.Sleep(time.Second); return nil })
				s.connect(s.integration, connection.Limits{Concurrency: 8})
				s.leader.Server = time.Time{} // no lookups
				s.leader.Local = time.Time{}
				s.run(time.Minute)
				s.wantPosted(c.want...)
			})
		})
	}
}

// TestStoryGoesOn checks that a message that will not be sent soon, or never, holds up none that comes after it.
func TestStoryGoesOn(t *testing.T) {
	for name, c := range map[string]struct {
		first func(*story)
		after time.Duration
		want  string
	}{
		"rejected": {func(s *story) {
			s.answers(archived)
			s.created()
		}, 0, "ticketed"},
		"expired": {func(s *story) {
			s.Slack.Get(client.ObjectKeyFromObject(s.integration)).Pause(unavailable)
			s.created()
			s.run(expiry + time.Minute)
			s.connect(s.integration, limits)
		}, 0, "ticketed"},
		"muted": {func(s *story) {
			change(s.world, s.rule, muted)
			s.created()
			s.settle()
			change(s.world, s.rule, func(r *v1alpha1.NotificationRule) { r.Spec.MuteWindows = nil })
		}, 0, "ticketed"},
		"deleted": {func(s *story) {
			s.answers(wait90)
			s.created()
			s.settle()
			s.delete(s.get("created"))
		}, 2 * time.Minute, "ticketed"},
	} {
		t.Run(name, func(t *testing.T) {
			inStory(t, func(s *story) {
				c.first(s)
				s.settle()
				s.ticketed()
				s.settle()
				s.run(c.after)
				s.wantPosted(c.want)
				s.wantRole("ticketed", v1alpha1.ThreadFirst)
			})
		})
	}
}

// TestStoryWaits checks that a reply waits for a first message that is tried again.
func TestStoryWaits(t *testing.T) {
	inStory(t, func(s *story) {
		s.answers(wait90)
		s.created()
		s.ticketed()
		s.run(time.Minute)
		s.wantPosted()
		s.wantOutcome("ticketed", "", "")
		s.run(time.Minute)
		s.wantPosted("created", "ticketed in 1")
	})
}

// TestFirstMessageIsGone checks that a story begins anew when its first message was deleted in Slack.
func TestFirstMessageIsGone(t *testing.T) {
	inStory(t, func(s *story) {
		s.created()
		s.run(time.Minute)
		s.slack.OnUpdate(func(at chat.Posted) error {
			if at.TS == "1700000000.000001" {
				return gone
			}
			return nil
		})
		s.ticketed()
		s.run(time.Minute)
		s.moved("fixed", v1alpha1.StateResolved, v1alpha1.CauseSpec)
		s.run(time.Minute)
		s.wantPosted("created", "ticketed", "fixed in 2")
		s.wantRole("ticketed", v1alpha1.ThreadFirst)
		s.wantRole("fixed", v1alpha1.ThreadReply)
	})
}

// TestFirstMessageIsGoneAndAnew has the new first message fail at first, and checks that the former is not edited again.
func TestFirstMessageIsGoneAndAnew(t *testing.T) {
	inStory(t, func(s *story) {
		s.created()
		s.run(time.Minute)
		edits := 0
		s.slack.OnUpdate(func(chat.Posted) error { edits++; return gone })
		s.answers(nil, unavailable, unavailable)
		s.ticketed()
		s.run(time.Minute)
		s.wantPosted("created", "ticketed")
		if edits != 1 {
			t.Errorf("%d edits of a message that is gone", edits)
		}
	})
}

// TestEditThatFails checks that a reply is posted although the first message cannot be edited, and how often that is
// tried before.
func TestEditThatFails(t *testing.T) {
	everyMinute := &fault.Fault{Kind: fault.RateLimited, Scope: fault.Endpoint, Message: "slow down", RetryAfter: time.Minute}
	for name, c := range map[string]struct {
		update error
		after  time.Duration
		edits  int
		posted []string
		want   string
	}{
		"unavailable":             {unavailable, time.Minute, 4, []string{"created", "ticketed in 1"}, "True/Sent"},
		"in doubt":                {lost, time.Minute, 4, []string{"created", "ticketed in 1"}, "True/Sent"},
		"refused":                 {refused, 0, 1, []string{"created", "ticketed in 1"}, "True/Sent"},
		"not supported":           {chat.ErrUnsupported, 0, 1, []string{"created", "ticketed in 1"}, "True/Sent"},
		"rate limited":            {everyMinute, 5*time.Minute + time.Second, 6, []string{"created"}, "False/RateLimited Reconciling"},
		"the token was revoked":   {revoked, time.Minute, 1, []string{"created"}, "False/IntegrationPaused Reconciling"},
		"gone":                    {gone, 0, 1, []string{"created", "ticketed"}, "True/Sent"},
		"not there, for a reason": {fmt.Errorf("editing: %w", gone), 0, 1, []string{"created", "ticketed"}, "True/Sent"},
	} {
		t.Run(name, func(t *testing.T) {
			inStory(t, func(s *story) {
				s.created()
				s.run(time.Minute)
				edits := 0
				s.slack.OnUpdate(func(chat.Posted) error { edits++; return c.update })
				s.ticketed()
				s.settle()
				if u := s.get("ticketed").Status.UncertainSince; u != nil {
					t.Errorf("an edit that failed puts the reply in doubt")
				}
				s.run(c.after)
				if edits != c.edits {
					t.Errorf("%d edits, want %d", edits, c.edits)
				}
				s.wantPosted(c.posted...)
				s.wantOutcome("ticketed", c.want, "")
			})
		})
	}
}

// TestReplyInDoubt checks that a reply in doubt is looked up in its thread, and that the first message is in the channel.
func TestReplyInDoubt(t *testing.T) {
	for name, keep := range map[string]bool{"posted": true, "not posted": false} {
		t.Run(name, func(t *testing.T) {
			inStory(t, func(s *story) {
				s.created()
				s.run(time.Minute)
				s.slack.OnPost(func(m chat.Message) error {
					if s.slack.Calls() > 2 {
						return nil
					}
					if keep {
						s.slack.Keep(m)
					}
					return lost
				})
				s.ticketed()
				s.run(2 * time.Minute)
				s.wantPosted("created", "ticketed in 1")
				s.wantRole("ticketed", v1alpha1.ThreadReply)
				if want := map[bool]int{true: 2, false: 3}[keep]; s.slack.Calls() != want {
					t.Errorf("%d posts, want %d", s.slack.Calls(), want)
				}
			})
		})
	}
}

// TestFirstMessageInDoubt checks that replies go to a first message that was found.
func TestFirstMessageInDoubt(t *testing.T) {
	inStory(t, func(s *story) {
		s.answers(lost)
		s.created()
		s.ticketed()
		s.run(2 * time.Minute)
		s.wantPosted("created", "ticketed in 1")
		s.wantRole("created", v1alpha1.ThreadFirst)
		s.wantRole("ticketed", v1alpha1.ThreadReply)
	})
}

// TestThreadAfterRestart checks where an operator that has just started finds the first message of a Defect: in the
// Defect's status, or else in those of the Notifications.
func TestThreadAfterRestart(t *testing.T) {
	// sent returns a change by which a Notification was sent.
	sent := func(ts, integration string, role v1alpha1.ThreadRole, digest string) func(*v1alpha1.Notification) {
		return func(n *v1alpha1.Notification) {
			n.Status.Message = &v1alpha1.PostedMessage{Integration: integration, Channel: "C1", TS: ts, ThreadRole: role}
			n.Status.Digest = digest
		}
	}
	const first, reply, unknown = v1alpha1.ThreadFirst, v1alpha1.ThreadReply, v1alpha1.ThreadRole("")
	message := func(rule, integration, ts string) v1alpha1.DefectMessage {
		return v1alpha1.DefectMessage{Rule: rule, Integration: integration, Channel: "C1", TS: ts}
	}
	for name, c := range map[string]struct {
		messages []v1alpha1.DefectMessage
		sent     []func(*v1alpha1.Notification) // of events a second after one another
		want     string                         // the ts of the thread, empty for none
	}{
		"by the Defect's status": {messages: []v1alpha1.DefectMessage{
			message("other", "a/slack", "9.1"), message("rule", "a/other", "9.2"), message("rule", "a/slack", ""), message("rule", "a/slack", "9.4"),
		}, want: "9.4"},
		"by the Defect's status rather than a Notification's": {
			messages: []v1alpha1.DefectMessage{message("rule", "a/slack", "9.4")},
			sent:     []func(*v1alpha1.Notification){sent("8.1", "a/slack", first, "")}, want: "9.4",
		},
		"by the first message": {sent: []func(*v1alpha1.Notification){
			sent("8.1", "a/slack", first, ""), sent("8.2", "a/slack", reply, ""), sent("8.3", "a/slack", reply, ""),
		}, want: "8.1"},
		"by the last first message": {sent: []func(*v1alpha1.Notification){
			sent("8.1", "a/slack", first, ""), sent("8.2", "a/slack", reply, ""),
			sent("8.3", "a/slack", first, ""), sent("8.4", "a/slack", reply, ""),
		}, want: "8.3"},
		"roles are not known": {sent: []func(*v1alpha1.Notification){
			sent("8.1", "a/slack", unknown, ""), sent("8.2", "a/slack", unknown, ""),
		}, want: "8.1"},
		"some roles are known": {sent: []func(*v1alpha1.Notification){
			sent("8.1", "a/slack", unknown, ""), sent("8.2", "a/slack", first, ""), sent("8.3", "a/slack", unknown, ""),
		}, want: "8.2"},
		"another integration's, a digest's, without a ts": {sent: []func(*v1alpha1.Notification){
			sent("8.1", "a/other", first, ""), sent("8.2", "a/slack", first, "digest-1"), sent("", "a/slack", first, ""),
			func(*v1alpha1.Notification) {},
		}},
		"nothing": {},
	} {
		for order, sorted := range map[string]bool{"": true, ", listed the other way round": false} {
			t.Run(name+order, func(t *testing.T) {
				inStory(t, func(s *story) {
					s.defect.Status.Messages = c.messages
					s.updateStatus(s.defect)
					for at, change := range c.sent {
						listed := at
						if !sorted {
							listed = len(c.sent) - at
						}
						e := event.DefectTicketed(s.defect, time.Now().Add(time.Duration(at-60)*time.Second))
						n := s.notification(fmt.Sprintf("n%d", listed), s.rule, e)
						s.create(n)
						change(n)
						s.deliveredAs(n)
						s.updateStatus(n)
					}
					var edited []string
					s.slack.OnUpdate(func(at chat.Posted) error { edited = append(edited, at.TS); return chat.ErrUnsupported })
					s.moved("fixed", v1alpha1.StateResolved, v1alpha1.CauseSpec)
					s.settle()
					m := s.slack.Messages()
					if len(m) != 1 || m[0].ThreadTS != c.want {
						t.Errorf("posted %+v, want in the thread of %q", m, c.want)
					}
					if want := c.want != ""; slices.Contains(edited, c.want) != want || len(edited) > 1 {
						t.Errorf("edited %q", edited)
					}
				})
			})
		}
	}
}

// deliveredAs marks a Notification as delivered.
func (s *story) deliveredAs(n *v1alpha1.Notification) {
	n.Status.Conditions = []metav1.Condition{
		{Type: v1alpha1.ConditionDelivered, Status: metav1.ConditionTrue, Reason: v1alpha1.ReasonSent, LastTransitionTime: metav1.Now()},
		{Type: v1alpha1.ConditionReady, Status: metav1.ConditionTrue, Reason: v1alpha1.ReasonDelivered, LastTransitionTime: metav1.Now()},
	}
}

// TestPresentState checks what the first message shows when the cache is behind the event, or ahead of it, or the Defect
// was deleted.
func TestPresentState(t *testing.T) {
	for name, c := range map[string]struct {
		// meanwhile happens after the event, before its message is sent.
		meanwhile func(*story)
		shows     string
		hides     string
	}{
		"as in the event":  {func(*story) {}, "*resolved*", ""},
		"the ticket, too":  {func(*story) {}, "ticketed VOICE-1", ""},
		"ahead of it":      {func(s *story) { s.state(v1alpha1.StateInProgress, time.Minute) }, "*in progress*", "resolved"},
		"behind the event": {func(s *story) { s.state(v1alpha1.StateInProgress, -time.Minute) }, "*resolved*", "in progress"},
		"behind the first change": {func(s *story) {
			s.defect.Status.StateChange = nil
			s.defect.Status.State = v1alpha1.StateOpen
			s.updateStatus(s.defect)
		}, "*resolved*", ""},
		"behind the ticket": {func(s *story) {
			s.defect.Status.Jira = nil
			s.updateStatus(s.defect)
		}, "ticketed VOICE-1", ""},
		"another ticket": {func(s *story) {
			s.defect.Status.Jira.Key = "VOICE-2"
			s.updateStatus(s.defect)
		}, "ticketed VOICE-2", "VOICE-1 "},
		"deleted": {func(s *story) { s.delete(s.defect) }, "VOICE-1", ""},
		"replaced": {func(s *story) {
			s.delete(s.defect)
			s.create(&v1alpha1.Defect{ObjectMeta: metav1.ObjectMeta{Name: "d"}, Spec: v1alpha1.DefectSpec{Title: "Something else"}})
		}, "The bot hangs up", "Something else"},
	} {
		t.Run(name, func(t *testing.T) {
			inStory(t, func(s *story) {
				s.created()
				s.run(time.Minute)
				conn := s.Slack.Get(client.ObjectKeyFromObject(s.integration))
				conn.Pause(unavailable)
				s.defect.Status.Jira = &v1alpha1.DefectTicket{Key: "VOICE-1", URL: "https://jira.example.com/browse/VOICE-1"}
				s.moved("fixed", v1alpha1.StateResolved, v1alpha1.CauseSpec)
				s.settle()
				c.meanwhile(s)
				conn.Resume()
				s.settle()
				if got := s.lastUpdate(); !strings.Contains(got, c.shows) || c.hides != "" && strings.Contains(got, c.hides) {
					t.Errorf("the first message shows %q; want %q, not %q", got, c.shows, c.hides)
				}
			})
		})
	}
}

// state changes the Defect's state, without an event.
func (s *story) state(state v1alpha1.State, after time.Duration) {
	s.t.Helper()
	s.defect.Status.StateChange.Time = metav1.NewTime(s.defect.Status.StateChange.Time.Add(after))
	s.defect.Status.State = state
	s.updateStatus(s.defect)
}

// TestThreadThatCannotBeRead checks that nothing is sent while it is not known what comes first.
func TestThreadThatCannotBeRead(t *testing.T) {
	inStory(t, func(s *story) {
		away := true
		s.failing = func(verb string, _ client.Object) error {
			if away && verb == "list NotificationList by subject" {
				return errors.New("the API server is away")
			}
			return nil
		}
		s.created()
		s.run(10 * time.Second)
		s.wantPosted()
		s.wantOutcome("created", "", "")
		away = false
		s.run(10 * time.Second)
		s.wantPosted("created")
	})
}

// TestEnqueueSiblings checks whom the outcome of a Notification concerns: those of its thread that are not delivered.
func TestEnqueueSiblings(t *testing.T) {
	inStory(t, func(s *story) {
		s.created()
		s.settle()
		s.Slack.Get(client.ObjectKeyFromObject(s.integration)).Pause(unavailable)
		s.ticketed()
		s.moved("fixed", v1alpha1.StateResolved, v1alpha1.CauseSpec)
		other := ruleOf("other")
		s.create(other, s.notification("by-other", other, event.DefectTicketed(s.defect, time.Now())), alert("alert", s.rule))
		s.settle()
		names := func(o client.Object) []string {
			var out []string
			for _, r := range s.enqueueSiblings(t.Context(), o) {
				out = append(out, r.Name)
			}
			slices.Sort(out)
			return out
		}
		for name, want := range map[string][]string{
			"created": {"fixed", "ticketed"}, "ticketed": {"fixed"}, "by-other": nil, "alert": nil,
		} {
			if got := names(s.get(name)); !slices.Equal(got, want) {
				t.Errorf("%s enqueues %q, want %q", name, got, want)
			}
		}
		if got := names(s.integration); got != nil {
			t.Errorf("an integration enqueues %q", got)
		}
	})
}

// TestFirstMessageIsGoneAndItsSuccessorInDoubt checks that a new first message is found after a restart if its answer was lost,
// although the Defect's status leads to the thread of the former one.
func TestFirstMessageIsGoneAndItsSuccessorInDoubt(t *testing.T) {
	inStory(t, func(s *story) {
		s.created()
		s.run(time.Minute)
		s.slack.OnUpdate(func(chat.Posted) error { return gone })
		s.answers(nil, lost)
		s.ticketed()
		s.run(time.Second)
		s.restart()
		s.connect(s.integration, limits)
		s.run(5 * time.Minute)
		s.wantPosted("created", "ticketed")
		s.wantRole("ticketed", v1alpha1.ThreadFirst)
	})
}
