// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/voiceai-dev/integrations-operator/api/v1alpha1"
	"github.com/voiceai-dev/integrations-operator/internal/chat"
	"github.com/voiceai-dev/integrations-operator/internal/controller/kit"
	"github.com/voiceai-dev/integrations-operator/internal/fault"
	"github.com/voiceai-dev/integrations-operator/internal/ticket"
)

// TestHealthIsAnnounced checks when it is announced that an integration does not work, and that it works again.
func TestHealthIsAnnounced(t *testing.T) {
	for kind, o := range map[string]kit.Object{"slack": bot(), "jira": project()} {
		t.Run(kind, func(t *testing.T) {
			inWorld(t, func(w *world) {
				slackOK := w.probeSlack
				jiraOK := w.probeJira
				fail := func() {
					w.probeSlack = func(chat.Config) (chat.Workspace, error) { return chat.Workspace{}, revoked }
					w.probeJira = func(ticket.Config) (ticket.Project, error) { return ticket.Project{}, revoked }
					w.setSecret(map[string][]byte{"token": []byte(time.Now().String()[17:19])}) // the client changes
				}
				restore := func() {
					w.probeSlack = slackOK
					w.probeJira = jiraOK
				}
				expect := func(want ...v1alpha1.EventType) {
					t.Helper()
					if got := w.announced(); !slices.Equal(got, want) {
						t.Errorf("after %s: announced %v, want %v", time.Since(w.begin), got, want)
					}
				}
				since := func() bool {
					switch i := get(w, o).(type) {
					case *v1alpha1.SlackIntegration:
						return i.Status.UnhealthySince != nil
					case *v1alpha1.JiraIntegration:
						return i.Status.UnhealthySince != nil
					}
					return false
				}
				o = o.DeepCopyObject().(kit.Object)
				w.create(o)
				w.run(time.Minute)
				fail()
				w.run(29 * time.Second)
				expect()
				if since() {
					t.Error("the status shows it as announced")
				}
				w.run(2 * time.Second)
				expect(unhealthyEvent)
				if !since() {
					t.Error("the status does not show it as announced")
				}
				w.run(time.Hour)
				expect(unhealthyEvent)
				restore()
				w.run(61 * time.Second)
				expect(unhealthyEvent, recoveredEvent)
				if since() {
					t.Error("the status shows it as announced")
				}
				w.run(time.Hour)
				fail()
				w.run(10 * time.Second)
				restore()
				w.run(time.Hour)
				expect(unhealthyEvent, recoveredEvent)
				fail()
				w.run(time.Hour)
				expect(unhealthyEvent, recoveredEvent, unhealthyEvent)
				close(w.recorder.Events)
				var recorded []string
				for e := range w.recorder.Events {
					recorded = append(recorded, strings.Join(strings.Fields(e)[:2], " "))
				}
				if n := len(recorded); n < 3 || recorded[0] != "Warning Unauthorized" || recorded[1] != "Normal Ready" {
					t.Errorf("recorded %q", recorded)
				}
			})
		})
	}
}

// TestHealthThatCannotBeAnnounced checks that an announcement is made again until it is stored.
func TestHealthThatCannotBeAnnounced(t *testing.T) {
	inWorld(t, func(w *world) {
		ok := w.probeSlack
		w.probeSlack = func(chat.Config) (chat.Workspace, error) { return chat.Workspace{}, revoked }
		w.failing = func(verb string, o client.Object) error {
			if _, isNotification := o.(*v1alpha1.Notification); isNotification && verb == "create" {
				return errors.New("the API server is away")
			}
			return nil
		}
		i := bot()
		w.create(i)
		w.run(time.Minute)
		if i := get(w, i); i.Status.UnhealthySince != nil {
			t.Error("it counts as announced")
		}
		away := w.failing
		w.failing = func(string, client.Object) error { return nil }
		w.run(time.Minute)
		if got := w.announced(); !slices.Equal(got, []v1alpha1.EventType{unhealthyEvent}) {
			t.Errorf("announced %v", got)
		}
		w.failing = away
		w.probeSlack = ok
		w.run(2 * time.Minute)
		wantConditions(w, i, works, "")
		if get(w, i).Status.UnhealthySince == nil {
			t.Error("the recovery counts as announced")
		}
		w.failing = func(string, client.Object) error { return nil }
		w.run(time.Minute)
		if got := w.announced(); !slices.Equal(got, []v1alpha1.EventType{unhealthyEvent, recoveredEvent}) {
			t.Errorf("announced %v", got)
		}
	})
}

// TestPacedStatus checks that the status of a busy integration is written every few seconds, and at once when a condition
// changes.
func TestPacedStatus(t *testing.T) {
	inWorld(t, func(w *world) {
		i := bot()
		w.create(i)
		w.run(time.Minute)
		w.writes = 0
		for n := range 300 {
			var err error
			if n%2 == 0 {
				err = archived
			}
			w.slackConn().Record.Add("PostMessage", "Notification/a/n", "", err)
			w.enqueue(itemOf(i))
			w.run(100 * time.Millisecond)
		}
		w.run(10 * time.Second)
		if w.writes < 5 || w.writes > 8 {
			t.Errorf("%d status writes within half a minute", w.writes)
		}
		s := get(w, i).Status
		if s.SentTotal != 150 || s.FailedTotal != 150 || len(s.Activities) != v1alpha1.MaxActivities {
			t.Errorf("the status counts %d, %d", s.SentTotal, s.FailedTotal)
		}
		w.slackConn().Record.Add("PostMessage", "Notification/a/n", "", nil)
		w.enqueue(itemOf(i))
		w.settle()
		w.setSecret(nil)
		w.settle()
		wantConditions(w, i, "False/SecretKeyNotFound Unknown/NotAuthenticated False/SecretKeyNotFound Reconciling", "")
	})
}

// TestPacedStatusOfFailingProbes checks that failing probes do not write the status each time.
func TestPacedStatusOfFailingProbes(t *testing.T) {
	for kind, o := range map[string]kit.Object{"slack": bot(), "jira": project()} {
		t.Run(kind, func(t *testing.T) {
			inWorld(t, func(w *world) {
				w.probeSlack = func(chat.Config) (chat.Workspace, error) { return chat.Workspace{}, down }
				w.probeJira = func(ticket.Config) (ticket.Project, error) { return ticket.Project{}, down }
				o := o.DeepCopyObject().(kit.Object)
				w.create(o)
				w.settle()
				w.writes = 0
				for range 40 {
					w.enqueue(itemOf(o))
					w.run(100 * time.Millisecond)
				}
				if w.writes > 1 {
					t.Errorf("%d status writes within 4 s", w.writes)
				}
			})
		})
	}
}

// TestTotalsAfterRestart checks that totals, activities and channels go on after a restart.
func TestTotalsAfterRestart(t *testing.T) {
	inWorld(t, func(w *world) {
		i := bot()
		j := project()
		w.create(i, j)
		w.run(time.Minute)
		record := w.slackConn().Record
		record.Add("PostMessage", "Notification/a/n", "", nil)
		record.Add("PostMessage", "Notification/a/n", "", archived)
		record.LoadChannels([]v1alpha1.KnownChannel{{Name: "#alerts", ID: "C1"}})
		if _, err := record.Post(t.Context(), dialled(t, w), chat.Message{Channel: "#alerts"}); err != nil {
			t.Fatal(err)
		}
		w.jiraConn().Record.Add("CreateIssue", "Defect/a/d", "", nil)
		w.jiraConn().Record.Add("CreateIssue", "Defect/a/d", "", down)
		w.run(10 * time.Second)
		w.restart()
		w.run(time.Minute)
		w.slackConn().Record.Add("PostMessage", "Notification/a/m", "", nil)
		w.jiraConn().Record.Add("CreateIssue", "Defect/a/e", "", nil)
		w.run(10 * time.Second)
		s := get(w, i).Status
		if s.SentTotal != 2 || s.FailedTotal != 1 || len(s.Activities) != 3 || len(s.Channels) != 1 || s.Channels[0].ID != "C1" {
			t.Errorf("the status is %+v", s)
		}
		if s := get(w, j).Status; s.CreatedTotal != 2 || s.FailedTotal != 1 || len(s.Activities) != 3 {
			t.Errorf("the status is %+v", s)
		}
		if w.slackConn().Record.ChannelID("#alerts") != "C1" {
			t.Error("the channel is not known any more")
		}
		w.probeSlack = func(chat.Config) (chat.Workspace, error) { return chat.Workspace{TeamID: "T2", Verified: true}, nil }
		w.setSecret(map[string][]byte{"token": []byte("xoxb-2")})
		w.settle()
		if w.slackConn().Record.ChannelID("#alerts") != "" {
			t.Error("the channel of another workspace is known")
		}
	})
}

// dialled returns a client of the world's Slack.
func dialled(t *testing.T, w *world) chat.Poster {
	t.Helper()
	c, err := w.slack.Dial(chat.Config{Token: "x"})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// TestHangingIntegrationIsWrittenRarely checks that an integration whose probe fails in the same way every few seconds
// costs at most one status write a minute, while its probes go on.
func TestHangingIntegrationIsWrittenRarely(t *testing.T) {
	inWorld(t, func(w *world) {
		w.probeSlack = func(chat.Config) (chat.Workspace, error) {
			time.Sleep(10 * time.Second)
			return chat.Workspace{}, &fault.Fault{Kind: fault.Unavailable, Scope: fault.Connection, Message: "no answer"}
		}
		i := bot()
		w.create(i)
		w.run(6 * time.Minute) // until it is stalled
		writes, probes := w.writes, len(w.probes)
		w.run(20 * time.Minute)
		if n := w.writes - writes; n < 10 || n > 20 {
			t.Errorf("%d status writes in 20 minutes, want about one a minute", n)
		}
		if n := len(w.probes) - probes; n < 60 {
			t.Errorf("%d probes in 20 minutes, want one every few seconds", n)
		}
		if late := time.Since(get(w, i).Status.LastErrorTime.Time); late > 90*time.Second {
			t.Errorf("the last error is %s old", late)
		}
	})
}
