// Package text bounds strings, so that what comes from outside fits where it is stored or sent.
package text

import (
	"strings"
	"unicode/utf8"
)

// ellipsis marks a text that was shortened.
const ellipsis = "…"

// Truncate returns s cut to at most limit code points, with an ellipsis as the last one where something was cut off.
// Broken UTF-8 becomes U+FFFD. limit must be at least 1.
func Truncate(s string, limit int) string {
	s = strings.ToValidUTF8(s, "\uFFFD")
	if utf8.RuneCountInString(s) <= limit {
		return s
	}
	return string([]rune(s)[:limit-1]) + ellipsis
}
