package render

import (
	"maps"
	"time"

	"github.com/voiceai-dev/integrations-operator/api/v1alpha1"
	"github.com/voiceai-dev/integrations-operator/internal/event"
)

// What an event of each kind can have in its data, see docs/events.md.
var (
	exampleRun = map[string]any{
		"title": "booking-nightly-7", "description": "", "suite": "booking", "run": "booking-nightly-7", "result": "Failed", "previousResult": "Passed",
		"passed": 41.0, "failed": 2.0, "skipped": 1.0, "total": 44.0, "durationSeconds": 192.0, "reportURL": "https://reports.example.com/booking-nightly-7",
		"reason": "BackoffLimitExceeded", "resultError": "",
	}
	exampleDefect = map[string]any{
		"title": "Agent books the wrong day", "category": "Defect", "description": "Asked for Tuesday, it books Thursday.",
		"expectedResult": "A booking for Tuesday", "actualResult": "A booking for Thursday",
		"suite": "booking", "run": "booking-nightly-7", "testCase": "book-by-weekday", "state": "Open",
		"ticketKey": "VOICE-12", "ticketURL": "https://jira.example.com/browse/VOICE-12",
	}
	exampleMove  = merged(exampleDefect, map[string]any{"state": "Resolved", "previousState": "InProgress", "cause": "Spec", "changedBy": "alice"})
	exampleAlert = map[string]any{
		"title": "Speech latency is high", "description": "95 % of answers take longer than 2 s.", "alertname": "SpeechLatencyHigh",
		"status": "firing", "receiver": "voice", "startsAt": "2026-03-02T09:30:00Z",
		"generatorURL": "https://prometheus.example.com/graph?g0.expr=latency", "externalURL": "https://alertmanager.example.com", "runbookURL": "",
	}
	exampleHealth = map[string]any{"title": "SlackIntegration team-slack does not work", "reason": "Unauthorized", "message": "Slack refused the token"}

	// everything is all of them: what a template may name at all.
	everything = merged(exampleRun, exampleMove, exampleAlert, exampleHealth, map[string]any{"source": "", "subject": ""})
)

func merged(all ...map[string]any) map[string]any {
	out := map[string]any{}
	for _, m := range all {
		maps.Copy(out, m)
	}
	return out
}

// Example is an event of a type as it could happen, with everything that such an event can have in its data.
func Example(t v1alpha1.EventType) event.Event {
	e := event.Event{
		ID: "example", Type: t, Time: time.Date(2026, 3, 2, 9, 30, 0, 0, time.UTC), Severity: v1alpha1.SeverityHigh, Labels: map[string]string{},
		Subject: &v1alpha1.EventSubject{Kind: v1alpha1.KindDefect, Namespace: "voice", Name: "booking-wrong-day"},
	}
	switch t {
	case v1alpha1.EventTestRunCompleted:
		e.Data = exampleRun
		e.Subject = &v1alpha1.EventSubject{Kind: "Job", Namespace: "voice", Name: "booking-nightly-7"}
	case v1alpha1.EventDefectStateChanged:
		e.Data = exampleMove
	case v1alpha1.EventSystemAlertFiring, v1alpha1.EventSystemAlertResolved:
		e.Subject, e.Data = nil, exampleAlert
	case v1alpha1.EventIntegrationUnhealthy, v1alpha1.EventIntegrationRecovered:
		e.Data = exampleHealth
		e.Subject = &v1alpha1.EventSubject{Kind: v1alpha1.KindSlackIntegration, Namespace: "voice", Name: "team-slack"}
	default:
		e.Data = exampleDefect
	}
	e.Data = maps.Clone(e.Data)
	return e
}
