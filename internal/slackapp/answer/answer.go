// SPDX-License-Identifier: Apache-2.0

// Package answer writes what people in Slack read: sentences, paragraphs and lists, bounded.
package answer

import (
	"fmt"
	"strings"

	"github.com/voiceai-dev/integrations-operator/internal/chat"
	"github.com/voiceai-dev/integrations-operator/internal/render"
)

// maxLines bounds the lines of a section.
const maxLines = 15

// MaxLength bounds a paragraph of an answer, in characters.
const MaxLength = 2800

// Sentence returns an answer of one paragraph of plain text.
func Sentence(format string, args ...any) chat.Response {
	text := render.Line(fmt.Sprintf(format, args...), MaxLength)
	return chat.Response{Message: chat.Message{Text: text, Blocks: []chat.Block{{Section: text}}}}
}

// Paragraphs returns an answer of paragraphs of mrkdwn.
func Paragraphs(first string, more ...chat.Block) chat.Response {
	return chat.Response{Message: chat.Message{Text: first, Blocks: append([]chat.Block{{Section: first}}, more...)}}
}

// Ended returns a text with a full stop, unless it has another end.
func Ended(text string) string {
	if strings.HasSuffix(text, ".") || strings.HasSuffix(text, "?") {
		return text
	}
	return text + "."
}

// Section returns a headline with lines below it.
func Section(headline string, lines []string) string {
	if len(lines) == 0 {
		return "*" + headline + "*: none"
	}
	text := "*" + headline + "*\n"
	shown := 0
	for _, line := range lines {
		if shown == maxLines || len([]rune(text))+len([]rune(line)) > MaxLength {
			return text + fmt.Sprintf("and %d more", len(lines)-shown)
		}
		text += line + "\n"
		shown++
	}
	return strings.TrimRight(text, "\n")
}
