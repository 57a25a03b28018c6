// SPDX-License-Identifier: Apache-2.0

package render

import (
	"fmt"
	"time"

	"github.com/voiceai-dev/integrations-operator/api/v1alpha1"
	"github.com/voiceai-dev/integrations-operator/internal/markup"
	"github.com/voiceai-dev/integrations-operator/internal/text"
)

// OccurrenceComment returns a ticket's comment that its defect occurred again. A regression is an occurrence after it
// was resolved.
func OccurrenceComment(d *v1alpha1.Defect, occurrences int64, regression bool) string {
	what := "*Seen again.*"
	if regression {
		what = "*Regression:* seen again after it was resolved."
	}
	body := fmt.Sprintf("%s Occurrence %d", what, occurrences)
	if last := d.Status.LastSeenTime; last != nil {
		body += ", " + last.UTC().Format(time.DateTime) + " UTC"
	}
	if o := d.Spec.Occurrence; o != nil && o.Run != "" {
		body += ", run " + markup.Wiki(text.OneLine(o.Run))
	}
	return body + ", Defect " + markup.Wiki(d.Namespace+"/"+d.Name)
}

// MovedDefectComment is a comment on the tickets of a finding that Defects of two namespaces reported, before the key of
// the other ticket. It does not name the other Defect: who sees the one need not see the other's namespace.
const MovedDefectComment = "A Defect in another namespace reports the same finding. Its ticket:"

// MoveComment returns a ticket's comment that says why it was moved.
func MoveComment(d *v1alpha1.Defect) string {
	if c := d.Status.StateChange; c != nil && c.Cause == v1alpha1.CausePassed {
		return PassedComment(d)
	}
	body := fmt.Sprintf("State set to *%s* on Defect %s", d.Status.State, markup.Wiki(d.Namespace+"/"+d.Name))
	if by := d.ChangedBy(); by != "" {
		body += " by " + markup.Wiki(text.OneLine(text.Truncate(by, 255)))
	}
	return body
}

// PassedComment returns a ticket's comment that the test of its defect passes again.
func PassedComment(d *v1alpha1.Defect) string {
	body := "*Fixed:* the test passes again"
	if h := d.Status.History; h != nil && len(h.Outcomes) > 0 {
		last := h.Outcomes[len(h.Outcomes)-1]
		body += ", last in run " + markup.Wiki(text.OneLine(last.Run))
		if last.Version != "" {
			body += " of version " + markup.Wiki(text.OneLine(last.Version))
		}
	}
	return body + ". Defect " + markup.Wiki(d.Namespace+"/"+d.Name) + " is resolved"
}

// EvidenceComment returns a ticket's comment on files that are somewhere else than on the ticket.
func EvidenceComment(e *v1alpha1.DefectEvidence) string {
	body := "*Evidence:* "
	if len(e.Links) > 0 {
		body += "files that are not attached"
		for _, l := range e.Links {
			body += "\n* " + markup.Wiki(text.OneLine(l.Name)) + ": " + markup.Wiki(string(l.URL))
		}
	}
	switch {
	case e.More == 0:
		return body
	case len(e.Links) > 0:
		return body + fmt.Sprintf("\n* and %d more, which the run has", e.More)
	}
	return body + fmt.Sprintf("the run has %d more files than a ticket takes", e.More)
}
