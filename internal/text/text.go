// SPDX-License-Identifier: Apache-2.0

// Package text bounds strings, so that what comes from outside fits where it is stored or sent.
package text

import (
	"strings"
	"unicode/utf16"
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

// UTF16Len returns the number of UTF-16 units of s, in which Jira counts: a character beyond U+FFFF, such as most
// emoji, has two.
func UTF16Len(s string) int {
	n := 0
	for _, r := range s { // broken UTF-8 is U+FFFD here, which has one
		n += utf16.RuneLen(r)
	}
	return n
}

// TruncateUTF16 returns s cut to at most limit UTF-16 units, with an ellipsis as the last one where something was cut
// off. It cuts between characters, never inside a surrogate pair. Broken UTF-8 becomes U+FFFD. limit must be at least
// 1.
func TruncateUTF16(s string, limit int) string {
	s = strings.ToValidUTF8(s, "\uFFFD")
	if UTF16Len(s) <= limit {
		return s
	}
	n := 0
	for i, r := range s {
		if n += utf16.RuneLen(r); n > limit-1 { // the ellipsis has one unit
			return s[:i] + ellipsis
		}
	}
	return s
}
