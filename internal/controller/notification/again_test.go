// SPDX-License-Identifier: Apache-2.0

package notification

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/voiceai-dev/integrations-operator/api/v1alpha1"
	"github.com/voiceai-dev/integrations-operator/internal/chat"
	"github.com/voiceai-dev/integrations-operator/internal/once"
)

// TestMessagesOfTheFormerLeader has an operator send Notifications and stop before any status says so. The next one looks
// up what may have been posted, once for all, and only after what the former sent must have arrived.
func TestMessagesOfTheFormerLeader(t *testing.T) {
	cannotFind := func(chat.Config) (chat.Workspace, error) { return chat.Workspace{Verified: true}, nil }
	for name, c := range map[string]struct {
		of     func(*v1alpha1.SlackIntegration)
		probe  func(chat.Config) (chat.Workspace, error)
		find   func(search int) error
		posted []string
		// searches are when the channel was searched, in seconds since the second operator leads. The last one is that
		// of the history probe; where a search takes a second, the second one is for all that came meanwhile.
		searches   []int
		channel    string
		unreadable string
	}{
		"found": {posted: []string{"n0", "n1", "n2", "n3", "n4"}, searches: []int{35, 36, 37}, channel: "#alerts"},
		"found, and the channel's ID is known": {of: func(i *v1alpha1.SlackIntegration) {
			i.Status.Channels = []v1alpha1.KnownChannel{{Name: "#other", ID: "C7"}, {Name: "#alerts", ID: "C9"}}
		}, posted: []string{"n0", "n1", "n2", "n3", "n4"}, searches: []int{35, 36, 37}, channel: "C9"},
		"in a channel with an ID": {of: func(i *v1alpha1.SlackIntegration) { i.Spec.DefaultChannel = "C5" },
			posted: []string{"n0", "n1", "n2", "n3", "n4"}, searches: []int{35, 36, 37}, channel: "C5"},
		"the search fails at first": {find: func(search int) error {
			if search == 1 {
				return wait90
			}
			return nil
		}, posted: []string{"n0", "n1", "n2", "n3", "n4"}, searches: []int{35, 126, 127}, channel: "#alerts"},
		"the channel cannot be searched": {find: func(int) error { return chat.ErrUnsupported },
			posted: []string{"n0", "n1", "n0", "n1", "n2", "n3", "n4"}, searches: []int{35, 36, 37, 38, 39},
			channel: "#alerts", unreadable: "#alerts"},
		"the token lacks the scope": {probe: cannotFind, posted: []string{"n0", "n1", "n0", "n1", "n2", "n3", "n4"}},
		"an incoming webhook":       {of: webhook, posted: []string{"n0", "n1", "n0", "n1", "n2", "n3", "n4"}},
	} {
		t.Run(name, func(t *testing.T) {
			inWorld(t, func(w *world) {
				i := bot()
				if c.of != nil {
					c.of(i)
				}
				w.slack.OnProbe(c.probe)
				r := ruleOf("rule")
				w.create(i, r)
				w.connect(i, limits)
				w.slack.OnPost(func(m chat.Message) error {
					if w.slack.Calls() <= 2 {
						w.slack.Keep(m)
					}
					return lost
				})
				for n := range 5 {
					w.create(alert(fmt.Sprintf("n%d", n), r))
				}
				for n := range 5 { // the operator stops before it records anything
					w.submit(fmt.Sprintf("n%d", n))
				}
				w.slack.OnPost(nil)
				w.restart()
				begin := time.Now()
				var searches []int
				w.slack.OnFind(func(channel string) error {
					searches = append(searches, int(time.Since(begin)/time.Second))
					if len(searches) == 1 && channel != c.channel {
						t.Errorf("searched %s, want %s", channel, c.channel)
					}
					time.Sleep(time.Second)
					if c.find != nil {
						return c.find(len(searches))
					}
					return nil
				})
				w.connect(i, limits)
				w.run(10 * time.Minute)
				for n := range 5 {
					w.wantOutcome(fmt.Sprintf("n%d", n), "True/Sent", "")
				}
				got := w.posted()
				slices.Sort(got[2:])
				if !slices.Equal(got, c.posted) || !slices.Equal(searches, c.searches) {
					t.Errorf("posted %q, searched at %v; want %q, %v", got, searches, c.posted, c.searches)
				}
				if c.searches != nil && c.unreadable == "" {
					if m := w.get("n0").Status.Message; m.TS != "1700000000.000001" || m.ThreadRole != v1alpha1.ThreadFirst {
						t.Errorf("found %+v, want the first message", m)
					}
				}
				if got := w.Slack.Get(client.ObjectKeyFromObject(i)).Record.UnreadableChannel(); got != c.unreadable {
					t.Errorf("the unreadable channel is %q, want %q", got, c.unreadable)
				}
				if w.lookups.Len() != 0 {
					t.Error("what was looked up is still kept")
				}
			})
		})
	}
}

// submit makes the call for a Notification, and records nothing.
func (w *world) submit(name string) {
	w.t.Helper()
	n := w.get(name)
	s := &scope{notification: n, before: n.DeepCopy(), now: time.Now()}
	w.deliver(w.t.Context(), s)
	synctest.Wait()
}

// TestNewerThanTheLeader checks that only what may be older than the leader is looked up, by the API server's clock.
func TestNewerThanTheLeader(t *testing.T) {
	for name, c := range map[string]struct {
		server time.Duration // the leader's begin by the API server's clock, from now
		finds  int
	}{
		"newer":              {-time.Second, 1}, // the history probe
		"in the same second": {0, 2},
		"older":              {time.Second, 2},
	} {
		t.Run(name, func(t *testing.T) {
			inWorld(t, func(w *world) {
				i := bot()
				r := ruleOf("rule")
				w.create(i, r)
				w.connect(i, limits)
				w.leader.Local = time.Now().Add(-time.Minute)
				w.leader.Server = time.Now().Add(c.server)
				w.create(alert("n", r))
				w.run(time.Minute)
				w.wantOutcome("n", "True/Sent", "")
				w.wantCalls(1, 0, c.finds)
			})
		})
	}
}

// TestDoubtIsKept checks that a message in doubt is looked up after a restart, too, although the leader is older than
// the Notification.
func TestDoubtIsKept(t *testing.T) {
	inWorld(t, func(w *world) {
		i := bot()
		r := ruleOf("rule")
		w.create(i, r)
		w.connect(i, limits)
		w.answers(lost)
		w.create(alert("n", r))
		w.settle()
		n := w.get("n")
		if u := n.Status.UncertainSince; u == nil || !u.Time.Equal(time.Now()) || n.Status.Attempts != 1 {
			t.Errorf("the status of a message in doubt is %+v", n.Status)
		}
		former := w.leader
		w.restart()
		w.leader = former
		w.connect(i, limits)
		w.run(34 * time.Second)
		w.wantOutcome("n", "False/Retrying Reconciling", "")
		w.wantCalls(1, 0, 0)
		w.run(2 * time.Second)
		w.wantOutcome("n", "True/Sent", "")
		w.wantCalls(1, 0, 1)
		w.wantPosted("n")
	})
}

// TestDoubtAgainAndAgain checks that the time between attempts that end in doubt grows up to five minutes, and is never
// shorter than a call may have an effect.
func TestDoubtAgainAndAgain(t *testing.T) {
	for name, c := range map[string]struct {
		of  func(*v1alpha1.SlackIntegration)
		run time.Duration
		// want are the seconds between attempts.
		want []int
	}{
		"bot":     {func(*v1alpha1.SlackIntegration) {}, 20 * time.Minute, []int{36, 36, 36, 36, 36, 64, 128, 256, 300}},
		"webhook": {webhook, 2 * time.Minute, []int{35, 35, 35}}, // more failures in a row pause the integration
	} {
		t.Run(name, func(t *testing.T) {
			inWorld(t, func(w *world) {
				i := bot(c.of)
				r := ruleOf("rule")
				w.create(i, r)
				w.connect(i, limits)
				var at []int
				begin := time.Now()
				w.slack.OnPost(func(chat.Message) error {
					at = append(at, int(time.Since(begin)/time.Second))
					return lost
				})
				w.create(alert("n", r))
				w.run(c.run)
				var waits []int
				for n := 1; n < len(at); n++ {
					waits = append(waits, at[n]-at[n-1])
				}
				if !slices.Equal(waits, c.want) {
					t.Errorf("waited %v s between attempts, want %v", waits, c.want)
				}
				n := w.get("n")
				if int(n.Status.Attempts) != len(at) || !n.Status.NextAttemptTime.After(time.Now()) {
					t.Errorf("the status is %+v", n.Status)
				}
			})
		})
	}
}

// TestAnswerDuringTheWait checks that reconciles before the lookup is due change nothing.
func TestAnswerDuringTheWait(t *testing.T) {
	inWorld(t, func(w *world) {
		i := bot()
		r := ruleOf("rule")
		w.create(i, r)
		w.connect(i, limits)
		w.answers(lost)
		w.create(alert("n", r))
		w.settle()
		before := w.get("n")
		for range 34 {
			w.enqueueEverything()
			w.run(time.Second)
		}
		if after := w.get("n"); after.ResourceVersion != before.ResourceVersion {
			t.Errorf("the status was %+v and is %+v", before.Status, after.Status)
		}
		w.wantCalls(1, 0, 0)
	})
}

// TestLookupOfIntegrationThatIsDown checks that nothing is sent before it is known whether it was posted.
func TestLookupOfIntegrationThatIsDown(t *testing.T) {
	inWorld(t, func(w *world) {
		i := bot()
		r := ruleOf("rule")
		w.create(i, r)
		w.connect(i, limits)
		w.answers(lost)
		w.create(alert("n", r))
		w.settle()
		w.slack.OnFind(func(string) error { return unavailable })
		w.run(10 * time.Minute)
		if got := w.outcome("n"); !strings.HasPrefix(got, "False") { // it is retried, or waits for its turn
			t.Errorf("n is %s", got)
		}
		w.wantCalls(1, 0, 0)
		w.slack.OnFind(nil)
		w.connect(i, limits)
		w.run(time.Minute)
		w.wantOutcome("n", "True/Sent", "")
		w.wantCalls(1, 0, 1)
	})
}

// TestSearchGoesBackFarEnough checks that a message is found that was posted long before the operator became the leader.
func TestSearchGoesBackFarEnough(t *testing.T) {
	inWorld(t, func(w *world) {
		i := bot()
		r := ruleOf("rule")
		w.create(i, r)
		w.connect(i, limits)
		w.create(alert("n", r))
		time.Sleep(once.Margin)
		w.answers(lost)
		w.submit("n")
		time.Sleep(20 * time.Hour)
		w.restart()
		w.connect(i, limits)
		w.run(time.Minute)
		w.wantOutcome("n", "True/Sent", "")
		w.wantPosted("n")
	})
}

// TestRefusedOnceSearched checks that a message in doubt that was not found is sent again, and that its refusal counts.
func TestRefusedOnceSearched(t *testing.T) {
	inWorld(t, func(w *world) {
		i := bot()
		r := ruleOf("rule")
		w.create(i, r)
		w.connect(i, limits)
		w.slack.OnPost(func(chat.Message) error {
			if w.slack.Calls() == 1 {
				return lost
			}
			return archived
		})
		w.create(alert("n", r))
		w.run(2 * time.Minute)
		w.wantOutcome("n", "False/Rejected Stalled", "archived")
		w.wantCalls(2, 0, 1)
		if at := w.get("n").Status.NextAttemptTime; at != nil {
			t.Errorf("the status of what a person has to fix shows a next attempt at %s", at)
		}
	})
}
