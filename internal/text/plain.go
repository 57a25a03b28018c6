// SPDX-License-Identifier: Apache-2.0

package text

import (
	"regexp"
	"strings"
	"unicode"
)

// terminalSequence matches what a terminal interprets and does not show (ECMA-48): control sequences such as colours,
// strings such as titles and links, and other escapes, in their forms of 7 and 8 bits. A string without an end goes no
// further than its line. XML has no escape character: writers of reports replace it by a mark and keep the rest.
var terminalSequence = regexp.MustCompile(`(?:\x1b\[|\x{9b})[0-?]*[ -/]*(?:[@-~]|$)` +
	`|(?:\x1b[\]PX^_]|[\x{90}\x{98}\x{9d}-\x{9f}])[^\x07\x1b\x{9c}\n]*(?:\x07|\x1b\\|\x{9c})?` +
	`|\x1b[ -/]*[0-~]` +
	`|[\x{241b}\x{fffd}]\[[0-9;:]*m`)

// lineBreaks replaces all kinds of line breaks by \n.
var lineBreaks = strings.NewReplacer("\r\n", "\n", "\r", "\n", "\u2028", "\n", "\u2029", "\n")

// Plain returns a text without what is invisible but has an effect: sequences for a terminal, control characters, and
// marks that change the direction of writing. Broken UTF-8 becomes U+FFFD, line breaks become \n, tabs stay.
func Plain(s string) string {
	s = lineBreaks.Replace(strings.ToValidUTF8(s, "\uFFFD"))
	if strings.ContainsFunc(s, beginsSequence) { // most texts have none, and the expression takes far longer than a look
		s = terminalSequence.ReplaceAllString(s, "")
	}
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\n' || r == '\t':
			return r
		case unicode.IsControl(r):
			return -1
		case r >= '\u202A' && r <= '\u202E', r >= '\u2066' && r <= '\u2069', r == '\u200E', r == '\u200F', r == '\u061C', r == '\uFEFF':
			return -1
		}
		return r
	}, s)
}

// beginsSequence reports whether a character can begin a sequence for a terminal.
func beginsSequence(r rune) bool {
	return r == '\x1b' || r >= 0x80 && r <= 0x9f || r == '\u241b' || r == '\uFFFD'
}

// OneLine returns a text in one line, as Plain does.
func OneLine(s string) string { return strings.Join(strings.Fields(Plain(s)), " ") }
