// SPDX-License-Identifier: Apache-2.0

package defect

import (
	"context"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/voiceai-dev/integrations-operator/api/v1alpha1"
	"github.com/voiceai-dev/integrations-operator/internal/condition"
	"github.com/voiceai-dev/integrations-operator/internal/connection"
	"github.com/voiceai-dev/integrations-operator/internal/fault"
	"github.com/voiceai-dev/integrations-operator/internal/ticket"
)

// unchanged leaves the objects of a follower as they are.
func unchanged(*v1alpha1.Defect, *v1alpha1.JiraIntegration) {}

// hint reports a change of the ticket, as a webhook does.
func (f *follower) hint() {
	f.t.Helper()
	f.edit(func(d *v1alpha1.Defect) {
		metav1.SetMetaDataAnnotation(&d.ObjectMeta, v1alpha1.JiraChangedAtAnnotation, time.Now().Format(time.RFC3339Nano))
	})
}

// occur has the Defect occur again in a run, now.
func (f *follower) occur(run string) {
	f.t.Helper()
	f.edit(func(d *v1alpha1.Defect) { d.Spec.Occurrence = &v1alpha1.Occurrence{Time: metav1.Now(), Run: run} })
}

// setState changes spec.state.
func (f *follower) setState(state v1alpha1.State) {
	f.t.Helper()
	f.edit(func(d *v1alpha1.Defect) { d.Spec.State = state })
}

// wantComments checks how many comments VOICE-1 has, and what the last one contains.
func (f *follower) wantComments(n int, contains ...string) {
	f.t.Helper()
	_, comments, _ := f.jira.Issue("VOICE-1")
	if len(comments) != n {
		f.t.Fatalf("%d comments %+v, want %d", len(comments), comments, n)
	}
	for _, part := range contains {
		if body := comments[n-1].Body; !strings.Contains(body, part) {
			f.t.Errorf("the last comment is %q, want %q in it", body, part)
		}
	}
}

// TestTicketFollowsDefect covers to which status a ticket is moved for spec.state, and the comment about it.
func TestTicketFollowsDefect(t *testing.T) {
	wontDo := []v1alpha1.JiraTransitionMapping{{State: v1alpha1.StateClosed, Status: "Won't Do"}}
	for name, c := range map[string]struct {
		state       v1alpha1.State
		transitions []v1alpha1.JiraTransitionMapping
		status      string
		comments    []string
	}{
		"begun":                               {v1alpha1.StateInProgress, nil, "In Progress", []string{"*InProgress*"}},
		"resolved":                            {v1alpha1.StateResolved, nil, "Done", []string{"*Resolved*", "by ann@example.com"}},
		"closed":                              {v1alpha1.StateClosed, nil, "Done", []string{"*Closed*"}},
		"closed, with a status of its own":    {v1alpha1.StateClosed, wontDo, "Won't Do", []string{"*Closed*"}},
		"resolved, and only closed is mapped": {v1alpha1.StateResolved, wontDo, "Done", []string{"*Resolved*"}},
		"open, as it is":                      {v1alpha1.StateOpen, nil, "To Do", nil},
	} {
		t.Run(name, func(t *testing.T) {
			follow(t, ours, func(_ *v1alpha1.Defect, i *v1alpha1.JiraIntegration) { i.Spec.Transitions = c.transitions }, func(f *follower) {
				f.edit(func(d *v1alpha1.Defect) {
					d.Spec.State = c.state
					d.SetChangedBy("ann@example.com")
				})
				f.settle()
				f.settle()
				if j := f.defect.Status.Jira; j.Status != c.status || f.defect.Status.State != c.state || j.MoveTo != "" {
					t.Errorf("the Defect is %s, the ticket %+v, want %s and %q", f.defect.Status.State, j, c.state, c.status)
				}
				f.wantComments(min(len(c.comments), 1), c.comments...)
				f.wantCondition(v1alpha1.ConditionReady, "True/Ready", "VOICE-1")
				isDone := c.state == v1alpha1.StateResolved || c.state == v1alpha1.StateClosed
				if (f.defect.Status.ResolvedTime != nil) != isDone {
					t.Errorf("resolved at %s", f.defect.Status.ResolvedTime)
				}
			})
		})
	}
}

// TestTicketThatIsThereAlready has Jira report the wanted status before the move: no comment says who moved it.
func TestTicketThatIsThereAlready(t *testing.T) {
	follow(t, ours, func(d *v1alpha1.Defect, _ *v1alpha1.JiraIntegration) { d.Status.Jira.Status = "Done" }, func(f *follower) {
		f.setState(v1alpha1.StateResolved)
		f.settle()
		f.wantComments(0)
		f.wantSynced(v1alpha1.ReasonInStep, "in sync")
	})
}

// TestDefectFollowsTicket covers what people change in Jira, reported by a webhook or a poll. Nothing is written to Jira.
func TestDefectFollowsTicket(t *testing.T) {
	inReview := []v1alpha1.JiraStateMapping{{Status: "In Review", State: v1alpha1.StateInProgress}}
	rename := func(t *ticket.Ticket) { t.Key = "OPS-9" }
	for name, c := range map[string]struct {
		status, category string
		more             func(*ticket.Ticket)
		states           []v1alpha1.JiraStateMapping
		state            v1alpha1.State
		key              string
	}{
		"begun":                       {"In Progress", "indeterminate", func(t *ticket.Ticket) { t.Assignee = "Ann" }, nil, v1alpha1.StateInProgress, "VOICE-1"},
		"done":                        {"Done", "done", func(t *ticket.Ticket) { t.Resolution = "Fixed" }, nil, v1alpha1.StateResolved, "VOICE-1"},
		"in a status that is mapped":  {"In Review", "new", nil, inReview, v1alpha1.StateInProgress, "VOICE-1"},
		"in another of its category":  {"Backlog", "new", nil, nil, v1alpha1.StateOpen, "VOICE-1"},
		"moved to another project":    {"To Do", "new", rename, nil, v1alpha1.StateOpen, "OPS-9"},
		"moved to another, and begun": {"In Progress", "indeterminate", rename, nil, v1alpha1.StateInProgress, "OPS-9"},
	} {
		for _, polled := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, polled: %t", name, polled), func(t *testing.T) {
				follow(t, ours, func(_ *v1alpha1.Defect, i *v1alpha1.JiraIntegration) { i.Spec.States = c.states }, func(f *follower) {
					f.settle()
					time.Sleep(time.Minute)
					f.jira.Edit("VOICE-1", c.status, c.category, c.more)
					is, _, _ := f.jira.Issue(c.key)
					if polled {
						f.PendingUpdates.Put(client.ObjectKeyFromObject(f.defect), f.defect.UID, is)
					} else {
						f.hint()
					}
					f.settle()
					j := f.defect.Status.Jira
					if f.defect.Status.State != c.state || j.Key != c.key || j.Status != c.status ||
						j.Assignee != is.Assignee || j.Resolution != is.Resolution {
						t.Errorf("the Defect is %s, the ticket %+v", f.defect.Status.State, j)
					}
					change := f.defect.Status.StateChange
					if (change != nil) != (c.state != v1alpha1.StateOpen) || change != nil && change.Cause != v1alpha1.CauseJira {
						t.Errorf("the change of state is %+v", change)
					}
					if now, comments, _ := f.jira.Issue(c.key); now.Status != c.status || len(comments) != 0 {
						t.Errorf("the ticket is now %q with %d comments", now.Status, len(comments))
					}
					f.wantSynced(v1alpha1.ReasonInStep, "in sync")
					if c.key != "VOICE-1" {
						f.wantCondition(v1alpha1.ConditionTicketed, "True/Filed", "The ticket is OPS-9, which was VOICE-1 before it was moved")
					}
				})
			})
		}
	}
}

// TestTicketInDoubt has a poll not find a ticket: it is read, as its label may have been removed.
func TestTicketInDoubt(t *testing.T) {
	for name, c := range map[string]struct {
		gone   bool
		reason string
	}{"deleted": {true, v1alpha1.ReasonTicketMissing}, "without its label": {false, v1alpha1.ReasonInStep}} {
		t.Run(name, func(t *testing.T) {
			follow(t, ours, unchanged, func(f *follower) {
				if c.gone {
					f.jira.Edit("VOICE-1", "", "", nil)
				} else {
					f.jira.Hide("VOICE-1")
				}
				f.PendingUpdates.AddDoubt(client.ObjectKeyFromObject(f.defect), f.defect.UID, time.Now())
				f.settle()
				f.wantSynced(c.reason, "")
				if missing := f.defect.Status.Jira.MissingSince != nil; missing != c.gone || f.jira.Creates() != 0 {
					t.Errorf("missing: %t, %d tickets were created", missing, f.jira.Creates())
				}
				if n := f.jira.Gets("VOICE-1"); n > 1 {
					t.Errorf("read %d times", n)
				}
			})
		})
	}
}

// TestTicketIsRestored has a webhook report that a deleted ticket is there again.
func TestTicketIsRestored(t *testing.T) {
	follow(t, ours, unchanged, func(f *follower) {
		f.jira.Edit("VOICE-1", "", "", nil)
		f.hint()
		f.settle()
		f.wantCondition(v1alpha1.ConditionSynced, "False/TicketMissing", "does not have VOICE-1 any more")
		f.wantCondition(v1alpha1.ConditionReady, "False/TicketMissing", "VOICE-1")
		time.Sleep(time.Second)
		f.jira.Edit("VOICE-1", "To Do", "new", nil)
		f.hint()
		f.settle()
		f.wantCondition(v1alpha1.ConditionReady, "True/Ready", "VOICE-1")
	})
}

// TestDefectThatComesBack covers spec.reopen for a Defect that occurs after its ticket was done.
func TestDefectThatComesBack(t *testing.T) {
	reopen := &v1alpha1.JiraReopen{Policy: v1alpha1.JiraReopenReopen}
	except := &v1alpha1.JiraReopen{Policy: v1alpha1.JiraReopenReopen, ExceptResolutions: []v1alpha1.JiraName{"Won't Do"}}
	within := &v1alpha1.JiraReopen{Policy: v1alpha1.JiraReopenReopen, WithinSeconds: 60}
	for name, c := range map[string]struct {
		policy     *v1alpha1.JiraReopen
		resolution string
		after      time.Duration
		status     string
	}{
		"by default":                       {nil, "Done", time.Minute, "Done"},
		"reopen":                           {reopen, "Done", time.Minute, "To Do"},
		"reopen, and another is excepted":  {except, "Done", time.Minute, "To Do"},
		"reopen, but it is excepted":       {except, "Won't Do", time.Minute, "Done"},
		"reopen within a minute, and soon": {within, "Done", 30 * time.Second, "To Do"},
		"reopen within a minute, but late": {within, "Done", 2 * time.Minute, "Done"},
	} {
		t.Run(name, func(t *testing.T) {
			follow(t, ours, func(_ *v1alpha1.Defect, i *v1alpha1.JiraIntegration) { i.Spec.Reopen = c.policy }, func(f *follower) {
				time.Sleep(time.Second)
				f.jira.Edit("VOICE-1", "Done", "done", func(t *ticket.Ticket) { t.Resolution = c.resolution })
				f.hint()
				f.settle()
				time.Sleep(c.after)
				f.occur("nightly-7")
				f.settle()
				s := f.defect.Status
				if is, _, _ := f.jira.Issue("VOICE-1"); is.Status != c.status || s.State != v1alpha1.StateOpen ||
					s.Regressions != 1 || s.Occurrences != 2 || s.Jira.ToldOccurrences != 2 {
					t.Errorf("VOICE-1 is %q, the status %+v, %+v", is.Status, s, s.Jira)
				}
				f.wantComments(1, "Regression", "nightly-7")
				synced := "in sync"
				if c.status == "Done" {
					synced = `The ticket stays "Done", as spec.reopen`
				}
				f.wantSynced(v1alpha1.ReasonInStep, synced)
			})
		})
	}
}

// TestOccurrencesAreCollected checks that a ticket gets a comment at once, and one about all that follow in the interval.
func TestOccurrencesAreCollected(t *testing.T) {
	follow(t, ours, unchanged, func(f *follower) {
		f.occur("nightly-2")
		f.settle()
		f.wantComments(1, "Seen again", "Occurrence 2", "nightly-2")
		for n := range 3 {
			time.Sleep(time.Minute)
			f.occur(fmt.Sprintf("nightly-%d", n+3))
			result := f.settle()
			if left := commentInterval - time.Duration(n+1)*time.Minute; result.RequeueAfter != left {
				t.Errorf("reconciled again after %s, want %s", result.RequeueAfter, left)
			}
		}
		f.wantComments(1)
		f.wantSynced(v1alpha1.ReasonInStep, "in sync")
		time.Sleep(commentInterval - 3*time.Minute)
		f.settle()
		f.wantComments(2, "Occurrence 5", "nightly-5")
		if s := f.defect.Status; s.Occurrences != 5 || s.Jira.ToldOccurrences != 5 {
			t.Errorf("the status is %+v, %+v", s, s.Jira)
		}
	})
}

// unheard is a Jira that makes comments, and whose first answers are lost. It counts the calls.
type unheard struct {
	ticket.Tracker
	lost, calls int
}

func (u *unheard) Comment(ctx context.Context, id string, c ticket.Comment) error {
	u.calls++
	err := u.Tracker.Comment(ctx, id, c)
	if u.calls <= u.lost {
		return fault.New(fault.Unavailable, "the connection broke")
	}
	return err
}

// TestCommentWhoseAnswersAreLost checks that a comment is repeated as it was, even if the Defect occurs again meanwhile.
func TestCommentWhoseAnswersAreLost(t *testing.T) {
	for name, again := range map[string]bool{"no more occurrences": false, "another occurrence meanwhile": true} {
		t.Run(name, func(t *testing.T) {
			follow(t, ours, unchanged, func(f *follower) {
				tracker, err := f.jira.Dial(ticket.Config{})
				if err != nil {
					t.Fatal(err)
				}
				u := &unheard{Tracker: tracker, lost: 2}
				f.conn().Connect(connection.JiraClient{Tracker: u}, "v2", connection.Limits{Concurrency: 4})
				f.occur("nightly-2")
				f.settle()
				f.wantSynced(v1alpha1.ReasonUnavailable, "the connection broke")
				if again {
					time.Sleep(time.Second) // an occurrence has a time of its own
					f.occur("nightly-3")
				}
				for range 10 {
					f.reconcileFor(time.Minute, 3)
				}
				if u.calls != 3 || f.defect.Status.Jira.ToldOccurrences != 2 {
					t.Errorf("%d calls, %+v", u.calls, f.defect.Status.Jira)
				}
				f.wantComments(1, "Occurrence 2")
				if again {
					f.reconcileFor(commentInterval, 3)
					f.wantComments(2, "Occurrence 3")
				}
			})
		})
	}
}

// TestMoveThatIsRefused checks what is reported of a move that Jira refuses, and what has it tried again.
func TestMoveThatIsRefused(t *testing.T) {
	for name, change := range map[string]func(*follower){
		"the ticket changed": func(f *follower) {
			time.Sleep(time.Second)
			f.jira.Edit("VOICE-1", "To Do", "new", func(t *ticket.Ticket) { t.Assignee = "Ann" })
			f.hint()
		},
		"the integration changed": func(f *follower) {
			i := f.integration()
			i.Spec.Transitions = []v1alpha1.JiraTransitionMapping{{State: v1alpha1.StateClosed, Status: "Done"}}
			i.Generation++
			if err := f.Client.Update(f.t.Context(), i); err != nil {
				f.t.Fatal(err)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			follow(t, ours, unchanged, func(f *follower) {
				f.jira.OnWrite(func(string) error { return fault.New(fault.Invalid, "no transition leads from To Do to done") })
				f.setState(v1alpha1.StateClosed)
				f.settle()
				f.wantCondition(v1alpha1.ConditionSynced, "False/Invalid", "no transition leads")
				f.wantCondition(v1alpha1.ConditionReady, "False/Invalid", "no transition leads")
				if condition.Get(f.defect, v1alpha1.ConditionStalled) == nil || f.defect.Status.State != v1alpha1.StateClosed {
					t.Errorf("the Defect is %s with %+v, want Stalled", f.defect.Status.State, f.defect.Status.Conditions)
				}
				f.jira.OnWrite(nil)
				f.settle()
				f.wantUntouched() // nothing changed
				change(f)
				f.settle()
				if is, _, _ := f.jira.Issue("VOICE-1"); is.Status != "Done" {
					t.Errorf("VOICE-1 is %q", is.Status)
				}
				f.wantSynced(v1alpha1.ReasonInStep, "in sync")
			})
		})
	}
}

// TestTicketThatExistsAllTheSame has Jira answer 404 to every change of a ticket that it has.
func TestTicketThatExistsAllTheSame(t *testing.T) {
	follow(t, ours, unchanged, func(f *follower) {
		f.DashboardURL = "https://voice.example.com/"
		f.jira.OnWrite(func(string) error { return fault.New(fault.NotFound, "Jira does not have it (404)") })
		f.settle()
		f.wantCondition(v1alpha1.ConditionSynced, "True/InStep", "could not be created: VOICE-1 exists, but")
		f.setState(v1alpha1.StateResolved)
		f.settle()
		f.wantCondition(v1alpha1.ConditionSynced, "False/Invalid", "VOICE-1 exists, but")
		if at := f.defect.Status.Jira.MissingSince; at != nil {
			t.Errorf("missing since %s", at)
		}
	})
}

// TestBacklink checks the link from a ticket to the Defect's page, which is made once and again for another address.
func TestBacklink(t *testing.T) {
	for _, address := range []string{"https://voice.example.com", "https://voice.example.com/"} {
		follow(t, ours, unchanged, func(f *follower) {
			f.settle()
			f.wantUntouched() // there is no dashboard
			links := 0
			f.jira.OnLink(func() error { links++; return nil })
			for n, host := range []string{address, "https://new.example.com"} {
				f.DashboardURL = host
				f.settle()
				url := strings.TrimSuffix(host, "/") + "/defects/a/d"
				want := []ticket.Link{{GlobalID: f.defect.Marker(), URL: url, Title: "Defect a/d"}}
				if _, _, got := f.jira.Issue("VOICE-1"); !reflect.DeepEqual(got, want) || links != n+1 || f.defect.Status.Jira.Backlink != url {
					t.Errorf("the links are %+v after %d calls, the ticket %+v", got, links, f.defect.Status.Jira)
				}
			}
		})
	}
}

// TestRequestForATicketThatExists checks that a request is acknowledged, and that no other ticket is created.
func TestRequestForATicketThatExists(t *testing.T) {
	follow(t, ours, unchanged, func(f *follower) {
		f.request("2026-03-01T12:00:00Z")
		f.settle()
		if at := f.defect.Status.Jira.TicketRequestedAt; at != "2026-03-01T12:00:00Z" || f.jira.Creates() != 0 {
			t.Errorf("acknowledged %q, %d creates", at, f.jira.Creates())
		}
	})
}
