// SPDX-License-Identifier: Apache-2.0

package web

import "testing"

func TestDuration(t *testing.T) {
	for seconds, want := range map[float64]string{
		0: "0 s", 1.54: "1.5 s", 9.96: "10 s", 59.4: "59 s", 59.6: "1 min 0 s", 125: "2 min 5 s", 3599.7: "1 h 0 min", 3800: "1 h 3 min",
	} {
		if got := duration(seconds); got != want {
			t.Errorf("%g: got %s, want %s", seconds, got, want)
		}
	}
}

func TestSentence(t *testing.T) {
	for text, want := range map[string]string{
		"nothing is there":                  "Nothing is there.",
		"system:serviceaccount:a:b may not": "system:serviceaccount:a:b may not.",
		"Done!":                             "Done!",
		"a b":                               "A b.",
		"":                                  "",
	} {
		if got := Sentence(text); got != want {
			t.Errorf("%q: got %q, want %q", text, got, want)
		}
	}
}
