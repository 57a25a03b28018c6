// SPDX-License-Identifier: Apache-2.0

package markup

import (
	"regexp"
	"testing"
	"unicode/utf8"
)

// TestWikiKeepsAddresses checks that what Jira links by itself has no backslashes, which it would take for a part of
// the address.
func TestWikiKeepsAddresses(t *testing.T) {
	for in, want := range map[string]string{
		"https://gitlab.example.com/g/p/-/jobs/1":                "",
		"https://ci.example.com/view/?run=7":                     "",
		"https://app.example.com/#/calls/42":                     "",
		"https://a.example.com/~ada/x_*y*_+z?a=1&copy;=2#-":      "",
		"https://u:p@a.example.com:8443/(n)/:D/a-":               "",
		"HTTP://A.EXAMPLE.COM/-/ and ftp://b.example.com/-/":     "",
		"https://de.wikipedia.org/wiki/Jira_(x)":                 "",
		"see https://a.example.com/-/1, https://b.example.com/-": "",
		"https://a.example.com/ -x-":                             `https://a.example.com/ \-x\-`,
		"*https://a.example.com/-/x* y":                          `\*https://a.example.com/-/x* y`,
		"(https://a.example.com/-/x).":                           "",
		"https://a.example.com/-/:)":                             "https://a.example.com/-/:\u200b)",
		"[x|https://a.example.com/-/x]":                          `\[x\|https://a.example.com/-/x\]`,
		"!https://a.example.com/-/x.png!":                        `\!https://a.example.com/-/x.png\!`,
		"https://a.example.com/{code}":                           `https://a.example.com/\{code\}`,
		"https://a.example.com/[~ada]":                           `https://a.example.com/\[\~ada\]`,
		"https://a.example.com/x|y\\z":                           `https://a.example.com/x\|y&#92;z`,
		"xhttps://a.example.com/-/":                              `xhttps://a.example.com/\-/`,
		"https://":                                               "https://",
		"h1. https://a.example.com/-/\nh2. x":                    "h1\u200b. https://a.example.com/-/\nh2\u200b. x",
	} {
		if want == "" {
			want = in
		}
		if got := Wiki(in); got != want {
			t.Errorf("Wiki(%q) = %q, want %q", in, got, want)
		}
	}
}

func TestWiki(t *testing.T) {
	for in, want := range map[string]string{
		"plain text, nothing else": "plain text, nothing else",
		"h1. Title":                "h1\u200b. Title",
		"  bq. quote":              "  bq\u200b. quote",
		"{code}x{code}":            `\{code\}x\{code\}`,
		"{jql-query:x}":            `\{jql-query:x\}`,
		"[~bob] [x|http://e]":      `\[\~bob\] \[x\|http://e\]`,
		"!http://e/x.png!":         `\!http://e/x.png\!`,
		"*bold* _it_ -no- +in+":    `\*bold\* \_it\_ \-no\- \+in\+`,
		"snake_case non-stop a*b":  "snake_case non-stop a*b",
		"* item\n# item\n- item":   "\\* item\n\\# item\n\\- item",
		"||head||\n|cell|":         "\\|\\|head\\|\\|\n\\|cell\\|",
		"??cite?? ^up^ ~down~":     `\?\?cite\?\? \^up\^ \~down\~`,
		"----":                     `\-\-\-\-`,
		`C:\temp\{x}`:              `C:&#92;temp&#92;\{x\}`,
		`\\`:                       `&#92;&#92;`,
		"&#123;code&#125; a&b":     `&amp;\#123;code&amp;\#125; a&b`,
		"done (/) and :)":          "done (\u200b/) and :\u200b)",
		"a\r\nb\u2028c\x00\u202Ed": "a\nb\ncd",
	} {
		if got := Wiki(in); got != want {
			t.Errorf("Wiki(%q) = %q, want %q", in, got, want)
		}
	}
}

// active matches what is markup in Jira: a bracket, brace, bar or exclamation mark without a backslash before it.
var active = regexp.MustCompile(`(^|[^\\])[{}\[\]|!]|\\\\`)

func FuzzWiki(f *testing.F) {
	for _, s := range []string{"{code}", "[~x]", `\{`, `\\{x}`, "h1. x", "!x!", "https://e/-/{x}", "https://[https://|x]", "\\\xff{", "{{{"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if got := Wiki(s); active.MatchString(got) || !utf8.ValidString(got) {
			t.Errorf("Wiki(%q) = %q", s, got)
		}
	})
}
