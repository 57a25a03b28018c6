// SPDX-License-Identifier: Apache-2.0

package markup

import (
	"regexp"
	"strings"
	"unicode"

	"github.com/voiceai-dev/integrations-operator/internal/text"
)

// zeroWidthSpace is an invisible character that separates.
const zeroWidthSpace = "\u200B"

var (
	wikiLineStart = regexp.MustCompile(`(?m)^(\s*)(h[1-6]|bq)\.`)
	wikiEntity    = regexp.MustCompile(`&(#?[A-Za-z0-9]{1,32};)`)
	wikiEmoticon  = regexp.MustCompile(`\((y|n|i|/|x|!|\+|-|\?|on|off|\*[rgby]?|flag|flagoff)\)`)
	wikiSmiley    = regexp.MustCompile(`([:;])(-?[()DP|])`)
	// wikiAddress matches what Jira links by itself. It has no character that can end a link or begin a macro, an image
	// or a user's name in brackets, and ends neither with punctuation nor with a mark.
	wikiAddress = regexp.MustCompile(`(?i)\b(?:https?|ftps?)://[a-z0-9\-._~:/?#@$&'()*+,;=%]*[a-z0-9/=&$%#@_~*+-]`)
)

// addressMark stands for an address while the text around it is escaped. A text that was cleaned does not have it.
const addressMark = "\x00"

// Wiki returns a text as wiki markup that Jira shows as it was written, without headings, lists, mentions, macros,
// images or emoticons, and without links other than addresses. Those stay as they are, because Jira links them with
// the backslashes that escape other text. The markup is described at
// https://jira.atlassian.com/secure/WikiRendererHelpAction.jspa.
func Wiki(text string) string {
	text = clean(text)
	addresses := wikiAddress.FindAllString(text, -1)
	if addresses == nil {
		return escapeWiki(text)
	}
	var b strings.Builder
	for i, part := range strings.Split(escapeWiki(wikiAddress.ReplaceAllLiteralString(text, addressMark)), addressMark) {
		if i > 0 {
			b.WriteString(addresses[i-1])
		}
		b.WriteString(part)
	}
	return b.String()
}

// escapeWiki escapes what is markup in a text without addresses.
func escapeWiki(text string) string {
	text = wikiEntity.ReplaceAllString(text, "&amp;$1")
	text = wikiLineStart.ReplaceAllString(text, "$1$2"+zeroWidthSpace+".")
	text = wikiEmoticon.ReplaceAllString(text, "("+zeroWidthSpace+"$1)")
	text = wikiSmiley.ReplaceAllString(text, "$1"+zeroWidthSpace+"$2")

	var b strings.Builder
	b.Grow(len(text) + len(text)/8)
	runes := []rune(text)
	inWord := func(i int) bool {
		return i >= 0 && i < len(runes) && (unicode.IsLetter(runes[i]) || unicode.IsDigit(runes[i]))
	}
	for i, r := range runes {
		switch r {
		case '\\':
			// Two of them are a line break, and one escapes the next character. An entity does neither.
			b.WriteString("&#92;")
			continue
		case '{', '}', '[', ']', '!', '|':
			b.WriteByte('\\')
		case '*', '_', '-', '+', '^', '~', '?', '#', '@':
			// Inside a word, as in snake_case, they are no markup.
			if !inWord(i-1) || !inWord(i+1) {
				b.WriteByte('\\')
			}
		}
		b.WriteRune(r)
	}
	return b.String()
}

// clean returns a text without what is invisible but has an effect, see text.Plain.
func clean(s string) string { return text.Plain(s) }
