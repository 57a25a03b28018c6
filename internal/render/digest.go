// SPDX-License-Identifier: Apache-2.0

package render

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/voiceai-dev/integrations-operator/api/v1alpha1"
	"github.com/voiceai-dev/integrations-operator/internal/chat"
	"github.com/voiceai-dev/integrations-operator/internal/event"
	"github.com/voiceai-dev/integrations-operator/internal/markup"
)

const (
	// maxNamed is how many events a digest lists.
	maxNamed = 10
	// maxLine bounds the line of one event, in characters.
	maxLine = 700
	// maxSection bounds a section, in characters. Slack's own limit is 3,000.
	maxSection = 2900
)

// Digest returns many events as one message: how many there are of each severity and type, and the worst of them. It
// does not depend on their order.
func Digest(events []event.Event, o Options) chat.Message {
	worst := make([]*event.Event, len(events))
	ranks := make(map[*event.Event]int, len(events))
	severities := map[v1alpha1.Severity]int{}
	types := map[string]int{}
	for i := range events {
		e := &events[i]
		worst[i] = e
		ranks[e] = rank(e)
		severities[e.Severity]++
		types[lookOf(e).headline]++
	}
	slices.SortFunc(worst, func(a, b *event.Event) int {
		return cmp.Or(cmp.Compare(ranks[b], ranks[a]), a.Time.Compare(b.Time), cmp.Compare(a.ID, b.ID))
	})

	headline := plural(len(events), "event")
	if counts := bySeverity(severities); counts != "" {
		headline += ": " + counts
	}
	m := chat.Message{DeliveryID: o.DeliveryID, Channel: o.Channel, Text: headline}
	first := strings.TrimSpace(":package: *" + headline + "*  " + mention(o.Mentions))
	if counts := byType(types); counts != "" {
		first += "\n" + counts
	}
	m.Blocks = []chat.Block{{Section: first}}
	if len(worst) == 0 {
		return m
	}
	m.Color = lookOf(worst[0]).color
	shown := worst[:min(len(worst), maxNamed)]
	lines := make([]string, 0, len(shown)+1)
	for _, e := range shown {
		lines = append(lines, digestLine(e, o))
	}
	if more := len(worst) - len(shown); more > 0 {
		lines = append(lines, markup.Link(o.DashboardURL, fmt.Sprintf("and %d more", more)))
	}
	m.Blocks = append(m.Blocks, sections(lines)...)
	return m
}

// bySeverity lists how many events there are of each severity, worst first. Those without one are left out.
func bySeverity(counts map[v1alpha1.Severity]int) string {
	var out []string
	for _, s := range []v1alpha1.Severity{v1alpha1.SeverityCritical, v1alpha1.SeverityHigh, v1alpha1.SeverityMedium, v1alpha1.SeverityLow} {
		if n := counts[s]; n > 0 {
			out = append(out, fmt.Sprintf("%d %s", n, s))
		}
	}
	return strings.Join(out, ", ")
}

// byType lists how many events there are with each headline, most frequent first. There are few headlines, so that
// the list is short.
func byType(counts map[string]int) string {
	names := make([]string, 0, len(counts))
	for name := range counts {
		names = append(names, name)
	}
	slices.SortFunc(names, func(a, b string) int { return cmp.Or(cmp.Compare(counts[b], counts[a]), cmp.Compare(a, b)) })
	for i, name := range names {
		names[i] = fmt.Sprintf("%d × %s", counts[name], name)
	}
	return strings.Join(names, ", ")
}

// digestLine returns the line of one event. A link that is too long is left out.
func digestLine(e *event.Event, o Options) string {
	l := lookOf(e)
	title := markup.Fit(plainTitle(e), maxField)
	for _, n := range links(e, o) {
		line := l.emoji + " " + l.headline + ": " + markup.Link(n.url, title)
		if utf8.RuneCountInString(line) <= maxLine {
			return line
		}
	}
	return l.emoji + " " + l.headline + ": " + title
}

// sections returns lines in as few blocks as can hold them.
func sections(lines []string) []chat.Block {
	var out []chat.Block
	text := ""
	room := maxSection
	for _, line := range lines {
		n := utf8.RuneCountInString(line) + 1
		if n > room {
			out = append(out, chat.Block{Section: text})
			text = ""
			room = maxSection
		}
		if text != "" {
			text += "\n"
		}
		text += line
		room -= n
	}
	return append(out, chat.Block{Section: text})
}

func plural(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}
