package dashboard

import (
	"html/template"
	"regexp"
	"strconv"
	"strings"
)

var (
	// reference is what Slack's mrkdwn has between < and >: a link, or a mention. Whatever else looks like it has &lt; instead.
	reference = regexp.MustCompile(`<([^<>|]+)(?:\|([^<>]*))?>`)
	// strong and code are what else is shown as Slack does.
	strong = regexp.MustCompile(`(^|[\s(>])\*([^*\n]+)\*`)
	code   = regexp.MustCompile("`([^`\n]+)`")
	// held is where a reference stands while the text around it is worked on.
	held = regexp.MustCompile("\ue000([0-9]+)\ue001")
	// shortcode is an emoji by name.
	shortcode = regexp.MustCompile(`:[a-z_]+:`)
)

// unescape undoes the three escapes that Slack has.
var unescape = strings.NewReplacer("&lt;", "<", "&gt;", ">", "&amp;", "&")

// holders are not in any text that people write.
var holders = strings.NewReplacer("\ue000", "", "\ue001", "")

// mrkdwn shows a text of a message as Slack does, as far as it matters: bold, code, links, mentions and the emoji of our own messages. All of it is
// escaped, and nothing but http and https is linked to.
func mrkdwn(text string) template.HTML {
	var references []string
	text = reference.ReplaceAllStringFunc(holders.Replace(text), func(found string) string {
		parts := reference.FindStringSubmatch(found)
		references = append(references, referenceHTML(parts[1], parts[2]))
		return "\ue000" + strconv.Itoa(len(references)-1) + "\ue001"
	})
	text = template.HTMLEscapeString(unescape.Replace(text))
	text = code.ReplaceAllString(text, "<code>$1</code>")
	text = strong.ReplaceAllString(text, "$1<b>$2</b>")
	text = shortcode.ReplaceAllStringFunc(text, func(name string) string {
		if known, ok := emoji[name]; ok {
			return `<span aria-hidden="true">` + known + `</span>`
		}
		return name
	})
	text = held.ReplaceAllStringFunc(text, func(found string) string {
		at, err := strconv.Atoi(held.FindStringSubmatch(found)[1])
		if err != nil || at >= len(references) {
			return ""
		}
		return references[at]
	})
	return template.HTML(strings.ReplaceAll(text, "\n", "<br>")) //nolint:gosec // every part of it is escaped above or by referenceHTML
}

// referenceHTML is a link or a mention.
func referenceHTML(target, label string) string {
	escape := template.HTMLEscapeString
	if strings.HasPrefix(target, "!date^") { // a time that Slack shows in the reader's own zone
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
	if address := web(unescape.Replace(target)); address != "" {
		return `<a href="` + escape(address) + `" rel="noopener noreferrer">` + escape(unescape.Replace(label)) + `</a>`
	}
	return escape(unescape.Replace(label))
}

// emoji are those that the operator's own messages use.
var emoji = map[string]string{
	":checkered_flag:": "🏁", ":fire:": "🔥", ":hammer_and_wrench:": "🛠️", ":information_source:": "ℹ️", ":large_blue_circle:": "🔵",
	":large_orange_circle:": "🟠", ":large_yellow_circle:": "🟡", ":mag:": "🔍", ":package:": "📦", ":red_circle:": "🔴", ":rotating_light:": "🚨",
	":ticket:": "🎫", ":warning:": "⚠️", ":white_check_mark:": "✅", ":x:": "❌",
}
