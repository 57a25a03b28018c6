// SPDX-License-Identifier: Apache-2.0

package markup

import (
	"unicode/utf8"

	"github.com/voiceai-dev/integrations-operator/internal/text"
)

// Escaping is how texts are written for a service: what escapes them, and what counts their length as the service does.
type Escaping struct {
	Escape func(string) string
	Length func(string) int
}

// The escapings of Jira and Slack.
var (
	AsWiki   = Escaping{Wiki, text.UTF16Len}
	AsMrkdwn = Escaping{Mrkdwn, utf8.RuneCountInString}
)

// Within returns escaped, which is text after Escape, or the longest beginning of text that fits into limit after
// Escape, with an ellipsis.
func (e Escaping) Within(text, escaped string, limit int) string {
	if e.Length(escaped) <= limit {
		return escaped
	}
	runes := []rune(text)
	low := 0
	high := min(len(runes), limit)
	for low < high { // a binary search: a longer beginning is rarely shorter after Escape
		middle := (low + high + 1) / 2
		if e.Length(e.Escape(string(runes[:middle])))+1 <= limit {
			low = middle
		} else {
			high = middle - 1
		}
	}
	return e.Escape(string(runes[:low])) + "…"
}
