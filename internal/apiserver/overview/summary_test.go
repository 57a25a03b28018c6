// SPDX-License-Identifier: Apache-2.0

package overview

import (
	"context"
	"fmt"
	"reflect"
	"slices"
	"testing"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/voiceai-dev/integrations-operator/api/v1alpha1"
	"github.com/voiceai-dev/integrations-operator/internal/apiserver/view"
	"github.com/voiceai-dev/integrations-operator/internal/apiserver/view/viewtest"
	"github.com/voiceai-dev/integrations-operator/internal/condition"
)

func newModel() *Model { return modelOf(viewtest.NewCluster()) }

func modelOf(c *viewtest.Cluster) *Model { return New(view.New(c, c, "")) }

// everything may be listed.
var everything = view.Visibility{Slack: true, Jira: true, Rules: true, Defects: true, Notifications: true, Runs: true}

func summed(m *Model, namespace string) Summary { return summedAt(m, namespace, viewtest.Noon) }

func summedAt(m *Model, namespace string, now time.Time) Summary {
	return m.Summary(context.Background(), namespace, everything, now)
}

// hoursOf returns an integration's counts that are not zero, as hour: succeeded+failed.
func hoursOf(s Summary, kind, name string) map[string]string {
	out := map[string]string{}
	for _, i := range s.Integrations {
		if i.Kind != kind || i.Name != name {
			continue
		}
		for _, h := range i.Hours {
			if h.Succeeded+h.Failed > 0 {
				out[h.Time.Format("02 15:04")] = fmt.Sprintf("%d+%d", h.Succeeded, h.Failed)
			}
		}
	}
	return out
}

func TestSummaryHours(t *testing.T) {
	m := newModel()
	m.Slack.Put(viewtest.Slack("main", true))
	m.Slack.Put(viewtest.Slack("other", false))
	first := viewtest.Noon.Truncate(time.Hour).Add(-23 * time.Hour)
	for at, n := range []*v1alpha1.Notification{
		viewtest.Notification("qa", "", "qa/main", v1alpha1.ReasonSent, viewtest.Noon),
		viewtest.Notification("qa", "", "qa/main", v1alpha1.ReasonSent, viewtest.Noon.Add(-29*time.Minute)),
		viewtest.Notification("qa", "", "qa/main", v1alpha1.ReasonSent, viewtest.Noon.Add(-31*time.Minute)),
		viewtest.Notification("qa", "", "qa/main", v1alpha1.ReasonSent, first),
		viewtest.Notification("qa", "", "qa/main", v1alpha1.ReasonSent, first.Add(-time.Second)), // too long ago
		viewtest.Notification("qa", "", "qa/main", v1alpha1.ReasonDigested, viewtest.Noon),       // in a digest, which counts itself
		viewtest.Notification("qa", "", "qa/main", v1alpha1.ReasonMuted, viewtest.Noon),
		viewtest.Notification("qa", "", "qa/other", v1alpha1.ReasonSent, viewtest.Noon),
		viewtest.Notification("qa", "", "", v1alpha1.ReasonRejected, viewtest.Noon), // never posted: the default integration would have
		viewtest.Notification("qa", "", "", v1alpha1.ReasonRetrying, viewtest.Noon),
		viewtest.Notification("prod", "", "qa/main", v1alpha1.ReasonSent, viewtest.Noon), // by this integration, in another namespace
	} {
		n.Name = fmt.Sprint("n-", at)
		m.Notifications.Put(n)
	}
	tracker := &v1alpha1.JiraIntegration{ObjectMeta: viewtest.Meta("qa", "jira")}
	tracker.Status.Activities = []v1alpha1.Activity{
		{Time: metav1.NewTime(viewtest.Noon), Outcome: v1alpha1.OutcomeFailed, Action: "CreateIssue"},
		{Time: metav1.NewTime(viewtest.Noon), Outcome: v1alpha1.OutcomeSucceeded, Action: "CreateIssue"}, // counted with the Defect
	}
	m.Jira.Put(tracker)
	for at, made := range []time.Time{viewtest.Noon, viewtest.Noon.Add(-time.Hour), viewtest.Noon.Add(-25 * time.Hour)} {
		m.Defects.Put(&v1alpha1.Defect{ObjectMeta: viewtest.Meta("qa", fmt.Sprint("d-", at)), Status: v1alpha1.DefectStatus{
			Jira: &v1alpha1.DefectTicket{Integration: "qa/jira", Key: "V-1", CreatedTime: &metav1.Time{Time: made}}}})
	}

	for range 2 { // counted, and cached
		got := summed(m, "qa")
		for _, i := range got.Integrations {
			if len(i.Hours) != 24 || !i.Hours[0].Time.Equal(first) {
				t.Errorf("%s: got %d hours from %v, want 24 from %v", i.Name, len(i.Hours), i.Hours[0].Time, first)
			}
		}
		for name, want := range map[[2]string]map[string]string{
			{"SlackIntegration", "main"}:  {"03 13:00": "1+0", "04 11:00": "1+0", "04 12:00": "2+1"},
			{"SlackIntegration", "other"}: {"04 12:00": "1+0"},
			{"JiraIntegration", "jira"}:   {"04 11:00": "1+0", "04 12:00": "1+1"},
		} {
			if have := hoursOf(got, name[0], name[1]); !reflect.DeepEqual(have, want) {
				t.Errorf("%v: got %v, want %v", name, have, want)
			}
		}
	}
	if have := hoursOf(summed(m, ""), "SlackIntegration", "main"); have["04 12:00"] != "3+1" {
		t.Errorf("everywhere: got %v, want 3+1 in the last hour", have)
	}
}

func TestSummaryNeeds(t *testing.T) {
	m := newModel()
	stalled := func(name, reason string, at time.Time) {
		d := &v1alpha1.Defect{ObjectMeta: viewtest.Meta("qa", name),
			Spec: v1alpha1.DefectSpec{Title: "Title of " + name, Severity: v1alpha1.SeverityHigh}}
		condition.NotReady(d, condition.Stalled, reason, reason)
		condition.Get(d, v1alpha1.ConditionStalled).LastTransitionTime = metav1.NewTime(at)
		m.Defects.Put(d)
	}
	stalled("unticketed", v1alpha1.ReasonUnauthorized, viewtest.Noon.Add(-time.Hour))
	m.Notifications.Put(viewtest.Notification("qa", "rejected-1", "", v1alpha1.ReasonRejected, viewtest.Noon.Add(-3*time.Hour)))
	m.Notifications.Put(viewtest.Notification("qa", "rejected-2", "", v1alpha1.ReasonRejected, viewtest.Noon.Add(-2*time.Hour)))
	m.Notifications.Put(viewtest.Notification("qa", "expired", "", v1alpha1.ReasonExpired, viewtest.Noon.Add(-4*time.Hour)))
	m.Notifications.Put(viewtest.Notification("qa", "long ago", "", v1alpha1.ReasonRejected, viewtest.Noon.Add(-30*time.Hour)))
	m.Notifications.Put(viewtest.Notification("qa", "sent", "", v1alpha1.ReasonSent, viewtest.Noon))
	bad := &v1alpha1.NotificationRule{ObjectMeta: viewtest.Meta("qa", "bad")}
	bad.Status.Conditions = []metav1.Condition{{Type: v1alpha1.ConditionAccepted, Status: metav1.ConditionFalse,
		Reason: "Invalid", Message: "spec.when", LastTransitionTime: metav1.NewTime(viewtest.Noon.Add(-5 * time.Hour))}}
	m.Rules.Put(bad)
	down := viewtest.Slack("down", true)
	down.Status.Conditions = []metav1.Condition{{Type: v1alpha1.ConditionReady, Status: metav1.ConditionFalse,
		Reason: v1alpha1.ReasonUnauthorized, Message: "renew the token", LastTransitionTime: metav1.NewTime(viewtest.Noon)}}
	m.Slack.Put(down)

	got := summed(m, "qa")
	var have []string
	for _, n := range got.Attention {
		have = append(have, fmt.Sprintf("%s %s %d", n.Object, n.Reason, n.Count))
	}
	want := []string{
		"SlackIntegration/qa/down Unauthorized 1", "Defect/qa/unticketed Unauthorized 1", "Notification/qa/rejected-2 Rejected 2",
		"Notification/qa/expired Expired 1", "NotificationRule/qa/bad Invalid 1",
	}
	if !slices.Equal(have, want) || got.Needs != 6 {
		t.Errorf("got %d: %q\nwant 6: %q", got.Needs, have, want)
	}
	if elsewhere := summed(m, "prod"); elsewhere.Needs != 0 || elsewhere.Attention == nil || elsewhere.Suites == nil {
		t.Errorf("in another namespace: got %+v, want empty lists", elsewhere)
	}
	for i := range 100 {
		d := &v1alpha1.Defect{ObjectMeta: viewtest.Meta("many", fmt.Sprint("d-", i))}
		condition.NotReady(d, condition.Stalled, v1alpha1.ReasonRejected, fmt.Sprint("another reason ", i))
		m.Defects.Put(d)
	}
	if many := summed(m, "many"); many.Needs != 100 || len(many.Attention) != maxNeeds {
		t.Errorf("got %d of %d, want %d of 100", len(many.Attention), many.Needs, maxNeeds)
	}
}

func TestSummaryDefectsAndRuns(t *testing.T) {
	m := newModel()
	for name, c := range map[string]struct {
		severity v1alpha1.Severity
		state    v1alpha1.State
		key      string
	}{
		"new": {v1alpha1.SeverityCritical, "", ""}, "open": {v1alpha1.SeverityCritical, v1alpha1.StateOpen,
			"V-1"}, "worked on": {v1alpha1.SeverityLow, v1alpha1.StateInProgress, ""},
		"resolved": {v1alpha1.SeverityHigh, v1alpha1.StateResolved, ""}, "closed": {v1alpha1.SeverityHigh, v1alpha1.StateClosed, "V-2"},
	} {
		d := &v1alpha1.Defect{ObjectMeta: viewtest.Meta("qa", name), Spec: v1alpha1.DefectSpec{Severity: c.severity},
			Status: v1alpha1.DefectStatus{State: c.state}}
		if c.key != "" {
			d.Status.Jira = &v1alpha1.DefectTicket{Key: c.key}
		}
		m.Defects.Put(d)
	}
	for i := range maxRunsPerSuite + 5 {
		j := &batchv1.Job{ObjectMeta: viewtest.Meta("qa", fmt.Sprintf("run-%02d", i))}
		j.Labels = map[string]string{v1alpha1.SuiteLabel: "booking"}
		j.CreationTimestamp = metav1.NewTime(viewtest.Noon.Add(time.Duration(i) * time.Minute))
		ended := batchv1.JobComplete
		if i == maxRunsPerSuite {
			ended = batchv1.JobFailed
		}
		j.Status.Conditions = []batchv1.JobCondition{{Type: ended, Status: corev1.ConditionTrue}}
		m.Runs.Put(j)
	}
	for i := range maxSuites + 5 {
		j := &batchv1.Job{ObjectMeta: viewtest.Meta("many", fmt.Sprint("run-", i))}
		j.Labels = map[string]string{v1alpha1.SuiteLabel: fmt.Sprint("suite-", i)}
		m.Runs.Put(j)
	}

	got := summed(m, "qa")
	if d := got.Defects; d.Open != 3 || d.Unticketed != 2 || !reflect.DeepEqual(d.BySeverity,
		map[v1alpha1.Severity]int{"Critical": 2, "High": 0, "Medium": 0, "Low": 1}) {
		t.Errorf("got %+v", d)
	}
	if len(got.Suites) != 1 || len(got.Suites[0].Runs) != maxRunsPerSuite {
		t.Fatalf("got %+v, want one suite with %d runs", got.Suites, maxRunsPerSuite)
	}
	if runs := got.Suites[0].Runs; runs[0].Name != fmt.Sprint("run-",
		maxRunsPerSuite+4) || runs[4].State != "Failed" || runs[5].State != "Passed" {
		t.Errorf("got %+v, want the newest first", runs)
	}
	if many := summed(m, "many"); len(many.Suites) != maxSuites {
		t.Errorf("got %d suites, want %d", len(many.Suites), maxSuites)
	}
}

// TestCountsAreNeverOutOfDate changes each object that a cached count is of.
func TestCountsAreNeverOutOfDate(t *testing.T) {
	m := newModel()
	m.Slack.Put(viewtest.Slack("a", true))
	m.Slack.Put(viewtest.Slack("b", false))
	m.Notifications.Put(viewtest.Notification("qa", "n", "", v1alpha1.ReasonRejected, viewtest.Noon))
	d := &v1alpha1.Defect{ObjectMeta: viewtest.Meta("qa", "d"), Spec: v1alpha1.DefectSpec{Severity: v1alpha1.SeverityLow}}
	m.Defects.Put(d)
	if got := summed(m, "qa"); got.Needs != 1 || got.Defects.Open != 1 || len(hoursOf(got, "SlackIntegration", "a")) != 1 {
		t.Fatalf("got %+v", got)
	}
	m.Slack.Put(viewtest.Slack("a", false))
	m.Slack.Put(viewtest.Slack("b", true))
	if got := summed(m, "qa"); len(hoursOf(got, "SlackIntegration", "a")) != 0 || len(hoursOf(got, "SlackIntegration", "b")) != 1 {
		t.Errorf("after the default integration changed: got %+v", got.Integrations)
	}
	m.Defects.Delete(d)
	if got := summed(m, "qa"); got.Defects.Open != 0 {
		t.Errorf("after a Defect was deleted: got %d open", got.Defects.Open)
	}
	m.Notifications.Put(viewtest.Notification("qa", "n", "", v1alpha1.ReasonSent, viewtest.Noon))
	if got := summed(m, "qa"); got.Needs != 0 {
		t.Errorf("after a Notification was sent: got %d needs", got.Needs)
	}
	j := &batchv1.Job{ObjectMeta: viewtest.Meta("qa", "j")}
	j.Labels = map[string]string{v1alpha1.SuiteLabel: "booking"}
	m.Runs.Put(j)
	if got := summed(m, "qa"); len(got.Suites) != 1 {
		t.Errorf("after a run began: got %d suites", len(got.Suites))
	}
	if got := summedAt(m, "qa", viewtest.Noon.Add(24*time.Hour)); len(hoursOf(got, "SlackIntegration", "b")) != 0 {
		t.Errorf("a day later: got %+v", got.Integrations)
	}
}
