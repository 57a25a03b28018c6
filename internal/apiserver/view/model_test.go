// SPDX-License-Identifier: Apache-2.0

package view

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/voiceai-dev/integrations-operator/api/v1alpha1"
	"github.com/voiceai-dev/integrations-operator/internal/apiserver/rows"
	"github.com/voiceai-dev/integrations-operator/internal/apiserver/view/viewtest"
	"github.com/voiceai-dev/integrations-operator/internal/condition"
	"github.com/voiceai-dev/integrations-operator/internal/event"
	"github.com/voiceai-dev/integrations-operator/internal/rule"
)

// testModel is a Model of a cluster.
type testModel struct {
	*Model
	cluster *viewtest.Cluster
}

func newModel() testModel {
	c := viewtest.NewCluster()
	return testModel{New(c, c, ""), c}
}

// put puts a Defect or Notification into the cluster and into the Model.
func (m testModel) put(o client.Object) {
	m.cluster.Put(o)
	switch o := o.(type) {
	case *v1alpha1.Defect:
		m.Defects.Put(o)
	case *v1alpha1.Notification:
		m.Notifications.Put(o)
	}
}

// everything may be listed.
var everything = Visibility{Slack: true, Jira: true, Rules: true, Defects: true, Notifications: true, Runs: true}

func TestRunResults(t *testing.T) {
	for text, want := range map[string]*RunResults{
		`{"passed":3,"failed":1,"total":4,"durationSeconds":2.5,"reportURL":"https://reports.example.com/1"}`: {
			3, 1, 0, 4, 2.5, "https://reports.example.com/1",
		},
		`{"passed":3,"failed":1}`:                                   {3, 1, 0, 4, 0, ""},
		`{"passed":3,"failed":1,"reportURL":"javascript:alert(1)"}`: {3, 1, 0, 4, 0, ""},
		`{"passed":-3}`:                       nil,
		`{"reportURL":"javascript:alert(1)"}`: nil,
		`[]`:                                  nil,
	} {
		j := &batchv1.Job{ObjectMeta: metav1.ObjectMeta{Annotations: map[string]string{v1alpha1.ResultsAnnotation: text}}}
		got := newModel().RunRecord(j).Results
		if (got == nil) != (want == nil) || got != nil && *got != *want {
			t.Errorf("%s: got %v, want %v", text, got, want)
		}
	}
}

func TestHealthOf(t *testing.T) {
	type slack = v1alpha1.SlackIntegration
	notReady := func(state condition.Progress, reason, message string) func(*slack) {
		return func(o *slack) { condition.NotReady(o, state, reason, message) }
	}
	ready := func(o *slack) { condition.Ready(o, v1alpha1.ReasonReady, "ok") }
	for name, c := range map[string]struct {
		change        func(*slack)
		suspended     bool
		want, problem string
	}{
		"not checked yet": {func(*slack) {}, false, checking, "The operator has not checked it yet"},
		"being checked":   {notReady(condition.Reconciling, v1alpha1.ReasonProgressing, "checking"), false, checking, "checking"},
		"suspended":       {ready, true, disabled, ""},
		"healthy":         {ready, false, healthy, ""},
		"not used yet": {func(o *slack) {
			condition.True(o, v1alpha1.ConditionHealthy, v1alpha1.ReasonUnverified, "not used yet")
			ready(o)
		}, false, unverified, ""},
		"degraded": {func(o *slack) {
			condition.True(o, v1alpha1.ConditionHealthy, v1alpha1.ReasonDegraded, "no scope")
			ready(o)
		}, false, degraded, "no scope"},
		"rate limited": {notReady(condition.Reconciling, v1alpha1.ReasonRateLimited, "20 s"), false, degraded, "20 s"},
		"unavailable":  {notReady(condition.Reconciling, v1alpha1.ReasonUnavailable, "timeout"), false, StatusError, "timeout"},
		"refused":      {notReady(condition.Stalled, v1alpha1.ReasonUnauthorized, "401"), false, StatusError, "401"},
	} {
		t.Run(name, func(t *testing.T) {
			o := &slack{}
			c.change(o)
			o.Spec.Suspend = c.suspended
			got, problem := healthOf(summaryOfSlack(o))
			if got != c.want || c.problem == "" != (problem == nil) || problem != nil && *problem != c.problem {
				t.Errorf("got %s %v, want %s %q", got, problem, c.want, c.problem)
			}
		})
	}
}

func TestChannelNames(t *testing.T) {
	m := newModel()
	m.Slack.Put(&v1alpha1.SlackIntegration{
		ObjectMeta: metav1.ObjectMeta{Namespace: "qa", Name: "slack"},
		Status: v1alpha1.SlackIntegrationStatus{
			Channels: []v1alpha1.KnownChannel{{Name: "#other", ID: "C0"}, {Name: "#alerts", ID: "C1"}},
		},
	})
	for name, c := range map[string]struct {
		channel, sentTo, lists, want string
	}{
		"known":                       {"C1", "C1", "qa", "#alerts"},
		"known, and sent by its name": {"C1", "#former-name", "qa", "#alerts"},
		"unknown":                     {"C2", "C2", "qa", ""},
		"of the Notification":         {"C2", "#team", "qa", "#team"},
		"integration may not be seen": {"C1", "C1", "team", ""},
		"but the Notification may":    {"C1", "#alerts", "team", "#alerts"},
		"of an earlier version":       {"C2", "", "qa", ""},
	} {
		n := &v1alpha1.Notification{ObjectMeta: metav1.ObjectMeta{Namespace: "team"}, Status: v1alpha1.NotificationStatus{
			Channel: c.sentTo, Message: &v1alpha1.PostedMessage{Integration: "qa/slack", Channel: c.channel},
		}}
		e := m.entry(n, func(namespace string) bool { return namespace == c.lists })
		if e.Channel != c.channel || e.ChannelName != c.want {
			t.Errorf("%s: got %q, %q, want %q", name, e.Channel, e.ChannelName, c.want)
		}
		if c.want == c.sentTo && !m.contains(logSource{notification: rows.OfNotification(n)}, newSearch(c.want)) {
			t.Errorf("%s: a search for %q does not find it", name, c.want)
		}
	}
}

// TestActivityForAnotherNamespace covers an activity for a Notification of another namespace. The log contains it whether
// or not that Notification still exists, because callers in this namespace may not learn that.
func TestActivityForAnotherNamespace(t *testing.T) {
	m := newModel()
	objects := []string{"Notification/qa/own", "Notification/prod/there", "Notification/prod/gone"}
	shared := &v1alpha1.SlackIntegration{ObjectMeta: viewtest.Meta("qa", "slack")}
	for _, object := range objects {
		shared.Status.Activities = append(shared.Status.Activities, v1alpha1.Activity{
			Action: "PostMessage", Object: object, Outcome: v1alpha1.OutcomeSucceeded,
		})
	}
	m.Slack.Put(shared)
	m.put(viewtest.Notification("qa", "own", "qa/slack", v1alpha1.ReasonSent, viewtest.Noon))
	m.put(viewtest.Notification("prod", "there", "qa/slack", v1alpha1.ReasonSent, viewtest.Noon))
	for _, namespace := range []string{"qa", ""} {
		log, err := m.ListLogs(t.Context(), LogQuery{Namespace: namespace, See: everything, ListsSlack: func(string) bool { return true }})
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, e := range log.Items {
			got = append(got, e.Object)
		}
		slices.Sort(got)
		if want := slices.Sorted(slices.Values(objects)); !slices.Equal(got, want) || log.Total != len(want) {
			t.Errorf("in the log of %q: got %d, %q, want each once: %q", namespace, log.Total, got, want)
		}
	}
}

func TestDelayReason(t *testing.T) {
	for want, change := range map[string]func(*v1alpha1.NotificationRuleSpec){
		"": func(*v1alpha1.NotificationRuleSpec) {},
		". The rule is muted until 4 March 2026, 14:00 UTC. " +
			"Until then a Notification is recorded and not sent": func(s *v1alpha1.NotificationRuleSpec) {
			s.MuteWindows = []v1alpha1.MuteWindow{{Start: "12:00", End: "14:00"}}
		},
		". It is sent together with the events of the same [severity], 1m0s after the first of them": func(s *v1alpha1.NotificationRuleSpec) {
			s.Grouping = &v1alpha1.Grouping{By: []v1alpha1.GroupKey{"severity"}, WindowSeconds: 60}
		},
		". It is sent together with all events of the rule, 1m0s after the first of them": func(s *v1alpha1.NotificationRuleSpec) {
			s.Grouping = &v1alpha1.Grouping{WindowSeconds: 60}
		},
	} {
		r := &v1alpha1.NotificationRule{Spec: v1alpha1.NotificationRuleSpec{EventTypes: []v1alpha1.EventType{v1alpha1.EventDefectCreated}}}
		change(&r.Spec)
		compiled, err := rule.Compile(r)
		if err != nil {
			t.Fatal(err)
		}
		if got := delayReason(r, compiled, &event.Event{Time: viewtest.Noon}); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

func TestLogSearch(t *testing.T) {
	n := &v1alpha1.Notification{ObjectMeta: metav1.ObjectMeta{Namespace: "qa", Name: "sent"}, Spec: v1alpha1.NotificationSpec{
		Rule: v1alpha1.RuleReference{Name: "nightly"}, Channel: "#alerts", Event: v1alpha1.NotificationEvent{
			Type: v1alpha1.EventDefectCreated, Subject: &v1alpha1.EventSubject{Kind: "Defect", Namespace: "qa", Name: "hangs-up"},
			Data: &runtime.RawExtension{Raw: []byte(`{"title":"The agent talks over people"}`)},
		},
	}}
	condition.False(n, v1alpha1.ConditionDelivered, v1alpha1.ReasonRejected, "Slack says channel_not_found")
	a := &v1alpha1.Activity{Action: "CreateIssue", Object: "Defect/qa/repeats", Detail: "VOICE-7"}
	for text, want := range map[string][2]bool{
		"": {true, true}, "DEFECT/QA/": {true, true}, "defectcreated": {true, false}, "Nightly": {true, false},
		"#ALERTS": {true, false}, "channel_not": {true, false}, "rejected": {true, false}, "voice-7": {false, true},
		"repeats": {false, true}, "TALKS over": {true, false}, "nowhere": {false, false},
	} {
		m := newModel()
		search := newSearch(text)
		for range 2 { // the second time from memory
			got := [2]bool{m.contains(logSource{notification: rows.OfNotification(n)}, search), m.contains(logSource{activity: a}, search)}
			if got != want {
				t.Errorf("%q: got %v, want %v", text, got, want)
			}
		}
	}
}

// TestLogOfARule checks that a rule's entries are those of its Notifications, not all that have its name in a text.
func TestLogOfARule(t *testing.T) {
	m := newModel()
	for _, rule := range []string{"nightly", "nightly-2"} {
		n := viewtest.Notification("qa", rule+"-1", "qa/slack", v1alpha1.ReasonSent, viewtest.Noon)
		n.Spec.Rule.Name = rule
		m.put(n)
	}
	jira := &v1alpha1.JiraIntegration{ObjectMeta: viewtest.Meta("qa", "jira")}
	jira.Status.Activities = []v1alpha1.Activity{
		{Action: "CreateIssue", Object: "Defect/qa/nightly", Outcome: v1alpha1.OutcomeSucceeded},
	}
	m.Jira.Put(jira)
	for _, rule := range []string{"nightly", "qa/nightly"} {
		if got := actionsOf(t, m, LogFilter{Rule: rule}); !slices.Equal(got, []string{"PostMessage qa/nightly-1"}) {
			t.Errorf("%s: got %q", rule, got)
		}
	}
}

// TestLogOfOneSecond checks that the newest is first where times are equal: a ticket is created, linked, announced.
func TestLogOfOneSecond(t *testing.T) {
	m := newModel()
	at := metav1.NewTime(viewtest.Noon)
	jira := &v1alpha1.JiraIntegration{ObjectMeta: viewtest.Meta("qa", "jira")}
	jira.Status.Activities = []v1alpha1.Activity{ // the newest first
		{Action: "LinkIssue", Object: "Defect/qa/d", Outcome: v1alpha1.OutcomeSucceeded, Time: at},
		{Action: "CreateIssue", Object: "Defect/qa/d", Outcome: v1alpha1.OutcomeSucceeded, Time: at},
	}
	m.Jira.Put(jira)
	m.put(viewtest.Notification("qa", "ticketed", "qa/slack", v1alpha1.ReasonSent, viewtest.Noon))
	want := []string{"PostMessage qa/ticketed", "LinkIssue ", "CreateIssue "}
	if got := actionsOf(t, m, LogFilter{}); !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

// actionsOf returns the actions and the Notifications of what a filter selects in the log of namespace qa.
func actionsOf(t *testing.T, m testModel, filter LogFilter) (out []string) {
	t.Helper()
	log, err := m.ListLogs(t.Context(), LogQuery{Namespace: "qa", See: everything,
		ListsSlack: func(string) bool { return true }, LogFilter: filter})
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range log.Items {
		out = append(out, e.Action+" "+e.Notification)
	}
	return out
}

// TestOutcomes checks that what was not sent, or in a digest, does not look like a message.
func TestOutcomes(t *testing.T) {
	for reason, want := range map[string]string{
		v1alpha1.ReasonSent: "Succeeded", v1alpha1.ReasonMuted: "Muted", v1alpha1.ReasonDigested: "Digested",
		v1alpha1.ReasonRejected: "Failed", v1alpha1.ReasonExpired: "Failed", v1alpha1.ReasonRetrying: "Pending",
	} {
		if got := rows.OfNotification(viewtest.Notification("qa", "n", "", reason, viewtest.Noon)).Outcome; got != want {
			t.Errorf("%s: got %s, want %s", reason, got, want)
		}
	}
}

// TestDryRunsAreOfEvents checks that a digest is not taken for an event.
func TestDryRunsAreOfEvents(t *testing.T) {
	m := newModel()
	n := viewtest.Notification("qa", "digest", "", v1alpha1.ReasonSent, viewtest.Noon)
	n.Spec.Members = []v1alpha1.NotificationName{"a", "b"}
	m.put(n)
	if _, ok, _ := m.RecentEvent(t.Context(), "qa", func(*rows.Notification) bool { return true }); ok {
		t.Error("a digest is an event")
	}
}

// TestADryRunShowsTheTimeOfTheEvent checks that a rule is evaluated as of now, and the message has the event's own time.
func TestADryRunShowsTheTimeOfTheEvent(t *testing.T) {
	r := &v1alpha1.NotificationRule{Spec: v1alpha1.NotificationRuleSpec{
		EventTypes: []v1alpha1.EventType{v1alpha1.EventDefectCreated}, MuteWindows: []v1alpha1.MuteWindow{{Start: "12:00", End: "14:00"}},
	}}
	now := viewtest.Noon.Add(2 * 24 * time.Hour)
	e := event.Event{Type: v1alpha1.EventDefectCreated, Time: viewtest.Noon.Add(-6 * time.Hour), Data: map[string]any{"title": "Hangs up"}}
	got := newModel().DryRun(t.Context(), r, &e, now)
	if !got.Matches || !strings.Contains(got.Why, "muted until 6 March 2026, 14:00 UTC") {
		t.Errorf("got %v, %s", got.Matches, got.Why)
	}
	if shown := fmt.Sprint(got.Message.Blocks); !strings.Contains(shown, "2026-03-04 06:30:00 UTC") {
		t.Errorf("the message is %s", shown)
	}
}
