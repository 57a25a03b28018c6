// SPDX-License-Identifier: Apache-2.0

package view

import (
	"maps"
	"time"

	"github.com/voiceai-dev/integrations-operator/api/v1alpha1"
	"github.com/voiceai-dev/integrations-operator/internal/chat"
	"github.com/voiceai-dev/integrations-operator/internal/event"
)

// EventBody is an event.
type EventBody struct {
	ID       string            `json:"id,omitempty" maxLength:"253" doc:"Its id."`
	Type     string            `json:"type" enum:"TestRunCompleted,DefectCreated,DefectTicketed,DefectStateChanged,EdgeCaseDiscovered,SystemAlertFiring,SystemAlertResolved,IntegrationUnhealthy,IntegrationRecovered" doc:"What happened."`
	Time     *time.Time        `json:"time,omitempty" doc:"When it happened; now when empty."`
	Severity string            `json:"severity,omitempty" enum:"Critical,High,Medium,Low" doc:"How bad it is, where it has a severity."`
	Labels   map[string]string `json:"labels,omitempty" maxProperties:"64" doc:"The labels of the object it is about."`
	Subject  *EventSubject     `json:"subject,omitempty" doc:"The object it is about."`
	Data     map[string]any    `json:"data,omitempty" maxProperties:"64" doc:"The facts."`
}

// EventSubject is the object that an event is about.
type EventSubject struct {
	Kind      string `json:"kind" maxLength:"63" doc:"The kind of the object."`
	Namespace string `json:"namespace,omitempty" maxLength:"63" doc:"Its namespace."`
	Name      string `json:"name" maxLength:"253" doc:"Its name."`
}

// Event returns the event; now is its time when it has none.
func (b *EventBody) Event(now time.Time) event.Event {
	e := event.Event{
		ID: b.ID, Type: v1alpha1.EventType(b.Type), Time: now, Severity: v1alpha1.Severity(b.Severity),
		Labels: b.Labels, Data: b.Data,
	}
	if b.Time != nil {
		e.Time = *b.Time
	}
	if b.Subject != nil {
		e.Subject = &v1alpha1.EventSubject{Kind: b.Subject.Kind, Namespace: b.Subject.Namespace, Name: b.Subject.Name}
	}
	return e
}

// EventBodyOf returns the body of an event.
func EventBodyOf(e *event.Event) EventBody {
	at := e.Time.UTC()
	b := EventBody{
		ID: e.ID, Type: string(e.Type), Time: &at, Severity: string(e.Severity), Labels: maps.Clone(e.Labels), Data: e.Data,
	}
	if e.Subject != nil {
		b.Subject = &EventSubject{Kind: e.Subject.Kind, Namespace: e.Subject.Namespace, Name: e.Subject.Name}
	}
	return b
}

// MessageBody is a message before it is converted to Slack's JSON. Its texts are mrkdwn.
type MessageBody struct {
	Text   string         `json:"text" doc:"The text of notifications and screen readers."`
	Color  string         `json:"color,omitempty" doc:"The color of the bar at its side, as #rrggbb."`
	Blocks []MessageBlock `json:"blocks" doc:"What is shown."`
}

// MessageBlock is a part of a message.
type MessageBlock struct {
	Section string   `json:"section,omitempty" doc:"A paragraph."`
	Fields  []string `json:"fields,omitempty" doc:"Short facts in two columns."`
	Context []string `json:"context,omitempty" doc:"Small print."`
	Divider bool     `json:"divider,omitempty" doc:"A line."`
}

func messageBodyOf(m chat.Message) *MessageBody {
	out := &MessageBody{Text: m.Text, Color: m.Color, Blocks: []MessageBlock{}}
	for _, b := range m.Blocks {
		out.Blocks = append(out.Blocks, MessageBlock{Section: b.Section, Fields: b.Fields, Context: b.Context, Divider: b.Divider})
	}
	return out
}
