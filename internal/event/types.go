// SPDX-License-Identifier: Apache-2.0

package event

import (
	"slices"

	"github.com/voiceai-dev/integrations-operator/api/v1alpha1"
)

// A Type describes a type of event. The enums of the CRDs and the REST API, docs/events.md, the example events of
// package render and the looks of messages are derived from Types, or a test compares them with it.
type Type struct {
	Name v1alpha1.EventType
	// Source is what such an event is about, for docs/events.md.
	Source string
	// ID is the form of its id, for docs/events.md.
	ID string
	// Severity is its severity, for docs/events.md.
	Severity string
	// CloudEvent is the CloudEvents type that it may come in as; empty when it may not.
	CloudEvent string
	// Subjects are the kinds of object that it can be about; none when it has no subject.
	Subjects []string
	// Data are the members that its data can have. A CloudEvent can bring others.
	Data []Member
}

// A Member describes one member of the data of an event.
type Member struct {
	Name string
	// Meaning is what the member holds, for docs/events.md.
	Meaning string
	// Example is a string or a float64.
	Example any
}

// Types has a row for each type of event, in the order of the CRDs' enum.
var Types = []Type{
	{
		Name:       v1alpha1.EventTestRunCompleted,
		Source:     "A Job with the label `integrations.voiceai.dev/suite` completed or failed",
		ID:         "`<uid of the Job>.completed`",
		Severity:   "High when the run failed",
		CloudEvent: "dev.voiceai.testrun.completed",
		Subjects:   []string{KindJob},
		Data:       runData,
	},
	{
		Name:     v1alpha1.EventDefectCreated,
		Source:   "A Defect of category Defect was created",
		ID:       "`<uid>.created`",
		Severity: ofTheDefect,
		Subjects: []string{v1alpha1.KindDefect},
		Data:     defectData,
	},
	{
		Name:     v1alpha1.EventDefectTicketed,
		Source:   "A Defect got its ticket",
		ID:       "`<uid>.ticketed`",
		Severity: ofTheDefect,
		Subjects: []string{v1alpha1.KindDefect},
		Data:     ticketData,
	},
	{
		Name:     v1alpha1.EventDefectStateChanged,
		Source:   "The state of a Defect changed",
		ID:       "`<uid>.state.<number of the change>`",
		Severity: ofTheDefect,
		Subjects: []string{v1alpha1.KindDefect},
		Data:     stateChangeData,
	},
	{
		Name:       v1alpha1.EventEdgeCaseDiscovered,
		Source:     "A Defect of category EdgeCase was created",
		ID:         "`<uid>.created`",
		Severity:   ofTheDefect,
		CloudEvent: "dev.voiceai.edgecase.discovered",
		Subjects:   []string{v1alpha1.KindDefect},
		Data:       defectData,
	},
	{
		Name:       v1alpha1.EventSystemAlertFiring,
		Source:     "Alertmanager or Grafana reports that an alert fires",
		ID:         ofTheAlert,
		Severity:   "the label `severity` of the alert",
		CloudEvent: "dev.voiceai.system.alert.firing",
		Data:       alertData,
	},
	{
		Name:       v1alpha1.EventSystemAlertResolved,
		Source:     "Alertmanager or Grafana reports that an alert is resolved",
		ID:         ofTheAlert,
		Severity:   "the label `severity` of the alert",
		CloudEvent: "dev.voiceai.system.alert.resolved",
		Data:       alertData,
	},
	{
		Name:     v1alpha1.EventIntegrationUnhealthy,
		Source:   "An integration has not worked for 30 s",
		ID:       "`<uid>.unhealthy.<unix time>`",
		Severity: "High",
		Subjects: []string{v1alpha1.KindSlackIntegration, v1alpha1.KindJiraIntegration},
		Data:     healthData,
	},
	{
		Name:     v1alpha1.EventIntegrationRecovered,
		Source:   "An integration works again after IntegrationUnhealthy",
		ID:       "`<uid>.recovered.<unix time>`",
		Severity: "none",
		Subjects: []string{v1alpha1.KindSlackIntegration, v1alpha1.KindJiraIntegration},
		Data:     healthData,
	},
}

const (
	ofTheDefect = "the Defect's"
	ofTheAlert  = "`alert.<hash of the alert, its start and its status>`"
)

// The members that the data of several types have in common.
var (
	runData = []Member{
		{"title", "the outcome in one line", "booking-nightly-7"},
		{"description", "a longer text, of a CloudEvent", ""},
		{"suite", "the suite", "booking"},
		{"run", "the name of the Job", "booking-nightly-7"},
		{"result", "Passed or Failed", "Failed"},
		{"previousResult", "the result of the suite's run before, Passed or Failed; empty when it is not known", "Passed"},
		{"passed", "how many tests passed", 41.0},
		{"failed", "how many tests failed", 2.0},
		{"skipped", "how many tests were skipped", 1.0},
		{"total", "how many tests there are", 44.0},
		{"previousRun", "the name of the suite's run before", "booking-nightly-6"},
		{"previousPassed", "how many tests passed in it", 43.0},
		{"previousFailed", "how many tests failed in it", 0.0},
		{"previousSkipped", "how many tests were skipped in it", 1.0},
		{"previousTotal", "how many tests it had", 44.0},
		{"newDefects", "how many Defects failed that had not before", 1.0},
		{"knownDefects", "how many Defects failed that had before", 1.0},
		{"flakyDefects", "how many Defects failed and passed", 0.0},
		{"fixedDefects", "how many Defects passed that had failed in the run before", 1.0},
		{"durationSeconds", "how long the run took", 192.0},
		{"commit", "what was tested", "4f2c1d9"},
		{"reportURL", "the address of the report", "https://reports.example.com/booking-nightly-7"},
		{"reason", "why the Job failed", "BackoffLimitExceeded"},
		{"resultError", "what is wrong with the result that the run left, and how a Pod failed if no test says why", ""},
	}

	defectData = []Member{
		{"title", "the Defect's title", "Agent books the wrong day"},
		{"category", "Defect or EdgeCase", "Defect"},
		{"description", "the Defect's description", "Asked for Tuesday, it books Thursday."},
		{"expectedResult", "what should have happened", "A booking for Tuesday"},
		{"actualResult", "what happened instead", "A booking for Thursday"},
		{"suite", "the suite that found it", "booking"},
		{"run", "the run that found it", "booking-nightly-7"},
		{"testCase", "the test case that found it", "book-by-weekday"},
		{"state", "Open, InProgress, Resolved or Closed", "Open"},
		{"ticketKey", "the key of its ticket", "VOICE-12"},
		{"ticketURL", "the address of its ticket", "https://jira.example.com/browse/VOICE-12"},
		{Turn, "the number of the turn that failed, where it was found in a call", 3.0},
		{TurnOffset, "where that turn begins in the recording", 41250.0},
		{Utterance, "what the caller said in that turn", "Next Tuesday, please"},
		{ExpectedTranscript, "what the agent should have said or understood", "booked for Tuesday"},
		{HeardTranscript, "what it said or understood", "booked for Thursday"},
		{"locale", "the language of the call", "en-US"},
		{"agentVersion", "the version of the voice agent", "1.4.2"},
		{"changedBy", "who changed spec.state, where that is known", "alice"},
	}

	ticketData = append(slices.Clone(defectData), Member{"requestedBy", "who requested the ticket, where that is known", "alice"})

	stateChangeData = append(withExample(defectData, "state", "Resolved"),
		Member{"previousState", "the state before", "InProgress"},
		Member{"cause", "Spec, Jira, Regression or Passed", "Spec"},
	)

	alertData = []Member{
		{"title", "the annotation `summary` or `title`, or else the alert's name", "Speech latency is high"},
		{"description", "the annotation `description` or `message`", "95 % of answers take longer than 2 s."},
		{"alertname", "the alert's name", "SpeechLatencyHigh"},
		{"status", "firing or resolved", "firing"},
		{"receiver", "the receiver in Alertmanager's configuration", "voice"},
		{"startsAt", "when the alert began to fire", "2026-03-02T09:30:00Z"},
		{"generatorURL", "the address of what raised the alert", "https://prometheus.example.com/graph?g0.expr=latency"},
		{"externalURL", "the address of Alertmanager", "https://alertmanager.example.com"},
		{"runbookURL", "the annotation `runbook_url`", ""},
	}

	healthData = []Member{
		{"title", "what happened, with the integration's name", "SlackIntegration team-slack does not work"},
		{"reason", "the reason of the integration's Ready condition", "Unauthorized"},
		{"message", "the message of the integration's Ready condition", "Slack refused the token"},
	}
)

// CloudEventData has the members that the data of every event have that came in as a CloudEvent, beside those that it
// brought.
var CloudEventData = []Member{
	{"source", "the CloudEvent's source", ""},
	{"subject", "the CloudEvent's subject", ""},
}

// withExample returns a copy of members in which one has another example.
func withExample(members []Member, name string, example any) []Member {
	out := slices.Clone(members)
	for i := range out {
		if out[i].Name == name {
			out[i].Example = example
		}
	}
	return out
}

// TypeOf returns the row of a type of event, and whether there is one.
func TypeOf(name v1alpha1.EventType) (Type, bool) {
	i := slices.IndexFunc(Types, func(t Type) bool { return t.Name == name })
	if i < 0 {
		return Type{}, false
	}
	return Types[i], true
}

// cloudEventTypes has the types that may come in as CloudEvents, by their CloudEvents type. The operator sees for
// itself what happens to Defects and integrations.
var cloudEventTypes = func() map[string]v1alpha1.EventType {
	out := map[string]v1alpha1.EventType{}
	for _, t := range Types {
		if t.CloudEvent != "" {
			out[t.CloudEvent] = t.Name
		}
	}
	return out
}()
