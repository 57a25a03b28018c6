// Package event says what happened. Everything the operator tells anyone about begins as an Event with an id that stays the same
// however often it is told.
package event

import (
	"bytes"
	"encoding/json"
	"fmt"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/voiceai-dev/integrations-operator/api/v1alpha1"
)

// MaxDataBytes bounds an event's data as JSON.
const MaxDataBytes = 64 << 10

// Event is something that happened.
type Event struct {
	// ID is the same for the same thing, however often it is told.
	ID   string
	Type v1alpha1.EventType
	Time time.Time
	// Severity is empty where there is none.
	Severity v1alpha1.Severity
	// Labels are those of what it is about.
	Labels map[string]string
	// Subject is the object it is about; nil where there is none.
	Subject *v1alpha1.EventSubject
	// Data are the facts: strings, float64s, bools, lists and maps, as JSON has them.
	Data map[string]any
}

// ToAPI is the event as a Notification keeps it.
func (e *Event) ToAPI() (v1alpha1.NotificationEvent, error) {
	out := v1alpha1.NotificationEvent{
		ID: v1alpha1.EventID(e.ID), Type: e.Type, Time: metav1.NewTime(e.Time), Severity: e.Severity, Subject: e.Subject,
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
		encoder.SetEscapeHTML(false) // it would make six bytes of one
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

// FromAPI is the event that a Notification keeps.
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

// Text is an entry of the data that is a string, or empty.
func (e *Event) Text(key string) string {
	s, _ := e.Data[key].(string)
	return s
}
