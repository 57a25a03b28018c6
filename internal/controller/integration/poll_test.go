// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/voiceai-dev/integrations-operator/api/v1alpha1"
	"github.com/voiceai-dev/integrations-operator/internal/connection"
	"github.com/voiceai-dev/integrations-operator/internal/controller/kit"
	"github.com/voiceai-dev/integrations-operator/internal/fault"
	"github.com/voiceai-dev/integrations-operator/internal/ticket"
)

// filed stores the Defect "d" and files its issue, both as an hour ago.
func (w *world) filed(with func(*v1alpha1.Defect)) *v1alpha1.Defect {
	w.t.Helper()
	d := defectWithTicket("d", nil)
	w.create(d)
	t := w.jira.Keep(ticket.Draft{Marker: d.TicketMarker()})
	w.jira.Edit(t.Key, "To Do", "new", func(t *ticket.Ticket) { t.Updated = d.Status.Jira.UpdatedTime.Time })
	d.Status.Jira.Key = t.Key
	d.Status.Jira.ID = t.ID
	d.Status.Jira.URL = t.URL
	if with != nil {
		with(d)
	}
	if err := w.client.Status().Update(w.t.Context(), d); err != nil {
		w.t.Fatal(err)
	}
	return d
}

// TestPoll checks which Defects a poll enqueues, and what it keeps for them.
func TestPoll(t *testing.T) {
	for name, c := range map[string]struct {
		edit func(w *world, d *v1alpha1.Defect)
		// enqueued reports whether the Defect is, with pending the ticket's status, or else because of a doubt.
		enqueued bool
		pending  string
	}{
		"nothing changed": {func(*world, *v1alpha1.Defect) {}, false, ""},
		"moved":           {func(w *world, d *v1alpha1.Defect) { w.jira.Edit(d.Status.Jira.Key, "Done", "done", nil) }, true, "Done"},
		"something else changed": {func(w *world, d *v1alpha1.Defect) {
			w.jira.Edit(d.Status.Jira.Key, "To Do", "new", nil)
		}, true, "To Do"},
		"moved in the second of the last change": {func(w *world, d *v1alpha1.Defect) {
			at := time.Now().Truncate(time.Microsecond)
			w.jira.Edit(d.Status.Jira.Key, "Done", "done", func(t *ticket.Ticket) { t.Updated = at })
			d.Status.Jira.UpdatedTime = &metav1.MicroTime{Time: at}
		}, true, ""},
		"seen before": {func(w *world, d *v1alpha1.Defect) {
			at := time.Now().Truncate(time.Microsecond)
			w.jira.Edit(d.Status.Jira.Key, "To Do", "new", func(t *ticket.Ticket) { t.Updated = at })
			d.Status.Jira.UpdatedTime = &metav1.MicroTime{Time: at}
		}, false, ""},
		"older than what was seen": {func(w *world, d *v1alpha1.Defect) {
			w.jira.Edit(d.Status.Jira.Key, "Done", "done", nil)
			d.Status.Jira.UpdatedTime = &metav1.MicroTime{Time: time.Now().Add(time.Minute)}
		}, false, ""},
		"the marker was removed": {func(w *world, d *v1alpha1.Defect) {
			w.jira.Edit(d.Status.Jira.Key, "Done", "done", func(t *ticket.Ticket) { t.Markers = []string{"team"} })
		}, true, ""},
		"another issue moved": {func(w *world, _ *v1alpha1.Defect) {
			other := w.jira.Keep(ticket.Draft{Marker: "defect-other"})
			w.jira.Edit(other.Key, "Done", "done", nil)
		}, false, ""},
		"another integration's": {func(w *world, d *v1alpha1.Defect) {
			w.create(defectWithTicket("ours", nil))
			w.jira.Edit(d.Status.Jira.Key, "Done", "done", nil)
			d.Status.Jira.Integration = "a/other"
		}, false, ""},
	} {
		t.Run(name, func(t *testing.T) {
			inWorld(t, func(w *world) {
				w.create(project())
				w.settle()
				d := w.filed(nil)
				w.run(30 * time.Second)
				c.edit(w, d)
				if err := w.client.Status().Update(t.Context(), d); err != nil {
					t.Fatal(err)
				}
				w.run(31 * time.Second)
				if got := slices.Contains(w.defects, "d"); got != c.enqueued {
					t.Errorf("enqueued %v", w.defects)
				}
				key := client.ObjectKeyFromObject(d)
				found, ok := w.jiraReconcile.PendingUpdates.Get(key, d.UID)
				if ok != (c.pending != "") || found.Status != c.pending {
					t.Errorf("pending is %+v, %v; want %q", found, ok, c.pending)
				}
				if at, doubt := w.jiraReconcile.PendingUpdates.DoubtedAt(key, d.UID); doubt != (c.enqueued && c.pending == "") ||
					doubt && time.Since(at) > time.Minute {
					t.Errorf("in doubt since %s: %v", at, doubt)
				}
				if w.jira.Polls() != 1 {
					t.Errorf("%d polls", w.jira.Polls())
				}
			})
		})
	}
}

// TestPollInterval checks how often Jira is polled, and that it is not while there is nothing to find.
func TestPollInterval(t *testing.T) {
	for name, c := range map[string]struct {
		seconds int32
		filed   bool
		polls   int
	}{
		"by default":    {0, true, 4},
		"as wanted":     {20, true, 12},
		"nothing filed": {0, false, 0},
	} {
		t.Run(name, func(t *testing.T) {
			inWorld(t, func(w *world) {
				i := project(func(i *v1alpha1.JiraIntegration) { i.Spec.PollIntervalSeconds = c.seconds })
				w.jiraReconcile.AuditEvery = 1000
				w.create(i)
				w.settle()
				if c.filed {
					w.filed(nil)
				}
				for range 24 { // as when the status is written often
					w.run(10 * time.Second)
					w.enqueue(itemOf(i))
				}
				w.settle()
				if w.jira.Polls() != c.polls {
					t.Errorf("%d polls within four minutes, want %d", w.jira.Polls(), c.polls)
				}
				if at := get(w, i).Status.LastPollTime; at == nil || time.Since(at.Time) > time.Minute {
					t.Errorf("the last poll was at %v", at)
				}
			})
		})
	}
}

// TestPollAfterRestart checks that an operator that has just started does not poll before it is time again.
func TestPollAfterRestart(t *testing.T) {
	inWorld(t, func(w *world) {
		w.create(project())
		w.settle()
		w.filed(nil)
		w.run(61 * time.Second)
		w.run(10 * time.Second)
		w.restart()
		w.run(48 * time.Second)
		if w.jira.Polls() != 1 {
			t.Errorf("%d polls", w.jira.Polls())
		}
		w.run(2 * time.Second)
		if w.jira.Polls() != 2 {
			t.Errorf("%d polls", w.jira.Polls())
		}
	})
}

// TestHowFarPollsGoBack checks which changes a poll finds: those since the last one and, for what Jira's search did not show
// then, some time before.
func TestHowFarPollsGoBack(t *testing.T) {
	const day = 24 * time.Hour
	const overlap = 5 * time.Minute // the settle time and a margin
	for name, c := range map[string]struct {
		settle int32
		// away is how long ago the last poll was; 0 when there was none.
		away time.Duration
		// back is how far the poll goes back.
		back time.Duration
	}{
		"the first one":         {0, 0, day + overlap},
		"after a minute":        {0, time.Minute, time.Minute + overlap},
		"after a week":          {0, 7 * day, 7*day + overlap},
		"after a year":          {0, 365 * day, 30*day + overlap},
		"a short settle time":   {10, time.Minute, time.Minute + 35*time.Second + 2*time.Minute},
		"a settle time of ten ": {600, time.Minute, 13 * time.Minute},
	} {
		for edge, found := range map[time.Duration]bool{-time.Second: true, time.Second: false} {
			t.Run(fmt.Sprintf("%s, found %v", name, found), func(t *testing.T) {
				inWorld(t, func(w *world) {
					i := project(func(i *v1alpha1.JiraIntegration) { i.Spec.SettleSeconds = c.settle })
					w.create(i)
					if c.away > 0 {
						at := metav1.NewTime(time.Now().Add(-c.away))
						i.Status.LastPollTime = &at
						i.Status.TicketsReadFrom = "https://jira.example.com"
						if err := w.client.Status().Update(t.Context(), i); err != nil {
							t.Fatal(err)
						}
					}
					d := w.filed(func(d *v1alpha1.Defect) { d.Status.Jira.UpdatedTime = &metav1.MicroTime{Time: time.Unix(0, 0)} })
					w.jira.Edit(d.Status.Jira.Key, "Done", "done", func(t *ticket.Ticket) { t.Updated = time.Now().Add(-c.back - edge) })
					w.settle()
					if got := len(w.defects) > 0; got != found || w.jira.Polls() != 1 {
						t.Errorf("a change %s ago was found: %v, by %d polls", c.back+edge, got, w.jira.Polls())
					}
				})
			})
		}
	}
}

// TestPollThatFails checks that an integration whose polls fail is not healthy, and when it polls again.
func TestPollThatFails(t *testing.T) {
	for name, c := range map[string]struct {
		err   error
		want  string
		after []int // when polls were made, in seconds after the first
	}{
		"unavailable": {down, "True/Accepted False/Unavailable False/Unavailable Reconciling", []int{0, 60, 120, 180, 240}},
		"refused":     {fault.New(fault.Invalid, "the query is refused"), "True/Accepted False/Invalid False/Invalid Stalled", []int{0, 60, 120, 180, 240}},
		"rate limited": {&fault.Fault{Kind: fault.RateLimited, Scope: fault.Endpoint, Message: "slow down", RetryAfter: 100 * time.Second},
			"True/Accepted False/RateLimited False/RateLimited Reconciling", []int{0, 100, 200}},
	} {
		t.Run(name, func(t *testing.T) {
			inWorld(t, func(w *world) {
				w.jiraReconcile.AuditEvery = 1000
				i := project()
				w.create(i)
				w.settle()
				w.filed(nil)
				var polls []time.Time
				w.jira.OnPoll(func() error { polls = append(polls, time.Now()); return c.err })
				w.run(5*time.Minute + 2*time.Second)
				wantConditions(w, i, c.want, c.err.Error())
				var after []int
				for _, at := range polls {
					after = append(after, int(at.Sub(polls[0])/time.Second))
				}
				if !slices.Equal(after, c.after) {
					t.Errorf("polled after %v s, want %v", after, c.after)
				}
				if w.jiraConn().PauseFault() != nil {
					t.Error("calls are paused because polls fail")
				}
				a := get(w, i).Status.Activities
				if len(a) == 0 || a[0].Action != connection.ActionPoll || a[0].Outcome != v1alpha1.OutcomeFailed {
					t.Errorf("recorded %+v", a)
				}
				if len(w.probes) > 3 {
					t.Errorf("probed after %v s", w.probes)
				}
				w.jira.OnPoll(nil)
				w.run(2 * time.Minute)
				wantConditions(w, i, works, "")
			})
		})
	}
}

// TestPollThatCannotReadDefects checks that a poll fails, and is made again, while Defects cannot be read.
func TestPollThatCannotReadDefects(t *testing.T) {
	const parts = 256 // so many lists see at most whether there is a ticket, before an audit lists the tickets
	for by, every := range map[string]int{"list DefectList by part": 1000, "list DefectList by jira-name": 1000, "audit": 1} {
		t.Run(by, func(t *testing.T) {
			inWorld(t, func(w *world) {
				w.jiraReconcile.AuditEvery = every
				i := project()
				w.create(i)
				w.settle()
				d := w.filed(nil)
				w.jira.Edit(d.Status.Jira.Key, "Done", "done", nil)
				lists := 0
				w.failing = func(verb string, _ client.Object) error {
					isOfDefects := strings.HasPrefix(verb, "list DefectList")
					if isOfDefects {
						lists++
					}
					if verb == by || by == "audit" && isOfDefects && lists > parts {
						return errors.New("the API server is away")
					}
					return nil
				}
				w.run(61 * time.Second)
				wantConditions(w, i, "True/Accepted False/Unavailable False/Unavailable Reconciling", "the API server is away")
				w.failing = func(string, client.Object) error { return nil }
				w.run(2 * time.Minute)
				wantConditions(w, i, works, "")
				if !slices.Contains(w.defects, "d") {
					t.Error("the change was not found")
				}
			})
		})
	}
}

// TestPollWhilePaused checks that nothing is polled while calls are paused.
func TestPollWhilePaused(t *testing.T) {
	inWorld(t, func(w *world) {
		i := project()
		w.create(i)
		w.settle()
		w.filed(nil)
		w.probeJira = func(ticket.Config) (ticket.Project, error) { return ticket.Project{}, revoked }
		w.jiraConn().Pause(revoked)
		w.run(time.Hour)
		if w.jira.Polls() != 0 {
			t.Errorf("%d polls", w.jira.Polls())
		}
		wantConditions(w, i, "False/Unauthorized Unknown/NotAuthenticated False/Unauthorized Stalled", "")
	})
}

// TestAudit checks that some queries look tickets up rather than changes, and what they enqueue.
func TestAudit(t *testing.T) {
	for name, c := range map[string]struct {
		every int
		with  func(w *world, d *v1alpha1.Defect)
		// finds and polls are within ten minutes.
		finds, polls int
		enqueued     bool
		pending      string
	}{
		"there":   {0, func(*world, *v1alpha1.Defect) {}, 2, 8, false, ""},
		"often":   {2, func(*world, *v1alpha1.Defect) {}, 5, 5, false, ""},
		"deleted": {0, func(w *world, d *v1alpha1.Defect) { w.jira.Edit(d.Status.Jira.Key, "", "", nil) }, 2, 8, true, ""},
		"deleted, and there is a copy": {0, func(w *world, d *v1alpha1.Defect) {
			w.jira.Edit(d.Status.Jira.Key, "", "", nil)
			w.jira.Keep(ticket.Draft{Marker: d.TicketMarker()})
		}, 2, 8, true, ""},
		"hidden": {0, func(w *world, d *v1alpha1.Defect) { w.jira.Hide(d.Status.Jira.Key) }, 2, 8, true, ""},
		"changed, and Jira does not say so": {0, func(w *world, d *v1alpha1.Defect) {
			w.jira.Edit(d.Status.Jira.Key, "Done", "done", func(t *ticket.Ticket) { t.Updated = time.Now().Add(-50 * time.Minute) })
		}, 2, 8, true, "Done"},
		"done": {0, func(_ *world, d *v1alpha1.Defect) { d.Status.Jira.StatusCategory = "done" }, 0, 10, false, ""},
		"known to be missing": {0, func(_ *world, d *v1alpha1.Defect) {
			now := metav1.Now()
			d.Status.Jira.MissingSince = &now
		}, 0, 10, false, ""},
		"not known when it was filed": {0, func(_ *world, d *v1alpha1.Defect) { d.Status.Jira.CreatedTime = nil }, 0, 10, false, ""},
		"filed just now": {0, func(_ *world, d *v1alpha1.Defect) {
			at := metav1.NewTime(time.Now().Add(4 * time.Minute)) // five minutes before the first audit
			d.Status.Jira.CreatedTime = &at
		}, 1, 9, false, ""},
		"filed a while ago": {0, func(_ *world, d *v1alpha1.Defect) {
			at := metav1.NewTime(time.Now().Add(-2 * time.Second))
			d.Status.Jira.CreatedTime = &at
		}, 2, 8, false, ""},
	} {
		t.Run(name, func(t *testing.T) {
			inWorld(t, func(w *world) {
				w.jiraReconcile.AuditEvery = c.every
				i := project()
				w.create(i)
				w.settle()
				d := w.filed(nil)
				if err := w.client.Get(t.Context(), client.ObjectKeyFromObject(d), d); err != nil {
					t.Fatal(err)
				}
				c.with(w, d)
				if err := w.client.Status().Update(t.Context(), d); err != nil {
					t.Fatal(err)
				}
				w.run(10*time.Minute + 5*time.Second)
				if w.jira.Finds() != c.finds || w.jira.Polls() != c.polls {
					t.Errorf("%d audits and %d polls, want %d and %d", w.jira.Finds(), w.jira.Polls(), c.finds, c.polls)
				}
				if got := len(w.defects) > 0; got != c.enqueued {
					t.Errorf("enqueued %v", w.defects)
				}
				key := client.ObjectKeyFromObject(d)
				if found, ok := w.jiraReconcile.PendingUpdates.Get(key, d.UID); ok != (c.pending != "") || found.Status != c.pending {
					t.Errorf("pending is %+v, want %q", found, c.pending)
				}
				if _, doubt := w.jiraReconcile.PendingUpdates.DoubtedAt(key, d.UID); doubt != (c.enqueued && c.pending == "") {
					t.Errorf("in doubt: %v", doubt)
				}
				wantConditions(w, i, works, "")
			})
		})
	}
}

// failingFind is a Jira that cannot search for markers.
type failingFind struct{ ticket.Tracker }

func (failingFind) Find(context.Context, []string, time.Duration) (map[string]ticket.Ticket, error) {
	return nil, down
}

// TestAuditThatFails checks that a failed audit counts as a failed poll, and enqueues nothing.
func TestAuditThatFails(t *testing.T) {
	inWorld(t, func(w *world) {
		w.jiraReconcile.AuditEvery = 1
		w.jiraReconcile.Dial = func(c ticket.Config) (ticket.Tracker, error) {
			inner, err := w.jira.Dial(c)
			return failingFind{inner}, err
		}
		i := project()
		w.create(i)
		w.settle()
		w.filed(nil)
		w.run(62 * time.Second)
		wantConditions(w, i, "True/Accepted False/Unavailable False/Unavailable Reconciling", "no answer")
		if len(w.defects) != 0 || w.jira.Polls() != 0 {
			t.Errorf("enqueued %v, %d polls", w.defects, w.jira.Polls())
		}
	})
}

// TestNextToAudit checks that audits come to all tickets in turn, no more at a time than a query takes.
func TestNextToAudit(t *testing.T) {
	var all []openTicket
	for n := range 2*ticket.MaxMarkers + 3 {
		all = append(all, openTicket{defect: types.NamespacedName{Namespace: "a", Name: fmt.Sprintf("d%03d", n)}})
	}
	slices.Reverse(all)
	after := ""
	var counts []int
	seen := map[string]int{}
	for range 4 {
		part := nextToAudit(all, after)
		counts = append(counts, len(part))
		for _, d := range part {
			seen[d.defect.Name]++
		}
		after = part[len(part)-1].defect.String()
	}
	if want := []int{ticket.MaxMarkers, ticket.MaxMarkers, 3, ticket.MaxMarkers}; !slices.Equal(counts, want) || len(seen) != len(all) {
		t.Errorf("audited %v, %d different ones", counts, len(seen))
	}
	if seen["d000"] != 2 || seen["d402"] != 1 || seen["d200"] != 1 {
		t.Errorf("audited d000 %d times, d402 %d times", seen["d000"], seen["d402"])
	}
	if got := nextToAudit(all, "a/d399"); len(got) != 3 || got[0].defect.Name != "d400" {
		t.Errorf("after d399 come %d", len(got))
	}
	if got := nextToAudit(all, "a/d3"); got[0].defect.Name != "d300" {
		t.Errorf("after d3 comes %s", got[0].defect.Name)
	}
	at := metav1.NewTime(time.Unix(1000, 0))
	filed := &v1alpha1.DefectTicket{CreatedTime: &at}
	if isOpen(filed, at.Time) || !isOpen(filed, at.Add(time.Second)) {
		t.Error("a ticket counts as open before Jira's search shows it, or not at all")
	}
}

// TestOpenTicketsAreRead checks that the open tickets of a site are read once, before any ticket is filed, and kept for
// Defects that are created again.
func TestOpenTicketsAreRead(t *testing.T) {
	inWorld(t, func(w *world) {
		one := w.jira.Keep(ticket.Draft{Marker: "defect-1", Labels: []string{ticket.IdentityPrefix + "one"}})
		w.jira.Keep(ticket.Draft{Marker: "defect-1", Labels: []string{ticket.IdentityPrefix + "one"}}) // a copy of it
		w.jira.Keep(ticket.Draft{Marker: "defect-2"})
		done := w.jira.Keep(ticket.Draft{Marker: "defect-3", Labels: []string{ticket.IdentityPrefix + "three"}})
		w.jira.Edit(done.Key, "Done", "done", nil)
		again := w.jira.Keep(ticket.Draft{Marker: "defect-4", Labels: []string{ticket.IdentityPrefix + "one"}})
		w.jira.Edit(again.Key, "Done", "done", nil)
		old := w.jira.Keep(ticket.Draft{Marker: "defect-5", Labels: []string{ticket.IdentityPrefix + "five"}})
		w.jira.Edit(old.Key, "Done", "done", func(t *ticket.Ticket) { t.Updated = t.Updated.Add(-91 * 24 * time.Hour) })
		i := project()
		w.create(i)
		w.run(time.Hour)
		if w.jira.Opens() != 1 {
			t.Errorf("%d reads", w.jira.Opens())
		}
		known := func(site, identity string) string {
			found, _ := w.jiraReconcile.KnownTickets.Get(kit.TicketKey{Integration: jiraName, Site: site, Identity: identity})
			return found.ID
		}
		if known("https://jira.example.com", "one") != one.ID || known("https://jira.example.com", "three") != done.ID ||
			known("https://jira.example.com", "five") != "" || known("https://jira.example.com", "") != "" {
			t.Error("other tickets are known than those open or done lately that identify a finding")
		}
		change(w, i, func(i *v1alpha1.JiraIntegration) { i.Spec.APIURL = "https://other.example.com" })
		w.run(time.Hour)
		if w.jira.Opens() != 2 || known("https://other.example.com", "one") != one.ID {
			t.Errorf("%d reads after the site changed", w.jira.Opens())
		}
		w.restart()
		w.run(time.Hour)
		if w.jira.Opens() != 3 || known("https://other.example.com", "one") != one.ID {
			t.Errorf("%d reads after a restart, want one more", w.jira.Opens())
		}
	})
}

// failingOpen is a Jira whose open tickets cannot be read.
type failingOpen struct {
	ticket.Tracker
	err error
}

func (f failingOpen) Open(context.Context, time.Duration) ([]ticket.Ticket, error) { return nil, f.err }

// countedOpen counts the reads of open tickets, which fail.
type countedOpen struct {
	ticket.Tracker
	reads *int
}

func (c countedOpen) Open(context.Context, time.Duration) ([]ticket.Ticket, error) {
	*c.reads++
	return nil, down
}

// TestReadingAgainBacksOff checks that a process which cannot read the open tickets of an integration that was used before
// lets it work, and reads more and more rarely.
func TestReadingAgainBacksOff(t *testing.T) {
	inWorld(t, func(w *world) {
		i := project()
		w.create(i)
		w.settle()
		reads := 0
		w.restart()
		w.jiraReconcile.Dial = func(config ticket.Config) (ticket.Tracker, error) {
			inner, err := w.jira.Dial(config)
			return countedOpen{inner, &reads}, err
		}
		w.run(time.Minute)
		wantConditions(w, i, works, "")
		w.run(10 * time.Hour)
		if reads < 10 || reads > 20 {
			t.Errorf("%d reads in ten hours, want one an hour in the end", reads)
		}
		wantConditions(w, i, works, "")
	})
}

// TestOpenTicketsThatCannotBeRead checks that no ticket is filed before it is known which there are, unless Jira refuses to
// say so.
func TestOpenTicketsThatCannotBeRead(t *testing.T) {
	for name, c := range map[string]struct {
		err   error
		want  string
		ready bool
	}{
		"unavailable": {down, "Unknown/Unavailable False/Unavailable False/Unavailable Reconciling", false},
		"refused":     {fault.New(fault.Invalid, "the query is refused"), works, true},
	} {
		t.Run(name, func(t *testing.T) {
			inWorld(t, func(w *world) {
				w.jiraReconcile.Dial = func(config ticket.Config) (ticket.Tracker, error) {
					inner, err := w.jira.Dial(config)
					return failingOpen{inner, c.err}, err
				}
				i := project()
				w.create(i)
				w.run(time.Minute)
				wantConditions(w, i, c.want, "")
				if got := get(w, i).Status.TicketsReadFrom != ""; got != c.ready {
					t.Errorf("they count as read: %v", got)
				}
			})
		})
	}
}
