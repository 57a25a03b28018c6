// SPDX-License-Identifier: Apache-2.0

// Package markup escapes texts of any origin for Slack's mrkdwn and Jira's wiki markup, so that they show as they were
// written and neither mention, link nor format, and bounds them as each service counts.
package markup

import (
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/voiceai-dev/integrations-operator/internal/text"
)

// maxURL bounds a URL in a message, in characters. A longer one is not linked.
const maxURL = 1000

// WordJoiner is an invisible character that keeps a mark from being markup.
const WordJoiner = "\u2060"

var (
	// slackEscape escapes these three characters and no others, see
	// https://docs.slack.dev/messaging/formatting-message-text.
	slackEscape = strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;")
	// slackMarks guards marks, for which Slack has no escape.
	slackMarks = strings.NewReplacer("*", Guard("*"), "_", Guard("_"), "~", Guard("~"), "`", Guard("`"), ":", ":"+WordJoiner)
	// slackQuote matches a > at the beginning of a line, which makes a quotation even when it is escaped.
	slackQuote = regexp.MustCompile(`(?m)^(\s*)&gt;`)
	// slackURL escapes a URL in a link.
	slackURL = strings.NewReplacer("|", "%7C", " ", "%20", "<", "%3C", ">", "%3E", "&", "&amp;")
	// slackPlain undoes mrkdwn.
	slackPlain = strings.NewReplacer(WordJoiner, "", "&lt;", "<", "&gt;", ">", "&amp;", "&")
)

// Unescape returns mrkdwn that Mrkdwn made as the text that it was.
func Unescape(mrkdwn string) string { return slackPlain.Replace(mrkdwn) }

// Guard returns a mark with a word joiner on either side.
func Guard(mark string) string { return WordJoiner + mark + WordJoiner }

// Mrkdwn returns a text as mrkdwn that neither mentions, links nor formats in Slack.
func Mrkdwn(text string) string {
	text = slackMarks.Replace(slackEscape.Replace(clean(text)))
	if strings.Contains(text, "&gt;") {
		text = slackQuote.ReplaceAllString(text, "$1"+WordJoiner+"&gt;")
	}
	return text
}

// Prefix returns at most so many bytes of a text. It saves the work on what is cut off of a very long one later.
func Prefix(text string, bytes int) string {
	for bytes < len(text) && bytes > 0 && !utf8.RuneStart(text[bytes]) {
		bytes--
	}
	return text[:min(len(text), bytes)]
}

// Fit returns a text as mrkdwn of at most limit characters. Slack counts what escaping adds.
func Fit(text string, limit int) string {
	text = clean(Prefix(text, 32*limit))
	if runes := []rune(text); len(runes) > limit {
		text = string(runes[:limit+1]) // escaping never makes a text shorter
	}
	return AsMrkdwn.Within(text, Mrkdwn(text), limit)
}

// FitLine returns a text as one line of mrkdwn of at most limit characters.
func FitLine(s string, limit int) string { return Fit(text.OneLine(Prefix(s, 32*limit)), limit) }

// Link returns a label, which is escaped already, as a link. It returns the label alone when the URL cannot be
// linked.
func Link(url, label string) string {
	if len(url) > maxURL || !strings.HasPrefix(url, "https://") && !strings.HasPrefix(url, "http://") {
		return label
	}
	if url = slackURL.Replace(text.OneLine(url)); utf8.RuneCountInString(url) > maxURL {
		return label
	}
	if !Visible(label) {
		label = "link"
	}
	return "<" + url + "|" + strings.ReplaceAll(label, "|", "\u2223") + ">"
}

// Cut returns mrkdwn of at most limit characters, without half a link or half an escaped character at its end.
func Cut(text string, limit int) string {
	runes := []rune(text)
	if len(runes) <= limit {
		return text
	}
	text = string(runes[:limit-2])
	if open := strings.LastIndexByte(text, '<'); open > strings.LastIndexByte(text, '>') {
		text = text[:open]
	}
	if open := strings.LastIndexByte(text, '&'); open >= 0 && !strings.Contains(text[open:], ";") {
		text = text[:open]
	}
	if strings.ContainsAny(text[max(0, len(text)-1):], "*_~`:") { // its word joiner may be cut off
		text += WordJoiner
	}
	return text + "…"
}

// blanks are characters that Unicode counts as letters or symbols and that show nothing.
const blanks = "\u115F\u1160\u2800\u3164\uFFA0"

// Visible reports whether a text has a visible character. A mark such as a variation selector is none: it shows
// something together with another character only.
func Visible(text string) bool {
	return strings.ContainsFunc(text, func(r rune) bool {
		return unicode.IsGraphic(r) && !unicode.IsSpace(r) && !unicode.IsMark(r) && !strings.ContainsRune(blanks, r)
	})
}
