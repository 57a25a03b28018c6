// SPDX-License-Identifier: Apache-2.0

package text_test

import (
	"testing"

	"github.com/voiceai-dev/integrations-operator/internal/text"
)

func TestPlain(t *testing.T) {
	for s, want := range map[string]string{
		"caller repeats":                             "caller repeats",
		"\x1b[31mFAIL\x1b[0m caller":                 "FAIL caller",
		"\x1b[1;38;5;196mFAIL\x1b[m":                 "FAIL",
		"\x1b[38:2::255:0:0mFAIL\x1b[0m":             "FAIL",
		"\u009b31mFAIL\u009b0m":                      "FAIL",
		"\x1b[2K\x1b[1Gprogress":                     "progress",
		"\x1b[?25lhidden\x1b[?25h":                   "hidden",
		"\x1b]0;title\x07text":                       "text",
		"\x1b]8;;https://a/\x1b\\link\x1b]8;;\x1b\\": "link",
		"\u009d0;title\u009ctext":                    "text",
		"\x1bPq#0\x1b\\text":                         "text",
		"\x1b]0;no end\nnext line":                   "\nnext line",
		"cut off \x1b[3":                             "cut off ",
		"cut off \x1b":                               "cut off ",
		"\x1b(Bplain\x1b7\x1b8\x1bc":                 "plain",
		"\uFFFD[31mFAIL\uFFFD[0m":                    "FAIL",
		"\u241b[31mFAIL\u241b[0m":                    "FAIL",
		"array[31m] stays, and [0m":                  "array[31m] stays, and [0m",
		"a\x00b\x08c\x7fd\u0085e":                    "abcde",
		"a\r\nb\rc\u2028d":                           "a\nb\nc\nd",
		"left\u202eright\u2066":                      "leftright",
		"a\tb":                                       "a\tb",
		"broken \xff":                                "broken \uFFFD",
		"👩‍👩‍👧 family":                               "👩‍👩‍👧 family",
	} {
		if got := text.Plain(s); got != want {
			t.Errorf("%q: got %q, want %q", s, got, want)
		}
		if again := text.Plain(text.Plain(s)); again != text.Plain(s) {
			t.Errorf("%q: got %q the second time", s, again)
		}
	}
	for _, r := range "\u202A\u202B\u202C\u202D\u202E\u2066\u2067\u2068\u2069\u200E\u200F\u061C\uFEFF" {
		if got := text.Plain("a" + string(r) + "b"); got != "ab" {
			t.Errorf("%U: got %q", r, got)
		}
	}
	for _, r := range "\u2029\u202F\u2065\u206A\u200D\u2010" {
		if got := text.Plain("a" + string(r) + "b"); got == "ab" {
			t.Errorf("%U is left out", r)
		}
	}
	if got := text.OneLine(" a \x1b[1m\n\tb "); got != "a b" {
		t.Errorf("got %q in one line", got)
	}
}
