// SPDX-License-Identifier: Apache-2.0

package display

import (
	"html"
	"html/template"
	"regexp"
	"strings"
	"unicode/utf8"

	"github.com/voiceai-dev/integrations-operator/internal/sandbox/slack/mentions"
)

var (
	fencePattern   = regexp.MustCompile("(?s)^```\n?(.*?)```")
	specialPattern = regexp.MustCompile(`^<([^<>|\n]+)(?:\|([^<>\n]*))?>`)
	emojiPattern   = regexp.MustCompile(`^:([a-z0-9_+-]{1,50}):`)
	entityPattern  = regexp.MustCompile(`^&(?:amp|lt|gt);`)
)

// spans are the kinds of inline markup.
var spans = []struct {
	pattern *regexp.Regexp
	tag     string
}{
	{regexp.MustCompile("^`([^`\n]+)`"), "code"},
	{regexp.MustCompile(`^\*(\S(?:[^*\n]*\S)?)\*`), "strong"},
	{regexp.MustCompile(`^_(\S(?:[^_\n]*\S)?)_`), "em"},
	{regexp.MustCompile(`^~(\S(?:[^~\n]*\S)?)~`), "s"},
}

// emoji are the emoji that alerts use. Others are shown by name.
var emoji = map[string]string{
	"rotating_light": "🚨", "warning": "⚠️", "white_check_mark": "✅", "x": "❌", "bug": "🐛", "bell": "🔔", "no_bell": "🔕", "fire": "🔥",
	"large_green_circle": "🟢", "large_yellow_circle": "🟡", "large_orange_circle": "🟠", "red_circle": "🔴", "white_circle": "⚪",
	"large_blue_circle": "🔵", "mag": "🔍", "tada": "🎉", "hourglass": "⌛", "repeat": "🔁", "ticket": "🎫", "microphone": "🎤",
	"test_tube": "🧪", "information_source": "ℹ️", "heavy_check_mark": "✔️", "eyes": "👀", "checkered_flag": "🏁", "game_die": "🎲",
	"hammer_and_wrench": "🛠️", "new": "🆕", "package": "📦", "telephone_receiver": "📞",
}

// Mrkdwn renders mrkdwn as HTML. Mentions that would notify people have the class ping. Links lead to http,
// https and mailto only. HTML in the text is escaped.
func Mrkdwn(s string) template.HTML {
	return template.HTML(inline(s)) //nolint:gosec // every piece of the text went through html.EscapeString
}

// inline renders mrkdwn.
func inline(s string) string {
	var out strings.Builder
	start := true // at the start of a word, where a span may begin
	for s != "" {
		if rendered, size := markup(s, start); size > 0 {
			out.WriteString(rendered)
			s = s[size:]
			start = true
			continue
		}
		r, size := utf8.DecodeRuneInString(s)
		if r == '\n' {
			out.WriteString("<br>")
		} else {
			out.WriteString(html.EscapeString(string(r)))
		}
		s = s[size:]
		start = r <= 127 && (r < '0' || r > '9') && (r < 'a' || r > 'z') && (r < 'A' || r > 'Z')
	}
	return out.String()
}

// markup renders the markup at the beginning of a text, and returns its length in the text. The length is 0 if there
// is none.
func markup(s string, start bool) (string, int) {
	switch s[0] {
	case '<':
		if m := specialPattern.FindStringSubmatch(s); m != nil {
			return special(m[1], m[2]), len(m[0])
		}
	case '&':
		m := entityPattern.FindString(s)
		return m, len(m)
	case ':':
		if m := emojiPattern.FindStringSubmatch(s); m != nil && emoji[m[1]] != "" {
			return emoji[m[1]], len(m[0])
		}
	case '`', '*', '_', '~':
		if m := fencePattern.FindStringSubmatch(s); m != nil {
			return "<pre>" + plain(m[1]) + "</pre>", len(m[0])
		}
		for _, p := range spans {
			m := p.pattern.FindStringSubmatch(s)
			if m == nil || !start {
				continue
			}
			body := plain(m[1])
			if p.tag != "code" {
				body = inline(m[1])
			}
			return "<" + p.tag + ">" + body + "</" + p.tag + ">", len(m[0])
		}
	}
	return "", 0
}

// plain renders text without markup, except for the three entities.
func plain(s string) string {
	return html.EscapeString(strings.NewReplacer("&lt;", "<", "&gt;", ">", "&amp;", "&").Replace(s))
}

// special renders the content of angle brackets: a link, a mention or a date.
func special(target, label string) string {
	switch {
	case mentions.Pattern.MatchString("<" + target + ">"):
		return `<span class="ping">@` + plain(strings.TrimPrefix(strings.TrimLeft(target, "@!"), "subteam^")) + `</span>`
	case strings.HasPrefix(target, "http://"), strings.HasPrefix(target, "https://"), strings.HasPrefix(target, "mailto:"):
		if label == "" {
			label = target
		}
		return `<a rel="noreferrer nofollow" href="` + plain(target) + `">` + plain(label) + `</a>`
	case strings.HasPrefix(target, "!date^"), strings.HasPrefix(target, "#"):
		if label == "" {
			label = target
		}
		return plain(label)
	}
	if label != "" {
		target += "|" + label
	}
	return plain("<" + target + ">")
}
