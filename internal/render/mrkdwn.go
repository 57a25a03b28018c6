package render

import (
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"
)

// maxURL bounds a URL as it is written into a message, in characters. A longer one is not linked.
const maxURL = 1000

const wordJoiner = "\u2060"

var (
	// https://docs.slack.dev/messaging/formatting-message-text: these three, and nothing else, are escaped.
	slackEscape = strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;")
	// There is no escape for formatting: an invisible word joiner at either side keeps a mark from being one.
	slackMarks = strings.NewReplacer("*", joined("*"), "_", joined("_"), "~", joined("~"), "`", joined("`"),
		":", ":"+wordJoiner)
	// Escaped or not, a > that begins a line makes a quotation.
	slackQuote = regexp.MustCompile(`(?m)^(\s*)&gt;`)
	slackURL   = strings.NewReplacer("|", "%7C", " ", "%20", "<", "%3C", ">", "%3E", "&", "&amp;")
	// slackPlain undoes mrkdwn.
	slackPlain = strings.NewReplacer(wordJoiner, "", "&lt;", "<", "&gt;", ">", "&amp;", "&")
)

func joined(mark string) string { return wordJoiner + mark + wordJoiner }

// mrkdwn makes a text that neither pings, links nor formats in Slack.
func mrkdwn(text string) string {
	text = slackMarks.Replace(slackEscape.Replace(clean(text)))
	if strings.Contains(text, "&gt;") {
		text = slackQuote.ReplaceAllString(text, "$1"+wordJoiner+"&gt;")
	}
	return text
}

// begin is at most so many bytes of a text, so that a very long one costs no more than what can be seen of it.
func begin(text string, bytes int) string {
	for bytes < len(text) && bytes > 0 && !utf8.RuneStart(text[bytes]) {
		bytes--
	}
	return text[:min(len(text), bytes)]
}

// fit is a text as mrkdwn of at most limit characters. Slack counts what escaping adds.
func fit(text string, limit int) string {
	text = clean(begin(text, 32*limit))
	if runes := []rune(text); len(runes) > limit {
		text = string(runes[:limit+1]) // escaping never makes a text shorter
	}
	return shorten(text, mrkdwn(text), limit, mrkdwn)
}

// short is a text as one line of mrkdwn of at most limit characters.
func short(text string, limit int) string { return fit(oneLine(begin(text, 32*limit)), limit) }

// link shows a label, which is escaped already, as a link. A label cannot end it: neither > nor | can be in it.
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

// cutMarkup shortens mrkdwn to at most limit characters, and does not leave half a link or half an escaped character.
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
	if strings.ContainsAny(text[max(0, len(text)-1):], "*_~`:") { // what kept it from being a mark may be cut off
		text += wordJoiner
	}
	return text + "…"
}

// visible says whether there is anything to see in a text.
func visible(text string) bool {
	return strings.ContainsFunc(text, func(r rune) bool { return unicode.IsGraphic(r) && !unicode.IsSpace(r) })
}
