// SPDX-License-Identifier: Apache-2.0

package event_test

import (
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/voiceai-dev/integrations-operator/api/v1alpha1"
	"github.com/voiceai-dev/integrations-operator/internal/event"
)

// fullDefect returns a Defect that has everything, resolved by alice.
func fullDefect() *v1alpha1.Defect {
	return &v1alpha1.Defect{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: "qa", Name: "d1", UID: "u1", CreationTimestamp: metav1.NewTime(now), Labels: map[string]string{"team": "voice"},
			Annotations: map[string]string{v1alpha1.ChangedByAnnotation: "Resolved/alice"},
		},
		Spec: v1alpha1.DefectSpec{
			Title: "Wrong day", Severity: v1alpha1.SeverityHigh, Category: v1alpha1.CategoryDefect, Description: "d",
			ExpectedResult: "e", ActualResult: "a", Suite: "booking", Run: "r", TestCase: "t", State: v1alpha1.StateResolved,
		},
		Status: v1alpha1.DefectStatus{
			State: v1alpha1.StateResolved,
			Jira:  &v1alpha1.DefectTicket{Key: "V-1", URL: "https://j/V-1"},
			StateChange: &v1alpha1.StateChange{
				Number: 2, From: v1alpha1.StateOpen, Cause: v1alpha1.CauseSpec, Time: metav1.NewTime(now.Add(time.Hour)),
			},
		},
	}
}

// fullDefectData returns the data of the events of fullDefect, with further members.
func fullDefectData(further map[string]any) map[string]any {
	out := map[string]any{
		"title": "Wrong day", "category": "Defect", "description": "d", "expectedResult": "e", "actualResult": "a",
		"suite": "booking", "run": "r", "testCase": "t", "state": "Resolved", "ticketKey": "V-1", "ticketURL": "https://j/V-1",
	}
	maps.Copy(out, further)
	return out
}

func TestDefectEvents(t *testing.T) {
	edgeCase := fullDefect()
	edgeCase.Spec.Category = v1alpha1.CategoryEdgeCase
	byJira := fullDefect()
	byJira.Status.StateChange.Cause = v1alpha1.CauseJira
	byUnknown := fullDefect()
	byUnknown.Annotations = nil
	changed := func(cause string) map[string]any { return map[string]any{"previousState": "Open", "cause": cause} }
	requested := fullDefect()
	requested.Annotations[v1alpha1.TicketRequestedByAnnotation] = "bob"
	requested.Status.Jira.TicketRequestedAt = "2026-11-28T12:00:00Z"
	byAlice := changed("Spec")
	byAlice["changedBy"] = "alice"
	for name, c := range map[string]struct {
		event     event.Event
		id        string
		eventType v1alpha1.EventType
		at        time.Time
		further   map[string]any
	}{
		"created": {event.DefectCreated(fullDefect()), "u1.created", v1alpha1.EventDefectCreated, now, nil},
		"edge case": {event.DefectCreated(edgeCase), "u1.created", v1alpha1.EventEdgeCaseDiscovered, now,
			map[string]any{"category": "EdgeCase"}},
		"ticketed": {event.DefectTicketed(fullDefect(), now.Add(time.Minute)), "u1.ticketed", v1alpha1.EventDefectTicketed,
			now.Add(time.Minute), nil},
		"changed in the spec": {event.DefectStateChanged(fullDefect()), "u1.state.2", v1alpha1.EventDefectStateChanged,
			now.Add(time.Hour), byAlice},
		"changed by no one known": {event.DefectStateChanged(byUnknown), "u1.state.2", v1alpha1.EventDefectStateChanged,
			now.Add(time.Hour), changed("Spec")},
		"changed in Jira": {event.DefectStateChanged(byJira), "u1.state.2", v1alpha1.EventDefectStateChanged,
			now.Add(time.Hour), changed("Jira")},
		"now resolved": {event.DefectNow(fullDefect()), "u1.created", v1alpha1.EventDefectCreated, now, map[string]any{"changedBy": "alice"}},
		"ticket requested": {event.DefectTicketed(requested, now.Add(time.Minute)), "u1.ticketed", v1alpha1.EventDefectTicketed,
			now.Add(time.Minute), map[string]any{"requestedBy": "bob"}},
	} {
		t.Run(name, func(t *testing.T) {
			e := c.event
			if e.ID != c.id || e.Type != c.eventType || !e.Time.Equal(c.at) || e.Severity != v1alpha1.SeverityHigh {
				t.Errorf("%s, %s, %s, %s", e.ID, e.Type, e.Time, e.Severity)
			}
			if want := (v1alpha1.EventSubject{Kind: "Defect", Namespace: "qa", Name: "d1", UID: "u1"}); *e.Subject != want {
				t.Errorf("subject %+v", e.Subject)
			}
			if !maps.Equal(e.Labels, map[string]string{"team": "voice", v1alpha1.SuiteLabel: "booking"}) {
				t.Errorf("labels %v", e.Labels)
			}
			checkData(t, &e, fullDefectData(c.further))
		})
	}
}

// A message about a Defect that occurred again shows why it is open.
func TestDefectNowHasTheCauseOfAnOpenState(t *testing.T) {
	d := fullDefect()
	d.Status.State = v1alpha1.StateOpen
	d.Status.StateChange.Cause = v1alpha1.CauseRegression
	if e := event.DefectNow(d); e.Text("cause") != "Regression" {
		t.Errorf("%v", e.Data)
	}
	d.Status.StateChange = nil
	if e := event.DefectNow(d); e.Text("cause") != "" {
		t.Errorf("%v", e.Data)
	}
}

func TestDefectWithLittle(t *testing.T) {
	d := &v1alpha1.Defect{ObjectMeta: metav1.ObjectMeta{UID: "u1"}, Spec: v1alpha1.DefectSpec{Title: "x", Category: v1alpha1.CategoryDefect}}
	for name, ticket := range map[string]*v1alpha1.DefectTicket{"no ticket": nil, "a ticket without a key": {URL: "https://j"}} {
		d.Status.Jira = ticket
		e := event.DefectCreated(d)
		checkData(t, &e, map[string]any{"title": "x", "category": "Defect"})
		if len(e.Labels) != 0 {
			t.Errorf("%s: labels %v", name, e.Labels)
		}
	}
}

func TestDefectTextsAndLabelsAreBounded(t *testing.T) {
	d := fullDefect()
	d.Spec.Description = strings.Repeat("ä", 2000)
	d.Spec.ActualResult = strings.Repeat("ä", 2001)
	d.Spec.Suite = ""
	for n, want := range map[int]int{59: 59, 60: 60, 61: 60} {
		d.Labels = manyLabels(n)
		e := event.DefectCreated(d)
		if keys := slices.Sorted(maps.Keys(d.Labels)); len(e.Labels) != want || e.Labels[keys[want-1]] == "" {
			t.Errorf("%d labels: %d, want the first %d", n, len(e.Labels), want)
		}
		if e.Text("description") != d.Spec.Description || e.Text("actualResult") != strings.Repeat("ä", 1999)+"…" {
			t.Errorf("%v", e.Data)
		}
	}
}

func TestIntegrationEvents(t *testing.T) {
	o := &metav1.ObjectMeta{Namespace: "qa", Name: "slack", UID: "i1", Labels: map[string]string{"team": "voice"}}
	bad := event.IntegrationUnhealthy(v1alpha1.KindSlackIntegration, o, "Unauthorized", strings.Repeat("m", 2001), now)
	good := event.IntegrationRecovered(v1alpha1.KindJiraIntegration, o, "Ready", "m", now)
	for _, c := range []struct {
		event     event.Event
		eventType v1alpha1.EventType
		id        string
		severity  v1alpha1.Severity
		kind      string
		data      map[string]any
	}{
		{bad, v1alpha1.EventIntegrationUnhealthy, "i1.unhealthy.1772366400", v1alpha1.SeverityHigh, "SlackIntegration", map[string]any{
			"title": "SlackIntegration slack does not work", "reason": "Unauthorized", "message": strings.Repeat("m", 1999) + "…"}},
		{good, v1alpha1.EventIntegrationRecovered, "i1.recovered.1772366400", "", "JiraIntegration", map[string]any{
			"title": "JiraIntegration slack works again", "reason": "Ready", "message": "m"}},
	} {
		e := c.event
		if e.Type != c.eventType || e.ID != c.id || e.Severity != c.severity || !e.Time.Equal(now) || e.Labels["team"] != "voice" ||
			*e.Subject != (v1alpha1.EventSubject{Kind: c.kind, Namespace: "qa", Name: "slack", UID: "i1"}) {
			t.Errorf("%+v", e)
		}
		checkData(t, &e, c.data)
	}
}
