// SPDX-License-Identifier: Apache-2.0

package render

import (
	"strings"

	"github.com/voiceai-dev/integrations-operator/api/v1alpha1"
	"github.com/voiceai-dev/integrations-operator/internal/event"
	"github.com/voiceai-dev/integrations-operator/internal/markup"
)

// Line returns a text from outside as one line of mrkdwn of at most limit characters.
func Line(text string, limit int) string { return markup.FitLine(text, limit) }

// Link returns a text from outside as a link, in one line of mrkdwn. It is not a link when the URL cannot be linked.
func Link(url, text string) string { return markup.Link(url, markup.FitLine(text, maxTitle)) }

// DefectLine returns a Defect in a line: its severity, its title with a link, and its state and ticket.
func DefectLine(now *event.Event, o Options) string {
	more := links(now, o)
	title := titleOf(now)
	if page := dashboardPage(now, o.DashboardURL); page != "" {
		title = markup.Link(page, title)
	} else if len(more) > 0 {
		title = markup.Link(more[0].url, title)
	}
	line := lookOf(now).emoji + " *" + title + "*\n"
	var facts []string
	for _, fact := range []string{
		stateName(now.Text("state")), markup.FitLine(string(now.Severity), maxField), markup.FitLine(now.Text("suite"), maxField),
		markup.Link(now.Text("ticketURL"), markup.FitLine(now.Text("ticketKey"), maxField)),
	} {
		if markup.Visible(fact) {
			facts = append(facts, fact)
		}
	}
	if s := now.Subject; s != nil {
		facts = append(facts, markup.FitLine(s.Namespace+"/"+s.Name, maxTitle))
	}
	return line + strings.Join(facts, " · ")
}

// RunLine returns a run that ended in a line.
func RunLine(e *event.Event) string {
	subject := markup.FitLine(e.Subject.Namespace+"/"+e.Subject.Name, maxTitle)
	return lookOf(e).emoji + " *" + titleOf(e) + "*\n" + subject + " · " + date(e.Time)
}

// SeverityEmoji returns the emoji of a severity.
func SeverityEmoji(s v1alpha1.Severity) string {
	return look{emoji: ":white_circle:"}.bySeverity(s).emoji
}
