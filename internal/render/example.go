// SPDX-License-Identifier: Apache-2.0

package render

import (
	"time"

	"github.com/voiceai-dev/integrations-operator/api/v1alpha1"
	"github.com/voiceai-dev/integrations-operator/internal/event"
)

// exampleNames has the name of an example subject of each kind.
var exampleNames = map[string]string{
	event.KindJob:                 "booking-nightly-7",
	v1alpha1.KindDefect:           "booking-wrong-day",
	v1alpha1.KindSlackIntegration: "team-slack",
}

// everything has an example of each member that the data of any type of event can have.
var everything = func() map[string]any {
	out := map[string]any{}
	for _, t := range event.Types {
		addExamples(out, t.Data)
	}
	addExamples(out, event.CloudEventData)
	return out
}()

func addExamples(data map[string]any, members []event.Member) {
	for _, m := range members {
		data[m.Name] = m.Example
	}
}

// Example returns an example of a type of event, with all members that its data can have.
func Example(name v1alpha1.EventType) event.Event {
	t, ok := event.TypeOf(name)
	if !ok {
		t, _ = event.TypeOf(v1alpha1.EventDefectCreated)
	}
	e := event.Event{
		ID:       "example",
		Type:     name,
		Time:     time.Date(2026, 3, 2, 9, 30, 0, 0, time.UTC),
		Severity: v1alpha1.SeverityHigh,
		Labels:   map[string]string{},
		Data:     map[string]any{},
	}
	addExamples(e.Data, t.Data)
	if len(t.Subjects) > 0 {
		kind := t.Subjects[0]
		e.Subject = &v1alpha1.EventSubject{Kind: kind, Namespace: "voice", Name: exampleNames[kind]}
	}
	return e
}
