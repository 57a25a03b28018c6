// SPDX-License-Identifier: Apache-2.0

package web

import (
	"html/template"
	"regexp"
	"strconv"
	"strings"
)

var (
	// reference matches what mrkdwn has between < and >: a link or a mention. Any other < of a text is written &lt;.
	reference = regexp.MustCompile(`<([^<>|]+)(?:\|([^<>]*))?>`)
	// placeholder stands for a reference while the text around it is converted.
	placeholder = regexp.MustCompile("\ue000([0-9]+)\ue001")

	bold      = regexp.MustCompile(`(^|[\s(>])\*([^*\n]+)\*`)
	code      = regexp.MustCompile("`([^`\n]+)`")
	shortcode = regexp.MustCompile(`:[a-z_]+:`)
)

// unescape resolves Slack's three escapes.
var unescape = strings.NewReplacer("&lt;", "<", "&gt;", ">", "&amp;", "&")

// stripPlaceholders removes the runes of placeholders from a text. No text that people write has them.
var stripPlaceholders = strings.NewReplacer("\ue000", "", "\ue001", "")

// Mrkdwn converts a text of a Slack message to HTML: bold, code, links, mentions, and the emoji of the operator's own
// messages. Everything is escaped, and only http and https are linked to.
func Mrkdwn(text string) template.HTML {
	var references []string
	text = reference.ReplaceAllStringFunc(stripPlaceholders.Replace(text), func(found string) string {
		parts := reference.FindStringSubmatch(found)
		references = append(references, referenceHTML(parts[1], parts[2]))
		return "\ue000" + strconv.Itoa(len(references)-1) + "\ue001"
	})
	text = template.HTMLEscapeString(unescape.Replace(text))
	text = code.ReplaceAllString(text, "<code>$1</code>")
	text = bold.ReplaceAllString(text, "$1<b>$2</b>")
	text = shortcode.ReplaceAllStringFunc(text, func(name string) string {
		if known, ok := emoji[name]; ok {
			return `<span aria-hidden="true">` + known + `</span>`
		}
		return name
	})
	text = placeholder.ReplaceAllStringFunc(text, func(found string) string {
		at, err := strconv.Atoi(placeholder.FindStringSubmatch(found)[1])
		if err != nil || at >= len(references) {
			return ""
		}
		return references[at]
	})
	text = strings.ReplaceAll(text, "\n", "<br>")
	return template.HTML(text) //nolint:gosec // every part is escaped above or by referenceHTML
}

// referenceHTML converts a link or a mention.
func referenceHTML(target, label string) string {
	escape := template.HTMLEscapeString
	if strings.HasPrefix(target, "!date^") { // a time, which Slack shows in the reader's time zone
		return escape(unescape.Replace(label))
	}
	if strings.ContainsRune("!@#", rune(target[0])) {
		name := label
		if name == "" {
			name = strings.TrimPrefix(target[1:], "subteam^")
		}
		sign := "@"
		if target[0] == '#' {
			sign = "#"
		}
		return `<span class="mention">` + escape(sign+strings.TrimPrefix(unescape.Replace(name), sign)) + `</span>`
	}
	if label == "" {
		label = target
	}
	if address := URL(unescape.Replace(target)); address != "" {
		return `<a href="` + escape(address) + `" rel="noopener noreferrer">` + escape(unescape.Replace(label)) + `</a>`
	}
	return escape(unescape.Replace(label))
}

// emoji are those of the operator's own messages.
var emoji = map[string]string{
	":checkered_flag:":      "🏁",
	":fire:":                "🔥",
	":game_die:":            "🎲",
	":hammer_and_wrench:":   "🛠️",
	":information_source:":  "ℹ️",
	":large_blue_circle:":   "🔵",
	":large_orange_circle:": "🟠",
	":large_yellow_circle:": "🟡",
	":mag:":                 "🔍",
	":new:":                 "🆕",
	":package:":             "📦",
	":red_circle:":          "🔴",
	":repeat:":              "🔁",
	":rotating_light:":      "🚨",
	":telephone_receiver:":  "📞",
	":ticket:":              "🎫",
	":warning:":             "⚠️",
	":white_check_mark:":    "✅",
	":white_circle:":        "⚪",
	":x:":                   "❌",
}
