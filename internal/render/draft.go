// SPDX-License-Identifier: Apache-2.0

// Package render words tickets and messages: Defects as tickets, events as messages. It is pure and deterministic,
// and the only place that escapes text from outside.
package render

import (
	"fmt"
	"slices"
	"strings"

	"github.com/voiceai-dev/integrations-operator/api/v1alpha1"
	"github.com/voiceai-dev/integrations-operator/internal/call"
	"github.com/voiceai-dev/integrations-operator/internal/history"
	"github.com/voiceai-dev/integrations-operator/internal/markup"
	"github.com/voiceai-dev/integrations-operator/internal/text"
	"github.com/voiceai-dev/integrations-operator/internal/ticket"
)

const (
	// Jira's limits of a summary, a description and a label, in UTF-16 units.
	maxSummary     = 255
	maxDescription = 32767
	maxLabel       = 255

	// labelAutoCreated is on every ticket, beside ticket.CommonLabel.
	labelAutoCreated = "auto-created"
)

// Draft returns the ticket for a Defect. A priority that is not among knownPriorities, those of the project, is left
// out. nil means that they are not known, and no priority is left out. omitted says which further fields are left
// out, and why.
func Draft(d *v1alpha1.Defect, spec *v1alpha1.JiraIntegrationSpec, knownPriorities []string) (out ticket.Draft, omitted []string) {
	out = ticket.Draft{
		Summary:     summary(d),
		Description: description(d, spec.Transcripts),
		Priority:    spec.Priorities.For(d.Spec.Severity),
		Labels:      ticketLabels(d, spec),
		Marker:      d.Marker(),
	}
	if knownPriorities != nil {
		out.Priority = Priority(knownPriorities, out.Priority)
	}
	out.Fields, out.Markup, omitted = Fields(d, spec.Fields)
	return out, omitted
}

// Priority returns the priority of a name, in any case, as a project calls it; empty if the project does not have it.
func Priority(known []string, name string) string {
	i := slices.IndexFunc(known, func(k string) bool { return strings.EqualFold(k, name) })
	if i < 0 {
		return ""
	}
	return known[i]
}

// summary returns a ticket's summary. Jira refuses an empty one, so that a title without a visible character is
// replaced by the Defect's name.
func summary(d *v1alpha1.Defect) string {
	title := text.OneLine(d.Spec.Title)
	if !markup.Visible(title) {
		title = "Defect " + d.Name
	}
	return text.TruncateUTF16(title, maxSummary)
}

// ticketLabels returns a ticket's labels, each once.
func ticketLabels(d *v1alpha1.Defect, spec *v1alpha1.JiraIntegrationSpec) []string {
	labels := []string{ticket.CommonLabel, labelAutoCreated, d.Marker(), ticket.IdentityPrefix + d.Identity()}
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
		l = text.TruncateUTF16(l, maxLabel)
		if !slices.Contains(out, l) {
			out = append(out, l)
		}
	}
	return out
}

// section is a part of a description: a text from outside with a title.
type section struct{ title, text string }

// parts returns the parts of a Defect's description. The first ones are in each ticket.
func parts(d *v1alpha1.Defect, policy v1alpha1.TranscriptPolicy) []section {
	out := []section{
		{"Description", d.Spec.Description},
		{"Steps to Reproduce", d.Spec.StepsToReproduce},
		{"Expected Result", d.Spec.ExpectedResult},
		{"Actual Result", d.Spec.ActualResult},
	}
	more := []section{{"Tests", testList(d.Spec.Tests)}}
	if v := d.Spec.Voice; v != nil {
		more = append(more,
			section{"Caller said", call.Quote(policy, v.Utterance)},
			section{"Expected", call.Quote(policy, v.ExpectedTranscript)},
			section{"Heard", call.Quote(policy, v.HeardTranscript)},
			section{"Explanation", call.Quote(policy, v.Explanation)})
	}
	for _, s := range more {
		if markup.Visible(s.text) {
			out = append(out, s)
		}
	}
	return out
}

// head returns what a ticket's description begins with.
func head(d *v1alpha1.Defect, policy v1alpha1.TranscriptPolicy) string {
	state := d.Status.State
	if state == "" {
		state = v1alpha1.StateOpen
	}
	out := fmt.Sprintf("h2. Defect Details\n\n*Severity:* %s\n*Status:* %s\n*Created:* %s\n",
		d.Spec.Severity, state, d.CreationTimestamp.UTC().Format("2006-01-02 15:04:05 UTC"))
	if h := d.Status.History; h != nil {
		out += wikiFacts([]call.Fact{
			{Name: "Last passed", Text: history.RunText(h.LastGood)},
			{Name: "First failed", Text: history.RunText(h.FirstBad)},
		})
	}
	if facts := wikiFacts(call.Facts(d.Spec.Voice, policy)); facts != "" {
		out += "\nh3. Call\n\n" + facts
	}
	return out
}

// description returns a ticket's description, in wiki markup.
func description(d *v1alpha1.Defect, policy v1alpha1.TranscriptPolicy) string {
	all := parts(d, policy)
	begin := head(d, policy)
	const foot = "\n----\n_Auto-created by Voice AI Testing Framework_\n"

	// The sections share the room beside the frame. A short one leaves its rest to the longer ones.
	room := maxDescription - text.UTF16Len(begin) - len(foot)
	for _, s := range all {
		room -= len("\nh3. \n\n") + len(s.title) + 1
	}
	texts := make([]string, len(all))
	for i, s := range all {
		texts[i] = markup.Wiki(s.text)
		if !markup.Visible(texts[i]) {
			texts[i] = "N/A"
		}
	}
	limit := fairLimit(texts, room)

	var b strings.Builder
	b.WriteString(begin)
	for i, s := range all {
		fmt.Fprintf(&b, "\nh3. %s\n\n%s\n", s.title, markup.AsWiki.Within(s.text, texts[i], limit))
	}
	b.WriteString(foot)
	return b.String()
}

// fairLimit returns how many UTF-16 units each text may have so that all together fit into room.
func fairLimit(texts []string, room int) int {
	lengths := make([]int, len(texts))
	for i, t := range texts {
		lengths[i] = text.UTF16Len(t)
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
