// SPDX-License-Identifier: Apache-2.0

package defect

import (
	"context"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"k8s.io/client-go/tools/events"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	"github.com/voiceai-dev/integrations-operator/api/v1alpha1"
	"github.com/voiceai-dev/integrations-operator/internal/condition"
	"github.com/voiceai-dev/integrations-operator/internal/connection"
	"github.com/voiceai-dev/integrations-operator/internal/fault"
	"github.com/voiceai-dev/integrations-operator/internal/leadership"
	"github.com/voiceai-dev/integrations-operator/internal/ticket"
)

// withRecorder makes a follower record events, and count the statuses that it writes.
func (f *follower) withRecorder() (recorder *events.FakeRecorder, writes *int) {
	f.t.Helper()
	recorder = events.NewFakeRecorder(100)
	f.Recorder = recorder
	writes = new(int)
	f.Client = interceptor.NewClient(f.Client.(client.WithWatch), interceptor.Funcs{
		SubResourceUpdate: func(
			ctx context.Context, c client.Client, sub string, o client.Object, opts ...client.SubResourceUpdateOption,
		) error {
			*writes++
			return c.SubResource(sub).Update(ctx, o, opts...)
		},
	})
	return recorder, writes
}

// drain returns the events that were recorded since the last call.
func drain(recorder *events.FakeRecorder) (out []string) {
	for len(recorder.Events) > 0 {
		out = append(out, <-recorder.Events)
	}
	return out
}

// failing returns a script of Create that returns faults in turn, and then none. lost makes those calls create the ticket
// all the same.
func (f *follower) failing(lost bool, faults ...*fault.Fault) {
	n := 0
	f.jira.OnCreate(func(d ticket.Draft) error {
		if n >= len(faults) {
			return nil
		}
		n++
		if lost {
			f.jira.Keep(d)
		}
		return faults[n-1]
	})
}

// TestTicketIsFiled checks the ticket that is created, and that one status is written for it and no event recorded.
func TestTicketIsFiled(t *testing.T) {
	follow(t, nil, func(d *v1alpha1.Defect, i *v1alpha1.JiraIntegration) {
		wantingTicket(d, i)
		d.Status = v1alpha1.DefectStatus{ObservedGeneration: -1}
		d.Spec.Severity = v1alpha1.SeverityCritical
	}, func(f *follower) {
		recorder, writes := f.withRecorder()
		f.settle()
		f.wantCondition(v1alpha1.ConditionTicketed, "True/Filed", "VOICE-1")
		f.wantCondition(v1alpha1.ConditionSynced, "True/InStep", "in sync")
		f.wantCondition(v1alpha1.ConditionNotified, "True/NoRuleMatched", "")
		f.wantCondition(v1alpha1.ConditionReady, "True/Ready", "The ticket is VOICE-1")
		if *writes != 1 || f.jira.Creates() != 1 || f.jira.Finds() != 0 {
			t.Errorf("%d statuses were written, %d tickets created, %d searches made", *writes, f.jira.Creates(), f.jira.Finds())
		}
		if got := drain(recorder); got != nil {
			t.Errorf("recorded %q", got)
		}
		draft := f.jira.Drafts()[0]
		want := &ticket.Ticket{Markers: draft.Labels}
		if draft.Marker != "defect-u1" || draft.Priority != "Highest" || !want.Has("defect-u1") || !want.Has(ticket.CommonLabel) {
			t.Errorf("the draft is %+v", draft)
		}
		j := f.defect.Status.Jira
		if j.Key != "VOICE-1" || j.URL != "https://jira.example.com/browse/VOICE-1" || j.Site != oldSite ||
			f.defect.Status.State != v1alpha1.StateOpen || f.defect.Status.ObservedGeneration != f.defect.Generation {
			t.Errorf("the status is %+v, %+v", f.defect.Status, j)
		}
	})
}

// TestPriorityThatTheProjectDoesNotHave checks what the status says of a ticket without its priority.
func TestPriorityThatTheProjectDoesNotHave(t *testing.T) {
	follow(t, nil, wantingTicket, func(f *follower) {
		c, _ := f.conn().Client()
		c.Project.Priorities = []string{"P1", "P2"}
		f.conn().Connect(c, "v2", connection.Limits{Concurrency: 4})
		f.settle()
		f.wantCondition(v1alpha1.ConditionTicketed, "True/FiledWithoutPriority", `without the priority "High"`)
		f.wantCondition(v1alpha1.ConditionReady, "True/Ready", "")
	})
}

// TestFieldThatJiraRefuses checks what the status says of a ticket without one of spec.fields.
func TestFieldThatJiraRefuses(t *testing.T) {
	follow(t, nil, func(d *v1alpha1.Defect, i *v1alpha1.JiraIntegration) {
		wantingTicket(d, i)
		i.Spec.Fields = []v1alpha1.JiraField{{Name: "Team", Type: "Option", Template: "Voice"}}
	}, func(f *follower) {
		f.failing(false, refusal(map[string]string{"Team": "Voice is no option"}))
		f.settle()
		f.wantCondition(v1alpha1.ConditionTicketed, "True/FiledWithoutFields", "Team: Voice is no option")
	})
}

// TestCreateThatFails covers the faults after which a create is retried: the condition meanwhile, and the calls.
func TestCreateThatFails(t *testing.T) {
	ambiguous := fault.New(fault.Ambiguous, "the connection broke")
	for name, c := range map[string]struct {
		fault    *fault.Fault
		lost     bool
		ticketed string
		says     string
		// after is how long it takes until the ticket is filed.
		after          time.Duration
		creates, finds int
	}{
		"down":                              {fault.New(fault.Unavailable, "Jira could not be reached"), false, "False/Unavailable", "could not be reached", time.Minute, 2, 0},
		"rate limited":                      {&fault.Fault{Kind: fault.RateLimited, Message: "Jira asks to wait", RetryAfter: time.Minute}, false, "False/RateLimited", "asks to wait", 2 * time.Minute, 2, 0},
		"conflict":                          {fault.New(fault.Conflict, "Jira answered 409"), false, "False/Conflict", "409", time.Minute, 2, 0},
		"in doubt, and nothing was created": {ambiguous, false, "False/Ambiguous", "the connection broke", 4 * time.Minute, 2, 1},
		"in doubt, and it was created":      {ambiguous, true, "False/Ambiguous", "the connection broke", 4 * time.Minute, 1, 1},
	} {
		t.Run(name, func(t *testing.T) {
			follow(t, nil, wantingTicket, func(f *follower) {
				f.failing(c.lost, c.fault)
				f.reconcileFor(0, 2)
				f.wantCondition(v1alpha1.ConditionTicketed, c.ticketed, c.says)
				f.wantCondition(v1alpha1.ConditionReady, c.ticketed, c.says)
				if condition.Get(f.defect, v1alpha1.ConditionReconciling) == nil {
					t.Errorf("conditions %+v, want Reconciling", f.defect.Status.Conditions)
				}
				f.reconcileFor(c.after, 8)
				f.wantCondition(v1alpha1.ConditionTicketed, "True/Filed", "VOICE-1")
				if f.jira.Creates() != c.creates || f.jira.Finds() != c.finds || len(f.jira.Drafts()) != 1 {
					t.Errorf("%d creates, %d searches, %d tickets; want %d, %d, 1",
						f.jira.Creates(), f.jira.Finds(), len(f.jira.Drafts()), c.creates, c.finds)
				}
				if at := f.defect.Status.Jira.UncertainSince; at != nil {
					t.Errorf("in doubt since %s", at)
				}
			})
		})
	}
}

// TestDefectIsHeld checks that nothing is called before Jira's search has settled: after a call in doubt, which the next
// leader knows from the status, and for a Defect that the former leader may have filed.
func TestDefectIsHeld(t *testing.T) {
	for name, inDoubt := range map[string]bool{"a call in doubt": true, "a Defect of the former leader": false} {
		t.Run(name, func(t *testing.T) {
			follow(t, nil, wantingTicket, func(f *follower) {
				if inDoubt {
					f.failing(true, fault.New(fault.Ambiguous, "the connection broke"))
					f.reconcileFor(0, 2)
					if f.defect.Status.Jira == nil || f.defect.Status.Jira.UncertainSince == nil {
						t.Fatalf("the status is %+v, want it to record the doubt", f.defect.Status.Jira)
					}
				} else {
					f.jira.Keep(ticket.Draft{Marker: f.defect.Marker()})
				}
				creates := f.jira.Creates()
				f.Reconciler = newFollowing(t, f.jira, f.defect, f.integration())
				start := leadership.Start{Local: time.Now(), Server: time.Now()}
				f.LeaderSince = func() leadership.Start { return start }
				result := f.settle()
				f.wantCondition(v1alpha1.ConditionTicketed, "False/Searching", "may have a ticket already")
				if f.jira.Finds() != 0 || result.RequeueAfter < 2*time.Minute || result.RequeueAfter > 3*time.Minute+time.Second {
					t.Errorf("%d searches at once, the next reconcile is in %s", f.jira.Finds(), result.RequeueAfter)
				}
				f.reconcileFor(result.RequeueAfter, 4)
				f.wantCondition(v1alpha1.ConditionTicketed, "True/Filed", "VOICE-1")
				if f.jira.Creates() != creates || f.jira.Finds() != 1 {
					t.Errorf("%d more creates, %d searches, want 0 and 1", f.jira.Creates()-creates, f.jira.Finds())
				}
			})
		})
	}
}

// TestEventsOfTransitions checks that an event is recorded when a Defect stalls and when it recovers, and for nothing else.
func TestEventsOfTransitions(t *testing.T) {
	follow(t, nil, wantingTicket, func(f *follower) {
		recorder, writes := f.withRecorder()
		f.failing(false, refusal(nil), refusal(nil))
		f.settle()
		const want = "Warning Invalid Jira refused the request (400). See https://"
		if got := drain(recorder); len(got) != 1 || !strings.HasPrefix(got[0], want) || !strings.HasSuffix(got[0], "#invalid") {
			t.Errorf("when it stalls: %q", got)
		}
		before := *writes
		f.settle()
		f.request("2026-03-04T11:00:00Z")
		f.settle()
		if got := drain(recorder); got != nil {
			t.Errorf("refused again: %q", got)
		}
		f.request("2026-03-04T12:00:00Z")
		f.settle()
		if got := drain(recorder); len(got) != 1 || got[0] != "Normal Ready The ticket is VOICE-1" {
			t.Errorf("when it recovers: %q", got)
		}
		f.settle()
		if got := drain(recorder); got != nil {
			t.Errorf("up to date: %q", got)
		}
		if n := *writes - before; n > 3 {
			t.Errorf("%d statuses were written for two requests", n)
		}
	})
}

// reconcileFor lets some time pass, and reconciles so many times at its beginning and end.
func (f *follower) reconcileFor(d time.Duration, times int) {
	f.t.Helper()
	time.Sleep(d)
	for range times {
		f.reconcile()
		synctest.Wait()
	}
	f.read()
}
