// Package render words tickets and messages: Defects as tickets, events as messages. It is pure and deterministic,
// and the only place that escapes text from outside.
package render

import (
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/voiceai-dev/integrations-operator/api/v1alpha1"
	"github.com/voiceai-dev/integrations-operator/internal/text"
	"github.com/voiceai-dev/integrations-operator/internal/ticket"
)

const (
	// maxSummary is Jira's limit of a summary, in characters.
	maxSummary = 255
	// maxDescription is Jira's limit of a description, in characters.
	maxDescription = 32767

	// labelAutoCreated is on every ticket, beside ticket.CommonLabel.
	labelAutoCreated = "auto-created"
)

// Draft returns the ticket for a Defect. A priority that is not among knownPriorities, those of the project, is left
// out. nil means that they are not known, and no priority is left out. omitted says which further fields are left
// out, and why.
func Draft(d *v1alpha1.Defect, spec *v1alpha1.JiraIntegrationSpec, knownPriorities []string) (out ticket.Draft, omitted []string) {
	out = ticket.Draft{
		Summary:     text.Truncate(oneLine(d.Spec.Title), maxSummary),
		Description: description(d),
		Priority:    spec.Priorities.For(d.Spec.Severity),
		Labels:      ticketLabels(d, spec),
		Marker:      d.Marker(),
	}
	if knownPriorities != nil && !slices.Contains(knownPriorities, out.Priority) {
		out.Priority = ""
	}
	out.Fields, out.Markup, omitted = Fields(d, spec.Fields)
	return out, omitted
}

// ticketLabels returns a ticket's labels, each once.
func ticketLabels(d *v1alpha1.Defect, spec *v1alpha1.JiraIntegrationSpec) []string {
	labels := []string{ticket.CommonLabel, labelAutoCreated, d.Marker()}
	for _, l := range spec.Labels {
		labels = append(labels, string(l))
	}
	if d.Spec.Jira != nil {
		for _, l := range d.Spec.Jira.Labels {
			labels = append(labels, string(l))
		}
	}
	var out []string
	for _, l := range labels {
		if !slices.Contains(out, l) {
			out = append(out, l)
		}
	}
	return out
}

// description returns a ticket's description, in wiki markup.
func description(d *v1alpha1.Defect) string {
	sections := []struct{ title, text string }{
		{"Description", d.Spec.Description},
		{"Steps to Reproduce", d.Spec.StepsToReproduce},
		{"Expected Result", d.Spec.ExpectedResult},
		{"Actual Result", d.Spec.ActualResult},
	}
	state := d.Status.State
	if state == "" {
		state = v1alpha1.StateOpen
	}
	head := fmt.Sprintf("h2. Defect Details\n\n*Severity:* %s\n*Status:* %s\n*Created:* %s\n",
		d.Spec.Severity, state, d.CreationTimestamp.UTC().Format("2006-01-02 15:04:05 UTC"))
	const foot = "\n----\n_Auto-created by Voice AI Testing Framework_\n"

	// The sections share the room beside the frame. A short one leaves its rest to the longer ones.
	room := maxDescription - utf8.RuneCountInString(head) - len(foot)
	for _, s := range sections {
		room -= len("\nh3. \n\n") + len(s.title) + 1
	}
	texts := make([]string, len(sections))
	for i, s := range sections {
		texts[i] = wiki(s.text)
		if strings.TrimSpace(texts[i]) == "" {
			texts[i] = "N/A"
		}
	}
	limit := fairLimit(texts, room)

	var b strings.Builder
	b.WriteString(head)
	for i, s := range sections {
		fmt.Fprintf(&b, "\nh3. %s\n\n%s\n", s.title, escapeWithin(s.text, texts[i], limit, wiki))
	}
	b.WriteString(foot)
	return b.String()
}

// escapeWithin returns escaped, which is text after escape, or the longest beginning of text that fits into limit
// characters after escape.
func escapeWithin(text, escaped string, limit int, escape func(string) string) string {
	if utf8.RuneCountInString(escaped) <= limit {
		return escaped
	}
	runes := []rune(text)
	low := 0
	high := min(len(runes), limit)
	for low < high { // a binary search: a longer beginning is never shorter after escape
		middle := (low + high + 1) / 2
		if utf8.RuneCountInString(escape(string(runes[:middle])))+1 <= limit {
			low = middle
		} else {
			high = middle - 1
		}
	}
	return escape(string(runes[:low])) + "…"
}

// fairLimit returns how many characters each text may have so that all together fit into room.
func fairLimit(texts []string, room int) int {
	lengths := make([]int, len(texts))
	for i, t := range texts {
		lengths[i] = utf8.RuneCountInString(t)
	}
	slices.Sort(lengths)
	for i, l := range lengths {
		share := room / (len(lengths) - i)
		if l > share {
			return share
		}
		room -= l
	}
	return maxDescription
}
