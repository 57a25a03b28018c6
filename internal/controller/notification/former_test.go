// SPDX-License-Identifier: Apache-2.0

package notification

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/voiceai-dev/integrations-operator/api/v1alpha1"
	"github.com/voiceai-dev/integrations-operator/internal/chat"
	"github.com/voiceai-dev/integrations-operator/internal/connection"
	"github.com/voiceai-dev/integrations-operator/internal/event"
)

// announce stores a Notification of an event with the label of its finding, as the outbox does.
func (s *story) announce(name string, e event.Event) {
	s.t.Helper()
	n := s.notification(name, s.rule, e)
	n.Labels = map[string]string{v1alpha1.FindingLabel: e.Finding}
	s.create(n)
}

// recreate replaces the Defect by another object, as change makes it.
func (s *story) recreate(change func(*v1alpha1.Defect)) {
	s.t.Helper()
	again := &v1alpha1.Defect{Spec: *s.defect.Spec.DeepCopy(), Status: v1alpha1.DefectStatus{State: v1alpha1.StateOpen}}
	again.Name = s.defect.Name
	change(again)
	if err := s.client.Delete(s.t.Context(), s.defect); client.IgnoreNotFound(err) != nil {
		s.t.Fatal(err)
	}
	s.defect = again
	s.create(s.defect)
}

// ticket gives the Defect a ticket.
func (s *story) ticket(key string) {
	s.t.Helper()
	s.defect.Status.Jira = &v1alpha1.DefectTicket{Key: key, URL: "https://jira.example.com/browse/" + key}
	s.updateStatus(s.defect)
}

// TestFindingIsAnnouncedOnce has a Defect that is announced, then deleted and created again, before and after a restart of
// the operator.
func TestFindingIsAnnouncedOnce(t *testing.T) {
	same := func(*v1alpha1.Defect) {}
	renamed := func(d *v1alpha1.Defect) { d.Name = "renamed" }
	retitled := func(d *v1alpha1.Defect) { d.Spec.Title = "Something else" }
	for name, c := range map[string]struct {
		fingerprint string
		again       func(*v1alpha1.Defect)
		ticket      string
		// posted are the messages of the two objects, edits how often the first one is edited.
		posted []string
		edits  int
	}{
		"by name":                       {"", same, "V-1", []string{"created", "ticketed in 1"}, 3},
		"by fingerprint":                {"f", renamed, "V-1", []string{"created", "ticketed in 1"}, 3},
		"with another ticket":           {"f", same, "V-2", []string{"created", "ticketed in 1", "ticketed-again in 1"}, 3},
		"another finding with the name": {"", retitled, "V-2", []string{"created", "ticketed in 1", "again", "ticketed-again in 3"}, 2},
	} {
		for when, restarts := range map[string]bool{"": false, ", after a restart": true} {
			t.Run(name+when, func(t *testing.T) {
				inStory(t, func(s *story) {
					s.recreate(func(d *v1alpha1.Defect) { d.Spec.Fingerprint = c.fingerprint })
					s.announce("created", event.DefectCreated(s.defect))
					s.run(time.Minute)
					s.ticket("V-1")
					s.announce("ticketed", event.DefectTicketed(s.defect, time.Now()))
					s.run(time.Minute)
					if restarts {
						s.restart()
						s.connect(s.integration, limits)
						s.run(time.Minute)
					}
					s.recreate(c.again)
					s.announce("again", event.DefectCreated(s.defect))
					s.run(time.Minute)
					s.ticket(c.ticket)
					s.announce("ticketed-again", event.DefectTicketed(s.defect, time.Now()))
					s.run(time.Minute)
					s.wantPosted(c.posted...)
					if n := len(s.slack.Updates()); n != c.edits {
						t.Errorf("%d edits, want %d", n, c.edits)
					}
					s.wantOutcome("again", "True/Sent", "")
					s.wantRole("again", v1alpha1.ThreadFirst)
				})
			})
		}
	}
}

// TestFindingOfTwoDefects announces two Defects of a finding at the same moment: one of them is announced.
func TestFindingOfTwoDefects(t *testing.T) {
	for name, hook := range map[string]bool{"by a bot": false, "by a webhook": true} {
		t.Run(name, func(t *testing.T) {
			with := func(i *v1alpha1.SlackIntegration) {
				if hook {
					webhook(i)
				}
			}
			inStory(t, func(s *story) {
				second := s.defect.DeepCopy()
				second.Name = "second"
				second.ResourceVersion = ""
				s.recreate(func(d *v1alpha1.Defect) { d.Spec.Fingerprint = "f" })
				second.Spec.Fingerprint = "f"
				s.create(second)
				s.announce("b-created", event.DefectCreated(second))
				s.announce("a-created", event.DefectCreated(s.defect))
				s.run(time.Minute)
				s.wantPosted("a-created")
				if hook {
					s.wantOutcome("b-created", "True/Muted", "Notification a-created announced it before, for Defect d of the same finding")
				} else {
					s.wantOutcome("b-created", "True/Sent", "")
				}
			}, with)
		})
	}
}

// TestFindingWhoseMessageIsGone announces a Defect again whose former message was deleted in Slack.
func TestFindingWhoseMessageIsGone(t *testing.T) {
	inStory(t, func(s *story) {
		s.announce("created", event.DefectCreated(s.defect))
		s.run(time.Minute)
		s.slack.OnUpdate(func(chat.Posted) error { return gone })
		s.recreate(func(*v1alpha1.Defect) {})
		s.announce("again", event.DefectCreated(s.defect))
		s.run(time.Minute)
		s.wantPosted("created", "again")
	})
}

// TestRestoreIsNoStorm creates many Defects again at once: no digest announces them.
func TestRestoreIsNoStorm(t *testing.T) {
	inStory(t, func(s *story) {
		var all []*v1alpha1.Defect
		for _, name := range []string{"one", "two", "three", "four", "five", "six", "seven", "eight"} {
			d := s.defect.DeepCopy()
			d.Name = name
			d.ResourceVersion = ""
			s.create(d)
			all = append(all, d)
			s.announce("first-"+name, event.DefectCreated(d))
			s.run(time.Minute)
		}
		s.connect(s.integration, connection.Limits{Concurrency: 1, LanePerSecond: 0.1, LaneBurst: 1})
		for _, d := range all {
			again := &v1alpha1.Defect{Spec: d.Spec, Status: v1alpha1.DefectStatus{State: v1alpha1.StateOpen}}
			again.Name = d.Name
			if err := s.client.Delete(t.Context(), d); err != nil {
				t.Fatal(err)
			}
			s.create(again)
			s.announce("again-"+d.Name, event.DefectCreated(again))
		}
		s.run(time.Hour)
		if n := len(s.digests()); n != 0 || s.slack.Calls() != len(all) {
			t.Errorf("%d digests, %d messages", n, s.slack.Calls())
		}
	})
}

// TestRestoreInAStorm creates Defects again while their channel gets more than it takes: digests hold what is new, and
// none announces the Defects again.
func TestRestoreInAStorm(t *testing.T) {
	inStory(t, func(s *story) {
		s.announce("created", event.DefectCreated(s.defect))
		s.run(time.Minute)
		s.connect(s.integration, slow)
		s.alerts(5, s.rule)
		s.recreate(func(*v1alpha1.Defect) {})
		s.announce("again", event.DefectCreated(s.defect))
		s.run(time.Millisecond)
		for n := range 30 {
			s.create(alert(fmt.Sprintf("later%d", n), s.rule))
		}
		s.run(time.Minute)
		if len(s.digests()) == 0 {
			t.Fatal("there is no storm")
		}
		for _, d := range s.digests() {
			if slices.Contains(d.Spec.Members, "again") {
				t.Errorf("%s announces the Defect again", d.Name)
			}
		}
		s.wantOutcome("again", "True/Sent", "")
		s.wantEachOnce(5)
	})
}

// TestFindingOfASecondDefect announces a Defect of a finding while the message about another one waits, is on its way, or
// may have been posted. Its event comes first by time and name.
func TestFindingOfASecondDefect(t *testing.T) {
	for name, c := range map[string]struct {
		limits connection.Limits
		post   func(*story)
		after  time.Duration
	}{
		"waits": {slow, func(*story) {}, 0},
		"is on its way": {limits, func(s *story) {
			s.slack.OnPost(func(chat.Message) error { time.Sleep(10 * time.Second); return nil })
		}, time.Second},
		"may have been posted": {limits, func(s *story) { s.answers(lost) }, time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			inStory(t, func(s *story) {
				s.connect(s.integration, c.limits)
				s.recreate(func(d *v1alpha1.Defect) { d.Spec.Fingerprint = "f" })
				want := []string{"b-created"}
				if c.limits == slow {
					s.create(alert("other", s.rule))
					want = []string{"other", "b-created"}
				}
				c.post(s)
				second := s.defect.DeepCopy()
				second.Name = "second"
				second.ResourceVersion = ""
				s.create(second)
				s.announce("b-created", event.DefectCreated(second))
				s.run(c.after)
				s.announce("a-created", event.DefectCreated(s.defect))
				s.run(5 * time.Minute)
				s.wantPosted(want...)
				s.wantOutcome("a-created", "True/Sent", "")
				s.wantOutcome("b-created", "True/Sent", "")
			})
		})
	}
}
