// SPDX-License-Identifier: Apache-2.0

package render

import (
	"strings"

	"github.com/voiceai-dev/integrations-operator/api/v1alpha1"
	"github.com/voiceai-dev/integrations-operator/internal/event"
)

// Line returns a text from outside as one line of mrkdwn of at most limit characters.
func Line(text string, limit int) string { return fitLine(text, limit) }

// Link returns a text from outside as a link, in one line of mrkdwn. It is not a link when the URL cannot be linked.
func Link(url, text string) string { return link(url, fitLine(text, maxTitle)) }

// DefectLine returns a Defect in a line: its severity, its title with a link, and its state and ticket.
func DefectLine(now *event.Event, o Options) string {
	more := links(now, o)
	title := titleOf(now)
	if page := dashboardPage(now, o.DashboardURL); page != "" {
		title = link(page, title)
	} else if len(more) > 0 {
		title = link(more[0].url, title)
	}
	line := lookOf(now).emoji + " *" + title + "*\n"
	var facts []string
	for _, fact := range []string{
		stateName(now.Text("state")), fitLine(string(now.Severity), maxField), fitLine(now.Text("suite"), maxField),
		link(now.Text("ticketURL"), fitLine(now.Text("ticketKey"), maxField)),
	} {
		if visible(fact) {
			facts = append(facts, fact)
		}
	}
	if s := now.Subject; s != nil {
		facts = append(facts, fitLine(s.Namespace+"/"+s.Name, maxTitle))
	}
	return line + strings.Join(facts, " · ")
}

// RunLine returns a run that ended in a line.
func RunLine(e *event.Event) string {
	return lookOf(e).emoji + " *" + titleOf(e) + "*\n" + fitLine(e.Subject.Namespace+"/"+e.Subject.Name, maxTitle) + " · " + date(e.Time)
}

// SeverityEmoji returns the emoji of a severity.
func SeverityEmoji(s v1alpha1.Severity) string {
	return look{emoji: ":white_circle:"}.bySeverity(s).emoji
}
