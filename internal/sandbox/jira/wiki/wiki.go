// SPDX-License-Identifier: Apache-2.0

// Package wiki renders Jira's wiki markup.
package wiki

import (
	"cmp"
	"html"
	"html/template"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"
)

var (
	headingPattern = regexp.MustCompile(`^h([1-6])\.\s+(.*)$`)
	listPattern    = regexp.MustCompile(`^([*#-])[*#-]*\s+(.*)$`)
	rulePattern    = regexp.MustCompile(`^-{4,}\s*$`)
	// verbatimPattern matches a line that opens a block without markup. The same word closes it.
	verbatimPattern = regexp.MustCompile(`^\s*\{(code|noformat)(?::[^{}]*)?\}(.*)$`)
	mentionPattern  = regexp.MustCompile(`\[~[^\[\]\n]+\]`)
	macroPattern    = regexp.MustCompile(`\{([a-zA-Z][a-zA-Z0-9-]*)(?::[^{}\n]*)?\}`)
	embedPattern    = regexp.MustCompile(`!([^\s!|][^!|\n]*\.[A-Za-z0-9]+|https?://[^!|\s]+)(?:\|[^!\n]*)?!`)
)

// inlinePatterns are the kinds of markup within a line, in the order of matching.
var inlinePatterns = []struct {
	pattern *regexp.Regexp
	tag     string
}{
	{regexp.MustCompile(`^\{\{([^{}\n]+)\}\}`), "code"},
	{regexp.MustCompile(`^\*(\S(?:[^*\n]*\S)?)\*`), "strong"},
	{regexp.MustCompile(`^_(\S(?:[^_\n]*\S)?)_`), "em"},
}

var (
	linkPattern   = regexp.MustCompile(`^\[(?:([^\[\]|\n]*)\|)?((?:https?://|mailto:)[^\[\]|\s]+)(?:\|[^\[\]\n]*)?\]`)
	entityPattern = regexp.MustCompile(`^&#?[0-9A-Za-z]{1,31};`)
)

// Render renders wiki markup as HTML: headings, bold, italic, monospace, rules, lists, links, code and noformat.
// Other markup is shown literally, and HTML in the text is escaped.
func Render(text string) template.HTML {
	r := &renderer{}
	lines := strings.Split(strings.ReplaceAll(text, "\r\n", "\n"), "\n")
	for i := 0; i < len(lines); i++ {
		if m := verbatimPattern.FindStringSubmatch(lines[i]); m != nil {
			var body string
			body, i = verbatim(lines, i, m[1], m[2])
			r.list("")
			r.out.WriteString("<pre>" + html.EscapeString(body) + "</pre>")
			continue
		}
		r.line(lines[i])
	}
	r.list("")
	return template.HTML(r.out.String()) //nolint:gosec // every piece of the text went through html.EscapeString
}

// renderer renders lines.
type renderer struct {
	out strings.Builder
	// open is the tag of the open list, or empty.
	open string
}

// list opens a list with a tag, or closes the open one if tag is empty.
func (r *renderer) list(tag string) {
	if r.open == tag {
		return
	}
	if r.open != "" {
		r.out.WriteString("</" + r.open + ">")
	}
	if r.open = tag; tag != "" {
		r.out.WriteString("<" + tag + ">")
	}
}

// line renders a line.
func (r *renderer) line(line string) {
	if m := listPattern.FindStringSubmatch(line); m != nil && !rulePattern.MatchString(line) {
		r.list(map[string]string{"*": "ul", "-": "ul", "#": "ol"}[m[1]])
		r.out.WriteString("<li>" + inline(m[2]) + "</li>")
		return
	}
	r.list("")
	switch m := headingPattern.FindStringSubmatch(line); {
	case m != nil:
		r.out.WriteString("<h" + m[1] + ">" + inline(m[2]) + "</h" + m[1] + ">")
	case rulePattern.MatchString(line):
		r.out.WriteString("<hr>")
	case strings.TrimSpace(line) != "":
		r.out.WriteString("<p>" + inline(line) + "</p>")
	}
}

// verbatim returns the text between an opening and a closing word, and the index of its last line.
func verbatim(lines []string, i int, word, first string) (string, int) {
	end := "{" + word + "}"
	body := first
	for {
		if inside, _, closed := strings.Cut(body, end); closed {
			return strings.Trim(inside, "\n"), i
		}
		if i++; i >= len(lines) {
			return strings.Trim(body, "\n"), i
		}
		body += "\n" + lines[i]
	}
}

// inline renders the markup within a line.
func inline(s string) string {
	var out strings.Builder
	start := true // at the start of a word, where bold and italic may begin
	for s != "" {
		if rendered, size := markup(s, start); size > 0 {
			out.WriteString(rendered)
			s = s[size:]
			start = false
			continue
		}
		r, size := utf8.DecodeRuneInString(s)
		out.WriteString(html.EscapeString(string(r)))
		s = s[size:]
		start = !isWord(r)
	}
	return out.String()
}

// markup renders the markup at the beginning of a text, and returns its length in the text. The length is 0 if there
// is none. A backslash escapes the character after it.
func markup(s string, start bool) (string, int) {
	switch s[0] {
	case '\\':
		if len(s) > 1 && strings.IndexByte(`\*_{}[]!|-+^~#?&<>@(.`, s[1]) >= 0 {
			return html.EscapeString(s[1:2]), 2
		}
	case '[':
		if m := linkPattern.FindStringSubmatch(s); m != nil {
			label := cmp.Or(m[1], m[2])
			return `<a rel="noreferrer nofollow" href="` + html.EscapeString(m[2]) + `">` + html.EscapeString(label) + `</a>`, len(m[0])
		}
	case '&':
		m := entityPattern.FindString(s)
		return html.EscapeString(html.UnescapeString(m)), len(m)
	case '{', '*', '_':
		for _, p := range inlinePatterns {
			m := p.pattern.FindStringSubmatch(s)
			if m == nil || !start {
				continue
			}
			body := html.EscapeString(html.UnescapeString(m[1]))
			if p.tag != "code" {
				body = inline(m[1])
			}
			return "<" + p.tag + ">" + body + "</" + p.tag + ">", len(m[0])
		}
	}
	return "", 0
}

// isWord reports whether a character is part of a word.
func isWord(r rune) bool {
	return r >= '0' && r <= '9' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r > 127
}

// Active returns the parts of a text that Jira acts on, in order: mentions that notify people, macros and embedded
// images. It ignores the content of code, noformat and {{monospace}}, and what follows a backslash.
func Active(text string) []string {
	var found []string
	lines := strings.Split(text, "\n")
	for i := 0; i < len(lines); i++ {
		line := lines[i]
		if m := verbatimPattern.FindStringSubmatch(line); m != nil {
			_, i = verbatim(lines, i, m[1], m[2])
			continue
		}
		type hit struct {
			at   int
			text string
		}
		var hits []hit
		for _, p := range []*regexp.Regexp{mentionPattern, macroPattern, embedPattern} {
			for _, at := range p.FindAllStringIndex(line, -1) {
				escaped := at[0] > 0 && (line[at[0]-1] == '\\' || p == macroPattern && line[at[0]-1] == '{')
				if !escaped {
					hits = append(hits, hit{at[0], line[at[0]:at[1]]})
				}
			}
		}
		slices.SortFunc(hits, func(a, b hit) int { return a.at - b.at })
		for _, h := range hits {
			found = append(found, h.text)
		}
	}
	return found
}
