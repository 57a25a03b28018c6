package text_test

import (
	"testing"
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
