package render

import (
	"regexp"
	"strings"
	"unicode"
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

// wiki returns a text as wiki markup that Jira shows as it was written, without headings, lists, mentions, macros,
// images or emoticons, and without links other than addresses. Those stay as they are, because Jira links them with
// the backslashes that escape other text. The markup is described at
// https://jira.atlassian.com/secure/WikiRendererHelpAction.jspa.
func wiki(text string) string {
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

// lineBreaks replaces all kinds of line breaks by \n.
var lineBreaks = strings.NewReplacer("\r\n", "\n", "\r", "\n", "\u2028", "\n", "\u2029", "\n")

// clean returns a text without characters that are invisible but have an effect: control characters and marks that
// change the direction of writing. Broken UTF-8 becomes U+FFFD, line breaks become \n, tabs stay.
func clean(text string) string {
	text = lineBreaks.Replace(strings.ToValidUTF8(text, "\uFFFD"))
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
	}, text)
}

// oneLine returns a text in one line.
func oneLine(text string) string { return strings.Join(strings.Fields(clean(text)), " ") }
