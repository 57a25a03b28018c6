// SPDX-License-Identifier: Apache-2.0

package render

import (
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"
)

// maxURL bounds a URL in a message, in characters. A longer one is not linked.
const maxURL = 1000

// wordJoiner is an invisible character that keeps a mark from being markup.
const wordJoiner = "\u2060"

var (
	// slackEscape escapes these three characters and no others, see
	// https://docs.slack.dev/messaging/formatting-message-text.
	slackEscape = strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;")
	// slackMarks guards marks, for which Slack has no escape.
	slackMarks = strings.NewReplacer("*", guarded("*"), "_", guarded("_"), "~", guarded("~"), "`", guarded("`"), ":", ":"+wordJoiner)
	// slackQuote matches a > at the beginning of a line, which makes a quotation even when it is escaped.
	slackQuote = regexp.MustCompile(`(?m)^(\s*)&gt;`)
	// slackURL escapes a URL in a link.
	slackURL = strings.NewReplacer("|", "%7C", " ", "%20", "<", "%3C", ">", "%3E", "&", "&amp;")
	// slackPlain undoes mrkdwn.
	slackPlain = strings.NewReplacer(wordJoiner, "", "&lt;", "<", "&gt;", ">", "&amp;", "&")
)

// guarded returns a mark with a word joiner on either side.
func guarded(mark string) string { return wordJoiner + mark + wordJoiner }

// mrkdwn returns a text as mrkdwn that neither mentions, links nor formats in Slack.
func mrkdwn(text string) string {
	text = slackMarks.Replace(slackEscape.Replace(clean(text)))
	if strings.Contains(text, "&gt;") {
		text = slackQuote.ReplaceAllString(text, "$1"+wordJoiner+"&gt;")
	}
	return text
}

// prefix returns at most so many bytes of a text. It saves the work on what is cut off of a very long one later.
func prefix(text string, bytes int) string {
	for bytes < len(text) && bytes > 0 && !utf8.RuneStart(text[bytes]) {
		bytes--
	}
	return text[:min(len(text), bytes)]
}

// fit returns a text as mrkdwn of at most limit characters. Slack counts what escaping adds.
func fit(text string, limit int) string {
	text = clean(prefix(text, 32*limit))
	if runes := []rune(text); len(runes) > limit {
		text = string(runes[:limit+1]) // escaping never makes a text shorter
	}
	return asMrkdwn.within(text, mrkdwn(text), limit)
}

// fitLine returns a text as one line of mrkdwn of at most limit characters.
func fitLine(text string, limit int) string { return fit(oneLine(prefix(text, 32*limit)), limit) }

// link returns a label, which is escaped already, as a link. It returns the label alone when the URL cannot be
// linked.
func link(url, label string) string {
	if len(url) > maxURL || !strings.HasPrefix(url, "https://") && !strings.HasPrefix(url, "http://") {
		return label
	}
	if url = slackURL.Replace(oneLine(url)); utf8.RuneCountInString(url) > maxURL {
		return label
	}
	if !visible(label) {
		label = "link"
	}
	return "<" + url + "|" + strings.ReplaceAll(label, "|", "\u2223") + ">"
}

// cutMarkup returns mrkdwn of at most limit characters, without half a link or half an escaped character at its end.
func cutMarkup(text string, limit int) string {
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
		text += wordJoiner
	}
	return text + "…"
}

// blanks are characters that Unicode counts as letters or symbols and that show nothing.
const blanks = "\u115F\u1160\u2800\u3164\uFFA0"

// visible reports whether a text has a visible character. A mark such as a variation selector is none: it shows
// something together with another character only.
func visible(text string) bool {
	return strings.ContainsFunc(text, func(r rune) bool {
		return unicode.IsGraphic(r) && !unicode.IsSpace(r) && !unicode.IsMark(r) && !strings.ContainsRune(blanks, r)
	})
}
