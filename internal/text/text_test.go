// SPDX-License-Identifier: Apache-2.0

package text_test

import (
	"strings"
	"testing"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/voiceai-dev/integrations-operator/internal/text"
)

func TestTruncate(t *testing.T) {
	for name, c := range map[string]struct {
		in    string
		limit int
		want  string
	}{
		"empty":            {"", 1, ""},
		"shorter":          {"ab", 3, "ab"},
		"exact":            {"abc", 3, "abc"},
		"one too long":     {"abcd", 3, "ab…"},
		"limit 1":          {"ab", 1, "…"},
		"counts runes":     {"äöü", 3, "äöü"},
		"cuts at a rune":   {"äöüß", 3, "äö…"},
		"broken UTF-8":     {"a\xffb", 3, "a\uFFFDb"},
		"broken, and long": {"a\xffbc", 3, "a\uFFFD…"},
	} {
		if got := text.Truncate(c.in, c.limit); got != c.want {
			t.Errorf("%s: got %q, want %q", name, got, c.want)
		}
	}
}

func FuzzTruncate(f *testing.F) {
	f.Add("a\xff🙂", 2)
	f.Fuzz(func(t *testing.T, s string, limit int) {
		limit = max(limit, 1)
		if got := text.Truncate(s, limit); !utf8.ValidString(got) || utf8.RuneCountInString(got) > limit {
			t.Errorf("Truncate(%q, %d) = %q", s, limit, got)
		}
	})
}

func TestTruncateUTF16(t *testing.T) {
	for name, c := range map[string]struct {
		in    string
		limit int
		want  string
	}{
		"empty":                        {"", 1, ""},
		"exact":                        {"abc", 3, "abc"},
		"one too long":                 {"abcd", 3, "ab…"},
		"limit 1":                      {"ab", 1, "…"},
		"a pair fits":                  {"a📞", 3, "a📞"},
		"a pair is one unit too long":  {"a📞", 2, "a…"},
		"ends before a pair":           {"📞📞📞", 4, "📞…"},
		"ends after a pair":            {"📞📞📞", 5, "📞📞…"},
		"a pair alone does not fit":    {"📞", 1, "…"},
		"U+FFFF has one unit":          {"\uFFFF\uFFFF", 2, "\uFFFF\uFFFF"},
		"U+10000 has two":              {"\U00010000\U00010000", 3, "\U00010000…"},
		"broken UTF-8":                 {"a\xffb", 3, "a\uFFFDb"},
		"a summary of 140 emoji":       {strings.Repeat("📞", 140), 255, strings.Repeat("📞", 127) + "…"},
		"a transcript with one of it":  {"😀" + strings.Repeat("x", 32_766), 32_767, "😀" + strings.Repeat("x", 32_764) + "…"},
		"the last character is a pair": {strings.Repeat("x", 254) + "😀", 255, strings.Repeat("x", 254) + "…"},
	} {
		if got := text.TruncateUTF16(c.in, c.limit); got != c.want {
			t.Errorf("%s: got %q, want %q", name, got, c.want)
		}
	}
}

func FuzzTruncateUTF16(f *testing.F) {
	f.Add("a\xff🙂", 2)
	f.Add("🙂🙂", 3)
	f.Fuzz(func(t *testing.T, s string, limit int) {
		limit = max(limit, 1)
		got := text.TruncateUTF16(s, limit)
		n := len(utf16.Encode([]rune(got)))
		if !utf8.ValidString(got) || n > limit || n != text.UTF16Len(got) {
			t.Errorf("TruncateUTF16(%q, %d) = %q, which has %d units", s, limit, got, n)
		}
	})
}
