// SPDX-License-Identifier: Apache-2.0

package render

import (
	"unicode/utf8"

	"github.com/voiceai-dev/integrations-operator/internal/text"
)

// escaping is how texts are written for a service: what escapes them, and what counts their length.
type escaping struct {
	escape func(string) string
	length func(string) int
}

var (
	asWiki   = escaping{wiki, text.UTF16Len}
	asMrkdwn = escaping{mrkdwn, utf8.RuneCountInString}
)

// within returns escaped, which is text after escape, or the longest beginning of text that fits into limit after
// escape, with an ellipsis.
func (e escaping) within(text, escaped string, limit int) string {
	if e.length(escaped) <= limit {
		return escaped
	}
	runes := []rune(text)
	low := 0
	high := min(len(runes), limit)
	for low < high { // a binary search: a longer beginning is rarely shorter after escape
		middle := (low + high + 1) / 2
		if e.length(e.escape(string(runes[:middle])))+1 <= limit {
			low = middle
		} else {
			high = middle - 1
		}
	}
	return e.escape(string(runes[:low])) + "…"
}
