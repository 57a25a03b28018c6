// SPDX-License-Identifier: Apache-2.0

package main

import "strings"

// escape makes plain text safe in a cell of a Markdown table.
func escape(text string) string {
	text = strings.Join(strings.Fields(text), " ")
	return strings.NewReplacer("|", `\|`, "<", "&lt;", "*", `\*`, "_", `\_`, "[", `\[`).Replace(text)
}

// code formats text as code in a cell of a Markdown table. It returns "" for no text.
func code(text string) string {
	if text == "" {
		return ""
	}
	return "`" + strings.ReplaceAll(text, "|", `\|`) + "`"
}

// codes formats several texts as code, separated by commas.
func codes(texts []string) string {
	out := make([]string, len(texts))
	for i, text := range texts {
		out[i] = code(text)
	}
	return strings.Join(out, ", ")
}

// anchor returns the link target that GitHub and GitLab give to a heading.
func anchor(heading string) string {
	keep := func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z', r >= '0' && r <= '9', r == '-', r == '_':
			return r
		case r == ' ':
			return '-'
		default:
			return -1
		}
	}
	return "#" + strings.Map(keep, strings.ToLower(heading))
}
