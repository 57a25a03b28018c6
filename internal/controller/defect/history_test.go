// SPDX-License-Identifier: Apache-2.0

package defect

import (
	"fmt"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/voiceai-dev/integrations-operator/api/v1alpha1"
	"github.com/voiceai-dev/integrations-operator/internal/condition"
	"github.com/voiceai-dev/integrations-operator/internal/ticket"
)

// outcome reports the outcome of one more run, as a Job does, a minute after the one before.
func (f *follower) outcome(result v1alpha1.TestResult) {
	f.t.Helper()
	time.Sleep(time.Minute)
	now := metav1.NewTime(time.Now())
	f.edit(func(d *v1alpha1.Defect) {
		d.Spec.Outcomes = []v1alpha1.TestOutcome{{Run: fmt.Sprintf("run-%d", now.Unix()), Result: result, Time: now}}
	})
	f.settle()
}

// TestTicketOfATestThatPassesAgain follows a ticket whose test passes, and then fails again.
func TestTicketOfATestThatPassesAgain(t *testing.T) {
	for name, c := range map[string]struct {
		resolve *v1alpha1.JiraResolve
		status  string
	}{
		"no policy": {nil, "done"},
		"resolve":   {&v1alpha1.JiraResolve{Policy: v1alpha1.JiraResolveResolve}, "done"},
		"comment":   {&v1alpha1.JiraResolve{Policy: v1alpha1.JiraResolveComment}, "new"},
	} {
		t.Run(name, func(t *testing.T) {
			follow(t, []ticket.Draft{{Marker: "defect-u1"}}, func(_ *v1alpha1.Defect, i *v1alpha1.JiraIntegration) {
				i.Spec.Resolve = c.resolve
			}, func(f *follower) {
				for range 3 {
					f.outcome(v1alpha1.TestPassed)
				}
				is, comments, _ := f.jira.Issue("VOICE-1")
				if is.StatusCategory != c.status || len(comments) != 1 || !strings.Contains(comments[0].Body, "passes again") {
					t.Errorf("VOICE-1 is %s with %+v", is.StatusCategory, comments)
				}
				if f.defect.Status.State != v1alpha1.StateResolved {
					t.Errorf("the Defect is %s", f.defect.Status.State)
				}
				f.wantSynced(v1alpha1.ReasonInStep, "")
				f.outcome(v1alpha1.TestFailed)
				if _, comments, _ := f.jira.Issue("VOICE-1"); len(comments) != 2 || !strings.Contains(comments[1].Body, "Regression") {
					t.Errorf("after it failed again: %+v", comments)
				}
				if s := f.defect.Status; s.State != v1alpha1.StateOpen || s.Regressions != 1 || s.History.Strip != "PPPF" {
					t.Errorf("after it failed again: %s, %d regressions, %s", s.State, s.Regressions, s.History.Strip)
				}
			})
		})
	}
}

// TestAFlakyTestGetsNoTicketUntilItFlakedThreeTimes covers a Defect that has only flaked, and the ways around the rule.
func TestAFlakyTestGetsNoTicketUntilItFlakedThreeTimes(t *testing.T) {
	flaky := func(d *v1alpha1.Defect, i *v1alpha1.JiraIntegration) {
		wantingTicket(d, i)
		i.Spec.AutoCreate = &v1alpha1.JiraAutoCreate{Enabled: true}
		d.Spec.Outcomes = []v1alpha1.TestOutcome{{Run: "run-1", Result: v1alpha1.TestFlaky, Time: d.CreationTimestamp}}
	}
	follow(t, nil, flaky, func(f *follower) {
		f.settle()
		f.wantCondition(v1alpha1.ConditionTicketed, "True/NotWanted", "So far it flaked 1 time")
		f.outcome(v1alpha1.TestFlaky)
		f.wantCondition(v1alpha1.ConditionTicketed, "True/NotWanted", "So far it flaked 2 times")
		f.outcome(v1alpha1.TestFlaky)
		f.wantCondition(v1alpha1.ConditionTicketed, "True/Filed", "VOICE-1")
	})
	follow(t, nil, flaky, func(f *follower) {
		f.settle()
		f.outcome(v1alpha1.TestFailed)
		f.wantCondition(v1alpha1.ConditionTicketed, "True/Filed", "VOICE-1")
	})
	follow(t, nil, func(d *v1alpha1.Defect, i *v1alpha1.JiraIntegration) { flaky(d, i); requested(d) }, func(f *follower) {
		f.settle()
		f.wantCondition(v1alpha1.ConditionTicketed, "True/Filed", "VOICE-1")
	})
}

// TestQuarantine follows a Defect into its quarantine and out of it, without any change of its spec.
func TestQuarantine(t *testing.T) {
	begin := func(d *v1alpha1.Defect, _ *v1alpha1.JiraIntegration) {
		now := time.Now()
		d.Spec.Quarantine = &v1alpha1.Quarantine{
			Owner: "voice", Reason: "race", Starts: metav1.NewTime(now.Add(time.Hour)), Expires: metav1.NewTime(now.Add(3 * time.Hour)),
		}
	}
	follow(t, []ticket.Draft{{Marker: "defect-u1"}}, begin, func(f *follower) {
		next := f.settle()
		f.wantCondition(v1alpha1.ConditionQuarantined, "False/NotStarted", "The quarantine starts at ")
		time.Sleep(next.RequeueAfter)
		next = f.settle()
		f.wantCondition(v1alpha1.ConditionQuarantined, "True/InQuarantine", "Owner: voice")
		time.Sleep(next.RequeueAfter)
		f.settle()
		f.wantCondition(v1alpha1.ConditionQuarantined, "False/QuarantineExpired", "Remove spec.quarantine")
		f.wantCondition(v1alpha1.ConditionReady, "True/Ready", "")
		f.edit(func(d *v1alpha1.Defect) { d.Spec.Quarantine = nil })
		f.settle()
		if condition.Get(f.defect, v1alpha1.ConditionQuarantined) != nil {
			t.Error("a Defect without a quarantine has the condition")
		}
	})
	follow(t, []ticket.Draft{{Marker: "defect-u1"}}, begin, func(f *follower) {
		time.Sleep(time.Hour)
		for range 5 {
			f.outcome(v1alpha1.TestFailed)
		}
		f.wantCondition(v1alpha1.ConditionQuarantined, "False/Broken", "failed in each of its last 5 runs")
		f.outcome(v1alpha1.TestFlaky)
		f.wantCondition(v1alpha1.ConditionQuarantined, "True/InQuarantine", "")
	})
}
