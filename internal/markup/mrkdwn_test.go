// SPDX-License-Identifier: Apache-2.0

package markup

import (
	"strings"
	"testing"
	"unicode/utf8"
)

func TestMrkdwn(t *testing.T) {
	const wj = WordJoiner
	for in, want := range map[string]string{
		"plain":                     "plain",
		"<!channel> <@U1> <#C1>":    "&lt;!channel&gt; &lt;@U1&gt; &lt;#C1&gt;",
		"<http://e|x> & y":          "&lt;http:" + wj + "//e|x&gt; &amp; y",
		"*b* `c`":                   wj + "*" + wj + "b" + wj + "*" + wj + " " + wj + "`" + wj + "c" + wj + "`" + wj,
		"a\n> quote":                "a\n" + wj + "&gt; quote",
		":fire:":                    ":" + wj + "fire:" + wj,
		"\u202Eevil\u0007\r\nb\xff": "evil\nb\uFFFD",
	} {
		if got := Mrkdwn(in); got != want {
			t.Errorf("Mrkdwn(%q) = %q, want %q", in, got, want)
		}
	}
}

func FuzzMrkdwn(f *testing.F) {
	for _, s := range []string{"<!here>", "&lt;!here&gt;", "*x*", ">x", "\xff<"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if got := Mrkdwn(s); strings.ContainsAny(got, "<>") || !utf8.ValidString(got) {
			t.Errorf("Mrkdwn(%q) = %q", s, got)
		}
	})
}

func TestFit(t *testing.T) {
	for _, c := range []struct {
		text  string
		limit int
		want  string
	}{
		{"", 3, ""},
		{"abc", 3, "abc"},
		{"abcd", 3, "ab…"},
		{"äöü", 3, "äöü"},
		{"äöüß", 3, "äö…"},
		{"&&", 10, "&amp;&amp;"},
		{"&&", 9, "&amp;…"},
		{"&&", 6, "&amp;…"},
		{"&&", 5, "…"},
		{strings.Repeat("\u202e", 95) + "abc", 3, ""}, // only the beginning of a long text is looked at
	} {
		if got := Fit(c.text, c.limit); got != c.want {
			t.Errorf("Fit(%q, %d) = %q, want %q", c.text, c.limit, got, c.want)
		}
	}
}

func TestPrefix(t *testing.T) {
	for _, c := range []struct {
		text  string
		bytes int
		want  string
	}{
		{"abc", 4, "abc"}, {"abc", 3, "abc"}, {"abc", 2, "ab"},
		{"aä", 2, "a"}, {"aä", 3, "aä"}, {"🎤", 3, ""}, {"\xa4\xa4", 1, ""}, {"", 0, ""},
	} {
		if got := Prefix(c.text, c.bytes); got != c.want {
			t.Errorf("Prefix(%q, %d) = %q, want %q", c.text, c.bytes, got, c.want)
		}
	}
}

func TestLinks(t *testing.T) {
	long := "https://e.com/" + strings.Repeat("x", 1000-len("https://e.com/"))
	for _, c := range []struct{ url, label, want string }{
		{"https://e.com", "a", "<https://e.com|a>"},
		{"http://e.com", "a", "<http://e.com|a>"},
		{"ftp://e.com", "a", "a"},
		{"", "a", "a"},
		{"https://e.com", " ", "<https://e.com|link>"},
		{"https://e.com/a|b c<d>e&f", "a|b", "<https://e.com/a%7Cb%20c%3Cd%3Ee&amp;f|a\u2223b>"},
		{long, "a", "<" + long + "|a>"},
		{long + "x", "a", "a"},
		{long[:999] + "|", "a", "a"},
	} {
		if got := Link(c.url, c.label); got != c.want {
			t.Errorf("Link(%q, %q) = %q, want %q", c.url, c.label, got, c.want)
		}
	}
}

func TestCut(t *testing.T) {
	for in, want := range map[string]string{
		"short":                 "short",
		"abcdefghijkl":          "abcdefgh…",
		"abc <https://e|x> y":   "abc …",
		"abcdef&amp;x":          "abcdef…",
		"&amp;abcdefg":          "&amp;abc…",
		"abcdefg*\u2060\u2060*": "abcdefg*\u2060…",
	} {
		if got := Cut(in, 10); got != want || utf8.RuneCountInString(got) > 10 {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
	}
}
