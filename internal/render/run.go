// SPDX-License-Identifier: Apache-2.0

package render

import (
	"fmt"
	"net/url"
	"strings"

	"github.com/voiceai-dev/integrations-operator/api/v1alpha1"
	"github.com/voiceai-dev/integrations-operator/internal/event"
	"github.com/voiceai-dev/integrations-operator/internal/markup"
)

// changeEmojis are the emojis of what a run changed about a Defect.
var changeEmojis = map[string]string{
	"New": ":new:", "Known": ":repeat:", "Flaky": ":game_die:", "Fixed": ":white_check_mark:",
}

const (
	// maxRunLines bounds the Defects in a run's message, in characters, below Slack's limit of a section.
	maxRunLines = 2800
	// maxRunTitle bounds the title of each.
	maxRunTitle = 120
)

// runDefects returns the Defects that a run found new, failed again, flaked and fixed: how many, and links to the first
// ones and their tickets.
func runDefects(e *event.Event, o Options) string {
	if e.Type != v1alpha1.EventTestRunCompleted {
		return ""
	}
	var counts []string
	for _, c := range []struct{ key, word string }{
		{"newDefects", "new"}, {"knownDefects", "known"}, {"flakyDefects", "flaky"}, {"fixedDefects", "fixed"},
	} {
		if n, ok := asFloat(e.Data[c.key]); ok && n > 0 {
			counts = append(counts, number(e.Data[c.key])+" "+c.word)
		}
	}
	if len(counts) == 0 {
		return ""
	}
	out := "*Defects*  " + strings.Join(counts, " · ")
	for _, d := range e.Defects() {
		line := fmt.Sprintf("\n%s %s", changeEmojis[d.Change], defectLink(e, d, o))
		if d.TicketKey != "" {
			line += " · " + markup.Link(d.TicketURL, markup.FitLine(d.TicketKey, maxField))
		}
		if len([]rune(out+line)) > maxRunLines {
			return out + "\n…"
		}
		out += line
	}
	return out
}

// compared returns a count of a run, with how it differs from that of the run before, such as "2 (+1)".
func compared(e *event.Event, key, previousKey string) string {
	out := number(e.Data[key])
	now, ok := asFloat(e.Data[key])
	before, known := asFloat(e.Data[previousKey])
	switch {
	case !ok || !known || now == before:
		return out
	case now > before:
		return out + " (+" + number(now-before) + ")"
	}
	return out + " (−" + number(before-now) + ")"
}

// defectLink returns a Defect's title, as a link to its page if there is a dashboard.
func defectLink(e *event.Event, d event.ListedDefect, o Options) string {
	title := markup.FitLine(d.Title, maxRunTitle)
	if o.DashboardURL == "" || e.Subject == nil {
		return title
	}
	page := strings.TrimRight(o.DashboardURL, "/") + "/defects/" + url.PathEscape(e.Subject.Namespace) + "/" + url.PathEscape(d.Name)
	return markup.Link(page, title)
}
