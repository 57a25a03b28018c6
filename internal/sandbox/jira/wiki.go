package jira

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
	// verbatimPattern is a line that opens a block in which markup is not read; it closes with the same word.
	verbatimPattern = regexp.MustCompile(`^\s*\{(code|noformat)(?::[^{}]*)?\}(.*)$`)
	mentionPattern  = regexp.MustCompile(`\[~[^\[\]\n]+\]`)
	macroPattern    = regexp.MustCompile(`\{([a-zA-Z][a-zA-Z0-9-]*)(?::[^{}\n]*)?\}`)
	embedPattern    = regexp.MustCompile(`!([^\s!|][^!|\n]*\.[A-Za-z0-9]+|https?://[^!|\s]+)(?:\|[^!\n]*)?!`)
)

// inlinePatterns are the markup within a line, in the order they are looked for at a place.
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

// RenderWiki shows wiki markup: headings, bold, italic, monospace, rules, lists, links, code and noformat. All else is shown as it is,
// and nothing of it is HTML.
func RenderWiki(text string) template.HTML {
	var out strings.Builder
	open := "" // the list that is open
	list := func(tag string) {
		if open == tag {
			return
		}
		if open != "" {
			out.WriteString("</" + open + ">")
		}
		if open = tag; tag != "" {
			out.WriteString("<" + tag + ">")
		}
	}
	lines := strings.Split(strings.ReplaceAll(text, "\r\n", "\n"), "\n")
	for i := 0; i < len(lines); i++ {
		line := lines[i]
		if m := verbatimPattern.FindStringSubmatch(line); m != nil {
			list("")
			var body string
			body, i = verbatim(lines, i, m[1], m[2])
			out.WriteString("<pre>" + html.EscapeString(body) + "</pre>")
			continue
		}
		if m := headingPattern.FindStringSubmatch(line); m != nil {
			list("")
			out.WriteString("<h" + m[1] + ">" + inline(m[2]) + "</h" + m[1] + ">")
		} else if rulePattern.MatchString(line) {
			list("")
			out.WriteString("<hr>")
		} else if m := listPattern.FindStringSubmatch(line); m != nil {
			list(map[string]string{"*": "ul", "-": "ul", "#": "ol"}[m[1]])
			out.WriteString("<li>" + inline(m[2]) + "</li>")
		} else {
			list("")
			if strings.TrimSpace(line) != "" {
				out.WriteString("<p>" + inline(line) + "</p>")
			}
		}
	}
	list("")
	return template.HTML(out.String()) //nolint:gosec // every piece of the text went through html.EscapeString
}

// verbatim gathers what stands between an opening and a closing word, and returns the index of the last line it took.
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

// inline shows a line.
func inline(s string) string {
	var out strings.Builder
	start := true // at the start of a word, where bold and italic may begin
	for s != "" {
		if shown, size := markup(s, start); size > 0 {
			out.WriteString(shown)
			s, start = s[size:], false
			continue
		}
		r, size := utf8.DecodeRuneInString(s)
		out.WriteString(html.EscapeString(string(r)))
		s, start = s[size:], !isWord(r)
	}
	return out.String()
}

// markup shows the markup that the text begins with, and says how long it is: 0 when it begins with none. A backslash takes the meaning
// from the character after it.
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

func isWord(r rune) bool {
	return r >= '0' && r <= '9' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r > 127
}

// Active is what Jira would act on in an issue's and its comments' text: mentions that notify people, macros and embedded images, in
// order. Nothing inside code and noformat is active, and nothing after a backslash; {{monospace}} is no macro.
func (is *Issue) Active() []string {
	found := active(is.Description)
	for _, c := range is.Comments {
		found = append(found, active(c.Body)...)
	}
	return found
}

func active(text string) []string {
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
