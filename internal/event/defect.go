// SPDX-License-Identifier: Apache-2.0

package event

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/voiceai-dev/integrations-operator/api/v1alpha1"
	"github.com/voiceai-dev/integrations-operator/internal/text"
)

// maxLabels bounds the labels of an event.
const maxLabels = 60

// DefectCreatedID returns the id of the event that a Defect was created.
func DefectCreatedID(d *v1alpha1.Defect) string { return string(d.UID) + ".created" }

// DefectTicketedID returns the id of the event that a Defect got its ticket.
func DefectTicketedID(d *v1alpha1.Defect) string { return string(d.UID) + ".ticketed" }

// DefectCreated returns the event that a Defect or an edge case was created.
func DefectCreated(d *v1alpha1.Defect) Event {
	e := defectEvent(d)
	e.ID = DefectCreatedID(d)
	e.Time = d.CreationTimestamp.Time
	e.Type = v1alpha1.EventDefectCreated
	if d.Spec.Category == v1alpha1.CategoryEdgeCase {
		e.Type = v1alpha1.EventEdgeCaseDiscovered
	}
	return e
}

// DefectTicketed returns the event that a Defect got its ticket.
func DefectTicketed(d *v1alpha1.Defect, at time.Time) Event {
	e := defectEvent(d)
	e.ID = DefectTicketedID(d)
	e.Time = at
	e.Type = v1alpha1.EventDefectTicketed
	if j := d.Status.Jira; j != nil && j.TicketRequestedAt != "" {
		e.setText("requestedBy", d.Annotations[v1alpha1.TicketRequestedByAnnotation], maxText)
	}
	return e
}

// DefectStateChanged returns the event of a Defect's last change of state.
func DefectStateChanged(d *v1alpha1.Defect) Event {
	c := d.Status.StateChange
	e := defectEvent(d)
	e.ID = fmt.Sprintf("%s.state.%d", d.UID, c.Number)
	e.Time = c.Time.Time
	e.Type = v1alpha1.EventDefectStateChanged
	e.Data["previousState"] = string(c.From)
	e.Data["cause"] = string(c.Cause)
	if c.Cause == v1alpha1.CauseSpec {
		e.setText("changedBy", d.ChangedBy(), maxText)
	}
	return e
}

// DefectNow returns the event of a Defect's creation with the Defect's present data.
func DefectNow(d *v1alpha1.Defect) Event {
	e := DefectCreated(d)
	if c := d.Status.StateChange; c != nil && d.Status.State == v1alpha1.StateOpen {
		e.Data["cause"] = string(c.Cause)
	}
	if c := d.Status.StateChange; d.PendingState() != "" || c != nil && c.Cause == v1alpha1.CauseSpec && d.Spec.State == d.Status.State {
		e.setText("changedBy", d.ChangedBy(), maxText)
	}
	return e
}

// defectEvent returns what all events of a Defect have in common.
func defectEvent(d *v1alpha1.Defect) Event {
	e := Event{
		Severity: d.Spec.Severity,
		Finding:  d.Finding(),
		Labels:   labels(d.Labels),
		Subject:  &v1alpha1.EventSubject{Kind: v1alpha1.KindDefect, Namespace: d.Namespace, Name: d.Name, UID: string(d.UID)},
		Data:     map[string]any{"title": cmp.Or(text.OneLine(d.Spec.Title), d.Name), "category": string(d.Spec.Category)},
	}
	if d.Spec.Suite != "" {
		e.Labels[v1alpha1.SuiteLabel] = d.Spec.Suite
	}
	e.setText("description", d.Spec.Description, maxText)
	e.setText("expectedResult", d.Spec.ExpectedResult, maxText)
	e.setText("actualResult", d.Spec.ActualResult, maxText)
	e.setText("suite", d.Spec.Suite, maxText)
	e.setText("run", d.Spec.Run, maxText)
	e.setText("testCase", d.Spec.TestCase, maxText)
	if v := d.Spec.Voice; v != nil {
		e.setVoice(v)
	}
	e.setText("state", string(d.Status.State), maxText)
	if j := d.Status.Jira; j != nil && j.Key != "" {
		e.Data["ticketKey"] = j.Key
		e.Data["ticketURL"] = j.URL
	}
	return e
}

// labels returns a copy of at most maxLabels labels, the first ones by key.
func labels(in map[string]string) map[string]string {
	out := make(map[string]string, len(in)+1)
	for _, k := range slices.Sorted(maps.Keys(in)) {
		if len(out) == maxLabels {
			break
		}
		out[k] = in[k]
	}
	return out
}

// The members of a Defect's data that are about a call.
const (
	Turn               = "turn"
	TurnOffset         = "turnOffsetMilliseconds"
	Utterance          = "utterance"
	ExpectedTranscript = "expectedTranscript"
	HeardTranscript    = "heardTranscript"
)

// setVoice sets what is known of a call.
func (e *Event) setVoice(v *v1alpha1.Voice) {
	if v.Turn > 0 {
		e.Data[Turn] = float64(v.Turn)
	}
	if at := v.TurnOffsetMilliseconds; at != nil {
		e.Data[TurnOffset] = float64(*at)
	}
	e.setText(Utterance, v.Utterance, maxText)
	e.setText(ExpectedTranscript, v.ExpectedTranscript, maxText)
	e.setText(HeardTranscript, v.HeardTranscript, maxText)
	e.setText("locale", v.Locale, maxText)
	e.setText("agentVersion", v.AgentVersion, maxText)
}
