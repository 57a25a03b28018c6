// SPDX-License-Identifier: Apache-2.0

package call_test

import (
	"strings"
	"testing"

	"github.com/voiceai-dev/integrations-operator/internal/call"
)

func TestMask(t *testing.T) {
	const mail, card, phone = "[e-mail address]", "[card number]", "[telephone number]"
	for text, want := range map[string]string{
		"":                                      "",
		"a table for two at 19:30":              "a table for two at 19:30",
		"write to Jo.O'Neil+x@mail.example.com": "write to " + mail,
		"jö@bücher.example.":                    mail + ".",
		"me@localhost":                          "me@localhost",
		"card 4111 1111 1111 1111, please":      "card " + card + ", please",
		"4111-1111-1111-1111":                   card,
		"378282246310005":                       card, // 15 digits
		"4111111111111112":                      "4111111111111112",
		"4111 1111 1111 1112":                   phone, // no card's, but nothing to show either
		"4111 1111 1111 1111 555 123 4567":      card + " " + phone,
		"call +49 (30) 901820-14 now":           "call " + phone + " now",
		"(555) 123-4567":                        phone,
		"5551234":                               phone,
		"555.123.4567":                          phone,
		"٠٣٠١٢٣٤٥٦٧":                            phone,
		"４１１１１１１１１１１１１１１１": card,
		"order 12345":               "order 12345",
		"on 2026-03-01 12:00":       "on 2026-03-01 12:00",
		"0000 0000 0000 0000":       phone,
		"id 1234567890123456789012": "id 1234567890123456789012",
	} {
		if got := call.Mask(text); got != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
}

// TestNothingIsLeftBesideACard covers numbers of which some digits, with those of a card, are another card's.
func TestNothingIsLeftBesideACard(t *testing.T) {
	for _, phone := range []string{"212 555 0100", "555 123 4567", "12", "030 901820"} {
		if got := call.Mask(phone + " 4111 1111 1111 1111"); strings.ContainsAny(got, "0123456789") {
			t.Errorf("%s: %q", phone, got)
		}
	}
}

func TestCompare(t *testing.T) {
	for name, c := range map[string]struct{ expected, heard, wantExpected, wantHeard string }{
		"equal":        {"A table, for two.", "a table for two", "A table, for two.", "a table for two"},
		"another word": {"a table for two", "a table for you", "a table for *two*", "a table for *you*"},
		"one more":     {"for two people", "for two hungry people", "for two people", "for two *hungry* people"},
		"one less":     {"for two people", "two people", "*for* two people", "two people"},
		"nothing":      {"yes", "", "*yes*", ""},
		"other order":  {"red green", "green red", "*red* green", "green *red*"},
		"punctuation":  {"- yes", "yes", "*-* yes", "yes"},
	} {
		a, b := call.Compare(c.expected, c.heard)
		if marked(a) != c.wantExpected || marked(b) != c.wantHeard {
			t.Errorf("%s: %q and %q, want %q and %q", name, marked(a), marked(b), c.wantExpected, c.wantHeard)
		}
	}
	if a, _ := call.Compare(strings.Repeat("a ", 5000), strings.Repeat("b ", 5000)); len(a) > 400 {
		t.Errorf("%d words are compared", len(a))
	}
}

func marked(words []call.Word) string {
	var out []string
	for _, w := range words {
		if w.Differs {
			w.Text = "*" + w.Text + "*"
		}
		out = append(out, w.Text)
	}
	return strings.Join(out, " ")
}

func FuzzMask(f *testing.F) {
	f.Add("call +49 (30) 901820-14 or 4111 1111 1111 1111")
	f.Fuzz(func(t *testing.T, text string) {
		if once := call.Mask(text); call.Mask(once) != once {
			t.Errorf("%q: masking again changes %q", text, once)
		}
	})
}
