package event

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/voiceai-dev/integrations-operator/api/v1alpha1"
)

const (
	maxLabels = 60
	// maxText bounds one text of a Defect inside an event. The whole of it is in the Defect; a message shows its beginning.
	maxText = 2000
)

// DefectCreatedID and DefectTicketedID are the ids of a Defect's events.
func DefectCreatedID(d *v1alpha1.Defect) string { return string(d.UID) + ".created" }

// DefectTicketedID is the id of the event that a Defect got its ticket.
func DefectTicketedID(d *v1alpha1.Defect) string { return string(d.UID) + ".ticketed" }

// DefectCreated is the event that a Defect, or an edge case, was found.
func DefectCreated(d *v1alpha1.Defect) Event {
	e := ofDefect(d)
	e.ID = DefectCreatedID(d)
	e.Time = d.CreationTimestamp.Time
	e.Type = v1alpha1.EventDefectCreated
	if d.Spec.Category == v1alpha1.CategoryEdgeCase {
		e.Type = v1alpha1.EventEdgeCaseDiscovered
	}
	return e
}

// DefectTicketed is the event that a Defect got its ticket.
func DefectTicketed(d *v1alpha1.Defect, at time.Time) Event {
	e := ofDefect(d)
	e.ID = DefectTicketedID(d)
	e.Time = at
	e.Type = v1alpha1.EventDefectTicketed
	return e
}

// DefectStateChanged is the event of a Defect's last change of state.
func DefectStateChanged(d *v1alpha1.Defect) Event {
	c := d.Status.StateChange
	e := ofDefect(d)
	e.ID = fmt.Sprintf("%s.state.%d", d.UID, c.Number)
	e.Time = c.Time.Time
	e.Type = v1alpha1.EventDefectStateChanged
	e.Data["previousState"], e.Data["cause"] = string(c.From), string(c.Cause)
	if by := d.ChangedBy(); by != "" && c.Cause == v1alpha1.CauseSpec {
		e.Data["changedBy"] = cut(by)
	}
	return e
}

// DefectNow is the event of a Defect's creation as it would be told now.
func DefectNow(d *v1alpha1.Defect) Event {
	e := DefectCreated(d)
	if c := d.Status.StateChange; c != nil && d.Status.State == v1alpha1.StateOpen {
		e.Data["cause"] = string(c.Cause)
	}
	return e
}

func ofDefect(d *v1alpha1.Defect) Event {
	e := Event{
		Severity: d.Spec.Severity,
		Labels:   labels(d.Labels),
		Subject:  &v1alpha1.EventSubject{Kind: v1alpha1.KindDefect, Namespace: d.Namespace, Name: d.Name, UID: string(d.UID)},
		Data:     map[string]any{"title": d.Spec.Title, "category": string(d.Spec.Category)},
	}
	if d.Spec.Suite != "" {
		e.Labels[v1alpha1.SuiteLabel] = d.Spec.Suite
	}
	for key, text := range map[string]string{
		"description": d.Spec.Description, "expectedResult": d.Spec.ExpectedResult, "actualResult": d.Spec.ActualResult,
		"suite": d.Spec.Suite, "run": d.Spec.Run, "testCase": d.Spec.TestCase, "state": string(d.Status.State),
	} {
		if text != "" {
			e.Data[key] = cut(text)
		}
	}
	if j := d.Status.Jira; j != nil && j.Key != "" {
		e.Data["ticketKey"], e.Data["ticketURL"] = j.Key, j.URL
	}
	return e
}

// labels copies at most maxLabels labels, the same ones each time.
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

// cut is a text from outside that fits into an event: valid UTF-8 and not too long.
func cut(s string) string { return shorten(s, maxText) }

// shorten is a text of at most limit characters, mended where its UTF-8 is broken.
func shorten(s string, limit int) string {
	s = valid(s)
	if r := []rune(s); len(r) > limit {
		return string(r[:limit-1]) + "…"
	}
	return s
}

func valid(s string) string { return strings.ToValidUTF8(s, "\uFFFD") }
