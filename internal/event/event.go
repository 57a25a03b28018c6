// SPDX-License-Identifier: Apache-2.0

// Package event describes what happened. Every message of the operator begins as an Event, whose id stays the same
// however often it is announced.
package event

import (
	"bytes"
	"encoding/json"
	"fmt"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/voiceai-dev/integrations-operator/api/v1alpha1"
	"github.com/voiceai-dev/integrations-operator/internal/text"
)

const (
	// MaxDataBytes bounds an event's data as JSON.
	MaxDataBytes = 64 << 10
	// maxText bounds one text of an event, in characters. A message shows only its beginning.
	maxText = 2000
)

// Event is something that happened.
type Event struct {
	// ID identifies the event. An event that is announced again has the same one.
	ID   string
	Type v1alpha1.EventType
	Time time.Time
	// Severity is empty for an event without one.
	Severity v1alpha1.Severity
	// Labels are those of the object or alert that the event is about.
	Labels map[string]string
	// Subject is the object that the event is about; nil when there is none.
	Subject *v1alpha1.EventSubject
	// Data are the facts: strings, float64s, bools, lists and maps, as JSON has them.
	Data map[string]any
	// Finding identifies what a Defect is about, see Defect.Finding. A Notification has it as a label.
	Finding string
	// FromOutside is set when the event arrived just now from a sender, such as Alertmanager. Its age counts from its
	// arrival, however long ago it happened: an alert may have fired for days when a silence ends. A Notification does
	// not store it.
	FromOutside bool
}

// ToAPI returns the event as a Notification stores it. It shares no memory with the event.
func (e *Event) ToAPI() (v1alpha1.NotificationEvent, error) {
	out := v1alpha1.NotificationEvent{
		ID: v1alpha1.EventID(e.ID), Type: e.Type, Time: metav1.NewTime(e.Time), Severity: e.Severity,
		Subject: e.Subject.DeepCopy(),
	}
	if len(e.Labels) > 0 {
		out.Labels = make(map[string]v1alpha1.EventLabel, len(e.Labels))
		for k, v := range e.Labels {
			out.Labels[k] = v1alpha1.EventLabel(v)
		}
	}
	if len(e.Data) > 0 {
		var encoded bytes.Buffer
		encoder := json.NewEncoder(&encoded)
		encoder.SetEscapeHTML(false) // escaping makes six bytes of one
		if err := encoder.Encode(e.Data); err != nil {
			return out, fmt.Errorf("encoding the data of event %s: %w", e.ID, err)
		}
		raw := bytes.TrimSpace(encoded.Bytes())
		if len(raw) > MaxDataBytes {
			return out, fmt.Errorf("the data of event %s has %d bytes, more than %d", e.ID, len(raw), MaxDataBytes)
		}
		out.Data = &runtime.RawExtension{Raw: raw}
	}
	return out, nil
}

// Of returns the event that a Notification stores, without a subject in another namespace.
func Of(n *v1alpha1.Notification) (Event, error) {
	e, err := FromAPI(n.Spec.Event)
	e.Subject = n.Subject()
	return e, err
}

// FromAPI returns an event as it was stored. Use Of for a Notification's.
func FromAPI(n v1alpha1.NotificationEvent) (Event, error) {
	e := Event{ID: string(n.ID), Type: n.Type, Time: n.Time.Time, Severity: n.Severity, Subject: n.Subject}
	if len(n.Labels) > 0 {
		e.Labels = make(map[string]string, len(n.Labels))
		for k, v := range n.Labels {
			e.Labels[k] = string(v)
		}
	}
	if n.Data != nil && len(n.Data.Raw) > 0 {
		if err := json.Unmarshal(n.Data.Raw, &e.Data); err != nil {
			return e, fmt.Errorf("decoding the data of event %s: %w", e.ID, err)
		}
	}
	return e, nil
}

// Text returns the member of the data with a key, or an empty string when there is none or it is not a string.
func (e *Event) Text(key string) string {
	s, _ := e.Data[key].(string)
	return s
}

// setText sets a member of the data to a text of at most limit characters. An empty text leaves the member as it is.
func (e *Event) setText(key, value string, limit int) {
	if value != "" {
		e.Data[key] = text.Truncate(value, limit)
	}
}

// truncate returns a text from outside with at most maxText characters.
func truncate(s string) string { return text.Truncate(s, maxText) }
